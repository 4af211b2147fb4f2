"""Ten years of one program, every day of them held against a calendar that was written by hand and shares no code."""

import shutil
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from api.demo.doors import LedgerDoor, StoryClock
from api.demo.ten_years import BEGIN, END, SCHEME, START, TenYears, ten_years
from api.explain import explain
from domain import fold, initial
from domain.due import DeadlinePassed, PartnerStatusExpired
from domain.program import Program
from domain.status import standing
from infra.mapper import Recorded
from infra.settings import Settings
from infra.verification import verify
from infra.wiring import Service, open_service
from projections.held import day_in

DAY = timedelta(days=1)

TRUE = """
2026-01-05 none
2026-03-20 active dedicated
2028-02-29 active expert
2029-03-20 expired
2029-06-12 active expert
2030-05-01 suspended expert
2030-07-15 active expert
2034-07-01 active dedicated
2035-06-12 extended dedicated
2035-08-20 active dedicated
"""
"""What was true on each day, by all that is known at the end: the revocation of 2033 was overturned."""

SHOWN = """
2026-01-05 none
2026-03-22 active dedicated
2028-03-02 active expert
2029-03-20 expired
2029-06-14 active expert
2030-05-01 suspended expert
2030-07-15 active expert
2033-10-10 revoked
2033-10-20 active expert
2034-07-01 active dedicated
2035-06-12 extended dedicated
2035-08-24 active dedicated
"""
"""What was shown on the evening of each day, by what was recorded until then: a decision is known from its own day on."""

ANSWERS = {
    date(2026, 3, 19): "no decision about Heron River Mentors was in force",
    date(2026, 3, 20): "is a Dedicated Partner of MENTOR Minnesota from 2026-03-20",
    date(2028, 2, 29): "88 of them stand as confirmed in an earlier cycle",
    date(2029, 3, 20): "that alone brings no tier back",
    date(2029, 6, 12): "is an Expert Partner of MENTOR Minnesota from 2029-06-12",
    date(2030, 5, 1): "is suspended as an Expert Partner of MENTOR Minnesota since 2030-05-01",
    date(2030, 7, 15): "suspended from 2030-05-01 through 2030-07-14",
    date(2032, 2, 29): "91 of 91 applicable practices",
    date(2034, 7, 1): "reduced from Expert Partner (practice not maintained)",
    date(2035, 6, 12): "extended beyond 2035-06-11 (disaster)",
    date(2035, 8, 20): "is a Dedicated Partner of MENTOR Minnesota from 2035-08-20 through 2038-06-11",
}
"""Words of the answer to why, for the first day of each change."""


@dataclass
class Lived:
    """The ledger in which the ten years happened."""

    service: Service
    story: TenYears
    history: list[Recorded]

    @property
    def program(self) -> Program:
        """The program at the end."""
        return fold(initial("program", self.story.way.program_id), [one.event for one in self.history])


@pytest.fixture(scope="module")
def lived() -> Generator[Lived]:
    """The story, told once."""
    folder = Path(tempfile.mkdtemp(prefix="nqt-"))
    clock = StoryClock(START)
    try:
        with open_service(Settings(data_dir=folder / "data"), clock) as service:
            story = ten_years(LedgerDoor(service, clock))
            service.projector.catch_up()
            yield Lived(service, story, service.ledger.history("program", story.way.program_id))
    finally:
        shutil.rmtree(folder)


def calendar(written: str) -> dict[date, str]:
    """Every day of the ten years, from the days on which something changes."""
    turns = [line.split(" ", 1) for line in written.strip().splitlines()]
    changes = {date.fromisoformat(day): status for day, status in turns}
    told: dict[date, str] = {}
    day, now = BEGIN, ""
    while day < END:
        now = changes.get(day, now)
        told[day] = now
        day += DAY
    assert len(told) == 3652
    return told


def _said(program: Program, day: date) -> str:
    now = standing(program, SCHEME, day)
    return f"{now.status} {now.holding.tier}" if now.holding and now.in_term else now.status


@pytest.mark.req("S0-24", "S0-23", "A1", "A2", "A3", "A15", "M15", "M17", "M22", "H10")
def test_every_day_has_the_status_that_the_calendar_says(lived: Lived) -> None:
    program = lived.program
    wrong = {day: (said, _said(program, day)) for day, said in calendar(TRUE).items() if said != _said(program, day)}
    assert wrong == {}


@pytest.mark.req("S0-24", "H10")
def test_the_directory_says_the_same_on_every_day(lived: Lived) -> None:
    partner = lived.service.reading.partner(lived.story.way.program_id)
    assert partner is not None
    now = lived.service.ledger.now()

    def shown(day: date) -> str:
        for status in partner.statuses(day_in(now, day)):
            span = status.span
            running = span is not None and status.status in ("active", "extended", "suspended")
            return f"{status.status} {span.held.tier}" if span and running else status.status
        return "none"

    assert {day: (said, shown(day)) for day, said in calendar(TRUE).items() if said != shown(day)} == {}


@pytest.mark.req("H10", "M18")
def test_what_was_shown_on_each_day_is_another_question(lived: Lived) -> None:
    """The revocation was in effect for ten days, until the appeal; afterwards it never was."""
    states: dict[date, Program] = {}
    state, recorded = initial("program", lived.story.way.program_id), iter(lived.history)
    following = next(recorded, None)
    wrong: dict[date, tuple[str, str]] = {}
    for day, said in calendar(SHOWN).items():
        while following and following.recorded_at.date() <= day:
            state = fold(state, [following.event])
            following = next(recorded, None)
        states[day] = state
        if _said(state, day) != said:
            wrong[day] = (said, _said(state, day))
    assert wrong == {}
    assert _said(states[date(2033, 10, 12)], date(2033, 10, 12)) == "revoked"
    assert _said(lived.program, date(2033, 10, 12)) == "active expert"


@pytest.mark.req("S0-09", "M17", "M22")
@pytest.mark.parametrize("day", ANSWERS, ids=str)
def test_why_is_answered_for_each_change(lived: Lived, day: date) -> None:
    answer = explain(lived.service.ledger, lived.story.way.program_id, as_of=day)
    assert ANSWERS[day] in answer.answer


@pytest.mark.req("M18")
def test_the_overturned_revocation_and_the_denial_are_answered_for(lived: Lived) -> None:
    ids = {d.outcome: decision_id for decision_id, d in lived.program.decisions.items()}
    told = {o: explain(lived.service.ledger, lived.story.way.program_id, decision=ids[o]).answer for o in ids}
    assert "overturned" in told["revoked"]
    assert "K75" in told["denied"]


@pytest.mark.req("S0-24", "H10")
def test_the_ends_are_announced_once_and_for_the_right_midnight(lived: Lived) -> None:
    ends = [e.event.due_on for e in lived.history if isinstance(e.event, PartnerStatusExpired)]
    assert ends == [date(2029, 3, 20)], "the other terms were renewed before they ended"
    days = [(e.event.kind, e.event.about, e.event.due_on) for e in lived.history if isinstance(e.event, DeadlinePassed)]
    assert days == list(dict.fromkeys(days))


@pytest.mark.req("M17")
def test_each_decision_stands_under_the_version_of_its_day(lived: Lived) -> None:
    policies = [h.policy.version for h in lived.program.holdings if h.policy]
    assert policies == ["1", "1", "2", "2", "2"]


def test_the_story_is_verified_and_told(lived: Lived) -> None:
    assert [c.name for c in verify(lived.service) if c.divergences] == []
    assert len(lived.story.lines) > 20
    assert [line.day for line in lived.story.lines] == sorted(line.day for line in lived.story.lines)
