"""Tiers held: what a grant or an import says in public, and what follows from all that bears on it for a day.

Shared by the directory and the expiry schedule. The dated facts change a tenure exactly as they do for the rules
(``domain.tenure.BEARING``), so that both rest on one reading of them (H10).
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from domain.adverse import PartnerStatusRevoked, PartnerStatusSuspended, PartnerTierReduced
from domain.due import holding_id
from domain.grant import TierGranted
from domain.status import HELD, IN_TERM, HistoricalStatusImported, Segment, StatusName, timeline
from domain.tenure import BEARING, Tenure
from domain.term import last_valid
from domain.values import PolicyRef
from projections.language import Recorded, Row, present


class Held(Row):
    """A tier as it was granted, imported or reduced to, with all that may be published about it."""

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
    review_due_on: date | None = None
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


class Tenured(Row):
    """A row about a program's tiers: the tenure as the rules know it, and what may be published about each part."""

    tenure: Tenure = Tenure()
    held: dict[str, Held] = {}
    """By the decision, or by the version of an import."""
    grounds: dict[str, tuple[str, ...]] = {}
    """Of what bears on a tier, by its decision."""

    def history(self) -> Iterator["Span"]:
        """All that was held, scheme by scheme, in the order of the days."""
        for scheme in self.schemes():
            yield from self.spans(scheme)

    def schemes(self) -> list[str]:
        """The schemes under which anything was ever held, in order of their codes."""
        return sorted({h.scheme for h in self.tenure.holdings})

    def spans(self, scheme: str) -> Iterator["Span"]:
        """The stretches of one scheme."""
        for segment in timeline(self.tenure.holdings, self.tenure.measures, scheme):
            yield self._span(segment)

    def _span(self, s: Segment) -> "Span":
        grounds = self.grounds.get(s.measure_id or "", ())
        held = self.held[holding_id(s.holding)]
        running = s.status in IN_TERM
        return Span(
            status=s.status,
            held=held,
            since=s.since,
            until=s.until,
            ends=s.holding.expires_on if running else None,
            limit=s.holding.hold_until if running else None,
            grounds=grounds,
        )

    def statuses(self, day_of: "DayIn") -> tuple["Status", ...]:
        """What is held under each scheme, on the day that it is in the zone of each tier."""
        return tuple(self._status(scheme, day_of) for scheme in self.schemes())

    def _status(self, scheme: str, day_of: "DayIn") -> "Status":
        past: Span | None = None
        for span in self.spans(scheme):
            if span.since <= day_of(span.held.zone):
                past = span
        return Status(scheme=scheme, status=past.status if past else "none", span=past)


class Span(Row):
    """A stretch in which one status held, from ``since`` until the day before ``until``; without an end where None."""

    status: StatusName
    held: Held
    """The tier held, or the last one held."""
    since: date
    until: date | None = None
    ends: date | None = None
    """When the term ends by time, while it is running."""
    limit: date | None = None
    """When a transitional tier comes to its limit."""
    grounds: tuple[str, ...] = ()
    """Why it is suspended, reduced or lost, as classes of reasons."""

    @property
    def through(self) -> date | None:
        """The last valid day (M22)."""
        return last_valid(self.until) if self.until else None

    @property
    def is_held(self) -> bool:
        """Whether the tier may be claimed."""
        return self.status in HELD


class Status(Row):
    """What a program holds under one scheme on one day."""

    scheme: str
    status: StatusName
    span: Span | None = None
    """The stretch that the day lies in; None before the first tier."""


DayIn = Callable[[str], date]
"""Which day it is in a time zone."""


def day_in(now: datetime, as_of: date | None = None) -> DayIn:
    """The day asked about: a given one everywhere, else the day that it is now in each zone."""
    return lambda zone: as_of or now.astimezone(ZoneInfo(zone)).date()


def midnight(day: date, zone: str) -> datetime:
    """The instant at which a day begins in a time zone, in UTC."""
    return datetime.combine(day, time.min, ZoneInfo(zone)).astimezone(UTC)


T = TypeVar("T", bound=Tenured)


def borne(row: T | None, r: Recorded) -> T:
    """The row after a fact that bears on a tier, as the rules see it."""
    known = present(row, r)
    changes: dict[str, Any] = {"tenure": BEARING[type(r.event)](known.tenure, r.event, r.version)}
    if isinstance(r.event, TierGranted):
        changes["held"] = {
            **known.held,
            r.event.decision_id: _decided(r.event, r.event.tier, r.version, r.event.review_due_on),
        }
    elif isinstance(r.event, HistoricalStatusImported):
        changes["held"] = {**known.held, f"import-{r.version}": _imported(r.event, r.version)}
    elif isinstance(r.event, PartnerTierReduced):
        changes["held"] = {**known.held, r.event.decision_id: _decided(r.event, r.event.to, r.version)}
        changes["grounds"] = {**known.grounds, r.event.decision_id: r.event.grounds}
    elif isinstance(r.event, (PartnerStatusSuspended, PartnerStatusRevoked)):
        changes["grounds"] = {**known.grounds, r.event.decision_id: r.event.grounds}
    return replace(known, **changes)


def _decided(e: TierGranted | PartnerTierReduced, tier: str, version: int, review_due_on: date | None = None) -> Held:
    """A tier that a decision here brought, by a grant or by a reduction to it."""
    return Held(
        scheme=e.scheme,
        tier=tier,
        rank=e.rank,
        label=e.label,
        badge=e.badge,
        listing=e.listing,
        national_badge=e.national_badge,
        assessed=e.assessed,
        zone=e.zone,
        review_due_on=review_due_on,
        policy=e.policy,
        decision_id=e.decision_id,
        version=version,
    )


def _imported(e: HistoricalStatusImported, version: int) -> Held:
    """Attested by its source, never derived here."""
    return Held(
        scheme=e.scheme,
        tier=e.tier,
        rank=e.rank,
        label=e.label,
        badge=e.badge,
        listing=e.listing,
        assessed=True,
        zone=e.zone,
        version=version,
        provenance="imported",
        source=e.source,
    )
