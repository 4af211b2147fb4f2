"""Benefits: vouchers are issued, redeemed and lapse; what was given is recorded; letters of support are issued."""

import pytest
from msgspec.structs import replace

from domain import evolve
from domain.benefits import (
    BenefitDelivered,
    IssueLetterOfSupport,
    LetterOfSupportIssued,
    LetterOfSupportRequested,
    TrainingVoucherRedeemed,
    TrainingVouchersIssued,
    TrainingVouchersLapsed,
    lapse,
    unlapsed,
)
from domain.correction import ActWithdrawn
from domain.entitlement import letter, vouchers_on
from domain.offers import CancelWorkshop, OpenBenefit
from domain.status import standing
from domain.term import add
from domain.values import PolicyRef, digest_of
from tests.members import (
    DAY,
    delivering,
    full,
    importing,
    issuing,
    redeemed,
    redeeming,
    requesting,
    suspending,
    told,
    under_second_version,
    undoing,
    workshop,
)
from tests.small_policies import MEMBER
from tests.small_world import (
    ADMIN,
    DECIDER2,
    DIRECTOR,
    LEAD,
    NATIONAL,
    REVIEWER,
    STAFF,
    STRANGER,
    Case,
    admitted,
    granted,
    listed,
    words,
)
from tests.story import given


def decision(c: Case) -> str | None:
    """The decision by which the program holds its tier."""
    held = standing(c.p, "member", c.today).held
    assert held is not None
    return held.decision_id


class TestVouchers:
    """So many a membership year, each for a seat in a workshop; unused ones lapse (A21)."""

    @pytest.mark.req("A21", "S4-10")
    def test_this_years_are_issued_once(self) -> None:
        c = full()
        since, until = c.today, add(c.today, "P1Y")
        said = {"scheme": "member", "decision_id": decision(c), "count": 2, "valid_from": since, "valid_until": until}
        given(c).when(ADMIN, issuing()).then(TrainingVouchersIssued, **said)
        (vouchers,) = c.p.vouchers
        assert (vouchers.since, vouchers.until, vouchers.issued, vouchers.used) == (since, until, 2, ())
        assert (vouchers.left, vouchers.lapsed, vouchers.version) == (2, 0, c.p.version)
        c.world.later(days=364)
        given(c).when(ADMIN, issuing()).refused("ALREADY_RECORDED")
        c.world.later()
        given(c).when(ADMIN, issuing()).then(TrainingVouchersIssued, valid_from=until)
        assert c.events[-1].sentence().endswith(f"from {until} through {add(since, 'P2Y') - DAY}")

    @pytest.mark.req("A21", "M21")
    @pytest.mark.parametrize("person", [STAFF, LEAD])
    def test_the_first_redemption_of_a_year_issues_them(self, person: str) -> None:
        c = full()
        since = c.today
        c.world.later(days=30)
        first, second = workshop(c), workshop(c)
        given(c).when(person, redeeming(first)).then(
            TrainingVouchersIssued, TrainingVoucherRedeemed,
            scheme="member", count=2, voucher_no=1, workshop_id=first, valid_from=since,
        )  # fmt: skip
        given(c).when(person, redeeming(second)).then(TrainingVoucherRedeemed, voucher_no=2, workshop_id=second)
        (vouchers,) = c.p.vouchers
        assert (vouchers.used, vouchers.left) == ((1, 2), 0)

    def test_those_issued_before_are_redeemed(self) -> None:
        c = full().must(ADMIN, issuing())
        given(c).when(STAFF, redeeming(workshop(c))).then(TrainingVoucherRedeemed, voucher_no=1)

    @pytest.mark.req("A21", "S4-10")
    def test_no_more_are_redeemed_than_were_issued(self) -> None:
        c = full()
        until = add(c.today, "P1Y")
        redeemed(c, 2)
        given(c).when(STAFF, redeeming(workshop(c))).refused("NO_VOUCHER_LEFT", count=2, until=until)
        c.world.later(days=(until - c.today).days - 1)
        given(c).when(STAFF, redeeming(workshop(c))).refused("NO_VOUCHER_LEFT")
        c.world.later()
        given(c).when(STAFF, redeeming(workshop(c))).then(
            TrainingVouchersIssued, TrainingVoucherRedeemed, voucher_no=1, valid_from=until
        )

    def test_where_they_are_given_once_no_later_year_brings_others(self) -> None:
        c = listed(scheme="member")
        once = {**MEMBER["benefits"], 3: [{**MEMBER["benefits"][3][0], "per": None}]}
        c.world.publish({**MEMBER, "version": "2", "benefits": once}, effective_from=c.today)
        c.must(ADMIN, importing(c.today - 30 * DAY))
        redeemed(c, 2)
        assert c.p.vouchers[0].until is None
        assert list(unlapsed(c.p)) == []
        c.world.later(days=1000)
        given(c).when(STAFF, redeeming(workshop(c))).refused("NO_VOUCHER_LEFT", until="the end of the term")

    @pytest.mark.req("S4-10")
    def test_they_come_with_the_tier_that_brings_them(self) -> None:
        c = admitted(scheme="member")
        given(c).when(ADMIN, issuing()).refused(
            "NOT_ENTITLED", code="training_vouchers", scheme="member", day=c.today, tiers=["Full"]
        )
        given(c).when(STAFF, redeeming(workshop(c))).refused("NOT_ENTITLED", tiers=["Full"])

    @pytest.mark.req("M21")
    def test_they_are_redeemed_for_a_workshop_of_the_catalogue(self) -> None:
        c = full()
        cancelled = workshop(c)
        c.world.must(ADMIN, "north", CancelWorkshop(workshop_id=cancelled))
        for workshop_id in ("imaginary", cancelled):
            given(c).when(STAFF, redeeming(workshop_id)).refused("WORKSHOP_UNKNOWN", workshop_id=workshop_id)

    @pytest.mark.req("M21")
    def test_on_its_day_at_the_latest(self) -> None:
        c = full()
        workshop_id = workshop(c, 1)
        c.world.later()
        given(c).when(STAFF, redeeming(workshop_id)).then(TrainingVouchersIssued, TrainingVoucherRedeemed)
        c.world.later()
        given(c).when(STAFF, redeeming(workshop_id)).refused("WORKSHOP_OVER", on=c.today - DAY, today=c.today)

    @pytest.mark.req("M21", "S1-23")
    def test_a_free_workshop_takes_none(self) -> None:
        c = full()
        given(c).when(STAFF, redeeming(workshop(c, takes_voucher=False))).refused("NO_VOUCHER_NEEDED")

    def test_everything_that_speaks_against_it_is_named(self) -> None:
        c = admitted(scheme="member")
        workshop_id = workshop(c, 0, takes_voucher=False)
        c.world.later()
        given(c).when(STAFF, redeeming(workshop_id)).refused("WORKSHOP_OVER", "NO_VOUCHER_NEEDED", "NOT_ENTITLED")

    def test_under_a_scheme_of_the_programs_affiliate_or_one_that_it_holds_a_tier_of(self) -> None:
        c = full()
        given(c).when(ADMIN, issuing("imaginary")).refused("SCHEME_UNKNOWN", scheme="imaginary")
        given(c).when(ADMIN, issuing("southern")).refused("SCHEME_ELSEWHERE", owner="south", affiliate="north")
        given(c).when(ADMIN, issuing("full")).refused("NOT_ENTITLED", tiers=[])
        moved = replace(c.p, listing=replace(c.p.listing, affiliate="national"))
        c.world.states["program", c.program_id] = moved
        given(c).when(NATIONAL, issuing()).then(TrainingVouchersIssued)

    @pytest.mark.req("M20")
    def test_the_day_is_that_of_the_policys_time_zone(self) -> None:
        c = listed(scheme="member")
        c.world.publish({**MEMBER, "version": "2", "timezone": "Pacific/Auckland"}, effective_from=c.today + DAY)
        c.world.later(days=2)
        c.must(ADMIN, importing(c.today - DAY))
        workshop_id = workshop(c, 0)  # there it is the next day already
        given(c).when(STAFF, redeeming(workshop_id)).refused("WORKSHOP_OVER", today=c.today + DAY)

    @pytest.mark.req("A21")
    def test_before_a_policy_is_in_force_there_are_none(self) -> None:
        c = listed(scheme="member")
        later = {**MEMBER, "policy": "LATER", "version": "1"}
        c.world.publish(later, effective_from=c.today + DAY)
        given(c).when(ADMIN, issuing("later")).refused("NOT_ENTITLED", tiers=[])

    @pytest.mark.req("M2", "A21")
    def test_a_redemption_withdrawn_gives_the_voucher_back(self) -> None:
        c = redeemed(full(), 2)
        first = c.p.version - 1
        given(c).when(ADMIN, undoing(first)).then(ActWithdrawn, act="TrainingVoucherRedeemed.v1")
        assert (c.p.vouchers[0].used, c.p.vouchers[0].left) == ((2,), 1)
        given(c).when(STAFF, redeeming(workshop(c))).then(TrainingVoucherRedeemed, voucher_no=1)
        given(c).when(STAFF, redeeming(workshop(c))).refused("NO_VOUCHER_LEFT")

    def test_a_program_does_not_take_its_voucher_back_after_the_workshop(self) -> None:
        c = redeemed(full())
        for person in (LEAD, REVIEWER):
            given(c).when(person, undoing(c.p.version)).refused("NOT_YOURS_TO_WITHDRAW", parts=["affiliate_admin"])

    @pytest.mark.req("M2")
    def test_vouchers_issued_in_error_are_withdrawn_while_none_is_redeemed(self) -> None:
        c = full().must(ADMIN, issuing())
        version = c.p.version
        redeemed(c)
        given(c).when(ADMIN, undoing(version)).refused("RESTED_UPON", what=["redemption"])
        given(c).when(LEAD, undoing(version)).refused("NOT_YOURS_TO_WITHDRAW", "RESTED_UPON")
        c.must(ADMIN, undoing(c.p.version))
        given(c).when(ADMIN, undoing(version)).then(ActWithdrawn, act="TrainingVouchersIssued.v1")
        assert c.p.vouchers == ()
        given(c).when(STAFF, redeeming(workshop(c))).then(TrainingVouchersIssued, TrainingVoucherRedeemed)

    @pytest.mark.req("A21")
    def test_what_is_left_of_a_year_lapses_at_its_end(self) -> None:
        c = full()
        first = c.today
        redeemed(c)
        ((vouchers, on),) = unlapsed(c.p)
        assert (vouchers.since, vouchers.left, on) == (first, 1, add(first, "P1Y"))
        assert told(c, on)["training_vouchers"].left == 2, "the next year's, whether or not the lapse was recorded"
        c.world.later(days=400)
        redeemed(c, 2)
        announced = lapse(vouchers, on)
        assert announced == TrainingVouchersLapsed(scheme="member", valid_from=first, lapsed_on=on, count=1)
        after = evolve(c.p, announced, c.p.version + 1)
        assert [v.lapsed for v in after.vouchers] == [c.p.version + 1, 0]
        assert list(unlapsed(after)) == [], "of the second year none is left"
        assert [v.since for v in (vouchers_on(after, "member", d) for d in (on - DAY, on)) if v] == [first, on]

    @pytest.mark.req("M2")
    def test_vouchers_whose_lapse_was_recorded_stay(self) -> None:
        c = full().must(ADMIN, issuing())
        version = c.p.version
        ((vouchers, on),) = unlapsed(c.p)
        c.world.states["program", c.program_id] = evolve(c.p, lapse(vouchers, on), version + 1)
        given(c).when(ADMIN, undoing(version)).refused("RESTED_UPON", what=["lapse"])

    @pytest.mark.parametrize("person", [LEAD, STAFF, REVIEWER, NATIONAL, STRANGER])
    def test_the_affiliate_issues_them(self, person: str) -> None:
        given(full()).when(person, issuing()).not_allowed()

    @pytest.mark.parametrize("person", [ADMIN, REVIEWER, NATIONAL, STRANGER])
    def test_the_program_redeems_them(self, person: str) -> None:
        c = full()
        given(c).when(person, redeeming(workshop(c))).not_allowed()


class TestDelivery:
    """What a program was given is recorded, when it was entitled to it on that day (M20)."""

    @pytest.mark.req("M20", "S0-13", "S4-05", "S4-06")
    @pytest.mark.parametrize("code", ["discount", "match_tickets", "priority"])
    def test_what_the_tier_brings_is_given_by_the_decision_that_it_rests_on(self, code: str) -> None:
        c = full()
        note = words("Half price.")
        story = given(c).when(ADMIN, delivering(c, code, note=note))
        story.then(BenefitDelivered, scheme="member", code=code, on=c.today, decision_id=decision(c), note=note)

    @pytest.mark.req("M20", "S4-15")
    def test_what_is_open_to_everybody_rests_on_no_decision(self) -> None:
        c = listed(scheme="member")
        given(c).when(ADMIN, delivering(c, "open_days")).then(BenefitDelivered, decision_id=None, note=None)
        given(c).when(ADMIN, delivering(c, "discount")).refused(
            "NOT_ENTITLED", tiers=["Affiliate", "Associate", "Full"]
        )

    def test_the_day_counts_on_which_it_was_given(self) -> None:
        c = full()
        since = c.today
        c.world.later(days=30)
        given(c).when(ADMIN, delivering(c, "priority", since)).then(BenefitDelivered, on=since)
        given(c).when(ADMIN, delivering(c, "priority", since - DAY)).refused("NOT_ENTITLED", day=since - DAY)
        given(c).when(ADMIN, delivering(c, "priority", c.today + DAY)).refused("DATE_IN_FUTURE", today=c.today)

    @pytest.mark.req("M20", "S0-11")
    def test_what_depends_on_what_is_available_was_open_then(self) -> None:
        c = full()
        since = c.today
        c.world.later(days=10)
        given(c).when(ADMIN, delivering(c, "funding")).refused("NOT_AVAILABLE", code="funding", day=c.today)
        c.world.must(ADMIN, "north", OpenBenefit(scheme="member", code="funding"))
        given(c).when(ADMIN, delivering(c, "funding")).then(BenefitDelivered)
        given(c).when(ADMIN, delivering(c, "funding", since)).refused("NOT_AVAILABLE", day=since)

    def test_while_suspended_nothing_is_given(self) -> None:
        c = under_second_version()
        c.must(DECIDER2, suspending(c))
        given(c).when(ADMIN, delivering(c)).refused("NOT_ENTITLED")

    def test_some_policy_names_it(self) -> None:
        c = full()
        given(c).when(ADMIN, delivering(c, "parade")).refused("UNKNOWN_BENEFIT", scheme="member", code="parade")

    @pytest.mark.parametrize(
        ("code", "command"), [("training_vouchers", "RedeemVoucher"), ("support_letter", "IssueLetterOfSupport")]
    )
    def test_vouchers_and_letters_have_their_own_record(self, code: str, command: str) -> None:
        c = full()
        given(c).when(ADMIN, delivering(c, code)).refused("RECORDED_OTHERWISE", code=code, command=command)

    def test_everything_that_speaks_against_it_is_named(self) -> None:
        c = full()
        asked = delivering(c, "parade", c.today + DAY)
        given(c).when(ADMIN, asked).refused("UNKNOWN_BENEFIT", "DATE_IN_FUTURE")

    @pytest.mark.req("M2")
    def test_a_delivery_recorded_in_error_is_withdrawn(self) -> None:
        c = full()
        c.must(ADMIN, delivering(c))
        given(c).when(LEAD, undoing(c.p.version)).refused("NOT_YOURS_TO_WITHDRAW", parts=["affiliate_admin"])
        given(c).when(ADMIN, undoing(c.p.version)).then(ActWithdrawn, act="BenefitDelivered.v1")

    @pytest.mark.parametrize("person", [LEAD, STAFF, REVIEWER, NATIONAL, STRANGER])
    def test_the_affiliate_records_it(self, person: str) -> None:
        c = full()
        given(c).when(person, delivering(c)).not_allowed()


def asked(c: Case) -> str:
    """A letter of support was asked for; its id."""
    c.must(LEAD, requesting(c.today))
    return next(reversed(c.p.letters))


def issuing_letter(letter_id: str) -> IssueLetterOfSupport:
    return IssueLetterOfSupport(letter_id=letter_id)


class TestLetters:
    """A letter of support cites the tier held on a day; what it says is fixed by its digest (S0-16)."""

    @pytest.mark.req("S0-16")
    @pytest.mark.parametrize("person", [LEAD, DIRECTOR])
    def test_a_letter_is_asked_for_and_issued(self, person: str) -> None:
        c = full()
        given(c).when(person, requesting(c.today)).then(LetterOfSupportRequested, scheme="member", as_of=c.today)
        ((letter_id, waiting),) = c.p.letters.items()
        assert (waiting.scheme, waiting.as_of, waiting.requested) == ("member", c.today, c.p.version)
        says = letter(c.p, "member", c.today)
        assert says is not None
        given(c).when(ADMIN, issuing_letter(letter_id)).then(
            LetterOfSupportIssued,
            letter_id=letter_id,
            scheme="member",
            as_of=c.today,
            decision_id=decision(c),
            tier="full",
            label="Full",
            letter_digest=digest_of(says),
        )
        assert c.p.letters[letter_id].issued == c.p.version

    @pytest.mark.req("S0-16")
    def test_it_says_who_held_which_tier_from_when_to_when_under_which_policy(self) -> None:
        c = granted(scheme="lean", tier="partner")
        says = letter(c.p, "lean", c.today)
        assert says is not None
        held = standing(c.p, "lean", c.today).held
        assert held is not None
        assert held.expires_on is not None
        assert (says.program, says.affiliate, says.scheme) == ("Big Friends", "north", "lean")
        assert (says.tier, says.label, says.decision_id) == ("partner", "Partner", held.decision_id)
        assert (says.since, says.through, says.as_of) == (held.effective_on, held.expires_on - DAY, c.today)
        assert isinstance(says.policy, PolicyRef)
        endless = letter(full().p, "member", c.today)
        assert endless is not None
        assert endless.through is None
        assert letter(c.p, "lean", held.expires_on) is None

    @pytest.mark.req("S0-16")
    def test_it_is_for_a_day_on_which_the_tier_was_held(self) -> None:
        c = full()
        since = c.today
        given(c).when(LEAD, requesting(since - DAY)).refused("NOT_ENTITLED", code="support_letter", tiers=["Full"])
        given(c).when(LEAD, requesting(since + DAY)).refused("DATE_IN_FUTURE", field="as_of", today=since)
        c.world.later(days=10)
        given(c).when(LEAD, requesting(since)).then(LetterOfSupportRequested)

    def test_while_suspended_none_is_asked_for(self) -> None:
        c = under_second_version()
        c.must(DECIDER2, suspending(c))
        given(c).when(LEAD, requesting(c.today)).refused("NOT_ENTITLED")

    def test_what_is_issued_was_asked_for_and_is_issued_once(self) -> None:
        c = full()
        given(c).when(ADMIN, issuing_letter("imaginary")).refused("LETTER_UNKNOWN", letter_id="imaginary")
        letter_id = asked(c)
        c.must(ADMIN, issuing_letter(letter_id))
        given(c).when(ADMIN, issuing_letter(letter_id)).refused("ALREADY_RECORDED")

    def test_it_is_issued_of_what_still_stands(self) -> None:
        c = under_second_version()
        letter_id = asked(c)
        c.must(DECIDER2, suspending(c))
        given(c).when(ADMIN, issuing_letter(letter_id)).refused("NOT_ENTITLED")
        c = full()
        letter_id = asked(c)
        c.world.later(days=50)
        given(c).when(ADMIN, issuing_letter(letter_id)).then(LetterOfSupportIssued, as_of=c.today - 50 * DAY)

    @pytest.mark.req("M2")
    @pytest.mark.parametrize("person", [LEAD, ADMIN])
    def test_a_request_made_in_error_is_withdrawn_until_the_letter_is_issued(self, person: str) -> None:
        c = full()
        letter_id = asked(c)
        version = c.p.version
        given(c).when(REVIEWER, undoing(version)).refused(
            "NOT_YOURS_TO_WITHDRAW", parts=["affiliate_admin", "program_lead"]
        )
        given(c).when(person, undoing(version)).then(ActWithdrawn, act="LetterOfSupportRequested.v1")
        given(c).when(ADMIN, issuing_letter(letter_id)).refused("LETTER_UNKNOWN")
        letter_id = asked(c)
        version = c.p.version
        c.must(ADMIN, issuing_letter(letter_id))
        given(c).when(person, undoing(version)).refused("RESTED_UPON", what=["letter"])

    def test_the_program_asks_and_the_affiliate_issues(self) -> None:
        c = full()
        letter_id = asked(c)
        for person in (STAFF, ADMIN, NATIONAL, STRANGER):
            given(c).when(person, requesting(c.today)).not_allowed()
        for person in (LEAD, REVIEWER, NATIONAL, STRANGER):
            given(c).when(person, issuing_letter(letter_id)).not_allowed()
