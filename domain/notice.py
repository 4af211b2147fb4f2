"""Notice: an affiliate that means to suspend, reduce or revoke says so first, and the program may reply (2.3, 3.5).

Grounds, the shortest time to reply and whether there are such acts at all come from the policy under which the tier is
held. A public notice is posted with every act that the public should know of; it is archived, never erased.
"""

from datetime import date
from typing import ClassVar, Literal

from msgspec.structs import replace
from pydantic import Field

from domain.documents import usable
from domain.language import (
    Context,
    Event,
    Kind,
    Need,
    Outcomes,
    ProgramCommand,
    Role,
    Stage,
    fact,
    found,
    only,
    refusal,
)
from domain.membership import LEVEL_UNKNOWN
from domain.policy.model import Adverse, Policy
from domain.program import Program, freeze, without
from domain.status import governing, in_force, ruled_by
from domain.tenure import Holding, Notice, PublicNotice
from domain.term import add
from domain.values import Code, PersonId, Reference, Text, TextRef

stage = Stage("notice")

ADVERSE_ACTS_OFF = refusal(
    "ADVERSE_ACTS_OFF", Kind.INVALID, "{policy}, under which the tier is held, knows no suspension or loss for cause."
)
GROUND_NOT_ALLOWED = refusal(
    "GROUND_NOT_ALLOWED", Kind.INVALID, "These are no grounds of the policy: {grounds}. Its grounds are: {allowed}."
)
NOTICE_OPEN = refusal("NOTICE_OPEN", Kind.OUT_OF_ORDER, "A notice of intent ({action}) is open for {scheme}.")
NOTICE_UNKNOWN = refusal("NOTICE_UNKNOWN", Kind.UNKNOWN, "No notice of intent {notice_id} is open.")
REPLY_PERIOD_TOO_SHORT = refusal(
    "REPLY_PERIOD_TOO_SHORT", Kind.INVALID, "The program may reply until {earliest} at least, not only {reply_by}."
)
NOTICE_REPLY_OVER = refusal("NOTICE_REPLY_OVER", Kind.OUT_OF_ORDER, "A reply was possible until {reply_by}.")
ALREADY_REPLIED = refusal("ALREADY_REPLIED", Kind.OUT_OF_ORDER, "The program replied to this notice already.")
NO_LOWER_TIER = refusal("NO_LOWER_TIER", Kind.INVALID, "{tier} is not below {held}; a reduction names a lower tier.")
PUBLIC_NOTICE_UNKNOWN = refusal("PUBLIC_NOTICE_UNKNOWN", Kind.UNKNOWN, "No public notice {notice_id} is shown.")
STILL_IN_FORCE = refusal("STILL_IN_FORCE", Kind.OUT_OF_ORDER, "What the notice tells of is still in force.")

Action = Literal["suspend", "reduce", "revoke"]


class NoticeOfIntentIssued(Event):
    """The affiliate means to suspend, reduce or revoke a tier, on grounds; the program may reply until a day."""

    says = "gave notice of the intent to {e.action} {e.scheme} ({e.grounds}), reply by {e.reply_by}: {e.explanation}"
    notice_id: Reference
    scheme: Code
    action: Code
    tier: Code | None = None
    """The lower tier that is meant."""
    grounds: tuple[Code, ...]
    explanation: TextRef
    issued_by: PersonId
    zone: Code
    reply_by: date
    """The last day to reply."""


class ProgramReplyReceived(Event):
    """The program replied to a notice of intent."""

    says = "replied to the notice of intent: {e.reply}"
    notice_id: Reference
    reply: TextRef
    document_ids: tuple[Reference, ...] = ()


class NoticeOfIntentClosed(Event):
    """The affiliate let a notice of intent rest without acting on it."""

    says = "closed the notice of intent ({e.ground}): {e.reason}"
    notice_id: Reference
    ground: Code
    reason: TextRef


class PublicNoticePosted(Event):
    """The public is told of an act that bears on a tier; the words follow from the data."""

    says = "posted a public notice ({e.kind})"
    notice_id: Reference
    scheme: Code
    kind: Code
    about: Reference
    """The decision it tells of."""
    grounds: tuple[Code, ...] = ()
    effective_on: date


class PublicNoticeArchived(Event):
    """A public notice is no longer current; it stays readable with the ground."""

    says = "archived a public notice ({e.ground})"
    notice_id: Reference
    ground: Code


class IssueNoticeOfIntent(ProgramCommand):
    """Tell the program what is meant and on which grounds, before anything is decided."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    scheme: Code
    action: Action
    tier: Code | None = None
    grounds: tuple[Code, ...] = Field(min_length=1)
    explanation: Text
    reply_by: date


class ReplyToNotice(ProgramCommand):
    """Answer a notice of intent."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD,)
    notice_id: Reference
    reply: Text
    document_ids: tuple[Reference, ...] = ()


class CloseNotice(ProgramCommand):
    """Let a notice of intent rest, because the matter is settled or the notice was wrong."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    notice_id: Reference
    ground: Literal["remedied", "unfounded", "issued_in_error"]
    reason: Text


class ArchivePublicNotice(ProgramCommand):
    """Take a public notice off the current ones; it stays in the archive."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    notice_id: Reference
    ground: Literal["no_longer_in_force", "time_served"]


def adverse_rules(policy: Policy) -> Adverse:
    """What the policy says about suspension and loss; refused where it knows none."""
    return found(policy.adverse, ADVERSE_ACTS_OFF, policy=f"{policy.policy} version {policy.version}")


def on_grounds(need: Need, rules: Adverse, grounds: tuple[str, ...]) -> None:
    """Notes grounds that the policy does not know."""
    others = [g for g in grounds if g not in rules.grounds]
    need(not others, GROUND_NOT_ALLOWED, grounds=others, allowed=rules.grounds)


def lower_tier(need: Need, policy: Policy, held: Holding, tier: str | None) -> None:
    """Notes a tier that a reduction cannot lead to."""
    levels = [t.code for t in policy.tiers]
    lower = found(policy.tier(tier or ""), LEVEL_UNKNOWN, level=tier, levels=levels)
    need(lower.rank < held.rank, NO_LOWER_TIER, tier=lower.label, held=held.label)


def posted(scheme: str, kind: str, about: str, grounds: tuple[str, ...], day: date) -> PublicNoticePosted:
    """The public notice of a decision; it bears the decision's id."""
    return PublicNoticePosted(
        notice_id=f"{about}-public", scheme=scheme, kind=kind, about=about, grounds=grounds, effective_on=day
    )


def archived(p: Program, about: str, ground: str) -> list[Event]:
    """The archiving of what is still shown about a decision."""
    return [
        PublicNoticeArchived(notice_id=n, ground=ground)
        for n, shown in p.public_notices.items()
        if shown.about == about
    ]


@stage.decide(IssueNoticeOfIntent)
def issue(p: Program, c: IssueNoticeOfIntent, ctx: Context) -> Outcomes:
    """One notice of a scheme at a time, on grounds of the policy, with time to reply."""
    held, policy, today = governing(p, c.scheme, ctx)
    rules = adverse_rules(policy)
    need = Need()
    on_grounds(need, rules, c.grounds)
    pending = next((n for n in p.notices.values() if n.scheme == c.scheme), None)
    need(pending is None, NOTICE_OPEN, action=pending and pending.action, scheme=c.scheme)
    earliest = add(today, rules.reply_min)
    need(c.reply_by >= earliest, REPLY_PERIOD_TOO_SHORT, earliest=earliest, reply_by=c.reply_by)
    if c.action == "reduce":
        lower_tier(need, policy, held, c.tier)
    need.settle()
    tier = c.tier if c.action == "reduce" else None
    more = {"notice_id": ctx.mint(), "issued_by": ctx.person, "zone": policy.timezone, "tier": tier}
    return [fact(NoticeOfIntentIssued, c, **more)]


@stage.decide(ReplyToNotice)
def reply(p: Program, c: ReplyToNotice, ctx: Context) -> Outcomes:
    """Once, until the day named; a late reply is refused, not lost: the appeal is still open."""
    notice = found(p.notices.get(c.notice_id), NOTICE_UNKNOWN, notice_id=c.notice_id)
    today = ctx.today(notice.zone)
    need = Need()
    need(today <= notice.reply_by, NOTICE_REPLY_OVER, reply_by=notice.reply_by)
    need(not notice.replied, ALREADY_REPLIED)
    need.settle()
    for document_id in c.document_ids:
        usable(p, document_id)
    return [fact(ProgramReplyReceived, c)]


@stage.decide(CloseNotice)
def close(p: Program, c: CloseNotice, ctx: Context) -> Outcomes:
    """A notice that is open."""
    found(p.notices.get(c.notice_id), NOTICE_UNKNOWN, notice_id=c.notice_id)
    return [fact(NoticeOfIntentClosed, c)]


@stage.decide(ArchivePublicNotice)
def archive(p: Program, c: ArchivePublicNotice, ctx: Context) -> Outcomes:
    """Not while what it tells of bears on a term that is running."""
    shown = found(p.public_notices.get(c.notice_id), PUBLIC_NOTICE_UNKNOWN, notice_id=c.notice_id)
    _, today = ruled_by(p, shown.scheme, ctx)
    need = Need()
    need(not in_force(p, shown.about, today), STILL_IN_FORCE)
    need.settle()
    return [PublicNoticeArchived(notice_id=c.notice_id, ground=c.ground)]


@stage.evolve(NoticeOfIntentIssued)
def _(p: Program, e: NoticeOfIntentIssued, v: int) -> Program:
    action: Action = e.action  # pyright: ignore[reportAssignmentType]  the command takes no other
    notice = Notice(
        scheme=e.scheme,
        action=action,
        tier=e.tier,
        grounds=e.grounds,
        issued_by=e.issued_by,
        zone=e.zone,
        reply_by=e.reply_by,
        version=v,
    )
    return replace(p, notices={**p.notices, e.notice_id: notice})


@stage.evolve(ProgramReplyReceived)
def _(p: Program, e: ProgramReplyReceived, v: int) -> Program:
    notice = replace(p.notices[e.notice_id], replied=v)
    return freeze(replace(p, notices={**p.notices, e.notice_id: notice}), *e.document_ids)


@stage.evolve(NoticeOfIntentClosed)
def _(p: Program, e: NoticeOfIntentClosed, v: int) -> Program:
    return replace(p, notices=without(p.notices, e.notice_id))


@stage.evolve(PublicNoticePosted)
def _(p: Program, e: PublicNoticePosted, v: int) -> Program:
    shown = PublicNotice(scheme=e.scheme, about=e.about, version=v)
    return replace(p, public_notices={**p.public_notices, e.notice_id: shown})


@stage.evolve(PublicNoticeArchived)
def _(p: Program, e: PublicNoticeArchived, v: int) -> Program:
    return replace(p, public_notices=without(p.public_notices, e.notice_id))


def _acted_on(p: Program, e: ProgramReplyReceived) -> list[str]:
    """What was made of the notice, where that rests on the reply."""
    return [] if e.notice_id in p.notices else ["closed_notice"]


@stage.undo(ProgramReplyReceived, by=only(Role.PROGRAM_LEAD), rests=_acted_on)
def _(p: Program, e: ProgramReplyReceived, v: int) -> Program:
    notice = replace(p.notices[e.notice_id], replied=0)
    return replace(p, notices={**p.notices, e.notice_id: notice})
