"""What the reviewer finds on every item, and what of it counts (A4, A6, A8, M7)."""

from datetime import timedelta
from typing import Any

import pytest

from domain.assessment import REASON_REQUIRED, ReturnAssessment
from domain.determination import (
    EVIDENCE_REQUIRED,
    NOT_AN_ADJUSTMENT,
    RATING_REQUIRED,
    AdoptDeterminations,
    ConfirmItems,
    DeterminationsAdopted,
    ItemDeterminationRecorded,
    ItemsConfirmed,
    NotApplicableRuled,
    RecordDetermination,
    RuleNotApplicable,
    gaps,
    practice,
    undetermined,
)
from domain.documents import RecordScan, WithdrawDocument
from domain.impartiality import AssignReviewer, DeclareConflict, RecuseReviewer
from domain.program import Phase
from domain.review import CompleteReview
from domain.values import Rating
from tests.small_policies import INSTRUMENT
from tests.small_world import (
    ADMIN,
    BOTH,
    CLOCK,
    LEAD,
    NO,
    NOT_APPLICABLE,
    REVIEWER,
    REVIEWER2,
    STAFF,
    Case,
    determined,
    hand_in,
    planned,
    reviewed,
    submitted,
    under_review,
    words,
    yes,
)
from tests.story import given

WHY = words("That is what I saw.")
ITEMS = tuple(i.id for i in INSTRUMENT.items)
SEEN: dict[str, Any] = {"evidence_seen": ("doc1",), "reason": WHY}


def ruling(c: Case, item_id: str, outcome: Any, **more: Any) -> RecordDetermination:
    """The request to rule on one item."""
    return RecordDetermination(cycle_id=c.cycle_id, item_id=item_id, outcome=outcome, **more)


def confirmation(c: Case, *item_ids: str) -> ConfirmItems:
    """The request to confirm items together."""
    return ConfirmItems(cycle_id=c.cycle_id, item_ids=item_ids)


def applicability(c: Case, item_id: str, accepted: bool) -> RuleNotApplicable:
    """The request to rule on an item being not applicable."""
    return RuleNotApplicable(cycle_id=c.cycle_id, item_id=item_id, accepted=accepted, reason=WHY)


def adoption(c: Case, *item_ids: str) -> AdoptDeterminations:
    """The request to take rulings over."""
    return AdoptDeterminations(cycle_id=c.cycle_id, item_ids=item_ids)


def succeeded(c: Case, by: str) -> Case:
    """Another reviewer follows the one before."""
    c.must(ADMIN, RecuseReviewer(cycle_id=c.cycle_id, ground="left"))
    c.must(by, DeclareConflict(cycle_id=c.cycle_id, nature="none"))
    return c.must(ADMIN, AssignReviewer(cycle_id=c.cycle_id, person=by))


def inapplicable() -> Case:
    """The program called B4 not applicable."""
    return under_review(answers={"B4": NOT_APPLICABLE})


class TestRulingOnOneItem:
    """Confirmed, adjusted or not verified."""

    @pytest.mark.req("A8", "M1")
    def test_a_confirmed_rating_is_the_programs_own(self) -> None:
        c = under_review()
        given(c).when(REVIEWER, ruling(c, "A1", "confirmed")).then(
            ItemDeterminationRecorded,
            cycle_id=c.cycle_id,
            item_id="A1",
            outcome="confirmed",
            rating=yes(3),
            reviewer=REVIEWER,
            evidence_seen=(),
        )
        assert not c.cycle.review.determinations["A1"].bulk

    @pytest.mark.req("A8")
    @pytest.mark.parametrize(
        ("said", "rating"), [({"in_practice": "yes", "quality": 2}, yes(2)), ({"in_practice": "no"}, NO)]
    )
    def test_an_adjusted_rating_names_reason_and_evidence_and_keeps_the_programs_own(
        self, said: dict[str, Any], rating: Rating
    ) -> None:
        c = under_review()
        given(c).when(REVIEWER, ruling(c, "A1", "adjusted", **said, **SEEN)).then(
            ItemDeterminationRecorded, outcome="adjusted", rating=rating, reason=WHY, evidence_seen=("doc1",)
        )
        assert c.cycle.answers["A1"].rating == yes(3)
        assert c.cycle.review.determinations["A1"].rating == rating

    def test_not_verified_says_why_and_has_no_rating(self) -> None:
        c = under_review()
        given(c).when(REVIEWER, ruling(c, "A1", "not_verified", reason=WHY)).then(
            ItemDeterminationRecorded, outcome="not_verified", rating=None, reason=WHY
        )

    @pytest.mark.req("A8")
    @pytest.mark.parametrize(
        ("outcome", "said", "code"),
        [
            ("adjusted", {**SEEN, "in_practice": "yes"}, RATING_REQUIRED.code),
            ("adjusted", {**SEEN}, RATING_REQUIRED.code),
            ("adjusted", {**SEEN, "in_practice": "no", "quality": 3}, RATING_REQUIRED.code),
            ("adjusted", {"reason": WHY, "in_practice": "no"}, EVIDENCE_REQUIRED.code),
            ("adjusted", {**SEEN, "in_practice": "yes", "quality": 3}, NOT_AN_ADJUSTMENT.code),
            ("adjusted", {"evidence_seen": ("doc1",), "in_practice": "no"}, REASON_REQUIRED.code),
            ("not_verified", {}, REASON_REQUIRED.code),
        ],
    )
    def test_a_ruling_lacks_one_thing(self, outcome: str, said: dict[str, Any], code: str) -> None:
        c = under_review()
        given(c).when(REVIEWER, ruling(c, "A1", outcome, **said)).refused(code)

    def test_everything_that_is_lacking_is_named(self) -> None:
        c = inapplicable()
        given(c).when(REVIEWER, ruling(c, "B4", "adjusted")).refused(
            "RULE_ON_APPLICABILITY", "RATING_REQUIRED", "EVIDENCE_REQUIRED", "REASON_REQUIRED"
        )

    def test_the_item_has_to_be_one_of_the_instrument(self) -> None:
        c = under_review()
        given(c).when(REVIEWER, ruling(c, "Z9", "confirmed")).refused("UNKNOWN_ITEM", item_ids=["Z9"])

    def test_evidence_seen_is_evidence_that_was_handed_in(self) -> None:
        c = under_review()
        said: dict[str, Any] = {"in_practice": "no", "reason": WHY}
        given(c).when(REVIEWER, ruling(c, "A1", "adjusted", **said, evidence_seen=("phantom",))).refused(
            "DOCUMENT_UNKNOWN", document_id="phantom"
        )
        hand_in(c, "doc2")
        c.must(CLOCK, RecordScan(document_id="doc2", verdict="infected"))
        given(c).when(REVIEWER, ruling(c, "A1", "confirmed", evidence_seen=("doc1", "doc2"))).refused(
            "DOCUMENT_INFECTED"
        )
        hand_in(c, "doc3")
        c.must(STAFF, WithdrawDocument(document_id="doc3", reason=WHY))
        given(c).when(REVIEWER, ruling(c, "A1", "confirmed", evidence_seen=("doc3",))).refused("DOCUMENT_UNKNOWN")

    def test_evidence_seen_cannot_be_withdrawn_afterwards(self) -> None:
        c = under_review()
        hand_in(c, "doc2")
        c.must(REVIEWER, ruling(c, "A1", "confirmed", evidence_seen=("doc2",)))
        given(c).when(STAFF, WithdrawDocument(document_id="doc2", reason=WHY)).refused("DOCUMENT_FROZEN")

    def test_a_later_ruling_takes_the_place_of_an_earlier_one(self) -> None:
        c = under_review().must(REVIEWER, confirmation(under_review(), "A1"))
        c.must(REVIEWER, ruling(c, "A1", "adjusted", in_practice="yes", quality=5, **SEEN))
        assert practice(c.cycle, "A1").quality == 5
        assert not practice(c.cycle, "A1").bulk


class TestConfirmingTogether:
    """Several at once, each rated yes or no by the program."""

    @pytest.mark.req("M22")
    def test_items_are_confirmed_together_once_each_and_marked_so(self) -> None:
        c = under_review(answers={"C6": NO})
        given(c).when(REVIEWER, confirmation(c, "A1", "C6", "A1")).then(
            ItemsConfirmed, item_ids=("A1", "C6"), reviewer=REVIEWER
        )
        ruled = c.cycle.review.determinations
        assert {(i, d.rating, d.bulk, d.by) for i, d in ruled.items()} == {
            ("A1", yes(3), True, REVIEWER),
            ("C6", NO, True, REVIEWER),
        }

    def test_unknown_items_are_named_before_anything_else(self) -> None:
        c = inapplicable()
        given(c).when(REVIEWER, confirmation(c, "A1", "B4", "Z9", "Z8")).refused("UNKNOWN_ITEM", item_ids=["Z9", "Z8"])

    @pytest.mark.req("A6")
    def test_what_the_program_called_not_applicable_is_ruled_on_one_by_one(self) -> None:
        c = inapplicable()
        given(c).when(REVIEWER, confirmation(c, *ITEMS)).refused("NOT_RATED", item_ids=["B4"])


class TestNotApplicable:
    """Accepted, it leaves the count; refused, it counts as not in place until determined otherwise."""

    @pytest.mark.req("A6")
    @pytest.mark.parametrize(("accepted", "state"), [(True, "not_applicable"), (False, "not_in_practice")])
    def test_the_reviewer_rules(self, accepted: bool, state: str) -> None:
        c = inapplicable()
        given(c).when(REVIEWER, applicability(c, "B4", accepted)).then(
            NotApplicableRuled, item_id="B4", accepted=accepted, reason=WHY, reviewer=REVIEWER
        )
        assert practice(c.cycle, "B4").state == state
        assert gaps(c.cycle, INSTRUMENT) == ([] if accepted else ["B4"])

    @pytest.mark.req("A6")
    def test_until_then_it_is_undetermined(self) -> None:
        assert practice(inapplicable().cycle, "B4").state == "undetermined"

    def test_only_where_the_program_said_so(self) -> None:
        c = inapplicable()
        given(c).when(REVIEWER, applicability(c, "A1", accepted=True)).refused("NOT_CLAIMED_INAPPLICABLE", item_id="A1")

    def test_the_item_has_to_be_known(self) -> None:
        c = inapplicable()
        given(c).when(REVIEWER, applicability(c, "Z9", accepted=True)).refused("UNKNOWN_ITEM")

    @pytest.mark.parametrize("outcome", ["adjusted", "not_verified"])
    def test_applicability_comes_first(self, outcome: str) -> None:
        c = inapplicable()
        said: dict[str, Any] = {"in_practice": "no"} if outcome == "adjusted" else {}
        given(c).when(REVIEWER, ruling(c, "B4", outcome, **said, **SEEN)).refused("RULE_ON_APPLICABILITY", item_id="B4")
        c.must(REVIEWER, applicability(c, "B4", accepted=True))
        given(c).when(REVIEWER, ruling(c, "B4", outcome, **said, **SEEN)).refused("RULE_ON_APPLICABILITY")
        c.must(REVIEWER, applicability(c, "B4", accepted=False))
        given(c).when(REVIEWER, ruling(c, "B4", outcome, **said, **SEEN)).then(ItemDeterminationRecorded)

    def test_a_refused_claim_leaves_no_rating_to_confirm(self) -> None:
        c = inapplicable()
        given(c).when(REVIEWER, ruling(c, "B4", "confirmed")).refused("RULE_ON_APPLICABILITY", "NOT_RATED")
        c.must(REVIEWER, applicability(c, "B4", accepted=False))
        given(c).when(REVIEWER, ruling(c, "B4", "confirmed")).refused("NOT_RATED", item_ids=["B4"])


REQUESTS: dict[str, Any] = {
    "ruling": lambda c: ruling(c, "A1", "confirmed"),
    "confirmation": lambda c: confirmation(c, "A1"),
    "applicability": lambda c: applicability(c, "B4", accepted=True),
    "adoption": lambda c: adoption(c, "A1"),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_only_the_assigned_reviewer_rules(name: str) -> None:
    c = inapplicable().must(REVIEWER, confirmation(inapplicable(), "A1"))
    given(c).when(REVIEWER2, REQUESTS[name](c)).refused("NOT_THE_REVIEWER", reviewer=REVIEWER, person=REVIEWER2)
    given(c).when(LEAD, REQUESTS[name](c)).refused("NOT_AUTHORISED")


@pytest.mark.req("A26")
@pytest.mark.parametrize("name", REQUESTS)
def test_a_reviewer_who_comes_into_a_conflict_rules_no_more_unless_it_is_mitigated(name: str) -> None:
    c = succeeded(determined(answers={"B4": NOT_APPLICABLE}), REVIEWER2)
    c.must(REVIEWER2, DeclareConflict(cycle_id=c.cycle_id, nature="coaching"))
    given(c).when(REVIEWER2, REQUESTS[name](c)).refused("CONFLICTED", nature="coaching")
    c.must(REVIEWER2, DeclareConflict(cycle_id=c.cycle_id, nature="coaching", mitigation=WHY))
    c.must(REVIEWER2, REQUESTS[name](c))


@pytest.mark.req("A11", "S1-16")
@pytest.mark.parametrize("name", ["ruling", "confirmation", "applicability"])
def test_a_ruling_after_the_plan_was_adopted_makes_the_plan_a_draft_again(name: str) -> None:
    c = planned(answers={"B4": NOT_APPLICABLE})
    goals = c.cycle.plan and c.cycle.plan.goals
    c.must(REVIEWER, REQUESTS[name](c))
    plan = c.cycle.plan
    assert plan is not None
    assert (c.cycle.phase, plan.adopted, plan.proposed_by, plan.digest) == (Phase.UNDER_REVIEW, 0, None, "")
    assert plan.goals == goals


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("situation", [submitted, reviewed])
def test_only_while_it_is_reviewed(name: str, situation: Any) -> None:
    c: Case = situation(answers={"B4": NOT_APPLICABLE})
    given(c).when(REVIEWER, REQUESTS[name](c)).refused("WRONG_CYCLE_STATE", phase=c.cycle.phase)


def test_nobody_rules_while_the_assessment_is_back_with_the_program() -> None:
    c = under_review()
    by = c.today + timedelta(days=14)
    c.must(REVIEWER, ReturnAssessment(cycle_id=c.cycle_id, item_ids=("A1",), reason=WHY, respond_by=by))
    assert c.cycle.phase is Phase.OPEN
    given(c).when(REVIEWER, ruling(c, "A1", "confirmed")).refused("WRONG_CYCLE_STATE", phase="open")


class TestSuccession:
    """A succeeding reviewer takes each ruling over, or makes it again."""

    @pytest.mark.req("M7")
    def test_the_successor_starts_with_everything_undetermined(self) -> None:
        c = succeeded(determined(), REVIEWER2)
        assert undetermined(c.cycle, INSTRUMENT) == list(ITEMS)

    @pytest.mark.req("M7")
    def test_the_successor_adopts_some_and_redoes_the_rest(self) -> None:
        c = succeeded(determined(), REVIEWER2)
        given(c).when(REVIEWER2, adoption(c, "A1", "A2", "A1")).then(
            DeterminationsAdopted, item_ids=("A1", "A2"), reviewer=REVIEWER2
        )
        assert undetermined(c.cycle, INSTRUMENT) == list(ITEMS[2:])
        c.must(REVIEWER2, confirmation(c, *ITEMS[2:]))
        assert undetermined(c.cycle, INSTRUMENT) == []
        assert {i: d.by for i, d in c.cycle.review.determinations.items()} == {
            **dict.fromkeys(ITEMS[:2], REVIEWER),
            **dict.fromkeys(ITEMS[2:], REVIEWER2),
        }

    @pytest.mark.req("M7")
    def test_the_successor_completes_what_was_planned_only_after_adopting_every_ruling(self) -> None:
        c = succeeded(planned(), REVIEWER2)
        given(c).when(REVIEWER2, CompleteReview(cycle_id=c.cycle_id)).refused(
            "ITEMS_UNDETERMINED", item_ids=list(ITEMS)
        )
        c.must(REVIEWER2, adoption(c, *ITEMS))
        assert c.cycle.phase is Phase.PLANNED
        c.must(REVIEWER2, CompleteReview(cycle_id=c.cycle_id))

    @pytest.mark.req("M7")
    def test_what_one_successor_adopted_the_next_adopts_again(self) -> None:
        c = succeeded(determined(), REVIEWER2)
        c.must(REVIEWER2, adoption(c, *ITEMS))
        succeeded(c, BOTH)
        assert undetermined(c.cycle, INSTRUMENT) == list(ITEMS)
        c.must(BOTH, adoption(c, *ITEMS))
        assert undetermined(c.cycle, INSTRUMENT) == []

    def test_who_comes_back_finds_their_own_rulings(self) -> None:
        c = succeeded(succeeded(determined(), REVIEWER2), REVIEWER)
        assert undetermined(c.cycle, INSTRUMENT) == []

    def test_ones_own_rulings_and_missing_ones_cannot_be_adopted(self) -> None:
        c = under_review()
        c.must(REVIEWER, confirmation(c, "A1"))
        given(c).when(REVIEWER, adoption(c, "A1", "A2")).refused("NOTHING_TO_ADOPT", item_ids=["A1", "A2"])
        succeeded(c, REVIEWER2)
        given(c).when(REVIEWER2, adoption(c, "A1", "A2")).refused("NOTHING_TO_ADOPT", item_ids=["A2"])


@pytest.mark.req("A4", "A8")
@pytest.mark.parametrize(
    ("own", "outcome", "said", "state", "quality"),
    [
        (yes(1), "confirmed", {}, "in_practice", 1),
        (yes(5), "confirmed", {}, "in_practice", 5),
        (NO, "confirmed", {}, "not_in_practice", None),
        (yes(5), "adjusted", {**SEEN, "in_practice": "no"}, "not_in_practice", None),
        (NO, "adjusted", {**SEEN, "in_practice": "yes", "quality": 1}, "in_practice", 1),
        (yes(5), "not_verified", {"reason": WHY}, "not_verified", None),
    ],
)
def test_what_the_reviewer_ruled_counts_not_what_the_program_said(
    own: Rating, outcome: str, said: dict[str, Any], state: str, quality: int | None
) -> None:
    c = under_review(answers={"A1": own})
    answered = c.cycle.answers["A1"].version
    assert practice(c.cycle, "A1").state == "undetermined"
    c.must(REVIEWER, ruling(c, "A1", outcome, **said))
    found = practice(c.cycle, "A1")
    assert (found.state, found.quality, found.bulk) == (state, quality, False)
    assert found.versions == (answered, c.p.version)
    assert gaps(c.cycle, INSTRUMENT) == ([] if state == "in_practice" else ["A1"])


@pytest.mark.req("A7")
def test_an_item_that_does_not_count_toward_practice_is_no_gap() -> None:
    c = under_review(answers={"C6": NO, "C5": NO})
    c.must(REVIEWER, confirmation(c, *ITEMS))
    assert practice(c.cycle, "C6").state == "not_in_practice"
    assert practice(c.cycle, "C6").bulk
    assert gaps(c.cycle, INSTRUMENT) == ["C5"]
