"""What is appealable, until when, what an appeal stays, and who is let near it (M18, M19)."""

from datetime import date, timedelta
from typing import Any

import pytest

from domain.access import AssessmentWithdrawn, WithdrawFromCycle
from domain.adverse import PartnerStatusSuspended
from domain.appeal import (
    AdmitAppeal,
    AppealAdmitted,
    AppealDismissed,
    AppealFiled,
    AppealPanelNamed,
    AppealWithdrawn,
    DeclareOnPanel,
    DismissAppeal,
    NameAppealPanel,
    PanelistDeclared,
    WithdrawAppeal,
)
from domain.authority import parts
from domain.decision import DecideTier, DeferDecision
from domain.extension import ExtendStatus
from domain.interests import RegisterInterest
from domain.language import Role
from domain.listing import AppointRepresentative
from domain.participation import CorrectiveOrderLifted, LiftCorrectiveOrder
from domain.term import add
from tests.small_tenure import (
    CHAIR,
    DAY,
    EXTENSION,
    PANEL,
    SECOND,
    THIRD,
    UNSTAYED,
    WHY,
    appealed,
    at_once,
    course,
    decision_of,
    denied,
    empanelled,
    ends,
    filing,
    hearing,
    naming,
    on,
    reduced,
    revoked,
    status,
    suspended,
    under,
)
from tests.small_world import (
    ADMIN,
    ADMIN2,
    CONSULTANT,
    DECIDER,
    DECIDER2,
    LEAD,
    NATIONAL,
    NO,
    REVIEWER,
    REVIEWER2,
    SOUTH,
    STAFF,
    STRANGER,
    Case,
    decider_named,
    granted,
)
from tests.story import given

WEAK: dict[str, Any] = {"answers": {"A1": NO, "C5": NO}}
"""Neither C5 nor four fifths of the practices are in place."""


def deferred(c: Case, days: int = 30, tier: str = "expert") -> Case:
    """The decision on a tier, the highest where none is named, is put off."""
    return c.must(c.decider, DeferDecision(cycle_id=c.cycle_id, tier=tier, until=c.today + days * DAY, reason=WHY))


def deciding(c: Case, tier: str = "dedicated") -> DecideTier:
    """The request to grant."""
    return DecideTier(cycle_id=c.cycle_id, tier=tier, rationale=WHY)


def dismissing(appeal_id: str) -> DismissAppeal:
    """The request to dismiss."""
    return DismissAppeal(appeal_id=appeal_id, ground="no_ground_named", reason=WHY)


@pytest.mark.req("M18")
class TestWhatIsAppealable:
    """A denial, a delay beyond the limit, an adverse act, a grant below the tier sought; nothing else."""

    def test_a_denial(self) -> None:
        c = denied(**WEAK)
        decision_id = decision_of(c, "denied")
        given(c).when(LEAD, filing(decision_id)).then(
            AppealFiled, decision_id=decision_id, scheme="full", filed_on=c.today, stays=False, zone=c.policy.timezone
        )
        assert [a.state for a in c.p.appeals.values()] == ["filed"]

    def test_a_grant_below_the_highest_tier_where_none_was_named(self) -> None:
        c = granted(tier="dedicated")
        (held,) = c.p.holdings
        assert (held.expires_on, c.cycle.tier_sought) == (add(held.effective_on, "P3Y"), None)
        given(c).when(LEAD, filing(decision_of(c, "granted"))).then(AppealFiled, stays=False)
        assert status(c) == "active dedicated"

    def test_not_a_grant_of_the_tier_sought(self) -> None:
        c = granted(tier="expert")
        given(c).when(LEAD, filing(decision_of(c, "granted"))).refused(
            "NOT_APPEALABLE", because="the policy allows none against it"
        )

    @pytest.mark.parametrize("act", [suspended, reduced, revoked])
    def test_every_adverse_act(self, act: Any) -> None:
        c = granted(tier="expert")
        given(c).when(LEAD, filing(act(c))).then(AppealFiled, stays=True)

    def test_not_an_extension(self) -> None:
        c = under(changes={"extension": EXTENSION})
        c.must(DECIDER, ExtendStatus(scheme="full", until=ends(c) + DAY, ground="affiliate_delay", evidence=WHY))
        given(c).when(LEAD, filing(decision_of(c, "extended"))).refused("NOT_APPEALABLE")

    def test_nothing_where_the_policy_knows_no_appeal(self) -> None:
        c = denied(scheme="lean", decider=DECIDER, tier="model")
        given(c).when(LEAD, filing(decision_of(c, "denied"))).refused("NOT_APPEALABLE")

    def test_not_what_was_never_decided(self) -> None:
        c = granted()
        given(c).when(LEAD, filing("imaginary")).refused("DECISION_UNKNOWN", decision_id="imaginary")

    def test_a_delay_once_the_day_has_passed_that_it_was_put_off_to(self) -> None:
        c = deferred(decider_named())
        until, decision_id = c.today + 30 * DAY, decision_of(c, "deferred")
        for day in (c.today, until):
            given(on(c, day)).when(LEAD, filing(decision_id)).refused(
                "NOT_APPEALABLE", because=f"it is put off until {until}"
            )
        given(on(c, until + DAY)).when(LEAD, filing(decision_id)).then(AppealFiled)

    def test_a_delay_for_thirty_days_after_that(self) -> None:
        c = deferred(decider_named())
        until, decision_id = c.today + 30 * DAY, decision_of(c, "deferred")
        on(c, until + 31 * DAY)
        given(c).when(LEAD, filing(decision_id)).refused("TOO_LATE", appeal_by=until + 30 * DAY)

    def test_while_it_goes_on_its_cycle_does_not_end_without_a_decision(self) -> None:
        c = deferred(decider_named())
        leaving = WithdrawFromCycle(cycle_id=c.cycle_id, reason=WHY)
        on(c, c.today + 31 * DAY)
        c.must(LEAD, filing(decision_of(c, "deferred")))
        (appeal_id,) = c.p.appeals
        given(c).when(LEAD, leaving).refused("UNDER_APPEAL", appeals=[appeal_id])
        c.must(LEAD, WithdrawAppeal(appeal_id=appeal_id))
        given(c).when(LEAD, leaving).then(AssessmentWithdrawn)

    def test_nor_does_the_affiliate_take_back_what_it_ordered(self) -> None:
        c = deferred(decider_named.again(granted(tier="dedicated"), kind="corrective"), tier="dedicated")
        lifting = LiftCorrectiveOrder(cycle_id=c.cycle_id, reason=WHY)
        on(c, c.today + 31 * DAY)
        c.must(LEAD, filing(decision_of(c, "deferred")))
        given(c).when(ADMIN, lifting).refused("UNDER_APPEAL", appeals=[*c.p.appeals])
        c.must(LEAD, WithdrawAppeal(appeal_id=next(iter(c.p.appeals))))
        given(c).when(ADMIN, lifting).then(CorrectiveOrderLifted)

    def test_not_a_delay_after_the_decision_was_taken_or_put_off_anew(self) -> None:
        c = deferred(decider_named())
        first = decision_of(c, "deferred")
        c.world.later(days=31)
        deferred(c)
        given(c).when(LEAD, filing(first)).refused("NOT_APPEALABLE", because="the decision was taken, or put off anew")
        second = decision_of(c, "deferred")
        c.world.later(days=31)
        c.must(DECIDER, deciding(c))
        given(c).when(LEAD, filing(second)).refused("NOT_APPEALABLE")

    def test_not_a_denial_in_whose_place_a_later_decision_stands(self) -> None:
        c = denied(**WEAK)
        decision_id = decision_of(c, "denied")
        c.must(DECIDER, deciding(c))
        given(c).when(LEAD, filing(decision_id)).refused(
            "NOT_APPEALABLE", because="a later decision stands in its place"
        )
        given(c).when(LEAD, filing(decision_of(c, "granted"))).then(AppealFiled)

    def test_until_the_last_day(self) -> None:
        c = denied(**WEAK)
        decision_id, last = decision_of(c, "denied"), c.today + 30 * DAY
        early = c.world.copy()
        on(c, last + DAY)
        given(c).when(LEAD, filing(decision_id)).refused("TOO_LATE", appeal_by=last)
        c.world = early
        on(c, last)
        given(c).when(LEAD, filing(decision_id)).then(AppealFiled, filed_on=last)

    def test_the_last_day_ends_where_the_policy_applies(self) -> None:
        c = denied(**WEAK)
        c.world.now += timedelta(days=30, hours=12)
        assert c.world.now.date() > c.today
        given(c).when(LEAD, filing(decision_of(c, "denied"))).then(AppealFiled)

    @pytest.mark.parametrize("state", ["filed", "withdrawn", "dismissed"])
    def test_once(self, state: str) -> None:
        c = denied(**WEAK)
        decision_id = decision_of(c, "denied")
        appeal_id = appealed(c, decision_id)
        if state == "withdrawn":
            c.must(LEAD, WithdrawAppeal(appeal_id=appeal_id))
        elif state == "dismissed":
            c.must(ADMIN2, dismissing(appeal_id))
        given(c).when(LEAD, filing(decision_id)).refused("APPEAL_OPEN", state=state)

    @pytest.mark.parametrize("person", [STAFF, ADMIN, DECIDER])
    def test_only_by_whoever_leads_the_program(self, person: str) -> None:
        c = denied(**WEAK)
        given(c).when(person, filing(decision_of(c, "denied"))).refused("NOT_AUTHORISED")


@pytest.mark.req("M18", "H10")
class TestTheStay:
    """While an appeal is pending the act rests, where the policy says so and no harm is imminent."""

    @pytest.mark.parametrize(
        ("act", "word"),
        [(suspended, "suspended expert"), (reduced, "active dedicated"), (revoked, "revoked expert")],
    )
    def test_the_act_rests_from_the_day_of_the_appeal(self, act: Any, word: str) -> None:
        c = granted(tier="expert")
        end = ends(c)
        decision_id = act(c)
        since = c.today
        c.world.later(days=5)
        appealed(c, decision_id)
        assert course(c)[1:] == [
            f"{since} {word}", f"{c.today} active expert", f"{end} expired expert",
        ]  # fmt: skip

    def test_an_act_that_lies_ahead_does_not_begin(self) -> None:
        c = granted()
        before = course(c)
        appealed(c, revoked(c, after=10))
        assert course(c) == before

    @pytest.mark.parametrize("end", ["withdrawn", "dismissed"])
    def test_it_goes_on_when_the_appeal_ends(self, end: str) -> None:
        c = granted()
        decision_id = revoked(c)
        since = c.today
        c.world.later(days=5)
        appeal_id, filed = appealed(c, decision_id), c.today
        c.world.later(days=5)
        if end == "withdrawn":
            given(c).when(LEAD, WithdrawAppeal(appeal_id=appeal_id)).then(
                AppealWithdrawn, appeal_id=appeal_id, decision_id=decision_id, ended_on=c.today
            )
        else:
            given(c).when(ADMIN2, dismissing(appeal_id)).then(
                AppealDismissed,
                appeal_id=appeal_id,
                decision_id=decision_id,
                ended_on=c.today,
                ground="no_ground_named",
            )
        assert c.p.appeals[appeal_id].state == end
        assert course(c)[1:] == [
            f"{since} revoked dedicated", f"{filed} active dedicated", f"{c.today} revoked dedicated",
        ]  # fmt: skip

    def test_the_term_runs_out_during_the_stay(self) -> None:
        c = granted()
        end = ends(c)
        on(c, end - 23 * DAY)
        decision_id = revoked(c)
        since = c.today
        appeal_id = empanelled(c, decision_id)
        on(c, end + 5 * DAY).must(CHAIR, hearing(appeal_id, "upheld"))
        assert since == end - 2 * DAY
        assert course(c)[1:] == [f"{end} expired dedicated", f"{c.today} revoked dedicated"]

    def test_imminent_harm_is_not_stayed(self) -> None:
        c = granted()
        given(c).when(DECIDER2, at_once(c))
        assert isinstance(c.events[-2], PartnerStatusSuspended)
        given(c).when(LEAD, filing(decision_of(c, "suspended"))).then(AppealFiled, stays=False)
        assert course(c)[1:] == [f"{c.today} suspended dedicated", f"{ends(c)} expired dedicated"]

    def test_a_policy_without_stay(self) -> None:
        c = under(changes={"adverse": UNSTAYED})
        decision_id = revoked(c)
        given(c).when(LEAD, filing(decision_id)).then(AppealFiled, stays=False)
        assert course(c)[1:] == [f"{c.today} revoked dedicated"]


class TestAdmitting:
    """By somebody who had no part in the decision."""

    @pytest.mark.parametrize("person", [ADMIN2, NATIONAL])
    def test_an_appeal_that_was_filed(self, person: str) -> None:
        c = denied(**WEAK)
        appeal_id = appealed(c, decision_of(c, "denied"))
        given(c).when(person, AdmitAppeal(appeal_id=appeal_id)).then(AppealAdmitted, appeal_id=appeal_id)
        given(c).when(person, AdmitAppeal(appeal_id=appeal_id)).refused(
            "WRONG_APPEAL_STATE", state="admitted", wanted="filed"
        )

    def test_one_that_there_is(self) -> None:
        given(granted()).when(ADMIN2, AdmitAppeal(appeal_id="imaginary")).refused(
            "APPEAL_UNKNOWN", appeal_id="imaginary"
        )

    @pytest.mark.req("M19", "A26")
    def test_not_by_whoever_gave_the_notice(self) -> None:
        c = granted()
        appeal_id = appealed(c, revoked(c))
        for request in (AdmitAppeal(appeal_id=appeal_id), dismissing(appeal_id)):
            given(c).when(ADMIN, request).refused("APPEALED_DECIDER", person=ADMIN)
        c.must(ADMIN2, AdmitAppeal(appeal_id=appeal_id))
        given(c).when(ADMIN, naming(c, appeal_id)).refused("APPEALED_DECIDER", person=ADMIN)

    @pytest.mark.parametrize("person", [LEAD, DECIDER2, REVIEWER2])
    def test_only_the_administrators(self, person: str) -> None:
        c = denied(**WEAK)
        appeal_id = appealed(c, decision_of(c, "denied"))
        given(c).when(person, AdmitAppeal(appeal_id=appeal_id)).refused("NOT_AUTHORISED")

    def test_a_panel_is_not_dismissed(self) -> None:
        c = denied(**WEAK)
        appeal_id = empanelled(c, decision_of(c, "denied"), declared=False)
        given(c).when(ADMIN2, dismissing(appeal_id)).refused(
            "WRONG_APPEAL_STATE", state="panel_named", wanted="filed or admitted"
        )

    def test_a_program_withdraws_until_the_panel_has_decided(self) -> None:
        c = denied(**WEAK)
        appeal_id = empanelled(c, decision_of(c, "denied"))
        given(c).when(ADMIN2, WithdrawAppeal(appeal_id=appeal_id)).refused("NOT_AUTHORISED")
        given(c).when(LEAD, WithdrawAppeal(appeal_id=appeal_id)).then(AppealWithdrawn)
        given(c).when(LEAD, WithdrawAppeal(appeal_id=appeal_id)).refused("WRONG_APPEAL_STATE", state="withdrawn")
        given(c).when(CHAIR, hearing(appeal_id, "upheld")).refused("NOT_AUTHORISED")


def admitted(c: Case, decision_id: str) -> str:
    """An appeal will be heard; its id."""
    appeal_id = appealed(c, decision_id)
    c.must(ADMIN2, AdmitAppeal(appeal_id=appeal_id))
    return appeal_id


@pytest.mark.req("M19")
class TestThePanel:
    """Three at the least, nobody who took part or is tied to the program, for a limited time."""

    def test_it_is_named_from_inside_or_outside(self) -> None:
        c = denied(**WEAK)
        appeal_id = admitted(c, decision_of(c, "denied"))
        given(c).when(ADMIN2, naming(c, appeal_id, CHAIR, REVIEWER2, DECIDER2)).then(
            AppealPanelNamed, panel=(CHAIR, REVIEWER2, DECIDER2), until=c.today + 60 * DAY
        )
        assert c.p.appeals[appeal_id].state == "panel_named"

    def test_not_before_the_appeal_is_admitted(self) -> None:
        c = denied(**WEAK)
        appeal_id = appealed(c, decision_of(c, "denied"))
        given(c).when(ADMIN2, naming(c, appeal_id)).refused(
            "WRONG_APPEAL_STATE", state="filed", wanted="admitted or panel_named"
        )

    @pytest.mark.parametrize("panel", [(CHAIR, SECOND), (CHAIR, SECOND, CHAIR)])
    def test_three_different_people(self, panel: tuple[str, ...]) -> None:
        c = denied(**WEAK)
        appeal_id = admitted(c, decision_of(c, "denied"))
        given(c).when(ADMIN2, naming(c, appeal_id, *panel)).refused("PANEL_TOO_SMALL", least=3)

    @pytest.mark.req("A26")
    @pytest.mark.parametrize("person", [REVIEWER, DECIDER, CONSULTANT, LEAD, STAFF])
    def test_nobody_who_took_part_in_a_denial(self, person: str) -> None:
        c = denied(**WEAK)
        appeal_id = admitted(c, decision_of(c, "denied"))
        given(c).when(ADMIN2, naming(c, appeal_id, CHAIR, SECOND, person)).refused(
            "PANEL_NOT_INDEPENDENT", people=[person]
        )

    @pytest.mark.req("A26")
    @pytest.mark.parametrize("person", [ADMIN, DECIDER2, DECIDER, REVIEWER])
    def test_nobody_who_took_part_in_an_act_or_in_the_grant_it_is_about(self, person: str) -> None:
        c = granted()
        appeal_id = admitted(c, revoked(c))
        given(c).when(ADMIN2, naming(c, appeal_id, CHAIR, SECOND, person)).refused(
            "PANEL_NOT_INDEPENDENT", people=[person]
        )

    def test_nobody_with_a_registered_interest(self) -> None:
        c = denied(**WEAK)
        appeal_id = admitted(c, decision_of(c, "denied"))
        seat: dict[str, Any] = {"nature": "committee_seat", "since": date(2025, 1, 1)}
        c.world.must(ADMIN, "north", RegisterInterest(person=THIRD, program_id=c.program_id, **seat))
        given(c).when(ADMIN2, naming(c, appeal_id)).refused("PANEL_NOT_INDEPENDENT", people=[THIRD])

    @pytest.mark.parametrize(("day", "allowed"), [(-1, False), (0, True), (181, True), (182, False)])
    def test_for_half_a_year_at_the_most(self, day: int, allowed: bool) -> None:
        c = denied(**WEAK)
        appeal_id = admitted(c, decision_of(c, "denied"))
        assert add(c.today, "P6M") == c.today + 181 * DAY
        story = given(c).when(ADMIN2, naming(c, appeal_id, days=day))
        if allowed:
            story.then(AppealPanelNamed, until=c.today + day * DAY)
        else:
            story.refused("ACCESS_PERIOD", today=c.today, latest=c.today + 181 * DAY)

    def test_everything_that_speaks_against_it_is_named(self) -> None:
        c = denied(**WEAK)
        appeal_id = admitted(c, decision_of(c, "denied"))
        given(c).when(ADMIN2, naming(c, appeal_id, DECIDER, LEAD, days=-1)).refused(
            "PANEL_TOO_SMALL", "PANEL_NOT_INDEPENDENT", "ACCESS_PERIOD", people=[DECIDER, LEAD]
        )

    def test_naming_again_replaces_it_and_asks_for_new_declarations(self) -> None:
        c = denied(**WEAK)
        appeal_id = empanelled(c, decision_of(c, "denied"))
        c.must(ADMIN2, naming(c, appeal_id, SECOND, THIRD, STRANGER))
        assert c.p.appeals[appeal_id].declared == {}
        given(c).when(CHAIR, hearing(appeal_id, "upheld")).refused("NOT_AUTHORISED")
        given(c).when(SECOND, hearing(appeal_id, "upheld")).refused("PANELIST_UNDECLARED")


@pytest.mark.req("M19")
class TestAPanelistsPart:
    """For this case alone, through the last day named."""

    def declaring(self, appeal_id: str, nature: Any = "none") -> DeclareOnPanel:
        """The request to declare."""
        return DeclareOnPanel(appeal_id=appeal_id, nature=nature)

    def role(self, c: Case, person: str) -> bool:
        """Whether a person has a panelist's part towards the program."""
        return Role.PANELIST in parts(c.p, c.world.context(person, "program", c.program_id))

    def test_each_declares_for_themselves(self) -> None:
        c = denied(**WEAK)
        appeal_id = empanelled(c, decision_of(c, "denied"), declared=False)
        given(c).when(SECOND, self.declaring(appeal_id, "family")).then(
            PanelistDeclared, appeal_id=appeal_id, person=SECOND, nature="family"
        )
        given(c).when(SECOND, self.declaring(appeal_id)).then(PanelistDeclared, nature="none")
        assert c.p.appeals[appeal_id].declared == {SECOND: "none"}

    def test_from_being_named_through_the_last_day(self) -> None:
        c = denied(**WEAK)
        appeal_id = admitted(c, decision_of(c, "denied"))
        assert not self.role(c, CHAIR)
        c.must(ADMIN2, naming(c, appeal_id, days=10))
        assert [self.role(c, person) for person in (*PANEL, STRANGER)] == [True, True, True, False]
        c.world.later(days=10)
        assert self.role(c, CHAIR)
        given(c).when(CHAIR, self.declaring(appeal_id)).then(PanelistDeclared)
        c.world.later()
        assert not self.role(c, CHAIR)
        given(c).when(CHAIR, self.declaring(appeal_id)).refused("NOT_AUTHORISED")

    def test_until_the_panel_has_decided(self) -> None:
        c = denied(**WEAK)
        appeal_id = empanelled(c, decision_of(c, "denied"))
        c.must(CHAIR, hearing(appeal_id, "upheld"))
        assert not self.role(c, CHAIR)

    def test_not_for_another_program(self) -> None:
        c, other = denied(**WEAK), granted()
        empanelled(c, decision_of(c, "denied"))
        assert not self.role(other, CHAIR)

    def test_not_for_another_appeal_of_the_same_program(self) -> None:
        c = granted(tier="expert")
        first, second = suspended(c), ""
        appeal_id = empanelled(c, first)
        second = admitted(c, reduced(c))
        c.must(ADMIN2, NameAppealPanel(appeal_id=second, panel=(STRANGER, SOUTH, "p_fifth"), until=c.today + 9 * DAY))
        given(c).when(CHAIR, self.declaring(second)).refused("NOT_ON_PANEL", person=CHAIR, until=c.today + 9 * DAY)
        given(c).when(STRANGER, hearing(appeal_id, "upheld")).refused("NOT_ON_PANEL", "NOT_THE_CHAIR")
        given(c).when(STRANGER, self.declaring(second)).then(PanelistDeclared)

    def test_whoever_joins_the_program_meanwhile_has_no_part_any_more(self) -> None:
        c = denied(**WEAK)
        appeal_id = empanelled(c, decision_of(c, "denied"))
        c.must(LEAD, AppointRepresentative(person=THIRD, role="program_staff"))
        assert not self.role(c, THIRD)
        given(c).when(CHAIR, hearing(appeal_id, "upheld")).refused("PANEL_NOT_INDEPENDENT", people=[THIRD])
