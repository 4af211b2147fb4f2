"""The work list across programs: questions asked of the workspaces' indexes (M21, S0-27, M18).

Days that follow from the rules of a scheme are counted here, from the periods that whoever asks reads in the policies.
"""

from datetime import date, datetime
from typing import LiteralString, NamedTuple

from projections.language import Question, Row
from projections.matters import CHECK_IN, REENGAGE, RENEW
from projections.workspace import LIVE


class Place(NamedTuple):
    """An affiliate and its time zone."""

    affiliate: str
    zone: str


class Assigned(Row):
    """One thing that somebody is to do about a program."""

    program_id: str
    name: str
    affiliate: str
    """Whose staff it lies with, or the program's own affiliate."""
    role: str
    task: str
    act: str | None
    about: str
    scheme: str
    from_on: date | None
    due_on: date | None
    last_on: date | None
    overdue: bool
    """Whether it is late on the day asked about."""
    since: datetime


class Appealed(Row):
    """One appeal in a list."""

    program_id: str
    name: str
    affiliate: str
    appeal_id: str
    decision_id: str
    scheme: str
    state: str
    filed_on: date
    until: date | None


class Declaration(Row):
    """What somebody declared about their interests, in a cycle or an appeal."""

    program_id: str
    name: str
    affiliate: str
    about: str
    scheme: str
    person: str
    nature: str
    mitigated: bool


# What the rules of a scheme make of the day from which they count; nothing where they know no such thing.
_COUNTED: LiteralString = f"""SELECT t.*, coalesce(%(as_of)s::date,
        (%(now)s::timestamptz AT TIME ZONE coalesce(nullif(t.zone, ''), p.zone, 'UTC'))::date) AS today,
    CASE t.task WHEN '{RENEW}' THEN (t.counted - r.renewal::interval)::date
        WHEN '{REENGAGE}' THEN (t.counted + r.looks::interval)::date
        WHEN '{CHECK_IN}' THEN CASE WHEN r.check_in THEN t.from_on END
        ELSE coalesce(t.from_on, '-infinity') END AS opens,
    CASE t.task WHEN '{REENGAGE}' THEN (t.counted + r.due::interval)::date ELSE t.due_on END AS due
FROM read.workspace_tasks t
LEFT JOIN unnest(%(schemes)s::text[], %(versions)s::text[], %(renewals)s::text[], %(looks)s::text[], %(dues)s::text[],
    %(check_ins)s::bool[]) AS r(scheme, version, renewal, looks, due, check_in)
    ON t.counted IS NOT NULL AND r.scheme = t.scheme AND r.version = t.rules
LEFT JOIN unnest(%(affiliates)s::text[], %(zones)s::text[]) AS p(affiliate, zone) ON p.affiliate = t.affiliate
WHERE t.generation = {LIVE} AND (%(affiliate)s::text IS NULL OR t.affiliate = %(affiliate)s)
    AND (%(role)s::text IS NULL OR t.role = %(role)s) AND (%(program)s::text IS NULL OR t.key = %(program)s)"""
_PLACE: LiteralString = "coalesce(due, 'infinity'), since, key, ordinal"
WORKLIST = Question(
    "what is to be done on a day, by affiliate and part: what is due first, then what waits longest",
    f"""SELECT split_part(key, ':', 2), name, affiliate, role, task, act, about, scheme, nullif(opens, '-infinity'), due,
    last_on, coalesce(due < today, false), since, coalesce(due, 'infinity')::text, key, ordinal
FROM ({_COUNTED}) AS t
WHERE opens <= today AND (last_on IS NULL OR today <= last_on) AND (NOT %(overdue)s::bool OR due < today)
    AND (%(c3)s::text IS NULL OR ({_PLACE}) > (%(c1)s::date, %(c2)s::timestamptz, %(c3)s, %(c4)s::int))
ORDER BY {_PLACE} LIMIT %(limit)s""",
)
APPEALS = Question(
    "appeals, the latest first, by affiliate and state",
    f"""SELECT split_part(key, ':', 2), name, affiliate, appeal_id, decision_id, scheme, state, filed_on, until, key,
    ordinal
FROM read.workspace_appeals
WHERE generation = {LIVE} AND (%(affiliate)s::text IS NULL OR affiliate = %(affiliate)s)
    AND (%(state)s::text IS NULL OR state = %(state)s)
    AND (%(c2)s::text IS NULL OR (filed_on, key, ordinal) < (%(c1)s::date, %(c2)s, %(c3)s::int))
ORDER BY filed_on DESC, key DESC, ordinal DESC LIMIT %(limit)s""",
)
DECLARATIONS = Question(
    "declarations of interests in cycles and appeals, by affiliate and person, program after program",
    f"""SELECT split_part(key, ':', 2), name, affiliate, about, scheme, person, nature, mitigated, key, ordinal
FROM read.workspace_declarations
WHERE generation = {LIVE} AND affiliate = %(affiliate)s AND (%(person)s::text IS NULL OR person = %(person)s)
    AND (%(c1)s::text IS NULL OR (key, ordinal) > (%(c1)s, %(c2)s::int))
ORDER BY key, ordinal LIMIT %(limit)s""",
)
