"""The simulated world: affiliates with their staff, instruments, policies and what affiliates offer, in the course of time."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from domain.affiliate import (
    AppointStaff,
    CharterAffiliate,
    DelegateDecisions,
    EndCharter,
    RecordStaffDeparture,
    SetJurisdiction,
)
from domain.calendar import RecordDayEnded, subject_of
from domain.interests import EndInterest, RegisterInterest
from domain.language import Command, Role
from domain.offers import CancelWorkshop, CloseBenefit, OfferWorkshop, OpenBenefit
from domain.policy.model import load
from domain.publishing import (
    ConfirmPolicyVersion,
    ProposePolicyVersion,
    PublishInstrumentVersion,
    PublishPolicyVersion,
)
from domain.values import TextRef, digest_of
from infra.simulation.acts import Rules
from infra.simulation.book import Book, Published, Told, drawn_id
from infra.simulation.schemes import LONG_AGO, Body, Shown, Version, body_of, later, shown

LAST_DAY = date(2026, 1, 1)
"""The simulated time ends before this day, whenever the simulation is run: the same seed is the same history."""
OPERATOR, CLOCK = "p_operator", "p_clock"
STANDING = {OPERATOR: frozenset({Role.OPERATOR}), CLOCK: frozenset({Role.CLOCK})}
PARTS = {
    "administrator": ("affiliate_admin",),
    "second": ("affiliate_admin",),
    "reviewer": ("reviewer",),
    "successor": ("reviewer",),
    "decider": ("decider",),
    "judge": ("decider",),
}
"""Who works at an affiliate: the judge decides on what may be taken away."""
LONE, CHARTER_ENDS, NATIONAL_CONFIRMS = 1, 2, 5
"""Which of the invented affiliates delegates its decisions, ends its charter, and has its policies confirmed."""
CALENDAR_DAYS = 14
DAY = timedelta(days=1)


@dataclass(frozen=True)
class World:
    """What there is besides the programs, and everything about it in the order of time."""

    seed: int
    begin: date
    shown: Shown
    published: Published
    told: tuple[Told, ...]
    texts: tuple[TextRef, ...]

    def person(self, affiliate: str, part: str) -> str:
        """Who has a part at an affiliate; at one that delegates, the delegate's people decide."""
        lone = self.body(LONE)
        if part in ("decider", "judge") and lone and affiliate == lone.code:
            affiliate = self.shown.bodies[0].code
        return person(self.seed, affiliate, part)

    def body(self, number: int) -> Body | None:
        """One of the invented affiliates, if there are so many."""
        bodies = self.shown.bodies[4:]
        return bodies[number] if number < len(bodies) else None

    @property
    def charter_end(self) -> tuple[str, date, str] | None:
        """Which affiliate ends its charter, from which day, and who takes over."""
        body = self.body(CHARTER_ENDS)
        day = self.begin + (LAST_DAY - self.begin) * 6 // 10
        return (body.code, day, self.shown.bodies[1].code) if body else None

    def in_charge(self, affiliate: str, day: date) -> str:
        """Whose people are in charge of an affiliate's programs on a day."""
        ended = self.charter_end
        return ended[2] if ended and affiliate == ended[0] and day >= ended[1] else affiliate

    def rules(self, scheme: str, day: date) -> Rules:
        """The rules of a scheme that are in force on a day."""
        return [v.rules for v in self.shown.versions if v.rules.scheme == scheme and v.rules.since <= day][-1]

    def schemes(self) -> dict[str, str]:
        """The scheme of each affiliate."""
        return {v.rules.affiliate: v.rules.scheme for v in self.shown.versions}


def person(seed: int, affiliate: str, part: str) -> str:
    """The opaque id of somebody at an affiliate."""
    return drawn_id(seed, affiliate, part, prefix="p_")


def create(seed: int, affiliates: int, years: int, programs: Sequence[str], texts: Sequence[TextRef]) -> World:
    """The world of a seed, told from its beginning to its end under the real rules."""
    begin = later(LAST_DAY, -12 * years)
    catalogue = shown(seed, affiliates, begin, LAST_DAY)
    published = Published()
    world = World(seed, begin, catalogue, published, (), tuple(texts))
    book = Book(seed, "world", published, texts)
    for instrument in catalogue.instruments:
        published.bodies[body_of(instrument)[1]] = instrument
    for version in catalogue.versions:
        published.bodies[version.sha256] = load(json.loads(version.content))
    teller = _Teller(world, book)
    teller.found()
    teller.run(programs)
    return World(seed, begin, catalogue, published, tuple(book.told), tuple(texts))


class _Teller:
    """Tells what becomes of the world, day by day."""

    def __init__(self, world: World, book: Book) -> None:
        self.world, self.book = world, book
        self.bodies, self.versions = world.shown.bodies, world.shown.versions
        self.charge: dict[str, str] = {}

    def do(self, who: str, subject: str, command: Command) -> Any:
        """A command about something published; the shelf shows it from then on."""
        events = self.book.do(who, subject, command, STANDING.get(who, frozenset()))
        stream = f"{command.aggregate}:{subject}"
        if command.aggregate in ("affiliate", "policy", "instrument"):
            self.world.published.put(self.book.now, stream, self.book.state(stream))
            self.book.shelf.turn(self.book.now)
        return events[-1]

    def found(self) -> None:
        """What there is before the first program."""
        self.book.until(self.world.begin - 3 * DAY)
        national = person(self.world.seed, "national", "administrator")
        body: Any = {"name": "National Mentoring Body (simulated)", "timezone": "America/New_York"}
        self.do(
            OPERATOR,
            "national",
            CharterAffiliate(administrator=national, jurisdictions=("US",), national=True, **body),
        )
        for number, one in enumerate(self.bodies, -4):
            self._charter(number, one)
        for instrument in self.world.shown.instruments:
            if instrument.version == "1":
                self._instrument(instrument)
        for version in self.versions:
            if version.rules.since <= LONG_AGO:
                self._policy(version)
        lone = self.world.body(LONE)
        if lone:
            until = LAST_DAY + 400 * DAY
            admin = person(self.world.seed, lone.code, "administrator")
            self.do(admin, lone.code, DelegateDecisions(to=self.bodies[0].code, until=until))

    def _charter(self, number: int, body: Body) -> None:
        seed = self.world.seed
        admin = person(seed, body.code, "administrator")
        told: Any = {"name": body.name, "timezone": body.zone, "jurisdictions": body.places}
        confirmed = number == NATIONAL_CONFIRMS
        self.do(OPERATOR, body.code, CharterAffiliate(administrator=admin, policies_need_national=confirmed, **told))
        for part, roles in PARTS.items():
            if part != "administrator" and not (number == LONE and "decider" in roles):
                parts: Any = roles
                self.do(admin, body.code, AppointStaff(person=person(seed, body.code, part), roles=parts))

    def _instrument(self, instrument: Any) -> None:
        _, sha256 = body_of(instrument)
        self.do(
            OPERATOR, instrument.family, PublishInstrumentVersion(instrument_version=instrument.version, sha256=sha256)
        )

    def _policy(self, version: Version) -> None:
        rules = version.rules
        given: Any = {"policy_version": rules.version, "sha256": version.sha256, "effective_from": rules.since}
        body = self.world.body(NATIONAL_CONFIRMS)
        if body and rules.affiliate == body.code:
            admin = person(self.world.seed, body.code, "administrator")
            self.do(admin, rules.scheme, ProposePolicyVersion(**given))
            national = person(self.world.seed, "national", "administrator")
            self.do(national, rules.scheme, ConfirmPolicyVersion(policy_version=rules.version))
        else:
            self.do(OPERATOR, rules.scheme, PublishPolicyVersion(**given))

    # --- the course of time -------------------------------------------------------------------------------------

    def run(self, programs: Sequence[str]) -> None:
        """Everything later, in the order of its days."""
        plan: list[tuple[date, int, Any]] = []
        later_on = [v for v in self.versions if v.rules.since > LONG_AGO]
        plan += [(v.rules.since - 20 * DAY, 1, partial(self._policy, v)) for v in later_on]
        second = self.world.shown.second_instrument - 30 * DAY
        reworded = [i for i in self.world.shown.instruments if i.version != "1"]
        plan += [(second, 0, partial(self._instrument, i)) for i in reworded]
        for n, body in enumerate(self.bodies):
            plan += self._year_by_year(n, body, programs)
        ended = self.world.charter_end
        if ended:
            command = EndCharter(successor=ended[2], effective_on=ended[1])
            plan.append((ended[1] - 40 * DAY, 2, lambda: self.do(OPERATOR, ended[0], command)))
        plan += self._last_days()
        for day, _, tell in sorted(plan, key=lambda p: p[:2]):
            self.book.until(max(day, self.world.begin))
            tell()

    def _year_by_year(self, n: int, body: Body, programs: Sequence[str]) -> list[tuple[date, int, Any]]:
        plan: list[tuple[date, int, Any]] = []
        ended = self.world.charter_end
        last = ended[1] - 60 * DAY if ended and ended[0] == body.code else LAST_DAY
        admin = person(self.world.seed, body.code, "administrator")
        day, year = self.world.begin + (20 + 5 * n) * DAY, 0
        while day + 240 * DAY < last:
            plan.append((day, 3, lambda d=day, y=year: self._offers(body.code, admin, d, y)))
            day, year = later(day, 12), year + 1
        if n % 6 == 1:
            guest = person(self.world.seed, body.code, "guest")
            plan.append((self.world.begin + 50 * DAY, 3, lambda: self._guest(body.code, admin, guest)))
            plan.append((self.world.begin + 200 * DAY, 3, lambda: self._gone(body.code, admin, guest)))
        if programs:
            tied = programs[n % len(programs)]
            plan.append((self.world.begin + (90 + n) * DAY, 3, lambda: self._interest(n, body.code, admin, tied)))
        if n == 4:
            places = (*body.places, "US-PR")
            national = person(self.world.seed, "national", "administrator")
            command = SetJurisdiction(jurisdictions=places)
            plan.append((self.world.begin + 120 * DAY, 3, lambda: self.do(national, body.code, command)))
        return plan

    def _guest(self, code: str, admin: str, guest: str) -> None:
        self.do(admin, code, AppointStaff(person=guest, roles=("reviewer",)))

    def _gone(self, code: str, admin: str, guest: str) -> None:
        self.do(admin, code, RecordStaffDeparture(person=guest))

    def _offers(self, code: str, admin: str, day: date, year: int) -> None:
        offer = OfferWorkshop(
            title="Lasting matches", form="workshop", on=day + 300 * DAY, takes_voucher=True, for_whom="everyone"
        )
        self.do(admin, code, offer)
        spare = offer.model_copy(update={"title": "Recruiting volunteers", "form": "webinar", "on": day + 60 * DAY})
        offered: Any = self.do(admin, code, spare)
        if year % 3 == 1:
            self.do(admin, code, CancelWorkshop(workshop_id=offered.workshop_id, reason=self.book.words()))
        if code == "mn":
            self.do(admin, code, OpenBenefit(scheme="mn-qp", code="funding_access"))
            self.do(admin, code, CloseBenefit(scheme="mn-qp", code="funding_access"))

    def _interest(self, n: int, code: str, admin: str, program: str) -> None:
        known: Any = {"person": person(self.world.seed, code, "chair"), "program_id": program, "since": self.book.today}
        entered: Any = self.do(admin, code, RegisterInterest(nature="board_seat", note=self.book.words(), **known))
        if n % 2:
            self.do(admin, code, EndInterest(interest_id=entered.interest_id, ended_on=self.book.today))

    def _last_days(self) -> list[tuple[date, int, Any]]:
        """The calendars of the last days, so that a clock which is started later goes on from there."""
        plan: list[tuple[date, int, Any]] = []
        for zone in sorted({v.zone for v in self.versions}):
            for n in range(CALENDAR_DAYS, 0, -1):
                day = LAST_DAY - (n + 1) * DAY
                command = RecordDayEnded(day=day)
                plan.append((day + DAY, 9, lambda z=zone, c=command: self.do(CLOCK, subject_of(z), c)))
        return plan


def artifacts(shown_: Shown) -> list[tuple[str, bytes]]:
    """The bodies that are published, each with its kind."""
    policies = [("policy", v.content) for v in shown_.versions]
    return [*(("instrument", body_of(i)[0]) for i in shown_.instruments), *policies]


def epoch(moment: datetime) -> int:
    """A moment as microseconds since 1970."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def text_of(number: int) -> str:
    """One of the few texts that the facts of a simulated ledger cite."""
    said = digest_of(number)[:8]
    return f"Words of a simulated person, number {number} ({said}): we looked at it together and agreed on what to do."
