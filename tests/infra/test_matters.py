"""What is open across programs: the same as each program's own state says, in order, page by page."""

from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from domain.appeal import AppealWithdrawn
from domain.complaint import (
    ComplainantIdentitySealed,
    ComplaintAcknowledged,
    ComplaintClosed,
    ComplaintReceived,
    ComplaintReferred,
    ComplaintScreened,
)
from domain.language import Event
from domain.listing import ProgramListingApproved, ProgramRegistered
from domain.notice import PublicNoticeArchived, PublicNoticePosted
from domain.term import add
from infra.database import Database, EmbeddedServer, connect, create_schema
from infra.matters import Chosen, Handler, Matters
from infra.projector import Projector
from infra.reading import CursorInvalid, Reading
from infra.recorder import LedgerRecorder
from projections.tasks import Rules, dated, stands, tasks
from projections.worklist import Assigned, Place
from tests.infra.test_reading import renamed
from tests.recorded import record
from tests.small_tenure import DAY, appealed, denied, empanelled, noticed, revoked, suspended, under
from tests.small_world import NO, Case, attested, granted, listed, registered, requested, submitted, words

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
CHECKED = {"surveillance": {"annual_check_in": True, "change_report_within": None, "basis": "proposal"}}
RULES = [
    Rules("full", "1", "P12M", None, None, check_in=False),
    Rules("full", "2", "P12M", None, None, check_in=True),
    Rules("full", "", "P12M", "P2Y", "P30M", check_in=True),
    Rules("lean", "", "P100D", None, None, check_in=False),
]
PLACES = [Place("north", "America/Chicago"), Place("south", "Pacific/Kiritimati")]


def _of(c: Case, change: Callable[[Case], Any]) -> Case:
    change(c)
    return c


CASES: dict[str, Case] = {
    "checked": under(granted, changes=CHECKED),
    "lean": granted(scheme="lean"),
    "noticed": _of(granted(), noticed),
    "suspended": _of(granted(), suspended),
    "revoked": _of(granted(), revoked),
    "appealed": _of(denied(answers={"A1": NO, "C5": NO}), lambda c: appealed(c, next(iter(c.p.decisions)))),
    "heard": _of(denied(answers={"A1": NO, "C5": NO}), lambda c: empanelled(c, next(iter(c.p.decisions)))),
    "submitted": submitted(),
    "attested": attested(),
    "requested": requested(),
    "registered": registered(),
}


@pytest.fixture(scope="module")
def world(postgres: EmbeddedServer) -> Generator[Database]:
    """Programs at many places of the process. Nobody writes to them."""
    with connect(*create_schema(postgres, "test_matters", "nqms_template")) as database:
        recorder = LedgerRecorder(database)
        recorder.create_ledger("test")
        for name, case in CASES.items():
            record(recorder, f"program:{name}", renamed(case.events, f"{name.title()} Mentors"))
        Projector(database, recorder).catch_up()
        yield database


def pages(question: Callable[..., Any], limit: int = 3) -> Iterator[Any]:
    """The rows of all pages."""
    cursor = None
    while True:
        page = question(cursor=cursor, limit=limit)
        yield from page.rows
        cursor = page.next
        if cursor is None:
            return


def listed_on(world: Database, rules: Sequence[Rules] = RULES, now: datetime = NOW, **chosen: Any) -> list[Assigned]:
    """The whole work list, page by page."""
    matters = Matters(world)
    return list(pages(lambda **page: matters.worklist(Chosen(**chosen), rules, PLACES, now=now, **page)))


def expected(day: date) -> set[tuple[Any, ...]]:
    """The same, as each program's state and the domain's own periods say it."""
    known = {(r.scheme, r.version): r for r in RULES}
    found: set[tuple[Any, ...]] = set()
    for program, case in CASES.items():
        every = (dated(task, known.get((task.scheme, task.rules))) for task in tasks(case.p))
        for t in every:
            if t and stands(t, day):
                late = t.due_on is not None and t.due_on < day
                about = program if t.about == case.program_id else t.about
                found.add((program, t.role.value, t.task, about, t.from_on, t.due_on, t.last_on, late))
    return found


DAYS = [
    date(2026, 1, 20),
    date(2026, 3, 1),
    date(2026, 3, 31),
    date(2026, 12, 21),
    date(2027, 4, 30),
    date(2028, 2, 19),
]
DAYS += [date(2028, 2, 29), date(2028, 8, 31), date(2029, 2, 18), date(2029, 2, 19), date(2031, 1, 1)]


@pytest.mark.req("M21", "S2-07")
@pytest.mark.parametrize("day", DAYS, ids=str)
def test_the_list_of_a_day_is_what_every_programs_state_says(world: Database, day: date) -> None:
    rows = listed_on(world, as_of=day)
    told = [(r.program_id, r.role, r.task, r.about, r.from_on, r.due_on, r.last_on, r.overdue) for r in rows]
    assert set(told) == expected(day)
    assert len(told) == len(set(told)) > 5


def test_what_is_due_first_comes_first_and_then_what_waits_longest(world: Database) -> None:
    rows = listed_on(world, as_of=date(2029, 1, 1))
    order = [(r.due_on or date.max, r.since) for r in rows]
    assert order == sorted(order)
    assert rows[0].overdue
    assert rows[-1].due_on is None


def test_it_is_asked_for_by_affiliate_part_program_and_lateness(world: Database) -> None:
    every = listed_on(world, as_of=NOW.date())
    assert {r.affiliate for r in every} == {"north"}
    assert listed_on(world, affiliate="south") == []
    deciders = listed_on(world, affiliate="north", role="decider", as_of=NOW.date())
    assert {r.task for r in deciders} == {"decide_tier", "revoke_status", "review_suspension"}
    assert {r.program_id for r in listed_on(world, program="program:heard")} == {"heard"}
    late = listed_on(world, overdue=True, as_of=date(2027, 3, 1))
    assert late
    assert all(r.overdue and r.due_on and r.due_on < date(2027, 3, 1) for r in late)


def test_without_rules_nothing_is_counted_from_them(world: Database) -> None:
    day = date(2028, 8, 1)
    assert {"renew", "reengage"} <= {r.task for r in listed_on(world, as_of=day)}
    assert not {"renew", "reengage", "check_in"} & {r.task for r in listed_on(world, [], as_of=day)}


def test_it_is_the_day_that_it_is_where_the_matter_lies(world: Database) -> None:
    case = CASES["noticed"]
    (notice,) = case.p.notices.values()
    midnight = datetime.combine(notice.reply_by + DAY, datetime.min.time(), tzinfo=UTC) + timedelta(hours=6)
    for now, task in ((midnight - timedelta(hours=2), "reply_to_notice"), (midnight, "revoke_status")):
        found = {r.task for r in listed_on(world, now=now, program="program:noticed")}
        assert task in found, "in Chicago the day ends five or six hours after it does in Greenwich"
    assert "reply_to_notice" not in found


def test_appeals_the_latest_first(world: Database) -> None:
    matters = Matters(world)
    every = list(pages(matters.appeals, limit=1))
    assert {(a.program_id, a.state) for a in every} == {("appealed", "filed"), ("heard", "panel_named")}
    assert [a.filed_on for a in every] == sorted((a.filed_on for a in every), reverse=True)
    assert [a.program_id for a in matters.appeals(state="filed").rows] == ["appealed"]
    assert matters.appeals(affiliate="south").rows == ()


@pytest.mark.req("M19")
def test_declarations_by_program(world: Database) -> None:
    matters = Matters(world)
    every = list(pages(lambda **page: matters.declarations("north", **page)))
    keys = [f"program:{d.program_id}" for d in every]
    assert keys == sorted(keys)
    assert {d.person for d in every if d.program_id == "heard"} >= {"p_chair", "p_reviewer", "p_decider"}
    assert {d.nature for d in every} == {"none"}
    assert {d.person for d in matters.declarations("north", person="p_chair").rows} == {"p_chair"}
    assert matters.declarations("south").rows == ()


@pytest.mark.parametrize("cursor", ["x", "bm90IGpzb24", "WzFd"])
def test_a_cursor_of_something_else_is_refused(world: Database, cursor: str) -> None:
    matters = Matters(world)
    for question in (matters.appeals, lambda **p: matters.declarations("north", **p)):
        with pytest.raises(CursorInvalid):
            question(cursor=cursor)


def test_deadlines_up_to_a_day(world: Database) -> None:
    reading = Reading(world)
    (notice,) = CASES["noticed"].p.notices.values()
    due = notice.reply_by + DAY
    assert [(d.program_id, d.kind) for d in reading.deadlines(due) if d.kind == "reply_end"] == [
        ("noticed", "reply_end")
    ]
    assert [d.kind for d in reading.deadlines(notice.reply_by) if d.program_id == "noticed"] == []
    days = [d.due_on for d in reading.deadlines(add(due, "P4Y"))]
    assert days == sorted(days)
    assert reading.deadlines(add(due, "P4Y"), affiliate="south") == []


# --- public notices ---------------------------------------------------------------------------------------------------


def posted(kind: str, about: str) -> PublicNoticePosted:
    """A notice of a decision."""
    return PublicNoticePosted(
        notice_id=f"{about}-public", scheme="full", kind=kind, about=about, grounds=("safety",),
        effective_on=date(2026, 5, 1),
    )  # fmt: skip


@pytest.mark.req("M6")
def test_notices_are_shown_as_they_were_known_and_never_erased(database: Database, recorder: LedgerRecorder) -> None:
    matters = Matters(database)
    case = CASES["suspended"]
    at = record(recorder, "program:a", renamed(case.events, "First Name"))
    told = [posted("revocation", "d2"), PublicNoticeArchived(notice_id="d2-public", ground="overturned")]
    record(recorder, "program:b", [*listed().events, *told])
    Projector(database, recorder).catch_up()
    every = list(pages(matters.notices, limit=1))
    assert [(n.program_id, n.notice.kind) for n in every] == [("b", "revocation"), ("a", "suspension")]
    assert [n.notice.archived_on_ground for n in every] == ["overturned", None]
    assert every[1].name == "First Name"
    assert [n.program_id for n in matters.notices(current=True).rows] == ["a"]
    assert [n.program_id for n in matters.notices(current=False).rows] == ["b"]
    assert [n.program_id for n in matters.notices(program_id="a").rows] == ["a"]
    assert [n.program_id for n in matters.notices(as_known=at).rows] == ["a"]
    assert matters.notices(affiliate="south").rows == ()
    assert matters.notices(as_known=1).rows == ()


def test_a_program_that_was_never_listed_is_not_named(database: Database, recorder: LedgerRecorder) -> None:
    first, *_ = registered().events
    assert isinstance(first, ProgramRegistered)
    record(recorder, "program:p", [first, posted("suspension", "d1")])
    projector, matters = Projector(database, recorder), Matters(database)
    projector.catch_up()
    assert matters.notices().rows == ()
    record(recorder, "program:p", [ProgramListingApproved(affiliate="north")], 2)
    projector.catch_up()
    assert [n.program_id for n in matters.notices().rows] == ["p"]


def test_a_notice_says_while_an_appeal_takes_the_effect_away(database: Database, recorder: LedgerRecorder) -> None:
    c = granted()
    appeal_id = appealed(c, suspended(c))
    record(recorder, "program:p", list(c.events))
    projector, matters = Projector(database, recorder), Matters(database)
    projector.catch_up()
    assert [n.notice.stayed for n in matters.notices().rows] == [True]
    decision_id = next(iter(c.p.appeals.values())).decision_id
    withdrawn = AppealWithdrawn(appeal_id=appeal_id, decision_id=decision_id, ended_on=c.today)
    record(recorder, "program:p", [withdrawn], len(c.events))
    projector.catch_up()
    assert [n.notice.stayed for n in matters.notices().rows] == [False]


# --- complaints -------------------------------------------------------------------------------------------------------


def complained(about: str, affiliate: str, *more: Event) -> list[Event]:
    """A complaint and what was done about it."""
    program_id = "prog1" if about == "program" else None
    said = {"about": about, "program_id": program_id, "affiliate": affiliate, "concern": "conduct"}
    return [ComplaintReceived(**said, narrative=words("They shouted.")), *more]


@pytest.fixture
def complaints(database: Database, recorder: LedgerRecorder) -> Matters:
    """Two about programs, two about affiliates."""
    screened = ComplaintScreened(outcome="admitted", severity="serious", reason=words("It may be so."))
    done = ComplaintClosed(outcome="founded", reason=words("It was so."))
    sealed = ComplainantIdentitySealed(identity=words("A neighbour."))
    stories = {
        "c1": complained("program", "north", sealed, ComplaintAcknowledged(), screened),
        "c2": complained("program", "south", screened, ComplaintReferred(program_id="prog1"), done),
        "c3": complained("affiliate", "north"),
        "c4": complained("affiliate", "national"),
    }
    for subject, events in stories.items():
        record(recorder, f"complaint:{subject}", events)
    Projector(database, recorder).catch_up()
    return Matters(database)


@pytest.mark.req("M19")
def test_complaints_are_listed_for_those_who_handle_them(complaints: Matters) -> None:
    def ids(handler: Handler, **chosen: Any) -> list[str]:
        return [c.complaint_id for c in pages(lambda **page: complaints.complaints(handler, **chosen, **page), limit=1)]

    assert ids(Handler(["north"], national=False, works_for=["north"])) == ["c1"]
    assert ids(Handler(["north", "south"], national=False, works_for=["north"])) == ["c2", "c1"]
    assert ids(Handler([], national=True, works_for=["national"])) == ["c3"], "not the one about themselves"
    assert ids(Handler(["national"], national=True, works_for=["national"]), affiliate="north") == ["c3"]
    assert ids(Handler(["north", "south"], national=False, works_for=[]), state="closed") == ["c2"]
    assert ids(Handler([], national=False, works_for=[])) == []


def test_a_row_says_how_far_a_complaint_has_come(complaints: Matters) -> None:
    newest, first = complaints.complaints(Handler(["north", "south"], national=False, works_for=[])).rows
    assert (first.state, first.severity, first.outcome) == ("admitted", "serious", None)
    assert first.acknowledged_at is not None
    assert first.identity == words("A neighbour.")
    assert (newest.state, newest.outcome, newest.identity) == ("closed", "founded", None)
    assert newest.referred_at is not None
    assert newest.closed_at is not None
