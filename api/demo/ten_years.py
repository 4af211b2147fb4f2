"""Ten years of one invented program in Minnesota, from its registration to its third renewal.

One script in two forms: the demonstration tells it, a test holds every one of its days against an oracle. The days are
fixed, so that both speak of the same ones. The affiliate's policy changes on the way: version 1 knows no suspension and
no loss for cause, version 2 does, and each act follows the version under which the tier is held (M17).
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from uuid import uuid4

from api.demo.cast import AFFILIATES, HERON, NATIONAL, PANEL, SECOND_DECIDER
from api.demo.doors import LedgerDoor
from api.demo.journey import Journey, journey
from api.demo.world import charter, publish_instrument, publish_policy
from domain.due import AnnounceDue, dues
from domain.language import Refused, Role
from infra.library import shipped_instruments

BEGIN, END = date(2026, 1, 5), date(2036, 1, 5)
START = datetime(2026, 1, 5, 15, tzinfo=UTC)
SCHEME = "mn-qp"


class Line(NamedTuple):
    """Something that happened, in words for people, with its reason."""

    day: date
    says: str


@dataclass
class TenYears:
    """The story as far as it is told."""

    door: LedgerDoor
    way: Journey
    lines: list[Line] = field(default_factory=list[Line])
    told: Callable[[Line], None] = lambda line: None

    def line(self, says: str) -> None:
        """Tell something that happened today."""
        self.lines.append(Line(self.door.today, says))
        self.told(self.lines[-1])

    def until(self, day: date) -> None:
        """Days go by; what falls due on the way is announced on its day."""
        while True:
            program = self.door.service.ledger.load("program", self.way.program_id)
            due = next((d for d in dues(program) if d.due_on <= day), None)
            self._pass(max(due.due_on, self.door.today) if due else day)
            if due is None:
                return
            body = {"kind": due.kind, "about": due.about, "due_on": due.due_on.isoformat()}
            self.door.service.ledger.execute(
                self.way.program_id,
                AnnounceDue,
                body,
                person="p_clock",
                standing=frozenset({Role.CLOCK}),
                idempotency_key=uuid4().hex,
            )
            if due.kind == "expiry":
                self.line("The term is over. Since midnight the program holds no tier, though nobody did anything.")

    def _pass(self, day: date) -> None:
        self.door.pass_days((day - self.door.today).days)

    def asked(self, kind: str, tier: str) -> None:
        """The program asks for a cycle."""
        sought = {"scheme": SCHEME, "kind": kind, "tier_sought": tier, "readiness_reviewed": True}
        (event,) = self.way.by("lead", "RequestParticipation", **sought)
        self.way.cycle_id = getattr(event, "cycle_id", "")
        self.way.revisions, self.way.ta_id = {}, ""

    def put_in_place(self, *items: str) -> None:
        """Practices that were not in place are now, with what shows it."""
        for item_id in items:
            item = self.way.instrument.item(item_id)
            assert item is not None
            self.way.rate(item_id, "yes", 3)
            self.way.evidence(item)
        self.way.program = replace(
            self.way.program, not_in_practice=tuple(i for i in self.way.program.not_in_practice if i not in items)
        )

    def replied(self) -> None:
        """The reviewer's summary, the program's answer, and with it the end of the review (version 2)."""
        summary = "Matching and support are strong. The log of monthly contacts has gaps in spring."
        self.way.in_cycle("reviewer", "IssueReviewSummary", summary=summary, strengths=["A1", "B9"])
        self._pass_days(6)
        self.way.in_cycle("lead", "RecordProgramResponse", response="We agree. The plan has a goal for the log.")
        self.way.reviewed()

    def _pass_days(self, days: int) -> None:
        self.door.pass_days(days)

    def stated(self, day: date) -> None:
        """The Statement of Accuracy is signed, and received on a day."""
        self.way.attestation_pending()
        agreed = {"covers": self.way.statement, "consent": True, "intent": True}
        self.way.in_cycle("director", "SignStatement", **agreed)
        self.until(day)
        self.way.in_cycle("administrator", "ReceiveStatement", received_on=day.isoformat())

    def affected(self, command: str, notice_id: str, day: date, reasons: str, **more: Any) -> str:
        """A decision against the program by somebody who had no part in the grant; its id."""
        act = {"scheme": SCHEME, "notice_id": notice_id, "effective_on": day.isoformat(), "declaration": "none"}
        decided, *_ = self.door.do(
            self.door.person(SECOND_DECIDER), self.way.program_id, command, **act, reasons=reasons, **more
        )
        return getattr(decided, "decision_id", "")

    def notice(self, action: str, grounds: list[str], reply_by: date, explanation: str, **more: Any) -> str:
        """Notice of what is meant; its id."""
        meant = {"scheme": SCHEME, "action": action, "grounds": grounds, "reply_by": reply_by.isoformat(), **more}
        (issued,) = self.way.by("administrator", "IssueNoticeOfIntent", **meant, explanation=explanation)
        return getattr(issued, "notice_id", "")


def founded(door: LedgerDoor) -> None:
    """What is there before the program registers: the national body, MENTOR Minnesota and its first policy."""
    minnesota = next(a for a in AFFILIATES if a.code == "mn")
    for staff in (NATIONAL, minnesota):
        charter(door, staff)
    publish_instrument(door, shipped_instruments()["NQMS@1"])
    publish_policy(door, "MN-QP@1", date(2015, 1, 1))


def first_tier(t: TenYears) -> None:
    """2026: from the registration to Dedicated Partner."""
    t.way.listed()
    t.line("MENTOR Minnesota lists the program, which registered four days before.")
    t.asked("initial", "dedicated")
    t.way.assisted().opened().rated().submitted()
    t.line("The program hands in its self-assessment of 92 practices. Three are not in place.")
    t.way.under_review().visited().determined().planned().reviewed()
    t.stated(date(2026, 3, 20))
    t.way.decider_named().granted("dedicated", "Assessed, reviewed onsite, planned and stated; three practices to go.")
    t.line(
        "Dedicated Partner from 20 March, the day the Statement of Accuracy came, for three years (policy version 1)."
    )
    t.way.reported()


def advancement(t: TenYears) -> None:
    """2027-28: the three practices are put in place, and the program rises within its term."""
    t.until(date(2027, 9, 6))
    t.asked("advancement", "expert")
    t.way.opened()
    t.line(
        "The program asks to advance. What a reviewer confirmed in 2026 stands; three practices are looked at again."
    )
    missing = t.way.program.not_in_practice
    t.put_in_place(*missing)
    t.until(date(2028, 1, 10))
    t.way.submitted().under_review().visited()
    for item_id in missing:
        seen = {"evidence_seen": [t.way.documents[item_id]]} if item_id in t.way.documents else {}
        found = {"item_id": item_id, "outcome": "confirmed", **seen}
        t.way.in_cycle("reviewer", "RecordDetermination", **found)
    t.way.planned().reviewed()
    t.stated(date(2028, 2, 29))
    t.way.decider_named().granted("expert", "All applicable practices are confirmed now.")
    t.line("Expert Partner from 29 February. The term does not start again: most of the evidence is as old as before.")


def new_policy(t: TenYears) -> None:
    """2028: a second version of the policy; what was granted under the first stays under the first."""
    t.until(date(2028, 6, 1))
    publish_policy(t.door, "MN-QP@2", date(2028, 7, 1))
    t.line("MENTOR Minnesota publishes version 2 of its policy, from 1 July: suspension, loss, appeal and extension.")
    t.until(date(2028, 9, 12))
    try:
        why = "The coordinator left and nobody was told."
        t.notice("suspend", ["unreported_change"], date(2028, 10, 12), why)
    except Refused as no:
        t.line(f"A notice of intent to suspend is refused: {no} The tier was granted before version 2.")


def gap(t: TenYears) -> None:
    """2028-29: the renewal comes late, the term ends, and handing in alone brings nothing back."""
    t.until(date(2028, 11, 20))
    t.asked("renewal", "expert")
    t.way.assisted().opened()
    t.line("The program asks to renew. Its earlier answers are carried over; this time everything is reviewed anew.")
    t.until(date(2029, 4, 10))
    for item in t.way.instrument.items[:3]:
        t.way.rate(item.id, "yes", 5)
    t.way.submitted()
    t.line("The program hands its assessment in. That alone changes nothing: a tier comes only with a decision.")
    t.way.under_review().visited().determined().planned()
    t.replied()
    t.stated(date(2029, 6, 12))
    t.way.decider_named().granted("expert", "Every applicable practice is confirmed again.")
    t.line("Expert Partner again, from 12 June, for three years, now under version 2. The gap stays a gap.")
    t.way.reported()


def suspension(t: TenYears) -> None:
    """2030: notice, reply, suspension, reinstatement."""
    t.until(date(2029, 9, 3))
    decider = t.door.person(SECOND_DECIDER)
    t.way.door.do(t.way.id_of("administrator"), "mn", "AppointStaff", person=decider, roles=["decider"])
    t.until(date(2030, 4, 2))
    grounds = ["practice_not_maintained", "unreported_change"]
    explanation = "New mentors have met young people before their background check came back."
    notice_id = t.notice("suspend", grounds, date(2030, 4, 24), explanation)
    t.line("Notice of intent to suspend: background checks came too late and a change of staff was not reported.")
    t.until(date(2030, 4, 15))
    t.way.by("lead", "ReplyToNotice", notice_id=notice_id, reply="It is so. We have stopped all new matches.")
    t.line("The program replies within its time: it is so, and no new matches are made for now.")
    t.until(date(2030, 4, 25))
    reasons = "The reply does not yet show that checks come first from now on."
    t.affected("SuspendStatus", notice_id, date(2030, 5, 1), reasons, review_by="2030-09-02")
    t.line("Suspended from 1 May, to be looked at again by 2 September. Somebody who did not grant the tier decides.")
    t.until(date(2030, 7, 15))
    lifted = {"scheme": SCHEME, "declaration": "none", "reason": "Forty files were looked at; every check came first."}
    t.door.do(decider, t.way.program_id, "ReinstateStatus", **lifted)
    t.line("The suspension is lifted: the files show that checks come first. The term was running all the while.")


def new_name(t: TenYears) -> None:
    """2031: another name."""
    t.until(date(2031, 3, 3))
    t.way.by("lead", "RenameProgram", display_name="Heron River Mentors", effective_on="2031-03-01")
    t.line("Heron Marsh Mentors is called Heron River Mentors now. It is the same program with the same history.")


def renewal(t: TenYears) -> None:
    """2031-32: a renewal in good time adds to the old term."""
    t.until(date(2031, 9, 1))
    t.asked("renewal", "expert")
    t.way.assisted().opened()
    t.until(date(2031, 12, 1))
    t.way.submitted().under_review().visited().determined().planned()
    t.replied()
    t.stated(date(2032, 2, 29))
    t.way.decider_named().granted("expert", "Every applicable practice is confirmed a third time.")
    t.line("Renewed as Expert Partner within the window: three years are added to the term that was running.")
    t.way.reported()


def revocation(t: TenYears) -> None:
    """2033-34: a revocation, appealed against and overturned by a panel."""
    t.until(date(2033, 9, 1))
    explanation = "The badge is shown by a summer camp of the same name."
    notice_id = t.notice("revoke", ["badge_misuse"], date(2033, 9, 22), explanation)
    t.line("Notice of intent to revoke: a summer camp of the same name shows the badge.")
    t.until(date(2033, 9, 14))
    t.way.by("lead", "ReplyToNotice", notice_id=notice_id, reply="The camp is not ours and never was.")
    t.until(date(2033, 9, 26))
    reasons = "Nothing shows that the program objected to the use of the badge."
    revoked = t.affected("RevokeStatus", notice_id, date(2033, 10, 10), reasons, may_reapply_from="2034-10-10")
    t.line("Revoked from 10 October for misuse of the badge. The program may appeal until 26 October.")
    t.until(date(2033, 10, 20))
    grounds = {"grounds": ["facts", "rules"], "statement": "We have no power over the camp, and told it to stop."}
    (appeal,) = t.way.by("lead", "FileAppeal", decision_id=revoked, **grounds)
    t.line("The program appeals. From this day on the revocation has no effect until the appeal is over.")
    heard = {"appeal_id": getattr(appeal, "appeal_id", "")}
    t.until(date(2033, 10, 25))
    t.way.by("national", "AdmitAppeal", **heard)
    t.until(date(2033, 11, 1))
    panel = [t.door.person(name) for name in PANEL]
    t.way.by("national", "NameAppealPanel", **heard, panel=panel, until="2034-03-01")
    t.line("A panel of three is named from outside; none of them took part before.")
    t.until(date(2034, 1, 17))
    for member in panel:
        t.door.do(member, t.way.program_id, "DeclareOnPanel", **heard, nature="none")
    decided = {
        "outcome": "overturned",
        "reasons": "The program did not use the badge wrongly; another organisation did.",
    }
    t.door.do(panel[0], t.way.program_id, "DecideAppeal", **heard, **decided)
    t.line("The panel overturns the revocation: it was another organisation. It counts as never having been.")


def reduction(t: TenYears) -> None:
    """2034: a reduction that stands."""
    t.until(date(2034, 5, 2))
    explanation = "Since last autumn matches are closed without a closing talk."
    notice_id = t.notice("reduce", ["practice_not_maintained"], date(2034, 5, 24), explanation, tier="dedicated")
    t.line("Notice of intent to reduce to Dedicated Partner: matches are closed without a closing talk.")
    t.until(date(2034, 6, 5))
    t.affected("ReduceTier", notice_id, date(2034, 7, 1), "No reply came; the files show the same.")
    t.line("No reply came. Reduced to Dedicated Partner from 1 July; the term stays as it is.")


def extension(t: TenYears) -> None:
    """2034-36: a flood, an extension, a denial, and the third renewal."""
    t.until(date(2034, 10, 2))
    t.asked("renewal", "expert")
    t.way.assisted().opened()
    t.until(date(2035, 5, 2))
    ground = {"until": "2035-09-10", "ground": "disaster", "evidence": "The flood of April closed the office."}
    t.way.by("decider", "ExtendStatus", scheme=SCHEME, **ground)
    t.line("The flood of April closed the office. The term is extended by 90 days, the most that the policy allows.")
    t.until(date(2035, 6, 20))
    t.way.rate("K75", "no")
    t.way.program = replace(t.way.program, not_in_practice=("K75",))
    t.way.submitted().under_review().visited().determined().planned()
    t.replied()
    t.stated(date(2035, 8, 20))
    t.way.decider_named()
    t.until(date(2035, 8, 24))
    t.way.in_cycle("decider", "DenyTier", tier="expert", reasons="One practice is not in place.")
    t.line("Expert Partner is denied: one practice, K75, is not in place. The program may appeal.")
    t.way.in_cycle(
        "decider", "DecideTier", tier="dedicated", rationale="All that is asked of a Dedicated Partner is there."
    )
    t.line(
        "Renewed as Dedicated Partner from 20 August. The new term counts from the old end, not from the extended one."
    )
    t.way.reported()
    t.until(END)


CHAPTERS = (
    first_tier, advancement, new_policy, gap, suspension, new_name, renewal, revocation, reduction, extension,
)  # fmt: skip


def ten_years(door: LedgerDoor, told: Callable[[Line], None] = lambda line: None) -> TenYears:
    """The whole story, told into a ledger in which nothing has happened yet."""
    founded(door)
    story = TenYears(door, journey(door, HERON), told=told)
    for chapter in CHAPTERS:
        chapter(story)
    return story
