"""The workspace: each program's state as the rules see it, and whose turn it is since when (3.9).

The state is folded by the domain's own ``evolve``, so that what is complete, open or missing has one definition.
"""

from datetime import datetime
from typing import Any, LiteralString

import msgspec
from msgspec.structs import replace

from domain import EVENTS, STAGES, evolve
from domain.correction import ActWithdrawn
from domain.language import Event
from domain.program import Program
from projections.directory import folded
from projections.language import Question, ReadModel, Recorded, Row, columns, subject_of
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


def _values(row: Workspace) -> tuple[Any, ...]:
    return row.affiliate, row.waiting_on, row.since, folded(row.name)


model = ReadModel(
    "workspace",
    Workspace,
    aggregate="program",
    columns=columns(affiliate="text", waiting_on="text", since="timestamptz", folded="text"),
    values=_values,
)
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
    after = replace(after, acts={})
    turn = waiting(after)
    now = (turn.role.value, turn.command, turn.cycle_id) if turn else (None, None, None)
    same = row is not None and (row.waiting_on, row.next_act, row.cycle_id) == now
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
    )


def _name(event: Event) -> str:
    return event.published_name()


_LIVE: LiteralString = "(SELECT generation FROM read.progress WHERE model = 'workspace' AND live)"
LIST = Question(
    "programs by affiliate and by whose turn it is, the longest waiting first",
    f"""SELECT body, coalesce(since, 'infinity'), key FROM read.workspace
WHERE generation = {_LIVE}
    AND (%(affiliate)s::text IS NULL OR affiliate = %(affiliate)s)
    AND (%(waiting_on)s::text IS NULL OR waiting_on = %(waiting_on)s)
    AND (%(q)s::text IS NULL OR strpos(folded, %(q)s) > 0)
    AND (%(key)s::text IS NULL OR (since, key) > (%(since)s::timestamptz, %(key)s))
ORDER BY since, key LIMIT %(limit)s""",
)
ONE = Question(
    "the workspace of one program", f"SELECT body FROM read.workspace WHERE generation = {_LIVE} AND key = %(key)s"
)
