"""A seeded walker: lives a program's life by asking for what could come next, mostly rightly, sometimes wrongly.

``walk(seed)`` tells what was asked for, refused and decided; an AssertionError if something came out that must not.
The same seed walks the same way.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
from pydantic import ValidationError

from domain import COMMANDS, Decided, decide
from domain.access import gates_met, gates_of, rules_of
from domain.affiliate import STAFF_ROLES, Affiliate
from domain.assessment import missing
from domain.determination import gaps, undetermined
from domain.evidence import appraise
from domain.instrument.model import Instrument
from domain.language import Command, Refusal, Role
from domain.listing import leads
from domain.plan import uncovered
from domain.policy.model import Policy, load
from domain.program import ENDED, Cycle, Phase, Program
from domain.review import asks_for
from domain.status import standing
from domain.term import add
from domain.values import TextRef
from tests import small_world as small
from tests.small_policies import FULL, INSTRUMENT, LEAN, MEMBER, POLICIES, SMALL
from tests.small_world import World, words
from tests.walk_oracle import Watch, name

PROGRAM = "prog1"
SCHEMES = ("full", "full", "lean", "member", "member", "southern")
PEOPLE = (
    small.LEAD, small.DIRECTOR, small.STAFF, small.ADMIN, small.ADMIN2, small.REVIEWER, small.REVIEWER2, small.DECIDER,
    small.DECIDER2, small.BOTH, small.CONSULTANT, small.SOUTH, small.NATIONAL, small.OPERATOR, small.CLOCK,
    small.STRANGER, "p_newcomer",
)  # fmt: skip
LATER = [  # what may be published later: new versions whose tiers ask the same
    {**FULL, "version": "2", "deferral": {**FULL["deferral"], "max_times": 1}},
    {**LEAN, "version": "2", "unscanned_documents": "admissible"},
    {**MEMBER, "version": "2", "deferral": FULL["deferral"]},
]
SMALL_2 = {**SMALL, "version": "2", "title": "Six practices again"}
"""Published later; no policy uses it."""
WORDS = [words(f"So it is ({n}).") for n in range(5)]


def _later_world() -> World:
    world = small.new_world()
    for doc in LATER:
        world.keep(doc, load(doc))
    world.keep(SMALL_2, Instrument.model_validate(SMALL_2))
    return world


FIRST = _later_world()
BODIES = tuple(FIRST.bodies)


@dataclass
class Tally:
    """What happened in walks, by name."""

    walks: int = 0
    reached: int = 0
    """Walks in which a cycle was decided."""
    accepted: Counter[str] = field(default_factory=Counter[str])
    refused: Counter[str] = field(default_factory=Counter[str])
    """By reason."""
    malformed: int = 0
    events: Counter[str] = field(default_factory=Counter[str])
    outcomes: Counter[str] = field(default_factory=Counter[str])
    withdrawn: Counter[str] = field(default_factory=Counter[str])
    """By the type of the act."""

    def add(self, other: "Tally") -> None:
        """Counts another tally in."""
        self.walks += other.walks
        self.reached += other.reached
        self.malformed += other.malformed
        for counts in ("accepted", "refused", "events", "outcomes", "withdrawn"):
            getattr(self, counts).update(getattr(other, counts))


def walk(seed: int, steps: int = 150) -> Tally:
    """One life. AssertionError with seed, step and what was asked for, if something is wrong."""
    walker = Walker(seed)
    for step in range(steps):
        try:
            walker.step()
        except AssertionError as wrong:
            raise AssertionError(f"walk {seed}, step {step}, {walker.asked}: {wrong}") from wrong
        if walker.over:
            break
    try:
        walker.watch.end(walker.p, walker.days())
    except AssertionError as wrong:
        raise AssertionError(f"walk {seed}, at its end: {wrong}") from wrong
    return walker.told()


class Walker:
    """One program's life so far, and the dice."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.world = FIRST.copy()
        self.watch = Watch(self.world, PROGRAM)
        self.scheme = self.rng.choice(SCHEMES)
        self.careful = self.rng.choice((0.75, 0.85, 0.95, 0.98))
        """How often it does what comes next, and does it rightly."""
        self.tally = Tally(walks=1)
        self.asked: object = None
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

    def chance(self, of: float) -> bool:
        """Whether the dice say so."""
        return self.rng.random() < of

    def step(self) -> None:
        """Time passes, somebody asks for something, and what comes of it is looked at."""
        from tests.walk_guide import next_kinds

        self.world.now += timedelta(hours=self.rng.randrange(30)) if self.chance(0.5) else timedelta(minutes=5)
        rightly = self.chance(self.careful)
        kinds = next_kinds(self) if rightly else []
        kind = self.rng.choice(kinds or list(COMMANDS.values()))
        fields = self.fields(kind)
        if not rightly and self.chance(0.5):
            fields = self.spoilt(kind, fields)
        person = self.rng.choice(PEOPLE) if not rightly and self.chance(0.3) else self.actor(kind)
        self.asked = (person, kind.__name__, fields)
        try:
            self.ask(person, self.subject(kind), kind(**fields))
        except ValidationError:
            self.tally.malformed += 1

    def ask(self, person: str, subject: str, command: Command) -> None:
        """Asks, and watches what comes of it."""
        key = command.aggregate, subject
        before = self.world.state(*key)
        written = msgspec.msgpack.encode(before) if self.chance(0.1) else None
        if self.chance(0.05):
            context = self.world.context(person, *key)
            assert decide(before, command, context) == decide(before, command, self.world.context(person, *key))
        answer = self.world.do(person, subject, command)
        if written:
            assert msgspec.msgpack.encode(before) == written, "an answer changed the state it was given"
        if isinstance(answer, Refusal):
            self.watch.refused(answer)
            self.tally.refused.update(answer.codes)
            assert self.world.state(*key) == before
            return
        self.tally.accepted[type(command).__name__] += 1
        if command.aggregate == "program":
            self.watch.saw(before, answer.events, self.p)
            if self.chance(0.05):
                self.watch.keep(self.p)
        self._count(answer)

    def _count(self, answer: Decided) -> None:
        for event in answer.events:
            self.tally.events[name(event)] += 1
        outcomes = {"TierGranted": "granted", "TierDenied": "denied", "TierDecisionDeferred": "deferred"}
        for event in answer.events:
            e: Any = event
            if name(event) in outcomes:
                self.tally.outcomes[f"{outcomes[name(event)]} {e.scheme}/{e.tier}"] += 1
            if name(event) == "ActWithdrawn":
                self.tally.withdrawn[e.act] += 1

    def told(self) -> Tally:
        """What happened."""
        decided = [c for c in self.p.cycles.values() if c.phase is Phase.DECIDED]
        self.tally.reached = int(bool(decided))
        return self.tally

    def days(self) -> list[date]:
        """Days on which something may change, the days beside them, and a few others."""
        turns = {d for h in self.p.holdings for d in (h.effective_on, h.expires_on, h.hold_until) if d}
        beside = {d + timedelta(days=n) for d in turns for n in (-1, 0, 1)}
        return sorted(beside | {date(2018, 1, 1) + timedelta(days=self.rng.randrange(6000)) for _ in range(10)})

    def subject(self, kind: type[Command]) -> str:
        """Which stream it is about."""
        match kind.aggregate:
            case "affiliate":
                known = [self.affiliate.affiliate_id, "south", "national"]
                return "east" if kind.creates and self.chance(0.7) else self.rng.choice(known)
            case "policy":
                return self.rng.choice([*POLICIES, "unknown"])
            case "instrument":
                return self.rng.choice(["SMALL", "OTHER"])
            case _:
                return PROGRAM if self.chance(0.99) else "prog2"

    def actor(self, kind: type[Command]) -> str:
        """Somebody who may ask for it, mostly the one it is for."""
        from tests.walk_guide import CHOSEN

        chosen = CHOSEN.get(kind)
        person = chosen(self) if chosen and self.chance(0.9) else None
        if person:
            return person
        role = kind.by[0] if self.chance(0.7) else self.rng.choice(kind.by)
        return self.rng.choice(self.holders(role) or [small.STRANGER])

    def holders(self, role: Role) -> list[str]:
        """Who has a part."""
        staff, people = self.affiliate.staff, self.p.people
        match role:
            case Role.PROGRAM_LEAD:
                return leads(self.p)
            case Role.PROGRAM_STAFF:
                return [p for p, r in people.items() if r.roles]
            case Role.NATIONAL:
                return [p for p, roles in self.world.affiliate("national").staff.items() if "affiliate_admin" in roles]
            case Role.OPERATOR:
                return [small.OPERATOR]
            case Role.CLOCK:
                return [small.CLOCK]
            case Role.PUBLIC:
                return [small.STRANGER]
            case Role.DECIDER if self.affiliate.delegated_to:
                staff = {**self.world.affiliate(self.affiliate.delegated_to).staff, **staff}
                return [p for p, roles in staff.items() if "decider" in roles]
            case _:
                return [p for p, roles in staff.items() if any(STAFF_ROLES[r] is role for r in roles)]

    def fields(self, kind: type[Command]) -> dict[str, Any]:
        """What to send: the values that fit best, whatever the type allows for the others."""
        from tests.walk_guide import BY_NAME, FILLED

        given: dict[str, Any] = FILLED[kind](self) if kind in FILLED else {}
        for key, info in kind.model_fields.items():
            if key in given:
                continue
            if key in BY_NAME:
                given[key] = BY_NAME[key](self)
            elif info.is_required() or self.chance(0.4):
                given[key] = self.value(info.annotation)
        return given

    def value(self, hint: Any) -> Any:
        """Something of a type."""
        origin, args = get_origin(hint), get_args(hint)
        if origin is Literal:
            return self.rng.choice(args)
        if origin in (Union, UnionType):
            return self.value(self.rng.choice(args))
        if origin is tuple:
            return tuple(self.value(args[0]) for _ in range(2))
        simple: dict[Any, Callable[[], Any]] = {
            bool: lambda: self.chance(0.9),
            int: lambda: self.rng.randrange(1, 40),
            date: lambda: self.today - timedelta(days=self.rng.randrange(5)),
            TextRef: lambda: self.rng.choice(WORDS),
            type(None): lambda: None,
        }
        if origin is not None and hasattr(hint, "__metadata__"):
            return self.value(args[0])
        return simple[hint]() if hint in simple else "some"

    def spoilt(self, kind: type[Command], fields: dict[str, Any]) -> dict[str, Any]:
        """The same with one value that is probably wrong."""
        key = self.rng.choice(list(fields) or [""])
        if not key:
            return fields
        match fields[key]:
            case bool(was):
                wrong: Any = not was
            case date() as was:
                wrong = was + timedelta(days=self.rng.choice((-3000, -400, -20, -1, 1, 20, 400)))
            case int(was):
                wrong = was + self.rng.choice((-1, 1))
            case str(was) if len(was) == 64:
                wrong = "0" * 64
            case tuple():
                wrong = self.rng.choice((("nonesuch",), ()))
            case None:
                wrong = self.value(kind.model_fields[key].annotation)
            case _:
                hint = kind.model_fields[key].annotation
                wrong = self.value(hint) if get_origin(hint) in (Literal, Union, UnionType) else "nonesuch"
        return {**fields, key: wrong}


def computed(w: Walker, cycle: Cycle) -> str | None:
    """The highest tier that the rules see at the end of the cycle."""
    assert cycle.access is not None
    named = {"scheme": cycle.scheme, "policy_ref": cycle.access.policy, "cycle_id": cycle.cycle_id}
    evaluated = appraise(w.p, w.world, day=w.today, moment="cycle_end", decision_id="none", **named)
    return evaluated.evaluation.computed


__all__ = ["Tally", "Walker", "add", "asks_for", "computed", "gaps", "gates_met", "gates_of", "missing", "walk"]
_ = (ENDED, INSTRUMENT, rules_of, standing, uncovered, undetermined)
