"""Publishing: versions of policies and instruments are published once, by their owner, and never reach back."""

from datetime import date, timedelta
from typing import Any

import pytest

from domain.affiliate import AppointStaff
from domain.instrument.model import Instrument
from domain.policy.model import load
from domain.publishing import (
    ConfirmPolicyVersion,
    InstrumentVersionPublished,
    PolicyVersionProposed,
    PolicyVersionPublished,
    ProposePolicyVersion,
    PublishInstrumentVersion,
    PublishPolicyVersion,
)
from domain.values import InstrumentRef, PolicyRef, digest_of
from tests.small_policies import FULL, SMALL, SOUTHERN
from tests.small_world import ADMIN, ADMIN2, DECIDER, NATIONAL, OPERATOR, SOUTH, World, new_world
from tests.story import given


def handed_in(world: World, doc: dict[str, Any] = FULL, **changes: Any) -> str:
    """The hash of a policy that differs from a published one."""
    changed = {**doc, "version": "2", **changes}
    return world.keep(changed, load(changed))


def publish(sha256: str, day: date, version: str = "2") -> PublishPolicyVersion:
    return PublishPolicyVersion(policy_version=version, sha256=sha256, effective_from=day)


def propose(sha256: str, day: date, version: str = "2") -> ProposePolicyVersion:
    return ProposePolicyVersion(policy_version=version, sha256=sha256, effective_from=day)


def proposed_by(person: str) -> World:
    """A world in which the second version of the south's policy is proposed."""
    world = new_world()
    sha256 = handed_in(world, SOUTHERN)
    given(world, "southern").when(person, propose(sha256, world.today())).then(PolicyVersionProposed)
    return world


@pytest.mark.parametrize("person", [ADMIN, OPERATOR])
def test_the_owner_publishes_a_version_of_its_policy(person: str) -> None:
    world = new_world()
    sha256, today = handed_in(world, title="The second"), world.today()
    said = {"policy_version": "2", "sha256": sha256, "effective_from": today, "semantics": 1, "affiliate": "north"}
    story = given(world, "full").when(person, publish(sha256, today))
    story.then(PolicyVersionPublished, **said, title="The second", approved_by=(person,))
    assert (world.scheme("full").title, world.scheme("full").affiliate) == ("The second", "north")


def test_the_version_in_force_is_the_one_that_took_effect_last() -> None:
    world = new_world()
    today = world.today()
    days = {"2": today + timedelta(20), "3": today + timedelta(10), "4": today + timedelta(20)}
    for version, day in days.items():
        sha256 = handed_in(world, version=version)
        given(world, "full").when(ADMIN, publish(sha256, day, version)).then(PolicyVersionPublished)
    scheme = world.scheme("full")
    in_force = {n: scheme.in_force(today + timedelta(n)).version for n in (0, 9, 10, 19, 20)}
    assert in_force == {0: "1", 9: "1", 10: "3", 19: "3", 20: "4"}
    assert scheme.in_force(date(2024, 12, 31)) is None
    assert scheme.in_force(date(2025, 1, 1)) == PolicyRef("full", "1", scheme.published[0].sha256)


def test_only_content_that_was_handed_in_is_published() -> None:
    world = new_world()
    nothing = digest_of("nothing")
    for command in (publish, propose):
        given(world, "full").when(ADMIN, command(nothing, world.today())).refused("BODY_UNKNOWN", sha256=nothing)


@pytest.mark.parametrize(
    ("changes", "named"), [({"policy": "LEAN"}, "lean@2"), ({"version": "3"}, "full@3")], ids=["scheme", "version"]
)
def test_content_calls_itself_what_it_is_published_as(changes: dict[str, Any], named: str) -> None:
    world = new_world()
    command = publish(handed_in(world, **changes), world.today())
    given(world, "full").when(ADMIN, command).refused("BODY_OTHER", named=named, expected="full@2")


@pytest.mark.req("H7")
def test_a_published_version_is_never_changed() -> None:
    world = new_world()
    for sha256 in (world.scheme("full").published[0].sha256, handed_in(world, version="1", title="Other words")):
        command = publish(sha256, world.today(), "1")
        given(world, "full").when(ADMIN, command).refused("VERSION_PUBLISHED", version="1")


def test_the_same_content_is_published_once() -> None:
    world = new_world()
    command = publish(world.scheme("full").published[0].sha256, world.today())
    given(world, "full").when(ADMIN, command).refused("BODY_OTHER", "BODY_PUBLISHED", version="1")


def test_a_policy_belongs_to_an_affiliate_that_there_is() -> None:
    world = new_world()
    command = publish(handed_in(world, policy="NEW", affiliate="nowhere"), world.today())
    given(world, "new").when(OPERATOR, command).refused("AFFILIATE_UNKNOWN", affiliate="nowhere")


def test_a_scheme_stays_with_its_affiliate() -> None:
    world = new_world()
    command = publish(handed_in(world, affiliate="south"), world.today())
    given(world, "full").when(OPERATOR, command).refused("NOT_THE_OWNER", affiliate="north")


@pytest.mark.parametrize("command", [publish, propose])
def test_others_do_not_publish_for_an_affiliate(command: Any) -> None:
    world = new_world()
    given(world, "full").when(SOUTH, command(handed_in(world), world.today())).refused(
        "NOT_THE_OWNER", affiliate="north"
    )


def test_administering_another_affiliate_does_not_make_a_decider_publish() -> None:
    world = new_world()
    given(world, "south").when(SOUTH, AppointStaff(person=DECIDER, roles=("affiliate_admin",)))
    story = given(world, "full").when(DECIDER, publish(handed_in(world), world.today()))
    story.refused("NOT_THE_OWNER", affiliate="north")


@pytest.mark.parametrize("ref", [{"family": "OTHER", "version": "1"}, {"family": "SMALL", "version": "9"}])
def test_a_policy_uses_an_instrument_that_is_published(ref: dict[str, str]) -> None:
    world = new_world()
    command = publish(handed_in(world, instrument={**ref, "basis": "proposal"}), world.today())
    given(world, "full").when(ADMIN, command).refused("INSTRUMENT_UNKNOWN", **ref)


@pytest.mark.parametrize("command", [publish, propose])
def test_a_later_version_takes_effect_today_at_the_earliest(command: Any) -> None:
    world = new_world()
    sha256, today = handed_in(world), world.today()
    yesterday = today - timedelta(1)
    given(world, "full").when(ADMIN, command(sha256, yesterday)).refused(
        "RETROACTIVE_POLICY", today=today, effective_from=yesterday
    )
    assert given(world, "full").when(ADMIN, command(sha256, today)).events


@pytest.mark.req("M20")
def test_the_day_that_counts_is_the_day_in_the_policys_zone() -> None:
    world = new_world()
    world.now = world.now.replace(hour=4)  # still the day before in Chicago
    sha256, utc = handed_in(world), world.now.date()
    given(world, "full").when(ADMIN, publish(sha256, utc - timedelta(1))).then(PolicyVersionPublished)


def test_the_first_version_may_put_into_force_what_was_in_force_on_paper() -> None:
    world = new_world()
    command = publish(handed_in(world, policy="NEW"), date(2010, 1, 1))
    given(world, "new").when(ADMIN, command).then(PolicyVersionPublished, effective_from=date(2010, 1, 1))


def test_everything_that_speaks_against_a_version_is_named() -> None:
    world = new_world()
    changes = {
        "policy": "LEAN",
        "affiliate": "nowhere",
        "instrument": {"family": "X", "version": "1", "basis": "proposal"},
    }
    command = publish(handed_in(world, **changes), date(2020, 1, 1), "1")
    given(world, "full").when(ADMIN, command).refused(
        "BODY_OTHER", "VERSION_PUBLISHED", "AFFILIATE_UNKNOWN", "NOT_THE_OWNER", "INSTRUMENT_UNKNOWN",
        "RETROACTIVE_POLICY", "NOT_THE_OWNER",
    )  # fmt: skip


@pytest.mark.req("M4")
def test_where_so_configured_an_affiliate_proposes_and_the_national_body_confirms() -> None:
    world = new_world()
    sha256, day = handed_in(world, SOUTHERN, title="The second"), world.today() + timedelta(30)
    southern = given(world, "southern")
    southern.when(SOUTH, publish(sha256, day)).refused("NATIONAL_CONFIRMS")
    said = {"policy_version": "2", "sha256": sha256, "effective_from": day, "affiliate": "south", "title": "The second"}
    southern.when(SOUTH, propose(sha256, day)).then(PolicyVersionProposed, **said, proposed_by=SOUTH)
    assert world.scheme("southern").in_force(day).version == "1"
    confirmed = southern.when(NATIONAL, ConfirmPolicyVersion(policy_version="2"))
    confirmed.then(PolicyVersionPublished, **said, semantics=1, approved_by=(SOUTH, NATIONAL))
    assert world.scheme("southern").in_force(day).version == "2"


def test_the_operator_publishes_for_every_affiliate() -> None:
    world = new_world()
    command = publish(handed_in(world, SOUTHERN), world.today())
    given(world, "southern").when(OPERATOR, command).then(PolicyVersionPublished, approved_by=(OPERATOR,))


def test_an_affiliate_that_publishes_alone_may_still_propose() -> None:
    world = new_world()
    given(world, "new").when(ADMIN, propose(handed_in(world, policy="NEW"), world.today())).then(PolicyVersionProposed)
    assert (world.scheme("new").affiliate, world.scheme("new").title) == ("north", FULL["title"])


@pytest.mark.req("M4")
def test_nobody_confirms_their_own_proposal() -> None:
    world = new_world()
    given(world, "south").when(SOUTH, AppointStaff(person=NATIONAL, roles=("affiliate_admin",)))
    command = propose(handed_in(world, SOUTHERN), world.today())
    given(world, "southern").when(NATIONAL, command).then(PolicyVersionProposed)
    given(world, "southern").when(NATIONAL, ConfirmPolicyVersion(policy_version="2")).refused(
        "SECOND_PERSON_REQUIRED", person=NATIONAL
    )


def test_only_what_is_proposed_can_be_confirmed_and_only_once() -> None:
    world = proposed_by(SOUTH)
    southern = given(world, "southern")
    southern.when(NATIONAL, ConfirmPolicyVersion(policy_version="3")).refused("NOTHING_PROPOSED", version="3")
    southern.when(NATIONAL, ConfirmPolicyVersion(policy_version="2")).then(PolicyVersionPublished)
    southern.when(NATIONAL, ConfirmPolicyVersion(policy_version="2")).refused("NOTHING_PROPOSED", version="2")


def test_another_proposal_still_waits_when_one_is_confirmed() -> None:
    world = proposed_by(SOUTH)
    southern = given(world, "southern")
    southern.when(SOUTH, propose(handed_in(world, SOUTHERN, version="3"), world.today(), "3"))
    southern.when(NATIONAL, ConfirmPolicyVersion(policy_version="2")).then(PolicyVersionPublished)
    southern.when(NATIONAL, ConfirmPolicyVersion(policy_version="3")).then(PolicyVersionPublished, policy_version="3")


def test_a_proposal_confirmed_too_late_does_not_reach_back() -> None:
    world = proposed_by(SOUTH)
    world.later(days=1)
    given(world, "southern").when(NATIONAL, ConfirmPolicyVersion(policy_version="2")).refused("RETROACTIVE_POLICY")


def test_a_proposal_is_not_confirmed_once_its_version_is_published() -> None:
    world = proposed_by(SOUTH)
    sha256, today = handed_in(world, SOUTHERN, title="Quicker"), world.today()
    southern = given(world, "southern")
    southern.when(OPERATOR, publish(sha256, today)).then(PolicyVersionPublished)
    southern.when(NATIONAL, ConfirmPolicyVersion(policy_version="2")).refused("NOTHING_PROPOSED", version="2")


@pytest.mark.parametrize("person", [SOUTH, ADMIN2, OPERATOR])
def test_only_the_national_body_confirms(person: str) -> None:
    southern = given(proposed_by(SOUTH), "southern")
    southern.when(person, ConfirmPolicyVersion(policy_version="2")).refused("NOT_AUTHORISED")


def questions(world: World, **changes: str) -> str:
    """The hash of an instrument that differs from the published one."""
    changed = {**SMALL, "version": "2", **changes}
    return world.keep(changed, Instrument.model_validate(changed))


def instrument(sha256: str, version: str = "2") -> PublishInstrumentVersion:
    return PublishInstrumentVersion(instrument_version=version, sha256=sha256)


@pytest.mark.parametrize("person", [NATIONAL, OPERATOR])
def test_an_instrument_version_is_published_beside_the_earlier_ones(person: str) -> None:
    world = new_world()
    sha256 = questions(world, title="Six other practices")
    said = {"instrument_version": "2", "sha256": sha256, "title": "Six other practices"}
    given(world, "SMALL").when(person, instrument(sha256)).then(InstrumentVersionPublished, **said)
    family = world.family("SMALL")
    assert family.title == "Six other practices"
    assert family.ref("2") == InstrumentRef("SMALL", "2", sha256)
    assert family.ref("1") == InstrumentRef("SMALL", "1", digest_of(SMALL))
    assert family.ref("3") is None


def test_an_affiliate_publishes_no_instrument() -> None:
    world = new_world()
    given(world, "SMALL").when(ADMIN, instrument(questions(world))).refused("NOT_AUTHORISED")


def test_an_instrument_is_published_as_what_it_calls_itself() -> None:
    world = new_world()
    small = given(world, "SMALL")
    small.when(OPERATOR, instrument(digest_of("nothing"))).refused("BODY_UNKNOWN")
    small.when(OPERATOR, instrument(questions(world), "3")).refused("BODY_OTHER", named="SMALL@2", expected="SMALL@3")
    small.when(OPERATOR, instrument(questions(world, family="LARGE"))).refused("BODY_OTHER", named="LARGE@2")


@pytest.mark.req("H7")
def test_a_published_instrument_is_never_changed() -> None:
    world = new_world()
    small = given(world, "SMALL")
    small.when(OPERATOR, instrument(questions(world, version="1", title="Other"), "1")).refused("VERSION_PUBLISHED")
    small.when(OPERATOR, instrument(digest_of(SMALL))).refused("BODY_OTHER", "BODY_PUBLISHED", version="1")
