"""A journey: one program's way through the process, step by step, through any door. Situations build on each other."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from api.demo.cast import AFFILIATES, NATIONAL, Mentoring, Staff
from api.demo.doors import Door
from domain.instrument.model import Instrument, Item
from domain.language import Event
from domain.term import add
from infra.library import shipped_instruments

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def paper(title: str) -> bytes:
    """A small file with a title in it."""
    return PDF + b"% " + title.encode() + b"\n"


def staff_of(affiliate: str) -> Staff:
    """The staff of an affiliate."""
    return next(a for a in AFFILIATES if a.code == affiliate)


@dataclass
class Journey:
    """Where one program stands in its story; each step returns the journey for the next one."""

    door: Door
    program: Mentoring
    scheme: str
    instrument: Instrument
    program_id: str = ""
    cycle_id: str = ""
    ta_id: str = ""
    mou: str = ""
    """The digest that the memorandum's parties sign."""
    statement: str = ""
    plan_digest: str = ""
    report_id: str = ""
    documents: dict[str, str] = field(default_factory=dict[str, str])
    revisions: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def staff(self) -> Staff:
        """The affiliate's people."""
        return staff_of(self.program.affiliate)

    def by(self, part: str, command: str, /, **body: Any) -> tuple[Event, ...]:
        """A command about this program by somebody named by their part: lead, staff, administrator, reviewer, ..."""
        return self.door.do(self.id_of(part), self.program_id, command, **body)

    def in_cycle(self, part: str, command: str, /, **body: Any) -> tuple[Event, ...]:
        """A command about this program's cycle."""
        return self.by(part, command, cycle_id=self.cycle_id, **body)

    def id_of(self, part: str) -> str:
        """The id of a person by their part in the story."""
        if part == "national":
            return self.door.person(NATIONAL.administrator)
        cast: Any = self.program if part in ("lead", "director", "staff") else self.staff
        return self.door.person(getattr(cast, part))

    # --- getting started ------------------------------------------------------------------------------------------

    def registered(self) -> "Journey":
        """The program entered itself in the register."""
        p = self.program
        self.program_id = self.door.register(
            self.id_of("director"),
            legal_name=p.legal_name,
            display_name=p.name,
            affiliate=p.affiliate,
            jurisdiction=p.jurisdiction,
            city=p.city,
            began_operating_on=add(self.door.today, f"P{p.years}Y", -1).isoformat(),
            models=list(p.models),
            ages=list(p.ages),
            serves_youth=True,
            connector_ref=p.connector_ref,
            website=p.website,
            ein=p.ein,
        )
        return self

    def listed(self) -> "Journey":
        """The affiliate approved the listing; the program named its people."""
        self.registered().door.pass_days(4)
        self.by("administrator", "ApproveListing", lead=self.id_of("lead"))
        self.by("lead", "AppointRepresentative", person=self.id_of("director"), role="executive_director")
        self.by("lead", "AppointRepresentative", person=self.id_of("staff"), role="program_staff")
        return self

    def member(self, desired: str = "partner") -> "Journey":
        """The program applied at the entry level and was accepted."""
        applied = {"scheme": self.scheme, "requested_level": "affiliate", "desired_level": desired, "formal": True}
        self.by("lead", "SubmitMembershipApplication", **applied)
        self.door.pass_days(6)
        self.by("administrator", "AcceptMembershipApplication", scheme=self.scheme)
        return self

    def requested(self, kind: str = "initial") -> "Journey":
        """The program asked to take part."""
        asked = {"scheme": self.scheme, "kind": kind, "readiness_reviewed": True}
        (event,) = self.by("lead", "RequestParticipation", **asked)
        self.cycle_id = getattr(event, "cycle_id", "")
        return self

    def assisted(self) -> "Journey":
        """Talk, assistance, needs assessment and a memorandum signed by all."""
        self.door.pass_days(3)
        self.in_cycle("administrator", "RecordIntakeConversation", held_on=self.door.today.isoformat())
        (asked,) = self.by("lead", "RequestTechnicalAssistance", purpose="nqms", cycle_id=self.cycle_id)
        self.ta_id = getattr(asked, "ta_id", "")
        self.door.pass_days(5)
        self.by("national", "AssignTaProvider", ta_id=self.ta_id, affiliate=self.program.affiliate)
        self.door.pass_days(7)
        answers = "Sixty matches, two coordinators. What worries us most is how long new mentors wait for a match."
        self.by("lead", "CompleteNeedsAssessment", ta_id=self.ta_id, answers=answers)
        (drafted,) = self.by("administrator", "DraftMou", ta_id=self.ta_id)
        self.mou = getattr(drafted, "covers", "")
        agreed = {"ta_id": self.ta_id, "covers": self.mou, "consent": True, "intent": True}
        self.by("director", "SignMou", party="program", **agreed)
        self.door.pass_days(2)
        self.by("administrator", "SignMou", party="affiliate", **agreed)
        return self

    def opened(self) -> "Journey":
        """Access is granted; rules and instrument are pinned."""
        self.in_cycle("administrator", "GrantAssessmentAccess")
        return self

    # --- self-assessment ------------------------------------------------------------------------------------------

    def rate(self, item_id: str, in_practice: str, quality: int | None = None, **more: Any) -> tuple[Event, ...]:
        """One rating by the program's staff, at the revision last seen."""
        given = {"item_id": item_id, "in_practice": in_practice, "quality": quality}
        revision = self.revisions.get(item_id, 0)
        events = self.in_cycle("staff", "RateItem", **given, item_revision=revision, **more)
        if events:
            self.revisions[item_id] = revision + 1
        return events

    def answer(self, item: Item) -> None:
        """Rate one item as the cast says, with the evidence that it asks for."""
        reason = self.program.not_applicable.get(item.id)
        if reason:
            self.rate(item.id, "not_applicable", reason=reason)
        elif item.id in self.program.not_in_practice:
            self.rate(item.id, "no")
        else:
            self.rate(item.id, "yes", 3 + item.number % 3)
            self.evidence(item)

    def evidence(self, item: Item) -> None:
        """The description or the document that an item asks for."""
        if item.evidence is None:
            return
        if item.evidence.kind == "text":
            self.in_cycle("staff", "RecordNarrative", item_id=item.id, text=item.answers.strong)
        else:
            title = f"{self.program.name} {item.id}.pdf"
            uploaded = self.door.upload(self.id_of("staff"), self.program_id, title, "application/pdf", paper(title))
            self.documents[item.id] = uploaded
            self.in_cycle("staff", "LinkDocument", document_id=uploaded, item_id=item.id)

    def rated(self, but: Iterable[str] = ()) -> "Journey":
        """Every item answered, over many sittings."""
        for item in self.instrument.items:
            if item.number % 23 == 0:
                self.door.pass_days(4)
            if item.id not in but:
                self.answer(item)
        return self

    def asked_and_answered(self, about: str, question: str, answer: str) -> "Journey":
        """A question to the affiliate, and its answer."""
        (asked,) = self.by("staff", "AskSupportQuestion", about=about, question=question)
        self.by("administrator", "AnswerSupportQuestion", question_id=getattr(asked, "question_id", ""), answer=answer)
        return self

    def submitted(self) -> "Journey":
        """The assessment is handed in."""
        self.door.pass_days(2)
        self.in_cycle("lead", "SubmitAssessment")
        return self

    def returned_and_improved(self, item_id: str) -> "Journey":
        """The assessment came back for one item; the program put it in place and handed in again."""
        self.door.pass_days(3)
        due = (self.door.today + timedelta(days=30)).isoformat()
        reason = "The answer says how it used to be. Please describe what is done now and attach the current paper."
        self.in_cycle("reviewer", "ReturnAssessment", item_ids=[item_id], reason=reason, respond_by=due)
        self.door.pass_days(9)
        item = self.instrument.item(item_id)
        if item is not None:
            self.rate(item_id, "yes", 4)
            self.evidence(item)
        return self.submitted()

    # --- review ---------------------------------------------------------------------------------------------------

    def under_review(self) -> "Journey":
        """A reviewer without an interest is assigned."""
        self.door.pass_days(5)
        self.in_cycle("reviewer", "DeclareConflict", nature="none")
        self.in_cycle("administrator", "AssignReviewer", person=self.id_of("reviewer"))
        return self

    def visited(self, mode: str = "onsite") -> "Journey":
        """The review was held."""
        self.door.pass_days(14)
        attendees = ["executive_director", "program_lead", "program_staff"]
        held = {"held_on": self.door.today.isoformat(), "mode": mode, "attendee_roles": attendees}
        self.in_cycle("reviewer", "RecordSiteReview", **held)
        return self

    def determined(self) -> "Journey":
        """The reviewer ruled on every item: some adjusted, not-applicable accepted, the rest confirmed."""
        p = self.program
        for item_id in p.not_applicable:
            accepted = {"item_id": item_id, "accepted": True, "reason": "Seen on site; the program has no such case."}
            self.in_cycle("reviewer", "RuleNotApplicable", **accepted)
        for item_id, quality in p.adjusted.items():
            seen = [self.documents[item_id]] if item_id in self.documents else list(self.documents.values())[:1]
            found = {"item_id": item_id, "outcome": "adjusted", "in_practice": "yes", "quality": quality}
            reason = "It is done, but not as regularly as the rating says; the log shows gaps."
            self.in_cycle("reviewer", "RecordDetermination", **found, evidence_seen=seen, reason=reason)
        singly = [i for i in self.documents if i not in p.adjusted]
        for item_id in singly:
            seen = {"item_id": item_id, "outcome": "confirmed", "evidence_seen": [self.documents[item_id]]}
            self.in_cycle("reviewer", "RecordDetermination", **seen)
        done = {*p.not_applicable, *p.adjusted, *singly}
        rest = [i.id for i in self.instrument.items if i.id not in done]
        self.in_cycle("reviewer", "ConfirmItems", item_ids=rest)
        return self

    def planned(self, months: int = 12) -> "Journey":
        """A plan with a goal for every practice not in place, adopted by both sides."""
        self.in_cycle("reviewer", "DraftPlan")
        start = self.door.today
        items = self.program.not_in_practice or tuple(self.program.adjusted)[:2] or (self.instrument.items[0].id,)
        for item_id in items:
            low = 0 if item_id in self.program.not_in_practice else self.program.adjusted.get(item_id, 3)
            goal = {
                "item_ids": [item_id],
                "baseline": low,
                "target": min(5, low + 2),
                "start_on": start.isoformat(),
                "due_on": add(start, "P9M").isoformat(),
                "owner_role": "program_lead",
                "actions": "Write it down, train everybody who is concerned, look at the log every quarter.",
            }
            self.in_cycle("staff", "SetGoal", **goal)
        period = {"starts_on": start.isoformat(), "ends_on": add(start, f"P{months}M").isoformat()}
        proposed, *adopted = self.in_cycle("reviewer", "ProposePlan", **period)
        self.plan_digest = getattr(proposed, "plan_digest", "")
        if not adopted:
            self.door.pass_days(3)
            self.in_cycle("lead", "AdoptPlan", plan_digest=self.plan_digest)
        return self

    def reviewed(self) -> "Journey":
        """The review is complete."""
        self.in_cycle("reviewer", "CompleteReview")
        return self

    def found(self, finding: str) -> "Journey":
        """The evaluator's finding, reasoned."""
        reason = "Screening, training and support are sound; what is missing is small and planned for."
        self.in_cycle("reviewer", "RecordEvaluatorFinding", finding=finding, reason=reason)
        return self

    # --- statement and decision -----------------------------------------------------------------------------------

    def attestation_pending(self) -> "Journey":
        """Leadership is asked to sign the Statement of Accuracy."""
        (asked,) = self.in_cycle("administrator", "RequestStatement")
        self.statement = getattr(asked, "covers", "")
        return self

    def attested(self) -> "Journey":
        """The statement is signed and received."""
        self.attestation_pending()
        self.in_cycle("director", "SignStatement", covers=self.statement, consent=True, intent=True)
        self.door.pass_days(2)
        self.in_cycle("administrator", "ReceiveStatement", received_on=self.door.today.isoformat())
        return self

    def decider_named(self) -> "Journey":
        """Somebody who did not review is named to decide."""
        self.in_cycle("decider", "DeclareConflict", nature="none")
        self.in_cycle("administrator", "AssignDecider", person=self.id_of("decider"))
        return self

    def granted(self, tier: str, rationale: str = "Every criterion is met; see the evaluation.") -> "Journey":
        """A tier is granted."""
        self.door.pass_days(2)
        self.in_cycle("decider", "DecideTier", tier=tier, rationale=rationale)
        return self

    def reported(self) -> "Journey":
        """The assistance is reported on and evaluated; the report is issued and shared with funders."""
        if self.ta_id:
            summary = "Intake, needs assessment, two calls during the self-assessment, one visit."
            self.by("administrator", "CompleteAssistanceReport", ta_id=self.ta_id, summary=summary)
            answers = "The calls came when we needed them. We would ask again."
            self.by("lead", "CompleteEvaluation", ta_id=self.ta_id, answers=answers)
        (issued,) = self.in_cycle("administrator", "IssueReport")
        self.report_id = getattr(issued, "report_id", "")
        self.by("lead", "ShareReport", report_id=self.report_id, audience="funders")
        return self


def journey(door: Door, program: Mentoring) -> Journey:
    """The beginning of a program's journey under the scheme of its affiliate."""
    schemes = {
        "mn": ("mn-qp", "NQMS@1"),
        "il": ("il-star", "NQMS@1"),
        "ir": ("ir-qmp", "NQMS@1"),
        "mmp": ("mmp-qbm", "QBM-SELF@1"),
    }
    scheme, instrument = schemes[program.affiliate]
    return Journey(door, program, scheme, shipped_instruments()[instrument])
