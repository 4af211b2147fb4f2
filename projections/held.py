"""Tiers held: what a grant or an import says in public, and what follows from it for a day. Shared by the directory and
the expiry schedule, so that both rest on one reading of the dated facts (H10)."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

from domain.decision import TierGranted
from domain.program import Holding
from domain.status import HistoricalStatusImported, intervals
from domain.term import last_valid
from domain.values import PolicyRef
from projections.language import Recorded, Row


class Held(Row):
    """A tier as it was granted or imported, with all that may be published about it."""

    scheme: str
    tier: str
    rank: int
    label: str
    badge: str | None = None
    listing: str
    """highest, priority, listed or none: how the affiliate's page shows it."""
    national_badge: bool = False
    assessed: bool
    """Whether it says that practices were assessed; imported ones are as their source attests."""
    zone: str
    effective_on: date
    expires_on: date | None = None
    review_due_on: date | None = None
    hold_until: date | None = None
    falls_back_to: str | None = None
    policy: PolicyRef | None = None
    """Whose words on what the tier means, and does not mean, are shown with it; None for imported ones."""
    decision_id: str | None = None
    version: int
    """Version in the program's stream that says so."""
    provenance: Literal["native", "imported"] = "native"
    source: str | None = None
    """Who attests an imported status."""

    @property
    def code(self) -> str:
        """The tier's code as it is said in public, such as ``scheme/tier`` (M23)."""
        return f"{self.scheme}/{self.tier}"


class Span(Row):
    """A tier held from ``since`` until the day before ``until``; without an end where None."""

    held: Held
    since: date
    until: date | None = None

    @property
    def through(self) -> date | None:
        """The last valid day (M22)."""
        return last_valid(self.until) if self.until else None


class Status(Row):
    """What a program holds under one scheme on one day."""

    scheme: str
    status: Literal["active", "expired", "none"]
    span: Span | None = None
    """The tier held, or the last one held when expired."""


DayIn = Callable[[str], date]
"""Which day it is in a time zone."""


def day_in(now: datetime, as_of: date | None = None) -> DayIn:
    """The day asked about: a given one everywhere, else the day that it is now in each zone."""
    return lambda zone: as_of or now.astimezone(ZoneInfo(zone)).date()


def midnight(day: date, zone: str) -> datetime:
    """The instant at which a day begins in a time zone, in UTC."""
    return datetime.combine(day, time.min, ZoneInfo(zone)).astimezone(UTC)


def granted(r: Recorded) -> Held:
    """What a grant says in public."""
    e: TierGranted = r.event
    return Held(
        scheme=e.scheme,
        tier=e.tier,
        rank=e.rank,
        label=e.label,
        badge=e.badge,
        listing=e.listing,
        national_badge=e.national_badge,
        assessed=e.assessed,
        zone=e.zone,
        effective_on=e.effective_on,
        expires_on=e.expires_on,
        review_due_on=e.review_due_on,
        hold_until=e.hold_until,
        falls_back_to=e.falls_back_to,
        policy=e.policy,
        decision_id=e.decision_id,
        version=r.version,
    )


def imported(r: Recorded) -> Held:
    """What an import says in public: attested by its source, never derived here."""
    e: HistoricalStatusImported = r.event
    return Held(
        scheme=e.scheme,
        tier=e.tier,
        rank=e.rank,
        label=e.label,
        badge=e.badge,
        listing=e.listing,
        assessed=True,
        zone=e.zone,
        effective_on=e.valid_from,
        expires_on=e.valid_until,
        version=r.version,
        provenance="imported",
        source=e.source,
    )


def _holdings(held: tuple[Held, ...]) -> tuple[Holding, ...]:
    """The same tiers as the rules know them."""
    return tuple(
        Holding(
            scheme=h.scheme,
            tier=h.tier,
            rank=h.rank,
            label=h.label,
            assessed=h.assessed,
            effective_on=h.effective_on,
            expires_on=h.expires_on,
            hold_until=h.hold_until,
            falls_back_to=h.falls_back_to,
            version=h.version,
            decision_id=h.decision_id,
            provenance=h.provenance,
        )
        for h in held
    )


def schemes(held: tuple[Held, ...]) -> list[str]:
    """The schemes under which anything was ever held, in order of their codes."""
    return sorted({h.scheme for h in held})


def spans(held: tuple[Held, ...]) -> Iterator[Span]:
    """All tiers held, scheme by scheme, in the order of their days."""
    if not held:
        return
    by_version, holdings = {h.version: h for h in held}, _holdings(held)
    for scheme in schemes(held):
        for holding, since, until in intervals(holdings, scheme):
            yield Span(held=by_version[holding.version], since=since, until=until)


def statuses(held: tuple[Held, ...], day_of: DayIn) -> tuple[Status, ...]:
    """What is held under each scheme, on the day that it is in the zone of each tier."""
    every = list(spans(held))
    return tuple(_status(scheme, [s for s in every if s.held.scheme == scheme], day_of) for scheme in schemes(held))


def _status(scheme: str, mine: list[Span], day_of: DayIn) -> Status:
    begun = [(s, day_of(s.held.zone)) for s in mine if s.since <= day_of(s.held.zone)]
    active = next((s for s, day in begun if s.until is None or day < s.until), None)
    if active:
        return Status(scheme=scheme, status="active", span=active)
    return Status(scheme=scheme, status="expired" if begun else "none", span=begun[-1][0] if begun else None)
