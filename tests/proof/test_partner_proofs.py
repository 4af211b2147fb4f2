"""A partner's proof and its verifier, which stands alone: true ones are accepted, and nothing else is."""

import json
import random
import subprocess
import sys
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from api.demo.cast import LAKE
from api.demo.doors import LedgerDoor, StoryClock
from api.demo.journey import journey
from api.demo.world import found
from consumers import verify_partner
from domain.snapshot import DirectoryPublished
from domain.values import canonical
from infra.merkle import leaf_hash, path_in, root_of, rows_over
from infra.notes import COSIGNATURE, ED25519, Signer
from infra.records import envelope
from infra.settings import Settings
from infra.wiring import Service, open_service
from tests.house.tree import ROOT
from tests.proof.conftest import Proven
from tests.proof.test_bundles import BARE, flipped, mutated
from tests.recorded import record

WITNESS = Signer("witness.example/w1", COSIGNATURE, bytes(range(1, 33)))


@pytest.fixture(scope="module")
def proofs(proven: Proven) -> dict[str, bytes]:
    """The proof of each affiliate's program."""
    proven.service.snapshots.publish()
    return {code: proven.service.snapshots.proof(one.program_id) for code, one in proven.journeys.items()}


def verified(
    content: bytes, key: str, *witnesses: str, directory: bytes | None = None, bundle: bytes | None = None
) -> list[str]:
    """What the verifier says of a proof; an error of its own for one that it does not accept."""
    log, others = verify_partner.key_of(key, 1), [verify_partner.key_of(one, 4) for one in witnesses]
    along = bundle.decode() if bundle else None
    return verify_partner.verify(content.decode(), log, others, len(others), directory, along)


def accepts(content: bytes, key: str) -> bool:
    try:
        verified(content, key)
    except verify_partner.MALFORMED:
        return False
    return True


@pytest.mark.req("S0-09")
@pytest.mark.parametrize("affiliate", ["mn", "il", "ir", "mmp"])
def test_a_true_proof_is_accepted_by_the_verifier_alone_in_an_empty_folder(
    proven: Proven, proofs: dict[str, bytes], affiliate: str, tmp_path: Path
) -> None:
    (tmp_path / "verify_partner.py").write_bytes((ROOT / "consumers/verify_partner.py").read_bytes())
    (tmp_path / "partner.json").write_bytes(proofs[affiliate])
    bare = BARE.replace("verify_bundle", "verify_partner")
    arguments = (str(tmp_path), str(tmp_path / "partner.json"), "--key", proven.key)
    ran = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", bare, *arguments],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    verdict, about, who, *_ = ran.stdout.splitlines()
    assert verdict == "ACCEPTED"
    assert about.startswith("The directory of ")
    assert proven.journeys[affiliate].program.name in who


def test_the_verifier_imports_nothing_of_ours_and_is_one_short_file() -> None:
    source = (ROOT / "consumers/verify_partner.py").read_text()
    imported = {line.split()[1].split(".")[0] for line in source.splitlines() if line.startswith(("import ", "from "))}
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}
    assert not {"socket", "urllib", "http", "ssl"} & imported
    assert len(source.splitlines()) <= 260


def test_a_proof_opens_no_other_event(proven: Proven, proofs: dict[str, bytes]) -> None:
    fact = proven.service.snapshots.published()
    opened = json.loads(proofs["mn"])
    assert json.loads(opened["event"][0])["position"] == fact.position
    assert {name for name, value in opened.items() if "nqms.event" in str(value) or "salt" in str(value)} == set()
    persons = [one for name, one in opened.items() if name != "event" and "p_" in str(one).replace("qp_", "")]
    assert persons == []


def test_exit_codes_and_sentences(
    proven: Proven, proofs: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, whole = tmp_path / "p.json", tmp_path / "directory"
    whole.write_bytes(proven.service.snapshots.file(proven.service.snapshots.published()))
    file.write_bytes(proofs["mn"])
    asked = [str(file), "--key", proven.key, "--directory", str(whole)]
    assert verify_partner.main(asked) == 0
    said = capsys.readouterr().out
    assert said.startswith("ACCEPTED\n")
    assert "with all its 4 programs, is the one on record" in said
    whole.write_bytes(b"\n".join(whole.read_bytes().split(b"\n")[:-2]))
    assert verify_partner.main(asked) == 1
    assert capsys.readouterr().out == (
        "NOT ACCEPTED: the directory is not the one on record: something is changed in it\n"
    )
    for wrong in ([str(tmp_path / "none"), "--key", proven.key], [str(file), "--key", "x"], [str(file)]):
        with pytest.raises(SystemExit) as ended:
            verify_partner.main(wrong)
        assert ended.value.code == 2


def test_a_witness_that_is_asked_for_has_to_have_seen_it(proven: Proven, proofs: dict[str, bytes]) -> None:
    opened = json.loads(proofs["mn"])
    text = opened["checkpoint"].rpartition("\n\n")[0] + "\n"
    seen = canonical({**opened, "checkpoint": opened["checkpoint"] + WITNESS.line(text, 1_700_000_000)})
    said = verified(seen, proven.key, str(WITNESS.key))
    assert "witness.example/w1 saw that log at 2023-11-14 22:13 UTC." in said
    assert not accepts(seen, proven.key), "a signature of somebody who was not named"
    with pytest.raises(ValueError, match="0 of your witnesses"):
        verified(proofs["mn"], proven.key, str(WITNESS.key))


class TestForged:
    def test_another_entry_place_or_path(self, proven: Proven, proofs: dict[str, bytes]) -> None:
        opened, other = json.loads(proofs["mn"]), json.loads(proofs["il"])
        assert accepts(canonical(opened), proven.key)
        better = opened["entry"].replace('"active"', '"extended"')
        assert better != opened["entry"]
        changes: list[dict[str, Any]] = [{"entry": better}, {"entry": other["entry"]}, {"path": other["path"]}]
        changes += [{"index": n} for n in (-1, 4, True, False, "0", 0.5, None, (opened["index"] + 1) % 4)]
        changes += [{"path": [*opened["path"], "00" * 32]}, {"path": opened["path"][:-1]}, {"proof": []}, {"more": 1}]
        for change in changes:
            assert not accepts(canonical({**opened, **change}), proven.key), change

    def test_another_event_of_the_log_in_its_place(self, proven: Proven, proofs: dict[str, bytes]) -> None:
        """A program's name could be made to look like an entry; an event that is in the log says something else."""
        opened, bundled = json.loads(proofs["mn"]), json.loads(proven.small)
        assert not accepts(canonical({**opened, "event": bundled["events"][0]}), proven.key)

    def test_a_directory_of_ones_own_needs_the_key(self, proven: Proven, proofs: dict[str, bytes]) -> None:
        opened = json.loads(proofs["mn"])
        entry = opened["entry"].replace('"active"', '"extended"').encode()
        envelope, salt, state = opened["event"]
        leaves = [leaf_hash(b"{}"), leaf_hash(entry)]
        facts = {**json.loads(state), "entries": 2, "root": root_of(leaves).hex()}
        forged = {"entry": entry.decode(), "index": 1, "path": [one.hex() for one in path_in(rows_over(leaves), 1)]}
        own = json.dumps(facts, separators=(",", ":"))
        with pytest.raises(ValueError, match="does not give the root that was signed"):
            verified(canonical({**opened, **forged, "event": [envelope, salt, own]}), proven.key)

    def test_another_key_of_the_same_name(self, proven: Proven, proofs: dict[str, bytes]) -> None:
        opened = json.loads(proofs["mn"])
        forger = Signer(proven.service.log.origin, ED25519, bytes(32))
        text = opened["checkpoint"].rpartition("\n\n")[0] + "\n"
        forged = canonical({**opened, "checkpoint": text + "\n" + forger.line(text)})
        assert accepts(forged, str(forger.key)), "keys never come from the file"
        assert not accepts(forged, proven.key)


class TestNothingLater:
    """After how many events of the program nothing more was on record when the directory was made."""

    def test_the_head_is_that_of_the_program(self, proven: Proven, proofs: dict[str, bytes]) -> None:
        for code, content in proofs.items():
            last = proven.service.ledger.recorder.read_stream(f"program:{proven.journeys[code].program_id}")[-1]
            said = " ".join(verified(content, proven.key))
            assert f"had {last.version} events by then, the last with commitment {last.commitment.hex()};" in said
            size = proven.service.snapshots.published().event.size
            assert f"nothing later of it is on record up to event {size} of the log." in said

    def test_a_bundle_that_ends_with_the_last_event_is_up_to_date(
        self, proven: Proven, proofs: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        facts = proven.service.ledger.recorder.read_stream(f"program:{proven.journeys['mn'].program_id}")
        events = [[envelope(fact).decode(), fact.salt.hex(), fact.state.decode()] for fact in facts]
        bundled = canonical({**json.loads(proven.bundles[proven.last["mn"]]), "events": events})
        assert "nothing came after it by then" in " ".join(verified(proofs["mn"], proven.key, bundle=bundled))
        file, other = tmp_path / "p.json", tmp_path / "b.json"
        file.write_bytes(proofs["mn"])
        other.write_bytes(bundled)
        assert verify_partner.main([str(file), "--key", proven.key, "--bundle", str(other)]) == 0
        assert "ends with the last of them" in capsys.readouterr().out
        other.write_bytes(b"")
        assert verify_partner.main([str(file), "--key", proven.key, "--bundle", str(other)]) == 1

    def test_one_after_which_there_was_more_is_refused_with_the_number(
        self, proven: Proven, proofs: dict[str, bytes]
    ) -> None:
        bundled = json.loads(proven.bundles[proven.last["mn"]])
        short = canonical({**bundled, "events": bundled["events"][:-4]})
        with pytest.raises(ValueError, match=r"[0-9]+ events of the program came after the bundle by then"):
            verified(proofs["mn"], proven.key, bundle=short)
        with pytest.raises(ValueError, match="the bundle is of another program"):
            verified(proofs["il"], proven.key, bundle=short)

    def test_a_last_event_that_was_changed_or_comes_later_is_refused(
        self, proven: Proven, proofs: dict[str, bytes]
    ) -> None:
        fact = proven.service.ledger.recorder.read_stream(f"program:{proven.journeys['mn'].program_id}")[-1]
        columns, state = envelope(fact).decode(), fact.state.decode()
        receipt = {"event": [columns, fact.salt.hex(), state]}
        assert "nothing came after" in " ".join(verified(proofs["mn"], proven.key, bundle=canonical(receipt)))
        changed = {"event": [columns, fact.salt.hex(), state.replace("a", "b", 1)]}
        with pytest.raises(ValueError, match="last event is another"):
            verified(proofs["mn"], proven.key, bundle=canonical(changed))
        moved = canonical({**json.loads(columns), "position": fact.position + 100_000}).decode()
        with pytest.raises(ValueError, match="take a later proof"):
            verified(proofs["mn"], proven.key, bundle=canonical({"event": [moved, fact.salt.hex(), state]}))

    def test_another_head_or_another_way_to_it(self, proven: Proven, proofs: dict[str, bytes]) -> None:
        opened, other = json.loads(proofs["mn"]), json.loads(proofs["il"])
        head = json.loads(opened["head"])
        fewer = canonical({**head, "version": head["version"] - 1}).decode()
        changes: list[dict[str, Any]] = [{"head": fewer}, {"head": other["head"], "beside": other["beside"]}]
        changes += [{"beside": other["beside"]}, {"beside": opened["beside"][1:]}, {"head": opened["head"] + " "}]
        changes += [{"beside": [*opened["beside"], "00" * 32]}, {"beside": ["00" * 32] * 257}]
        changes += [{"head": other["head"], "beside": other["beside"], "entry": opened["entry"]}]
        for change in changes:
            assert not accepts(canonical({**opened, **change}), proven.key), change

    def test_a_proof_cannot_leave_it_out(self, proven: Proven, proofs: dict[str, bytes]) -> None:
        opened = json.loads(proofs["mn"])
        without = {n: v for n, v in opened.items() if n not in ("head", "beside")}
        assert not accepts(canonical({**without, "format": "nqms.partner.v1"}), proven.key)
        assert not accepts(canonical(without), proven.key)


class TestOfADayBeforeThereWereHeads:
    """Proofs that strangers keep are verified by the later verifier as well."""

    @pytest.fixture
    def former(self, tmp_path: Path) -> Generator[tuple[Service, str]]:
        clock = StoryClock(datetime(2025, 3, 1, 15, tzinfo=UTC))
        with open_service(Settings(data_dir=tmp_path / "data"), clock) as service:
            door = LedgerDoor(service, clock)
            found(door)
            program = journey(door, LAKE).listed().program_id
            made = service.snapshots.reproduced(service.ledger.recorder.head()[0], clock().date())
            known = {name: value for name, value in made.facts.items() if name not in ("programs", "heads")}
            record(service.ledger.recorder, "calendar:UTC", [DirectoryPublished(**{**known, "day": made.day})])
            yield service, program

    def test_it_is_accepted_and_says_nothing_of_what_is_later(self, former: tuple[Service, str]) -> None:
        service, program = former
        content, key = service.snapshots.proof(program), str(service.log.key)
        said = " ".join(verified(content, key))
        assert "The directory of 2025-03-" in said
        assert "nothing later" not in said
        with pytest.raises(ValueError, match="no heads were recorded"):
            verified(content, key, bundle=b"{}")
        assert not accepts(canonical({**json.loads(content), "format": "nqms.partner.v2"}), key)


def _accepts_bytes(content: bytes, key: str) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return accepts(content, key)


def test_some_thousand_random_mutations_are_refused(proven: Proven, proofs: dict[str, bytes]) -> None:
    draw = random.Random(1)
    for content in proofs.values():
        files = [mutated(content, draw) for _ in range(1_000)]
        assert [one for one in files if one != content and _accepts_bytes(one, proven.key)] == []


def test_every_single_flipped_bit_is_refused(proven: Proven, proofs: dict[str, bytes]) -> None:
    content = proofs["ir"]
    assert [bit for bit in range(8 * len(content)) if _accepts_bytes(flipped(content, bit), proven.key)] == []
