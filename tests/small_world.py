"""A small world in memory, for tests of the domain: three policies of few words, an instrument of six items, people.

``World`` answers requests as the ledger would, without a ledger. ``Case`` is one program in it. A situation has a name
and builds on the one before: ``submitted()``, ``reviewed(scheme="lean")``, ``granted(tier="expert")`` …
"""

import hashlib
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from itertools import count
from typing import Any, NamedTuple, Self, TypedDict, Unpack
from zoneinfo import ZoneInfo

from domain import Decided, decide, fold, initial
from domain.access import (
    GrantAssessmentAccess,
    RecordIntakeConversation,
    WaiveGate,
    gates_of,
)
from domain.access import gates_met as met_of
from domain.admission import AcceptMembershipApplication
from domain.affiliate import AppointStaff, CharterAffiliate, DelegateDecisions
from domain.assessment import RateItem, RecordNarrative, SubmitAssessment
from domain.assistance import AssignTaProvider, CompleteNeedsAssessment, RequestTechnicalAssistance
from domain.decision import DecideTier
from domain.determination import ConfirmItems, RecordDetermination, RuleNotApplicable, gaps
from domain.documents import LinkDocument, RecordScan, UploadDocument
from domain.erasure import inside
from domain.impartiality import AssignDecider, AssignReviewer, DeclareConflict
from domain.instrument.model import Instrument
from domain.language import Command, Context, Event, Refusal, Role
from domain.listing import AppointRepresentative, ApproveListing, RegisterProgram
from domain.membership import SubmitMembershipApplication
from domain.memorandum import DraftMou, SignMou
from domain.participation import OrderCorrectiveCycle, RequestParticipation
from domain.plan import AdoptPlan, DraftPlan, ProposePlan, SetGoal
from domain.policy.model import Policy, load
from domain.program import Cycle, Program, open_cycle
from domain.publishing import PublishInstrumentVersion, PublishPolicyVersion
from domain.review import (
    CompleteReview,
    ConfirmOtherRequirements,
    ConfirmSupportCompleted,
    IssueReviewSummary,
    RecordEvaluatorFinding,
    RecordProgramResponse,
    RecordSiteReview,
    asks_for,
)
from domain.shelf import Acts
from domain.statement import ReceiveStatement, RequestStatement, SignStatement
from domain.term import add
from domain.values import InstrumentRef, PolicyRef, Rating, TextRef, digest_of
from tests.small_policies import FULL, INSTRUMENT, LEAN, MEMBER, POLICIES, SMALL, SOUTHERN, ZONE

OPERATOR, CLOCK, STRANGER = "p_operator", "p_clock", "p_stranger"
LEAD, DIRECTOR, STAFF = "p_lead", "p_director", "p_staff"
ADMIN, ADMIN2, REVIEWER, REVIEWER2, DECIDER, DECIDER2 = (
    "p_admin", "p_admin2", "p_reviewer", "p_reviewer2", "p_decider", "p_decider2",
)  # fmt: skip
BOTH, CONSULTANT, SOUTH, NATIONAL = "p_both", "p_consultant", "p_south", "p_national"
"""BOTH reviews and decides, SOUTH is all the staff of an affiliate that lets the north decide."""
STANDING = {OPERATOR: frozenset({Role.OPERATOR}), CLOCK: frozenset({Role.CLOCK})}
START = datetime(2026, 1, 5, 15, tzinfo=UTC)


def words(text: str) -> TextRef:
    """What the vault makes of words that people wrote."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return TextRef(id=f"t_{digest[:12]}", digest=digest)


def yes(quality: Any = 3) -> Rating:
    """In practice, so well."""
    return Rating("yes", quality)


NO, NOT_APPLICABLE = Rating("no"), Rating("not_applicable")


class Received(NamedTuple):
    """A file that was streamed in, as a shelf tells of it."""

    digest: str
    bytes: int
    media_type: str


TEMPLATES = {code: digest_of(code) for code in ("mou-1", "soa-1")}


@cache
def _received(program_id: str, document_id: str) -> Received:
    return Received(digest_of([program_id, document_id]), 1000, "application/pdf")


@lru_cache(maxsize=1024)
def _local_day(now: datetime, zone: str) -> date:
    return now.astimezone(ZoneInfo(zone)).date()


class World:
    """All streams, what is published and the time: a ledger and a shelf in memory."""

    def __init__(self) -> None:
        self.now = START
        self.streams: dict[tuple[str, str], tuple[Event, ...]] = {}
        self.states: dict[tuple[str, str], Any] = {}
        self.staffed: tuple[Any, ...] = ()
        """Every affiliate as it stands."""
        self.bodies: dict[str, Any] = {}
        self.received: dict[tuple[str, str], Received] = {}
        self.actors: dict[tuple[str, str], tuple[str, ...]] = {}

    def copy(self) -> "World":
        """A world that goes its own way from here on."""
        other = copy(self)
        other.streams, other.states = dict(self.streams), dict(self.states)
        other.bodies, other.received, other.actors = dict(self.bodies), dict(self.received), dict(self.actors)
        return other

    def do(self, person: str, subject: str, command: Command) -> Decided | Refusal:
        """The answer to a request; what was decided is recorded."""
        key = command.aggregate, subject
        state = self.state(*key)
        answer = decide(state, command, self._asked(person, subject, state.version))
        if isinstance(answer, Decided):
            self.states[key] = fold(state, answer.events)
            self.streams[key] = (*self.streams.get(key, ()), *answer.events)
            self.actors[key] = (*self.actors.get(key, ()), *(answer.actor.person for _ in answer.events))
            if command.aggregate == "affiliate":
                self.staffed = tuple(s for (kind, _), s in self.states.items() if kind == "affiliate")
        return answer

    def must(self, person: str, subject: str, command: Command) -> tuple[Event, ...]:
        """The facts that a request leads to. AssertionError with the reasons if it is refused."""
        answer = self.do(person, subject, command)
        assert isinstance(answer, Decided), f"{type(command).__name__}: {answer}"
        return answer.events

    def context(self, person: str, aggregate: str, subject: str) -> Context:
        """What the server adds to a request; the ids that it mints follow from the stream's version."""
        return self._asked(person, subject, self.state(aggregate, subject).version)

    def _asked(self, person: str, subject: str, version: int) -> Context:
        numbers = count(1)
        return Context(
            person=person,
            now=self.now,
            mint=lambda: f"{subject}-{version}-{next(numbers)}",
            shelf=self,
            standing=STANDING.get(person, frozenset()),
        )

    def state(self, aggregate: str, subject: str) -> Any:
        """The state of a stream now."""
        return self.states.get((aggregate, subject)) or initial(aggregate, subject)

    def later(self, days: int = 1) -> None:
        """Lets time pass."""
        self.now += timedelta(days=days)

    def today(self, zone: str = ZONE) -> date:
        """The day it is."""
        return _local_day(self.now, zone)

    def policy(self, ref: PolicyRef) -> Policy | None:
        """The policy of that hash, or None."""
        body = self.bodies.get(ref.sha256)
        return body if isinstance(body, Policy) else None

    def instrument(self, ref: InstrumentRef) -> Instrument | None:
        """The instrument of that hash, or None."""
        body = self.bodies.get(ref.sha256)
        return body if isinstance(body, Instrument) else None

    def scheme(self, code: str) -> Any:
        """The published versions of a scheme's policy, or None."""
        return self.states.get(("policy", code))

    def family(self, code: str) -> Any:
        """The published versions of an instrument family, or None."""
        return self.states.get(("instrument", code))

    def affiliate(self, code: str) -> Any:
        """An affiliate, or None."""
        return self.states.get(("affiliate", code))

    def affiliates(self) -> Iterable[Any]:
        """Every affiliate."""
        return self.staffed

    def template(self, code: str) -> str | None:
        """The hash of a template's text, or None."""
        return TEMPLATES.get(code)

    def document(self, program_id: str, document_id: str) -> Received | None:
        """What was received for a program under that id, or None."""
        return self.received.get((program_id, document_id))

    def program_home(self, program_id: str) -> str | None:
        """The affiliate that a registered program belongs to now, or None."""
        return self.state("program", program_id).listing.affiliate or None

    def acts_of(self, person: str) -> Iterable[Acts]:
        """What a person did, and is named in, program by program."""
        for (aggregate, subject), events in self.streams.items():
            did = tuple(e for e, by in zip(events, self.actors[aggregate, subject], strict=True) if by == person)
            named = tuple(e for e in events if e not in did and any(v == person for v in inside(e)))
            if aggregate == "program" and (did or named):
                yield Acts(self.state("program", subject), did + named, did)

    def receive(self, program_id: str, document_id: str) -> None:
        """Lets a file come in."""
        self.received[program_id, document_id] = _received(program_id, document_id)

    def keep(self, doc: dict[str, Any], body: Policy | Instrument) -> str:
        """Keeps the body of a policy or instrument; its hash."""
        sha256 = digest_of(doc)
        self.bodies[sha256] = body
        return sha256

    def publish(self, doc: dict[str, Any], effective_from: date = date(2025, 1, 1)) -> None:
        """Publishes a version of a policy."""
        policy, sha256 = load(doc), self.keep(doc, load(doc))
        command = PublishPolicyVersion(policy_version=policy.version, sha256=sha256, effective_from=effective_from)
        self.must(OPERATOR, policy.scheme, command)


def _chartered(world: World) -> None:
    charters = {
        "national": (NATIONAL, ("US-WY",), {"national": True}),
        "north": (ADMIN, ("US-MN", "US-WI"), {}),
        "south": (SOUTH, ("US-GA",), {"policies_need_national": True}),
    }
    for code, (administrator, area, more) in charters.items():
        named = {"name": f"Mentoring {code.title()}", "timezone": ZONE, "jurisdictions": area, **more}
        world.must(OPERATOR, code, CharterAffiliate(administrator=administrator, **named))
    parts: dict[str, tuple[Any, ...]] = {
        ADMIN2: ("affiliate_admin",), REVIEWER: ("reviewer",), REVIEWER2: ("reviewer",), DECIDER: ("decider",),
        DECIDER2: ("decider",), BOTH: ("reviewer", "decider"),
    }  # fmt: skip
    for person, roles in parts.items():
        world.must(ADMIN, "north", AppointStaff(person=person, roles=roles))
    world.must(SOUTH, "south", AppointStaff(person=SOUTH, roles=("affiliate_admin", "reviewer")))
    world.must(SOUTH, "south", DelegateDecisions(to="north", until=date(2035, 12, 31)))


def world_of(docs: Iterable[dict[str, Any]]) -> World:
    """A world with three affiliates, their staff and these policies, and no program."""
    world = World()
    _chartered(world)
    sha256 = world.keep(SMALL, INSTRUMENT)
    world.must(OPERATOR, "SMALL", PublishInstrumentVersion(instrument_version="1", sha256=sha256))
    for doc in docs:
        world.publish(doc)
    return world


_FIRST = world_of((FULL, LEAN, MEMBER, SOUTHERN))


def new_world() -> World:
    """A world with three affiliates, their staff and policies, and no program."""
    return _FIRST.copy()


class How(TypedDict, total=False):
    """How a story goes where it does not go the usual way."""

    scheme: str
    kind: Any
    registration: dict[str, Any]
    waived: tuple[str, ...]
    answers: dict[str, Rating]
    """By item; every other item is in practice with quality 3."""
    not_verified: tuple[str, ...]
    findings: tuple[str, ...]
    reviewer: str
    decider: str
    tier: str
    """The lowest that is granted at the end of a cycle, unless named."""
    sought: str
    """The tier that the program asks for; without it the highest."""
    doubted: tuple[str, ...]
    """The practices that an ordered cycle is about; without any, all of them."""


@dataclass
class Case:
    """One program and the cycle that its story is about."""

    world: World
    how: How
    program_id: str = "prog1"
    cycle_id: str = ""

    @property
    def scheme(self) -> str:
        """The scheme that the story is about."""
        return self.how.get("scheme", "full")

    @property
    def policy(self) -> Policy:
        """The scheme's policy in its first version."""
        return POLICIES[self.scheme]

    @property
    def admin(self) -> str:
        """Who administers the program's affiliate."""
        return SOUTH if self.policy.affiliate == "south" else ADMIN

    @property
    def reviewer(self) -> str:
        """Who reviews."""
        return self.how.get("reviewer", SOUTH if self.policy.affiliate == "south" else REVIEWER)

    @property
    def decider(self) -> str:
        """Who decides."""
        return self.how.get("decider", DECIDER)

    @property
    def p(self) -> Program:
        """The program as it stands."""
        return self.world.state("program", self.program_id)

    @property
    def cycle(self) -> Cycle:
        """The cycle as it stands."""
        return self.p.cycles[self.cycle_id]

    @property
    def events(self) -> tuple[Event, ...]:
        """The program's history."""
        return self.world.streams[("program", self.program_id)]

    @property
    def today(self) -> date:
        """The day it is where the policy applies."""
        return self.world.today(self.policy.timezone)

    @property
    def ta_id(self) -> str:
        """The assistance asked for in the cycle."""
        return next(k for k, a in self.p.assistance.items() if a.cycle_id == self.cycle_id and not a.cancelled)

    def do(self, person: str, command: Command) -> Decided | Refusal:
        """The answer to a request about the program; what was decided is recorded."""
        return self.world.do(person, self.program_id, command)

    def must(self, person: str, *commands: Command) -> Self:
        """Requests that have to be granted, one after another."""
        for command in commands:
            self.world.must(person, self.program_id, command)
        return self

    def refused(self, person: str, command: Command) -> tuple[str, ...]:
        """The codes with which a request is refused. AssertionError if it is not, or if it changed anything."""
        before = self.p
        answer = self.do(person, command)
        assert isinstance(answer, Refusal), f"{type(command).__name__} was not refused: {answer}"
        assert self.p == before
        return answer.codes


def _register(c: Case) -> None:
    south = c.policy.affiliate == "south"
    given: dict[str, Any] = {
        "legal_name": "Big Friends, Inc.", "display_name": "Big Friends", "affiliate": c.policy.affiliate,
        "jurisdiction": "US-GA" if south else "US-MN", "city": "Springfield", "began_operating_on": date(2019, 9, 1),
        "models": ("one_to_one",), "ages": (9, 17), "serves_youth": True, "connector_ref": "mc-1001",
    }  # fmt: skip
    c.must(OPERATOR, RegisterProgram(**(given | c.how.get("registration", {}))))


def _list(c: Case) -> None:
    c.must(c.admin, ApproveListing(lead=LEAD))
    c.must(LEAD, AppointRepresentative(person=DIRECTOR, role="executive_director"))
    c.must(LEAD, AppointRepresentative(person=STAFF, role="program_staff"))


def _admit(c: Case) -> None:
    if c.policy.entry and c.scheme not in c.p.memberships:
        level = c.policy.entry.level
        application = {"requested_level": level, "desired_level": c.policy.tiers[-1].code, "formal": True}
        c.must(LEAD, SubmitMembershipApplication(scheme=c.scheme, **application))
        c.must(c.admin, AcceptMembershipApplication(scheme=c.scheme))


def _request(c: Case) -> None:
    kind: Any = c.how.get("kind", "initial")
    if kind == "corrective":
        due_on, reason = add(c.today, "P90D"), words("Somebody told us.")
        order = OrderCorrectiveCycle(scheme=c.scheme, ground="inquiry", due_on=due_on, reason=reason)
        c.must(c.admin, order.model_copy(update={"item_ids": c.how.get("doubted", ())}))
    else:
        sought = c.how.get("sought")
        asked = RequestParticipation(scheme=c.scheme, kind=kind, readiness_reviewed=True, tier_sought=sought)
        c.must(LEAD, asked)
    under_way = open_cycle(c.p, c.scheme)
    assert under_way is not None
    c.cycle_id = under_way.cycle_id


def _meet_gates(c: Case) -> None:
    for gate in c.how.get("waived", ()):
        explanation = words("It is not to be had.")
        c.must(c.admin, WaiveGate(cycle_id=c.cycle_id, gate=gate, ground="affiliate_delay", explanation=explanation))
    for gate in gates_of(c.policy, c.cycle.kind):
        if not met_of(c.p, c.cycle, (gate,))[gate]:
            GATE_STEPS[gate](c)


def _intake(c: Case) -> None:
    c.must(c.admin, RecordIntakeConversation(cycle_id=c.cycle_id, held_on=c.today))


def _assist(c: Case) -> None:
    c.must(LEAD, RequestTechnicalAssistance(purpose="nqms", cycle_id=c.cycle_id))


def _provide(c: Case) -> None:
    c.must(NATIONAL, AssignTaProvider(ta_id=c.ta_id, affiliate=c.policy.affiliate, consultant=CONSULTANT))


def _assess_needs(c: Case) -> None:
    c.must(LEAD, CompleteNeedsAssessment(ta_id=c.ta_id, answers=words("We need help.")))


def _agree(c: Case) -> None:
    c.must(c.admin, DraftMou(ta_id=c.ta_id))
    mou = c.p.assistance[c.ta_id].mou
    assert mou is not None
    for person, party in ((LEAD, "program"), (c.admin, "affiliate")):
        c.must(person, SignMou(ta_id=c.ta_id, party=party, covers=mou.covers, consent=True, intent=True))


GATE_STEPS: dict[str, Callable[[Case], None]] = {
    "intake_conversation": _intake,
    "ta_nqms_requested": _assist,
    "ta_provider_assigned": _provide,
    "needs_assessment_completed": _assess_needs,
    "mou_executed": _agree,
}


def _open(c: Case) -> None:
    c.must(c.admin, GrantAssessmentAccess(cycle_id=c.cycle_id))


def _rate(c: Case) -> None:
    for item in [i for i in INSTRUMENT.items if i.id not in c.cycle.carried]:
        given = c.how.get("answers", {}).get(item.id, yes())
        reason = words("It does not apply.") if given == NOT_APPLICABLE else None
        said: dict[str, Any] = {"in_practice": given.in_practice, "quality": given.quality, "reason": reason}
        c.must(STAFF, RateItem(cycle_id=c.cycle_id, item_id=item.id, **said))
        kind = item.evidence.kind if item.evidence and given.in_practice == "yes" else None
        if kind == "text":
            c.must(STAFF, RecordNarrative(cycle_id=c.cycle_id, item_id=item.id, text=words("We do it so.")))
        if kind == "document":
            attach(c, item.id)


def attach(c: Case, item_id: str, document_id: str | None = None) -> str:
    """Hands a clean document in for an item; its id."""
    document_id = document_id or f"doc{len(c.p.documents) + 1}"
    hand_in(c, document_id)
    c.must(STAFF, LinkDocument(cycle_id=c.cycle_id, document_id=document_id, item_id=item_id))
    return document_id


def hand_in(c: Case, document_id: str) -> None:
    """Hands a clean document in."""
    c.world.receive(c.program_id, document_id)
    c.must(STAFF, UploadDocument(document_id=document_id))
    c.must(CLOCK, RecordScan(document_id=document_id, verdict="clean"))


def _submit(c: Case) -> None:
    c.must(LEAD, SubmitAssessment(cycle_id=c.cycle_id))


def _assign_reviewer(c: Case) -> None:
    c.must(c.reviewer, DeclareConflict(cycle_id=c.cycle_id, nature="none"))
    c.must(c.admin, AssignReviewer(cycle_id=c.cycle_id, person=c.reviewer))


def _determine(c: Case) -> None:
    answers = {i: a for i, a in c.cycle.answers.items() if i not in c.cycle.carried}
    unseen = c.how.get("not_verified", ())
    claimed = [i for i, a in answers.items() if a.rating == NOT_APPLICABLE]
    for item_id in claimed:
        reason = words("So it is.")
        c.must(c.reviewer, RuleNotApplicable(cycle_id=c.cycle_id, item_id=item_id, accepted=True, reason=reason))
    confirmed = tuple(i for i in answers if i not in claimed and i not in unseen)
    if confirmed:
        c.must(c.reviewer, ConfirmItems(cycle_id=c.cycle_id, item_ids=confirmed))
    for item_id in [i for i in unseen if i in answers]:
        said: dict[str, Any] = {"outcome": "not_verified", "reason": words("Nothing to be seen.")}
        c.must(c.reviewer, RecordDetermination(cycle_id=c.cycle_id, item_id=item_id, **said))
    for finding in c.how.get("findings", ()):
        c.must(c.reviewer, RecordEvaluatorFinding(cycle_id=c.cycle_id, finding=finding, reason=words("I saw it.")))
    roles = ("program_lead", "board_chair")
    c.must(c.reviewer, RecordSiteReview(cycle_id=c.cycle_id, held_on=c.today, mode="onsite", attendee_roles=roles))


def _plan(c: Case) -> None:
    c.must(c.reviewer, DraftPlan(cycle_id=c.cycle_id))
    item_ids = tuple(gaps(c.cycle, INSTRUMENT)) or ("A1",)
    ends_on = add(c.today, "P12M")
    goal: dict[str, Any] = {
        "baseline": 0,
        "target": 3,
        "start_on": c.today,
        "due_on": ends_on,
        "owner_role": "program_lead",
    }
    c.must(STAFF, SetGoal(cycle_id=c.cycle_id, item_ids=item_ids, actions=words("We shall do it."), **goal))
    c.must(c.reviewer, ProposePlan(cycle_id=c.cycle_id, starts_on=c.today, ends_on=ends_on))
    plan = c.cycle.plan
    assert plan is not None
    if not plan.adopted:
        c.must(LEAD, AdoptPlan(cycle_id=c.cycle_id, plan_digest=plan.digest))


def _complete(c: Case) -> None:
    if c.policy.review.reply_days:
        c.must(c.reviewer, IssueReviewSummary(cycle_id=c.cycle_id, summary=words("Good work."), strengths=("A1",)))
        c.must(LEAD, RecordProgramResponse(cycle_id=c.cycle_id, response=words("Thank you.")))
    c.must(c.reviewer, CompleteReview(cycle_id=c.cycle_id))
    if asks_for(c.policy, "support_completed"):
        c.must(c.admin, ConfirmSupportCompleted(cycle_id=c.cycle_id), ConfirmOtherRequirements(cycle_id=c.cycle_id))


def _ask_statement(c: Case) -> None:
    if c.policy.statement:
        c.must(c.admin, RequestStatement(cycle_id=c.cycle_id))


def _sign(c: Case) -> None:
    if c.cycle.statement:
        covers = c.cycle.statement.covers
        c.must(DIRECTOR, SignStatement(cycle_id=c.cycle_id, covers=covers, consent=True, intent=True))


def _receive(c: Case) -> None:
    if c.cycle.statement:
        c.must(c.admin, ReceiveStatement(cycle_id=c.cycle_id, received_on=c.today))


def _name_decider(c: Case) -> None:
    c.must(c.decider, DeclareConflict(cycle_id=c.cycle_id, nature="none"))
    c.must(c.admin, AssignDecider(cycle_id=c.cycle_id, person=c.decider))


def _grant(c: Case) -> None:
    at_end = min((t for t in c.policy.tiers if t.granted_at == "cycle_end"), key=lambda t: t.rank)
    tier = c.how.get("tier", at_end.code)
    c.must(c.decider, DecideTier(cycle_id=c.cycle_id, tier=tier, rationale=words("It is all there.")))


STEPS = (
    _register, _list, _admit, _request, _meet_gates, _open, _rate, _submit, _assign_reviewer, _determine, _plan,
    _complete, _ask_statement, _sign, _receive, _name_decider, _grant,
)  # fmt: skip


def _go(c: Case, first: Callable[[Case], None], last: Callable[[Case], None]) -> Case:
    for step in STEPS[STEPS.index(first) : STEPS.index(last) + 1]:
        c.world.later(days=3)
        step(c)
    return c


class Situation:
    """A named place in the usual story: called, it tells a new story up to there."""

    def __init__(self, last: Callable[[Case], None]) -> None:
        self.last = last

    def __call__(self, **how: Unpack[How]) -> Case:
        return _go(Case(new_world(), how), _register, self.last)

    def again(self, c: Case, **how: Unpack[How]) -> Case:
        """The same program asks once more and comes so far; only what is named goes another way."""
        c.how = {**c.how, **how}
        return _go(c, _request, self.last)


registered, listed, admitted = Situation(_register), Situation(_list), Situation(_admit)
requested, gates_met, open_ = Situation(_request), Situation(_meet_gates), Situation(_open)
rated, submitted, under_review = Situation(_rate), Situation(_submit), Situation(_assign_reviewer)
determined, planned, reviewed = Situation(_determine), Situation(_plan), Situation(_complete)
attestation_pending, signed, attested = Situation(_ask_statement), Situation(_sign), Situation(_receive)
decider_named, granted = Situation(_name_decider), Situation(_grant)
