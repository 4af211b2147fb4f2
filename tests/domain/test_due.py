"""Every day with a consequence is announced once, with the day that was planned, however late the clock is (H10, 3.8)."""

from datetime import date, timedelta
from typing import Any

import pytest

from domain.adverse import ReinstateStatus, RelinquishStatus
from domain.appeal import AppealFiled
from domain.benefits import IssueTrainingVouchers, TrainingVouchersLapsed
from domain.closure import DiscontinueProgram
from domain.decision import DecideTier, DeferDecision
from domain.due import AnnounceDue, DeadlinePassed, Due, PartnerStatusExpired, TransitionalTierLapsed, dues
from domain.extension import ExtendStatus
from domain.impartiality import AssignDecider, DeclareConflict
from domain.notice import CloseNotice, ReplyToNotice
from domain.program import Program
from domain.progress import ImprovementPlanEnded
from domain.reversal import ConfirmDecisionChange, ProposeCorrection, ProposeReversal
from domain.tenure import Holding, Measure
from domain.term import add
from tests.small_tenure import (
    DAY,
    EXTENSION,
    WHY,
    appealed,
    at_once,
    course,
    decision_of,
    denied,
    ends,
    filing,
    imported,
    importing,
    noticed,
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
    CLOCK,
    DECIDER,
    DECIDER2,
    LEAD,
    NO,
    OPERATOR,
    Case,
    decider_named,
    granted,
    rated,
)
from tests.story import Story, given

WEAK: dict[str, Any] = {"answers": {"A1": NO, "C5": NO}}


def pending(c: Case, *kinds: str) -> list[Due]:
    """What is due of some kinds, announced or not yet to be."""
    return [d for d in dues(c.p) if d.kind in kinds]


def announcing(d: Due) -> AnnounceDue:
    """The request to announce it."""
    return AnnounceDue(kind=d.kind, about=d.about, due_on=d.due_on)


def announced(c: Case, d: Due) -> Story:
    """The clock announces it."""
    return given(c).when(CLOCK, announcing(d))


def one(c: Case, kind: str) -> Due:
    """The only thing of a kind that is due."""
    (d,) = pending(c, kind)
    return d


@pytest.mark.req("H10", "S0-24", "A1")
class TestTheEndOfATerm:
    """By time alone; the announcement tells, it changes nothing."""

    def test_on_its_day_and_not_before(self) -> None:
        c = granted()
        d = one(c, "expiry")
        assert (d.due_on, d.about, d.scheme, d.zone) == (
            ends(c), decision_of(c, "granted"), "full", c.policy.timezone,
        )  # fmt: skip
        on(c, ends(c) - DAY)
        announced(c, d).refused("NOT_YET_DUE", due_on=ends(c), today=ends(c) - DAY, zone=c.policy.timezone)
        on(c, ends(c))
        announced(c, d).then(
            PartnerStatusExpired, scheme="full", tier="dedicated", label="Dedicated", about=d.about, due_on=ends(c)
        )

    @pytest.mark.req("M22")
    def test_its_last_day_is_said(self) -> None:
        c = granted()
        story = announced(on(c, ends(c)), one(c, "expiry"))
        assert story.events is not None
        assert story.events[0].sentence() == "announced that Dedicated ended with 2029-02-18"

    @pytest.mark.req("M20")
    def test_its_day_begins_where_the_policy_applies(self) -> None:
        c = granted()
        on(c, ends(c) - DAY)
        c.world.now += timedelta(hours=14)
        assert c.world.now.date() == ends(c) > c.today
        announced(c, one(c, "expiry")).refused("NOT_YET_DUE")
        c.world.now += timedelta(hours=1)
        announced(c, one(c, "expiry")).then(PartnerStatusExpired)

    def test_once_however_late_with_the_planned_day(self) -> None:
        c = granted()
        d, before = one(c, "expiry"), course(c)
        on(c, ends(c) + 2000 * DAY)
        assert status(c) == "expired dedicated"
        announced(c, d).then(PartnerStatusExpired, due_on=ends(c))
        announced(c, d).refused("NOTHING_DUE", kind="expiry", about=d.about, due_on=ends(c))
        assert pending(c, "expiry") == []
        assert course(c) == before

    def test_of_a_leap_day(self) -> None:
        c = decider_named(scheme="lean")
        on(c, date(2028, 2, 29)).must(DECIDER, DecideTier(cycle_id=c.cycle_id, tier="partner", rationale=WHY))
        assert one(c, "expiry").due_on == date(2030, 2, 28)

    def test_of_an_imported_status(self) -> None:
        c = imported(date(2026, 3, 1))
        (held,) = c.p.holdings
        d = one(c, "expiry")
        assert d == Due(date(2026, 3, 1), "expiry", f"import-{held.version}", "full", c.policy.timezone)
        announced(on(c, date(2026, 4, 1)), d).then(
            PartnerStatusExpired, tier="expert", label="Expert", about=f"import-{held.version}", due_on=date(2026, 3, 1)
        )

    def test_of_an_imported_status_that_ended_long_ago(self) -> None:
        c = imported(None)
        c.must(OPERATOR, importing(c.today - 900 * DAY, c.today - 700 * DAY))
        d = one(c, "expiry")
        announced(c, d).then(PartnerStatusExpired, due_on=c.today - 700 * DAY)
        assert pending(c, "expiry") == []

    def test_not_of_one_that_another_followed(self) -> None:
        c = imported(date(2026, 12, 31))
        c.must(OPERATOR, importing(c.today - DAY, None))
        assert pending(c, "expiry") == []

    def test_a_suspended_term_ends_too(self) -> None:
        c = granted()
        on(c, ends(c) - 30 * DAY)
        suspended(c)
        announced(on(c, ends(c)), one(c, "expiry")).then(PartnerStatusExpired, tier="dedicated")

    def test_a_reduced_tier_ends_as_what_it_was_reduced_to(self) -> None:
        c = granted(tier="expert")
        reduced(c)
        announced(on(c, ends(c)), one(c, "expiry")).then(
            PartnerStatusExpired, tier="dedicated", label="Dedicated", about=decision_of(c, "granted")
        )

    def test_nothing_of_what_was_revoked(self) -> None:
        c = granted()
        revoked(c, after=10)
        assert pending(c, "expiry") == []
        on(c, ends(c))
        given(c).when(CLOCK, AnnounceDue(kind="expiry", about=decision_of(c, "granted"), due_on=ends(c))).refused(
            "NOTHING_DUE"
        )

    def test_but_of_a_term_that_ended_while_the_revocation_was_stayed(self) -> None:
        c = granted()
        on(c, ends(c) - 23 * DAY)
        appealed(c, revoked(c))
        announced(on(c, ends(c)), one(c, "expiry")).then(PartnerStatusExpired)

    def test_nothing_of_what_was_given_up(self) -> None:
        c = granted()
        c.must(LEAD, RelinquishStatus(scheme="full", effective_on=c.today, reason=WHY))
        assert pending(c, "expiry") == []

    def test_nothing_of_what_a_renewal_took_the_place_of(self) -> None:
        c = granted()
        end = ends(c)
        on(c, end - 200 * DAY)
        granted.again(c, kind="renewal")
        assert [d.due_on for d in pending(c, "expiry")] == [add(end, "P3Y")]

    def test_nothing_where_another_tier_begins_on_that_very_day(self) -> None:
        first = Holding(
            scheme="s", tier="a", rank=1, label="A", assessed=True, effective_on=date(2026, 1, 1),
            expires_on=date(2029, 1, 1), version=1, decision_id="d1",
        )  # fmt: skip
        second = Holding(
            scheme="s", tier="a", rank=1, label="A", assessed=True, effective_on=date(2029, 1, 1), expires_on=None,
            version=2, decision_id="d2",
        )  # fmt: skip
        assert [d.about for d in dues(Program(program_id="p", holdings=(first,)))] == ["d1"]
        assert dues(Program(program_id="p", holdings=(first, second))) == []

    def test_both_ends_of_two_terms_with_a_gap(self) -> None:
        c = granted()
        end, first = ends(c), one(c, "expiry")
        on(c, end + 10 * DAY)
        granted.again(c)
        assert [d.due_on for d in pending(c, "expiry")] == [end, ends(c)]
        announced(c, first).then(PartnerStatusExpired, due_on=end)
        assert [d.due_on for d in pending(c, "expiry")] == [ends(c)]

    def test_an_extension_moves_it(self) -> None:
        c = under(changes={"extension": EXTENSION})
        until = ends(c) + 60 * DAY
        first = one(c, "expiry")
        c.must(DECIDER, ExtendStatus(scheme="full", until=until, ground="affiliate_delay", evidence=WHY))
        assert one(c, "expiry").due_on == until
        on(c, first.due_on)
        announced(c, first).refused("NOTHING_DUE")

    def test_a_correction_moves_it_and_it_is_announced_anew(self) -> None:
        c = granted()
        end = ends(c)
        announced(on(c, end), one(c, "expiry"))
        day = c.p.holdings[0].effective_on + 2 * DAY
        proposal = ProposeCorrection(
            decision_id=decision_of(c, "granted"), effective_on=day, ground="typing_error", reason=WHY
        )
        c.must(ADMIN, proposal).must(ADMIN2, ConfirmDecisionChange(proposal_id=next(iter(c.p.proposals))))
        assert [d.due_on for d in pending(c, "expiry")] == [end + 2 * DAY]

    def test_a_tier_without_an_end_is_never_due(self) -> None:
        c = imported(None)
        assert dues(c.p) == []

    def test_a_program_that_closed(self) -> None:
        c = granted()
        last = one(c, "appeal_end")
        c.must(LEAD, DiscontinueProgram(closed_on=c.today, status_treatment="ended"))
        assert pending(c, "expiry") == []
        announced(on(c, last.due_on), last).then(DeadlinePassed)

    @pytest.mark.parametrize("person", [ADMIN, OPERATOR, LEAD])
    def test_only_the_clock_announces(self, person: str) -> None:
        c = granted()
        d = one(c, "expiry")
        given(on(c, ends(c))).when(person, announcing(d)).not_allowed()


@pytest.mark.req("A24", "H10")
class TestTransitionalTiers:
    """A tier that may be held only for a time comes to its limit."""

    def held(self) -> Case:
        """An interim tier is held over the one of the admission."""
        c = rated(scheme="member")
        c.must(DECIDER, DeclareConflict(cycle_id=c.cycle_id, nature="none"))
        c.must(ADMIN, AssignDecider(cycle_id=c.cycle_id, person=DECIDER))
        return c.must(DECIDER, DecideTier(cycle_id=c.cycle_id, tier="associate", rationale=WHY))

    def test_it_lapses_to_the_tier_held_before(self) -> None:
        c = self.held()
        d = one(c, "tier_lapse")
        assert d.due_on == add(c.today, "P18M")
        announced(on(c, d.due_on), d).then(
            TransitionalTierLapsed, tier="associate", label="Associate", falls_back_to="affiliate", due_on=d.due_on
        )
        assert pending(c, "tier_lapse", "expiry") == []
        assert status(c) == "active affiliate"

    def test_not_once_it_was_left_for_a_higher_one(self) -> None:
        interim = self.chain(hold=date(2027, 1, 1))
        full = Holding(
            scheme="s", tier="full", rank=3, label="Full", assessed=True, effective_on=date(2027, 1, 1), version=3,
            expires_on=None, decision_id="d3",
        )  # fmt: skip
        assert [d.kind for d in dues(Program(program_id="p", holdings=interim))] == ["tier_lapse"]
        assert dues(Program(program_id="p", holdings=(*interim, full))) == []

    def test_not_where_the_lower_one_was_granted_anew_on_that_day(self) -> None:
        lower, interim = self.chain(hold=date(2027, 1, 1))
        again = Holding(
            scheme="s", tier="affiliate", rank=1, label="Affiliate", assessed=False, effective_on=date(2027, 1, 1),
            version=3, expires_on=None, decision_id="d3",
        )  # fmt: skip
        assert dues(Program(program_id="p", holdings=(lower, interim, again))) == []

    def test_not_of_a_tier_that_was_lost(self) -> None:
        gone = Measure(measure_id="m", scheme="s", kind="revoked", since=date(2026, 6, 1), version=9)
        p = Program(program_id="p", holdings=self.chain(hold=date(2027, 1, 1)), measures=(gone,))
        assert dues(p) == []

    def chain(self, hold: date) -> tuple[Holding, Holding]:
        """The entry tier, and the interim one over it."""
        entry = Holding(
            scheme="s", tier="affiliate", rank=1, label="Affiliate", assessed=False, effective_on=date(2026, 1, 1),
            version=1, expires_on=None, decision_id="d1",
        )  # fmt: skip
        interim = Holding(
            scheme="s", tier="associate", rank=2, label="Associate", assessed=True, effective_on=date(2026, 2, 1),
            version=2, expires_on=None, hold_until=hold, falls_back_to="affiliate", decision_id="d2",
        )  # fmt: skip
        return entry, interim


class TestDeadlines:
    """Days by which somebody may or should act."""

    def test_the_time_to_reply(self) -> None:
        c = granted()
        notice_id, reply_by = noticed(c), c.today + 20 * DAY
        d = one(c, "reply_end")
        assert (d.about, d.due_on) == (notice_id, reply_by + DAY)
        announced(on(c, reply_by), d).refused("NOT_YET_DUE")
        announced(on(c, reply_by + DAY), d).then(
            DeadlinePassed, kind="reply_end", scheme="full", about=notice_id, due_on=reply_by + DAY
        )
        announced(c, d).refused("NOTHING_DUE")

    @pytest.mark.parametrize("how", ["replied", "closed"])
    def test_not_once_it_does_not_matter(self, how: str) -> None:
        c = granted()
        notice_id = noticed(c)
        if how == "replied":
            c.must(LEAD, ReplyToNotice(notice_id=notice_id, reply=WHY))
        else:
            c.must(ADMIN, CloseNotice(notice_id=notice_id, ground="remedied", reason=WHY))
        assert pending(c, "reply_end") == []

    @pytest.mark.req("M18")
    @pytest.mark.parametrize("outcome", ["denied", "granted", "revoked"])
    def test_the_time_to_appeal(self, outcome: str) -> None:
        c = denied(**WEAK) if outcome == "denied" else granted(**({} if outcome == "granted" else {"tier": "expert"}))
        decision_id = revoked(c) if outcome == "revoked" else decision_of(c, outcome)
        appeal_by = c.today + 30 * DAY
        d = one(c, "appeal_end")
        assert (d.about, d.due_on) == (decision_id, appeal_by + DAY)
        announced(on(c, appeal_by), d).refused("NOT_YET_DUE", zone=c.policy.timezone)
        announced(on(c, appeal_by + DAY), d).then(DeadlinePassed, kind="appeal_end", about=decision_id)

    @pytest.mark.req("M20")
    def test_the_time_to_appeal_is_over_where_the_policy_applies_and_not_before(self) -> None:
        c = under(changes={"timezone": "America/Los_Angeles"}, **WEAK)
        d = one(c, "appeal_end")
        assert d.zone == "America/Los_Angeles"
        on(c, d.due_on)
        c.world.now = c.world.now.replace(hour=6)  # the next day for the affiliate, but not on the coast
        assert c.world.today() == d.due_on
        announced(c, d).refused("NOT_YET_DUE", zone=d.zone)
        given(c).when(LEAD, filing(d.about)).then(AppealFiled)

    @pytest.mark.parametrize("how", ["appealed", "reversed", "superseded"])
    def test_not_of_a_decision_that_cannot_be_appealed_against_any_more(self, how: str) -> None:
        c = denied(**WEAK)
        decision_id = decision_of(c, "denied")
        if how == "appealed":
            appealed(c, decision_id)
        elif how == "reversed":
            c.must(ADMIN, ProposeReversal(decision_id=decision_id, ground="wrong_program", reason=WHY))
            c.must(ADMIN2, ConfirmDecisionChange(proposal_id=next(iter(c.p.proposals))))
        else:
            c.must(DECIDER, DecideTier(cycle_id=c.cycle_id, tier="dedicated", rationale=WHY))
        assert decision_id not in [d.about for d in pending(c, "appeal_end")]

    @pytest.mark.req("M18")
    def test_a_decision_put_off(self) -> None:
        c = decider_named()
        until = c.today + 30 * DAY
        c.must(DECIDER, DeferDecision(cycle_id=c.cycle_id, tier="expert", until=until, reason=WHY))
        d = one(c, "deferral_end")
        assert (d.about, d.due_on) == (c.cycle_id, until + DAY)
        assert one(c, "appeal_end").due_on == until + 31 * DAY
        announced(on(c, until + DAY), d).then(DeadlinePassed, kind="deferral_end", about=c.cycle_id)
        assert pending(c, "deferral_end") == []

    def test_a_decision_put_off_anew_is_due_anew(self) -> None:
        c = decider_named()
        for _ in range(2):
            until = c.today + 30 * DAY
            c.must(DECIDER, DeferDecision(cycle_id=c.cycle_id, tier="expert", until=until, reason=WHY))
            assert [d.due_on for d in pending(c, "deferral_end")] == [until + DAY]
            assert [d.due_on for d in pending(c, "appeal_end")] == [until + 31 * DAY]
            announced(on(c, until + DAY), one(c, "deferral_end"))

    def test_not_once_it_was_taken(self) -> None:
        c = decider_named()
        c.must(DECIDER, DeferDecision(cycle_id=c.cycle_id, tier="expert", until=c.today + DAY, reason=WHY))
        c.must(DECIDER, DecideTier(cycle_id=c.cycle_id, tier="expert", rationale=WHY))
        assert pending(c, "deferral_end", "appeal_end") == []


class TestTheReviewOfASuspension:
    """Due while it has effect."""

    def test_on_the_day_named(self) -> None:
        c = granted()
        decision_id = suspended(c)
        d = one(c, "suspension_review")
        assert (d.about, d.due_on, d.zone) == (decision_id, c.today + 20 * DAY, c.policy.timezone)
        announced(on(c, d.due_on - DAY), d).refused("NOT_YET_DUE")
        announced(on(c, d.due_on), d).then(DeadlinePassed, kind="suspension_review", about=decision_id)
        assert pending(c, "suspension_review") == []

    @pytest.mark.parametrize("how", ["lifted", "stayed", "revoked", "ended", "given_up"])
    def test_not_once_it_has_none(self, how: str) -> None:
        c = granted()
        if how == "ended":
            on(c, ends(c) - 31 * DAY)
        decision_id = suspended(c, review_by=c.today + (100 if how == "revoked" else 41) * DAY)
        if how == "lifted":
            c.must(DECIDER2, ReinstateStatus(scheme="full", declaration="none", reason=WHY))
        elif how == "stayed":
            appealed(c, decision_id)
        elif how == "revoked":
            revoked(c)
        elif how == "given_up":
            c.must(LEAD, RelinquishStatus(scheme="full", effective_on=c.today + 5 * DAY, reason=WHY))
        assert pending(c, "suspension_review") == []

    def test_of_two_each(self) -> None:
        c = granted()
        suspended(c, after=5)
        c.must(DECIDER2, at_once(c))
        assert len(pending(c, "suspension_review")) == 2


class TestPlansAndVouchers:
    """What the stages of plans and benefits announce is asked for here, too."""

    @pytest.mark.req("A15")
    def test_a_plan_that_comes_to_its_end(self) -> None:
        c = granted()
        before = course(c)
        d = one(c, "plan_end")
        assert c.cycle.plan is not None
        assert (d.about, d.due_on) == (c.cycle_id, c.cycle.plan.ends_on)
        announced(on(c, d.due_on - DAY), d).refused("NOT_YET_DUE")
        announced(on(c, d.due_on), d).then(ImprovementPlanEnded, cycle_id=c.cycle_id, ended_on=d.due_on)
        assert pending(c, "plan_end") == []
        assert course(c) == before

    @pytest.mark.req("A21")
    def test_vouchers_that_lapse(self) -> None:
        c = granted(scheme="member", tier="full")
        c.must(ADMIN, IssueTrainingVouchers(scheme="member"))
        (vouchers,) = c.p.vouchers
        d = one(c, "voucher_lapse")
        assert (d.due_on, d.about, d.zone) == (vouchers.until, f"member:{vouchers.since}", c.policy.timezone)
        announced(on(c, d.due_on + 9 * DAY), d).then(TrainingVouchersLapsed, lapsed_on=d.due_on, count=vouchers.issued)
        assert pending(c, "voucher_lapse") == []


def test_they_come_in_the_order_of_the_days() -> None:
    c = granted()
    suspended(c)
    noticed(c)
    days = [d.due_on for d in dues(c.p)]
    assert days == sorted(days)
    assert {d.kind for d in dues(c.p)} == {"expiry", "reply_end", "appeal_end", "suspension_review", "plan_end"}


def test_what_was_never_due_is_not_announced() -> None:
    c = granted()
    d = one(c, "expiry")
    for other in (
        announcing(d).model_copy(update={"about": "imaginary"}),
        announcing(d).model_copy(update={"due_on": d.due_on + DAY}),
        announcing(d).model_copy(update={"kind": "tier_lapse"}),
    ):
        given(on(c, c.today)).when(CLOCK, other).refused("NOTHING_DUE")
