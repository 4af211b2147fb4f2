"""Outsiders: somebody from elsewhere reviews or decides one case, for a time, under the same checks as staff (M19)."""

from datetime import timedelta
from typing import Any

import pytest

from domain.access import WithdrawFromCycle
from domain.adverse import SuspendStatus
from domain.authority import parts
from domain.correction import WithdrawAct
from domain.decision import DecideTier
from domain.determination import ConfirmItems, ItemsConfirmed
from domain.documents import DocumentUploaded, UploadDocument
from domain.evidence import TierEligibilityEvaluated
from domain.grant import TierGranted
from domain.impartiality import (
    AssignDecider,
    AssignReviewer,
    ConflictOfInterestDeclared,
    DeciderAssigned,
    DeclareConflict,
    ReviewerAssigned,
)
from domain.interests import RegisterInterest
from domain.language import Role
from domain.listing import AppointRepresentative, RemoveRepresentative
from domain.outsiders import CaseAccessEnded, CaseAccessGranted, EndCaseAccess, GrantCaseAccess
from domain.support import LogSupportContact
from tests.small_world import (
    ADMIN,
    DECIDER,
    LEAD,
    NATIONAL,
    REVIEWER,
    SOUTH,
    STAFF,
    STRANGER,
    Case,
    attested,
    decider_named,
    granted,
    open_,
    requested,
    submitted,
    under_review,
    words,
)
from tests.story import given

WHY = words("So it is.")
GUEST = STRANGER


def letting_in(c: Case, part: Any = "decider", days: int = 30, person: str = GUEST) -> GrantCaseAccess:
    """The request to let somebody from outside in."""
    return GrantCaseAccess(cycle_id=c.cycle_id, person=person, part=part, until=c.today + timedelta(days))


def let_in(c: Case, part: Any = "decider", days: int = 30) -> Case:
    """Somebody from outside has a part in the case, and declared to have no interest."""
    c.must(ADMIN, letting_in(c, part, days))
    return c.must(GUEST, DeclareConflict(cycle_id=c.cycle_id, nature="none"))


def naming(c: Case, person: str = GUEST) -> AssignDecider:
    """The request to name a decider."""
    return AssignDecider(cycle_id=c.cycle_id, person=person)


def held(c: Case, person: str = GUEST) -> set[Role]:
    """The parts with which somebody reads."""
    return set(parts(c.p, c.world.context(person, "program", c.program_id)))


class TestLettingSomebodyIn:
    """By the affiliate or the national body, to one case, through a day."""

    @pytest.mark.req("M19")
    @pytest.mark.parametrize("person", [ADMIN, NATIONAL])
    @pytest.mark.parametrize("part", ["decider", "reviewer"])
    def test_the_affiliate_or_the_national_body_lets_somebody_in(self, person: str, part: str) -> None:
        c = submitted()
        until = c.today + timedelta(30)
        given(c).when(person, letting_in(c, part)).then(
            CaseAccessGranted, cycle_id=c.cycle_id, person=GUEST, part=part, until=until
        )
        assert c.cycle.outsiders == {GUEST: (part, until)}

    @pytest.mark.parametrize("person", [LEAD, REVIEWER, DECIDER, SOUTH, GUEST])
    def test_nobody_else_does(self, person: str) -> None:
        c = submitted()
        given(c).when(person, letting_in(c)).not_allowed()
        given(c).when(person, EndCaseAccess(cycle_id=c.cycle_id, person=GUEST)).not_allowed()

    def test_whoever_acts_for_the_program_takes_no_part(self) -> None:
        c = submitted()
        given(c).when(ADMIN, letting_in(c, person=STAFF)).refused("ACTS_FOR_PROGRAM", person=STAFF)

    def test_the_last_day_is_to_come(self) -> None:
        c = submitted()
        yesterday = c.today - timedelta(1)
        given(c).when(ADMIN, letting_in(c, days=-1)).refused("CASE_ACCESS_OVER", until=yesterday, today=c.today)
        given(c).when(ADMIN, letting_in(c, days=0)).then(CaseAccessGranted, until=c.today)

    def test_the_case_is_open(self) -> None:
        c = granted()
        given(c).when(ADMIN, letting_in(c)).refused("CYCLE_ENDED", phase="decided")
        c.cycle_id = "imaginary"
        given(c).when(ADMIN, letting_in(c)).refused("CYCLE_UNKNOWN")

    def test_named_again_a_person_has_the_new_part_and_day(self) -> None:
        c = let_in(submitted(), "reviewer")
        given(c).when(ADMIN, letting_in(c, "decider", days=60)).then(CaseAccessGranted)
        assert c.cycle.outsiders == {GUEST: ("decider", c.today + timedelta(60))}

    def test_access_is_ended(self) -> None:
        c = let_in(submitted())
        ending = EndCaseAccess(cycle_id=c.cycle_id, person=GUEST)
        given(c).when(NATIONAL, ending).then(CaseAccessEnded, cycle_id=c.cycle_id, person=GUEST)
        assert (c.cycle.outsiders, held(c)) == ({}, {Role.PUBLIC})
        given(c).when(ADMIN, ending).refused("NO_CASE_ACCESS", person=GUEST)


class TestThePartInTheCase:
    """The same as on the staff, towards one cycle, through the last day."""

    @pytest.mark.req("M19", "A26")
    def test_somebody_from_outside_decides(self) -> None:
        c = let_in(attested())
        given(c).when(ADMIN, naming(c)).then(DeciderAssigned, person=GUEST)
        deciding = DecideTier(cycle_id=c.cycle_id, tier="dedicated", rationale=WHY)
        given(c).when(GUEST, deciding).then(TierEligibilityEvaluated, TierGranted, decider=GUEST)

    @pytest.mark.req("M19")
    def test_somebody_from_outside_reviews_and_hands_in_what_was_seen(self) -> None:
        c = let_in(submitted(), "reviewer")
        given(c).when(ADMIN, AssignReviewer(cycle_id=c.cycle_id, person=GUEST)).then(ReviewerAssigned, person=GUEST)
        confirming = ConfirmItems(cycle_id=c.cycle_id, item_ids=("A1",))
        given(c).when(GUEST, confirming).then(ItemsConfirmed, reviewer=GUEST)
        c.world.receive(c.program_id, "photo")
        given(c).when(GUEST, UploadDocument(document_id="photo")).then(DocumentUploaded)

    @pytest.mark.req("M19")
    def test_the_last_day_counts(self) -> None:
        c = let_in(attested(), days=3)
        c.must(ADMIN, naming(c))
        c.world.later(days=3)
        before = Case(c.world.copy(), c.how, c.program_id, c.cycle_id)
        deciding = DecideTier(cycle_id=c.cycle_id, tier="dedicated", rationale=WHY)
        given(before).when(GUEST, deciding).then(TierEligibilityEvaluated, TierGranted)
        c.world.later(days=1)
        given(c).when(GUEST, deciding).refused("NOT_AUTHORISED")
        given(c).when(ADMIN, naming(c)).refused("NOT_ON_STAFF", person=GUEST, role="decider")
        assert held(c) == {Role.PUBLIC}

    @pytest.mark.req("M19")
    def test_in_another_case_of_the_program_it_is_nothing(self) -> None:
        c = let_in(attested())
        one = c.cycle_id
        other = open_.again(c, scheme="lean")
        assert other.cycle_id != one
        given(other).when(GUEST, DeclareConflict(cycle_id=other.cycle_id, nature="none")).refused("NOT_AUTHORISED")
        given(other).when(ADMIN, naming(other)).refused("NOT_ON_STAFF", "CONFLICT_UNDECLARED", person=GUEST)
        c.cycle_id = one
        given(c).when(ADMIN, naming(c)).then(DeciderAssigned)

    @pytest.mark.req("M19")
    def test_nor_towards_the_program_as_a_whole(self) -> None:
        c = let_in(decider_named())
        harm: dict[str, Any] = {"imminent_harm": True, "grounds": ("safety",), "declaration": "none", "reasons": WHY}
        harm |= {"effective_on": c.today, "review_by": c.today + timedelta(10)}
        given(c).when(GUEST, SuspendStatus(scheme="full", **harm)).refused("NOT_AUTHORISED")
        c = let_in(submitted(), "reviewer")
        withdrawing = WithdrawAct(version=max(c.p.acts), ground="other_error", explanation=WHY)
        given(c).when(GUEST, withdrawing).refused("NOT_AUTHORISED")
        contact = LogSupportContact(kind="call", on=c.today, summary=WHY)
        given(c).when(GUEST, contact).refused("NOT_AUTHORISED")

    def test_a_part_is_that_part_and_no_other(self) -> None:
        c = let_in(submitted(), "reviewer")
        given(c).when(ADMIN, naming(c)).refused("NOT_ON_STAFF", role="decider")
        c = let_in(submitted())
        given(c).when(ADMIN, AssignReviewer(cycle_id=c.cycle_id, person=GUEST)).refused("NOT_ON_STAFF", role="reviewer")

    @pytest.mark.req("A26")
    def test_the_checks_are_those_of_the_staff(self) -> None:
        c = attested()
        c.must(ADMIN, letting_in(c))
        given(c).when(ADMIN, naming(c)).refused("CONFLICT_UNDECLARED", person=GUEST)
        given(c).when(GUEST, DeclareConflict(cycle_id=c.cycle_id, nature="family")).then(ConflictOfInterestDeclared)
        given(c).when(ADMIN, naming(c)).refused("CONFLICTED", nature="family")
        let_in(c)
        c.world.must(ADMIN, "north", RegisterInterest(person=GUEST, program_id="prog1", nature="other", since=c.today))
        given(c).when(ADMIN, naming(c)).refused("CONFLICTED", nature="other")

    @pytest.mark.req("A26")
    def test_whoever_reviewed_from_outside_does_not_decide(self) -> None:
        c = let_in(submitted(), "reviewer")
        c.must(ADMIN, AssignReviewer(cycle_id=c.cycle_id, person=GUEST), letting_in(c, "decider"))
        given(c).when(ADMIN, naming(c)).refused("DECIDER_NOT_INDEPENDENT", part="reviewer")

    def test_whoever_acts_for_the_program_meanwhile_has_no_part(self) -> None:
        c = let_in(under_review())
        c.must(LEAD, AppointRepresentative(person=GUEST, role="program_staff"))
        assert held(c) == {Role.PROGRAM_STAFF, Role.PUBLIC}
        given(c).when(ADMIN, naming(c)).refused("NOT_ON_STAFF", "CONFLICTED")
        c.must(LEAD, RemoveRepresentative(person=GUEST))
        given(c).when(ADMIN, naming(c)).refused("CONFLICTED", nature="program staff in the past 24 months")

    def test_whoever_is_let_in_reads_as_long_as_the_access_lasts(self) -> None:
        c = let_in(requested(), "reviewer", days=3)
        assert held(c) == {Role.REVIEWER, Role.PUBLIC}
        c.must(LEAD, WithdrawFromCycle(cycle_id=c.cycle_id, reason=WHY))
        assert Role.REVIEWER in held(c)
        c.world.later(days=4)
        assert held(c) == {Role.PUBLIC}
