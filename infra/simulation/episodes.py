"""Episodes of a drawn life: a cycle from the request to what follows from its decision, acts against a tier, ends."""

from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any

from infra.simulation import acts
from infra.simulation.acts import Found, Rules
from infra.simulation.oracle import Oracle, Term, later, meets
from infra.simulation.world import World

DAY = timedelta(days=1)
RETURNED, PUT_OFF, FORMAL, LATE, GIVEN_UP, APPEALED = 0.20, 0.05, 0.10, 0.10, 0.05, 0.10
"""The shares of assessments returned, decisions put off, unmet tiers formally denied, statements that come late on
paper, cycles given up, and denials appealed against."""


class Episodes(ABC):
    """What a drawing is put together from. The day moves on with every act."""

    world: World
    draw: Random
    oracle: Oracle
    drawn: list[acts.Act]
    affiliate: str
    scheme: str
    day: date
    over: bool

    @abstractmethod
    def put(self, kind: Any, day: date, *args: Any, **more: Any) -> None: ...

    @abstractmethod
    def days(self, least: int, most: int) -> timedelta: ...

    @abstractmethod
    def chance(self, share: float) -> bool: ...

    @abstractmethod
    def fate(self, *names: str) -> str | None: ...

    @abstractmethod
    def room(self, days: int) -> None: ...

    @abstractmethod
    def found(self, kind: str, most: int | None = None) -> Found: ...

    @property
    @abstractmethod
    def rules(self) -> Rules: ...

    @abstractmethod
    def term(self) -> Term | None: ...

    # --- a cycle --------------------------------------------------------------------------------------------------

    def cycle(self, kind: str, most: int | None = None) -> None:
        """A cycle of a kind, to its decision or an earlier end."""
        self.room(420)
        number, rules = len(self.oracle.cycles), self.rules
        final = [t.code for t in rules.final]
        sought = final[-1] if kind == "advancement" or self.chance(0.75) else final[0]
        if kind == "corrective":
            sought = self.oracle.status(self.scheme, self.day)[1] or final[0]
        self.put(acts.Asked, self.day, number, rules, kind, sought)
        if kind != "corrective" and self.chance(GIVEN_UP / 2):
            self.put(acts.GaveUp, self.day + self.days(150, 200), number, "lapsed")
            return
        opened = self.day + self.days(18, 40)
        self.put(acts.Opened, opened, number, self.world.rules(self.scheme, opened))
        self._assessed(number, kind)
        found = self.found(kind, most)
        trouble = self._trouble(number)
        self.put(acts.Reviewed, self.day + self.days(32, 60), number, found, trouble)
        self._stated(number)
        if kind != "corrective" and self.chance(GIVEN_UP / 2):
            self.put(acts.GaveUp, self.day + self.days(2, 20), number, "withdrawn")
            return
        self._verdict(number, found)
        self._appealed(number, kind)

    def _assessed(self, number: int, kind: str) -> None:
        rules = self.oracle.cycles[number].rules
        returned = self.chance(RETURNED)
        interim = rules.taking("started")
        if interim and kind == "initial" and self.chance(0.7):
            self.put(acts.Interim, self.day + self.days(3, 10), number)
        least = 25 if kind in ("advancement", "corrective") else 40
        self.put(acts.HandedIn, self.day + self.days(least, least + 90), number, returned)

    def _trouble(self, number: int) -> str:
        onsite = self.oracle.cycles[number].rules.statement
        drawn = self.draw.random()
        if drawn < 0.04:
            return "recused"
        if drawn < 0.08:
            return "outside"
        return "remote" if onsite and drawn < 0.12 else ""

    def _stated(self, number: int) -> None:
        if not self.oracle.cycles[number].rules.statement:
            return
        on = self.day + self.days(1, 10)
        late = self.days(3, 14) if self.chance(LATE) else timedelta()
        if self.fate("late_receipt") or self.chance(0.02):
            late = self.days(20, 40)
        self.put(acts.Received, on + late, number, on)

    def _verdict(self, number: int, found: Found) -> None:
        """The decision; now and then it is put off, with or without another look at the evidence."""
        day = self.day + self.days(1, 14)
        course = self.oracle.cycles[number]
        again = found.gaps > 0 and self.fate("reopened") is not None
        if again or self.chance(PUT_OFF):
            self.put(acts.PutOff, day, number, day + 60 * DAY)
            day = self.day + self.days(20, 55)
            if again or (found.gaps and self.chance(0.5)):
                self.put(acts.Reopened, self.day + 10 * DAY, number)
                self._looked_again(number, found)
                day = self.day + self.days(1, 5)
        formal = self.chance(FORMAL) and not meets(course.rules.final[-1], course.rules, course.found)
        self.put(acts.Decided, day, number, formal)

    def _looked_again(self, number: int, found: Found) -> None:
        better = replace(found, gaps=0, designated=0)
        self.put(acts.Reviewed, self.day + self.days(12, 20), number, better)
        self._stated(number)

    def _appealed(self, number: int, kind: str) -> None:
        """An appeal against a denial that nothing followed, or against a tier below the one sought."""
        course = self.oracle.cycles[number]
        last = self.oracle.decisions[-1]
        below = last.outcome == "granted" and last.tier != course.sought
        if (
            not course.rules.adverse
            or last.outcome not in ("granted", "denied")
            or not (below or last.outcome == "denied")
        ):
            return
        meant = self.fate("instead") if below else self.fate("remanded")
        if not meant and not self.chance(APPEALED if below else 3 * APPEALED):
            return
        appeal = self._next_appeal()
        self.put(acts.Appealed, self.day + self.days(3, 25), appeal, cycle=number)
        outcomes = ["upheld", "overturned", "dismissed"] + (["remanded"] if last.outcome == "denied" else [])
        outcome = {"instead": "overturned", "remanded": "remanded", None: self.draw.choice(outcomes)}[meant]
        tier = course.sought if outcome == "overturned" else None
        self.put(acts.AppealEnded, self.day + self.days(30, 70), appeal, outcome, tier)
        if outcome == "remanded":
            self._looked_again(number, course.found)
            self.put(acts.Decided, self.day + self.days(1, 10), number)

    def _next_appeal(self) -> int:
        return sum(isinstance(a, acts.Appealed) for a in self.drawn)

    # --- between cycles -------------------------------------------------------------------------------------------

    def after_a_cycle(self, term: Term) -> None:
        """The first months after a decision: the plan is worked on."""
        number = term.cycle or 0
        if any(isinstance(a, acts.Small) and a.what == "progress" and a.cycle == number for a in self.drawn):
            return
        for _ in range(3):
            self.put(acts.Small, self.day + self.days(25, 50), "progress", self.scheme, number)
            for what in self._some("contact", "withdrawn_act"):
                self.put(acts.Small, self.day + self.days(1, 12), what, self.scheme)
        if self.chance(0.4):
            self.put(acts.Small, self.day + self.days(5, 20), "plan_closed", self.scheme, number)

    def _some(self, *names: str) -> list[str]:
        return [name for name in names if self.chance(0.4)]

    def quiet(self, upto: date) -> None:
        """Quiet months until a day: a few small things in each quarter."""
        term = self.term()
        while self.day < upto - 100 * DAY:
            self.day += self.days(60, 95)
            if self.term() is None:
                return
            for what in self._some("contact", "profile", "volunteer", "more_help"):
                self.put(acts.Small, self.day + self.days(0, 4), what, self.scheme)
            rare = ("letter", "vouchers", "benefit", "change", "inquiry", "pause", "unshared", "archived")
            for what in [r for r in rare if self.chance(0.06)]:
                self.put(acts.Small, self.day + self.days(0, 4), what, self.scheme)
                self.day += 14 * DAY
            months = (self.day.month - term.start.month) % 12 if term else 6
            if term and term.rules and term.rules.check_in and months in (11, 0, 1):
                self.put(acts.Small, self.day + DAY, "check_in", self.scheme)
        self.day = max(self.day, upto)

    # --- fates ----------------------------------------------------------------------------------------------------

    def _f_renamed(self, name: str) -> bool:
        self.put(acts.Small, self.day + self.days(5, 60), "rename")
        return True

    def _f_discontinued(self, name: str) -> bool:
        return self._ended(name)

    def _f_merged(self, name: str) -> bool:
        return self._ended(name)

    def _ended(self, how: str) -> bool:
        self.day += self.days(60, 300)
        self.put(acts.Ended, self.day, how, self.day - self.days(0, 5))
        self.over = True
        return True

    def _f_relinquished(self, name: str) -> bool:
        day = self.day + self.days(20, 90)
        self.put(acts.GivenUp, day, self.scheme, day + self.days(0, 20))
        self.day += 25 * DAY
        return True

    def _f_moved(self, name: str) -> bool:
        self.room(60)
        ended = self.world.charter_end
        bodies = [b.code for b in self.world.shown.bodies if b.code != self.affiliate and b.code != (ended or ("",))[0]]
        to = self.draw.choice(bodies)
        self.put(acts.Moved, self.day + self.days(10, 40), to, name == "moved_kept")
        self.affiliate, self.scheme = to, self.world.schemes()[to]
        if self.rules.taking("application"):
            self.put(acts.Admitted, self.day + self.days(8, 30), self.rules)
        return True

    def _f_corrected(self, name: str) -> bool:
        term = self.term()
        decided = self.oracle.decisions[-1] if self.oracle.decisions else None
        if term is None or term.cycle is None or decided is None or decided.outcome != "granted":
            return False
        first = next(t for t in self.oracle.terms if t.cycle == term.cycle)
        statement = term.rules is not None and term.rules.statement
        since = term.start + DAY if statement else term.start - 7 * DAY
        if first is not term or since > decided.day or decided.effective != term.start:
            return False
        self.put(acts.Corrected, self.day + self.days(5, 30), term.cycle, since)
        return True

    def _f_corrective(self, name: str) -> bool:
        term = self.term()
        if term is None or (term.end and (term.end - self.day).days < 600):
            return False
        self.put(acts.Small, self.day + 5 * DAY, "inquiry", self.scheme)
        self.day += 20 * DAY
        self.cycle("corrective")
        return True

    def _f_lifted(self, name: str) -> bool:
        number = len(self.oracle.cycles)
        tier = self.oracle.status(self.scheme, self.day)[1] or ""
        self.put(acts.Asked, self.day + 10 * DAY, number, self.rules, "corrective", tier)
        self.put(acts.GaveUp, self.day + self.days(10, 30), number, "lifted")
        return True

    # --- acts against a tier ----------------------------------------------------------------------------------------

    def _f_suspension(self, name: str) -> bool:
        return self._against("suspended", name.partition("_")[2])

    def _f_imminent(self, name: str) -> bool:
        return self._against("suspended", "", at_once=True)

    def _f_reduction(self, name: str) -> bool:
        return self._against("reduced", "")

    def _f_revocation(self, name: str) -> bool:
        return self._against("revoked", name.partition("_")[2])

    def _f_undone(self, name: str) -> bool:
        return self._against("suspended", "undone")

    def _f_dropped(self, name: str) -> bool:
        term = self.term()
        if term is None or term.rules is None or not term.rules.adverse:
            return False
        self.room(80)
        day = self.day + 10 * DAY
        self.put(acts.Warned, day, self.scheme, "suspend", None, day + 25 * DAY, "silence")
        self.put(acts.Warned, self.day + self.days(5, 20), self.scheme, "suspend", None, day, "dropped")
        return True

    def _against(self, kind: str, sequel: str, *, at_once: bool = False) -> bool:
        """Notice, act and what follows: an appeal, a reversal, or the lifting of a suspension."""
        term = self.term()
        tier = self.oracle.status(self.scheme, self.day)[1]
        if term is None or term.rules is None or not term.rules.adverse:
            return False
        lower = term.rules.final[0].code
        if kind == "reduced" and tier == lower:
            return False
        self.room(260)
        measure = sum(isinstance(a, acts.Measured) for a in self.drawn)
        day = self.day + self.days(5, 20)
        to = lower if kind == "reduced" else None
        if not at_once:
            action = {"suspended": "suspend", "reduced": "reduce", "revoked": "revoke"}[kind]
            answer = "reply" if self.chance(0.6) else "silence"
            self.put(acts.Warned, day, self.scheme, action, to, day + 25 * DAY, answer)
            day = self.day + (12 if answer == "reply" else 27) * DAY
        since = day if at_once else day + self.days(0, 15)
        self.put(acts.Measured, day, self.scheme, measure, kind, since, to, at_once)
        if sequel == "undone":
            self.put(acts.Undone, self.day + self.days(5, 20), self.scheme, measure)
            return True
        if sequel:
            appeal = self._next_appeal()
            self.put(acts.Appealed, self.day + self.days(3, 25), appeal, measure=measure)
            self.put(acts.AppealEnded, self.day + self.days(30, 70), appeal, sequel)
        if kind == "suspended" and sequel != "overturned":
            self.put(acts.Reinstated, max(self.day, since) + self.days(30, 60), self.scheme, measure)
        self.day = max(self.day, later(since, 0) + DAY)
        return True
