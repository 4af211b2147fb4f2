"""What later decisions ask of a mentoring program, and nothing more.

The state is folded from the program's events and never stored as truth. Each part is written by one stage only
(named beside it); every part is frozen, an arm returns a changed copy. ``version`` numbers point at the events
that a part rests on, so that every decision can name its evidence.
"""

from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from typing import Any, Literal

from msgspec.structs import replace

from domain.language import Event
from domain.tenure import (
    BEARING,
    Appeal,
    Change,
    Concern,
    Decision,
    Holding,
    Letter,
    Measure,
    Notice,
    Part,
    Progress,
    Proposal,
    PublicNotice,
    Report,
    Tenure,
    Transfer,
    Vouchers,
)
from domain.values import Digest, InstrumentRef, PersonId, PolicyRef, Rating, Reference, TextRef


class Phase(StrEnum):
    """Where a cycle stands on its way from a request to a decision."""

    REQUESTED = "requested"
    OPEN = "open"
    SUBMITTED = "submitted"
    UNDER_REVIEW = "under_review"
    PLANNED = "planned"
    REVIEWED = "reviewed"
    ATTESTATION_PENDING = "attestation_pending"
    ATTESTED = "attested"
    DEFERRED = "deferred"
    DECIDED = "decided"
    WITHDRAWN = "withdrawn"


ENDED = (Phase.DECIDED, Phase.WITHDRAWN)


class Listing(Part):
    """Stage ``listing``: the program's place in the register."""

    state: Literal["unregistered", "pending", "listed", "paused", "declined", "merged", "discontinued"] = "unregistered"
    registered: int = 0
    approved: int = 0
    display_name: str = ""
    legal_name: str = ""
    affiliate: str = ""
    jurisdiction: str = ""
    connector_ref: str = ""
    serves_youth: bool = True
    operating_since: date | None = None
    successor: str = ""
    """The program that it merged into."""


class Representative(Part):
    """Stage ``listing``: a person who acts for the program, with roles held now and the last day of former ones."""

    roles: tuple[str, ...] = ()
    left_on: date | None = None


class Membership(Part):
    """Stage ``membership``: an application under a scheme that admits before assessing."""

    state: Literal["submitted", "accepted", "declined", "withdrawn"]
    level: str
    desired_level: str
    formal: bool
    operating_since: date | None
    submitted: int
    accepted: int = 0
    policy: PolicyRef


class Mou(Part):
    """Stage ``assistance``: a memorandum of understanding and who has signed it."""

    mou_id: Reference
    parties: tuple[str, ...]
    signed: dict[str, int] = {}
    drafted: int
    drafted_on: date
    executed: int = 0
    covers: Digest


class Assistance(Part):
    """Stage ``assistance``: one request for no-cost technical assistance."""

    scheme: str
    purpose: str
    cycle_id: str | None
    requested: int
    provider: str = ""
    consultant: str | None = None
    assigned: int = 0
    needs_assessed: int = 0
    mou: Mou | None = None
    reported: int = 0
    evaluated: int = 0
    cancelled: int = 0


class Answer(Part):
    """Stage ``assessment``: the self-rating of one item; ``revision`` counts its changes."""

    rating: Rating | None
    revision: int
    version: int
    reason: TextRef | None = None


class Narrative(Part):
    """Stage ``assessment``: the description given for one item."""

    text: TextRef
    version: int


class Document(Part):
    """Stage ``documents``: a file handed in; its bytes lie encrypted in the document store."""

    digest: Digest
    version: int
    scan: Literal["unscanned", "clean", "infected"] = "unscanned"
    scanned: int = 0
    state: Literal["present", "withdrawn"] = "present"
    frozen: bool = False
    """Cited by a submission, a signature or another act that rests on it."""


class Determination(Part):
    """Stage ``review``: what the reviewer found for one item."""

    outcome: Literal["confirmed", "adjusted", "not_verified", "not_applicable", "not_applicable_refused"]
    rating: Rating | None
    version: int
    by: PersonId
    bulk: bool = False
    adopted: int = 0
    """Version in which a succeeding reviewer took it over (M7)."""


class Declared(Part):
    """Stage ``review``: one person's declaration about conflicts of interest in this cycle."""

    nature: str
    mitigated: bool
    version: int


class Review(Part):
    """Stage ``review``: who reviews, the visit, the determinations, the right of reply."""

    reviewer: str | None = None
    reviewers: tuple[str, ...] = ()
    assigned: int = 0
    scheduled: int = 0
    mode: str | None = None
    exception: bool = False
    held: int = 0
    determinations: dict[str, Determination] = {}
    summary: int = 0
    reply_until: date | None = None
    replied: int = 0
    completed: int = 0
    findings: dict[str, int] = {}
    support_completed: int = 0
    other_requirements: int = 0


class Goal(Part):
    """Stage ``plan``: one goal of the improvement plan."""

    item_ids: tuple[str, ...]
    baseline: int
    target: int
    start_on: date
    due_on: date
    owner_role: str
    version: int
    actions: TextRef


class Plan(Part):
    """Stage ``plan``: the improvement plan, a draft until both parties agreed."""

    plan_id: Reference
    form: str
    goals: dict[str, Goal] = {}
    proposed: int = 0
    proposed_by: tuple[str, str] | None = None
    """Person and side (program or affiliate)."""
    starts_on: date | None = None
    ends_on: date | None = None
    months: int | None = None
    digest: str = ""
    adopted: int = 0
    progress: dict[str, tuple[Progress, ...]] = {}
    """Stage ``progress``: the reports on each goal; the last one counts."""
    extended_from: date | None = None
    """When it would have ended, had it not been extended."""
    ended: tuple[date, ...] = ()
    """The ends that were announced; one that was put off, and is not any more, was announced already."""
    closed: int = 0
    outcome: str = ""

    @property
    def running(self) -> bool:
        """Whether it is adopted and was not closed since."""
        return self.adopted > self.closed


class Statement(Part):
    """Stage ``statement``: the Statement of Accuracy and what it covers."""

    statement_id: Reference
    covers: Digest
    requested: int
    requested_on: date
    signed: int = 0
    signed_on: date | None = None
    proposed_receipt: tuple[date, str] | None = None
    """A receipt dated too far back for one person: its day and who proposed it (M6)."""
    received: int = 0
    received_on: date | None = None


class Access(Part):
    """Stage ``access``: the rules and the instrument that this cycle is pinned to."""

    policy: PolicyRef
    instrument: InstrumentRef
    version: int
    gates: dict[str, tuple[int, ...]] = {}


class Submission(Part):
    """Stage ``assessment``: one handing-in of the assessment."""

    number: int
    version: int
    answers_digest: Digest


class Cycle(Part):
    """One way from a request to a decision."""

    cycle_id: Reference
    scheme: str
    kind: str
    phase: Phase
    requested: int
    readiness: bool = False
    tier_sought: str | None = None
    """The tier that the program asked for; without one, the highest."""
    ordered: bool = False
    """Whether the affiliate ordered the cycle after a finding."""
    due_on: date | None = None
    """Until when what was ordered is to be done."""
    doubted: tuple[str, ...] = ()
    """The practices in doubt in an ordered cycle; without any, all of them."""
    carried_from: str | None = None
    """The earlier cycle whose answers were carried forward."""
    carried: tuple[str, ...] = ()
    """Items whose answer and determination stand as they were carried; they are not rated again."""
    outsiders: dict[str, tuple[str, date]] = {}
    """People from outside with a part in this case alone: the part and its last day (M19)."""
    intake: int = 0
    waived: dict[str, int] = {}
    access: Access | None = None
    started: int = 0
    answers: dict[str, Answer] = {}
    narratives: dict[str, Narrative] = {}
    links: dict[str, tuple[str, ...]] = {}
    """Item to the documents linked to it."""
    submissions: tuple[Submission, ...] = ()
    returned: int = 0
    declarations: dict[str, Declared] = {}
    review: Review = Review()
    plan: Plan | None = None
    statement: Statement | None = None
    decider: str | None = None
    deferrals: int = 0
    deferred_until: date | None = None
    interim: tuple[str, ...] = ()
    """Tiers granted while the cycle went on."""


class Program(Part):
    """A mentoring program as the rules see it after ``version`` events."""

    program_id: str
    version: int = 0
    listing: Listing = Listing()
    people: dict[str, Representative] = {}
    memberships: dict[str, Membership] = {}
    assistance: dict[str, Assistance] = {}
    documents: dict[str, Document] = {}
    cycles: dict[str, Cycle] = {}
    decisions: dict[str, Decision] = {}
    holdings: tuple[Holding, ...] = ()
    measures: tuple[Measure, ...] = ()
    notices: dict[str, Notice] = {}
    """Notices of intent that are open."""
    appeals: dict[str, Appeal] = {}
    proposals: dict[str, Proposal] = {}
    public_notices: dict[str, PublicNotice] = {}
    announced: dict[str, int] = {}
    """Stage ``due``: days that came and were announced, by kind and what they are about."""
    reports: dict[str, Report] = {}
    vouchers: tuple[Vouchers, ...] = ()
    letters: dict[str, Letter] = {}
    check_ins: dict[str, int] = {}
    """Stage ``surveillance``: annual check-ins by scheme and anniversary."""
    changes: dict[str, Change] = {}
    concerns: dict[str, Concern] = {}
    transfer: Transfer | None = None
    questions: dict[str, int] = {}
    """Stage ``support``: questions not answered yet, by version."""
    acts: dict[int, Any] = {}
    """Recorded acts that may still be withdrawn (M2), by version."""


def tenured(program: Program, event: Any, version: int) -> Program:
    """The program with its tenure as a fact changes it."""
    tenure = BEARING[type(event)](Tenure(holdings=program.holdings, measures=program.measures), event, version)
    return replace(program, holdings=tenure.holdings, measures=tenure.measures)


def with_cycle(program: Program, cycle_id: str, **changes: Any) -> Program:
    """The program with one cycle changed."""
    cycle = replace(program.cycles[cycle_id], **changes)
    return replace(program, cycles={**program.cycles, cycle_id: cycle})


def with_review(program: Program, cycle_id: str, **changes: Any) -> Program:
    """The program with the review of one cycle changed."""
    return with_cycle(program, cycle_id, review=replace(program.cycles[cycle_id].review, **changes))


def freeze(program: Program, *document_ids: str | None) -> Program:
    """The program with documents marked as cited: they cannot be withdrawn any more."""
    cited = {d: replace(program.documents[d], frozen=True) for d in document_ids if d}
    return replace(program, documents={**program.documents, **cited}) if cited else program


def reopened(program: Program, cycle_id: str) -> Program:
    """The program with a cycle back under review: the plan is a draft again, to be agreed to anew."""
    plan = program.cycles[cycle_id].plan
    fresh = {"adopted": 0, "proposed": 0, "proposed_by": None, "digest": "", "extended_from": None}
    draft = replace(plan, **fresh) if plan else None
    return with_cycle(program, cycle_id, phase=Phase.UNDER_REVIEW, plan=draft)


def open_cycle(program: Program, scheme: str, kind: str | None = None) -> Cycle | None:
    """The cycle of a scheme that is still on its way, if there is one."""
    for cycle in program.cycles.values():
        if cycle.scheme == scheme and cycle.phase not in ENDED and kind in (None, cycle.kind):
            return cycle
    return None


def running_plans(p: Program) -> Iterator[tuple[Cycle, Plan]]:
    """The adopted plans that are not closed, of cycles that the program did not withdraw from."""
    for cycle in p.cycles.values():
        if cycle.plan and cycle.plan.running and cycle.phase is not Phase.WITHDRAWN:
            yield cycle, cycle.plan


def without(mapping: dict[Any, Any], *keys: Any) -> dict[Any, Any]:
    """A copy of a mapping lacking some keys."""
    return {k: v for k, v in mapping.items() if k not in keys}


class CycleEvent(Event):
    """A fact about one cycle (M1)."""

    cycle_id: Reference
