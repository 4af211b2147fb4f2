"""The workspace: each program's state as the rules see it, and whose turn it is since when (3.9).

The state is folded by the domain's own ``evolve``, so that what is complete, open or missing has one definition.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, LiteralString

import msgspec
from msgspec.structs import replace

from domain import EVENTS, STAGES, evolve
from domain.correction import ActWithdrawn
from domain.due import DueKind, dues
from domain.language import Event
from domain.program import Program
from projections.directory import folded
from projections.language import Index, Question, ReadModel, Recorded, Row, columns, subject_of
from projections.matters import matters
from projections.tasks import tasks
from projections.turns import same_turns
from projections.waiting import waiting


class Act(Row):
    """A recorded act that may still be withdrawn, as it is stored (M2)."""

    type: str
    event: msgspec.Raw


class Workspace(Row):
    """One program under way."""

    version: int
    program_id: str
    name: str
    affiliate: str
    waiting_on: str | None = None
    """The part that has to act next."""
    next_act: str | None = None
    """The request that would be the act."""
    cycle_id: str | None = None
    since: datetime
    """Since when it has been so."""
    program: Program
    """The state, without its acts, which are of many types; they lie beside it."""
    acts: dict[int, Act] = {}
    began: dict[str, datetime] = {}
    """Since when each task of the program is open."""


class Deadline(Row):
    """A day with a consequence that will come, or that has come and is not announced yet."""

    program_id: str
    name: str
    affiliate: str
    due_on: date
    """The first day on which it is so."""
    kind: DueKind
    about: str
    """The decision, notice, cycle or year that it is about."""
    scheme: str
    zone: str
    """Empty for that of the affiliate."""


def _values(row: Workspace) -> tuple[Any, ...]:
    return row.affiliate, row.waiting_on, row.since, folded(row.name)


def _tasks(row: Workspace) -> Iterator[tuple[Any, ...]]:
    for n, t in enumerate(tasks(row.program)):
        days = t.counted, t.from_on, t.due_on, t.last_on
        yield (
            *(n, t.elsewhere or row.affiliate, t.role.value, t.task, t.act, t.about, t.scheme, t.rules),
            *(*days, t.zone, row.began[t.key], row.name),
        )


def _deadlines(row: Workspace) -> Iterator[tuple[Any, ...]]:
    for n, due in enumerate(dues(row.program)):
        yield n, row.affiliate, due.due_on, due.kind, due.about, due.scheme, due.zone, row.name


def _appeals(row: Workspace) -> Iterator[tuple[Any, ...]]:
    for n, (appeal_id, a) in enumerate(row.program.appeals.items()):
        yield n, row.affiliate, appeal_id, a.decision_id, a.scheme, a.state, a.filed_on, a.until, row.name


def _declarations(row: Workspace) -> Iterator[tuple[Any, ...]]:
    cycles, appeals = row.program.cycles.items(), row.program.appeals.items()
    said = [(i, c.scheme, who, d.nature, d.mitigated) for i, c in cycles for who, d in c.declarations.items()]
    said += [(i, a.scheme, who, nature, False) for i, a in appeals for who, nature in a.declared.items()]
    for n, declared in enumerate(said):
        yield n, row.affiliate, *declared, row.name


model = ReadModel(
    "workspace",
    Workspace,
    aggregate="program",
    columns=columns(affiliate="text", waiting_on="text", since="timestamptz", folded="text"),
    values=_values,
    index=(
        Index(
            "workspace_tasks",
            columns(
                ordinal="int4", affiliate="text", role="text", task="text", act="text", about="text", scheme="text",
                rules="text", counted="date", from_on="date", due_on="date", last_on="date", zone="text",
                since="timestamptz", name="text",
            ),
            _tasks,
        ),
        Index(
            "workspace_deadlines",
            columns(
                ordinal="int4", affiliate="text", due_on="date", kind="text", about="text", scheme="text", zone="text",
                name="text",
            ),
            _deadlines,
        ),
        Index(
            "workspace_appeals",
            columns(
                ordinal="int4", affiliate="text", appeal_id="text", decision_id="text", scheme="text", state="text",
                filed_on="date", until="date", name="text",
            ),
            _appeals,
        ),
        Index(
            "workspace_declarations",
            columns(
                ordinal="int4", affiliate="text", about="text", scheme="text", person="text", nature="text",
                mitigated="bool", name="text",
            ),
            _declarations,
        ),
    ),
)  # fmt: skip
_ARMS = (event for stage in STAGES if stage.aggregate == "program" for event in stage.arms)
_encode = msgspec.json.Encoder().encode


def acts_of(row: Workspace) -> dict[int, Any]:
    """The acts that may still be withdrawn, by version."""
    return {v: msgspec.json.decode(act.event, type=EVENTS[act.type]) for v, act in row.acts.items()}


@model.on(*_ARMS)
def _(row: Workspace | None, r: Recorded) -> Workspace:
    before = row.program if row else Program(program_id=subject_of(r.stream))
    acts = row.acts if row else {}
    if isinstance(r.event, ActWithdrawn) and row:
        before = replace(before, acts=acts_of(row))
    after: Program = evolve(before, r.event, r.version)
    if isinstance(r.event, ActWithdrawn):
        acts = {v: act for v, act in acts.items() if v in after.acts}
    elif after.acts:
        acts = {**acts, **{v: Act(type=_name(e), event=msgspec.Raw(_encode(e))) for v, e in after.acts.items()}}
    if after.acts:
        after = replace(after, acts={})
    if row and same_turns(row.program, after):
        return replace(row, version=r.version, program=after, acts=acts)
    every = tuple(matters(after))
    turn = waiting(after, known=every)
    now = (turn.role.value, turn.command, turn.cycle_id) if turn else (None, None, None)
    same = row is not None and (row.waiting_on, row.next_act, row.cycle_id) == now
    known = row.began if row else {}
    return Workspace(
        version=r.version,
        program_id=after.program_id,
        name=after.listing.display_name,
        affiliate=after.listing.affiliate,
        waiting_on=now[0],
        next_act=now[1],
        cycle_id=now[2],
        since=row.since if row and same else r.recorded_at,
        program=after,
        acts=acts,
        began={t.key: known.get(t.key, r.recorded_at) for t in tasks(after, known=every)},
    )


def _name(event: Event) -> str:
    return event.published_name()


LIVE: LiteralString = "(SELECT generation FROM read.progress WHERE model = 'workspace' AND live)"
LIST = Question(
    "programs by affiliate and by whose turn it is, the longest waiting first",
    f"""SELECT body, coalesce(since, 'infinity'), key FROM read.workspace
WHERE generation = {LIVE}
    AND (%(affiliate)s::text IS NULL OR affiliate = %(affiliate)s)
    AND (%(waiting_on)s::text IS NULL OR waiting_on = %(waiting_on)s)
    AND (%(q)s::text IS NULL OR strpos(folded, %(q)s) > 0)
    AND (%(key)s::text IS NULL OR (since, key) > (%(since)s::timestamptz, %(key)s))
ORDER BY since, key LIMIT %(limit)s""",
)
ONE = Question(
    "the workspace of one program", f"SELECT body FROM read.workspace WHERE generation = {LIVE} AND key = %(key)s"
)
DEADLINES = Question(
    "what is due up to a day, in the order of the days",
    f"""SELECT split_part(key, ':', 2), name, affiliate, due_on, kind, about, scheme, zone FROM read.workspace_deadlines
WHERE generation = {LIVE} AND due_on <= %(upto)s
    AND (%(affiliate)s::text IS NULL OR affiliate = %(affiliate)s)
ORDER BY due_on, key, ordinal""",
)
