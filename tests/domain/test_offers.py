"""Offers: workshops are offered and cancelled, benefits that depend on what is available are opened and closed."""

from datetime import date, timedelta
from typing import Any

import pytest

from domain.affiliate import EndCharter
from domain.offers import (
    BenefitClosed,
    BenefitOpened,
    CancelWorkshop,
    CloseBenefit,
    OfferWorkshop,
    OpenBenefit,
    WorkshopCancelled,
    WorkshopOffered,
    catalogue,
    opened,
)
from tests.small_policies import MEMBER
from tests.small_world import ADMIN, DECIDER, LEAD, OPERATOR, REVIEWER, SOUTH, World, new_world, words
from tests.story import given

DAY = timedelta(days=1)


def offering(world: World, days: int = 10, **more: Any) -> OfferWorkshop:
    said: dict[str, Any] = {"title": "Closing a match well", "form": "workshop", "takes_voucher": True}
    return OfferWorkshop(**{**said, "on": world.today() + timedelta(days), "for_whom": "everyone", **more})


def with_workshop(days: int = 10, **more: Any) -> tuple[World, str]:
    """A world with one workshop so many days on, and its id."""
    world = new_world()
    (event,) = world.must(ADMIN, "north", offering(world, days, **more))
    assert isinstance(event, WorkshopOffered)
    return world, event.workshop_id


def cancelling(workshop_id: str) -> CancelWorkshop:
    return CancelWorkshop(workshop_id=workshop_id, reason=words("Too few came forward."))


def opening(code: str = "funding", scheme: str = "member", until: date | None = None) -> OpenBenefit:
    return OpenBenefit(scheme=scheme, code=code, until=until)


def closing(code: str = "funding", scheme: str = "member") -> CloseBenefit:
    return CloseBenefit(scheme=scheme, code=code)


def is_open(world: World, day: date) -> bool:
    return opened(world.affiliate("north").availability, "member", "funding", day) is not None


@pytest.mark.req("M21", "S1-23", "S4-17")
@pytest.mark.parametrize("form", ["workshop", "training", "webinar"])
@pytest.mark.parametrize("for_whom", ["everyone", "members"])
def test_a_workshop_is_in_the_catalogue_until_its_day_is_over(form: str, for_whom: str) -> None:
    world = new_world()
    on = world.today() + 10 * DAY
    story = given(world, "north").when(ADMIN, offering(world, form=form, for_whom=for_whom, takes_voucher=False))
    said = {"title": "Closing a match well", "form": form, "on": on, "takes_voucher": False, "for_whom": for_whom}
    story.then(WorkshopOffered, **said)
    north = world.affiliate("north")
    ((workshop_id, workshop),) = north.workshops.items()
    assert {name: getattr(workshop, name) for name in said} == said
    assert (workshop.version, workshop.cancelled) == (north.version, 0)
    assert list(catalogue(north, on)) == [workshop_id]
    assert catalogue(north, on + DAY) == {}


@pytest.mark.req("M21")
def test_the_catalogue_begins_with_the_next_one_and_of_one_day_with_the_first_offered() -> None:
    world = new_world()
    for days, title in ((20, "Last"), (10, "First"), (15, "Second"), (15, "Third")):
        world.must(ADMIN, "north", offering(world, days, title=title))
    assert [w.title for w in catalogue(world.affiliate("north"), world.today()).values()] == [
        "First", "Second", "Third", "Last",
    ]  # fmt: skip


def test_a_workshop_takes_place_today_or_later() -> None:
    world = new_world()
    given(world, "north").when(ADMIN, offering(world, -1)).refused("WORKSHOP_OVER", today=world.today())
    given(world, "north").when(ADMIN, offering(world, 0)).then(WorkshopOffered)


@pytest.mark.req("M21")
def test_a_cancelled_workshop_leaves_the_catalogue() -> None:
    world, workshop_id = with_workshop()
    story = given(world, "north").when(ADMIN, cancelling(workshop_id))
    story.then(WorkshopCancelled, workshop_id=workshop_id, reason=words("Too few came forward."))
    north = world.affiliate("north")
    assert north.workshops[workshop_id].cancelled == north.version
    assert catalogue(north, world.today()) == {}
    given(world, "north").when(ADMIN, cancelling(workshop_id)).refused("WORKSHOP_UNKNOWN", workshop_id=workshop_id)


def test_what_is_cancelled_was_offered_and_is_still_to_come() -> None:
    world, workshop_id = with_workshop(1)
    given(world, "north").when(ADMIN, cancelling("imaginary")).refused("WORKSHOP_UNKNOWN", workshop_id="imaginary")
    world.later(days=2)
    given(world, "north").when(ADMIN, cancelling(workshop_id)).refused("WORKSHOP_OVER", today=world.today())
    world, workshop_id = with_workshop(0)
    given(world, "north").when(ADMIN, cancelling(workshop_id)).then(WorkshopCancelled)


@pytest.mark.req("M20", "S0-11")
def test_a_benefit_that_depends_on_what_is_available_is_opened_and_closed() -> None:
    world = new_world()
    first = world.today()
    assert not is_open(world, first)
    given(world, "north").when(ADMIN, opening()).then(
        BenefitOpened, scheme="member", code="funding", opened_on=first, until=None
    )
    assert [is_open(world, first + n * DAY) for n in (-1, 0, 1000)] == [False, True, True]
    assert opened(world.affiliate("north").availability, "full", "funding", first) is None
    assert opened(world.affiliate("north").availability, "member", "grants", first) is None
    world.later(days=5)
    given(world, "north").when(ADMIN, closing()).then(
        BenefitClosed, scheme="member", code="funding", closed_on=first + 5 * DAY
    )
    assert [is_open(world, first + n * DAY) for n in (-1, 0, 4, 5)] == [False, True, True, False]


@pytest.mark.req("M20", "S0-11")
def test_a_round_ends_by_itself_after_its_last_day_and_may_be_followed_by_another() -> None:
    world = new_world()
    first = world.today()
    given(world, "north").when(ADMIN, opening(until=first + 9 * DAY)).then(BenefitOpened, until=first + 9 * DAY)
    assert [is_open(world, first + n * DAY) for n in (0, 9, 10)] == [True, True, False]
    given(world, "north").when(ADMIN, opening()).refused("BENEFIT_OPEN", code="funding", since=first)
    world.later(days=10)
    given(world, "north").when(ADMIN, opening(until=world.today())).then(BenefitOpened)
    assert [is_open(world, first + n * DAY) for n in (9, 10, 11)] == [True, True, False]
    world.must(ADMIN, "north", closing())
    assert [is_open(world, first + n * DAY) for n in (0, 9, 10)] == [True, True, False]


def test_what_is_closed_is_open() -> None:
    world = new_world()
    given(world, "north").when(ADMIN, closing()).refused("BENEFIT_NOT_OPEN", code="funding")
    world.must(ADMIN, "north", opening())
    world.must(ADMIN, "north", closing())
    given(world, "north").when(ADMIN, closing()).refused("BENEFIT_NOT_OPEN", code="funding")
    given(world, "north").when(ADMIN, opening()).then(BenefitOpened)


def test_a_round_has_no_last_day_that_is_over() -> None:
    world = new_world()
    yesterday = world.today() - DAY
    given(world, "north").when(ADMIN, opening(until=yesterday)).refused(
        "OPENING_OVER", until=yesterday, today=world.today()
    )
    given(world, "north").when(ADMIN, opening(until=world.today())).then(BenefitOpened)


@pytest.mark.parametrize("command", [opening, closing])
def test_what_is_opened_and_closed_is_named_by_a_policy_and_depends_on_what_is_available(command: Any) -> None:
    world = new_world()
    story = given(world, "north")
    story.when(ADMIN, command("parade")).refused("UNKNOWN_BENEFIT", scheme="member", code="parade")
    story.when(ADMIN, command("funding", "imaginary")).refused("SCHEME_UNKNOWN", scheme="imaginary")
    for code in ("open_days", "discount", "training_vouchers"):
        story.when(ADMIN, command(code)).refused("NEEDS_NO_OPENING", code=code)


def test_a_benefit_of_an_older_version_may_still_be_opened() -> None:
    world = new_world()
    world.publish({**MEMBER, "version": "2", "benefits": {}}, effective_from=world.today())
    given(world, "north").when(ADMIN, opening()).then(BenefitOpened)


def test_everything_that_speaks_against_an_opening_is_named() -> None:
    world = new_world()
    asked = opening("parade", until=world.today() - DAY)
    given(world, "south").when(SOUTH, asked).refused("NOT_THE_OWNER", "UNKNOWN_BENEFIT", "OPENING_OVER")


@pytest.mark.parametrize("command", [opening, closing])
def test_each_affiliate_opens_what_is_its_own(command: Any) -> None:
    world = new_world()
    given(world, "south").when(SOUTH, command()).refused("NOT_THE_OWNER", affiliate="north")


def test_after_the_end_of_a_charter_its_successor_opens_and_it_offers_nothing_itself() -> None:
    world = new_world()
    world.must(OPERATOR, "north", EndCharter(successor="south", effective_on=world.today()))
    given(world, "north").when(ADMIN, offering(world)).refused("CHARTER_ENDED", successor="south")
    given(world, "north").when(ADMIN, opening()).refused("NOT_THE_OWNER", affiliate="south")
    given(world, "south").when(SOUTH, opening()).then(BenefitOpened)


@pytest.mark.parametrize("person", [REVIEWER, DECIDER, LEAD, SOUTH, OPERATOR])
def test_offers_are_made_by_the_affiliates_administrator(person: str) -> None:
    world, workshop_id = with_workshop()
    for command in (offering(world), cancelling(workshop_id), opening(), closing()):
        given(world, "north").when(person, command).not_allowed()
