"""The public directory: which program holds which tier, from when to when, and what was shown at any time (S0-25).

Public facts only: never ratings, descriptions, plans or persons. A program keeps its row for good; what it holds on a
day follows from dated facts, so that nobody is shown a day too long because a job has not run (H10). Rank orders
programs within one scheme and never across schemes (A28, M23).
"""

import unicodedata
from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from typing import Any, Literal, LiteralString, cast
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from domain.access import AssessmentLapsed, AssessmentWithdrawn
from domain.assessment import AssessmentSubmitted
from domain.changes import ProgramRenamed
from domain.closure import ProgramDiscontinued, ProgramMerged
from domain.decision import TierDenied
from domain.grant import TierGranted
from domain.listing import (
    ProgramListingApproved,
    ProgramListingDeclined,
    ProgramListingPaused,
    ProgramListingResumed,
    ProgramProfileAmended,
    ProgramRegistered,
)
from domain.participation import ParticipationRequested
from domain.program import without
from domain.tenure import BEARING
from domain.transfer import ProgramTransferredToAffiliate
from projections.held import Tenured, borne, midnight
from projections.language import Index, Question, ReadModel, Recorded, Row, columns, present, subject_of
from projections.listed import EVER, Amended, Listing, stretches


class FormerName(Row):
    """A name that the program went by."""

    name: str
    until: date
    """The first day on which it had another."""


class Partner(Tenured):
    """One program as the public sees it."""

    program_id: str
    name: str
    affiliate: str
    jurisdiction: str
    city: str
    website: str | None = None
    ages: tuple[int, int]
    models: tuple[str, ...]
    ein: str | None = None
    listing: Literal["pending", "listed", "paused", "declined", "merged", "discontinued"]
    former_names: tuple[FormerName, ...] = ()
    amended: tuple[Amended, ...] = ()
    """What became otherwise in how it is listed, in the order in which it was recorded."""
    successor: str | None = None
    """The program that it merged into."""
    renewals: dict[str, str] = {}
    """Renewals under way: cycle to scheme."""
    renewing: dict[str, date] = {}
    """Since when the renewal of a scheme is under review (M15)."""

    def listings(self) -> Iterator[Listing]:
        """How it is listed, and was, stretch by stretch in the order of the days."""
        return stretches(self.amended)

    def next_change_at(self, now: datetime) -> datetime | None:
        """The next midnight at which one of its statuses changes, in UTC."""
        days = {(day, s.held.zone) for s in self.history() for day in (s.since, s.until) if day}
        return min((at for at in (midnight(*d) for d in days) if at > now), default=None)


def folded(name: str) -> str:
    """A name as names are compared and looked for: without case, one way to write each sign."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def _values(row: Partner) -> tuple[Any, ...]:
    return row.affiliate, row.listing, folded(row.jurisdiction), folded(row.city), row.name, folded(row.name)


def _spans(row: Partner) -> Iterator[tuple[Any, ...]]:
    for n, span in enumerate(row.history()):
        h = span.held
        line = h.scheme, h.tier, h.label, h.rank, h.zone, span.status, span.since, span.until
        yield n, row.affiliate, row.listing, *line


def _listings(row: Partner) -> Iterator[tuple[Any, ...]]:
    if row.listing in ("pending", "declined"):
        return  # the public never saw it
    for n, one in enumerate(row.listings()):
        place = folded(one.jurisdiction), folded(one.city)
        yield n, one.since, one.until, one.affiliate, one.listing, *place, folded(one.name)


model = ReadModel(
    "directory",
    Partner,
    aggregate="program",
    versioned=True,
    columns=columns(affiliate="text", listing="text", area="text", city="text", name="text", folded="text"),
    values=_values,
    index=(
        Index(
            "directory_spans",
            columns(
                ordinal="int4", affiliate="text", listing="text", scheme="text", tier="text", label="text", rank="int4",
                zone="text", status="text", since="date", until="date",
            ),
            _spans,
        ),
        Index(
            "directory_listings",
            columns(
                ordinal="int4", since="date", until="date", affiliate="text", listing="text", area="text", city="text",
                folded="text",
            ),
            _listings,
        ),
    ),
)  # fmt: skip


def _amended(row: Partner, since: date, **said: str) -> Partner:
    """The row with what it says otherwise from a day on, which has come."""
    return replace(row, **cast(Any, said), amended=(*row.amended, Amended(since=since, said=said)))


def _day(row: Partner, r: Recorded, scheme: str | None = None) -> date:
    """The day on which a fact was recorded: in the zone of what the program holds, before that in UTC."""
    zone = next((h.zone for h in row.held.values() if scheme in (None, h.scheme)), "UTC")
    return r.recorded_at.astimezone(ZoneInfo(zone)).date()


def _now(row: Partner | None, r: Recorded, **said: str) -> Partner:
    """The same from the day on which the fact was recorded: for facts that name no day of their own."""
    known = present(row, r)
    return _amended(known, _day(known, r), **said)


@model.on(ProgramRegistered)
def _(row: Partner | None, r: Recorded) -> Partner:
    e: ProgramRegistered = r.event
    first = Partner(
        program_id=subject_of(r.stream), name=e.display_name, affiliate=e.affiliate, jurisdiction=e.jurisdiction,
        city=e.city, website=e.website, ages=e.ages, models=e.models, ein=e.ein, listing="pending",
    )  # fmt: skip
    about = ("listing", "name", "affiliate", "jurisdiction", "city")
    return _amended(first, EVER, **{name: getattr(first, name) for name in about})


@model.on(ProgramListingApproved)
def _(row: Partner | None, r: Recorded) -> Partner:
    return _now(row, r, listing="listed", affiliate=r.event.affiliate)


@model.on(ProgramListingDeclined)
def _(row: Partner | None, r: Recorded) -> Partner:
    return _now(row, r, listing="declined")


@model.on(ProgramListingPaused)
def _(row: Partner | None, r: Recorded) -> Partner:
    return _now(row, r, listing="paused")


@model.on(ProgramListingResumed)
def _(row: Partner | None, r: Recorded) -> Partner:
    return _now(row, r, listing="listed")


@model.on(ProgramProfileAmended)
def _(row: Partner | None, r: Recorded) -> Partner:
    known, e = present(row, r), r.event
    changes = {"website": e.website, "ages": e.ages, "models": e.models}
    known = replace(known, **{name: value for name, value in changes.items() if value is not None})
    return _now(known, r, city=e.city) if e.city is not None else known


@model.on(*BEARING)
def _(row: Partner | None, r: Recorded) -> Partner:
    known: Partner = borne(row, r)
    return _renewed(known, r.event.cycle_id) if isinstance(r.event, TierGranted) else known


@model.on(ProgramRenamed)
def _(row: Partner | None, r: Recorded) -> Partner:
    known, e = present(row, r), r.event
    if known.name == e.display_name:
        return known
    former = FormerName(name=known.name, until=e.effective_on)
    known = replace(known, former_names=(*known.former_names, former))
    return _amended(known, e.effective_on, name=e.display_name)


@model.on(ProgramTransferredToAffiliate)
def _(row: Partner | None, r: Recorded) -> Partner:
    e: ProgramTransferredToAffiliate = r.event
    return _amended(present(row, r), e.effective_on, affiliate=e.to, jurisdiction=e.jurisdiction)


@model.on(ProgramMerged)
def _(row: Partner | None, r: Recorded) -> Partner:
    known = replace(present(row, r), successor=r.event.into)
    return _amended(known, r.event.effective_on, listing="merged")


@model.on(ProgramDiscontinued)
def _(row: Partner | None, r: Recorded) -> Partner:
    return _amended(present(row, r), r.event.closed_on, listing="discontinued")


@model.on(ParticipationRequested)
def _(row: Partner | None, r: Recorded) -> Partner:
    known, e = present(row, r), r.event
    if e.kind != "renewal":
        return known
    return replace(known, renewals={**known.renewals, e.cycle_id: e.scheme})


@model.on(AssessmentSubmitted)
def _(row: Partner | None, r: Recorded) -> Partner:
    known = present(row, r)
    scheme = known.renewals.get(r.event.cycle_id)
    if scheme is None or scheme in known.renewing:
        return known
    return replace(known, renewing={**known.renewing, scheme: _day(known, r, scheme)})


@model.on(TierDenied, AssessmentWithdrawn, AssessmentLapsed)
def _(row: Partner | None, r: Recorded) -> Partner:
    known = present(row, r)
    ended = not isinstance(r.event, TierDenied) or r.event.ends_cycle
    return _renewed(known, r.event.cycle_id) if ended else known


def _renewed(row: Partner, cycle_id: str | None) -> Partner:
    """A renewal came to its end, one way or another."""
    scheme = row.renewals.get(cycle_id or "")
    if scheme is None:
        return row
    renewals, renewing = without(row.renewals, cycle_id), without(row.renewing, scheme)
    return replace(row, renewals=renewals, renewing=renewing)


class Members(Row):
    """How many programs held a tier on a day."""

    affiliate: str
    scheme: str
    tier: str
    label: str
    rank: int
    members: int


# The questions. A row is current while to_position is null; "as known" asks for the row that held at a position. The
# day is the one asked about, or today in the zone of each tier.
_LIVE: LiteralString = "(SELECT generation FROM read.progress WHERE model = 'directory' AND live)"
_NOW: LiteralString = "{0}.to_position IS NULL"
_THEN: LiteralString = "{0}.from_position <= %(known)s AND ({0}.to_position IS NULL OR {0}.to_position > %(known)s)"
_DAY: LiteralString = "coalesce(%(as_of)s::date, (%(now)s::timestamptz AT TIME ZONE s.zone)::date)"
_ACTIVE: LiteralString = "s.status IN ('active', 'extended')"
_CHOSEN: LiteralString = """(%(tier)s::text IS NULL OR s.scheme || '/' || s.tier = %(tier)s)
            AND CASE coalesce(%(status)s::text, 'active') WHEN 'active' THEN s.status IN ('active', 'extended')
                ELSE s.status = %(status)s END"""
_STATUS: LiteralString = """CASE WHEN %(status)s::text IS NULL AND %(tier)s::text IS NULL THEN true
        WHEN %(status)s::text = 'none' THEN %(tier)s::text IS NULL AND NOT coalesce(h.ever, false)
        ELSE coalesce(h.chosen, false) END"""
_SCOPE: dict[str, LiteralString] = {
    "affiliate": "d.affiliate = %(affiliate)s",
    "place": "%(place)s IN (d.area, d.city)",
    "q": "strpos(d.folded, %(q)s) > 0",
}
"""What a filter asks of a row of the directory."""
_LISTED: LiteralString = "d.listing = 'listed'"
_ON: LiteralString = "{0}.since <= %(as_of)s AND ({0}.until IS NULL OR {0}.until > %(as_of)s)"
_PUBLIC: LiteralString = "('listed', 'paused', 'merged', 'discontinued')"
_LISTED_ON: LiteralString = f"""{_ON.replace("{0}", "d")}
    AND (d.listing = 'listed' OR d.listing <> 'paused' AND EXISTS (
        SELECT FROM read.directory_spans s WHERE s.generation = d.generation AND s.key = d.key
            AND s.from_position = d.from_position AND s.status IN ('active', 'extended', 'suspended')
            AND {_ON.replace("{0}", "s")}))"""
"""On a given day: who was listed on it, and who was not, or not yet, though a term ran on it."""
_BY_RANK: LiteralString = "coalesce(h.scheme, '~'), coalesce(-h.rank, 0)"


def _standing(known: LiteralString, asked: frozenset[str]) -> LiteralString:
    """What each program holds on the day, as far as the filters ask for it."""
    scheme: LiteralString = " AND s.scheme = %(scheme)s" if "scheme" in asked else ""
    now = "affiliate" in asked and "as_of" not in asked  # on a given day it was perhaps at another
    of: LiteralString = " AND s.affiliate = %(affiliate)s" if now else ""
    return f"""SELECT s.key, s.from_position, true AS ever, min(s.scheme) FILTER (WHERE {_ACTIVE}) AS scheme,
        (array_agg(s.rank ORDER BY s.scheme) FILTER (WHERE {_ACTIVE}))[1] AS rank, bool_or({_CHOSEN}) AS chosen
    FROM read.directory_spans s
    WHERE s.generation = {_LIVE} AND {known.replace("{0}", "s")}
        AND s.since <= {_DAY} AND (s.until IS NULL OR s.until > {_DAY}){scheme}{of}"""


@cache
def page(asked: frozenset[str], *, then: bool, ranked: bool) -> Question:
    """A page of partners, with the filters that are asked for alone: so each can go by an index.

    ``asked``: names of filters, ``as_of`` for a given day, and ``after`` where it is not the first page. Ranked: by rank within each scheme, those
    that hold nothing last ('~' sorts after codes); else by name.
    """
    known = _THEN if then else _NOW
    on = "as_of" in asked
    conditions: LiteralString = "".join(f"\n    AND {sql}" for name, sql in _SCOPE.items() if name in asked)
    standing = _standing(known, asked)
    held: LiteralString = ""
    by_rank: LiteralString = _BY_RANK if ranked else "'~', 0"
    if ranked and not (on and "affiliate" in asked):
        held = f"""LEFT JOIN ({standing} GROUP BY s.key, s.from_position) AS h USING (key, from_position)"""
    elif ranked or asked & {"tier", "status", "scheme"}:
        held = f"""LEFT JOIN LATERAL ({standing} AND s.key = d.key AND s.from_position = d.from_position
        GROUP BY s.key, s.from_position) AS h ON true"""
    if held:
        conditions += f" AND {_STATUS}"
    place: LiteralString = f"{by_rank}, d.folded, d.key" if ranked else "d.folded, d.key"
    if "after" in asked:
        after: LiteralString = "%(c1)s, %(c2)s::int, %(c3)s, %(c4)s::text" if ranked else "%(c3)s, %(c4)s::text"
        conditions += f" AND ({place}) > ({after})"
    found: LiteralString = f"""SELECT {{0}}, {by_rank}, d.folded, d.key
FROM read.{"directory_listings" if on else "directory"} d {held}
WHERE d.generation = {_LIVE} AND {known.replace("{0}", "d")} AND {_LISTED_ON if on else _LISTED}{conditions}
ORDER BY {place} LIMIT %(limit)s"""
    # The bodies of a page are fetched once it is known which they are.
    bodies: LiteralString = f"""SELECT b.body, c1, c2, c3, c4
FROM ({found.replace("{0}", "d.generation, d.from_position")}) AS p(generation, from_position, c1, c2, c3, c4)
JOIN read.directory b ON b.generation = p.generation AND b.key = p.c4 AND b.from_position = p.from_position
ORDER BY c1, c2, c3, c4"""
    return Question(
        f"partners {'by rank within each scheme' if ranked else 'in order of their names'}{' on a day' if on else ''}"
        f"{', as known at a position' if then else ', now known'}",
        bodies if on else found.replace("{0}", "d.body"),
    )


def _next_change(known: LiteralString) -> LiteralString:
    """For each time zone the next day on which a span begins, and on which one ends; from zone to zone and to that day
    by the index, however many spans turn on it."""
    of: LiteralString = f"""FROM read.directory_spans s WHERE s.generation = {_LIVE} AND {known.replace("{0}", "s")}"""
    chosen: LiteralString = """s.listing = 'listed' AND (%(affiliate)s::text IS NULL OR s.affiliate = %(affiliate)s)
        AND (%(scheme)s::text IS NULL OR s.scheme = %(scheme)s)"""
    today: LiteralString = "(%(now)s::timestamptz AT TIME ZONE zones.zone)::date"
    day: LiteralString = f"""(SELECT s.{{0}} {of} AND s.zone = zones.zone AND s.{{0}} > {today} AND {chosen}
        ORDER BY s.{{0}} LIMIT 1)"""
    return f"""WITH RECURSIVE zones(zone) AS (
    (SELECT s.zone {of} ORDER BY s.zone LIMIT 1)
    UNION ALL
    SELECT (SELECT s.zone {of} AND s.zone > zones.zone ORDER BY s.zone LIMIT 1) FROM zones WHERE zones.zone IS NOT NULL
)
SELECT turns.day, zones.zone FROM zones CROSS JOIN LATERAL (
    VALUES ({day.replace("{0}", "since")}), ({day.replace("{0}", "until")})
) AS turns(day) WHERE turns.day IS NOT NULL"""


@cache
def members(*, then: bool, on: bool) -> Question:
    """How many programs hold each tier, today in each tier's zone or on a given day, at the affiliate that it is then."""
    known = (_THEN if then else _NOW).replace("{0}", "s")
    listed: LiteralString = "JOIN read.directory_listings l USING (generation, key, from_position)" if on else ""
    affiliate: LiteralString = "l.affiliate" if on else "s.affiliate"
    day: LiteralString = f" AND {_ON.replace('{0}', 'l')}" if on else ""
    return Question(
        f"how many programs hold each tier {'on a day' if on else 'today'}{', as known at a position' if then else ''}",
        f"""SELECT {affiliate}, s.scheme, s.tier, max(s.label), s.rank, count(DISTINCT s.key)
FROM read.directory_spans s {listed}
WHERE s.generation = {_LIVE} AND {known} AND s.listing IN {_PUBLIC}{day}
    AND {_ACTIVE} AND s.since <= {_DAY} AND (s.until IS NULL OR s.until > {_DAY})
    AND (%(affiliate)s::text IS NULL OR {affiliate} = %(affiliate)s)
GROUP BY {affiliate}, s.scheme, s.tier, s.rank
ORDER BY {affiliate}, s.scheme, s.rank DESC, s.tier""",
    )


def _named(known: LiteralString) -> LiteralString:
    return f"""SELECT d.body FROM read.directory d
WHERE d.generation = {_LIVE} AND {known.replace("{0}", "d")} AND d.key = ANY(%(keys)s::text[])
    AND d.listing IN {_PUBLIC}
ORDER BY array_position(%(keys)s::text[], d.key)"""


NEXT_CHANGE = Question("on which day, in which zone, a status changes next", _next_change(_NOW))
NEXT_CHANGE_THEN = Question("the same, as known at a position", _next_change(_THEN))
NAMED = Question("partners by id, in the order asked for", _named(_NOW))
NAMED_THEN = Question("the same, as known at a position", _named(_THEN))
