"""One program's life as a walker sees it: where it stands, who could act, and the dice."""

from datetime import date, timedelta
from random import Random
from typing import Any

from domain.affiliate import STAFF_ROLES, Affiliate
from domain.evidence import appraise
from domain.instrument.model import Instrument
from domain.language import Role
from domain.listing import leads
from domain.policy.model import Policy, load
from domain.program import Cycle, Document, Program
from tests import small_world as small
from tests.small_policies import FULL, LEAN, MEMBER, POLICIES, SMALL, SOUTHERN
from tests.small_world import World, words

PROGRAM = "prog1"
SCHEMES = ("full", "full", "full", "lean", "member", "member", "southern")
LATER = [  # what may be published later: new versions whose tiers ask the same; the last one's instrument is not there
    {**FULL, "version": "2", "deferral": {**FULL["deferral"], "max_times": 1}},
    {**LEAN, "version": "2", "unscanned_documents": "admissible"},
    {**MEMBER, "version": "2", "deferral": FULL["deferral"]},
    {**SOUTHERN, "version": "2", "cycles": SOUTHERN["cycles"][:1]},
    {**FULL, "version": "3", "instrument": {**FULL["instrument"], "version": "3"}},
]
SMALL_2 = {**SMALL, "version": "2", "title": "Six practices again"}
"""Published later; no policy uses it."""
WORDS = [words(f"So it is ({n}).") for n in range(5)]


def _later_world() -> tuple[World, dict[str, list[tuple[str, str]]]]:
    world = small.new_world()
    known = {p.scheme: [(p.version, h)] for h, p in world.bodies.items() if isinstance(p, Policy)}
    known["SMALL"] = [("1", next(h for h, b in world.bodies.items() if isinstance(b, Instrument)))]
    for doc in LATER:
        policy = load(doc)
        known[policy.scheme].append((policy.version, world.keep(doc, policy)))
    known["SMALL"].append(("2", world.keep(SMALL_2, Instrument.model_validate(SMALL_2))))
    return world, known


FIRST, BODIES = _later_world()
"""A world before any program, and the versions and hashes that may be published, by stream."""


class Life:
    """A world with one program in it."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.world = FIRST.copy()
        self.scheme = self.rng.choice(SCHEMES)
        self.over = False

    @property
    def p(self) -> Program:
        """The program as it stands."""
        return self.world.state("program", PROGRAM)

    @property
    def cycle(self) -> Cycle | None:
        """The cycle under way, or the last one."""
        mine = [c for c in self.p.cycles.values() if c.scheme == self.scheme]
        return mine[-1] if mine else None

    @property
    def policy(self) -> Policy:
        """The rules that govern the cycle; the first version's until there is one."""
        cycle = self.cycle
        if cycle is None or cycle.access is None:
            return POLICIES[self.scheme]
        policy = self.world.policy(cycle.access.policy)
        assert policy is not None
        return policy

    @property
    def affiliate(self) -> Affiliate:
        """The affiliate in charge."""
        return self.world.affiliate(self.p.listing.affiliate or POLICIES[self.scheme].affiliate)

    @property
    def today(self) -> date:
        """The day it is."""
        return self.world.today(self.policy.timezone)

    @property
    def usable(self) -> dict[str, Document]:
        """The documents that can be used."""
        return {k: d for k, d in self.p.documents.items() if d.state == "present" and d.scan != "infected"}

    @property
    def ta_id(self) -> str | None:
        """The assistance that is under way, mostly the cycle's."""
        cycle_id = self.cycle.cycle_id if self.cycle else None
        going = {k: a for k, a in self.p.assistance.items() if not a.cancelled}
        mine = [k for k, a in going.items() if a.cycle_id == cycle_id]
        return next(reversed(mine or list(going)), None)

    def chance(self, of: float) -> bool:
        """Whether the dice say so."""
        return self.rng.random() < of

    def ago(self, days: int = 5) -> date:
        """A day not long ago."""
        return self.today - timedelta(days=self.rng.randrange(days))

    def ahead(self, days: int = 60) -> date:
        """A day to come."""
        return self.today + timedelta(days=self.rng.randrange(1, days))

    def holders(self, role: Role) -> list[str]:
        """Who has a part."""
        staff = self.affiliate.staff
        match role:
            case Role.PROGRAM_LEAD:
                return leads(self.p)
            case Role.PROGRAM_STAFF:
                return [p for p, r in self.p.people.items() if r.roles]
            case Role.NATIONAL:
                staff, role = self.world.affiliate("national").staff, Role.AFFILIATE_ADMIN
            case Role.DECIDER if self.affiliate.delegated_to:
                staff = {**self.world.affiliate(self.affiliate.delegated_to).staff, **staff}
            case Role.OPERATOR | Role.CLOCK | Role.PUBLIC:
                return [{Role.OPERATOR: small.OPERATOR, Role.CLOCK: small.CLOCK}.get(role, small.STRANGER)]
            case _:
                pass
        return [p for p, roles in staff.items() if any(STAFF_ROLES[r] is role for r in roles)]

    def carried(self) -> str | None:
        """The highest tier that the rules see at the end of the cycle."""
        cycle = self.cycle
        if cycle is None or cycle.access is None:
            return None
        named: dict[str, Any] = {"scheme": cycle.scheme, "policy_ref": cycle.access.policy, "cycle_id": cycle.cycle_id}
        day: dict[str, Any] = {"day": self.today, "moment": "cycle_end", "decision_id": "none"}
        return appraise(self.p, self.world, **named, **day).evaluation.computed

    @property
    def end_tiers(self) -> list[str]:
        """The tiers that are granted when a cycle ends, lowest first."""
        return [t.code for t in self.policy.tiers if t.granted_at == "cycle_end"]

    @property
    def interim(self) -> str | None:
        """A tier that could be granted while the cycle goes on."""
        cycle = self.cycle
        going = [t.code for t in self.policy.tiers if t.granted_at == "assessment_started"]
        return next((t for t in going if cycle and cycle.started and t not in cycle.interim), None)
