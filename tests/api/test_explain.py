"""Why: the sentence to rely on first, every leaf with its events, exactly what is missing and nothing else."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from api.demo.cast import LAKE
from api.demo.journey import Journey, journey
from api.demo.stories import reviewed_lake
from api.explain import explain
from api.explain_text import text
from api.plain import plain
from api.proof import Explanation, Proof
from domain.term import last_valid
from infra.library import policy, shipped_instruments, shipped_policies
from tests.api.conftest import Desk

ITEM = re.compile(r"\b[A-N]\d{1,2}\b")


def why(desk: Desk, way: Journey | str, **asked: Any) -> Explanation:
    """The explanation for a program of the world."""
    program = desk.journeys[way] if isinstance(way, str) else way
    return explain(desk.service.ledger, program.program_id, **asked)


def leaves(proof: Proof) -> Iterator[Proof]:
    """The leaves of a tree."""
    if not proof.children:
        yield proof
    for child in proof.children:
        yield from leaves(child)


def granted(desk: Desk, way: Journey) -> Any:
    """The grant in force of a program."""
    return desk.service.ledger.load("program", way.program_id).holdings[-1]


@pytest.mark.req("M22", "S0-06", "A4")
def test_the_first_sentence_says_what_a_visitor_may_rely_on(read_only: Desk) -> None:
    held = granted(read_only, read_only.journeys["lake"])
    assert why(read_only, "lake").answer == (
        f"Lantern Lake Mentors is an Expert Partner of MENTOR Minnesota from {held.effective_on} through "
        f"{last_valid(held.expires_on)}: 91 of 91 applicable practices were confirmed by a reviewer (29 with evidence "
        "seen, 62 together; 1 accepted as not applicable), decided by a person who did not review it."
    )
    assert text(why(read_only, "lake")).splitlines()[0] == why(read_only, "lake").answer


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("lake", "an Expert Partner of MENTOR Minnesota"),
        ("star", "a Gold Star Program Partner of MENTOR Illinois"),
        ("bridge", "a Quality Mentoring Program of MENTOR Independence Region"),
        ("harbor", "a Partner of Mass Mentoring Partnership"),
    ],
)
@pytest.mark.req("H7")
def test_every_leaf_names_its_events(read_only: Desk, name: str, label: str) -> None:
    found = why(read_only, name)
    assert label in found.answer
    history = {r.version: r for r in read_only.service.ledger.history("program", found.program_id)}
    all_leaves = [leaf for tier in found.tiers for leaf in leaves(tier.proof)]
    assert all_leaves
    for leaf in all_leaves:
        assert leaf.events, leaf.criterion
        assert all(history[e.version].type == e.type for e in leaf.events)
        assert leaf.basis
    assert found.decision is not None
    assert found.decision.same_when_rederived
    assert found.decision.independent


@pytest.mark.req("A17")
def test_the_explanation_prints_where_a_rule_comes_from(read_only: Desk) -> None:
    said = text(why(read_only, "star"))
    assert "[seed S3:35; inferred]" in said
    assert "[inferred]" in said


@pytest.mark.req("A6", "M22", "M8")
def test_the_why_counts_and_lists_what_is_not_plain(read_only: Desk) -> None:
    found = why(read_only, "lake")
    assert found.not_applicable == ("D22",)
    assert (found.confirmed_singly, found.confirmed_together) == (29, 62)
    assert found.documents == len(found.unscanned_documents) > 0
    said = text(found)
    assert "Accepted as not applicable: D22." in said
    assert f"Documents not scanned for viruses: {found.documents} of {found.documents}." in said
    assert "confirmed together: 62" in said


def test_every_practice_is_told_with_its_rating_and_its_ruling(read_only: Desk) -> None:
    said = text(why(read_only, "lake"))
    for item in read_only.journeys["lake"].instrument.items:
        if item.id != "D22":
            assert item.wording in said, item.id
    assert "rated item A1: in practice" in said


def one_short(desk: Desk, tier: str = "dedicated") -> Journey:
    """A Minnesota program with one practice not in place, decided at a tier."""
    program = replace(LAKE, name="Amber Cove Mentors", connector_ref="MC-777", not_in_practice=("K75",))
    way = reviewed_lake(desk.door, program).attested().decider_named()
    return way.granted(tier)


@pytest.mark.req("S0-05", "S0-06", "S0-23")
def test_a_program_one_practice_short_hears_of_that_one_and_nothing_else(desk: Desk) -> None:
    way = one_short(desk)
    wording = next(i.wording for i in way.instrument.items if i.id == "K75")
    found = why(desk, way, tier="expert")
    assert found.answer == (
        f'Amber Cove Mentors is not an Expert Partner of MENTOR Minnesota. Missing: one practice: K75 "{wording}" '
        "(not in place)."
    )
    said = text(found)
    assert set(ITEM.findall(said)) == {"K75"}
    (gap,) = found.gaps
    assert gap.items == {"K75": wording}
    assert why(desk, way).tier == "mn-qp/dedicated"
    assert why(desk, way).about == "granted"
    assert why(desk, way, tier="mn-qp/expert") == found


@pytest.mark.req("S0-06")
def test_a_denied_program_hears_what_was_missing_and_nothing_else(desk: Desk) -> None:
    program = replace(LAKE, name="Amber Cove Mentors", connector_ref="MC-777", not_in_practice=("K75",))
    way = reviewed_lake(desk.door, program).attested().decider_named()
    way.in_cycle("decider", "DenyTier", tier="expert", reasons="One practice is not in place yet.")
    found = why(desk, way)
    assert found.about == "denied"
    assert found.answer.startswith(
        f"Amber Cove Mentors was denied Expert Partner of MENTOR Minnesota on {desk.door.today}."
    )
    assert set(ITEM.findall(text(found))) == {"K75"}
    assert all(leaf.events for tier in found.tiers for leaf in leaves(tier.proof))
    assert "EVIDENCE" in text(found, full=True)


def test_a_decision_put_off_says_until_when(desk: Desk) -> None:
    program = replace(LAKE, name="Amber Cove Mentors", connector_ref="MC-777", not_in_practice=("K75",))
    way = reviewed_lake(desk.door, program).attested().decider_named()
    until = (desk.door.today + timedelta(days=30)).isoformat()
    way.in_cycle("decider", "DeferDecision", tier="expert", until=until, reason="One practice is being put in place.")
    assert why(desk, way).about == "deferred"
    assert f"was put off until {until}" in why(desk, way).answer


def test_without_a_decision_the_answer_says_that_it_is_none(read_only: Desk) -> None:
    found = why(read_only, "open", tier="silver_star")
    assert found.about == "undecided"
    assert found.answer.startswith("This is no decision. As things stand, Prairie Fire Mentors lacks, for Silver Star")
    assert found.decision is None
    assert "the self-assessment has not been submitted" in found.answer


@pytest.mark.req("H10")
def test_what_was_in_force_on_a_day(read_only: Desk) -> None:
    way = read_only.journeys["harbor"]
    holdings = read_only.service.ledger.load("program", way.program_id).holdings
    for holding in holdings:
        found = why(read_only, "harbor", as_of=holding.effective_on)
        assert found.tier == f"mmp-qbm/{holding.tier}"
    first = why(read_only, "harbor", as_of=holdings[0].effective_on)
    assert (
        first.answer.startswith("Harbor Light Mentoring was an Affiliate of Mass Mentoring Partnership from") is False
    )
    before = why(read_only, "harbor", as_of=holdings[0].effective_on - timedelta(days=1))
    assert (before.about, before.gaps) == ("undecided", ())
    after = why(read_only, "lake", as_of=granted(read_only, read_only.journeys["lake"]).expires_on)
    assert " was an Expert Partner " in after.answer


def test_one_decision_by_its_id(read_only: Desk) -> None:
    way = read_only.journeys["harbor"]
    for decision_id, decision in read_only.service.ledger.load("program", way.program_id).decisions.items():
        found = why(read_only, "harbor", decision=decision_id)
        assert found.tier == f"mmp-qbm/{decision.tier}"
        assert found.decision is not None
        assert found.decision.decision_id == decision_id


@pytest.mark.req("M7")
def test_a_waived_gate_is_told_with_its_ground_and_approver(desk: Desk) -> None:
    program = replace(LAKE, name="Amber Cove Mentors", connector_ref="MC-778")
    way = journey(desk.door, program).listed().requested()
    way.in_cycle("administrator", "RecordIntakeConversation", held_on=desk.door.today.isoformat())
    for gate in ("ta_nqms_requested", "ta_provider_assigned", "needs_assessment_completed", "mou_executed"):
        waived = {"gate": gate, "ground": "assistance_not_available", "explanation": "There is no provider this year."}
        way.in_cycle("administrator", "WaiveGate", **waived)
    way.opened()
    found = why(desk, way)
    waived = [gate for gate in found.gates if gate.waived]
    assert len(waived) == 4
    assert {gate.ground for gate in waived} == {"assistance_not_available"}
    assert {gate.approver for gate in waived} == {way.id_of("administrator")}
    assert "The gate mou_executed was waived (assistance_not_available) by" in text(found, full=True)


def test_an_imported_status_is_attested_and_not_derived(desk: Desk) -> None:
    way = desk.journeys["open"]
    status = {
        "scheme": "il-star", "tier": "silver_star", "rank": 1, "label": "Silver Star Program Partner", "badge": "il-silver-star",
        "listing": "priority", "valid_from": "2025-01-01", "valid_until": "2030-01-01", "source": "MENTOR Illinois",
        "note": "From the list kept on paper.",
    }  # fmt: skip
    way.by("administrator", "ImportHistoricalStatus", **status)
    found = why(desk, way)
    assert found.about == "imported"
    assert found.answer.endswith("as attested by MENTOR Illinois; it was not derived from evidence held here.")
    assert "through 2029-12-31" in found.answer
    assert [e.type for e in found.events] == ["HistoricalStatusImported.v1"]
    assert found.decision is None


@pytest.mark.req("H7", "M17")
def test_a_new_version_of_a_policy_leaves_earlier_decisions_as_they_were(desk: Desk) -> None:
    before = plain(why(desk, "lake"))
    desk.door.pass_days(1)
    document = {**shipped_policies()["MN-QP@1"], "version": "1.5", "replaces": "MN-QP@1", "vectors": []}
    document["tiers"] = [dict(tier) for tier in document["tiers"]]
    practices = {"set": "all_counting", "min_share": 100, "min_quality": 2}
    document["tiers"][1]["when"] = {
        "all": [{"tier": "dedicated", "basis": "seed/S0:9"}, {"practices_in_place": practices, "basis": "proposal"}]
    }
    _, body = policy(document, "test", shipped_instruments().values())
    sha256 = desk.door.publish("policy", body.content)
    version = {"policy_version": "1.5", "sha256": sha256, "effective_from": desk.door.today.isoformat()}
    desk.door.operate("mn-qp", "PublishPolicyVersion", **version)
    after = plain(why(desk, "lake"))
    assert after["decision"]["policy"] == "MN-QP version 1"
    assert after["decision"]["same_when_rederived"] is True
    assert {**after, "on": ""} == {**before, "on": ""}
    program = replace(LAKE, name="Amber Cove Mentors", connector_ref="MC-779")
    way = journey(desk.door, program).listed().requested().assisted().opened()
    access = desk.service.ledger.load("program", way.program_id).cycles[way.cycle_id].access
    assert access is not None
    assert access.policy.version == "1.5"


def test_over_http_in_words_for_those_entitled(read_only: Desk) -> None:
    way, client = read_only.journeys["lake"], read_only.client()
    path = f"/programs/{way.program_id}/explanation"
    told = client.get(path, by=way.id_of("lead")).json()
    assert told["answer"] == why(read_only, "lake").answer
    assert set(told) == set(plain(why(read_only, "lake")))
    said = client.get(path, by=way.id_of("lead"), text=True).text
    assert said.startswith(told["answer"])
    assert f"by {way.staff.decider} under MN-QP version 1" in said
    assert client.get(path, by=way.id_of("lead"), tier="platinum").status_code == 404
    assert client.get(path).status_code == 401
