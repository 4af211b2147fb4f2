"""What the demonstration prints: four journeys with directory, schedule and one full why; or ten years of one program."""

import sys
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import fill, wrap

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.demo.doors import LedgerDoor, StoryClock
from api.demo.folder import demo_settings, start_over
from api.demo.journey import Journey
from api.demo.stories import STORIES
from api.demo.ten_years import START, Line, TenYears, ten_years
from api.demo.world import found
from api.disclosure import Disclosure
from api.explain import explain
from api.explain_text import text
from domain.policy.model import Policy
from domain.term import last_valid
from infra.database import EmbeddedServer
from infra.settings import Settings
from infra.verification import summary, verify
from infra.wiring import Service, open_service
from projections.held import Span, Status, day_in

STORY_DAYS = 250
"""The stories take about 235 days, one after another; they begin so long ago that the last one ends just now."""


LISTED = {"highest": "highest priority"}
"""Places in the directory's order that are called otherwise than in the policies."""


@contextmanager
def _opened(settings: Settings, start: datetime) -> Generator[Service]:
    """The service on the demonstration's folder, from scratch, with a clock that the story moves."""
    chosen = demo_settings(settings)
    start_over(chosen.data_dir, in_use=EmbeddedServer(chosen.data_dir).in_use())
    with open_service(chosen, StoryClock(start)) as service:
        yield service


def run(settings: Settings, console: Console) -> int:
    """Tell the four stories on the demonstration's folder, from scratch; 0 if everything was verified, else 1."""
    began = time.monotonic()
    with _opened(settings, datetime.now(UTC) - timedelta(days=STORY_DAYS)) as service:
        console.rule("nqms: a demonstration")
        console.print(
            "Four invented mentoring programs go from registration to the highest tier of their affiliate.\n"
            "An independent implementation: the practices asked about are this project's own, not the official items."
        )
        journeys = seed(service, console)
        _directory(service, console)
        _expiries(service, console)
        _why(service, journeys[0], console)
        failed = _verification(service, console)
        again = (f'explain "{journeys[1].program.name}"', f'replay "{journeys[3].program.name}"', "verify", "serve")
        _ended(service, console, began, again)
    return 1 if failed else 0


def run_ten_years(settings: Settings, console: Console) -> int:
    """Tell one program's ten years on the demonstration's folder, from scratch; 0 if everything was verified, else 1."""
    began = time.monotonic()
    with _opened(settings, START) as service:
        console.rule("nqms: ten years of one program")
        console.print(
            "An invented mentoring program in Minnesota, from its registration to its third renewal.\n"
            "An independent implementation: the practices asked about are this project's own, not the official items."
        )
        clock = service.ledger.now
        assert isinstance(clock, StoryClock)

        def told(line: Line) -> None:
            _dated(console, str(line.day), line.says)

        story = ten_years(LedgerDoor(service, clock), told)
        service.projector.catch_up()
        _statuses(service, story, console)
        _turns(service, story, console)
        failed = _verification(service, console)
        name = service.ledger.load("program", story.way.program_id).listing.display_name
        again = (f'explain "{name}" --as-of 2030-06-01', f'replay "{name}" --as-of 2033-10-15', f'plan "{name}"')
        _ended(service, console, began, (*again, "verify"))
    return 1 if failed else 0


def _dated(console: Console, day: str, says: str) -> None:
    """A sentence beside its day."""
    width = console.width - len(day) - 2
    first, *others = wrap(says, width) or [""]
    console.print(f"[bold]{day}[/bold]  {escape(first)}", highlight=False)
    for line in others:
        console.print(" " * (len(day) + 2) + line, markup=False, highlight=False)


def _spans(service: Service, story: TenYears) -> list[Span]:
    partner = service.reading.partner(story.way.program_id)
    return list(partner.history()) if partner else []


def _statuses(service: Service, story: TenYears, console: Console) -> None:
    """Every status that the program ever had, from when to when, as the public reads it."""
    console.rule("What it held, on every day of the ten years")
    table = Table("from", "through", "status", "quality mark")
    for span in _spans(service, story):
        table.add_row(str(span.since), str(span.through or "now on"), span.status, span.held.label)
    console.print(table)


def _turns(service: Service, story: TenYears, console: Console) -> None:
    """The answer that `explain` gives for the first day of each status."""
    console.rule("Why: the answer for the first day of each")
    for span in _spans(service, story):
        answer = explain(service.ledger, story.way.program_id, as_of=span.since).answer
        (revealed,) = Disclosure(service.vault).told([answer])
        _dated(console, str(span.since), revealed)


def _ended(service: Service, console: Console, began: float, commands: Iterable[str]) -> None:
    """How long it took, and how to look at it again."""
    console.print(f"\nTold in {time.monotonic() - began:.0f} seconds. What was told can be looked at again:")
    for command in commands:
        console.print(f"  NQMS_DATA_DIR={service.settings.data_dir} {_program()} {command}", soft_wrap=True)


def _program() -> str:
    """How the reader can call the command line from where they are."""
    called = Path(sys.argv[0])
    if called.name != "nqms":
        return "nqms"
    return str(called.relative_to(Path.cwd())) if called.is_relative_to(Path.cwd()) else str(called)


def seed(service: Service, console: Console) -> list[Journey]:
    """Tell the four stories into an empty ledger."""
    assert isinstance(service.ledger.now, StoryClock)
    door = LedgerDoor(service, service.ledger.now)
    found(door)
    console.rule("Journeys")
    journeys: list[Journey] = []
    for story in STORIES:
        journey = story(door)
        journeys.append(journey)
        console.print(_told(service, journey))
    service.projector.catch_up()
    return journeys


def _told(service: Service, journey: Journey) -> str:
    """A journey in a few lines."""
    program = service.ledger.load("program", journey.program_id)
    cycle = program.cycles[journey.cycle_id]
    ruled = list(cycle.review.determinations.values())
    steps = [f"{len(cycle.answers)} items rated"]
    if len(cycle.submissions) > 1:
        steps.append(f"returned once, handed in {len(cycle.submissions)} times")
    adjusted = sum(d.outcome == "adjusted" for d in ruled)
    steps += [f"{adjusted} ratings adjusted by the reviewer"] if adjusted else []
    accepted = sum(d.outcome == "not_applicable" for d in ruled)
    steps += [f"{accepted} accepted as not applicable"] if accepted else []
    goals = len(cycle.plan.goals) if cycle.plan else 0
    steps += [f"{goals} {'goal' if goals == 1 else 'goals'} in the plan"] if goals else []
    marks = " → ".join(h.label for h in program.holdings)
    told = _hung(f"  {program.version} recorded events: {', '.join(steps)}", 80)
    return f"[bold]{journey.program.name}[/bold], {journey.program.city} ({journey.staff.name})\n{told}\n  granted: {marks}"


def _policy(service: Service, status: Status) -> Policy | None:
    held = status.span.held if status.span else None
    return service.ledger.shelf().policy(held.policy) if held and held.policy else None


def _directory(service: Service, console: Console) -> None:
    now = service.ledger.now()
    console.rule("The partner directory, as of today")
    table = Table("program", "place", "quality mark", "held", "listing")
    disclaimers: dict[str, str] = {}
    for partner in service.reading.partners(now=now).rows:
        for status in partner.statuses(day_in(now)):
            span = status.span
            if status.status != "active" or span is None:
                continue
            until = f"through {span.through}" if span.through else "no end date"
            place = f"{partner.city}, {partner.jurisdiction.removeprefix('US-')}"
            table.add_row(
                partner.name,
                place,
                span.held.label,
                f"from {span.since}\n{until}",
                LISTED.get(span.held.listing, span.held.listing),
            )
            policy = _policy(service, status)
            tier = policy.tier(span.held.tier) if policy else None
            if tier:
                disclaimers[span.held.label] = tier.not_a_claim
    console.print(table)
    console.print("Marks of different affiliates are not compared with one another. Each has its limits:")
    for label, sentence in disclaimers.items():
        console.print(_hung(f"  {label}: {sentence}", console.width), markup=False, highlight=False)


def _expiries(service: Service, console: Console) -> None:
    console.rule("The expiry schedule")
    table = Table("day", "what", "program", "quality mark")
    said = {"expires": "last day", "hold_ends": "last day, falls back", "review_due": "review due"}
    for due in service.reading.expiries():
        day = due.due_on if due.kind == "review_due" else last_valid(due.due_on)
        table.add_row(day.isoformat(), said[due.kind], due.name, due.label)
    console.print(table)


def _why(service: Service, journey: Journey, console: Console) -> None:
    console.rule(f"Why: {journey.program.name}")
    told = text(explain(service.ledger, journey.program_id))
    (revealed,) = Disclosure(service.vault).told([told])
    for line in revealed.splitlines():
        console.print(_hung(line, console.width), markup=False, highlight=False)


def _hung(line: str, width: int) -> str:
    """A line that fits the screen; what does not goes on below, a little further in than it began."""
    margin = line[: len(line) - len(line.lstrip())]
    return fill(line, width, subsequent_indent=f"{margin}    ", break_long_words=False, break_on_hyphens=False)


def _verification(service: Service, console: Console) -> bool:
    console.rule("Verification")
    service.log.catch_up()
    checks = verify(service)
    for line in (*map(str, checks), summary(checks)):
        console.print(line, markup=False, highlight=False)
    return not all(check.fine for check in checks)
