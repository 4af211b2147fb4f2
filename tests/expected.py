"""What a simulated ledger says, put in the oracle's words, to be held against what the oracle expects."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any

from domain.language import Event
from domain.program import Program
from domain.status import on_day, timeline
from infra.reading import PartnerFilter, Reading
from infra.simulation.oracle import RUNNING, Expected, Oracle
from infra.wiring import Service
from projections.directory import Partner
from projections.held import day_in

DAY = timedelta(days=1)
OUTCOMES = {
    "TierGranted": "granted",
    "TierDenied": "denied",
    "TierDecisionDeferred": "deferred",
    "PartnerStatusExtended": "extended",
    "PartnerStatusSuspended": "suspended",
    "PartnerTierReduced": "reduced",
    "PartnerStatusRevoked": "revoked",
}
Said = tuple[str, str | None]


def days(first: date, last: date, step: int = 1) -> list[date]:
    """Every so many days, half-open."""
    return [first + n * DAY for n in range(0, (last - first).days, step)]


def decisions(events: Iterable[Event]) -> list[Expected]:
    """The decisions among facts, as the oracle writes them."""
    found: list[Expected] = []
    for event in events:
        outcome = OUTCOMES.get(type(event).__name__)
        if outcome:
            e: Any = event
            until = e.until if outcome in ("deferred", "extended") else getattr(e, "effective_on", None)
            ends = e.expires_on if outcome == "granted" else None
            found.append(Expected(e.scheme, outcome, e.tier, e.decided_on, until, ends))
    return found


def ruled(program: Program, scheme: str, some_days: Iterable[date]) -> Iterator[Said]:
    """What the rules say of each day."""
    segments = timeline(program.holdings, program.measures, scheme)
    for day in some_days:
        now = on_day(segments, day)
        yield (now.status, now.holding.tier if now.status in RUNNING else None) if now else ("none", None)


def shown(partner: Partner | None, scheme: str, some_days: Iterable[date]) -> Iterator[Said]:
    """What the directory's row says of each day."""
    spans = list(partner.spans(scheme)) if partner else []
    for day in some_days:
        now = next((s for s in reversed(spans) if s.since <= day), None)
        yield (now.status, now.held.tier if now.status in RUNNING else None) if now else ("none", None)


def schemes(program: Program, oracle: Oracle) -> list[str]:
    """The schemes under which anything was held, by the rules or by the oracle."""
    return sorted({h.scheme for h in program.holdings} | {t.scheme for t in oracle.terms})


def listed(service: Service, day: date, status: Any) -> set[tuple[str, str]]:
    """Which programs the directory lists with a status on a day, each with the scheme, by the database's own answer."""
    reading: Reading = service.reading
    found: set[tuple[str, str]] = set()
    cursor: str | None = None
    now = service.ledger.now()
    while True:
        page = reading.partners(PartnerFilter(status=status), now=now, as_of=day, cursor=cursor, limit=200)
        for row in page.rows:
            said = row.statuses(day_in(now, day))
            found |= {(row.program_id, s.scheme) for s in said if s.status in _as_listed(status)}
        cursor = page.next
        if cursor is None:
            return found


def _as_listed(status: str) -> tuple[str, ...]:
    return ("active", "extended") if status == "active" else (status,)
