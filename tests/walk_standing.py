"""What a program holds under a scheme on a day, told day by day from the dated facts in its events alone.

Nothing of the domain's timeline is asked here, nor is anything kept of the one day for the next.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from tests.walk_story import Told, name

ONE_DAY = timedelta(days=1)
ENDINGS = ("revoked", "relinquished", "closed")
TERMS = ("HistoricalStatusImported", "TierGranted", "PartnerStatusExtended", "DecisionCorrected")
BEARING = {
    "PartnerStatusSuspended": "suspended", "PartnerTierReduced": "reduced", "PartnerStatusRevoked": "revoked",
    "PartnerStatusRelinquished": "relinquished", "PartnerStatusClosed": "closed",
}  # fmt: skip
LIFTING = ("PartnerStatusReinstated", "DecisionReversed")
STAYING = ("AppealFiled", "AppealDismissed", "AppealWithdrawn", "AppealDecided")
TOLD_OF = (*TERMS, *BEARING, *LIFTING, *STAYING)
"""The events that say what is held when."""


@dataclass
class Term:
    """A tier held from a day until another, by the event of a version."""

    version: int
    decision: str | None
    tier: str
    rank: int
    since: date
    end: date | None
    hold: date | None = None
    falls_back_to: str | None = None
    was: date | None = None
    """When it would have ended without its extensions."""
    extensions: int = 0
    root: int = 0
    """The version of the first grant in whose place it stands, after an appeal; else its own."""

    def runs(self, day: date) -> bool:
        """Whether it has neither ended nor come to its limit."""
        return (self.end is None or day < self.end) and (self.hold is None or day < self.hold)


@dataclass
class Bearing:
    """A decision that bears on every term before it."""

    version: int
    decision: str
    kind: str
    since: date
    until: date | None = None
    to: Any = None
    stays: list[tuple[str, date, date | None]] = field(default_factory=list)
    """By appeal."""

    def counts(self, day: date) -> bool:
        """Whether it has effect on a day."""
        begun = self.since <= day and (self.until is None or day < self.until)
        return begun and not any(a <= day and (b is None or day < b) for _, a, b in self.stays)


@dataclass(frozen=True)
class Day:
    """What holds on a day: the status in a word, the tier, and the term that it rests on."""

    status: str
    tier: str | None = None
    rank: int = 0
    term: Term | None = None

    @property
    def in_term(self) -> Term | None:
        """The term that is running, suspended or not."""
        return self.term if self.status in ("active", "extended", "suspended") else None


class Tenures:
    """The terms of one scheme and what bears on them, as far as a history has been told."""

    def __init__(self, told: Told, scheme: str) -> None:
        imported: list[Term] = []
        native: list[Term] = []
        self.bearings: list[Bearing] = []
        for version in told.versions(*TOLD_OF):
            e = told.at(version)
            if e.scheme != scheme if hasattr(e, "scheme") else name(e) in (*TERMS, *BEARING, *LIFTING):
                continue
            match name(e):
                case "HistoricalStatusImported":
                    imported.append(Term(version, None, e.tier, e.rank, e.valid_from, e.valid_until, root=version))
                case "TierGranted":
                    days = e.effective_on, e.expires_on, e.hold_until, e.falls_back_to, e.extended_from, e.extensions
                    instead = next((t.root for t in native if t.decision == e.supersedes), version)
                    native.append(Term(version, e.decision_id, e.tier, e.rank, *days, instead))
                case "PartnerStatusExtended":
                    term = next(t for t in (*imported, *native) if t.version == e.extends)
                    term.end, term.was, term.extensions = e.until, term.was or term.end, term.extensions + 1
                case "DecisionCorrected":
                    term = next(t for t in native if t.decision == e.decision_id)
                    term.since, term.end, term.was = e.effective_on, e.expires_on, e.extended_from
                case _:
                    self._bear(told, version, e)
        self.terms = [*sorted(imported, key=lambda t: t.since), *native]
        """In the order in which they rule: whoever comes later rules from its first day on."""

    def _bear(self, told: Told, version: int, e: Any) -> None:
        match name(e):
            case "PartnerStatusReinstated":
                for b in self._of(e.decision_id):
                    b.until = e.effective_on
            case "DecisionReversed":
                if e.from_first:
                    self.bearings = [b for b in self.bearings if b.decision != e.decision_id]
                for b in self._of(e.decision_id):
                    b.until = min(b.until or e.effective_on, e.effective_on)
            case "AppealFiled":
                for b in self._of(e.decision_id) if e.stays else ():
                    b.stays.append((e.appeal_id, e.filed_on, None))
            case "AppealDismissed" | "AppealWithdrawn" | "AppealDecided":
                day = e.decided_on if name(e) == "AppealDecided" else e.ended_on
                for b in self.bearings:
                    b.stays = [(a, s, u if a != e.appeal_id or u else day) for a, s, u in b.stays]
            case kind:
                decision = getattr(e, "decision_id", None) or e.measure_id
                to = (e.to, e.rank) if kind == "PartnerTierReduced" else None
                self.bearings.append(Bearing(version, decision, BEARING[kind], e.effective_on, to=to))

    def _of(self, decision: str) -> list[Bearing]:
        return [b for b in self.bearings if b.decision == decision]

    def rules(self, day: date) -> Term | None:
        """The term that rules on a day: of those begun the last one, or what a transitional one falls back to."""
        begun = [t for t in self.terms if t.since <= day]
        last = begun[-1] if begun else None
        if last is None or last.runs(day):
            return last
        if last.hold is None or (last.end is not None and last.end <= last.hold):
            return None
        before = self.terms[: self.terms.index(last)]
        lower = next((t for t in reversed(before) if t.tier == last.falls_back_to), None)
        return lower if lower and (lower.end is None or day < lower.end) else None

    def on(self, day: date) -> Day:
        """What holds on a day."""
        term = self.rules(day)
        if term:
            return self._borne(term, day)
        # Nothing rules: it ended by what took effect before its end and still has effect, else by time.
        ends = {d for t in self.terms for d in (t.since, t.end, t.hold) if d and d <= day}
        for end in sorted(ends, reverse=True):
            before = self.rules(end - ONE_DAY)
            if before:
                last = self._borne(before, end - ONE_DAY)
                kinds = {b.kind for b in self.bearings if b.version > before.root and b.since < end and b.counts(day)}
                status = next((ending for ending in ENDINGS if ending in kinds), "expired")
                return Day(status, last.tier, last.rank, before)
        return Day("none")

    def _borne(self, term: Term, day: date) -> Day:
        bearing = [b for b in self.bearings if b.version > term.root and b.counts(day)]
        lowered = [b.to for b in bearing if b.kind == "reduced"]
        tier, rank = lowered[-1] if lowered else (term.tier, term.rank)
        kinds = {b.kind for b in bearing}
        for status in (*ENDINGS, "suspended"):
            if status in kinds:
                return Day(status, tier, rank, term)
        extended = term.was is not None and day >= term.was
        return Day("extended" if extended else "active", tier, rank, term)

    def pending(self, day: date) -> list[Bearing]:
        """Adverse acts against what is held that are still to come, stayed, or a suspension."""
        now = self.on(day)
        mine = [b for b in self.bearings if b.version > (now.term.root if now.term else 0)]
        lasting = [b for b in mine if b.kind not in ("relinquished", "closed") and (b.until is None or day < b.until)]
        return [b for b in lasting if day < b.since or not b.counts(day) or (b.kind == now.status == "suspended")]

    def unbroken(self, day: date, rank: int) -> date | None:
        """From when on terms of a rank or above have been running without a gap until a day."""
        since: date | None = None
        for turn in sorted((t for t in self.turns() if t <= day), reverse=True):
            if not self.on(turn).in_term or self.on(turn).rank < rank:
                break
            since = turn
        return since

    def turns(self) -> set[date]:
        """The days on which something may change."""
        days = {d for t in self.terms for d in (t.since, t.end, t.hold, t.was)}
        days |= {d for b in self.bearings for d in (b.since, b.until, *(x for _, s, u in b.stays for x in (s, u)))}
        return {d for d in days if d}
