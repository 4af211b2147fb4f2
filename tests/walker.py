"""A seeded walker: lives a program's life by asking for what could come next, mostly rightly, sometimes wrongly.

``walk(seed)`` tells what was asked for, refused and decided; an AssertionError if something came out that must not.
The same seed walks the same way.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from traceback import extract_tb
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
from pydantic import ValidationError

from domain import COMMANDS, decide
from domain.complaint import FileComplaint
from domain.language import Command, Refusal
from domain.program import Phase
from domain.values import TextRef
from tests import small_world as small
from tests.walk_around_values import BY_NAME, CHOSEN  # with what the files of values before it put in
from tests.walk_guide import next_kinds
from tests.walk_later_values import OUTSIDERS, PANEL
from tests.walk_life import PROGRAM, WORDS, Life
from tests.walk_oracle import Watch, fit_alone, name
from tests.walk_policies import POLICIES
from tests.walk_values import FILLED, published

PEOPLE = (
    small.LEAD, small.DIRECTOR, small.STAFF, small.ADMIN, small.ADMIN2, small.REVIEWER, small.REVIEWER2, small.DECIDER,
    small.DECIDER2, small.BOTH, small.CONSULTANT, small.SOUTH, small.NATIONAL, small.OPERATOR, small.CLOCK,
    small.STRANGER, "p_newcomer", *PANEL, *OUTSIDERS,
)  # fmt: skip
OUTCOMES = {"TierGranted": "granted", "TierDenied": "denied", "TierDecisionDeferred": "deferred"}
YEAR = timedelta(days=365)
STEPS = (70, 110, 150, 200)
"""Requests in a life at the most; each life has one of these."""


@dataclass
class Tally:
    """What happened in walks."""

    walks: int = 0
    reached: int = 0
    """Walks in which a cycle was decided."""
    lasting: int = 0
    """Walks that went on for a year or more after a grant."""
    malformed: int = 0
    """Requests that were none: a value of another kind."""
    accepted: Counter[str] = field(default_factory=Counter[str])
    refused: Counter[str] = field(default_factory=Counter[str])
    """By code."""
    events: Counter[str] = field(default_factory=Counter[str])
    outcomes: Counter[str] = field(default_factory=Counter[str])
    withdrawn: Counter[str] = field(default_factory=Counter[str])
    """By the type of the act."""

    def add(self, other: "Tally") -> None:
        """Counts another tally in."""
        self.walks += other.walks
        self.reached += other.reached
        self.lasting += other.lasting
        self.malformed += other.malformed
        for counts in ("accepted", "refused", "events", "outcomes", "withdrawn"):
            getattr(self, counts).update(getattr(other, counts))


@cache
def takes(kind: type[Command]) -> dict[str, tuple[bool, Any]]:
    """The fields of a request: whether each must be given, and its type."""
    return {key: (info.is_required(), info.annotation) for key, info in kind.model_fields.items()}


@cache
def some(hint: Any) -> Callable[[Life], Any]:
    """What makes something of a type."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return lambda w: w.rng.choice(args)
    if origin in (Union, UnionType):
        return lambda w: some(w.rng.choice(args))(w)
    if origin is tuple:
        return lambda w: (some(args[0])(w), some(args[0])(w))
    if origin is not None and hasattr(hint, "__metadata__"):
        return some(args[0])
    return SIMPLE.get(hint, lambda w: "some")


SIMPLE: dict[Any, Callable[[Life], Any]] = {
    bool: lambda w: w.chance(0.9),
    int: lambda w: w.rng.randrange(1, 40),
    date: Life.ago,
    TextRef: lambda w: w.rng.choice(WORDS),
    type(None): lambda w: None,
}


def walk(seed: int) -> Tally:
    """One life. AssertionError with the seed and the story up to there, if something is wrong."""
    walker = Walker(seed)
    try:
        for _ in range(walker.steps):
            walker.step()
            if walker.over:
                break
        walker.watch.end(walker.p, walker.days())
    except Exception as wrong:
        place = extract_tb(wrong.__traceback__)[-1]
        raise AssertionError(f"{wrong!r} in {place.name}: {place.line}\n{walker.told(seed)}") from wrong
    walker.tally.lasting = int(walker.granted_on is not None and walker.today >= walker.granted_on + YEAR)
    walker.tally.reached = int(any(c.phase is Phase.DECIDED for c in walker.p.cycles.values()))
    return walker.tally


def walks(seeds: Iterable[int]) -> Tally:
    """Many lives, one after another."""
    tally = Tally()
    for seed in seeds:
        tally.add(walk(seed))
    return tally


class Walker(Life):
    """Whoever goes through a program's life, in turn each of its people."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.watch = Watch(self.world, PROGRAM)
        self.tally = Tally(walks=1)
        self.careful = self.rng.choice((0.8, 0.9, 0.97))
        """How often it does what comes next, and does it rightly."""
        self.steps = self.rng.choice(STEPS)
        self.granted_on: date | None = None
        self.asked: tuple[str, str, dict[str, Any]] | None = None
        self.story: list[tuple[date, str, str, str]] = []
        """What was asked for with success: when, by whom, what, and what came of it."""

    def told(self, seed: int) -> str:
        """What happened, and how to see it again."""
        lines = [f"{day} {person}: {kind} -> {came}" for day, person, kind, came in self.story]
        again = f"NQMS_FIRST_SEED={seed} NQMS_WALKS=1 make soak ARGS=tests/domain/test_walks.py"
        return "\n".join((f"in walk {seed}, at {self.asked}, after", *lines, f"Again: {again}"))

    def step(self) -> None:
        """Time passes, somebody asks for something, and what comes of it is looked at."""
        self.world.now += timedelta(hours=self.rng.randrange(30)) if self.chance(0.4) else timedelta(minutes=5)
        rightly = self.chance(self.careful)
        fitting = next_kinds(self) if rightly or self.chance(0.6) else []
        kind = self.rng.choice(fitting or list(COMMANDS.values()))
        subject = self.subject(kind)
        fields = self.fields(kind, subject)
        if not rightly and (fitting or self.chance(0.5)):
            fields = self.spoilt(kind, fields)
        person = self.rng.choice(PEOPLE) if not rightly and self.chance(0.2) else self.actor(kind)
        self.asked = (person, kind.__name__, fields)
        try:
            command = kind(**fields)
        except ValidationError:
            self.tally.malformed += 1
        else:
            self.ask(person, subject, command)

    def ask(self, person: str, subject: str, command: Command) -> None:
        """Asks, and watches what comes of it."""
        key = command.aggregate, subject
        before, now = self.world.state(*key), self.world.now
        written = msgspec.msgpack.encode(before) if self.chance(0.1) else None
        if self.chance(0.05):
            first, again = (decide(before, command, self.world.context(person, *key)) for _ in range(2))
            assert first == again, "asked twice, answered twice"
        answer = self.world.do(person, subject, command)
        if written:
            assert msgspec.msgpack.encode(before) == written, "an answer changed the state it was given"
        if isinstance(answer, Refusal):
            self.watch.refused(answer)
            for code in answer.codes:
                self.tally.refused[code] += 1
            assert self.world.states.get(key, before) is before, "a refusal changed something"
            return
        self.look()
        if isinstance(command, FileComplaint) and not command.from_letter:
            assert person not in str((answer.actor, *answer.events)), "a complaint tells who complained"
        kind, came = type(command).__name__, ", ".join(map(name, answer.events))
        self.story.append((self.today, person, kind, came))
        self.tally.accepted[kind] += 1
        for event in answer.events:
            self._count(event)
        if key == ("program", PROGRAM):
            self.watch.saw(before, answer.events, self.p, person, now)
            if self.chance(0.05):
                self.watch.keep(self.p)
        else:
            for event in answer.events:
                fit_alone(event)

    def _count(self, event: Any) -> None:
        self.tally.events[name(event)] += 1
        if name(event) in OUTCOMES:
            self.tally.outcomes[f"{OUTCOMES[name(event)]} {event.scheme}/{event.tier}"] += 1
        if name(event) == "TierGranted" and self.granted_on is None:
            self.granted_on = self.today
        if name(event) == "ActWithdrawn":
            self.tally.withdrawn[event.act] += 1

    def days(self) -> list[date]:
        """A few days of a life, any."""
        return [date(2018, 1, 1) + timedelta(days=self.rng.randrange(6000)) for _ in range(10)]

    def subject(self, kind: type[Command]) -> str:
        """Which stream it is about."""
        match kind.aggregate:
            case "affiliate":
                if kind.creates and self.chance(0.7):
                    return "east"
                others = ("south", "national", "nowhere")
                return self.affiliate.affiliate_id if self.chance(0.7) else self.rng.choice(others)
            case "policy":
                waiting = [s for s in POLICIES if self.world.scheme(s).proposed]
                if waiting and self.chance(0.5):
                    return waiting[0]
                return self.rng.choice(("full", "lean", "member", "southern", "unknown"))
            case "instrument":
                return self.rng.choice(("SMALL", "OTHER"))
            case "calendar":
                return "America.Chicago" if self.chance(0.9) else "America.New_York"
            case "erasure":
                waiting = [s for (a, s), e in self.world.states.items() if a == "erasure" and e.proposed_by]
                if waiting and not kind.__name__.startswith("Propose") and self.chance(0.9):
                    return waiting[0]
                return self.rng.choice((small.STRANGER, "p_newcomer", *OUTSIDERS, *PEOPLE, "nobody"))
            case "complaint":
                known = [s for a, s in self.world.streams if a == "complaint"]
                new = not known or (kind.creates and self.chance(0.95))
                return f"complaint{len(known) + 1}" if new else self.rng.choice(known)
            case _:
                return PROGRAM if self.chance(0.99) else "prog2"

    def actor(self, kind: type[Command]) -> str:
        """Somebody who may ask for it, mostly the one it is for."""
        chosen = CHOSEN.get(kind)
        person = chosen(self) if chosen and self.chance(0.9) else None
        role = kind.by[0] if self.chance(0.7) else self.rng.choice(kind.by)
        return person or self.rng.choice(self.holders(role) or [small.STRANGER])

    def fields(self, kind: type[Command], subject: str) -> dict[str, Any]:
        """What to send: the values that fit best, whatever the type allows for the others."""
        given: dict[str, Any] = FILLED[kind](self) if kind in FILLED else {}
        if kind.aggregate in ("policy", "instrument"):
            given |= published(self, subject)
        known = takes(kind)
        for key, (required, hint) in known.items():
            if key not in given and key in BY_NAME:
                given[key] = BY_NAME[key](self)
            elif key not in given and (required or self.chance(0.4)):
                given[key] = self.value(hint)
        return {key: value for key, value in given.items() if key in known}

    def value(self, hint: Any) -> Any:
        """Something of a type."""
        return some(hint)(self)

    def spoilt(self, kind: type[Command], fields: dict[str, Any]) -> dict[str, Any]:
        """The same with one value that is probably wrong."""
        if not fields:
            return fields
        key = self.rng.choice(list(fields))
        _, hint = takes(kind)[key]
        match fields[key]:
            case str(was) if was.startswith("p_"):
                wrong: Any = self.rng.choice(PEOPLE)
            case bool(was):
                wrong = not was
            case date() as was:
                wrong = was + timedelta(days=self.rng.choice((-3000, -400, -20, -1, 1, 20, 400)))
            case int(was):
                wrong = was + self.rng.choice((-1, 1))
            case str(was) if len(was) == 64:
                wrong = "0" * 64
            case tuple():
                wrong = self.rng.choice((("nonesuch",), ()))
            case None | TextRef():
                wrong = self.value(hint)
            case _:
                wrong = self.value(hint) if get_origin(hint) in (Literal, Union, UnionType) else "nonesuch"
        return {**fields, key: wrong}
