"""Why a tier was granted, or not: down to the single rating, in words and as data, also for rules since replaced."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from api.demo.cast import LAKE, Mentoring
from api.demo.journey import Journey, journey
from api.explain import explain
from api.explain_text import text
from api.proof import Explanation, Proof
from infra.library import policy, shipped_instruments, shipped_policies
from infra.verification import verify
from tests.journeys.conftest import Told


def leaves(proof: Proof) -> Iterator[Proof]:
    """The criteria at the ends of a proof."""
    if not proof.children:
        yield proof
    for child in proof.children:
        yield from leaves(child)


def all_leaves(e: Explanation) -> list[Proof]:
    """Every leaf of every tier that does not merely refer to another tier."""
    return [leaf for t in e.tiers for leaf in leaves(t.proof) if leaf.criterion != "tier"]


def cast(name: str, ref: str, **more: Any) -> Mentoring:
    """Another invented program of Minnesota."""
    fresh: dict[str, Any] = {"not_applicable": {}, "adjusted": {}, **more}
    return replace(LAKE, name=name, legal_name=name, connector_ref=ref, ein=None, **fresh)


def to_decision(told: Told, program: Mentoring) -> Journey:
    """A Minnesota program with a signed and received statement and somebody named to decide."""
    way = journey(told.door, program).listed().requested().assisted().opened().rated().submitted().under_review()
    return way.visited().determined().planned().reviewed().attested().decider_named()


@pytest.fixture(scope="module")
def near_miss(told: Told) -> Journey:
    """A program with every practice in place but one, granted Dedicated."""
    return to_decision(told, cast("Cedar Bend Mentors", "MC-50001", not_in_practice=("K75",))).granted("dedicated")


@pytest.mark.req("S0-09", "H7")
@pytest.mark.parametrize("affiliate", ["mn", "il", "ir", "mmp"])
def test_every_leaf_of_a_grants_proof_names_its_events(told: Told, affiliate: str) -> None:
    e = explain(told.service.ledger, told.journeys[affiliate].program_id)
    assert e.about == "granted"
    found = [leaf for leaf in all_leaves(e) if leaf.result == "true"]
    assert len(found) >= 3
    assert [leaf.criterion for leaf in found if not leaf.events and not leaf.practices] == []
    practices = [p for leaf in found for p in leaf.practices]
    assert all(len(p.events) >= 2 for p in practices), "a rating and a determination behind every practice"


@pytest.mark.req("S2-09", "M16", "M22")
def test_the_first_sentence_says_what_a_visitor_may_rely_on(told: Told) -> None:
    first, *others = text(explain(told.service.ledger, told.journeys["mn"].program_id)).splitlines()
    assert first.startswith("Lantern Lake Mentors is an Expert Partner of MENTOR Minnesota from ")
    assert "91 of 91 applicable practices" in first
    assert "decided by a person who did not review it" in first
    assert others[0].startswith("What it does not mean: ")


@pytest.mark.req("A17")
def test_what_is_inferred_is_called_inferred(told: Told) -> None:
    assert "inferred" in text(explain(told.service.ledger, told.journeys["il"].program_id))


@pytest.mark.req("S0-05", "S0-06", "A15")
def test_missing_a_tier_by_one_item_names_that_item_and_nothing_else(told: Told, near_miss: Journey) -> None:
    e = explain(told.service.ledger, near_miss.program_id, tier="expert")
    assert e.about == "missing"
    assert [(g.criterion, tuple(g.items)) for g in e.gaps] == [("practices_in_place", ("K75",))]
    said = text(e)
    others = {i.id for i in near_miss.instrument.items} - {"K75"}
    assert "K75" in said
    assert not [i for i in others if f" {i} " in f" {said} " or f"{i}:" in said]
    assert explain(told.service.ledger, near_miss.program_id).about == "granted"


@pytest.mark.req("S0-09")
def test_a_denial_says_what_was_missing(told: Told) -> None:
    way = to_decision(told, cast("Birch Hollow Mentors", "MC-50002", not_in_practice=("G42",)))
    way.in_cycle("decider", "DenyTier", tier="expert", reasons="Background checks are not in place yet.")
    e = explain(told.service.ledger, way.program_id)
    assert e.about == "denied"
    assert [tuple(g.items) for g in e.gaps] == [("G42",)]
    assert "was denied Expert Partner" in e.answer
    assert e.decision is not None
    assert e.decision.same_when_rederived


@pytest.mark.req("H7", "A20", "M17")
def test_new_rules_leave_earlier_decisions_as_they_were_and_govern_new_cycles(told: Told, near_miss: Journey) -> None:
    before = explain(told.service.ledger, told.journeys["mn"].program_id)
    publish_strict(told)
    after = explain(told.service.ledger, told.journeys["mn"].program_id)
    assert after.answer == before.answer
    assert after.decision is not None
    assert after.decision.same_when_rederived
    assert after.decision.policy == "MN-QP version 1"

    weak = cast("Spruce Point Mentors", "MC-50003", adjusted={"F32": 1})
    told.door.pass_days(1)
    way = to_decision(told, weak)
    e = explain(told.service.ledger, way.program_id, tier="expert")
    assert [tuple(g.items) for g in e.gaps] == [("F32",)], "quality 1 was enough under version 1, not under version 2"
    way.granted("dedicated")
    later = explain(told.service.ledger, way.program_id)
    assert later.decision is not None
    assert later.decision.policy == "MN-QP version strict-2"
    assert [c.name for c in verify(told.caught_up().service) if c.divergences] == []


def publish_strict(told: Told) -> None:
    """Puts a version into force that asks for quality 2 of every practice."""
    doc = copy.deepcopy(shipped_policies()["MN-QP@1"])
    doc |= {"version": "strict-2", "replaces": "MN-QP@1", "vectors": []}
    expert = next(t for t in doc["tiers"] if t["code"] == "expert")
    for asked in expert["when"]["all"]:
        if "practices_in_place" in asked:
            asked["practices_in_place"]["min_quality"] = 2
    loaded, body = policy(doc, "strict", shipped_instruments().values())
    sha256 = told.door.publish("policy", body.content)
    tomorrow: date = told.door.today + timedelta(days=1)
    version = {"policy_version": body.version, "sha256": sha256, "effective_from": tomorrow.isoformat()}
    told.door.operate(loaded.scheme, "PublishPolicyVersion", **version)
