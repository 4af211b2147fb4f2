"""A book in which a simulated world or life is written: the real rules answer, on a shelf in memory, by a clock of its own.

Nothing random is drawn here but from the seed: ids, salts and times follow from it, so the same seed writes the same
book. A refusal is an error in the drawing, never an answer.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b
from random import Random
from typing import Any

from domain import Decided, decide, evolve, initial
from domain.affiliate import Affiliate
from domain.instrument.model import Instrument
from domain.language import Actor, Claim, Command, Context, Event, Refusal, Role
from domain.policy.model import Policy
from domain.publishing import Family, Scheme
from domain.shelf import Acts
from domain.values import InstrumentRef, PolicyRef, TextRef
from infra.templates import TEMPLATES

MORNING = time(15, tzinfo=UTC)
"""Acts are recorded in the hours in which it is the same day in UTC and in every zone of the simulated world."""


class Untold(RuntimeError):
    """The rules refused what the drawing wanted to happen; the message says what and why."""


@dataclass(frozen=True, slots=True)
class Told:
    """One command's effect: who did it when, and what it wrote from which version on."""

    at: datetime
    stream: str
    command: str
    actor: Actor
    first: int
    events: tuple[Event, ...]
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True)
class Paper:
    """A document that was handed in, as a shelf tells of it."""

    digest: str
    bytes: int
    media_type: str


@dataclass
class Published:
    """What is published in the course of time: the states of affiliates, schemes and families, each from a moment on."""

    bodies: dict[str, Policy | Instrument] = field(default_factory=dict[str, Policy | Instrument])
    times: list[datetime] = field(default_factory=list[datetime])
    states: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def place(self, moment: datetime) -> int:
        """Which of the states is that of a moment; -1 before the first."""
        return bisect_right(self.times, moment) - 1

    def put(self, moment: datetime, stream: str, state: Any) -> None:
        """One stream is in another state from a moment on; moments come in order."""
        before = self.states[-1] if self.states else {}
        self.times.append(moment)
        self.states.append({**before, stream: state})


class BookShelf:
    """``domain.language.Shelf`` as of the moment that the book has come to."""

    def __init__(self, published: Published, papers: dict[str, Paper]) -> None:
        self._published, self._papers = published, papers
        self._place = -1
        self._states: dict[str, Any] = {}
        self._affiliates: list[Affiliate] = []
        self.homes: dict[str, str] = {}

    def turn(self, moment: datetime) -> None:
        """Show what is published at a moment."""
        place = self._published.place(moment)
        if place != self._place:
            self._place = place
            self._states = self._published.states[place] if place >= 0 else {}
            self._affiliates = [s for s in self._states.values() if isinstance(s, Affiliate)]

    def policy(self, ref: PolicyRef) -> Any:
        """The policy of that hash."""
        return self._published.bodies.get(ref.sha256)

    def instrument(self, ref: InstrumentRef) -> Any:
        """The instrument of that hash."""
        return self._published.bodies.get(ref.sha256)

    def scheme(self, code: str) -> Scheme | None:
        """The published versions of a scheme's policy."""
        return self._states.get(f"policy:{code}")

    def family(self, code: str) -> Family | None:
        """The published versions of an instrument."""
        return self._states.get(f"instrument:{code}")

    def affiliate(self, code: str) -> Affiliate | None:
        """An affiliate with its staff."""
        return self._states.get(f"affiliate:{code}")

    def affiliates(self) -> Iterable[Affiliate]:
        """Every affiliate."""
        return self._affiliates

    def template(self, code: str) -> str | None:
        """The hash of a template's text."""
        template = TEMPLATES.get(code)
        return template.sha256 if template else None

    def document(self, program_id: str, document_id: str) -> Paper | None:
        """What was received under that id; a book holds the papers of one program."""
        return self._papers.get(document_id)

    def program_home(self, program_id: str) -> str | None:
        """The affiliate that a program of this book belongs to now."""
        return self.homes.get(program_id)

    def acts_of(self, person: str) -> tuple[Acts, ...]:
        """Nothing: in a simulated ledger nobody is erased."""
        return ()


def drawn_id(*about: object, prefix: str = "") -> str:
    """An opaque id that follows from what it is about: 32 hex digits behind the prefix."""
    return prefix + blake2b("/".join(map(str, about)).encode(), digest_size=16).hexdigest()


class Book:
    """The pages of one world or life, in the order of time."""

    def __init__(self, seed: int, name: str, published: Published, texts: Sequence[TextRef]) -> None:
        self.draw = Random(f"{seed}/{name}")
        self.name, self._seed, self._texts = f"{seed}/{name}", seed, texts
        self.now = datetime.min.replace(tzinfo=UTC)
        self.papers: dict[str, Paper] = {}
        self.shelf = BookShelf(published, self.papers)
        self.states: dict[str, Any] = {}
        self.told: list[Told] = []
        self._minted = 0

    @property
    def today(self) -> date:
        """The day it is."""
        return self.now.date()

    def until(self, day: date) -> None:
        """Let days go by until the morning of a day; on the day itself nothing changes."""
        self.now = max(self.now, datetime.combine(day, MORNING))

    def mint(self) -> str:
        """The next id."""
        self._minted += 1
        return drawn_id(self.name, self._minted)

    def words(self) -> TextRef:
        """One of the texts that the vault keeps for this simulation."""
        return self._texts[int(self.draw.random() * len(self._texts))]

    def state(self, stream: str) -> Any:
        """The state of a stream now."""
        state = self.states.get(stream)
        if state is None:
            aggregate, _, subject = stream.partition(":")
            return initial(aggregate, subject)
        return state

    def _tick(self) -> None:
        self.now += timedelta(microseconds=20_000_000 + int(self.draw.random() * 50_000_000))
        self.shelf.turn(self.now)

    def ask(
        self, person: str, subject: str, command: Command, standing: frozenset[Role] = frozenset()
    ) -> Decided | Refusal:
        """What the rules answer; what was decided is written."""
        self._tick()
        stream = f"{command.aggregate}:{subject}"
        context = Context(person=person, now=self.now, mint=self.mint, shelf=self.shelf, standing=standing)
        answer = decide(self.state(stream), command, context)
        if isinstance(answer, Decided) and answer.events:
            self._write(stream, type(command).__name__, answer.actor, answer.events, answer.claims)
        return answer

    def do(
        self, person: str, subject: str, command: Command, standing: frozenset[Role] = frozenset()
    ) -> tuple[Event, ...]:
        """The facts that a command leads to. Untold with the reasons if it is refused."""
        answer = self.ask(person, subject, command, standing)
        if isinstance(answer, Refusal):
            raise Untold(f"{self.name} {self.now:%Y-%m-%d}: {type(command).__name__}: {answer} {command!r}")
        return answer.events

    def note(self, actor: Actor, stream: str, command: str, *events: Event) -> None:
        """Write facts without asking the rules; a test holds that the rules would have answered just so."""
        self._tick()
        self._write(stream, command, actor, events)

    def _write(
        self,
        stream: str,
        command: str,
        actor: Actor,
        events: tuple[Event, ...],
        claims: tuple[Claim, ...] = (),
    ) -> None:
        state = self.state(stream)
        first = state.version + 1
        for version, event in enumerate(events, first):
            state = evolve(state, event, version)
        self.states[stream] = state
        self.told.append(Told(self.now, stream, command, actor, first, events, claims))
