"""The Statement of Accuracy: what it covers, who signs, when it counts as received (S0-05, S1-17, A2, A13, A14, M3, M6)."""

from datetime import timedelta
from typing import Any

import pytest

from domain.access import WithdrawFromCycle
from domain.affiliate import AppointStaff
from domain.correction import ActWithdrawn, WithdrawAct
from domain.decision import DecideTier, DeferDecision
from domain.determination import RecordDetermination
from domain.documents import RecordScan, WithdrawDocument
from domain.impartiality import AssignDecider, DeclareConflict
from domain.language import Event
from domain.listing import AppointRepresentative, RemoveRepresentative
from domain.plan import AdoptPlan, ProposePlan
from domain.program import Phase, Statement
from domain.review import CompleteReview
from domain.signature import FORM_CODE_LENGTH, Signature
from domain.statement import (
    ConfirmReceipt,
    EvidenceReopened,
    ReceiveStatement,
    RecordPaperStatement,
    RejectStatement,
    ReopenEvidence,
    RequestStatement,
    SignStatement,
    StatementOfAccuracyReceived,
    StatementOfAccuracyRejected,
    StatementOfAccuracyRequested,
    StatementOfAccuracySigned,
    StatementOfAccuracyVoided,
    StatementReceiptProposed,
)
from domain.term import add
from tests.small_policies import LEAN
from tests.small_world import (
    ADMIN,
    ADMIN2,
    CLOCK,
    DECIDER,
    DIRECTOR,
    LEAD,
    NO,
    REVIEWER,
    REVIEWER2,
    STAFF,
    Case,
    attestation_pending,
    attested,
    decider_named,
    determined,
    granted,
    hand_in,
    listed,
    planned,
    reviewed,
    signed,
    under_review,
    words,
)
from tests.story import given

WHY = words("It was mislaid.")
WITNESS = "p_witness"


def statement(c: Case) -> Statement:
    """The statement as it stands."""
    assert c.cycle.statement is not None
    return c.cycle.statement


def ask(c: Case) -> RequestStatement:
    """The request that leadership sign."""
    return RequestStatement(cycle_id=c.cycle_id)


def signature(c: Case, **more: Any) -> SignStatement:
    """A complete electronic signature."""
    said: dict[str, Any] = {"covers": statement(c).covers, "consent": True, "intent": True, **more}
    return SignStatement(cycle_id=c.cycle_id, **said)


def paper(c: Case, method: Any = "ink_scan", **more: Any) -> RecordPaperStatement:
    """A signature on paper, recorded with its scan or its witness."""
    shown = {"scan_document_id": "scan1"} if method == "ink_scan" else {"witness": WITNESS}
    said: dict[str, Any] = {"signatory": DIRECTOR, "signed_on": c.today, **shown}
    said["form_code"] = statement(c).covers[:FORM_CODE_LENGTH]
    return RecordPaperStatement(cycle_id=c.cycle_id, method=method, **(said | more))


def receipt(c: Case, days_ago: int = 0, **more: Any) -> ReceiveStatement:
    """The request to record the receipt."""
    return ReceiveStatement(cycle_id=c.cycle_id, received_on=c.today - timedelta(days=days_ago), **more)


SUPPORT: dict[str, Any] = {"ground": "mislaid", "explanation": WHY, "document_id": "letter"}
"""What a receipt dated far back needs."""


def confirmed_receipt(c: Case) -> ConfirmReceipt:
    """The second person's request."""
    return ConfirmReceipt(cycle_id=c.cycle_id)


def rejection(c: Case) -> RejectStatement:
    """The request to reject a signed statement."""
    return RejectStatement(cycle_id=c.cycle_id, ground="illegible", reason=WHY)


def reopening(c: Case) -> ReopenEvidence:
    """The request to open the evidence again."""
    return ReopenEvidence(cycle_id=c.cycle_id, reason=WHY)


def withdrawn(c: Case) -> Case:
    """The program ended the cycle."""
    return c.must(LEAD, WithdrawFromCycle(cycle_id=c.cycle_id, reason=WHY))


def on_paper() -> Case:
    """A statement to be signed, with a scan handed in."""
    c = attestation_pending()
    hand_in(c, "scan1")
    return c


def signed_days_ago(days: int) -> Case:
    """Signed so many days ago, with a letter handed in."""
    c = signed()
    c.world.later(days=days)
    hand_in(c, "letter")
    return c


class TestAsking:
    """After the review, where the policy wants a statement."""

    @pytest.mark.req("S1-17", "A14", "M13", "M1")
    def test_leadership_is_asked_to_sign_what_stands(self) -> None:
        c = reviewed()
        given(c).when(ADMIN, ask(c)).then(
            StatementOfAccuracyRequested, cycle_id=c.cycle_id, template="soa-1", requested_on=c.today
        )
        assert c.cycle.phase is Phase.ATTESTATION_PENDING
        assert (statement(c).requested, statement(c).requested_on) == (c.p.version, c.today)

    @pytest.mark.req("M13", "S1-17")
    def test_not_before_the_review_is_complete(self) -> None:
        c = planned()
        given(c).when(ADMIN, ask(c)).refused("REVIEW_NOT_COMPLETE", phase="planned")

    def test_once(self) -> None:
        c = attestation_pending()
        given(c).when(ADMIN, ask(c)).refused("REVIEW_NOT_COMPLETE", phase="attestation_pending")

    def test_not_where_the_policy_wants_none(self) -> None:
        c = reviewed(scheme="lean")
        given(c).when(ADMIN, ask(c)).refused("NOT_ASKED_BY_POLICY", what="statement")

    @pytest.mark.req("A14")
    @pytest.mark.parametrize("how", [{"answers": {"A1": NO}}, {"not_verified": ("A1",)}])
    def test_it_covers_answers_and_determinations(self, how: Any) -> None:
        assert statement(attestation_pending(**how)).covers != statement(attestation_pending()).covers
        assert statement(attestation_pending()).covers == statement(attestation_pending()).covers


EARLY: dict[str, Any] = {
    "signature": lambda c: SignStatement(cycle_id=c.cycle_id, covers="0" * 64, consent=True, intent=True),
    "paper": lambda c: RecordPaperStatement(
        cycle_id=c.cycle_id, signatory=DIRECTOR, signed_on=c.today, method="ink_scan", form_code="0"
    ),
    "receipt": receipt,
    "confirmation": confirmed_receipt,
    "rejection": rejection,
}


@pytest.mark.parametrize("name", EARLY)
class TestOnlyWhilePending:
    """Signature and receipt follow the request, and the receipt ends it."""

    def test_nothing_is_signed_or_received_before_it_is_asked_for(self, name: str) -> None:
        c = reviewed()
        given(c).when(DIRECTOR if name == "signature" else ADMIN, EARLY[name](c)).refused("STATEMENT_UNKNOWN")

    def test_nor_after_it_was_received(self, name: str) -> None:
        c = attested()
        given(c).when(DIRECTOR if name == "signature" else ADMIN, EARLY[name](c)).refused("ALREADY_RECORDED")

    def test_nor_once_the_program_withdrew(self, name: str) -> None:
        c = withdrawn(signed())
        given(c).when(DIRECTOR if name == "signature" else ADMIN, EARLY[name](c)).refused("WRONG_CYCLE_STATE")
        assert c.cycle.phase is Phase.WITHDRAWN

    def test_nor_in_a_cycle_that_is_not_known(self, name: str) -> None:
        c = signed()
        asked = EARLY[name](c).model_copy(update={"cycle_id": "none"})
        given(c).when(DIRECTOR if name == "signature" else ADMIN, asked).refused("CYCLE_UNKNOWN")


class TestSigning:
    """Consent, intent, the exact record, and a signatory who may (A13)."""

    @pytest.mark.req("S0-05", "S1-17", "A13")
    @pytest.mark.parametrize("role", ["executive_director", "head_of_program"])
    def test_leadership_signs(self, role: Any) -> None:
        c = attestation_pending()
        c.must(LEAD, AppointRepresentative(person="p_head", role=role))
        covers = statement(c).covers
        expected = Signature(signatory="p_head", role=role, method="electronic", signed_on=c.today, covers=covers)
        given(c).when("p_head", signature(c)).then(
            StatementOfAccuracySigned, statement_id=statement(c).statement_id, signature=expected
        )
        assert (statement(c).signed, statement(c).signed_on) == (c.p.version, c.today)

    @pytest.mark.req("A13", "M5")
    def test_a_role_that_the_policy_does_not_name_does_not_sign(self) -> None:
        c = attestation_pending()
        given(c).when(LEAD, signature(c)).refused(
            "SIGNATORY_NOT_AUTHORISED", person=LEAD, roles=["executive_director", "head_of_program"]
        )
        given(c).when(STAFF, signature(c)).refused("NOT_AUTHORISED")

    @pytest.mark.req("A13")
    def test_nor_does_the_affiliates_own_staff(self) -> None:
        c = attestation_pending()
        c.world.must(ADMIN, "north", AppointStaff(person=DIRECTOR, roles=("reviewer",)))
        given(c).when(DIRECTOR, signature(c)).refused("SIGNATORY_NOT_AUTHORISED")

    @pytest.mark.req("A14")
    def test_what_is_signed_is_what_stands(self) -> None:
        c = attestation_pending()
        given(c).when(DIRECTOR, signature(c, covers="0" * 64)).refused("DIGEST_STALE")

    @pytest.mark.parametrize(
        ("more", "missing"),
        [
            ({"consent": False}, ["consent"]),
            ({"intent": False}, ["intent"]),
            ({"consent": False, "intent": False}, ["consent", "intent"]),
        ],
    )
    def test_consent_and_intent_are_said(self, more: dict[str, Any], missing: list[str]) -> None:
        c = attestation_pending()
        given(c).when(DIRECTOR, signature(c, **more)).refused("SIGNATURE_INCOMPLETE", missing=missing)

    def test_once(self) -> None:
        c = signed()
        given(c).when(DIRECTOR, signature(c)).refused("ALREADY_RECORDED")

    def test_everything_that_speaks_against_it_is_named(self) -> None:
        c = signed()
        given(c).when(LEAD, signature(c, covers="0" * 64, intent=False)).refused(
            "ALREADY_RECORDED", "SIGNATORY_NOT_AUTHORISED", "SIGNATURE_INCOMPLETE", "DIGEST_STALE"
        )


class TestSigningOnPaper:
    """Staff record a signature of a named signatory, from a form that bears the code of what it covers (M3)."""

    @pytest.mark.req("M3", "S0-05")
    def test_in_ink_with_its_scan(self) -> None:
        c = on_paper()
        expected = Signature(
            signatory=DIRECTOR,
            role="executive_director",
            method="ink_scan",
            signed_on=c.today,
            covers=statement(c).covers,
            recorder=ADMIN,
            scan_document_id="scan1",
        )
        given(c).when(ADMIN, paper(c)).then(StatementOfAccuracySigned, signature=expected)
        assert (statement(c).signed, statement(c).signed_on) == (c.p.version, c.today)
        given(c).when(STAFF, WithdrawDocument(document_id="scan1", reason=WHY)).refused("DOCUMENT_FROZEN")

    @pytest.mark.req("M3")
    def test_spoken_before_a_witness(self) -> None:
        c = attestation_pending()
        expected = Signature(
            signatory=DIRECTOR,
            role="executive_director",
            method="spoken_witnessed",
            signed_on=c.today,
            covers=statement(c).covers,
            recorder=ADMIN,
            witness=WITNESS,
        )
        given(c).when(ADMIN, paper(c, "spoken_witnessed")).then(StatementOfAccuracySigned, signature=expected)
        said = f"signed the Statement of Accuracy: {DIRECTOR} (executive_director, spoken_witnessed, {c.today})"
        assert c.events[-1].sentence() == said

    @pytest.mark.req("M3")
    @pytest.mark.parametrize("witness", [None, DIRECTOR, ADMIN])
    def test_the_witness_is_neither_signatory_nor_recorder(self, witness: str | None) -> None:
        c = attestation_pending()
        given(c).when(ADMIN, paper(c, "spoken_witnessed", witness=witness)).refused("WITNESS_REQUIRED")

    @pytest.mark.parametrize(
        ("more", "code"),
        [
            ({"scan_document_id": None}, "SCAN_MISSING"),
            ({"scan_document_id": "phantom"}, "DOCUMENT_UNKNOWN"),
            ({"form_code": "0" * FORM_CODE_LENGTH}, "DIGEST_STALE"),
            ({"signatory": LEAD}, "SIGNATORY_NOT_AUTHORISED"),
            ({"signatory": "p_nobody"}, "SIGNATORY_NOT_AUTHORISED"),
        ],
    )
    def test_a_recorded_signature_lacks_one_thing(self, more: dict[str, Any], code: str) -> None:
        c = on_paper()
        given(c).when(ADMIN, paper(c, **more)).refused(code)

    def test_the_scan_has_to_be_clean(self) -> None:
        c = on_paper().must(CLOCK, RecordScan(document_id="scan1", verdict="infected"))
        given(c).when(ADMIN, paper(c)).refused("DOCUMENT_INFECTED")

    def test_it_was_signed_between_the_request_and_today(self) -> None:
        c = on_paper()
        c.world.later(days=5)
        day, asked_on = timedelta(days=1), statement(c).requested_on
        given(c).when(ADMIN, paper(c, signed_on=asked_on - day)).refused("SIGNED_BEFORE_ASKED", asked_on=asked_on)
        given(c).when(ADMIN, paper(c, signed_on=c.today + day)).refused("DATE_IN_FUTURE", field="signed_on")
        given(c).when(ADMIN, paper(c, signed_on=asked_on)).then(StatementOfAccuracySigned)
        assert statement(c).signed_on == asked_on

    @pytest.mark.req("A13")
    def test_who_left_the_program_signs_no_more(self) -> None:
        c = on_paper().must(LEAD, RemoveRepresentative(person=DIRECTOR))
        given(c).when(ADMIN, paper(c)).refused("SIGNATORY_NOT_AUTHORISED")

    def test_once(self) -> None:
        c = signed()
        hand_in(c, "scan1")
        given(c).when(ADMIN, paper(c)).refused("ALREADY_RECORDED")


def with_a_decider(c: Case) -> Case:
    """A decider is named."""
    c.must(DECIDER, DeclareConflict(cycle_id=c.cycle_id, nature="none"))
    return c.must(ADMIN, AssignDecider(cycle_id=c.cycle_id, person=DECIDER))


class TestReceipt:
    """The term counts from the receipt, so its day is held to narrow bounds (A2, M6)."""

    @pytest.mark.req("S1-18", "A2", "M6")
    @pytest.mark.parametrize("days_ago", [0, 1, 14])
    def test_it_is_dated_today_or_up_to_fourteen_days_back(self, days_ago: int) -> None:
        c = signed_days_ago(20)
        day = c.today - timedelta(days=days_ago)
        given(c).when(ADMIN, receipt(c, days_ago)).then(
            StatementOfAccuracyReceived,
            cycle_id=c.cycle_id,
            statement_id=statement(c).statement_id,
            received_on=day,
            covers=statement(c).covers,
        )
        assert c.cycle.phase is Phase.ATTESTED
        assert (statement(c).received, statement(c).received_on) == (c.p.version, day)

    def test_it_follows_the_signature(self) -> None:
        c = attestation_pending()
        given(c).when(ADMIN, receipt(c)).refused("NOT_SIGNED")

    def test_it_is_not_dated_tomorrow(self) -> None:
        c = signed()
        given(c).when(ADMIN, receipt(c, days_ago=-1)).refused("DATE_IN_FUTURE", field="received_on", today=c.today)

    def test_nor_before_the_day_of_the_signature(self) -> None:
        c = signed_days_ago(3)
        given(c).when(ADMIN, receipt(c, days_ago=4)).refused("DATE_INCONSISTENT", signed_on=c.today - timedelta(days=3))
        given(c).when(ADMIN, receipt(c, days_ago=3)).then(StatementOfAccuracyReceived)

    @pytest.mark.req("M6")
    @pytest.mark.parametrize("lacking", ["ground", "explanation", "document_id"])
    def test_further_back_takes_a_ground_an_explanation_and_a_document(self, lacking: str) -> None:
        c = signed_days_ago(20)
        given(c).when(ADMIN, receipt(c, 15)).refused("BACKDATED_TOO_FAR", days=14)
        given(c).when(ADMIN, receipt(c, 15, **(SUPPORT | {lacking: None}))).refused("BACKDATED_TOO_FAR")

    def test_everything_wrong_with_the_day_is_named(self) -> None:
        c = signed_days_ago(15)
        given(c).when(ADMIN, receipt(c, 16)).refused("DATE_INCONSISTENT", "BACKDATED_TOO_FAR")

    @pytest.mark.req("M6", "M4")
    def test_and_a_second_person(self) -> None:
        c = signed_days_ago(20)
        day = c.today - timedelta(days=15)
        given(c).when(ADMIN, receipt(c, 15, **SUPPORT)).then(
            StatementReceiptProposed,
            received_on=day,
            proposed_by=ADMIN,
            statement_id=statement(c).statement_id,
            **SUPPORT,
        )
        assert c.cycle.phase is Phase.ATTESTATION_PENDING
        assert statement(c).proposed_receipt == (day, ADMIN)
        given(c).when(ADMIN, confirmed_receipt(c)).refused("SECOND_PERSON_REQUIRED", person=ADMIN)
        given(c).when(ADMIN2, confirmed_receipt(c)).then(StatementOfAccuracyReceived, received_on=day)
        assert (statement(c).received_on, statement(c).proposed_receipt) == (day, None)

    def test_a_decider_may_be_the_second_person(self) -> None:
        c = signed_days_ago(20)
        c.must(ADMIN, receipt(c, 15, **SUPPORT))
        given(c).when(DECIDER, confirmed_receipt(c)).then(StatementOfAccuracyReceived)

    def test_the_document_has_to_be_there_and_clean_and_stays(self) -> None:
        c = signed_days_ago(20)
        given(c).when(ADMIN, receipt(c, 15, **(SUPPORT | {"document_id": "phantom"}))).refused("DOCUMENT_UNKNOWN")
        c.must(ADMIN, receipt(c, 15, **SUPPORT))
        given(c).when(STAFF, WithdrawDocument(document_id="letter", reason=WHY)).refused("DOCUMENT_FROZEN")
        c.must(CLOCK, RecordScan(document_id="letter", verdict="infected"))
        given(c).when(ADMIN, receipt(c, 15, **SUPPORT)).refused("DOCUMENT_INFECTED")

    def test_a_recent_day_needs_none_of_it_even_where_it_is_given(self) -> None:
        c = signed_days_ago(20)
        given(c).when(ADMIN, receipt(c, 14, **SUPPORT)).then(StatementOfAccuracyReceived)

    def test_without_a_proposal_there_is_nothing_to_confirm(self) -> None:
        c = signed()
        given(c).when(ADMIN2, confirmed_receipt(c)).refused("NO_RECEIPT_PROPOSED")

    @pytest.mark.req("A2", "M6")
    def test_the_term_counts_from_the_confirmed_day(self) -> None:
        c = signed_days_ago(20)
        day = c.today - timedelta(days=15)
        c.must(ADMIN, receipt(c, 15, **SUPPORT)).must(ADMIN2, confirmed_receipt(c))
        with_a_decider(c).must(DECIDER, DecideTier(cycle_id=c.cycle_id, tier="dedicated", rationale=WHY))
        assert [(h.effective_on, h.expires_on) for h in c.p.holdings] == [(day, add(day, "P3Y"))]


class TestRejection:
    """A signed statement that is not accepted is signed again."""

    def test_it_is_rejected_and_signed_again(self) -> None:
        c = signed_days_ago(20)
        c.must(ADMIN, receipt(c, 15, **SUPPORT))
        given(c).when(ADMIN, rejection(c)).then(
            StatementOfAccuracyRejected, statement_id=statement(c).statement_id, ground="illegible", reason=WHY
        )
        found = statement(c)
        assert (found.signed, found.signed_on, found.proposed_receipt) == (0, None, None)
        assert c.cycle.phase is Phase.ATTESTATION_PENDING
        given(c).when(DIRECTOR, signature(c)).then(StatementOfAccuracySigned)

    def test_only_what_is_signed(self) -> None:
        c = attestation_pending()
        given(c).when(ADMIN, rejection(c)).refused("NOT_SIGNED")


def deferred() -> Case:
    """A decision was put off."""
    c = decider_named()
    until = c.today + timedelta(days=30)
    return c.must(DECIDER, DeferDecision(cycle_id=c.cycle_id, tier="expert", until=until, reason=WHY))


def asked_again(c: Case) -> Case:
    """After the evidence was opened again: the plan agreed, the review completed, a statement asked for, all anew."""
    assert c.cycle.plan is not None
    starts_on = c.cycle.plan.starts_on
    assert starts_on is not None
    c.must(REVIEWER, ProposePlan(cycle_id=c.cycle_id, starts_on=starts_on, ends_on=add(starts_on, "P12M")))
    c.must(LEAD, AdoptPlan(cycle_id=c.cycle_id, plan_digest=c.cycle.plan.digest))
    return c.must(REVIEWER, CompleteReview(cycle_id=c.cycle_id)).must(ADMIN, ask(c))


class TestReopening:
    """Before a decision the evidence can be opened again; a statement about the earlier evidence is void (A14)."""

    @pytest.mark.req("A14")
    @pytest.mark.parametrize("situation", [attestation_pending, signed, attested, deferred])
    @pytest.mark.parametrize("person", [REVIEWER, ADMIN])
    def test_the_statement_is_void(self, situation: Any, person: str) -> None:
        c: Case = situation()
        voided, because = statement(c).statement_id, c.p.version + 1
        given(c).when(person, reopening(c)).then(
            EvidenceReopened, StatementOfAccuracyVoided, reason=WHY, statement_id=voided, because=because
        )
        assert c.cycle.statement is None
        assert c.cycle.phase is Phase.UNDER_REVIEW
        assert c.cycle.review.completed == 0

    @pytest.mark.req("A14", "A11")
    def test_the_plan_is_a_draft_again_with_its_goals(self) -> None:
        c = reviewed()
        before = c.cycle.plan
        given(c).when(REVIEWER, reopening(c)).then(EvidenceReopened)
        after = c.cycle.plan
        assert before is not None
        assert after is not None
        assert (after.adopted, after.proposed, after.proposed_by, after.digest) == (0, 0, None, "")
        assert after.goals == before.goals

    def test_without_a_plan_only_the_review_opens_again(self) -> None:
        c = listed(scheme="lean")
        c.world.publish({**LEAN, "version": "2", "plan": None}, effective_from=c.today)
        determined.again(c)
        c.must(REVIEWER, CompleteReview(cycle_id=c.cycle_id), reopening(c))
        assert (c.cycle.plan, c.cycle.phase) == (None, Phase.UNDER_REVIEW)

    @pytest.mark.req("A14")
    def test_what_is_signed_next_covers_what_was_changed(self) -> None:
        c = attested()
        before = statement(c).covers
        c.must(REVIEWER, reopening(c))
        said: dict[str, Any] = {"outcome": "adjusted", "in_practice": "yes", "quality": 5, "reason": WHY}
        c.must(REVIEWER, RecordDetermination(cycle_id=c.cycle_id, item_id="A1", evidence_seen=("doc1",), **said))
        asked_again(c)
        assert statement(c).covers != before
        given(c).when(DIRECTOR, signature(c, covers=before)).refused("DIGEST_STALE")

    def test_another_reviewer_does_not_reopen(self) -> None:
        c = attested()
        given(c).when(REVIEWER2, reopening(c)).refused("NOT_THE_REVIEWER")

    def test_not_after_the_decision(self) -> None:
        c = granted()
        given(c).when(ADMIN, reopening(c)).refused("ALREADY_DECIDED")

    @pytest.mark.parametrize("situation", [under_review, planned])
    def test_what_is_open_is_not_reopened(self, situation: Any) -> None:
        c: Case = situation()
        given(c).when(ADMIN, reopening(c)).refused("NOTHING_TO_REOPEN", phase=c.cycle.phase)

    def test_nor_is_what_was_withdrawn(self) -> None:
        c = withdrawn(attested())
        given(c).when(ADMIN, reopening(c)).refused("NOTHING_TO_REOPEN", phase="withdrawn")
        given(c).when(ADMIN, ReopenEvidence(cycle_id="none", reason=WHY)).refused("CYCLE_UNKNOWN")


def undo(c: Case, event: type[Event]) -> WithdrawAct:
    """The request to withdraw the first act of a kind."""
    version = next(v for v, e in enumerate(c.events, start=1) if isinstance(e, event))
    return WithdrawAct(version=version, ground="wrong_program", explanation=WHY)


@pytest.mark.req("M2")
class TestWithdrawalOfTheReceipt:
    """A receipt recorded on the wrong program is repaired without rewriting."""

    def test_it_waits_for_a_receipt_again(self) -> None:
        c = attested()
        given(c).when(ADMIN, undo(c, StatementOfAccuracyReceived)).then(ActWithdrawn, ground="wrong_program")
        assert (statement(c).received, statement(c).received_on) == (0, None)
        assert statement(c).signed
        assert c.cycle.phase is Phase.ATTESTATION_PENDING
        given(c).when(ADMIN, receipt(c)).then(StatementOfAccuracyReceived)

    @pytest.mark.parametrize("person", [REVIEWER, LEAD])
    def test_only_the_affiliates_administrator_withdraws_it(self, person: str) -> None:
        c = attested()
        given(c).when(person, undo(c, StatementOfAccuracyReceived)).refused("NOT_YOURS_TO_WITHDRAW")

    def test_a_decision_rests_on_it(self) -> None:
        c = deferred()
        given(c).when(ADMIN, undo(c, StatementOfAccuracyReceived)).refused("RESTED_UPON", what=["decision"])
        c = granted()
        given(c).when(ADMIN, undo(c, StatementOfAccuracyReceived)).refused(
            "RESTED_UPON", what=["decision", "ended_cycle"]
        )

    def test_so_does_the_end_of_a_withdrawn_cycle(self) -> None:
        c = withdrawn(attested())
        given(c).when(ADMIN, undo(c, StatementOfAccuracyReceived)).refused("RESTED_UPON", what=["ended_cycle"])

    @pytest.mark.parametrize("again", [False, True])
    def test_withdrawing_a_void_ones_receipt_changes_nothing_else(self, again: bool) -> None:
        c = attested()
        c.must(REVIEWER, reopening(c))
        if again:
            asked_again(c)
        before = c.cycle
        given(c).when(ADMIN, undo(c, StatementOfAccuracyReceived)).then(ActWithdrawn)
        assert c.cycle == before
