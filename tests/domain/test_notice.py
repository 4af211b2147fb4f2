"""Before an act against a program comes a notice on the policy's grounds, and time to reply; after it the public is told."""

from datetime import timedelta
from typing import Any

import pytest

from domain.adverse import ReinstateStatus
from domain.correction import ActWithdrawn, WithdrawAct
from domain.notice import (
    ArchivePublicNotice,
    CloseNotice,
    IssueNoticeOfIntent,
    NoticeOfIntentClosed,
    NoticeOfIntentIssued,
    ProgramReplyReceived,
    PublicNoticeArchived,
    PublicNoticePosted,
    ReplyToNotice,
)
from tests.small_policies import FULL
from tests.small_tenure import (
    DAY,
    WHY,
    appealed,
    at_once,
    course,
    ends,
    imported,
    noticed,
    on,
    reduced,
    revoked,
    revoking,
    suspended,
    under,
)
from tests.small_world import ADMIN, ADMIN2, DECIDER, DECIDER2, LEAD, STAFF, Case, granted, hand_in, listed
from tests.story import given


def issuing(c: Case, action: Any = "revoke", days: int = 20, **more: Any) -> IssueNoticeOfIntent:
    """The request for a notice."""
    said: dict[str, Any] = {"scheme": c.scheme, "grounds": ("safety",), "explanation": WHY}
    return IssueNoticeOfIntent(action=action, reply_by=c.today + days * DAY, **(said | more))


def replying(notice_id: str, *document_ids: str) -> ReplyToNotice:
    """The program's reply."""
    return ReplyToNotice(notice_id=notice_id, reply=WHY, document_ids=document_ids)


def closing(notice_id: str) -> CloseNotice:
    """The request to let it rest."""
    return CloseNotice(notice_id=notice_id, ground="remedied", reason=WHY)


class TestIssuing:
    """Who gives notice, of what, with how much time."""

    @pytest.mark.parametrize("action", ["suspend", "revoke"])
    def test_the_affiliate_says_what_it_means_to_do(self, action: str) -> None:
        c = granted()
        before = course(c)
        given(c).when(ADMIN, issuing(c, action, tier="expert")).then(
            NoticeOfIntentIssued,
            scheme="full", action=action, tier=None, grounds=("safety",), issued_by=ADMIN, reply_by=c.today + 20 * DAY,
            zone=c.policy.timezone,
        )  # fmt: skip
        assert course(c) == before

    def test_a_reduction_names_the_lower_tier(self) -> None:
        c = granted(tier="expert")
        given(c).when(ADMIN, issuing(c, "reduce", tier="dedicated")).then(NoticeOfIntentIssued, tier="dedicated")

    @pytest.mark.parametrize("tier", [None, "imaginary"])
    def test_a_reduction_to_no_tier(self, tier: str | None) -> None:
        c = granted(tier="expert")
        given(c).when(ADMIN, issuing(c, "reduce", tier=tier)).refused(
            "LEVEL_UNKNOWN", level=tier, levels=["dedicated", "expert"]
        )

    @pytest.mark.parametrize(("held", "tier"), [("dedicated", "dedicated"), ("dedicated", "expert")])
    def test_a_reduction_to_a_tier_that_is_not_lower(self, held: str, tier: str) -> None:
        c = granted(tier=held)
        given(c).when(ADMIN, issuing(c, "reduce", tier=tier)).refused(
            "NO_LOWER_TIER", tier=tier.title(), held=held.title()
        )

    def test_at_least_the_time_to_reply_that_the_policy_gives(self) -> None:
        c = granted()
        given(c).when(ADMIN, issuing(c, days=19)).refused(
            "REPLY_PERIOD_TOO_SHORT", earliest=c.today + 20 * DAY, reply_by=c.today + 19 * DAY
        )

    def test_on_grounds_of_the_policy(self) -> None:
        c = granted()
        given(c).when(ADMIN, issuing(c, grounds=("safety", "dislike"))).refused(
            "GROUND_NOT_ALLOWED", grounds=["dislike"], allowed=["safety"]
        )

    @pytest.mark.req("M17")
    def test_not_where_the_policy_knows_no_loss_for_cause(self) -> None:
        c = granted(scheme="lean")
        given(c).when(ADMIN, issuing(c)).refused("ADVERSE_ACTS_OFF", policy="LEAN version 1")

    @pytest.mark.req("M17")
    def test_the_rules_under_which_the_tier_was_granted_count_not_later_ones(self) -> None:
        c = under(changes={"adverse": None})
        c.world.publish({**FULL, "version": "3"}, effective_from=c.today)
        given(c).when(ADMIN, issuing(c)).refused("ADVERSE_ACTS_OFF", policy="FULL version 2")

    def test_an_imported_status_stands_under_the_rules_in_force(self) -> None:
        c = imported(None)
        given(c).when(ADMIN, issuing(c)).then(NoticeOfIntentIssued)

    def test_one_at_a_time(self) -> None:
        c = granted()
        c.must(ADMIN, issuing(c, "suspend"))
        given(c).when(ADMIN2, issuing(c)).refused("NOTICE_OPEN", action="suspend", scheme="full")

    def test_only_of_a_term_that_is_running(self) -> None:
        given(listed()).when(ADMIN, issuing(listed())).refused("NO_ACTIVE_STATUS", status="none")
        c = granted()
        on(c, ends(c))
        given(c).when(ADMIN, issuing(c)).refused("NO_ACTIVE_STATUS", scheme="full", status="expired")

    @pytest.mark.parametrize("person", [LEAD, DECIDER])
    def test_only_the_administrators(self, person: str) -> None:
        c = granted()
        given(c).when(person, issuing(c)).refused("NOT_AUTHORISED")

    def test_everything_that_speaks_against_it_is_named(self) -> None:
        c = granted()
        c.must(ADMIN, issuing(c))
        given(c).when(ADMIN, issuing(c, "reduce", 0, tier="dedicated", grounds=("dislike",))).refused(
            "GROUND_NOT_ALLOWED", "NOTICE_OPEN", "REPLY_PERIOD_TOO_SHORT", "NO_LOWER_TIER"
        )


class TestReplying:
    """The program's word, once and in time."""

    def test_with_documents_which_are_kept_from_then_on(self) -> None:
        c = granted()
        notice_id = noticed(c)
        hand_in(c, "letter")
        given(c).when(LEAD, replying(notice_id, "letter")).then(ProgramReplyReceived, notice_id=notice_id)
        assert c.p.notices[notice_id].replied == c.p.version
        assert c.p.documents["letter"].frozen

    def test_until_the_day_named(self) -> None:
        c = granted()
        notice_id, reply_by = noticed(c), c.today + 20 * DAY
        on(c, reply_by + DAY)
        given(c).when(LEAD, replying(notice_id)).refused("NOTICE_REPLY_OVER", reply_by=reply_by)

    def test_on_the_last_day(self) -> None:
        c = granted()
        notice_id = noticed(c)
        c.world.later(days=20)
        given(c).when(LEAD, replying(notice_id)).then(ProgramReplyReceived)

    def test_the_last_day_ends_where_the_policy_applies(self) -> None:
        c = granted()
        notice_id, reply_by = noticed(c), c.today + 20 * DAY
        c.world.now += timedelta(days=20, hours=12)
        assert (c.today, c.world.now.date()) == (reply_by, reply_by + DAY)
        given(c).when(LEAD, replying(notice_id)).then(ProgramReplyReceived)

    def test_once(self) -> None:
        c = granted()
        notice_id = noticed(c)
        c.must(LEAD, replying(notice_id))
        given(c).when(LEAD, replying(notice_id)).refused("ALREADY_REPLIED")

    def test_to_a_notice_that_is_open(self) -> None:
        c = granted()
        given(c).when(LEAD, replying("imaginary")).refused("NOTICE_UNKNOWN", notice_id="imaginary")

    def test_with_documents_that_are_there(self) -> None:
        c = granted()
        given(c).when(LEAD, replying(noticed(c), "imaginary")).refused("DOCUMENT_UNKNOWN")

    def test_by_whoever_leads_the_program(self) -> None:
        c = granted()
        given(c).when(STAFF, replying(noticed(c))).refused("NOT_AUTHORISED")

    @pytest.mark.req("M2")
    def test_a_reply_recorded_in_error_is_withdrawn_while_nothing_was_made_of_it(self) -> None:
        c = granted()
        notice_id = noticed(c)
        c.must(LEAD, replying(notice_id))
        undo = WithdrawAct(version=c.p.version, ground="other_error", explanation=WHY)
        given(c).when(ADMIN, undo).refused("NOT_YOURS_TO_WITHDRAW")
        given(c).when(LEAD, undo).then(ActWithdrawn, withdrawn=undo.version)
        assert c.p.notices[notice_id].replied == 0
        given(c).when(DECIDER2, revoking(c, notice_id)).refused("NOTICE_REPLY_OPEN")
        c.must(LEAD, replying(notice_id))
        undo = WithdrawAct(version=c.p.version, ground="other_error", explanation=WHY)
        c.must(DECIDER2, revoking(c, notice_id))
        given(c).when(LEAD, undo).refused("RESTED_UPON", what=["closed_notice"])


class TestClosing:
    """A notice may come to nothing."""

    def test_then_another_can_be_given(self) -> None:
        c = granted()
        before = course(c)
        notice_id = noticed(c)
        given(c).when(ADMIN2, closing(notice_id)).then(NoticeOfIntentClosed, notice_id=notice_id, ground="remedied")
        c.world.later(days=30)
        given(c).when(DECIDER2, revoking(c, notice_id)).refused("NOTICE_UNKNOWN", notice_id=notice_id)
        given(c).when(ADMIN, closing(notice_id)).refused("NOTICE_UNKNOWN")
        given(c).when(ADMIN, issuing(c)).then(NoticeOfIntentIssued)
        assert course(c) == before

    @pytest.mark.parametrize("person", [LEAD, DECIDER])
    def test_only_the_administrators(self, person: str) -> None:
        c = granted()
        given(c).when(person, closing(noticed(c))).refused("NOT_AUTHORISED")


class TestPublicNotices:
    """The public learns of an act; a notice leaves the current ones only when nothing is in force any more."""

    def archiving(self, decision_id: str) -> ArchivePublicNotice:
        """The request to archive what was posted about a decision."""
        return ArchivePublicNotice(notice_id=f"{decision_id}-public", ground="no_longer_in_force")

    def test_not_while_the_act_is_in_force(self) -> None:
        c = granted(tier="expert")
        for decision_id in (suspended(c, after=5), reduced(c), revoked(c)):
            given(c).when(ADMIN, self.archiving(decision_id)).refused("STILL_IN_FORCE")
            assert f"{decision_id}-public" in c.p.public_notices

    def test_a_stay_changes_nothing_of_that(self) -> None:
        c = granted()
        decision_id = revoked(c)
        appealed(c, decision_id)
        given(c).when(ADMIN, self.archiving(decision_id)).refused("STILL_IN_FORCE")

    def test_once_the_term_is_over(self) -> None:
        c = granted()
        decision_id = revoked(c)
        on(c, ends(c))
        given(c).when(ADMIN2, self.archiving(decision_id)).then(PublicNoticeArchived, ground="no_longer_in_force")
        assert c.p.public_notices == {}
        given(c).when(ADMIN, self.archiving(decision_id)).refused(
            "PUBLIC_NOTICE_UNKNOWN", notice_id=f"{decision_id}-public"
        )

    def test_once_another_tier_was_granted(self) -> None:
        c = granted()
        decision_id = revoked(c)
        granted.again(c)
        given(c).when(ADMIN, self.archiving(decision_id)).then(PublicNoticeArchived)

    def test_lifting_a_suspension_archives_it(self) -> None:
        c = granted()
        decision_id = suspended(c)
        lifting = ReinstateStatus(scheme="full", declaration="none", reason=WHY)
        c.must(DECIDER2, lifting)
        assert isinstance(c.events[-1], PublicNoticeArchived)
        assert (c.events[-1].notice_id, c.events[-1].ground) == (f"{decision_id}-public", "lifted")

    def test_what_is_posted_names_the_act_and_its_grounds(self) -> None:
        c = granted()
        c.must(DECIDER2, at_once(c))
        posted = c.events[-1]
        assert isinstance(posted, PublicNoticePosted)
        assert (posted.kind, posted.about, posted.grounds, posted.effective_on) == (
            "suspension", list(c.p.decisions)[-1], ("safety",), c.today,
        )  # fmt: skip

    @pytest.mark.parametrize("person", [LEAD, DECIDER])
    def test_only_the_administrators(self, person: str) -> None:
        c = granted()
        given(c).when(person, self.archiving(revoked(c))).refused("NOT_AUTHORISED")
