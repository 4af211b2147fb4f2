"""The memorandum of understanding: drafted after the needs assessment, executed with the last party's signature."""

from typing import Any

import pytest

from domain.affiliate import CharterAffiliate
from domain.assistance import AssignTaProvider, CancelTechnicalAssistance, CompleteNeedsAssessment
from domain.assistance import RequestTechnicalAssistance as Ask
from domain.correction import ActWithdrawn, WithdrawAct
from domain.memorandum import (
    DraftMou,
    MouDrafted,
    MouExecuted,
    MouSigned,
    MouVoided,
    RecordPaperMouSignature,
    SignMou,
    VoidMou,
)
from domain.program import Mou
from domain.signature import FORM_CODE_LENGTH
from tests.small_policies import FULL, ZONE
from tests.small_world import (
    ADMIN,
    ADMIN2,
    DIRECTOR,
    LEAD,
    NATIONAL,
    OPERATOR,
    REVIEWER,
    SOUTH,
    STAFF,
    Case,
    gates_met,
    listed,
    open_,
    requested,
    words,
)
from tests.story import given


def assisted(c: Case | None = None, needs_told: bool = True) -> Case:
    """A cycle with a provider, and the needs assessment unless said otherwise."""
    c = c or requested()
    c.must(LEAD, Ask(purpose="nqms", cycle_id=c.cycle_id))
    c.must(NATIONAL, AssignTaProvider(ta_id=c.ta_id, affiliate="north"))
    return c.must(LEAD, CompleteNeedsAssessment(ta_id=c.ta_id, answers=words("Help."))) if needs_told else c


def drafted(*further: Any) -> Case:
    c = assisted()
    return c.must(ADMIN, drafting(c, *further))


def drafting(c: Case, *further: Any, template: str = "mou-1") -> DraftMou:
    return DraftMou(ta_id=c.ta_id, further_parties=further, template=template)


def mou_of(c: Case) -> Mou:
    mou = c.p.assistance[c.ta_id].mou
    assert mou is not None
    return mou


def signing(c: Case, party: str, **changes: Any) -> SignMou:
    said = {"covers": mou_of(c).covers, "consent": True, "intent": True}
    return SignMou(ta_id=c.ta_id, party=party, **(said | changes))


def voiding(c: Case) -> VoidMou:
    return VoidMou(ta_id=c.ta_id, reason=words("Another one."))


def undoing(version: int) -> WithdrawAct:
    return WithdrawAct(version=version, ground="wrong_person", explanation=words("It was not meant."))


@pytest.mark.req("S1-07", "S3-03", "A10")
def test_the_affiliate_drafts_it_after_the_needs_assessment_and_names_the_parties() -> None:
    c = assisted(needs_told=False)
    given(c).when(ADMIN, drafting(c)).refused("NEEDS_ASSESSMENT_MISSING")
    c.must(LEAD, CompleteNeedsAssessment(ta_id=c.ta_id, answers=words("Help.")))
    story = given(c).when(ADMIN, drafting(c))
    parties = ("program", "affiliate")
    story.then(MouDrafted, ta_id=c.ta_id, template="mou-1", parties=parties, drafted_on=c.today)
    mou = mou_of(c)
    assert (mou.parties, mou.drafted, mou.drafted_on) == (parties, c.p.version, c.today)
    assert (mou.signed, mou.executed) == ({}, 0)


@pytest.mark.req("A10")
def test_further_parties_may_be_named_each_once() -> None:
    c = assisted()
    story = given(c).when(ADMIN, drafting(c, "national_body", "national_body"))
    story.then(MouDrafted, parties=("program", "affiliate", "national_body"))


@pytest.mark.req("A10")
def test_the_parties_that_the_policy_names_are_parties() -> None:
    gates = [g if g["code"] != "mou_executed" else g | {"required_parties": ["program", "affiliate", "national_body"]}
             for g in FULL["gates"]]  # fmt: skip
    c = assisted(requested())
    c.world.publish({**FULL, "version": "2", "gates": gates}, effective_from=c.today)
    given(c).when(ADMIN, drafting(c)).then(MouDrafted, parties=("program", "affiliate", "national_body"))


def test_outside_a_cycle_it_is_between_program_and_affiliate() -> None:
    c = listed().must(LEAD, Ask(purpose="other"))
    (ta_id,) = c.p.assistance
    c.must(NATIONAL, AssignTaProvider(ta_id=ta_id, affiliate="north"))
    c.must(LEAD, CompleteNeedsAssessment(ta_id=ta_id, answers=words("Help.")))
    given(c).when(ADMIN, DraftMou(ta_id=ta_id)).then(MouDrafted, parties=("program", "affiliate"))


@pytest.mark.req("M11")
def test_it_is_drafted_from_a_published_template() -> None:
    c = assisted()
    given(c).when(ADMIN, drafting(c, template="mou-9")).refused("TEMPLATE_UNKNOWN", template="mou-9")


def test_one_memorandum_stands_at_a_time() -> None:
    c = drafted()
    given(c).when(ADMIN, drafting(c)).refused("MOU_STANDS")
    c.must(ADMIN, voiding(c))
    given(c).when(ADMIN, drafting(c)).then(MouDrafted)


def test_what_it_covers_follows_from_its_text_and_parties() -> None:
    same, other = drafted(), drafted("national_body")
    assert mou_of(same).covers == mou_of(drafted()).covers != mou_of(other).covers


@pytest.mark.req("S1-08", "S3-03", "A10")
@pytest.mark.parametrize("order", [("program", "affiliate"), ("affiliate", "program")])
def test_the_last_partys_signature_executes_it(order: tuple[str, str]) -> None:
    c = drafted()
    people = {"program": (LEAD, "program_lead"), "affiliate": (ADMIN, "affiliate_admin")}
    first, last = order
    given(c).when(people[first][0], signing(c, first)).then(MouSigned, party=first)
    assert (set(mou_of(c).signed), mou_of(c).executed) == ({first}, 0)
    story = given(c).when(people[last][0], signing(c, last))
    story.then(MouSigned, MouExecuted, party=last, parties=("program", "affiliate"))
    assert (set(mou_of(c).signed), mou_of(c).executed) == ({first, last}, c.p.version)


@pytest.mark.req("S1-08")
def test_all_parties_sign_the_further_ones_too() -> None:
    c = drafted("national_body")
    for person, party in ((DIRECTOR, "program"), (ADMIN2, "affiliate")):
        given(c).when(person, signing(c, party)).then(MouSigned, party=party)
    given(c).when(NATIONAL, signing(c, "national_body")).then(MouSigned, MouExecuted, party="national_body")


@pytest.mark.parametrize(
    ("person", "party"),
    [
        (LEAD, "affiliate"),
        (LEAD, "national_body"),
        (ADMIN, "program"),
        (ADMIN, "national_body"),
        (NATIONAL, "affiliate"),
        (NATIONAL, "program"),
    ],
)
def test_nobody_signs_for_another_party(person: str, party: str) -> None:
    c = drafted("national_body")
    given(c).when(person, signing(c, party)).refused("NOT_A_PARTY", person=person, party=party)


@pytest.mark.parametrize("person", [STAFF, REVIEWER, SOUTH])
def test_who_neither_leads_nor_administers_signs_nothing(person: str) -> None:
    c = drafted()
    given(c).when(person, signing(c, "program")).not_allowed()


def test_the_national_body_signs_whatever_its_code_is() -> None:
    c = drafted("national_body")
    charter = CharterAffiliate(
        name="Mentoring Everywhere", timezone=ZONE, jurisdictions=("US",), national=True, administrator="p_everywhere"
    )
    c.world.must(OPERATOR, "everywhere", charter)
    given(c).when("p_everywhere", signing(c, "national_body")).then(MouSigned, party="national_body")


def test_only_its_parties_sign_it_and_each_once() -> None:
    c = drafted()
    parties = ("program", "affiliate")
    given(c).when(LEAD, signing(c, "national_body")).refused("PARTY_UNKNOWN", party="national_body", parties=parties)
    c.must(LEAD, signing(c, "program"))
    given(c).when(DIRECTOR, signing(c, "program")).refused("ALREADY_SIGNED", party="program")


def paper(c: Case, party: str) -> RecordPaperMouSignature:
    mou = c.p.assistance[c.ta_id].mou
    return RecordPaperMouSignature(
        ta_id=c.ta_id, party=party, signatory=LEAD, signed_on=c.today, method="spoken_witnessed",
        form_code=mou.covers[:FORM_CODE_LENGTH] if mou else "", witness=STAFF,
    )  # fmt: skip


def test_what_is_not_drafted_is_neither_signed_nor_voided() -> None:
    c = assisted()
    sign = SignMou(ta_id=c.ta_id, party="program", covers="0" * 64, consent=True, intent=True)
    for person, command in ((LEAD, sign), (ADMIN, paper(c, "program")), (ADMIN, voiding(c))):
        given(c).when(person, command).refused("MOU_UNKNOWN")


def test_paper_too_is_signed_by_parties_and_each_once() -> None:
    c = drafted()
    given(c).when(ADMIN, paper(c, "national_body")).refused("PARTY_UNKNOWN", party="national_body")
    given(c).when(ADMIN, paper(c, "program")).then(MouSigned, party="program")
    given(c).when(ADMIN, paper(c, "program")).refused("ALREADY_SIGNED", party="program")


@pytest.mark.parametrize(
    "command", [drafting, lambda c: signing(c, "affiliate"), lambda c: paper(c, "program"), voiding]
)
def test_with_assistance_that_was_cancelled_nothing_goes_on(command: Any) -> None:
    c = drafted()
    asked = command(c)
    c.must(LEAD, CancelTechnicalAssistance(ta_id=c.ta_id))
    given(c).when(ADMIN, asked).refused("ASSISTANCE_ENDED")


@pytest.mark.parametrize("person", [LEAD, REVIEWER, NATIONAL])
def test_the_affiliate_alone_drafts_records_paper_and_voids(person: str) -> None:
    c = drafted()
    for command in (drafting(c), paper(c, "program"), voiding(c)):
        given(c).when(person, command).not_allowed()


def test_a_memorandum_is_voided() -> None:
    c = gates_met()
    story = given(c).when(ADMIN, voiding(c))
    story.then(MouVoided, ta_id=c.ta_id, reason=words("Another one."))
    assert c.p.assistance[c.ta_id].mou is None


def test_a_memorandum_on_which_access_was_granted_stands() -> None:
    c = open_()
    given(c).when(ADMIN, voiding(c)).refused("RESTS_ON_MOU")


@pytest.mark.req("M2")
@pytest.mark.parametrize(("person", "party"), [(ADMIN, "affiliate"), (LEAD, "program")])
def test_a_signature_given_in_error_is_withdrawn_and_given_again(person: str, party: str) -> None:
    c = gates_met()
    other = {"affiliate": "program", "program": "affiliate"}[party]
    given(c).when(person, undoing(mou_of(c).signed[party])).then(ActWithdrawn, act="MouSigned.v1")
    assert (set(mou_of(c).signed), mou_of(c).executed) == ({other}, 0)
    given(c).when(person, signing(c, party)).then(MouSigned, MouExecuted)


@pytest.mark.req("M2")
def test_no_party_withdraws_the_signature_of_the_other() -> None:
    c = gates_met()
    given(c).when(LEAD, undoing(mou_of(c).signed["affiliate"])).refused("NOT_YOURS_TO_WITHDRAW")


@pytest.mark.req("M2", "S1-08")
def test_a_signature_on_which_access_was_granted_stands() -> None:
    c = open_()
    given(c).when(ADMIN, undoing(mou_of(c).signed["affiliate"])).refused("RESTED_UPON", what=["assessment_access"])


def test_neither_reviewer_nor_national_body_withdraws_a_partys_signature() -> None:
    c = gates_met()
    for person in (REVIEWER, NATIONAL):
        given(c).when(person, undoing(mou_of(c).signed["program"])).refused(
            "NOT_YOURS_TO_WITHDRAW", parts=["affiliate_admin", "program_lead"]
        )


def test_withdrawing_a_signature_under_a_voided_memorandum_leaves_the_new_one_alone() -> None:
    c = gates_met()
    version = mou_of(c).signed["program"]
    c.must(ADMIN, voiding(c))
    given(c).when(LEAD, undoing(version)).then(ActWithdrawn)
    assert c.p.assistance[c.ta_id].mou is None


def test_withdrawing_a_signature_under_the_earlier_memorandum_leaves_the_new_one_alone() -> None:
    c = gates_met()
    version = mou_of(c).signed["program"]
    c.must(ADMIN, voiding(c), drafting(c)).must(LEAD, signing(c, "program"))
    given(c).when(LEAD, undoing(version)).then(ActWithdrawn)
    assert set(mou_of(c).signed) == {"program"}
