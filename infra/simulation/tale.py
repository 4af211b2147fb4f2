"""One life as it is told: who takes part, what is known by which id, and the two ways in which a fact comes about."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import blake2b
from typing import Any, TypeVar

from domain import Decided
from domain.due import AnnounceDue, Due, announcement, dues
from domain.instrument.model import Instrument
from domain.language import Actor, Command, Event, ProgramCommand, Refusal, Role
from domain.policy.model import Policy
from domain.program import Cycle, Program
from domain.values import InstrumentRef, PolicyRef
from infra.documents import document_digest
from infra.simulation.acts import Life, Rules
from infra.simulation.book import Book, Paper, Untold, drawn_id
from infra.simulation.world import CLOCK, STANDING, World, person

DAY = timedelta(days=1)
PAPER_BYTES = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
T = TypeVar("T")


def paper_id(seed: int, program: str, number: int) -> str:
    """The id of one of a program's few documents."""
    return drawn_id(seed, program, "paper", number, prefix="d_")


def paper_content(program: str, number: int) -> bytes:
    """The bytes of one of a program's few documents: a small file that says which one it is."""
    return PAPER_BYTES + f"% {program} {number}\n".encode()


def paper_salt(seed: int, document_id: str) -> bytes:
    """The salt of a simulated document's digest, 32 bytes."""
    return blake2b(f"{seed}/{document_id}".encode(), digest_size=32).digest()


@dataclass
class Tale:
    """A program's life on its way, in a book. ``direct``: mass acts are noted, not asked for."""

    world: World
    book: Book
    life: Life
    direct: bool = True
    affiliate: str = ""
    cycles: dict[int, str] = field(default_factory=dict[int, str])
    rules: dict[int, Rules] = field(default_factory=dict[int, Rules])
    sought: dict[int, str] = field(default_factory=dict[int, str])
    assistance: dict[int, str] = field(default_factory=dict[int, str])
    measures: dict[int, str] = field(default_factory=dict[int, str])
    appeals: dict[int, str] = field(default_factory=dict[int, str])
    papers: int = 0
    people: int = 0
    """How many leads there have been."""
    _bearing: tuple[Any, ...] = ()
    _dues: list[Due] = field(default_factory=list[Due])

    # --- what stands ----------------------------------------------------------------------------------------------

    @property
    def program(self) -> str:
        """The program's id."""
        return self.life.program

    @property
    def p(self) -> Program:
        """The program as it stands."""
        return self.book.state(f"program:{self.life.program}")

    def cycle(self, number: int) -> Cycle:
        """A cycle as it stands."""
        return self.p.cycles[self.cycles[number]]

    def policy(self, ref: PolicyRef) -> Policy:
        """A policy by its reference."""
        return self.book.shelf.policy(ref)

    def instrument(self, number: int) -> Instrument:
        """The instrument that a cycle is pinned to."""
        access = self.cycle(number).access
        ref: InstrumentRef | None = access.instrument if access else None
        if ref is None:
            raise Untold(f"cycle {number} has no access yet")
        return self.book.shelf.instrument(ref)

    @property
    def today(self) -> date:
        """The day it is."""
        return self.book.today

    def chance(self, share: float) -> bool:
        """Whether something happens that happens in this share of the cases."""
        return self.book.draw.random() < share

    def pick(self, among: Sequence[T]) -> T:
        """One of several."""
        return among[int(self.book.draw.random() * len(among))]

    # --- who --------------------------------------------------------------------------------------------------------

    def who(self, part: str) -> str:
        """Who has a part in this life now: the program's people, or those of the affiliate in charge."""
        if part in ("lead", "director", "staff"):
            number = self.people if part == "lead" else 0
            return drawn_id(self.world.seed, self.program, part, number, prefix="p_")
        if part in ("panel0", "panel1", "panel2"):
            return person(self.world.seed, "panel", f"{part}/{self.affiliate}")
        if part == "national":
            return person(self.world.seed, "national", "administrator")
        if part == "clock":
            return CLOCK
        return self.world.person(self.world.in_charge(self.affiliate, self.today), part)

    @property
    def charge(self) -> str:
        """The affiliate in charge now."""
        return self.world.in_charge(self.affiliate, self.today)

    # --- what happens -----------------------------------------------------------------------------------------------

    def ask(self, part: str, command: Command, subject: str | None = None) -> Decided | Refusal:
        """What the rules answer to somebody."""
        who = self.who(part)
        return self.book.ask(who, subject or self.program, command, STANDING.get(who, frozenset()))

    def by(self, part: str, command: Command, subject: str | None = None) -> Any:
        """The first fact that a command of somebody's leads to."""
        who = self.who(part)
        events = self.book.do(who, subject or self.program, command, STANDING.get(who, frozenset()))
        return events[0] if events else None

    def maybe(self, part: str, command: Command) -> bool:
        """Ask for something small that need not be possible now; whether it happened."""
        return isinstance(self.ask(part, command), Decided)

    def mass(
        self, part: str, role: Role, name: str, events: tuple[Event, ...], command: Callable[[], ProgramCommand]
    ) -> None:
        """One of the many like acts: noted with the facts given, or, where nothing is noted, asked for."""
        if not self.direct:
            self.by(part, command())
            return
        org = self.program if role is Role.PROGRAM_STAFF else "service" if role is Role.CLOCK else self.charge
        self.book.note(Actor(self.who(part), role, org), f"program:{self.program}", name, *events)

    def until(self, day: date) -> None:
        """Days go by until a day; what falls due on the way is announced on its day."""
        if day <= self.today:
            return
        self._announce(day)
        self.book.until(day)

    def _announce(self, day: date) -> None:
        p = self.p
        bearing = (p.holdings, p.measures, p.notices, p.decisions, p.appeals, p.vouchers, p.announced)
        plans = tuple((n.ends_on, n.ended, n.adopted, n.closed) for c in p.cycles.values() if (n := c.plan))
        bearing = (*bearing, plans, tuple(c.phase for c in p.cycles.values()))
        if bearing != self._bearing:
            self._bearing, self._dues = bearing, dues(p)
        if not self._dues or self._dues[0].due_on > day:
            return
        for due in self._dues:
            if due.due_on > day:
                break
            self.book.until(max(due.due_on, self.today))
            self._announced(due)

    def _announced(self, due: Due) -> None:
        """One announcement; what it says is the rules' own, also where they are not asked whether it is due."""
        if not self.direct:
            command = AnnounceDue(kind=due.kind, about=due.about, due_on=due.due_on)
            self.book.do(CLOCK, self.program, command, STANDING[CLOCK])
            return
        home = self.book.shelf.affiliate(self.affiliate)
        event = announcement(self.p, due, due.zone or (home.timezone if home else ""))
        self.book.note(Actor(CLOCK, Role.CLOCK, "service"), f"program:{self.program}", "AnnounceDue", event)

    # --- papers -----------------------------------------------------------------------------------------------------

    def file_paper(self) -> str:
        """Another document is received; its id."""
        document_id = paper_id(self.world.seed, self.program, self.papers)
        content = paper_content(self.program, self.papers)
        digest = document_digest(paper_salt(self.world.seed, document_id), content)
        self.book.papers[document_id] = Paper(digest, len(content), "application/pdf")
        self.papers += 1
        return document_id

    def usable(self) -> list[str]:
        """The documents that may be cited."""
        return [i for i, d in self.p.documents.items() if d.state == "present" and d.scan == "clean"]
