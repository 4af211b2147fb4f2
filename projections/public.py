"""What the public may know of a program, as one row that needs nobody to say what holds on a day.

The row lists every turn of every status with the day it begins on. Whoever has the row knows what is shown today, what
will be shown after midnight, and what was shown on any day: ``shown_on`` chooses, and it holds no rule. The public
directory and every copy of it say the same because both are made here.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from domain.language import Shelf
from domain.status import StatusName
from domain.term import last_valid
from projections.directory import Partner
from projections.held import Held, Span, day_in, midnight
from projections.listed import EVER, Listing

ENDED = ("merged", "discontinued")
LISTINGS = ("listed", "paused", *ENDED)
"""Programs in one of these states are or were listed, so the public may ask for them."""


class _Public(msgspec.Struct, frozen=True, kw_only=True):
    """Published: every field is always written."""


class PublicPlace(_Public, frozen=True, kw_only=True):
    """Where a program is."""

    city: str
    jurisdiction: str


class PublicName(_Public, frozen=True, kw_only=True):
    """A name that a program went by; ``until`` is the first day on which it had another."""

    name: str
    until: date


class PublicListing(_Public, frozen=True, kw_only=True):
    """How a program is listed from a day on, up to the next one; the first was so from the beginning (no ``since``)."""

    since: date | None
    listing: str
    """pending, listed, paused, merged or discontinued."""
    name: str
    affiliate: str
    affiliate_name: str | None
    place: PublicPlace


class PublicSpan(_Public, frozen=True, kw_only=True):
    """One interval of the history, from its first to its last valid day (``through``; none while it has no end)."""

    status: StatusName
    tier: str
    """Qualified by its scheme, such as ``scheme/tier``. Tiers of different schemes are not equivalent."""
    label: str
    since: date
    through: date | None
    grounds: tuple[str, ...]
    provenance: str
    attested_by: str | None


class PublicStatus(_Public, frozen=True, kw_only=True):
    """What holds under one scheme from a turn on, with its meaning and what it is no claim of."""

    scheme: str
    status: StatusName
    tier: str
    label: str
    since: date
    through: date | None
    grounds: tuple[str, ...]
    provenance: str
    attested_by: str | None
    badge: str | None
    national_badge: bool
    listing: str
    """highest, priority, listed or none: how the affiliate's page shows it."""
    assessed: bool
    meaning: str
    not_a_claim: str
    term_through: date | None
    says: str


class Turn(_Public, frozen=True, kw_only=True):
    """A status that holds from a day on, as that day begins in a time zone."""

    since: date
    zone: str
    rank: int
    """Orders tiers inside this scheme only, the higher the better."""
    held: bool
    """Whether the tier may be claimed."""
    shows: PublicStatus


class Scheme(_Public, frozen=True, kw_only=True):
    """The turns of one scheme in the order of their days. Before the first of them nothing is held."""

    scheme: str
    turns: tuple[Turn, ...]


class PublicRow(_Public, frozen=True, kw_only=True):
    """One program as the public may know it, on any day. ``position``: of the event that made the row what it is."""

    position: int
    program_id: str
    name: str
    affiliate: str
    affiliate_name: str | None
    place: PublicPlace
    website: str | None
    ages: tuple[int, int]
    models: tuple[str, ...]
    ein: str | None
    listing: str
    """listed, paused, merged or discontinued; only listed ones are in the directory's pages."""
    successor: str | None
    """The program that it merged into."""
    former_names: tuple[PublicName, ...]
    listings: tuple[PublicListing, ...] = ()
    """How it was listed on earlier days, in their order. Rows from before this was told have none: see ``listings_of``."""
    schemes: tuple[Scheme, ...]
    history: tuple[PublicSpan, ...]
    changes_at: tuple[str, ...]
    """Every instant (UTC) at which something in it changes by date alone, in order."""


_LISTED_AS = ("listing", "name", "affiliate", "affiliate_name", "place")
"""What is said of the listing, which is another on other days."""
_SHOWN_AS_IS = (
    *("program_id", "name", "affiliate", "affiliate_name", "place", "website", "ages", "models", "ein", "listing"),
    *("successor", "former_names"),
)


def instant(moment: datetime) -> str:
    """An instant as it is published: ISO 8601, UTC, with Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def is_public(row: Partner | None) -> bool:
    """Whether the public may ask for a program."""
    return row is not None and row.listing in LISTINGS


def public_row(row: Partner, shelf: Shelf, position: int) -> PublicRow:
    """A row of the directory with what its affiliate and its policies say of it."""
    days = {(day, s.held.zone) for s in row.history() for day in (s.since, s.until) if day}
    return PublicRow(
        position=position,
        program_id=row.program_id,
        name=row.name,
        affiliate=row.affiliate,
        affiliate_name=_name_of(row.affiliate, shelf),
        place=PublicPlace(city=row.city, jurisdiction=row.jurisdiction),
        website=row.website,
        ages=row.ages,
        models=row.models,
        ein=row.ein,
        listing=row.listing,
        successor=row.successor,
        former_names=tuple(PublicName(name=n.name, until=n.until) for n in row.former_names),
        listings=tuple(_listing(one, shelf) for one in row.listings()),
        schemes=tuple(_scheme(row, scheme, shelf) for scheme in row.schemes()),
        history=tuple(public_span(span) for span in row.history()),
        changes_at=tuple(instant(at) for at in sorted({midnight(*day) for day in days})),
    )


def _name_of(affiliate: str, shelf: Shelf) -> str | None:
    known = shelf.affiliate(affiliate)
    return known.name if known else None


def _listing(one: Listing, shelf: Shelf) -> PublicListing:
    return PublicListing(
        since=None if one.since == EVER else one.since,
        listing=one.listing,
        name=one.name,
        affiliate=one.affiliate,
        affiliate_name=_name_of(one.affiliate, shelf),
        place=PublicPlace(city=one.city, jurisdiction=one.jurisdiction),
    )


def _scheme(row: Partner, scheme: str, shelf: Shelf) -> Scheme:
    renewing = row.renewing.get(scheme)
    turns = (
        Turn(
            since=span.since,
            zone=span.held.zone,
            rank=span.held.rank,
            held=span.is_held,
            shows=_status(scheme, span, renewing, shelf),
        )
        for span in row.spans(scheme)
    )
    return Scheme(scheme=scheme, turns=tuple(turns))


def public_span(span: Span) -> PublicSpan:
    """One interval: the tier by its public code, from its first to its last valid day."""
    held = span.held
    return PublicSpan(
        status=span.status,
        tier=held.code,
        label=held.label,
        since=span.since,
        through=span.through,
        grounds=span.grounds,
        provenance=held.provenance,
        attested_by=held.source,
    )


def _status(scheme: str, span: Span, renewing: date | None, shelf: Shelf) -> PublicStatus:
    held = span.held
    meaning, not_a_claim = _meaning(held, shelf)
    return PublicStatus(
        scheme=scheme,
        status=span.status,
        tier=held.code,
        label=held.label,
        since=span.since,
        through=span.through,
        grounds=span.grounds,
        provenance=held.provenance,
        attested_by=held.source,
        badge=held.badge if span.is_held else None,
        national_badge=held.national_badge and span.is_held,
        listing=held.listing if span.is_held else "none",
        assessed=held.assessed,
        meaning=meaning,
        not_a_claim=not_a_claim,
        term_through=last_valid(span.ends) if span.ends else None,
        says=said(span, renewing),
    )


def _meaning(held: Held, shelf: Shelf) -> tuple[str, str]:
    policy = shelf.policy(held.policy) if held.policy else None
    tier = policy.tier(held.tier) if policy else None
    if tier:
        return tier.meaning, tier.not_a_claim
    return (
        f"A status from before this register, as attested by {held.source or 'its source'}.",
        "It was not derived from evidence held here; what it meant then is for its source to say.",
    )


def said(span: Span, renewing: date | None = None) -> str:
    """One stretch in a sentence: what may be claimed, since when, until when; or why it may not."""
    held = span.held
    until = f"through {span.through}" if span.through else "with no end date"
    attested = f", as attested by {held.source}" if held.source else ""
    grounds = f" ({', '.join(g.replace('_', ' ') for g in span.grounds)})" if span.grounds else ""
    match span.status:
        case "active":
            reduced = f"; reduced to this level{grounds}" if span.grounds else ""
            return f"{held.label} from {span.since} {until}{attested}{reduced}"
        case "extended":
            return f"{held.label}, extended from {span.since} {until}{attested}"
        case "suspended":
            return f"{held.label} suspended since {span.since}{grounds}; it may not be claimed"
        case "revoked":
            return f"{held.label} revoked with effect from {span.since}{grounds}"
        case "relinquished":
            return f"{held.label} given up by the program from {span.since}"
        case "closed":
            return f"{held.label} ended on {span.since} with the listing of the program"
        case _:
            review = f"; expired, renewal under review since {renewing}" if renewing else ""
            return f"Formerly {held.label}, through {last_valid(span.since)}{attested}{review}"


def turn_on(scheme: Scheme, day_of: Callable[[str], date]) -> Turn | None:
    """The turn that a day lies in: the last one that has begun, each in its own zone. None before the first."""
    return next((turn for turn in reversed(scheme.turns) if turn.since <= day_of(turn.zone)), None)


def listings_of(row: PublicRow) -> tuple[PublicListing, ...]:
    """How it was listed, by day. A row from before this was told is listed on every day as it is now."""
    if row.listings:
        return row.listings
    now = {name: getattr(row, name) for name in _LISTED_AS}
    return (PublicListing(since=None, **now),)


def listing_on(row: PublicRow, day: date) -> PublicListing:
    """How it was listed on a day."""
    return next(one for one in reversed(listings_of(row)) if one.since is None or one.since <= day)


def next_change_at(row: PublicRow, now: datetime) -> str | None:
    """The next instant at which something in it changes."""
    return next((at for at in row.changes_at if datetime.fromisoformat(at) > now), None)


def shown_on(row: PublicRow, now: datetime, as_of: date | None = None) -> dict[str, Any]:
    """A program as the public sees it on a day, by the name and at the affiliate that it had then; without ``as_of`` on the
    day that it is in each zone."""
    day_of = day_in(now, as_of)
    plain: dict[str, Any] = msgspec.to_builtins(row, str_keys=True)
    then: dict[str, Any] = msgspec.to_builtins(listing_on(row, as_of)) if as_of else plain
    return {
        **{name: (then if name in _LISTED_AS else plain)[name] for name in _SHOWN_AS_IS},
        "statuses": [_on(scheme, day_of) for scheme in row.schemes],
        "history": plain["history"],
        "next_change_at": None if as_of else next_change_at(row, now),
    }


def _on(scheme: Scheme, day_of: Callable[[str], date]) -> dict[str, Any]:
    turn = turn_on(scheme, day_of)
    return msgspec.to_builtins(turn.shows) if turn else {"scheme": scheme.scheme, "status": "none"}
