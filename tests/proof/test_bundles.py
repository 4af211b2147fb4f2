"""Decision bundles and the verifier that stands alone: true ones are accepted, and nothing else is."""

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from consumers import verify_bundle
from infra.bundles import NoDecision, bundle
from infra.notes import COSIGNATURE, ED25519, Signer
from tests.house.tree import ROOT
from tests.proof.conftest import Proven
from tests.proof.forger import changed, opened, sealed, statements_anew, with_digest, without, written

AFFILIATES = ("mn", "il", "ir", "mmp")
WITNESS = Signer("witness.example/w1", COSIGNATURE, bytes(range(1, 33)))
BARE = """
import sys, runpy
folder, *arguments = sys.argv[1:]
allowed = set(sys.stdlib_module_names) | {"cryptography", "cffi", "_cffi_backend", "__main__", "verify_bundle"}
class Barred:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] not in allowed:
            raise ImportError(f"{name} is not there")
        return None
sys.meta_path.insert(0, Barred())
sys.argv = ["verify_bundle.py", *arguments]
runpy.run_path(folder + "/verify_bundle.py", run_name="__main__")
"""
"""Runs the verifier with nothing to import but the standard library and cryptography."""


def verified(content: bytes, key: str, *witnesses: str, quorum: int | None = None) -> list[str]:
    """What the verifier says of a bundle. One of its errors for one that it does not accept."""
    log, others = verify_bundle.key_of(key, 1), [verify_bundle.key_of(one, 4) for one in witnesses]
    return verify_bundle.verify(content.decode(), log, others, len(others) if quorum is None else quorum)


def accepts(content: bytes, key: str) -> bool:
    """Whether the verifier accepts a bundle."""
    try:
        verified(content, key)
    except verify_bundle.MALFORMED:
        return False
    return True


@pytest.mark.req("S0-09")
@pytest.mark.parametrize("affiliate", AFFILIATES)
def test_a_true_bundle_is_accepted_by_the_verifier_alone_in_an_empty_folder(
    proven: Proven, affiliate: str, tmp_path: Path
) -> None:
    (tmp_path / "verify_bundle.py").write_bytes((ROOT / "consumers/verify_bundle.py").read_bytes())
    (tmp_path / "decision.bundle.json").write_bytes(proven.bundles[proven.last[affiliate]])
    arguments = (str(tmp_path), str(tmp_path / "decision.bundle.json"), "--key", proven.key)
    ran = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", BARE, *arguments],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.startswith("ACCEPTED\n")
    assert proven.journeys[affiliate].program.name in ran.stdout


def test_every_decision_of_the_stories_is_accepted(proven: Proven) -> None:
    assert len(proven.bundles) == 6
    for content in proven.bundles.values():
        assert "evaluations were derived anew" in " ".join(verified(content, proven.key))


def test_the_verifier_imports_nothing_of_ours_and_is_one_file() -> None:
    source = (ROOT / "consumers/verify_bundle.py").read_text()
    imported = {line.split()[1].split(".")[0] for line in source.splitlines() if line.startswith(("import ", "from "))}
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}
    assert not {"socket", "urllib", "http", "ssl"} & imported
    assert len(source.splitlines()) <= 500


def test_words_are_disclosed_as_far_as_asked(proven: Proven) -> None:
    decision, journey = proven.last["mn"], proven.journeys["mn"]
    given = (proven.service.ledger.recorder, proven.service.vault, proven.service.log, journey.program_id, decision)
    sizes = {words: len(opened(bundle(*given, words))["texts"]) for words in ("none", "reasons", "all")}
    assert sizes["none"] == 0 < sizes["reasons"] == 1 < sizes["all"]
    assert len(verified(bundle(*given, "all"), proven.key)) > sizes["all"]
    with pytest.raises(NoDecision):
        bundle(*given[:-1], "nosuch")


class TestCommandLine:
    def run(self, *arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
        code = verify_bundle.main(list(arguments))
        return code, capsys.readouterr().out

    def test_exit_codes_and_sentences(self, proven: Proven, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = tmp_path / "b.json"
        file.write_bytes(proven.small)
        code, said = self.run(str(file), "--key", proven.key, capsys=capsys)
        assert (code, said.splitlines()[0]) == (0, "ACCEPTED")
        file.write_bytes(proven.small.replace(b"Harbor", b"Herbor"))
        code, said = self.run(str(file), "--key", proven.key, capsys=capsys)
        assert (code, said.splitlines()[0][:13]) == (1, "NOT ACCEPTED:")
        for wrong in ((str(tmp_path / "none"), "--key", proven.key), (str(file), "--key", "x"), (str(file),)):
            with pytest.raises(SystemExit) as ended:
                verify_bundle.main(list(wrong))
            assert ended.value.code == 2

    def test_the_quorum_of_witnesses(self, proven: Proven) -> None:
        plain = opened(proven.small)
        text = plain["checkpoint"].rpartition("\n\n")[0] + "\n"
        seen = written({**plain, "checkpoint": plain["checkpoint"] + WITNESS.line(text, 1_700_000_000)})
        witness = str(WITNESS.key)
        assert any(
            "witness.example/w1 saw that log at 2023-11-14" in one for one in verified(seen, proven.key, witness)
        )
        with pytest.raises(ValueError, match="name that key"):
            verified(seen, proven.key)
        with pytest.raises(ValueError, match="0 of your witnesses"):
            verified(proven.small, proven.key, witness)
        assert verified(proven.small, proven.key, witness, quorum=0)
        assert not accepts(seen.replace(WITNESS.line(text, 1_700_000_000)[-20:-2].encode(), b"A" * 18), proven.key)


def test_a_forgery_signed_with_another_key_of_the_same_name_is_refused(proven: Proven) -> None:
    forger = Signer(proven.service.log.origin, ED25519, bytes(32))
    plain = opened(proven.small)
    forged = sealed(plain, forger, plain["events"])
    assert accepts(forged, str(forger.key)), "with the forger's own key it would pass: keys never come from the bundle"
    assert not accepts(forged, proven.key)


@pytest.fixture
def true_key(proven: Proven) -> Signer:
    """The log's own key, as if it were misused."""
    return proven.service.log._keys.current()


class TestResealedWithTheTrueKey:
    """Whoever holds the key can sign anything; the evidence still has to carry the decision."""

    def refused(self, forged: bytes, key: str, why: str) -> None:
        with pytest.raises(ValueError, match=why):
            verified(forged, key)

    def test_what_was_true_stays_accepted(self, proven: Proven, true_key: Signer) -> None:
        plain = opened(proven.bundles[proven.last["mn"]])
        assert accepts(sealed(plain, true_key, plain["events"]), proven.key)

    def test_an_evaluation_that_contradicts_a_single_determination(self, proven: Proven, true_key: Signer) -> None:
        plain = opened(proven.bundles[proven.last["mn"]])
        left = ["ItemDeterminationRecorded.v1"]

        def change(name: str, state: dict[str, Any]) -> None:
            if name in left and state["outcome"] == "confirmed":
                left.remove(name)
                state["outcome"] = "not_verified"

        careless = changed(plain, change)
        assert left == []
        # With every digest of the later papers left as it was, the first of them tells; with those computed anew, the tier.
        self.refused(sealed(plain, true_key, careless), proven.key, "does not cover what stood")
        why = "says true of expert, and the evidence says false"
        self.refused(sealed(plain, true_key, statements_anew(plain, careless)), proven.key, why)

    def test_the_same_where_no_statement_is_signed(self, proven: Proven, true_key: Signer) -> None:
        plain = opened(proven.bundles[proven.last["ir"]])

        def change(name: str, state: dict[str, Any]) -> None:
            if name == "EvaluatorFindingRecorded.v1":
                state["finding"] = "another_finding"

        why = "says true of quality_mentoring_program, and the evidence says unknown"
        self.refused(sealed(plain, true_key, changed(plain, change)), proven.key, why)

    def test_a_stored_evaluation_that_was_altered_with_its_digest(self, proven: Proven, true_key: Signer) -> None:
        plain = opened(proven.bundles[proven.last["il"]])

        def change(name: str, state: dict[str, Any]) -> None:
            if name == "TierEligibilityEvaluated.v1":
                node = state["evaluation"]["tiers"][-1]["node"]["children"][0]
                node["versions"] = [1]
                with_digest(state)

        self.refused(sealed(plain, true_key, changed(plain, change)), proven.key, "not the one that follows")

    @pytest.mark.parametrize(
        ("field", "value", "why"),
        [
            ("tier", "affiliate", "not as the rules have it|evidence says|what was not evaluated"),
            ("label", "Better Partner", "not as the rules have it"),
            ("rank", 9, "not as the rules have it"),
            ("decided_on", "2024-01-01", "what was not evaluated"),
        ],
    )
    def test_a_grant_of_something_else(
        self, proven: Proven, true_key: Signer, field: str, value: object, why: str
    ) -> None:
        plain = opened(proven.bundles[proven.last["mmp"]])
        events = plain["events"]
        envelope, salt, state = events[-1]
        other = json.dumps({**json.loads(state), field: value}, separators=(",", ":"), ensure_ascii=False)
        forged = sealed(plain, true_key, [*events[:-1], [envelope, salt, other]])
        self.refused(forged, proven.key, why)

    def test_a_decider_who_reviewed(self, proven: Proven, true_key: Signer) -> None:
        plain = opened(proven.bundles[proven.last["mn"]])
        (reviewer,) = {json.loads(s)["person"] for e, _, s in plain["events"] if '"ReviewerAssigned.v1"' in e}

        def change(name: str, state: dict[str, Any]) -> None:
            if name == "TierGranted.v1":
                state["decider"] = reviewer

        self.refused(sealed(plain, true_key, changed(plain, change)), proven.key, "taken part in the review")


@pytest.mark.parametrize("affiliate", AFFILIATES)
def test_a_bundle_with_an_event_left_out_is_refused(proven: Proven, true_key: Signer, affiliate: str) -> None:
    plain = opened(proven.bundles[proven.last[affiliate]])
    for version in (1, 2, len(plain["events"]) // 2, len(plain["events"]) - 1, len(plain["events"])):
        cut = {**plain, "events": [one for n, one in enumerate(plain["events"], 1) if n != version]}
        assert not accepts(written(cut), proven.key), "as it is, the versions have a gap"
    rated = next(n for n, (e, _, _) in enumerate(plain["events"], 1) if '"ItemRated.v1"' in e)
    assert not accepts(sealed(plain, true_key, without(plain, rated)), proven.key), "renumbered and signed anew"


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in plain data that holds something."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for name, one in inner for place in _places(one, (*path, name)))][bool(not path) :]


def test_no_part_of_a_bundle_can_be_exchanged(proven: Proven) -> None:
    """Each place of the data is taken out, doubled or changed; only words that are not disclosed may be missing."""
    content = proven.bundles[proven.last["mmp"]]
    draw = random.Random(4)
    plain = opened(content)
    places = _places(plain)
    for place in draw.sample(places, min(len(places), 250)):
        for change in (_dropped, _other):
            forged = opened(content)
            change(forged, place)
            if forged != plain:
                fine = accepts(written(forged), proven.key)
                assert not fine or (change is _dropped and place[:1] == ("texts",) and len(place) == 2), place


def _dropped(plain: Any, place: tuple[Any, ...]) -> None:
    *way, last = place
    for step in way:
        plain = plain[step]
    del plain[last]


def _other(plain: Any, place: tuple[Any, ...]) -> None:
    *way, last = place
    for step in way:
        plain = plain[step]
    was = plain[last]
    plain[last] = was + "x" if isinstance(was, str) else [*was, *was[:1]] if isinstance(was, list) else {**was, "x": {}}


def mutated(content: bytes, draw: random.Random) -> bytes:
    """The file with a random mutation: bytes changed, taken out, put in, doubled or exchanged."""
    at, size = draw.randrange(len(content)), draw.randint(1, 40)
    part = content[at : at + size]
    kinds: list[Callable[[], bytes]] = [
        lambda: content[:at] + draw.randbytes(size) + content[at + size :],
        lambda: content[:at] + content[at + size :],
        lambda: content[:at] + draw.randbytes(size) + content[at:],
        lambda: content[:at] + part + content[at:],
        lambda: content[:at] + part[::-1] + content[at + size :],
        lambda: content[:at] + bytes([content[at] ^ 1 << draw.randrange(8)]) + content[at + 1 :],
        lambda: content[:at] + draw.choice(b"0123456789abcdef").to_bytes(1, "big") + content[at + 1 :],
        lambda: content[:at],
        lambda: content + part,
    ]
    return draw.choice(kinds)()


def survivors(content: bytes, key: str, mutations: int, seed: int) -> list[bytes]:
    """Of so many random mutations those that are accepted though they are not the bundle."""
    draw = random.Random(seed)
    changed_files = (mutated(content, draw) for _ in range(mutations))
    return [one for one in changed_files if one != content and _accepts_bytes(one, key)]


def _accepts_bytes(content: bytes, key: str) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return accepts(content, key)


def flipped(content: bytes, bit: int) -> bytes:
    """The file with one bit the other way."""
    at, place = divmod(bit, 8)
    return content[:at] + bytes([content[at] ^ 1 << place]) + content[at + 1 :]


def test_some_thousand_random_mutations_are_refused(proven: Proven) -> None:
    assert survivors(proven.small, proven.key, 3_000, 1) == []
    assert survivors(proven.bundles[proven.last["mmp"]], proven.key, 200, 2) == []


def test_some_single_flipped_bits_are_refused(proven: Proven) -> None:
    bits = random.Random(5).sample(range(8 * len(proven.small)), 2_000)
    assert [bit for bit in bits if _accepts_bytes(flipped(proven.small, bit), proven.key)] == []


@pytest.mark.faults
def test_a_hundred_thousand_random_mutations_are_refused(proven: Proven) -> None:
    assert survivors(proven.small, proven.key, 90_000, 11) == []
    for seed, content in enumerate(proven.bundles.values()):
        assert survivors(content, proven.key, 2_000, 100 + seed) == []


@pytest.mark.faults
def test_every_single_flipped_bit_is_refused(proven: Proven) -> None:
    bits = range(8 * len(proven.small))
    assert [bit for bit in bits if _accepts_bytes(flipped(proven.small, bit), proven.key)] == []
