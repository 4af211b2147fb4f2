"""What a tier policy is: everything an affiliate decides about its quality mark, as data with where it comes from.

A policy document is flattened (``flatten``), hashed, and loaded (``load``). Nothing here knows an affiliate.
"""

from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, StringConstraints, ValidationError

from domain.policy.criteria import SEMANTICS, GateName, Mode
from domain.policy.faults import PolicyFaults, basis_fault, told
from domain.policy.tree import Tree
from domain.policy.vocabulary import Period
from domain.values import CODE

MOU_PARTIES = ("program", "affiliate")
"""Who signs a Memorandum of Understanding unless the policy names others."""
Name = Annotated[str, StringConstraints(strip_whitespace=True, pattern=f"^{CODE.pattern}$", max_length=80)]
"""A code: a word of a closed or published vocabulary."""
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
"""Public words for people."""
Count = Annotated[int, Strict(), Field(ge=0)]
"""A whole number, written without quotes."""
Flag = Annotated[bool, Strict()]
"""A yes or no."""
Moment = Literal["application", "assessment_started", "cycle_end"]
"""When in the process a tier is decided."""
MOMENTS: tuple[Moment, ...] = get_args(Moment)
"""The moments in their order."""
CycleKind = Literal["initial", "renewal", "advancement", "corrective"]
"""Why a program goes through the process."""


def _based(basis: str) -> str:
    fault = basis_fault(basis)
    if fault:
        raise ValueError(fault)
    return basis


Basis = Annotated[str, AfterValidator(_based)]
"""Where a rule comes from, such as ``seed/S0:5-8``, ``public/…``, ``inferred``, ``proposal``."""


class Part(BaseModel):
    """A part of a policy: frozen, and nothing in it goes unread."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Rule(Part):
    """A part that lays down a rule, and says where the rule comes from."""

    basis: Basis


class Questions(Rule):
    """The version of the instrument that programs answer."""

    family: Name
    version: Name


class Entry(Rule):
    """How programs come in before any assessment: every program applies at one level."""

    by: Literal["application"]
    level: Name


class Gate(Rule):
    """A step that has to be taken before access to the assessment is granted."""

    code: GateName
    required_parties: tuple[Name, ...] = ()
    """Who has to sign; only a Memorandum of Understanding has parties."""


class Cycle(Rule):
    """A kind of cycle that the policy allows, with the gates of its own that lie before it."""

    kind: CycleKind
    gates: tuple[Gate, ...] | None = None


class Review(Rule):
    """How staff review an assessment, and how many days the program has to reply to the summary."""

    modes: tuple[Mode, ...] = Field(min_length=1)
    reply_days: Count
    """0: there is no right of reply."""


class PlanRule(Rule):
    """The improvement plan that comes out of the review."""

    form: Literal["improvement_and_innovation", "action_plan", "work_plan"]
    months: Annotated[int, Strict(), Field(ge=1)] | None
    cover_gaps: Flag
    """Whether every practice not in place needs a goal."""
    issued_by: Literal["both", "affiliate"]
    """Whether program and reviewer adopt it together, or the affiliate gives it."""


class Statement(Rule):
    """The Statement of Accuracy that program leadership signs."""

    signatory_roles: tuple[Name, ...] = Field(min_length=1)
    template: Name


class Hold(Rule):
    """How long a tier may be held at the most, and the tier that is left afterwards (none: no tier)."""

    max: Period
    on_lapse: Name | None


class Tier(Rule):
    """One level of recognition: what it asks, how it is shown, what it means and what it does not mean."""

    code: Name
    rank: Annotated[int, Strict(), Field(ge=1)]
    label: Words
    badge: Name | None = None
    listing: Literal["highest", "priority", "listed", "none"]
    national_badge: Flag = False
    assessed: Flag
    """Whether holding it says that practices were assessed."""
    granted_at: Moment = "cycle_end"
    transitional: Flag = False
    """Whether it may be held only while work is under way."""
    hold: Hold | None = None
    when: Tree
    meaning: Words
    not_a_claim: Words
    """What the tier does not mean; shown with every badge."""


class Reassessment(Rule):
    """The window, counted from the start of the term, in which the affiliate re-engages the program."""

    opens: Period
    due: Period


class Term(Rule):
    """From which day a tier is held, and for how long; without a length it does not end by time."""

    length: Period | None
    starts: Literal["statement_received_on", "decision_day"]
    on_end: Literal["none"] = "none"
    reinstate_on: Literal["decision", "submission"]
    review_due: Period | None = None
    """Advisory: after this time the affiliate should look again."""
    reassessment: Reassessment | None = None


class Advancement(Rule):
    """Whether a program may rise to a higher tier within its term, and what becomes of the term."""

    allowed: Flag
    term: Literal["keep", "restart"]


class Renewal(Rule):
    """How long before the end a renewal may begin, and from which day the new term counts."""

    opens_before: Period
    anchor: Literal["previous_expiry_if_in_window", "new_start"]


class Extension(Rule):
    """By how much, how often in a term and on which grounds a term may be prolonged."""

    max: Period
    times: Annotated[int, Strict(), Field(ge=1)] = 1
    grounds: tuple[Name, ...] = Field(min_length=1)


class Adverse(Rule):
    """On which grounds and with which safeguards a tier may be suspended, reduced or revoked."""

    grounds: tuple[Name, ...] = Field(min_length=1)
    reply_min: Period
    """The shortest time to reply between the notice of intent and its effect."""
    appeal_within: Period
    stay_on_appeal: Flag
    imminent_harm_immediate: Flag
    overturned_dates: Literal["as_first_decided", "panel_day"]
    """From which day a result counts that an appeal panel overturned."""


class Deferral(Rule):
    """How often and for how long a decision may be put off."""

    max_times: Count
    max_period: Period


class Surveillance(Rule):
    """What is asked of a program between decisions."""

    annual_check_in: Flag
    change_report_within: Period | None


class Benefit(Rule):
    """Something that a rank brings, held at every higher rank too unless it says otherwise."""

    code: Name
    says: Words
    flags: tuple[
        Literal["when_available", "discretionary", "subject_to_change", "on_request", "most", "some_instances"],
        ...,
    ] = ()
    count: Annotated[int, Strict(), Field(ge=1)] | None = None
    per: Period | None = None
    """In which time the count is given anew; what is unused lapses."""
    only_at_this_rank: Flag = False


class Source(Part):
    """Something public that the policy was written from."""

    code: Name
    title: Words
    url: Words | None = None


class SamplePractices(Part):
    """How a made-up program stands: all practices alike, but some."""

    rest: Literal["in_practice", "not_in_practice", "not_applicable", "not_verified", "undetermined"]
    quality: Annotated[int, Strict(), Field(ge=1, le=5)] = 1
    but: dict[Name, Literal["in_practice", "not_in_practice", "not_applicable", "not_verified", "undetermined"]] = {}


class Sample(Part):
    """The facts of a made-up program, in few words; what is left out has not happened or is not known."""

    day: date = date(2020, 1, 1)
    gates: tuple[GateName, ...] = ()
    application: Flag = False
    formal_program: Flag | None = None
    operating_since: date | None = None
    started: Flag = False
    submitted: Flag = False
    review: Mode | None = None
    plan_months: Annotated[int, Strict(), Field(ge=1)] | Flag = False
    """The months of the adopted plan; true for a plan without a length."""
    uncovered: tuple[Name, ...] = ()
    statement: Flag = False
    practices: SamplePractices = SamplePractices(rest="undetermined")
    findings: dict[Name, Flag] = {}
    support_completed: Flag = False
    other_requirements: Flag = False


class Vector(Part):
    """A made-up program with the tiers that it must come out to meet; checked before a policy is published."""

    name: Words
    facts: Sample
    holds: tuple[Name, ...]


class Policy(Part):
    """One version of an affiliate's policy."""

    policy: Name
    version: Name
    semantics: Annotated[int, Strict()]
    affiliate: Name
    timezone: Words
    title: Words
    replaces: Name | None = None
    """The version that it takes the place of, such as ``SCHEME@1``."""
    instrument: Questions
    entry: Entry | None
    gates: tuple[Gate, ...]
    cycles: tuple[Cycle, ...]
    review: Review
    plan: PlanRule | None
    statement: Statement | None
    evaluator_findings: tuple[Name, ...] = ()
    tiers: tuple[Tier, ...] = Field(min_length=1)
    term: Term
    advancement: Advancement
    renewal: Renewal | None
    extension: Extension | None
    adverse: Adverse | None
    deferral: Deferral
    backdating_days: Count = 14
    surveillance: Surveillance
    unscanned_documents: Literal["admissible", "refused"] = "admissible"
    separation_of_duties: Literal["strict", "disclosed"] = "strict"
    benefits: dict[Annotated[int, Field(ge=0)], tuple[Benefit, ...]]
    views: tuple[Name, ...] = ()
    sources: tuple[Source, ...] = ()
    vectors: tuple[Vector, ...] = ()

    @property
    def scheme(self) -> str:
        """The code of the scheme in public."""
        return self.policy.lower()

    @property
    def mou_parties(self) -> tuple[str, ...]:
        """Who has to sign the Memorandum of Understanding."""
        return next((g.required_parties for g in self.gates if g.required_parties), MOU_PARTIES)

    @cached_property
    def asked(self) -> frozenset[str]:
        """The criteria that any of the tiers asks for, by name."""
        return frozenset(asked.name for tier in self.tiers for _, asked in tier.when.walk())

    def tier(self, code: str) -> Tier | None:
        """The tier of that code."""
        return next((t for t in self.tiers if t.code == code), None)

    def qualified(self, tier: str) -> str:
        """A tier's code as it is said in public, such as ``scheme/tier``."""
        return f"{self.scheme}/{tier}"

    def gates_for(self, kind: str) -> tuple[Gate, ...]:
        """The gates before a cycle of that kind, in order; only an initial cycle takes the policy's for its own."""
        cycle = next((c for c in self.cycles if c.kind == kind), None)
        if cycle is None:
            return ()
        own = self.gates if cycle.gates is None and kind == "initial" else cycle.gates
        return own or ()

    def benefits_at(self, rank: int) -> tuple[Benefit, ...]:
        """What a program of that rank gets, its own rank's and every lower rank's; rank 0 is open to everybody."""
        reached = sorted(r for r in self.benefits if r <= rank)
        return tuple(b for r in reached for b in self.benefits[r] if r == rank or not b.only_at_this_rank)


def load(doc: Mapping[str, Any]) -> Policy:
    """The policy that a flattened document stands for, or ``PolicyFaults`` naming everything wrong in it."""
    unresolved = [f"{key}: flatten the policy first; it still says {key}" for key in ("extends",) if key in doc]
    rest = {key: value for key, value in doc.items() if key != "extends"}
    semantics = doc.get("semantics")
    if isinstance(semantics, int) and semantics not in SEMANTICS:
        unresolved.append(f"semantics: {semantics} is not known; known are {', '.join(map(str, SEMANTICS))}")
    try:
        policy = Policy.model_validate(rest, context={"semantics": semantics})
    except ValidationError as error:
        raise PolicyFaults([*unresolved, *told(error)]) from None
    if unresolved:
        raise PolicyFaults(unresolved)
    return policy
