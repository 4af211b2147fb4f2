"""Drawing: a life is drawn act by act from the seed. What stands on a day is asked of the oracle, never of the rules."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, timedelta
from random import Random
from typing import Any

from infra.simulation import acts
from infra.simulation.acts import Found, Life, Rules
from infra.simulation.episodes import Episodes
from infra.simulation.fates import IN_PASSING, LAST, SETTLED, home_of
from infra.simulation.oracle import ENDINGS, RUNNING, Oracle, Term, later
from infra.simulation.world import LAST_DAY, World

DAY = timedelta(days=1)
DECLINED, IMPORTED, ADVANCES = 0.02, 0.30, 0.25
"""The shares of listings declined, of programs with a status from before, and of lower tiers that advance."""


def life(world: World, index: int, program: str, fated: Sequence[str]) -> Life:
    """The life of the program of that number."""
    drawing = Drawing(world, index, list(fated))
    with suppress(_Over):
        drawing.run()
    return Life(index, program, tuple(drawing.drawn))


class _Over(Exception):
    """The simulated time is over."""


class Drawing(Episodes):
    """One life as far as it is drawn."""

    def __init__(self, world: World, index: int, fated: list[str]) -> None:
        self.world, self.index, self.fated = world, index, fated
        self.draw = Random(f"{world.seed}/draw/{index}")
        self.drawn: list[acts.Act] = []
        self.oracle = Oracle()
        self.affiliate, self.scheme = home_of(world, index)
        self.day = world.begin
        self.over = False
        span = (LAST_DAY - world.begin).days
        self.turn = world.begin + timedelta(days=self.draw.randint(span // 4, span * 9 // 10))
        """Before this day the life does not go another way."""

    # --- the tools ------------------------------------------------------------------------------------------------

    def put(self, kind: Any, day: date, *args: Any, **more: Any) -> None:
        """One more act, on a day not before the last one's."""
        if day >= LAST_DAY - 2 * DAY:
            raise _Over
        self.day = max(self.day, day)
        act: acts.Act = kind(self.day, *args, **more)
        self.drawn.append(act)
        self.oracle.see(act)

    def days(self, least: int, most: int) -> timedelta:
        """Some days."""
        return timedelta(days=self.draw.randint(least, most))

    def chance(self, share: float) -> bool:
        """Whether something happens that happens in this share of the cases."""
        return self.draw.random() < share

    @property
    def rules(self) -> Rules:
        """The rules in force today."""
        return self.world.rules(self.scheme, self.day)

    def term(self) -> Term | None:
        """The term that runs today."""
        return self.oracle.running(self.scheme, self.day)

    def room(self, days: int) -> None:
        """Lets the end of the affiliate's charter go by first, if it would fall into so many days."""
        ended = self.world.charter_end
        if ended and ended[0] == self.affiliate and self.day < ended[1] <= self.day + days * DAY:
            self.day = ended[1] + 2 * DAY

    def fate(self, *names: str) -> str | None:
        """Takes one of these fates, if it is still to come."""
        name = next((n for n in self.fated if n in names), None)
        if name:
            self.fated.remove(name)
        return name

    # --- the life -------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """From the registration to the end of the time."""
        settled = self.index % SETTLED == 0
        span = (LAST_DAY - self.world.begin).days
        late = self.draw.random() ** 2 * span * 0.5
        self.day += timedelta(days=self.draw.randint(1, 20) if settled else 21 + int(late))
        self.room(30)
        ended = self.world.charter_end
        if ended and ended[0] == self.affiliate and self.day >= ended[1]:
            raise _Over
        declined = not settled and (self.fate("declined") is not None or (not self.fated and self.chance(DECLINED)))
        self.put(acts.Registered, self.day, self.affiliate, None if declined else self.day + 4 * DAY)
        if declined:
            return
        self.day += 5 * DAY
        self._begin()
        while not self.over:
            self._go_on()

    def _begin(self) -> None:
        rules = self.rules
        if rules.taking("application"):
            self.put(acts.Admitted, self.day + self.days(8, 30), rules)
        elif self.chance(IMPORTED):
            since = self.day - self.days(120, 900)
            tier = self.draw.choice(rules.final).code
            self.put(acts.Imported, self.day + DAY, self.scheme, tier, since, later(since, 36))
            self.day += self.days(20, 200)

    def _go_on(self) -> None:
        """The next thing: a cycle where nothing assessed is held, else the years of a term."""
        self.day += self.days(3, 20)
        status, _ = self.oracle.status(self.scheme, self.day)
        if self._rests_on_assessment():
            self._in_term()
        elif self.chance(0.15):
            self.day += self.days(100, 300)
            self.put(acts.Small, self.day, "contact")
        elif status in ENDINGS:
            self.day += self.days(200, 320)
            self.cycle("initial")
        elif status == "expired" and self.chance(0.6):
            self.cycle("renewal")
        else:
            self.cycle("initial")
        if not self.over and self.fate("leader"):
            self.put(acts.Small, self.day, "leader")

    def _rests_on_assessment(self) -> bool:
        """Whether a tier is in term that an assessment ends with; not one that comes with admission."""
        status, tier = self.oracle.status(self.scheme, self.day)
        return status in RUNNING and tier in [t.code for t in self.rules.final]

    def _in_term(self) -> None:
        """What a term brings, up to its renewal or its end."""
        term = self.term()
        if term is None:
            return
        if term.cycle is not None:
            self.after_a_cycle(term)
        self._advances()
        self._fated()
        if self.over or not self._rests_on_assessment():  # whoever moved to another affiliate is but admitted there
            return
        term = self.term()
        end = term.end if term else None
        opens = later(end, -11) if end else later(self.day, 24)
        if self.day < opens:
            self.quiet(opens)
        if self.term() is None:
            return
        if end and self.fate("extension") and self._extend(end):
            self.cycle("renewal")
        elif end and self.chance(0.15):
            self.day = max(self.day, end + self.days(1, 90))
        else:
            self.day = max(self.day, opens)
            self.cycle("renewal")

    def _advances(self) -> None:
        term, rules = self.term(), self.rules
        if term is None or not rules.advances or term.imported or term.cycle is None:
            return
        self.room(600)
        final = [t.code for t in rules.final]
        tier = self.oracle.status(self.scheme, self.day)[1]
        left = (term.end - self.day).days if term.end else 0
        gaps = self.oracle.cycles[term.cycle].found.gaps
        if tier == final[0] and len(final) > 1 and left > 600 and gaps and self.chance(ADVANCES * 1.6):
            self.day += self.days(20, 60)
            self.cycle("advancement", most=gaps)

    def _extend(self, end: date) -> bool:
        term = self.term()
        if term is None or term.rules is None or not term.rules.extension_days or term.was or term.end != end:
            return False
        day = end - 50 * DAY
        if self.day > day:
            return False
        self.put(acts.Extended, day, self.scheme, end + 80 * DAY)
        return True

    def _fated(self) -> None:
        """The fates that are due to this life, as far as the term leaves room for them."""
        for name in list(self.fated):
            term = self.term()
            left = (term.end - self.day).days if term and term.end else 2000
            if term is None or self.over:
                return
            if left < 330 or name in IN_PASSING or (name in LAST and self.day < self.turn):
                continue
            if getattr(self, f"_f_{name.partition('_')[0]}")(name):
                self.fated.remove(name)

    def found(self, kind: str, most: int | None = None) -> Found:
        """What a review finds."""
        meant = "remanded" in self.fated and kind in ("advancement", "corrective")
        share = (
            0.0
            if meant or "reopened" in self.fated
            else {"initial": 0.5, "renewal": 0.65, "advancement": 0.8, "corrective": 0.6}[kind]
        )
        gaps = 0 if self.chance(share) else self.draw.randint(1, min(8, most or 8))
        members = self.rules.taking("designated") is not None
        designated = min(gaps, self.draw.randint(0, 2)) if members else 0
        return Found(
            gaps=gaps,
            designated=designated,
            adjusted=self.draw.randint(3, 10) if kind != "advancement" else 0,
            inapplicable=1 if kind != "advancement" and self.chance(0.5) else 0,
            identified=self.chance(0.93),
        )
