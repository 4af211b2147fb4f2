"""Carrying: what an earlier cycle showed goes into the next one by reference; what was confirmed in place is settled."""

from copy import deepcopy
from datetime import date, timedelta
from typing import Any

import pytest

from domain import fold, initial
from domain.access import AssessmentAccessGranted, GrantAssessmentAccess, WithdrawFromCycle
from domain.affiliate import AppointStaff
from domain.assessment import (
    AssessmentReturned,
    AssessmentSubmitted,
    ClearRating,
    ItemRated,
    ItemRatingCleared,
    RateItem,
    RecordNarrative,
    ReturnAssessment,
    SelfAssessmentStarted,
    SubmitAssessment,
)
from domain.carrying import AssessmentCarriedForward, carried_marks
from domain.decision import DenyTier
from domain.determination import (
    AdoptDeterminations,
    ConfirmItems,
    ItemsConfirmed,
    RecordDetermination,
    RuleNotApplicable,
    gaps,
    practice,
    undetermined,
)
from domain.documents import LinkDocument, RecordScan, ReplaceDocument, UnlinkDocument
from domain.evidence import TierEligibilityEvaluated, rederive
from domain.grant import TierGranted
from domain.impartiality import (
    AssignDecider,
    AssignReviewer,
    DeciderAssigned,
    DeclareConflict,
    RecuseReviewer,
    participants,
)
from domain.instrument.model import Instrument
from domain.language import Command
from domain.plan import DraftPlan, ProposePlan, SetGoal
from domain.policy.evaluate import Node
from domain.publishing import PublishInstrumentVersion
from domain.report import contents
from domain.review import ReviewCompleted
from domain.statement import ReopenEvidence, stated
from domain.status import ImportHistoricalStatus, standing
from domain.term import add
from domain.values import Rating
from tests.real_world import again, instruments, told
from tests.small_policies import FULL, INSTRUMENT, SMALL
from tests.small_world import (
    ADMIN,
    BOTH,
    CLOCK,
    CONSULTANT,
    DECIDER,
    LEAD,
    NO,
    NOT_APPLICABLE,
    OPERATOR,
    REVIEWER,
    REVIEWER2,
    STAFF,
    Case,
    attach,
    attested,
    decider_named,
    determined,
    gates_met,
    granted,
    hand_in,
    listed,
    open_,
    rated,
    under_review,
    words,
    yes,
)
from tests.story import given

WHY = words("So it is.")
ALL = tuple(i.id for i in INSTRUMENT.items)
SETTLED = ("A2", "B3", "B4", "C6")
FIRST: dict[str, Any] = {"answers": {"A1": NO, "B4": NOT_APPLICABLE, "C5": NO}}
"""A1 and C5 are not in place, B4 does not apply: a program that is Dedicated."""


def first(**how: Any) -> tuple[Case, str]:
    """A program after its first cycle, and that cycle's id."""
    c = granted(**{**FIRST, **how})
    return c, c.cycle_id


def advancing(so_far: Any = open_, **how: Any) -> Case:
    """The same program on its way to a higher tier, with every practice in place now."""
    c, _ = first()
    return so_far.again(c, kind="advancement", **{"answers": {}, **how})


def renewing(so_far: Any = open_, **how: Any) -> Case:
    """The same program in a renewal, within a year of the end."""
    c, _ = first()
    c.world.later(days=2 * 365 + 30)
    return so_far.again(c, kind="renewal", **{"answers": {}, **how})


def letting_in(c: Case) -> GrantAssessmentAccess:
    """The request for access."""
    return GrantAssessmentAccess(cycle_id=c.cycle_id)


def rating(c: Case, item_id: str, quality: Any = 5, revision: int = 0) -> RateItem:
    """The request to rate an item as in practice."""
    said: dict[str, Any] = {"in_practice": "yes", "quality": quality, "item_revision": revision}
    return RateItem(cycle_id=c.cycle_id, item_id=item_id, **said)


def of_cycle(c: Case, kind: type) -> list[Any]:
    """The facts of a kind in the cycle."""
    return [e for e in c.events if isinstance(e, kind) and getattr(e, "cycle_id", None) == c.cycle_id]


def proved(c: Case) -> bool:
    """Whether every recorded evaluation comes out the same from the state at its version."""
    records = [e for e in c.events if isinstance(e, TierEligibilityEvaluated)]
    states = [fold(initial("program", c.program_id), c.events[: r.through_version]) for r in records]
    return bool(records) and not any(rederive(p, c.world, r) for p, r in zip(states, records, strict=True))


def versions_of(node: Node) -> set[int]:
    """The versions that a proof rests on."""
    return set(node.versions).union(*(versions_of(child) for child in node.children))


def publish(c: Case, doc: dict[str, Any]) -> Instrument:
    """Publishes another instrument, and a second version of the policy that uses it."""
    instrument = Instrument.model_validate(doc)
    sha256 = c.world.keep(doc, instrument)
    publishing = PublishInstrumentVersion(instrument_version=instrument.version, sha256=sha256)
    c.world.must(OPERATOR, instrument.family, publishing)
    asked = {**FULL["instrument"], "family": instrument.family, "version": instrument.version}
    c.world.publish({**FULL, "version": "2", "instrument": asked}, effective_from=c.today)
    return instrument


def revised() -> dict[str, Any]:
    """The instrument's second version: B4 applies to everybody, C5 is worded otherwise, C7 is new."""
    doc = deepcopy(SMALL)
    doc["version"] = "2"
    area_b, area_c = doc["sections"][1]["sub_areas"]
    del area_b["items"][1]["na_allowed"]
    area_c["items"][0]["wording"] = "Practice 5, and more"
    area_c["items"].append({**area_c["items"][1], "id": "C7", "number": 7, "wording": "Practice 7"})
    return doc


class TestWhatIsCarried:
    """With access, from the last decided cycle of the scheme."""

    @pytest.mark.req("S0-23", "A3")
    def test_an_advancement_takes_over_the_answers_and_settles_what_is_in_place(self) -> None:
        c, earlier = first()
        gates_met.again(c, kind="advancement")
        given(c).when(ADMIN, letting_in(c)).then(
            AssessmentAccessGranted, AssessmentCarriedForward, from_cycle=earlier, items=ALL, settled=SETTLED
        )
        before, now = c.p.cycles[earlier], c.cycle
        assert (now.carried_from, now.carried, now.started) == (earlier, SETTLED, 0)
        assert {i: (a.rating, a.reason, a.version) for i, a in now.answers.items()} == {
            i: (a.rating, a.reason, a.version) for i, a in before.answers.items()
        }
        assert {a.revision for a in now.answers.values()} == {0}
        assert (now.narratives, now.links) == (before.narratives, before.links)
        assert now.review.determinations == {i: before.review.determinations[i] for i in SETTLED}

    def test_a_renewal_takes_over_the_answers_and_settles_nothing(self) -> None:
        c, earlier = first()
        c.world.later(days=2 * 365 + 30)
        gates_met.again(c, kind="renewal")
        given(c).when(ADMIN, letting_in(c)).then(
            AssessmentAccessGranted, AssessmentCarriedForward, from_cycle=earlier, items=ALL, settled=()
        )
        assert (c.cycle.carried, c.cycle.review.determinations) == ((), {})
        assert undetermined(c.cycle, INSTRUMENT) == list(ALL)

    @pytest.mark.parametrize(("doubted", "settled"), [((), ()), (("A2", "C6"), ("B3", "B4"))])
    def test_a_corrective_cycle_goes_into_what_is_in_doubt(self, doubted: Any, settled: Any) -> None:
        c = open_.again(first()[0], kind="corrective", doubted=doubted)
        assert (len(c.cycle.answers), c.cycle.carried) == (6, settled)

    def test_a_first_cycle_takes_nothing_over(self) -> None:
        c = gates_met()
        given(c).when(ADMIN, letting_in(c)).then(AssessmentAccessGranted)
        c, _ = first()
        c.world.later(days=3 * 365 + 30)
        gates_met.again(c, kind="initial")
        given(c).when(ADMIN, letting_in(c)).then(AssessmentAccessGranted)

    def test_without_an_earlier_cycle_here_everything_is_rated(self) -> None:
        c = listed()
        said: dict[str, Any] = {"source": "The archive", "note": WHY, "badge": "old", "listing": "listed"}
        said |= {"valid_from": c.today - timedelta(300), "valid_until": c.today + timedelta(900)}
        old: dict[str, Any] = {"scheme": "full", "tier": "dedicated", "rank": 1, "label": "Dedicated"}
        c.must(ADMIN, ImportHistoricalStatus(**old, **said))
        gates_met.again(c, kind="advancement")
        given(c).when(ADMIN, letting_in(c)).then(AssessmentAccessGranted)
        assert (c.cycle.answers, c.cycle.carried_from) == ({}, None)

    def test_it_is_the_last_one_decided_also_where_the_tier_was_denied(self) -> None:
        c = advancing(decider_named, answers={"A1": NO})
        denied = c.cycle_id
        c.must(DECIDER, DenyTier(cycle_id=denied, tier="expert", reasons=WHY))
        open_.again(c)
        assert (c.cycle.carried_from, c.cycle.carried) == (denied, ("A2", "B3", "B4", "C5", "C6"))
        rulings = c.cycle.review.determinations
        (confirmed,) = [v for v, e in enumerate(c.events, 1) if isinstance(e, ItemsConfirmed) and e.cycle_id == denied]
        assert rulings["C5"].version == confirmed
        assert rulings["A2"].version < confirmed, "from the first cycle, through the second"

    def test_never_one_that_the_program_left(self) -> None:
        c, earlier = first()
        rated.again(c, kind="advancement", answers={})
        c.must(LEAD, WithdrawFromCycle(cycle_id=c.cycle_id, reason=WHY))
        open_.again(c)
        assert (c.cycle.carried_from, c.cycle.answers["A1"].rating) == (earlier, NO)

    def test_of_another_version_of_the_instrument_what_is_in_both(self) -> None:
        c = granted(answers={"B4": NOT_APPLICABLE})
        publish(c, revised())
        gates_met.again(c, kind="advancement")
        given(c).when(ADMIN, letting_in(c)).then(
            AssessmentAccessGranted,
            AssessmentCarriedForward,
            items=("A1", "A2", "B3", "C5", "C6"),
            settled=("A1", "A2", "B3", "C6"),
        )
        assert undetermined(c.cycle, Instrument.model_validate(revised())) == ["B4", "C5", "C7"]

    def test_of_another_instrument_nothing(self) -> None:
        c, _ = first()
        publish(c, {**SMALL, "family": "OTHER"})
        gates_met.again(c, kind="advancement")
        given(c).when(ADMIN, letting_in(c)).then(AssessmentAccessGranted)


class TestWhatIsSettled:
    """It is not gone into again, by anybody."""

    @pytest.mark.req("S0-23")
    @pytest.mark.parametrize("act", ["rate", "clear", "describe", "link", "unlink", "replace"])
    def test_the_program_leaves_it_as_it_is(self, act: str) -> None:
        c = advancing()
        hand_in(c, "doc2")
        named: dict[str, Any] = {"cycle_id": c.cycle_id}
        asked: dict[str, Command] = {
            "rate": rating(c, "B3"),
            "clear": ClearRating(item_id="B3", item_revision=0, **named),
            "describe": RecordNarrative(item_id="A2", text=WHY, **named),
            "link": LinkDocument(item_id="B3", document_id="doc2", **named),
            "unlink": UnlinkDocument(item_id="B3", document_id="doc1", **named),
            "replace": ReplaceDocument(document_id="doc1", by_document_id="doc2", reason=WHY, **named),
        }
        given(c).when(STAFF, asked[act]).refused("ITEM_SETTLED", item_ids=["A2" if act == "describe" else "B3"])

    @pytest.mark.req("S0-23")
    def test_the_reviewer_leaves_it_as_it_is(self) -> None:
        c = advancing(under_review)
        named: dict[str, Any] = {"cycle_id": c.cycle_id}
        asked: list[tuple[Command, tuple[str, ...]]] = [
            (RecordDetermination(item_id="C6", outcome="not_verified", reason=WHY, **named), ("C6",)),
            (ConfirmItems(item_ids=ALL, **named), SETTLED),
            (RuleNotApplicable(item_id="B4", accepted=False, reason=WHY, **named), ("B4",)),
            (AdoptDeterminations(item_ids=("A2",), **named), ("A2",)),
            (ReturnAssessment(item_ids=("A1", "C6"), reason=WHY, respond_by=c.today, **named), ("C6",)),
        ]
        for command, item_ids in asked:
            given(c).when(REVIEWER, command).refused("ITEM_SETTLED", item_ids=item_ids)

    def test_whatever_became_of_its_document_the_assessment_is_complete(self) -> None:
        infected = RecordScan(document_id="doc1", verdict="infected")
        c = advancing(rated).must(CLOCK, infected)
        given(c).when(LEAD, SubmitAssessment(cycle_id=c.cycle_id)).then(AssessmentSubmitted)
        c = renewing().must(CLOCK, infected)
        given(c).when(LEAD, SubmitAssessment(cycle_id=c.cycle_id)).refused("INCOMPLETE", infected=["doc1"])

    def test_it_stays_settled_when_the_assessment_goes_back(self) -> None:
        c = advancing(determined)
        returning = ReturnAssessment(cycle_id=c.cycle_id, item_ids=("A1",), reason=WHY, respond_by=c.today)
        given(c).when(REVIEWER, returning).then(AssessmentReturned)
        assert undetermined(c.cycle, INSTRUMENT) == ["A1"]
        given(c).when(STAFF, rating(c, "C6")).refused("ITEM_SETTLED")
        given(c).when(STAFF, rating(c, "A1", revision=c.cycle.answers["A1"].revision)).then(ItemRated)
        c.must(LEAD, SubmitAssessment(cycle_id=c.cycle_id))
        assert set(SETTLED) <= set(c.cycle.review.determinations)

    def test_it_stays_settled_when_the_evidence_is_opened_again(self) -> None:
        c = advancing(attested)
        before = c.cycle.review.determinations
        c.must(REVIEWER, ReopenEvidence(cycle_id=c.cycle_id, reason=WHY))
        assert c.cycle.review.determinations == before
        given(c).when(REVIEWER, ConfirmItems(cycle_id=c.cycle_id, item_ids=("C6",))).refused("ITEM_SETTLED")

    @pytest.mark.req("M7")
    def test_a_succeeding_reviewer_takes_over_what_was_found_in_this_cycle(self) -> None:
        c = advancing(determined)
        c.must(ADMIN, RecuseReviewer(cycle_id=c.cycle_id, ground="left"))
        c.must(REVIEWER2, DeclareConflict(cycle_id=c.cycle_id, nature="none"))
        c.must(ADMIN, AssignReviewer(cycle_id=c.cycle_id, person=REVIEWER2))
        assert undetermined(c.cycle, INSTRUMENT) == ["A1", "C5"]
        c.must(REVIEWER2, AdoptDeterminations(cycle_id=c.cycle_id, item_ids=("A1", "C5")))
        assert undetermined(c.cycle, INSTRUMENT) == []

    @pytest.mark.req("A11")
    def test_the_plan_covers_what_is_not_in_place(self) -> None:
        c = advancing(determined, answers={"A1": NO})
        assert gaps(c.cycle, INSTRUMENT) == ["A1"]
        c.must(REVIEWER, DraftPlan(cycle_id=c.cycle_id))
        goal: dict[str, Any] = {"baseline": 3, "target": 5, "start_on": c.today, "due_on": c.today + timedelta(100)}
        goal |= {"owner_role": "program_lead", "actions": WHY, "cycle_id": c.cycle_id}
        proposing = ProposePlan(cycle_id=c.cycle_id, starts_on=c.today, ends_on=add(c.today, "P12M"))
        c.must(STAFF, SetGoal(item_ids=("C6",), **goal))
        given(c).when(REVIEWER, proposing).refused("UNCOVERED_PRACTICES", item_ids=["A1"])

    @pytest.mark.req("A26")
    @pytest.mark.parametrize("kind", ["advancement", "renewal"])
    def test_whoever_determined_it_does_not_decide_on_it(self, kind: str) -> None:
        c, _ = first(reviewer=BOTH)
        c.world.later(days=2 * 365 + 30)
        under_review.again(c, kind=kind, reviewer=REVIEWER)
        c.must(BOTH, DeclareConflict(cycle_id=c.cycle_id, nature="none"))
        story = given(c).when(ADMIN, AssignDecider(cycle_id=c.cycle_id, person=BOTH))
        if kind == "advancement":
            story.refused("DECIDER_NOT_INDEPENDENT", part="reviewer")
            assert participants(c.p, c.cycle)[0] == (REVIEWER, BOTH)
        else:
            story.then(DeciderAssigned)

    @pytest.mark.req("A26")
    def test_nor_whoever_coached_the_program_for_it(self) -> None:
        c = advancing(under_review)
        c.world.must(ADMIN, "north", AppointStaff(person=CONSULTANT, roles=("decider",)))
        c.must(CONSULTANT, DeclareConflict(cycle_id=c.cycle_id, nature="none"))
        assigning = AssignDecider(cycle_id=c.cycle_id, person=CONSULTANT)
        given(c).when(ADMIN, assigning).refused("DECIDER_NOT_INDEPENDENT", part="assistance consultant")


class TestTheWayToTheEnd:
    """Only what is not settled is rated, determined, and cited anew."""

    @pytest.mark.req("S0-23", "A3")
    def test_an_advancement_looks_at_what_was_not_in_place(self) -> None:
        c = advancing(granted, tier="expert")
        requested = c.cycle.requested
        assert [(e.item_id, e.previous, e.item_revision) for e in of_cycle(c, ItemRated)] == [
            ("A1", NO, 1),
            ("C5", NO, 1),
        ]
        assert [e.item_ids for e in of_cycle(c, ItemsConfirmed)] == [("A1", "C5")]
        (review,) = of_cycle(c, ReviewCompleted)
        assert (review.in_practice, review.applicable) == (4, 4)
        assert of_cycle(c, TierGranted)[0].tier == "expert"
        (evaluated,) = of_cycle(c, TierEligibilityEvaluated)
        node = evaluated.evaluation.of("expert").node
        for item_id in ALL[:5]:
            cited = set(practice(c.cycle, item_id).versions)
            assert all(v > requested for v in cited) == (item_id in ("A1", "C5")), "by the version of the first event"
            assert cited <= versions_of(node)
        assert evaluated.reviewers == (REVIEWER,)
        assert evaluated.consultants == (CONSULTANT,)
        found = {s.section: (s.applicable, s.in_practice, s.improvement_areas) for s in contents(c.cycle, INSTRUMENT)}
        assert found == {"design": (2, 2, ()), "practice": (3, 3, ())}

    @pytest.mark.req("H10")
    def test_years_later_the_same_comes_out(self) -> None:
        c = advancing(granted, tier="expert")
        assert proved(c)
        c.world.later(days=2 * 365)
        granted.again(c, kind="renewal", tier="expert")
        assert proved(c)
        assert fold(initial("program", c.program_id), c.events) == c.p

    @pytest.mark.req("A14")
    def test_the_statement_covers_what_was_carried_over(self) -> None:
        c = advancing(attested)
        assert c.cycle.statement is not None
        assert c.cycle.statement.covers == stated(c.p, c.cycle)
        frozen = of_cycle(c, AssessmentSubmitted)[0].documents
        assert list(frozen) == ["doc1"]

    def test_what_was_carried_over_may_be_handed_in_as_it_is(self) -> None:
        c = renewing()
        given(c).when(LEAD, SubmitAssessment(cycle_id=c.cycle_id)).then(
            SelfAssessmentStarted, AssessmentSubmitted, item_count=6, submission_no=1
        )
        assert c.cycle.started == c.p.version - 1

    def test_in_a_renewal_every_item_is_determined_anew(self) -> None:
        c = renewing(granted)
        assert [e.item_ids for e in of_cycle(c, ItemsConfirmed)] == [ALL]
        assert all(d.version > c.cycle.requested for d in c.cycle.review.determinations.values())
        assert proved(c)

    def test_an_answer_that_was_carried_over_is_changed_or_cleared_like_any_other(self) -> None:
        c = renewing()
        given(c).when(STAFF, rating(c, "A2", 3)).unchanged()
        given(c).when(STAFF, rating(c, "A2", 5)).then(
            SelfAssessmentStarted, ItemRated, previous=yes(3), rating=yes(5), item_revision=1
        )
        given(c).when(STAFF, rating(c, "A2", 4)).refused("ITEM_CHANGED_BY_OTHER", revision=1, expected=0)
        clearing = ClearRating(cycle_id=c.cycle_id, item_id="C6", item_revision=0)
        given(c).when(STAFF, clearing).then(ItemRatingCleared, previous=yes(3), item_revision=1)
        given(c).when(LEAD, SubmitAssessment(cycle_id=c.cycle_id)).refused("INCOMPLETE", unanswered=["C6"])


class TestMarks:
    """How each item stands beside the cycle that was carried over."""

    def test_a_first_cycle_has_none(self) -> None:
        c = rated()
        assert carried_marks(c.cycle, c.p, INSTRUMENT) == {}

    def test_an_item_is_unchanged_until_something_else_is_said_of_it(self) -> None:
        c = renewing()
        assert carried_marks(c.cycle, c.p, INSTRUMENT) == dict.fromkeys(ALL, "unchanged")
        c.must(STAFF, rating(c, "A1"), RecordNarrative(cycle_id=c.cycle_id, item_id="A2", text=words("Otherwise.")))
        attach(c, "B3")
        reason = words("For another reason.")
        c.must(STAFF, RateItem(cycle_id=c.cycle_id, item_id="B4", in_practice="not_applicable", reason=reason))
        marks = carried_marks(c.cycle, c.p, INSTRUMENT)
        assert marks == {**dict.fromkeys(ALL[:4], "changed"), "C5": "unchanged", "C6": "unchanged"}

    def test_items_come_and_go_with_the_instrument(self) -> None:
        c = granted(answers={"B4": NOT_APPLICABLE})
        instrument = publish(c, revised())
        open_.again(c, kind="advancement")
        marks = carried_marks(c.cycle, c.p, instrument)
        assert marks == {**dict.fromkeys(ALL, "unchanged"), "B4": "changed", "C7": "new"}
        shorter = deepcopy(SMALL)
        shorter["sections"][1]["sub_areas"][1]["items"].pop()
        marks = carried_marks(c.cycle, c.p, Instrument.model_validate(shorter))
        assert marks == {**dict.fromkeys(ALL[:5], "unchanged"), "B4": "changed", "C6": "removed"}


class TestMinnesota:
    """From Dedicated to Expert within the term, under the shipped policy."""

    @pytest.mark.req("S0-23", "S0-24", "A3")
    def test_only_what_was_missing_is_looked_at_and_the_running_end_stays(self) -> None:
        questions = instruments()["NQMS@1"]
        missing = [i.id for i in questions.items if not i.na_allowed][::9]
        answers: dict[str, Rating] = dict.fromkeys(missing, NO)
        c = told("mn-qp", granted, tier="dedicated", answers=answers)
        dedicated: TierGranted = of_cycle(c, TierGranted)[0]
        end = dedicated.expires_on
        assert end is not None
        c.world.later(days=500)
        again(c, granted, kind="advancement", answers={}, tier="expert")
        assert [e.item_id for e in of_cycle(c, ItemRated)] == missing
        assert [e.item_ids for e in of_cycle(c, ItemsConfirmed)] == [tuple(missing)]
        expert: TierGranted = of_cycle(c, TierGranted)[0]
        assert (expert.tier, expert.kind, expert.expires_on) == ("expert", "advancement", end)
        (evaluated,) = of_cycle(c, TierEligibilityEvaluated)
        detail = evaluated.evaluation.of("expert").node.children[1].detail
        assert (detail["applicable"], detail["in_place"]) == (92, 92)
        assert [_held(c, day) for day in (expert.effective_on, end - timedelta(1), end)] == ["expert", "expert", None]
        assert _held(c, expert.effective_on - timedelta(1)) == "dedicated"
        assert proved(c)

    @pytest.mark.req("S0-23", "S0-06")
    def test_one_practice_that_is_still_missing_keeps_it_dedicated(self) -> None:
        c = told("mn-qp", granted, tier="dedicated", answers={"A1": NO, "B6": NO})
        again(c, decider_named, kind="advancement", answers={"A1": NO})
        c.must(DECIDER, DenyTier(cycle_id=c.cycle_id, tier="expert", reasons=WHY))
        assert c.cycle.phase == "decided"
        assert _held(c, c.today) == "dedicated"


def _held(c: Case, day: date) -> str | None:
    held = standing(c.p, c.scheme, day).held
    return held.tier if held else None
