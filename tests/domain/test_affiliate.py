"""Affiliates: chartered once, with an area, a staff that is never without an administrator, and a delegate."""

from datetime import date, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from domain.affiliate import (
    AffiliateChartered,
    AffiliateJurisdictionSet,
    AppointStaff,
    CharterAffiliate,
    DecisionDelegated,
    DelegateDecisions,
    RecordStaffDeparture,
    SetJurisdiction,
    StaffAppointed,
    StaffDeparted,
    administrators,
)
from tests.small_policies import ZONE
from tests.small_world import (
    ADMIN,
    ADMIN2,
    BOTH,
    CLOCK,
    NATIONAL,
    OPERATOR,
    REVIEWER,
    SOUTH,
    STRANGER,
    new_world,
)
from tests.story import given

NEWCOMER = "p_newcomer"


def charter(**more: Any) -> CharterAffiliate:
    said = {"name": "Mentoring East", "timezone": ZONE, "jurisdictions": ("US-IA",), "administrator": NEWCOMER}
    return CharterAffiliate(**(said | more))


@pytest.mark.parametrize("person", [OPERATOR, NATIONAL])
def test_an_affiliate_is_chartered_with_its_area_and_first_administrator(person: str) -> None:
    world = new_world()
    more = {"website": "https://east.example", "national": True, "policies_need_national": True}
    chartered = {"name": "Mentoring East", "jurisdictions": ("US-IA",), "administrator": NEWCOMER, **more}
    given(world, "east").when(person, charter(**more)).then(AffiliateChartered, **chartered)
    east = world.affiliate("east")
    assert (east.name, east.timezone, east.website) == ("Mentoring East", ZONE, "https://east.example")
    assert (east.jurisdictions, east.staff) == (("US-IA",), {NEWCOMER: ("affiliate_admin",)})
    assert east.national
    assert east.policies_need_national


@pytest.mark.req("M20")
@pytest.mark.parametrize("nowhere", ["America/Springfield", "America", "America/../Chicago"])
def test_its_days_begin_somewhere(nowhere: str) -> None:
    given(new_world(), "east").when(OPERATOR, charter(timezone=nowhere)).refused("TIME_ZONE_UNKNOWN", timezone=nowhere)


def test_unless_said_otherwise_an_affiliate_is_not_the_national_body_and_publishes_alone() -> None:
    world = new_world()
    given(world, "east").when(OPERATOR, charter()).then(
        AffiliateChartered, national=False, policies_need_national=False
    )
    assert not world.affiliate("east").national
    assert not world.affiliate("east").policies_need_national


def test_an_affiliate_is_chartered_once() -> None:
    given(new_world(), "north").when(OPERATOR, charter()).refused("AFFILIATE_KNOWN", code="north")


@pytest.mark.parametrize("command", [CharterAffiliate, SetJurisdiction])
def test_an_affiliate_serves_some_place(command: type[CharterAffiliate] | type[SetJurisdiction]) -> None:
    with pytest.raises(ValidationError, match="jurisdictions"):
        command.model_validate({**charter().model_dump(), "jurisdictions": ()})


@pytest.mark.parametrize("person", [OPERATOR, NATIONAL])
def test_the_area_can_be_set_anew(person: str) -> None:
    world = new_world()
    area = ("US-MN", "US-ND")
    given(world, "north").when(person, SetJurisdiction(jurisdictions=area)).then(
        AffiliateJurisdictionSet, jurisdictions=area
    )
    assert world.affiliate("north").jurisdictions == area


def test_the_same_area_in_another_order_is_no_change() -> None:
    command = SetJurisdiction(jurisdictions=("US-WI", "US-MN"))
    given(new_world(), "north").when(OPERATOR, command).refused("AREA_UNCHANGED")


@pytest.mark.parametrize("person", [ADMIN, OPERATOR])
def test_staff_is_appointed_with_its_parts_each_once(person: str) -> None:
    world = new_world()
    command = AppointStaff(person=NEWCOMER, roles=("reviewer", "decider", "reviewer"))
    given(world, "north").when(person, command).then(StaffAppointed, person=NEWCOMER, roles=("reviewer", "decider"))
    assert world.affiliate("north").staff[NEWCOMER] == ("reviewer", "decider")
    assert world.affiliate("north").staff[REVIEWER] == ("reviewer",)


def test_naming_somebody_again_replaces_the_parts() -> None:
    world = new_world()
    given(world, "north").when(ADMIN, AppointStaff(person=BOTH, roles=("decider",))).then(StaffAppointed)
    assert world.affiliate("north").staff[BOTH] == ("decider",)


def test_appointing_somebody_as_what_they_are_changes_nothing() -> None:
    given(new_world(), "north").when(ADMIN, AppointStaff(person=REVIEWER, roles=("reviewer",))).unchanged()


def test_one_of_two_administrators_may_take_other_parts() -> None:
    world = new_world()
    given(world, "north").when(ADMIN, AppointStaff(person=ADMIN, roles=("reviewer",))).then(StaffAppointed)
    assert administrators(world.affiliate("north")) == [ADMIN2]


def test_the_last_administrator_stays_administrator() -> None:
    world = new_world()
    given(world, "south").when(SOUTH, AppointStaff(person=SOUTH, roles=("reviewer",))).refused(
        "LAST_ADMINISTRATOR", person=SOUTH
    )
    given(world, "south").when(SOUTH, AppointStaff(person=SOUTH, roles=("affiliate_admin", "decider"))).then(
        StaffAppointed
    )
    given(world, "south").when(SOUTH, AppointStaff(person=NEWCOMER, roles=("reviewer",))).then(StaffAppointed)


@pytest.mark.parametrize("person", [ADMIN, OPERATOR])
def test_whoever_leaves_loses_every_part(person: str) -> None:
    world = new_world()
    given(world, "north").when(person, RecordStaffDeparture(person=BOTH)).then(StaffDeparted, person=BOTH)
    assert BOTH not in world.affiliate("north").staff
    assert ADMIN in world.affiliate("north").staff


def test_only_staff_can_leave() -> None:
    given(new_world(), "north").when(ADMIN, RecordStaffDeparture(person=STRANGER)).refused(
        "STAFF_UNKNOWN", person=STRANGER
    )


def test_the_last_administrator_cannot_leave() -> None:
    world = new_world()
    given(world, "south").when(SOUTH, RecordStaffDeparture(person=SOUTH)).refused("LAST_ADMINISTRATOR", person=SOUTH)
    given(world, "north").when(ADMIN2, RecordStaffDeparture(person=ADMIN)).then(StaffDeparted)


@pytest.mark.req("A26")
def test_decisions_are_delegated_to_another_affiliate_until_a_day() -> None:
    world = new_world()
    until = date(2027, 6, 30)
    given(world, "north").when(ADMIN, DelegateDecisions(to="south", until=until)).then(
        DecisionDelegated, to="south", until=until
    )
    assert (world.affiliate("north").delegated_to, world.affiliate("north").delegated_until) == ("south", until)


@pytest.mark.parametrize("to", ["nowhere", "north"])
def test_decisions_are_delegated_to_an_affiliate_that_is_another(to: str) -> None:
    command = DelegateDecisions(to=to, until=date(2027, 6, 30))
    given(new_world(), "north").when(ADMIN, command).refused("DELEGATE_UNKNOWN", to=to)


def test_a_delegation_ends_today_or_later() -> None:
    world = new_world()
    today = world.today()
    yesterday = today - timedelta(1)
    north = given(world, "north")
    north.when(ADMIN, DelegateDecisions(to="south", until=yesterday)).refused("DELEGATION_OVER", until=yesterday)
    north.when(ADMIN, DelegateDecisions(to="south", until=today)).then(DecisionDelegated, until=today)
    north.when(ADMIN, DelegateDecisions(to="nowhere", until=yesterday)).refused("DELEGATE_UNKNOWN", "DELEGATION_OVER")


@pytest.mark.parametrize("person", [ADMIN, SOUTH, STRANGER, CLOCK])
def test_affiliates_do_not_charter_themselves(person: str) -> None:
    world = new_world()
    for command in (charter(), SetJurisdiction(jurisdictions=("US-IA",))):
        given(world, "south").when(person, command).not_allowed()
