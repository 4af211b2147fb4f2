"""One program's life as a walker sees it: where it stands, who could act, and the dice."""

from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from domain.affiliate import STAFF_ROLES, Affiliate, in_charge
from domain.due import Due, dues
from domain.evidence import gather
from domain.impartiality import interest_in, took_part_as
from domain.instrument.model import Instrument
from domain.language import Role
from domain.listing import RegisterProgram, leads
from domain.policy.evaluate import evaluate
from domain.policy.model import Policy, load
from domain.program import Cycle, Document, Program
from domain.status import standing
from domain.tenure import Holding
from tests import small_world as small
from tests.small_policies import INSTRUMENT, SMALL
from tests.small_world import World, words
from tests.walk_policies import DOCS, LATER, POLICIES

PROGRAM, OTHER = "prog1", "prog9"
OTHER_PROGRAM: dict[str, Any] = {
    "legal_name": "Other Friends", "display_name": "Other Friends", "affiliate": "north", "jurisdiction": "US-MN",
    "city": "Springfield", "began_operating_on": date(2001, 1, 1), "models": ("one_to_one",), "ages": (9, 17), "serves_youth": True,
    "connector_ref": "mc-1009",
}  # fmt: skip
"""A program beside the one that a walk is about."""
SCHEMES = ("full", "full", "full", "lean", "member", "member", "southern")
SMALL_2 = {**SMALL, "version": "2", "title": "Six practices again"}
"""Published later; no policy uses it."""
WORDS = [words(f"So it is ({n}).") for n in range(5)]


def _later_world() -> tuple[World, dict[str, list[tuple[str, str]]]]:
    world = small.world_of(DOCS)
    world.must(small.OPERATOR, OTHER, RegisterProgram(**OTHER_PROGRAM))
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
        self._dice = self.rng.random
        self.world = FIRST.copy()
        self.scheme = self.rng.choice(SCHEMES)
        self.over = False
        self._carried: tuple[int, date, str | None] | None = None
        self._held: tuple[Any, Any, str, date, Holding | None] | None = None
        self._dues: tuple[int, list[Due]] | None = None
        self._staff: dict[Role, tuple[dict[str, tuple[str, ...]], list[str]]] = {}
        self._in_charge: tuple[Any, str, date, Affiliate] | None = None
        self._today: tuple[datetime, str, date] | None = None
        self.look()

    def look(self) -> None:
        """Sees how things stand; to be done again whenever something was recorded."""
        self.p: Program = self.world.state("program", PROGRAM)
        """The program as it stands."""
        home = self.p.listing.affiliate
        if (
            home != POLICIES[self.scheme].affiliate
        ):  # after a transfer the other affiliate's scheme is the one to ask for
            self.scheme = next((s for s, p in POLICIES.items() if p.affiliate == home), self.scheme)
        self.cycle: Cycle | None = next((c for c in reversed(self.p.cycles.values()) if c.scheme == self.scheme), None)
        """The cycle under way, or the last one."""
        access = self.cycle.access if self.cycle else None
        policy = self.world.policy(access.policy) if access else POLICIES[self.scheme]
        assert policy is not None
        self.policy: Policy = policy
        """The rules that govern the cycle; the first version's until there is one."""

    @property
    def affiliate(self) -> Affiliate:
        """The affiliate in charge."""
        staffed, home, day = self.world.staffed, self.p.listing.affiliate or POLICIES[self.scheme].affiliate, self.today
        known = self._in_charge
        if known and known[0] is staffed and known[1] == home and known[2] is day:
            return known[3]
        found = in_charge(self.world, home, day)
        self._in_charge = staffed, home, day, found
        return found

    @property
    def held(self) -> Holding | None:
        """The tier whose term is running, suspended or not."""
        p, day, known = self.p, self.today, self._held
        if known and known[0] is p.holdings and known[1] is p.measures and known[2:4] == (self.scheme, day):
            return known[4]
        held = standing(p, self.scheme, day).in_term
        self._held = p.holdings, p.measures, self.scheme, day, held
        return held

    @property
    def held_under(self) -> Policy:
        """The rules under which the tier is held; of an imported one the first version's."""
        ref = self.held.policy if self.held else None
        return (self.world.policy(ref) if ref else None) or POLICIES[self.scheme]

    @property
    def dues(self) -> list[Due]:
        """Every day with a consequence that comes or has come."""
        if self._dues is None or self._dues[0] != self.p.version:
            self._dues = self.p.version, dues(self.p)
        return self._dues[1]

    @property
    def today(self) -> date:
        """The day it is."""
        now, zone, known = self.world.now, self.policy.timezone, self._today
        if known and known[0] is now and known[1] == zone:
            return known[2]
        today = self.world.today(zone)
        self._today = now, zone, today
        return today

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
        return self._dice() < of

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
            case Role.PANELIST:
                return [m for a in self.p.appeals.values() if a.state == "panel_named" for m in a.panel]
            case Role.RECEIVING_ADMIN:
                to = self.p.transfer and self.world.affiliate(self.p.transfer.to)
                staff, role = to.staff if to else {}, Role.AFFILIATE_ADMIN
            case Role.NATIONAL:
                staff, role = self.world.affiliate("national").staff, Role.AFFILIATE_ADMIN
            case Role.DECIDER if self.affiliate.delegated_to:
                staff = {**self.world.affiliate(self.affiliate.delegated_to).staff, **staff}
            case Role.OPERATOR | Role.CLOCK | Role.PUBLIC:
                return [{Role.OPERATOR: small.OPERATOR, Role.CLOCK: small.CLOCK}.get(role, small.STRANGER)]
            case _:
                pass
        found = self._on_staff(staff, role)
        if self.cycle and self.cycle.outsiders:
            case = self.cycle.outsiders.items()
            found += [p for p, (part, until) in case if part == role.value and until >= self.today and p not in found]
        return found

    def _on_staff(self, staff: dict[str, tuple[str, ...]], role: Role) -> list[str]:
        known = self._staff.get(role)
        if known is None or known[0] is not staff:
            parts = {r for r, part in STAFF_ROLES.items() if part is role}
            known = self._staff[role] = staff, [p for p, roles in staff.items() if parts.intersection(roles)]
        return list(known[1])

    def clear(self, role: Role) -> set[str]:
        """Who declared to be free of conflicts in the cycle, is, and took no part in it that bars from this one."""
        cycle = self.cycle
        declared = [p for p in self.holders(role) if cycle and p in cycle.declarations]
        free = {p for p in declared if cycle and cycle.declarations[p].nature == "none" and self.unbiased(p)}
        if cycle and role is Role.REVIEWER:
            return free - {cycle.decider}
        return {p for p in free if cycle and took_part_as(self.p, cycle, p) is None}

    def undeclared(self, role: Role) -> list[str]:
        """Who could have the part in the cycle, and has not declared yet."""
        declared = self.cycle.declarations if self.cycle else {}
        return [p for p in self.holders(role) if p not in declared and self.unbiased(p)]

    def unbiased(self, person: str) -> bool:
        """Whether nothing ties a person to the program."""
        return interest_in(self.p, person, self.today, self.world) is None

    def carried(self) -> str | None:
        """The highest tier that the rules see at the end of the cycle."""
        cycle = self.cycle
        if cycle is None or cycle.access is None:
            return None
        if self._carried is None or self._carried[:2] != (self.p.version, self.today):
            facts = gather(self.p, cycle, INSTRUMENT, cycle.scheme, self.today)
            self._carried = self.p.version, self.today, evaluate(self.policy, facts, "cycle_end").computed
        return self._carried[2]

    @property
    def end_tiers(self) -> list[str]:
        """The tiers that the cycle can end with, lowest first; where its kind leaves none, all that end cycles."""
        final = [t for t in self.policy.tiers if t.granted_at == "cycle_end"]
        held, kind = self.held, self.cycle.kind if self.cycle else "initial"
        fit = final
        if held and kind == "advancement":
            fit = [t for t in final if t.rank > held.rank]
        elif held and kind == "corrective":
            fit = [t for t in final if t.code == held.tier]
        return [t.code for t in fit or final]

    @property
    def interim(self) -> str | None:
        """A tier that could be granted while the cycle goes on."""
        cycle = self.cycle
        going = [t for t in self.policy.tiers if t.granted_at == "assessment_started"]
        if cycle is None or not cycle.started or not going:
            return None
        rank = self.held.rank if self.held else 0
        return next((t.code for t in going if t.code not in cycle.interim and rank <= t.rank), None)
