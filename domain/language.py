"""What a fact, a request and a refusal are, and where each stage of the process says what it knows of them.

A *stage* is one file: its events, its commands, its rules, its evolve arms. ``Stage`` collects them; ``domain``
puts the stages together in the order of the process. A rule is a pure function of (state, command, context):
who, when and minted ids arrive in the context, and nothing here reads a clock or draws a number.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any, ClassVar, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from pydantic import BaseModel, ConfigDict

from domain.shelf import Shelf
from domain.values import Code, Fact

_PART = re.compile(r"\[([^][]*)\]|([^][]+)")
_FIELD = re.compile(r"\{e\.(\w+)\}")
Piece = tuple[str, str | None]
"""Some words, and the field that follows them."""


@cache
def _pieces(says: str) -> tuple[tuple[str | None, tuple[Piece, ...]], ...]:
    """A sentence taken apart once: its parts, each with the field that it hangs on (if any) and its pieces."""
    parts: list[tuple[str | None, tuple[Piece, ...]]] = []
    for optional, always in _PART.findall(says):
        words = _FIELD.split(optional or always)  # words and names of fields in turn
        named: list[str | None] = [*words[1::2], None]
        pieces = tuple(zip(words[::2], named, strict=True))
        parts.append((words[1] if optional else None, pieces))
    return tuple(parts)


class Event(Fact, forbid_unknown_fields=True):
    """A fact that happened, in the past tense. Never edited: a change of shape is a new version of the type."""

    schema_version: ClassVar[int] = 1
    says: ClassVar[str] = ""
    """One sentence for the audit trail: ``{e.field}`` stands for a field, a part in square brackets is left out where
    its field is empty, the actor is put before it."""

    @classmethod
    def published_name(cls) -> str:
        """The name under which the fact is stored for ever, such as ``TierGranted.v1``."""
        return f"{cls.__name__.removesuffix(f'V{cls.schema_version}')}.v{cls.schema_version}"

    def sentence(self) -> str:
        """What happened, in words that follow the actor's name."""
        said: list[str] = []
        for hangs_on, pieces in _pieces(self.says):
            if hangs_on is None or getattr(self, hangs_on):
                for words, name in pieces:
                    said += (words, _words(getattr(self, name)) if name else "")
        return "".join(said)


class Role(StrEnum):
    """In which part somebody acts; the part is looked up in the registers, never claimed."""

    PUBLIC = "public"
    PROGRAM_STAFF = "program_staff"
    PROGRAM_LEAD = "program_lead"
    REVIEWER = "reviewer"
    DECIDER = "decider"
    AFFILIATE_ADMIN = "affiliate_admin"
    NATIONAL = "national_body"
    RECEIVING_ADMIN = "receiving_admin"
    """Administrator of the affiliate that a program is to be transferred to."""
    PANELIST = "panelist"
    """Member of the panel that hears an appeal."""
    CLOCK = "clock"
    OPERATOR = "operator"


ROLE_WORDS = {
    Role.PUBLIC: "a member of the public",
    Role.PROGRAM_STAFF: "program staff",
    Role.PROGRAM_LEAD: "program lead",
    Role.REVIEWER: "reviewer",
    Role.DECIDER: "decider",
    Role.AFFILIATE_ADMIN: "affiliate administrator",
    Role.NATIONAL: "national body",
    Role.RECEIVING_ADMIN: "administrator of the receiving affiliate",
    Role.PANELIST: "appeal panelist",
    Role.CLOCK: "clock",
    Role.OPERATOR: "operator of the service",
}


class Command(BaseModel):
    """A request: exactly what the client sends. Who asks, and when, comes from the server."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)
    aggregate: ClassVar[str]
    """Whose stream it goes to: program, affiliate, policy, instrument, complaint or erasure."""
    by: ClassVar[tuple[Role, ...]]
    """Who may ask, in the order in which a person of several parts is taken to act."""
    creates: ClassVar[bool] = False
    """Whether it begins the stream, instead of needing one."""
    for_outsiders: ClassVar[bool] = False
    """Whether somebody whom only one case is open to may ask (M19)."""
    when_closed: ClassVar[bool] = False
    """Whether it is answered for programs whose listing ended, too."""
    anonymous: ClassVar[bool] = False
    """Whether who asks is kept out of the record."""


class ProgramCommand(Command):
    """A request about one mentoring program."""

    aggregate: ClassVar[str] = "program"


class CycleCommand(ProgramCommand):
    """A request about one cycle of a program: from asking to take part to the decision."""

    for_outsiders: ClassVar[bool] = True
    cycle_id: Code


class Kind(StrEnum):
    """What sort of no a refusal is; the doors translate it, the rules do not know HTTP."""

    NOT_ALLOWED = "not_allowed"
    UNKNOWN = "unknown"
    OUT_OF_ORDER = "out_of_order"
    INCOMPLETE = "incomplete"
    INVALID = "invalid"
    CHANGED_MEANWHILE = "changed_meanwhile"


@dataclass(frozen=True)
class Refusing:
    """A reason for which a request can be refused: a stable code, its sort, a sentence for people."""

    code: str
    kind: Kind
    sentence: str


REFUSALS: dict[str, Refusing] = {}
"""Every reason there is, by code."""


def refusal(code: str, kind: Kind, sentence: str) -> Refusing:
    """Declare a reason for refusing, once; ``{name}`` in the sentence stands for a detail."""
    if code in REFUSALS:
        raise ValueError(f"the refusal {code} is declared twice")
    REFUSALS[code] = Refusing(code, kind, sentence)
    return REFUSALS[code]


class Reason(msgspec.Struct, frozen=True):
    """One thing that speaks against a request, with its details as codes, numbers, days and lists of them."""

    why: Refusing
    details: dict[str, Any] = {}

    @property
    def code(self) -> str:
        """The stable code."""
        return self.why.code

    def __str__(self) -> str:
        return self.why.sentence.format(**{k: _words(v) for k, v in self.details.items()})


class Refusal(msgspec.Struct, frozen=True):
    """The answer no: everything that speaks against the request, not just the first thing."""

    reasons: tuple[Reason, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes in the order found."""
        return tuple(r.code for r in self.reasons)

    def __str__(self) -> str:
        return " ".join(str(r) for r in self.reasons)


def _words(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(_words(v) for v in value)  # pyright: ignore[reportUnknownVariableType]
    return "none" if value is None else str(value)


class Refused(Exception):
    """Carries a refusal out of a rule."""

    def __init__(self, *reasons: Reason) -> None:
        super().__init__(*reasons)
        self.refusal = Refusal(reasons)

    def __str__(self) -> str:
        return str(self.refusal)


T = TypeVar("T")


class Need:
    """What a rule needs, checked all together: each call notes what is missing, ``settle`` refuses once."""

    def __init__(self) -> None:
        self._missing: list[Reason] = []

    def __call__(self, met: object, why: Refusing, **details: Any) -> None:
        """Note ``why`` unless ``met``."""
        if not met:
            self._missing.append(Reason(why, details))

    def settle(self) -> None:
        """Refuse if anything is missing; everything noted so far is named."""
        if self._missing:
            raise Refused(*self._missing)


def found(value: T | None, why: Refusing, **details: Any) -> T:
    """The value, or the refusal at once: nothing more can be said without it."""
    if value is None:
        raise Refused(Reason(why, details))
    return value


@dataclass(frozen=True)
class Claim:
    """A value that only one stream may hold, such as a listing number; taken in the same append.

    ``taken`` is the refusal for whoever comes second.
    """

    kind: str
    value: str
    taken: Refusing


class Actor(msgspec.Struct, frozen=True):
    """Who acts, in which part, for which organisation (a program's id, or an affiliate's code)."""

    person: str
    role: Role
    org: str


@lru_cache(maxsize=1024)  # one request asks for the day of one or two zones again and again
def _local_day(now: datetime, zone: str) -> date:
    return now.astimezone(ZoneInfo(zone)).date()


class Context(msgspec.Struct, frozen=True):
    """What comes from the server with a request: who, when, minted ids, what is published."""

    person: str
    now: datetime
    """UTC."""
    mint: Callable[[], str]
    shelf: Shelf
    standing: frozenset[Role] = frozenset()
    """Parts that come with the door and stand in no register: operator, clock."""
    actor: Actor = Actor("p_nobody", Role.PUBLIC, "public")
    """Filled in once the part is known; rules read it."""
    parts: frozenset[Role] = frozenset()
    """Every part that the person has here."""

    def today(self, zone: str) -> date:
        """The day it is in a time zone."""
        return _local_day(self.now, zone)


Outcome = Event | Claim
Outcomes = Sequence[Outcome]
Rule = Callable[[Any, Any, Context], Iterable[Outcome]]
Arm = Callable[[Any, Any, int], Any]
E = TypeVar("E", bound=Event)
C = TypeVar("C", bound=Command)
R = TypeVar("R", bound=Callable[..., Any])


@dataclass(frozen=True)
class Undoing:
    """How a recorded act is withdrawn: the arm that takes it out, and what may rest on it."""

    arm: Arm
    by: Callable[[Any], tuple[Role, ...]]
    rests: Callable[[Any, Any], Iterable[str]]


def only(*parts: Role) -> Callable[[Any], tuple[Role, ...]]:
    """These parts, whatever the event."""
    return lambda _event: parts


class Stage:
    """One stage of the process and everything it brings: registered once, looked up by type."""

    def __init__(self, name: str, aggregate: str = "program") -> None:
        self.name = name
        self.aggregate = aggregate
        self.rules: dict[type[Command], Rule] = {}
        self.arms: dict[type[Event], Arm] = {}
        self.undoing: dict[type[Event], Undoing] = {}

    def decide(self, command: type[Command]) -> Callable[[R], R]:
        """The rule that answers a command: (state, command, context) to facts, or ``Refused``."""
        return self._register(self.rules, command)

    def evolve(self, event: type[Event]) -> Callable[[R], R]:
        """The arm that folds a fact into the state: (state, event, version) to state. It holds no rule."""
        return self._register(self.arms, event)

    def undo(
        self,
        event: type[Event],
        *,
        by: Callable[[Any], tuple[Role, ...]],
        rests: Callable[[Any, Any], Iterable[str]],
    ) -> Callable[[R], R]:
        """The arm that takes a withdrawn fact out of the state again: (state, event, its version) to state.

        ``by(event)``: who may withdraw it. ``rests(state, event)`` names what rests on the fact; while it names anything, the fact stands (M2).
        """

        def remember(function: R) -> R:
            self._register(self.undoing, event)(Undoing(function, by, rests))
            return function

        return remember

    def _register(self, registry: dict[Any, Any], key: type) -> Callable[[Any], Any]:
        def remember(function: Any) -> Any:
            if key in registry:
                raise ValueError(f"{key.__name__} is registered twice in {self.name}")
            registry[key] = function
            return function

        return remember


def fact(event: type[E], command: Command, **more: Any) -> E:
    """The event with the command's fields of the same names, and more."""
    shared = set(event.__struct_fields__) & set(type(command).model_fields)
    return event(**{name: getattr(command, name) for name in shared} | more)


def names(values: Iterable[str]) -> list[str]:
    """Values as a list without repeats, in the order given."""
    return list(dict.fromkeys(values))


def listing(values: Sequence[str], most: int = 12) -> str:
    """A few names in words: "A1, A2 and 3 more"."""
    shown = ", ".join(values[:most])
    return shown if len(values) <= most else f"{shown} and {len(values) - most} more"
