"""Receipts, replay certificates, and their verifier, which stands alone: true ones are accepted, and nothing else is."""

import json
import random
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from consumers import verify_receipt
from domain.values import canonical
from infra.certificate import issued
from infra.notes import COSIGNATURE, ED25519, Signer
from infra.receipts import NoReceipt, receipt, receipted
from infra.verification import verified as everything
from tests.house.tree import ROOT
from tests.proof.conftest import Proven
from tests.proof.test_bundles import BARE, flipped, mutated

WITNESS = Signer("witness.example/w1", COSIGNATURE, bytes(range(1, 33)))
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def receipts(proven: Proven) -> dict[str, bytes]:
    """Every receipt of the four programs, by type and affiliate."""
    service, found = proven.service, dict[str, bytes]()
    for code, way in proven.journeys.items():
        for one in receipted(service.ledger.history("program", way.program_id)):
            content = receipt(service.ledger.recorder, service.log, way.program_id, one.version)
            found[f"{one.type} {code}"] = content
    return found


@pytest.fixture(scope="module")
def certificate(proven: Proven) -> bytes:
    """A replay certificate over the four stories."""
    found = everything(proven.service)
    return str(issued(proven.service.log, found, NOW, "nqms 0.1.0")).encode()


@pytest.fixture(scope="module")
def small(receipts: dict[str, bytes]) -> bytes:
    """The smallest receipt."""
    return min(receipts.values(), key=len)


def verified(content: bytes, key: str, *witnesses: str) -> list[str]:
    """What the verifier says of a file; an error of its own for one that it does not accept."""
    log, others = verify_receipt.key_of(key, 1), [verify_receipt.key_of(one, 4) for one in witnesses]
    return verify_receipt.verify(content.decode(), log, others, len(others))


def accepts(content: bytes, key: str) -> bool:
    try:
        verified(content, key)
    except (*verify_receipt.MALFORMED, UnicodeDecodeError):
        return False
    return True


@pytest.mark.req("S0-09")
def test_a_true_receipt_is_accepted_by_the_verifier_alone_in_an_empty_folder(
    proven: Proven, receipts: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "verify_receipt.py").write_bytes((ROOT / "consumers/verify_receipt.py").read_bytes())
    (tmp_path / "receipt.json").write_bytes(receipts["AssessmentSubmitted.v1 mn"])
    bare = BARE.replace("verify_bundle", "verify_receipt")
    arguments = (str(tmp_path), str(tmp_path / "receipt.json"), "--key", proven.key)
    ran = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", bare, *arguments],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    verdict, what, *_ = ran.stdout.splitlines()
    assert verdict == "ACCEPTED"
    assert what.startswith("AssessmentSubmitted.v1 is on record: event ")
    assert proven.journeys["mn"].program_id in what
    assert "item_count: 92" in ran.stdout


def test_the_verifier_imports_nothing_of_ours_and_is_one_short_file() -> None:
    source = (ROOT / "consumers/verify_receipt.py").read_text()
    imported = {line.split()[1].split(".")[0] for line in source.splitlines() if line.startswith(("import ", "from "))}
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}
    assert not {"socket", "urllib", "http", "ssl"} & imported
    assert len(source.splitlines()) <= 200


def test_there_is_one_for_each_submission_and_statement_and_all_are_accepted(
    proven: Proven, receipts: dict[str, bytes]
) -> None:
    types = {name.split(".")[0] for name in receipts}
    assert {"AssessmentSubmitted", "StatementOfAccuracySigned", "StatementOfAccuracyReceived"} <= types
    for name, content in receipts.items():
        said = verified(content, proven.key)
        assert said[0].startswith(f"{name.split()[0]} is on record")


def test_there_is_none_for_anything_else(proven: Proven) -> None:
    service, program = proven.service, proven.journeys["mn"].program_id
    history = service.ledger.history("program", program)
    other = next(one.version for one in history if one.type == "TierEligibilityEvaluated.v1")
    for version in (other, 0, -1, len(history) + 1):
        with pytest.raises(NoReceipt, match=f"no receipt for version {version}"):
            receipt(service.ledger.recorder, service.log, program, version)


def test_a_receipt_holds_the_event_s_own_bytes_and_no_words(proven: Proven, receipts: dict[str, bytes]) -> None:
    opened = json.loads(receipts["StatementOfAccuracySigned.v1 mn"])
    columns = json.loads(opened["event"][0])
    (fact,) = proven.service.ledger.recorder.read(columns["position"] - 1, 1)
    assert opened["event"][1:] == [fact.salt.hex(), fact.state.decode()]
    assert f"Its commitment is {fact.commitment.hex()}." in verified(canonical(opened), proven.key)
    names = [record.name for record in proven.service.vault.people([fact.actor_person]).values() if record]
    assert names
    assert not [name for name in names if name.encode() in canonical(opened)]


def test_exit_codes_and_sentences(
    proven: Proven, small: bytes, certificate: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "r"
    for content, first in ((small, " is on record: event "), (certificate, "The key of the log nqms/simulated/")):
        file.write_bytes(content)
        assert verify_receipt.main([str(file), "--key", proven.key]) == 0
        said = capsys.readouterr().out
        assert said.startswith("ACCEPTED\n")
        assert first in said.splitlines()[1]
        file.write_bytes(content.replace(b"nqms", b"nqmz"))
        assert verify_receipt.main([str(file), "--key", proven.key]) == 1
        assert capsys.readouterr().out.startswith("NOT ACCEPTED: ")
    for wrong in ([str(tmp_path / "none"), "--key", proven.key], [str(file), "--key", "x"], [str(file)]):
        with pytest.raises(SystemExit) as ended:
            verify_receipt.main(wrong)
        assert ended.value.code == 2


def test_a_witness_that_is_asked_for_has_to_have_seen_it(proven: Proven, small: bytes) -> None:
    opened = json.loads(small)
    text = opened["checkpoint"].rpartition("\n\n")[0] + "\n"
    seen = canonical({**opened, "checkpoint": opened["checkpoint"] + WITNESS.line(text, 1_700_000_000)})
    said = verified(seen, proven.key, str(WITNESS.key))
    assert "witness.example/w1 saw that log at 2023-11-14 22:13 UTC." in said
    assert not accepts(seen, proven.key), "a signature of somebody who was not named"
    with pytest.raises(ValueError, match="0 of your witnesses"):
        verified(small, proven.key, str(WITNESS.key))


class TestForged:
    def test_another_event_salt_place_or_path(self, proven: Proven, receipts: dict[str, bytes]) -> None:
        opened, other = (json.loads(receipts[f"AssessmentSubmitted.v1 {code}"]) for code in ("mn", "il"))
        envelope, salt, state = opened["event"]
        more = state.replace('"item_count":92', '"item_count":93')
        assert more != state
        moved = envelope.replace('"position":', '"position":1')
        columns = [json.dumps({**json.loads(envelope), "position": n}) for n in (0, -1, True, "7", 0.5, None)]
        events: list[Any] = [[envelope, salt, more], [envelope, "00" * 16, state], [moved, salt, state], other["event"]]
        events += [[canonical(json.loads(one)).decode(), salt, state] for one in columns]
        changes: list[dict[str, Any]] = [{"event": one} for one in events]
        changes += [{"proof": other["proof"]}, {"proof": [*opened["proof"], "00" * 32]}, {"proof": []}, {"more": 1}]
        changes += [{"proof": opened["proof"][:-1]}, {"proof": opened["proof"][1:]}, {"format": "nqms.receipt.v2"}]
        for change in changes:
            assert not accepts(canonical({**opened, **change}), proven.key), change

    def test_another_key_of_the_same_name(self, proven: Proven, small: bytes, certificate: bytes) -> None:
        forger = Signer(proven.service.log.origin, ED25519, bytes(32))
        opened = json.loads(small)
        text = opened["checkpoint"].rpartition("\n\n")[0] + "\n"
        forged = canonical({**opened, "checkpoint": text + "\n" + forger.line(text)})
        assert accepts(forged, str(forger.key)), "keys never come from the file"
        assert not accepts(forged, proven.key)
        text = certificate.decode().rpartition("\n\n")[0] + "\n"
        assert not accepts((text + "\n" + forger.line(text)).encode(), proven.key)

    def test_neither_kind_of_note_serves_as_the_other(
        self, proven: Proven, small: bytes, certificate: bytes, receipts: dict[str, bytes]
    ) -> None:
        opened = json.loads(small)
        assert not accepts(opened["checkpoint"].encode(), proven.key)
        assert not accepts(canonical({**opened, "checkpoint": certificate.decode()}), proven.key)
        assert len(receipts) > 8


def test_some_thousand_random_mutations_are_refused(
    proven: Proven, receipts: dict[str, bytes], certificate: bytes
) -> None:
    draw = random.Random(1)
    for content in (*list(receipts.values())[:4], certificate):
        files = [mutated(content, draw) for _ in range(600)]
        assert [one for one in files if one != content and accepts(one, proven.key)] == []


def test_some_single_flipped_bits_are_refused(proven: Proven, small: bytes, certificate: bytes) -> None:
    for content in (small, certificate):
        bits = random.Random(5).sample(range(8 * len(content)), 1_500)
        assert [bit for bit in bits if accepts(flipped(content, bit), proven.key)] == []


@pytest.mark.faults
def test_every_single_flipped_bit_and_a_hundred_thousand_mutations_are_refused(
    proven: Proven, small: bytes, certificate: bytes
) -> None:
    draw = random.Random(2)
    for content in (small, certificate):
        assert [bit for bit in range(8 * len(content)) if accepts(flipped(content, bit), proven.key)] == []
        files = (mutated(content, draw) for _ in range(50_000))
        assert [one for one in files if one != content and accepts(one, proven.key)] == []
