"""Self-assessment: every item rated on the one scale, over many sittings, handed in complete, returned for more."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from domain.access import WithdrawFromCycle
from domain.assessment import (
    AssessmentReturned,
    AssessmentSubmitted,
    ClearRating,
    ItemNarrativeRecorded,
    ItemRated,
    ItemRatingCleared,
    RateItem,
    RecordNarrative,
    ReturnAssessment,
    SelfAssessmentStarted,
    SubmitAssessment,
)
from domain.documents import LinkDocument, RecordScan, UnlinkDocument, UploadDocument, WithdrawDocument
from domain.impartiality import RecuseReviewer
from domain.program import Phase
from domain.values import Rating
from tests.small_world import (
    ADMIN,
    CLOCK,
    DECIDER,
    INSTRUMENT,
    LEAD,
    NO,
    NOT_APPLICABLE,
    REVIEWER,
    REVIEWER2,
    SOUTH,
    STAFF,
    STRANGER,
    Case,
    determined,
    granted,
    hand_in,
    open_,
    planned,
    rated,
    requested,
    submitted,
    under_review,
    words,
    yes,
)
from tests.story import given

ITEMS = tuple(i.id for i in INSTRUMENT.items)
PLAIN, TEXT, DOCUMENT, MAY_NOT_APPLY, SAFETY, UNCOUNTED = ITEMS


def rating(c: Case, item_id: str = PLAIN, answer: Any = "yes", quality: Any = None, **more: Any) -> RateItem:
    return RateItem(cycle_id=c.cycle_id, item_id=item_id, in_practice=answer, quality=quality, **more)


def clearing(c: Case, item_id: str = PLAIN, revision: int = 1) -> ClearRating:
    return ClearRating(cycle_id=c.cycle_id, item_id=item_id, item_revision=revision)


def describing(c: Case, item_id: str = TEXT) -> RecordNarrative:
    return RecordNarrative(cycle_id=c.cycle_id, item_id=item_id, text=words("We do it so."))


def submitting(c: Case) -> SubmitAssessment:
    return SubmitAssessment(cycle_id=c.cycle_id)


def returning(c: Case, *item_ids: str, days: int = 14) -> ReturnAssessment:
    due = c.today + timedelta(days)
    reason = words("Please say more.")
    return ReturnAssessment(cycle_id=c.cycle_id, item_ids=item_ids or (PLAIN,), reason=reason, respond_by=due)


def leaving(c: Case) -> WithdrawFromCycle:
    return WithdrawFromCycle(cycle_id=c.cycle_id, reason=words("Not now."))


def revision(c: Case, item_id: str = PLAIN) -> int:
    return c.cycle.answers[item_id].revision


@pytest.mark.req("S1-15", "M1")
def test_with_the_first_rating_the_assessment_begins() -> None:
    c = open_()
    story = given(c).when(STAFF, rating(c, quality=4))
    said = {"cycle_id": c.cycle_id, "item_id": PLAIN, "previous": None, "item_revision": 1, "reason": None}
    story.then(SelfAssessmentStarted, ItemRated, rating=Rating("yes", 4), **said)
    assert c.cycle.started == c.p.version - 1
    answer = c.cycle.answers[PLAIN]
    assert (answer.rating, answer.revision, answer.version) == (Rating("yes", 4), 1, c.p.version)
    given(c).when(STAFF, rating(c, SAFETY, "no")).then(ItemRated, rating=NO)


@pytest.mark.req("A8")
def test_a_changed_rating_keeps_the_one_before_in_the_history() -> None:
    c = open_()
    c.must(STAFF, rating(c, quality=2))
    story = given(c).when(LEAD, rating(c, quality=5, item_revision=1))
    story.then(ItemRated, rating=Rating("yes", 5), previous=Rating("yes", 2), item_revision=2)
    assert revision(c) == 2


@pytest.mark.req("S1-10", "S3-04", "A5")
@pytest.mark.parametrize("item_id", ITEMS)
@pytest.mark.parametrize("quality", [1, 2, 3, 4, 5])
def test_every_item_is_rated_on_the_one_scale(item_id: str, quality: Any) -> None:
    c = open_()
    story = given(c).when(STAFF, rating(c, item_id, "yes", quality))
    story.then(SelfAssessmentStarted, ItemRated, rating=Rating("yes", quality))


@pytest.mark.req("S1-10", "A5", "A6")
@pytest.mark.parametrize(
    ("item_id", "answer", "quality", "reason", "codes"),
    [
        (PLAIN, "yes", None, None, ["QUALITY_REQUIRED"]),
        (PLAIN, "no", 3, None, ["QUALITY_FORBIDDEN"]),
        (MAY_NOT_APPLY, "not_applicable", 3, words("So."), ["QUALITY_FORBIDDEN"]),
        (PLAIN, "not_applicable", None, words("So."), ["NOT_APPLICABLE_NOT_ALLOWED"]),
        (MAY_NOT_APPLY, "not_applicable", None, None, ["REASON_REQUIRED"]),
        (PLAIN, "not_applicable", 1, None, ["QUALITY_FORBIDDEN", "NOT_APPLICABLE_NOT_ALLOWED", "REASON_REQUIRED"]),
    ],
)
def test_quality_goes_with_a_yes_and_not_applicable_with_a_reason(
    item_id: str, answer: str, quality: int | None, reason: Any, codes: list[str]
) -> None:
    c = open_()
    given(c).when(STAFF, rating(c, item_id, answer, quality, reason=reason)).refused(*codes)


@pytest.mark.req("A5")
@pytest.mark.parametrize("quality", [0, 6])
def test_quality_goes_from_one_to_five(quality: Any) -> None:
    with pytest.raises(ValidationError, match="quality"):
        rating(open_(), quality=quality)


@pytest.mark.req("A6")
def test_an_item_may_not_apply_where_the_instrument_says_so() -> None:
    c = open_()
    story = given(c).when(STAFF, rating(c, MAY_NOT_APPLY, "not_applicable", reason=words("We have none.")))
    story.then(SelfAssessmentStarted, ItemRated, rating=NOT_APPLICABLE, reason=words("We have none."))
    assert c.cycle.answers[MAY_NOT_APPLY].reason == words("We have none.")


def test_the_same_rating_again_changes_nothing_unless_a_reason_comes_with_it() -> None:
    c = rated()
    given(c).when(STAFF, rating(c, quality=3, item_revision=1)).unchanged()
    given(c).when(STAFF, rating(c, quality=3, item_revision=1, reason=words("Because."))).then(
        ItemRated, reason=words("Because."), item_revision=2
    )


def test_a_rating_that_somebody_changed_meanwhile_is_looked_at_again() -> None:
    c = rated()
    given(c).when(STAFF, rating(c, quality=5)).refused("ITEM_CHANGED_BY_OTHER", item_id=PLAIN, revision=1, expected=0)
    given(c).when(STAFF, rating(c, quality=5, item_revision=2)).refused("ITEM_CHANGED_BY_OTHER")
    given(c).when(STAFF, rating(c, item_revision=2)).refused("QUALITY_REQUIRED", "ITEM_CHANGED_BY_OTHER")


def test_ratings_of_different_items_do_not_disturb_each_other() -> None:
    c = open_()
    given(c).when(STAFF, rating(c, PLAIN, quality=3)).then(SelfAssessmentStarted, ItemRated)
    given(c).when(LEAD, rating(c, SAFETY, quality=3)).then(ItemRated)


@pytest.mark.req("S1-15", "S3-04")
def test_the_assessment_goes_on_over_many_sittings() -> None:
    c = open_()
    for item_id in ITEMS:
        c.world.later(days=30)
        c.must(STAFF, rating(c, item_id, "no"))
    assert {i: a.rating for i, a in c.cycle.answers.items()} == dict.fromkeys(ITEMS, NO)
    given(c).when(LEAD, submitting(c)).then(AssessmentSubmitted)


def test_a_rating_is_taken_back_and_given_anew() -> None:
    c = rated()
    given(c).when(STAFF, clearing(c)).then(ItemRatingCleared, item_id=PLAIN, previous=yes(), item_revision=2)
    assert (c.cycle.answers[PLAIN].rating, c.cycle.answers[PLAIN].version) == (None, c.p.version)
    given(c).when(STAFF, rating(c, quality=3, item_revision=2)).then(ItemRated, previous=None, item_revision=3)


def test_only_a_rating_that_stands_and_was_seen_is_taken_back() -> None:
    c = open_()
    given(c).when(STAFF, clearing(c)).refused("NOTHING_TO_CLEAR", item_id=PLAIN)
    c.must(STAFF, rating(c, quality=3))
    given(c).when(STAFF, clearing(c, revision=2)).refused("ITEM_CHANGED_BY_OTHER", revision=1, expected=2)
    c.must(STAFF, clearing(c))
    given(c).when(STAFF, clearing(c, revision=2)).refused("NOTHING_TO_CLEAR")


@pytest.mark.req("S1-11", "S3-04")
def test_items_that_ask_for_words_take_them_and_the_last_ones_stand() -> None:
    c = open_()
    given(c).when(STAFF, describing(c)).then(ItemNarrativeRecorded, item_id=TEXT, text=words("We do it so."))
    anew = RecordNarrative(cycle_id=c.cycle_id, item_id=TEXT, text=words("Better."))
    given(c).when(STAFF, anew).then(ItemNarrativeRecorded)
    assert (c.cycle.narratives[TEXT].text, c.cycle.narratives[TEXT].version) == (words("Better."), c.p.version)


@pytest.mark.req("S1-11")
@pytest.mark.parametrize("item_id", [PLAIN, DOCUMENT])
def test_other_items_take_no_words(item_id: str) -> None:
    c = open_()
    given(c).when(STAFF, describing(c, item_id)).refused("TEXT_NOT_ASKED", item_id=item_id)


CHANGES = (rating, clearing, describing, submitting)


@pytest.mark.parametrize("change", CHANGES)
def test_before_access_nothing_is_filled_in(change: Any) -> None:
    c = requested()
    given(c).when(LEAD, change(c)).refused("CYCLE_NOT_OPEN", phase=Phase.REQUESTED)
    c.must(LEAD, leaving(c))
    given(c).when(LEAD, change(c)).refused("CYCLE_NOT_OPEN", phase=Phase.WITHDRAWN)


@pytest.mark.parametrize("change", CHANGES)
def test_after_the_program_withdrew_nothing_is_filled_in(change: Any) -> None:
    c = open_()
    c.must(LEAD, leaving(c))
    given(c).when(LEAD, change(c)).refused("ASSESSMENT_FROZEN", phase=Phase.WITHDRAWN)


@pytest.mark.req("S1-14")
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("situation", [submitted, under_review, granted])
def test_what_was_handed_in_is_frozen(situation: Any, change: Any) -> None:
    c = situation()
    given(c).when(LEAD, change(c)).refused("ASSESSMENT_FROZEN", phase=c.cycle.phase)


@pytest.mark.parametrize("change", [*CHANGES, returning])
def test_a_change_names_a_cycle_that_there_is(change: Any) -> None:
    c = open_()
    command = change(c).model_copy(update={"cycle_id": "imaginary"})
    given(c).when(ADMIN if change is returning else LEAD, command).refused("CYCLE_UNKNOWN", cycle_id="imaginary")


@pytest.mark.parametrize("change", [rating, clearing, describing])
def test_a_change_names_an_item_of_the_instrument(change: Any) -> None:
    c = open_()
    given(c).when(STAFF, change(c, "Z9")).refused("UNKNOWN_ITEM", item_ids=["Z9"])


@pytest.mark.parametrize("person", [REVIEWER, ADMIN, DECIDER, STRANGER])
def test_nobody_but_the_program_fills_it_in(person: str) -> None:
    c = rated()
    for change in CHANGES:
        given(c).when(person, change(c)).not_allowed()


def test_the_lead_hands_it_in_and_not_the_staff() -> None:
    c = rated()
    given(c).when(STAFF, submitting(c)).refused("NOT_AUTHORISED")


@pytest.mark.req("S1-14", "S1-12", "S3-04")
def test_it_is_handed_in_complete_and_then_frozen_with_its_documents() -> None:
    c = rated()
    hand_in(c, "unrelated")
    documents = {"doc1": c.p.documents["doc1"].digest}
    story = given(c).when(LEAD, submitting(c))
    story.then(AssessmentSubmitted, submission_no=1, item_count=6, documents=documents, submitted_on=c.today)
    assert c.cycle.phase is Phase.SUBMITTED
    assert [(s.number, s.version) for s in c.cycle.submissions] == [(1, c.p.version)]
    assert {d: doc.frozen for d, doc in c.p.documents.items()} == {"doc1": True, "unrelated": False}


@pytest.mark.req("M20")
def test_it_is_handed_in_on_the_day_it_is_where_the_policy_applies() -> None:
    c = rated(scheme="southern")
    c.world.now = c.world.now.replace(hour=5, minute=30)  # past midnight in New York, not yet in Chicago
    given(c).when(LEAD, submitting(c)).then(AssessmentSubmitted, submitted_on=c.world.now.date())


def lacking(**missing: list[str]) -> dict[str, list[str]]:
    nothing: dict[str, list[str]] = {k: [] for k in ("unanswered", "texts", "documents", "unscanned", "infected")}
    return nothing | missing


@pytest.mark.req("S1-14", "S3-04")
def test_everything_that_is_missing_is_named() -> None:
    c = open_()
    given(c).when(LEAD, submitting(c)).refused("INCOMPLETE", **lacking(unanswered=list(ITEMS)))
    c.must(STAFF, *(rating(c, i, quality=3) for i in ITEMS if i != SAFETY))
    missing = lacking(unanswered=[SAFETY], texts=[TEXT], documents=[DOCUMENT])
    given(c).when(LEAD, submitting(c)).refused("INCOMPLETE", **missing)


@pytest.mark.req("S1-14")
def test_a_rating_that_was_taken_back_is_missing() -> None:
    c = rated()
    c.must(STAFF, clearing(c))
    given(c).when(LEAD, submitting(c)).refused("INCOMPLETE", **lacking(unanswered=[PLAIN]))


@pytest.mark.req("S1-11", "S1-14")
def test_words_are_missing_where_the_practice_is_in_place() -> None:
    c = rated(answers={TEXT: NO})
    c.must(STAFF, rating(c, TEXT, quality=2, item_revision=1))
    given(c).when(LEAD, submitting(c)).refused("INCOMPLETE", **lacking(texts=[TEXT]))


@pytest.mark.req("S1-12", "S1-14")
def test_a_document_is_missing_where_the_practice_is_in_place() -> None:
    c = rated()
    c.must(STAFF, UnlinkDocument(cycle_id=c.cycle_id, document_id="doc1", item_id=DOCUMENT))
    given(c).when(LEAD, submitting(c)).refused("INCOMPLETE", **lacking(documents=[DOCUMENT]))


@pytest.mark.req("A16")
def test_for_a_practice_that_is_not_in_place_neither_words_nor_document_are_asked() -> None:
    c = rated(answers={TEXT: NO, DOCUMENT: NO})
    given(c).when(LEAD, submitting(c)).then(AssessmentSubmitted, documents={})


def with_unscanned(scheme: str) -> Case:
    c = rated(scheme=scheme)
    c.world.receive(c.program_id, "fresh")
    c.must(STAFF, UploadDocument(document_id="fresh"))
    return c.must(STAFF, LinkDocument(cycle_id=c.cycle_id, document_id="fresh", item_id=DOCUMENT))


@pytest.mark.req("M8")
def test_a_document_that_waits_for_its_scan_is_admissible_unless_the_policy_refuses_it() -> None:
    c = with_unscanned("full")
    given(c).when(LEAD, submitting(c)).then(
        AssessmentSubmitted, documents={d: c.p.documents[d].digest for d in ("doc1", "fresh")}
    )
    c = with_unscanned("lean")
    given(c).when(LEAD, submitting(c)).refused("INCOMPLETE", **lacking(unscanned=["fresh"]))
    c.must(CLOCK, RecordScan(document_id="fresh", verdict="clean"))
    given(c).when(LEAD, submitting(c)).then(AssessmentSubmitted)


@pytest.mark.parametrize("scheme", ["full", "lean"])
def test_an_infected_document_is_never_handed_in(scheme: str) -> None:
    c = with_unscanned(scheme)
    c.must(CLOCK, RecordScan(document_id="fresh", verdict="infected"))
    given(c).when(LEAD, submitting(c)).refused("INCOMPLETE", **lacking(infected=["fresh"]))


def digest(c: Case) -> str:
    return c.must(LEAD, submitting(c)).cycle.submissions[-1].answers_digest


def test_what_is_handed_in_is_fixed_by_its_digest() -> None:
    changes: list[Any] = [
        lambda c: rating(c, quality=4, item_revision=1),
        lambda c: rating(c, quality=3, item_revision=1, reason=words("So.")),
        lambda c: RecordNarrative(cycle_id=c.cycle_id, item_id=TEXT, text=words("Otherwise.")),
    ]
    cases = [rated(), with_unscanned("full")]
    for change in changes:
        c = rated()
        cases.append(c.must(STAFF, change(c)))
    digests = [digest(c) for c in cases]
    assert digest(rated()) == digests[0]
    assert len(set(digests)) == 5


@pytest.mark.parametrize("person", [ADMIN, REVIEWER, REVIEWER2])
def test_a_submission_goes_back_with_the_items_and_a_day(person: str) -> None:
    c = submitted()
    story = given(c).when(person, returning(c, PLAIN, TEXT))
    due = c.today + timedelta(14)
    story.then(AssessmentReturned, item_ids=(PLAIN, TEXT), reason=words("Please say more."), respond_by=due)
    assert (c.cycle.phase, c.cycle.returned) == (Phase.OPEN, c.p.version)
    given(c).when(STAFF, rating(c, quality=5, item_revision=1)).then(ItemRated)
    given(c).when(LEAD, submitting(c)).then(AssessmentSubmitted, submission_no=2)
    assert c.cycle.phase is Phase.SUBMITTED


def test_the_answer_is_due_today_at_the_earliest() -> None:
    c = submitted()
    given(c).when(ADMIN, returning(c, days=-1)).refused("RESPOND_BY_PASSED", respond_by=c.today - timedelta(1))
    given(c).when(ADMIN, returning(c, days=0)).then(AssessmentReturned)


@pytest.mark.parametrize("situation", [requested, open_, planned, granted])
def test_only_what_was_handed_in_and_is_not_planned_yet_returns(situation: Any) -> None:
    c = situation()
    given(c).when(ADMIN, returning(c, days=-1)).refused("NOT_SUBMITTED", "RESPOND_BY_PASSED", phase=c.cycle.phase)
    given(c).when(ADMIN, returning(c)).refused("NOT_SUBMITTED", phase=c.cycle.phase)


def test_the_items_that_return_are_the_instruments() -> None:
    c = submitted()
    given(c).when(ADMIN, returning(c, PLAIN, "Z9", "Y8")).refused("UNKNOWN_ITEM", item_ids=["Z9", "Y8"])
    with pytest.raises(ValidationError, match="item_ids"):
        ReturnAssessment(cycle_id=c.cycle_id, item_ids=(), reason=words("Why?"), respond_by=c.today)


def test_once_it_is_reviewed_only_its_reviewer_returns_it() -> None:
    c = under_review()
    for person in (ADMIN, REVIEWER2):
        given(c).when(person, returning(c)).refused("NOT_THE_REVIEWER", reviewer=REVIEWER, person=person)
    given(c).when(REVIEWER, returning(c)).then(AssessmentReturned)
    c.must(LEAD, submitting(c))
    assert c.cycle.phase is Phase.UNDER_REVIEW


def test_without_a_reviewer_the_administrator_returns_it_again() -> None:
    c = under_review()
    c.must(ADMIN, RecuseReviewer(cycle_id=c.cycle_id, ground="left"))
    given(c).when(ADMIN, returning(c)).then(AssessmentReturned)


@pytest.mark.parametrize("person", [STAFF, LEAD, SOUTH, DECIDER])
def test_the_affiliates_people_return_it_and_nobody_else(person: str) -> None:
    c = submitted()
    given(c).when(person, returning(c)).not_allowed()


def test_what_was_determined_on_items_that_return_is_to_be_looked_at_again() -> None:
    c = determined()
    assert set(c.cycle.review.determinations) == set(ITEMS)
    c.must(REVIEWER, returning(c, PLAIN, SAFETY))
    assert set(c.cycle.review.determinations) == set(ITEMS) - {PLAIN, SAFETY}


@pytest.mark.parametrize(
    ("change", "item_id"),
    [
        (lambda c: rating(c, MAY_NOT_APPLY, quality=5, item_revision=1), MAY_NOT_APPLY),
        (lambda c: clearing(c, MAY_NOT_APPLY), MAY_NOT_APPLY),
        (describing, TEXT),
        (lambda c: UnlinkDocument(cycle_id=c.cycle_id, document_id="doc1", item_id=DOCUMENT), DOCUMENT),
    ],
    ids=["rated", "cleared", "described", "unlinked"],
)
def test_what_was_determined_on_items_that_change_is_to_be_looked_at_again(change: Any, item_id: str) -> None:
    c = determined()
    c.must(REVIEWER, returning(c, PLAIN))
    c.must(STAFF, change(c))
    assert set(c.cycle.review.determinations) == set(ITEMS) - {PLAIN, item_id}


def test_a_document_of_a_submission_stays_after_it_returned() -> None:
    c = submitted()
    c.must(ADMIN, returning(c))
    c.must(STAFF, UnlinkDocument(cycle_id=c.cycle_id, document_id="doc1", item_id=DOCUMENT))
    given(c).when(STAFF, WithdrawDocument(document_id="doc1", reason=words("Ours."))).refused("DOCUMENT_FROZEN")
