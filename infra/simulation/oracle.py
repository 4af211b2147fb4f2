"""The oracle: what must come out of a drawn life, told from its acts alone by a program that is as simple as it can be.

It shares no code with the rules, the read models or the teller; a test looks at its imports. Every day is answered for
itself: which term counts, and what bears on it.
"""

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from infra.simulation import acts
from infra.simulation.acts import Found, Rules, Tier

ENDINGS = ("revoked", "relinquished", "closed")
RUNNING = ("active", "extended", "suspended")


@dataclass(frozen=True)
class Expected:
    """A decision that must come out."""

    scheme: str
    outcome: str
    tier: str
    day: date
    effective: date | None = None
    """From when it counts; of what was put off or extended, until when."""
    expires: date | None = None


@dataclass
class Term:
    """A tier held from a day on, in the order recorded. ``after``: measures from this order on bear on it."""

    scheme: str
    order: int
    tier: str
    start: date
    end: date | None
    rules: Rules | None = None
    was: date | None = None
    """The end before it was extended."""
    hold: date | None = None
    falls_to: str | None = None
    cycle: int | None = None
    after: int = 0
    imported: bool = False


@dataclass
class Bearing:
    """What bears on the terms before it."""

    scheme: str
    order: int
    kind: str
    since: date
    until: date | None = None
    to: str | None = None
    at_once: bool = False
    stays: list[tuple[date, date | None]] = field(default_factory=list[tuple[date, date | None]])

    def has_effect(self, day: date) -> bool:
        """Whether it has effect on a day."""
        stayed = any(a <= day and (b is None or day < b) for a, b in self.stays)
        return self.since <= day and (self.until is None or day < self.until) and not stayed


@dataclass
class Course:
    """A cycle so far."""

    scheme: str
    kind: str
    sought: str
    rules: Rules
    found: Found = field(default_factory=Found)
    received: date | None = None
    decided: date | None = None


def later(day: date, months: int) -> date:
    """So many months later; a day that the month lacks becomes its last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def meets(tier: Tier, rules: Rules, found: Found) -> bool:
    """Whether what the review left carries a tier."""
    if tier.takes == "all":
        return found.gaps == 0 and (rules.min_quality <= 1 or found.low == 0)
    if tier.takes == "designated":
        return found.designated == 0
    return found.identified if tier.takes == "finding" else True


class Oracle:
    """Expected decisions, in the order recorded, and the expected status of every day, as all of it was known last."""

    def __init__(self, seen: Iterable[acts.Act] = ()) -> None:
        self.decisions: list[Expected] = []
        self.terms: list[Term] = []
        self.bearings: dict[int, Bearing] = {}
        self.cycles: dict[int, Course] = {}
        self._appeals: dict[int, acts.Appealed] = {}
        self._order = 0
        for act in seen:
            self.see(act)

    # --- the status of a day --------------------------------------------------------------------------------------

    def status(self, scheme: str, day: date) -> tuple[str, str | None]:
        """Status and, while a term runs, the tier."""
        status, term, tier = self._on(scheme, day)
        return status, tier if term and status in RUNNING else None

    def running(self, scheme: str, day: date) -> Term | None:
        """The term that runs on a day, suspended or not."""
        status, term, _ = self._on(scheme, day)
        return term if status in RUNNING else None

    def _on(self, scheme: str, day: date) -> tuple[str, Term | None, str | None]:
        mine = [t for t in self.terms if t.scheme == scheme]
        mine.sort(key=lambda t: (not t.imported, t.start if t.imported else date.min, t.order))
        begun = [t for t in mine if t.start <= day]
        if not begun:
            return "none", None, None
        term, lapsed = begun[-1], False
        if term.hold and day >= term.hold and (term.end is None or day < term.end):
            lower = [t for t in mine[: mine.index(term)] if t.tier == term.falls_to]
            lapsed = not lower
            term = lower[-1] if lower else term
        if lapsed or (term.end and day >= term.end):
            return self._gone(term, day), term, None
        return self._borne(term, day)

    def _bearing(self, term: Term) -> list[Bearing]:
        after = [b for b in self.bearings.values() if b.scheme == term.scheme and b.order > term.after]
        return sorted(after, key=lambda b: b.order)

    def _borne(self, term: Term, day: date) -> tuple[str, Term, str]:
        bearing = [b for b in self._bearing(term) if b.has_effect(day)]
        tier = next((b.to for b in reversed(bearing) if b.to), term.tier)
        kinds = [b.kind for b in bearing]
        for kind in (*ENDINGS, "suspended"):
            if kind in kinds:
                return kind, term, tier
        return ("extended" if term.was and day >= term.was else "active"), term, tier

    def _gone(self, term: Term, day: date) -> str:
        early = [b.kind for b in self._bearing(term) if (not term.end or b.since < term.end) and b.has_effect(day)]
        return next((kind for kind in ENDINGS if kind in early), "expired")

    # --- the acts -------------------------------------------------------------------------------------------------

    def see(self, act: acts.Act) -> None:
        """One more act."""
        self._order += 1
        told: Any = getattr(self, f"_{type(act).__name__.lower()}", None)
        if told:
            told(act)

    def _imported(self, act: acts.Imported) -> None:
        self.terms.append(
            Term(act.scheme, self._order, act.tier, act.since, act.until, after=self._order, imported=True)
        )

    def _admitted(self, act: acts.Admitted) -> None:
        self._grant(act.rules, act.rules.taking("application") or "", act.day, act.day, None)

    def _asked(self, act: acts.Asked) -> None:
        self.cycles[act.cycle] = Course(act.rules.scheme, act.kind, act.sought, act.rules)

    def _opened(self, act: acts.Opened) -> None:
        self.cycles[act.cycle].rules = act.rules

    def _interim(self, act: acts.Interim) -> None:
        rules = self.cycles[act.cycle].rules
        term = self._grant(rules, rules.taking("started") or "", act.day, act.day, None)
        if rules.hold_months:
            term.hold, term.falls_to = later(act.day, rules.hold_months), rules.taking("application")

    def _reviewed(self, act: acts.Reviewed) -> None:
        self.cycles[act.cycle].found = act.found

    def _received(self, act: acts.Received) -> None:
        self.cycles[act.cycle].received = act.on

    def _reopened(self, act: acts.Reopened) -> None:
        self.cycles[act.cycle].received = None

    def _putoff(self, act: acts.PutOff) -> None:
        course = self.cycles[act.cycle]
        tier = self.in_question(course, act.day)[0].code
        self.decisions.append(Expected(course.scheme, "deferred", tier, act.day, act.until))

    def in_question(self, course: Course, day: date) -> list[Tier]:
        """The tiers that are decided on, the one sought first."""
        ranked = [t.code for t in course.rules.tiers]
        now = self.status(course.scheme, day)[1]
        if course.kind == "corrective":
            return [t for t in course.rules.final if t.code == now]
        floor = ranked.index(now) if course.kind == "advancement" and now in ranked else -1
        top = ranked.index(course.sought)
        return [t for t in reversed(course.rules.final) if floor < ranked.index(t.code) <= top]

    def _decided(self, act: acts.Decided) -> None:
        course = self.cycles[act.cycle]
        course.decided = act.day
        tiers = self.in_question(course, act.day)
        for tier in tiers:
            if meets(tier, course.rules, course.found):
                since = self._effective(course, act.day)
                self._grant(course.rules, tier.code, act.day, since, act.cycle)
                return
            if act.formal or tier is tiers[-1]:
                self.decisions.append(Expected(course.scheme, "denied", tier.code, act.day))

    @staticmethod
    def _effective(course: Course, day: date) -> date:
        return course.received if course.rules.from_receipt and course.received else day

    def _grant(self, rules: Rules, tier: str, day: date, since: date, cycle: int | None) -> Term:
        course = self.cycles[cycle] if cycle is not None else None
        end, was = self._end(rules, course, since) if course else (None, None)
        self.decisions.append(Expected(rules.scheme, "granted", tier, day, since, end))
        term = Term(rules.scheme, self._order, tier, since, end, rules, was, cycle=cycle, after=self._order)
        self.terms.append(term)
        return term

    def _end(self, rules: Rules, course: Course, since: date) -> tuple[date | None, date | None]:
        """The end of a term, and its end before it was extended."""
        held = self.running(rules.scheme, since)
        if rules.years is None:
            return None, None
        if course.kind == "corrective" or (course.kind == "advancement" and rules.keeps):
            return (held.end or later(since, 12 * rules.years), held.was) if held else (None, None)
        old = held and (held.was or held.end)
        start = old if course.kind == "renewal" and rules.anchored and old else since
        return later(start, 12 * rules.years), None

    def _extended(self, act: acts.Extended) -> None:
        term = self.running(act.scheme, act.day)
        if term and term.end:
            tier = self.status(act.scheme, act.day)[1] or ""
            term.was, term.end = term.was or term.end, act.until
            self.decisions.append(Expected(act.scheme, "extended", tier, act.day, act.until))

    def _measured(self, act: acts.Measured) -> None:
        tier = self.status(act.scheme, act.day)[1] or ""
        self.decisions.append(Expected(act.scheme, act.kind, tier, act.day, act.since))
        self.bearings[act.measure] = Bearing(
            act.scheme, self._order, act.kind, act.since, to=act.to, at_once=act.at_once
        )

    def _reinstated(self, act: acts.Reinstated) -> None:
        self.bearings[act.measure].until = act.day

    def _undone(self, act: acts.Undone) -> None:
        self.bearings.pop(act.measure)

    def _givenup(self, act: acts.GivenUp) -> None:
        self.bearings[-self._order] = Bearing(act.scheme, self._order, "relinquished", act.since)

    def _ended(self, act: acts.Ended) -> None:
        self._close(act.on)

    def _moved(self, act: acts.Moved) -> None:
        if not act.kept:
            self._close(act.day)

    def _close(self, day: date) -> None:
        for n, scheme in enumerate({t.scheme for t in self.terms}):
            if any(self.running(scheme, d) for d in (day, day + timedelta(days=400))):
                self.bearings[-1000 * self._order - n] = Bearing(scheme, self._order, "closed", day)

    def _corrected(self, act: acts.Corrected) -> None:
        term = next(t for t in self.terms if t.cycle == act.cycle)
        years = term.rules.years if term.rules else None
        if years and (term.was or term.end) == later(term.start, 12 * years):
            end = later(act.since, 12 * years)
            longer = term.was is not None and term.end is not None and end < term.end
            term.end, term.was = (term.end, end) if longer else (end, None)
        term.start = act.since

    # --- appeals --------------------------------------------------------------------------------------------------

    def _appealed(self, act: acts.Appealed) -> None:
        self._appeals[act.appeal] = act
        if act.measure is not None:
            bearing = self.bearings[act.measure]
            rules = self._adverse(bearing.scheme, act.day)
            if rules and rules.stays and not bearing.at_once:
                bearing.stays.append((act.day, None))

    def _adverse(self, scheme: str, day: date) -> acts.Adverse | None:
        held = [t.rules for t in self.terms if t.scheme == scheme and t.rules and t.start <= day]
        return held[-1].adverse if held else None

    def _appealended(self, act: acts.AppealEnded) -> None:
        filed = self._appeals[act.appeal]
        if filed.measure is not None:
            bearing = self.bearings[filed.measure]
            bearing.stays = [(a, b or act.day) for a, b in bearing.stays]
            rules = self._adverse(bearing.scheme, act.day)
            if act.outcome == "overturned" and rules and rules.as_first:
                self.bearings.pop(filed.measure)
            elif act.outcome == "overturned":
                bearing.until = min(bearing.until or act.day, act.day)
        elif act.outcome == "overturned" and filed.cycle is not None:
            self._instead(act, filed.cycle)
        elif act.outcome == "remanded" and filed.cycle is not None:
            self.cycles[filed.cycle].received = None

    def _instead(self, act: acts.AppealEnded, cycle: int) -> None:
        """The panel grants a tier in the place of what was decided."""
        course = self.cycles[cycle]
        first = next((t for t in self.terms if t.cycle == cycle), None)
        decided = course.decided or act.day
        as_first = course.rules.adverse is not None and course.rules.adverse.as_first
        since = first.start if first else self._effective(course, decided)
        term = self._grant(course.rules, act.tier or "", act.day, since if as_first else act.day, cycle)
        if first:
            term.end, term.was, term.after = first.end, first.was, first.after
            self.decisions[-1] = Expected(course.scheme, "granted", term.tier, act.day, term.start, term.end)
