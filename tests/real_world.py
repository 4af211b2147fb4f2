"""The world with the policies and instruments that ship with the program, for whole cycles in memory.

``told("mn-qp", granted, tier="expert")`` tells the usual story of ``small_world`` under a shipped policy, so far.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Unpack

from domain.affiliate import AppointStaff, CharterAffiliate
from domain.assessment import RateItem, RecordNarrative
from domain.determination import gaps
from domain.instrument.model import Instrument
from domain.plan import AdoptPlan, DraftPlan, ProposePlan, SetGoal
from domain.policy.model import Policy
from domain.publishing import PublishInstrumentVersion
from domain.term import add
from domain.values import Rating
from infra.library import instrument_body, policy, shipped_instruments, shipped_policies
from tests.small_world import (
    ADMIN,
    DECIDER,
    LEAD,
    NOT_APPLICABLE,
    OPERATOR,
    REVIEWER,
    STAFF,
    STEPS,
    Case,
    How,
    Situation,
    World,
    attach,
    new_world,
    planned,
    rated,
    registered,
    requested,
    words,
    yes,
)

AREAS = {"mn": "US-MN", "il": "US-IL", "ir": "US-PA", "mmp": "US-MA"}
"""The affiliates of the shipped policies and where their programs are."""
FIRST = {"mn-qp": "MN-QP@1", "il-star": "IL-STAR@1", "ir-qmp": "IR-QMP@1", "mmp-qbm": "MMP-QBM@2014.1"}
"""The version of each scheme that is in force from the start, unless another is named."""
LONG_AGO = date(2025, 1, 1)


@cache
def shipped(name: str) -> dict[str, Any]:
    """A shipped policy as it is published: checked, and written out in full."""
    _, body = policy(shipped_policies()[name], name, shipped_instruments().values())
    return json.loads(body.content)


@cache
def instruments() -> dict[str, Instrument]:
    """The shipped instruments."""
    return shipped_instruments()


@cache
def _new() -> World:
    world = new_world()
    zones = {shipped(name)["affiliate"]: shipped(name)["timezone"] for name in FIRST.values()}
    for code, area in AREAS.items():
        charter: dict[str, Any] = {"name": f"Affiliate {code}", "timezone": zones[code], "jurisdictions": (area,)}
        world.must(OPERATOR, code, CharterAffiliate(administrator=ADMIN, **charter))
        world.must(ADMIN, code, AppointStaff(person=REVIEWER, roles=("reviewer",)))
        world.must(ADMIN, code, AppointStaff(person=DECIDER, roles=("decider",)))
    for one in instruments().values():
        sha256 = world.keep(json.loads(instrument_body(one).content), one)
        world.must(OPERATOR, one.family, PublishInstrumentVersion(instrument_version=one.version, sha256=sha256))
    return world


@dataclass
class RealCase(Case):
    """One program under a shipped policy. ``answers`` may name ``"*"`` for every item not named."""

    @property
    def policy(self) -> Policy:
        """The policy of the cycle, before access the one in force today."""
        cycle = self.p.cycles.get(self.cycle_id)
        ref = (
            cycle.access.policy
            if cycle and cycle.access
            else self.world.scheme(self.scheme).in_force(self.world.today())
        )
        found = self.world.policy(ref)
        assert found is not None
        return found

    @property
    def instrument(self) -> Instrument:
        """The instrument that the policy asks for."""
        asked = self.policy.instrument
        return instruments()[f"{asked.family}@{asked.version}"]


def told(name: str, so_far: Situation, *, version: str = "", **how: Unpack[How]) -> RealCase:
    """A new story of a program under the policy of that name, in a world where only this version of it is published."""
    world = _new().copy()
    doc = shipped(version or FIRST[name])
    world.publish(doc, effective_from=LONG_AGO)
    given: dict[str, Any] = {"jurisdiction": AREAS[doc["affiliate"]], **how.get("registration", {})}
    c = RealCase(world, {**how, "scheme": name, "registration": given})
    return tell(c, registered, so_far)


def again(c: RealCase, so_far: Situation, **how: Unpack[How]) -> RealCase:
    """The same program asks once more and comes so far."""
    c.how = {**c.how, **how}
    return tell(c, requested, so_far)


def tell(c: RealCase, first: Situation, last: Situation) -> RealCase:
    """The story from one situation to another, three days a step."""
    steps: list[Callable[[RealCase], None]] = [_OWN.get(s, s) for s in STEPS]
    for step in steps[STEPS.index(first.last) : STEPS.index(last.last) + 1]:
        c.world.later(days=3)
        step(c)
    return c


def _rate(c: RealCase) -> None:
    answers = c.how.get("answers", {})
    for item in [i for i in c.instrument.items if i.id not in c.cycle.carried]:
        given: Rating = answers.get(item.id, answers.get("*", yes()))
        reason = words("It does not apply.") if given == NOT_APPLICABLE else None
        before = c.cycle.answers.get(item.id)
        said: dict[str, Any] = {"in_practice": given.in_practice, "quality": given.quality, "reason": reason}
        said["item_revision"] = before.revision if before else 0
        c.must(STAFF, RateItem(cycle_id=c.cycle_id, item_id=item.id, **said))
        kind = item.evidence.kind if item.evidence and given.in_practice == "yes" else None
        if kind == "text":
            c.must(STAFF, RecordNarrative(cycle_id=c.cycle_id, item_id=item.id, text=words("We do it so.")))
        if kind == "document":
            attach(c, item.id)


def _plan(c: RealCase) -> None:
    c.must(c.reviewer, DraftPlan(cycle_id=c.cycle_id))
    item_ids = tuple(gaps(c.cycle, c.instrument)) or (c.instrument.items[0].id,)
    ends_on = add(c.today, "P12M")
    goal: dict[str, Any] = {"baseline": 0, "target": 3, "start_on": c.today, "due_on": ends_on}
    goal |= {"owner_role": "program_lead", "actions": words("We shall do it.")}
    c.must(STAFF, SetGoal(cycle_id=c.cycle_id, item_ids=item_ids, **goal))
    c.must(c.reviewer, ProposePlan(cycle_id=c.cycle_id, starts_on=c.today, ends_on=ends_on))
    plan = c.cycle.plan
    assert plan is not None
    if not plan.adopted:
        c.must(LEAD, AdoptPlan(cycle_id=c.cycle_id, plan_digest=plan.digest))


_OWN: dict[Callable[[Any], None], Callable[[RealCase], None]] = {rated.last: _rate, planned.last: _plan}
