"""What a walker sends: the values that fit best, and by whom, for each kind of request."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from domain import access as ac
from domain import affiliate as af
from domain import assessment as asm
from domain import assistance as ta
from domain import decision as dec
from domain import determination as det
from domain import documents as doc
from domain import impartiality as imp
from domain import listing as li
from domain import membership as me
from domain import memorandum as mou
from domain import plan as pl
from domain import report as rep
from domain import review as rev
from domain import statement as sta
from domain import status, support
from domain.correction import UNDOING, WithdrawAct
from domain.language import Command, Role
from domain.program import Phase, Plan
from domain.signature import FORM_CODE_LENGTH
from domain.term import add
from tests import small_world as small
from tests.small_policies import INSTRUMENT
from tests.small_world import NO, NOT_APPLICABLE
from tests.walk_life import BODIES, PROGRAM, WORDS, Life
from tests.walk_policies import POLICIES

ITEMS = [i.id for i in INSTRUMENT.items]


Filled = Callable[[Life], dict[str, Any]]
FILLED: dict[type[Command], Filled] = {}
"""The values that fit best, where a rule is particular about them."""


def fills(*kinds: type[Command]) -> Callable[[Filled], Filled]:
    """Registers the values for kinds of request."""

    def remember(fill: Filled) -> Filled:
        FILLED.update(dict.fromkeys(kinds, fill))
        return fill

    return remember


def some_words(w: Life) -> Any:
    """Words that somebody wrote."""
    return w.rng.choice(WORDS)


@fills(li.RegisterProgram)
def _(w: Life) -> dict[str, Any]:
    policy = POLICIES[w.scheme]
    south = policy.affiliate == "south"
    return {
        "legal_name": "Big Friends, Inc.", "display_name": "Big Friends", "city": "Springfield",
        "affiliate": policy.affiliate, "jurisdiction": "US-GA" if south else w.rng.choice(("US-MN", "US-WI")),
        "began_operating_on": w.rng.choice((date(1999, 2, 28), date(2019, 9, 1), date(2025, 8, 1), date(2024, 2, 29))),
        "models": ("one_to_one",), "ages": (9, 17), "serves_youth": w.chance(0.97), "connector_ref": "mc-1001",
        "website": "https://friends.example", "ein": "12-3456789",
    }  # fmt: skip


@fills(li.ApproveListing)
def _(w: Life) -> dict[str, Any]:
    return {"lead": small.LEAD}


@fills(li.AppointRepresentative)
def _(w: Life) -> dict[str, Any]:
    missing = [p for p in (small.DIRECTOR, small.STAFF) if p not in w.p.people] or [small.DIRECTOR, "p_newcomer"]
    person = missing[0] if w.chance(0.8) else w.rng.choice((small.LEAD, "p_newcomer", small.REVIEWER))
    role = {small.DIRECTOR: "executive_director", small.LEAD: "program_lead"}.get(person, "program_staff")
    document = w.rng.choice(list(w.usable)) if w.usable and w.chance(0.5) else None
    return {"person": person, "role": role, "authority_document_id": document}


@fills(me.SubmitMembershipApplication)
def _(w: Life) -> dict[str, Any]:
    tiers = w.policy.tiers
    since = w.rng.choice((None, date(2010, 3, 31), w.ago(600)))
    reach = {"requested_level": tiers[0].code, "desired_level": w.rng.choice(tiers).code}
    return {"scheme": w.scheme, **reach, "formal": w.chance(0.95), "operating_since": since}


@fills(ac.WaiveGate)
def _(w: Life) -> dict[str, Any]:
    cycle = w.cycle
    met = ac.gates_met(w.p, cycle, ac.gates_of(w.policy, cycle.kind)) if cycle else {}
    unmet = [gate for gate, versions in met.items() if not versions]
    if w.chance(0.05):
        unmet = list(met)
    return {"gate": w.rng.choice(unmet or ["mou_executed"])}


@fills(ta.RequestTechnicalAssistance)
def _(w: Life) -> dict[str, Any]:
    cycle = w.cycle
    if cycle and cycle.phase is Phase.REQUESTED:
        return {"purpose": "nqms", "cycle_id": cycle.cycle_id, "programme": "nmrc"}
    return {"purpose": w.rng.choice(("improvement_plan", "other")), "cycle_id": None}


@fills(ta.AssignTaProvider)
def _(w: Life) -> dict[str, Any]:
    return {"affiliate": w.affiliate.affiliate_id, "consultant": w.rng.choice((None, small.CONSULTANT, small.DECIDER2))}


@fills(ta.CompleteNeedsAssessment)
def _(w: Life) -> dict[str, Any]:
    return {"document_id": w.rng.choice((None, *w.usable)) if w.chance(0.98) else "nonesuch"}


@fills(mou.DraftMou)
def _(w: Life) -> dict[str, Any]:
    further = w.rng.choice(((), (), ("national_body",)))
    return {"template": "mou-1" if w.chance(0.95) else "mou-9", "further_parties": further}


def _mou_to_sign(w: Life) -> tuple[str, str]:
    """What the memorandum covers and who signs next."""
    going = w.p.assistance.get(w.ta_id or "")
    if going is None or going.mou is None:
        return "0" * 64, "program"
    return going.mou.covers, next((p for p in going.mou.parties if p not in going.mou.signed), "program")


def _signs(w: Life, party: str) -> str | None:
    role = {"affiliate": Role.AFFILIATE_ADMIN, "national_body": Role.NATIONAL}.get(party, Role.PROGRAM_LEAD)
    return next(iter(w.holders(role)), None)


@fills(mou.SignMou)
def _(w: Life) -> dict[str, Any]:
    covers, party = _mou_to_sign(w)
    party = party if w.chance(0.9) else w.rng.choice(("program", "affiliate"))
    return {"covers": covers, "party": party, "consent": True, "intent": True}


def _paper(w: Life, covers: str, signatory: str | None) -> dict[str, Any]:
    ink = bool(w.usable) and w.chance(0.6)
    how = {"method": "ink_scan", "scan_document_id": w.rng.choice(list(w.usable))} if ink else {}
    spoken = {"method": "spoken_witnessed", "scan_document_id": None, "witness": small.STRANGER}
    given = {"signatory": signatory or small.STRANGER, "signed_on": w.today, "form_code": covers[:FORM_CODE_LENGTH]}
    return {**given, **(how or spoken)}


@fills(mou.RecordPaperMouSignature)
def _(w: Life) -> dict[str, Any]:
    covers, party = _mou_to_sign(w)
    return {"party": party, **_paper(w, covers, _signs(w, party))}


def _director(w: Life) -> str | None:
    return next((p for p, r in w.p.people.items() if "executive_director" in r.roles), None)


@fills(sta.SignStatement)
def _(w: Life) -> dict[str, Any]:
    covers = w.cycle.statement.covers if w.cycle and w.cycle.statement else "0" * 64
    return {"covers": covers, "consent": True, "intent": True}


@fills(sta.RecordPaperStatement)
def _(w: Life) -> dict[str, Any]:
    return _paper(w, w.cycle.statement.covers if w.cycle and w.cycle.statement else "0" * 64, _director(w))


@fills(sta.ReceiveStatement)
def _(w: Life) -> dict[str, Any]:
    statement = w.cycle.statement if w.cycle else None
    signed_on = statement.signed_on if statement and statement.signed_on else w.today
    day = signed_on if w.chance(0.4) else w.today
    far = (w.today - day).days > 14 and w.usable
    support = {"ground": "mislaid", "explanation": some_words(w), "document_id": next(iter(w.usable))} if far else {}
    return {"received_on": day, **support}


@fills(asm.RateItem)
def _(w: Life) -> dict[str, Any]:
    answers = w.cycle.answers if w.cycle else {}
    unanswered = [i for i in ITEMS if i not in answers or answers[i].rating is None]
    item_id = unanswered[0] if unanswered and w.chance(0.9) else w.rng.choice(ITEMS)
    given = "not_applicable" if item_id == "B4" and w.chance(0.4) else "yes" if w.chance(0.85) else "no"
    said = {"quality": w.rng.choice((1, 2, 3, 4, 5, 3)) if given == "yes" else None}
    reason = some_words(w) if given == "not_applicable" or w.chance(0.1) else None
    revision = answers[item_id].revision if item_id in answers else 0
    return {"item_id": item_id, "in_practice": given, **said, "reason": reason, "item_revision": revision}


@fills(asm.ClearRating)
def _(w: Life) -> dict[str, Any]:
    rated = {i: a for i, a in (w.cycle.answers if w.cycle else {}).items() if a.rating}
    item_id = w.rng.choice(list(rated) or ["A1"])
    return {"item_id": item_id, "item_revision": rated[item_id].revision if item_id in rated else 1}


@fills(asm.RecordNarrative)
def _(w: Life) -> dict[str, Any]:
    return {"item_id": "A2" if w.chance(0.95) else "A1"}


@fills(asm.ReturnAssessment)
def _(w: Life) -> dict[str, Any]:
    return {"item_ids": tuple(w.rng.sample(ITEMS, 2)), "respond_by": w.ahead()}


@fills(doc.UploadDocument)
def _(w: Life) -> dict[str, Any]:
    document_id = f"doc{len(w.p.documents) + w.chance(0.95)}"
    if w.chance(0.95):
        w.world.receive(PROGRAM, document_id)
    return {"document_id": document_id}


@fills(doc.RecordScan)
def _(w: Life) -> dict[str, Any]:
    unscanned = [k for k, d in w.p.documents.items() if d.scan == "unscanned"]
    verdict = "clean" if w.chance(0.92) else "infected"
    return {"document_id": w.rng.choice(unscanned or ["doc1"]), "verdict": verdict}


@fills(doc.LinkDocument)
def _(w: Life) -> dict[str, Any]:
    return {"item_id": "B3" if w.chance(0.95) else "A1"}


@fills(doc.UnlinkDocument, doc.ReplaceDocument)
def _(w: Life) -> dict[str, Any]:
    links = w.cycle.links if w.cycle else {}
    linked = [(i, d) for i, ids in links.items() for d in ids]
    item_id, document_id = w.rng.choice(linked or [("B3", "doc1")])
    others = [d for d in w.usable if d != document_id]
    unlinked = {"document_id": document_id, "item_id": item_id}
    replaced = {"document_id": document_id, "by_document_id": w.rng.choice(others or ["doc1"])}
    return {**unlinked, **replaced}


@fills(imp.DeclareConflict)
def _(w: Life) -> dict[str, Any]:
    if w.chance(0.94):
        return {"nature": "none", "mitigation": None}
    return {}


@fills(imp.AssignReviewer)
def _(w: Life) -> dict[str, Any]:
    return {"person": _declared(w, Role.REVIEWER)}


@fills(imp.AssignDecider)
def _(w: Life) -> dict[str, Any]:
    return {"person": _declared(w, Role.DECIDER)}


def _declared(w: Life, role: Role) -> str:
    clear = sorted(w.clear(role))
    unused = [p for p in clear if w.cycle and p not in w.cycle.review.reviewers]
    return w.rng.choice(unused or clear or w.holders(role) or [small.STRANGER])


def _undeclared(w: Life) -> str | None:
    """Somebody who could take a part and has not declared yet."""
    role = Role.DECIDER if w.cycle and (w.interim or w.cycle.review.completed) else Role.REVIEWER
    able = w.undeclared(role) or w.holders(role)
    return w.rng.choice(able or [small.STRANGER])


@fills(rev.RecordSiteReview, rev.ScheduleSiteReview)
def _(w: Life) -> dict[str, Any]:
    mode = w.rng.choice(w.policy.review.modes) if w.chance(0.9) else w.rng.choice(("remote", "desk"))
    roles = ("program_lead", "board_chair")
    return {"mode": mode, "attendee_roles": roles, "exception": some_words(w) if w.chance(0.2) else None}


@fills(rev.IssueReviewSummary)
def _(w: Life) -> dict[str, Any]:
    return {"strengths": ("A1",), "findings": tuple(w.rng.sample(ITEMS, 1))}


@fills(rev.RecordProgramResponse)
def _(w: Life) -> dict[str, Any]:
    return {"documents": tuple(list(w.usable)[:1])}


@fills(rev.RecordEvaluatorFinding)
def _(w: Life) -> dict[str, Any]:
    known = w.policy.evaluator_findings
    return {"finding": w.rng.choice(known) if known else "identified"}


def _left(w: Life) -> list[str]:
    cycle = w.cycle
    return (det.undetermined(cycle, INSTRUMENT) if cycle else []) or ITEMS


@fills(det.ConfirmItems)
def _(w: Life) -> dict[str, Any]:
    answers = w.cycle.answers if w.cycle else {}
    able = [i for i in _left(w) if i in answers and answers[i].rating not in (None, NOT_APPLICABLE)]
    return {"item_ids": tuple(able[: w.rng.randrange(1, 7)] or ITEMS[:1])}


@fills(det.RecordDetermination)
def _(w: Life) -> dict[str, Any]:
    item_id = w.rng.choice(_left(w))
    answer = w.cycle.answers.get(item_id) if w.cycle else None
    outcome = w.rng.choice(("confirmed", "confirmed", "adjusted", "not_verified"))
    given: dict[str, Any] = {"item_id": item_id, "outcome": outcome, "reason": some_words(w)}
    seen = tuple(list(w.usable)[:1])
    if outcome == "adjusted":
        otherwise = (answer is None or answer.rating == NO) == w.chance(0.9)
        given |= {"in_practice": "yes", "quality": 2} if otherwise else {"in_practice": "no"}
    return {"in_practice": None, "quality": None, **given, "evidence_seen": seen}


@fills(det.RuleNotApplicable)
def _(w: Life) -> dict[str, Any]:
    answers = w.cycle.answers if w.cycle else {}
    claimed = [i for i, a in answers.items() if a.rating == NOT_APPLICABLE]
    return {"item_id": w.rng.choice(claimed or ITEMS), "accepted": w.chance(0.7)}


@fills(det.AdoptDeterminations)
def _(w: Life) -> dict[str, Any]:
    ruled = w.cycle.review.determinations if w.cycle else {}
    return {"item_ids": tuple(i for i in _left(w) if i in ruled) or ("A1",)}


def _plan(w: Life) -> Plan | None:
    return w.cycle.plan if w.cycle else None


@fills(pl.SetGoal)
def _(w: Life) -> dict[str, Any]:
    cycle, plan = w.cycle, _plan(w)
    item_ids = pl.uncovered(cycle, det.gaps(cycle, INSTRUMENT)) if cycle else []
    goal_id = next(iter(plan.goals)) if plan and plan.goals and not item_ids and w.chance(0.5) else None
    start = min((g.start_on for g in plan.goals.values()), default=w.today) if plan else w.today
    days = {"start_on": start, "due_on": start + timedelta(days=300)}
    return {
        "goal_id": goal_id,
        "item_ids": tuple(item_ids or ["A1"]),
        "baseline": 3 if w.chance(0.04) else w.rng.choice((0, 2)),
        "target": 3,
        **days,
    }


@fills(pl.DropGoal)
def _(w: Life) -> dict[str, Any]:
    plan = _plan(w)
    return {"goal_id": next(iter(plan.goals), "none") if plan else "none"}


@fills(pl.ProposePlan)
def _(w: Life) -> dict[str, Any]:
    plan = _plan(w)
    start = min((g.start_on for g in plan.goals.values()), default=w.today) if plan else w.today
    return {"starts_on": start, "ends_on": add(start, "P12M" if w.chance(0.95) else "P18M")}


@fills(pl.AdoptPlan)
def _(w: Life) -> dict[str, Any]:
    plan = _plan(w)
    return {"plan_digest": plan.digest if plan and plan.digest else "0" * 64}


@fills(dec.DecideTier)
def _(w: Life) -> dict[str, Any]:
    if w.interim and not (w.cycle and w.cycle.review.completed):
        return {"tier": w.interim}
    below = w.end_tiers[: w.end_tiers.index(carried) + 1] if (carried := w.carried()) in w.end_tiers else w.end_tiers
    return {"tier": below[-1] if w.chance(0.85) else w.rng.choice(w.policy.tiers).code}


@fills(dec.DenyTier, dec.DeferDecision)
def _(w: Life) -> dict[str, Any]:
    tier = w.end_tiers[-1] if w.chance(0.9) else w.rng.choice(w.policy.tiers).code
    missing = w.rng.choice(((), ("A1",)))
    return {"tier": tier, "until": w.ahead(30), "missing": missing}


@fills(status.ImportHistoricalStatus)
def _(w: Life) -> dict[str, Any]:
    since = w.rng.choice((date(2012, 5, 1), date(2015, 1, 1), date(2020, 2, 29), w.ago(90)))
    until = w.rng.choice((None, add(since, "P3Y"), add(since, "P9Y"), add(since, "P1D", -1)))
    told = {"tier": "old", "rank": 1, "label": "Old Mark", "badge": "old", "source": "The archive"}
    return {**told, "scheme": w.scheme, "valid_from": since, "valid_until": until}


@fills(WithdrawAct)
def _(w: Life) -> dict[str, Any]:
    acts = list(w.p.acts)
    return {"version": w.rng.choice(acts[-3:]) if acts and w.chance(0.8) else w.rng.choice(acts or [1])}


@fills(rep.ShareReport, rep.EndShare)
def _(w: Life) -> dict[str, Any]:
    report_id, report = next(iter(w.p.reports.items()), ("none", None))
    audience = next(iter(report.shares), "board") if report else "board"
    return {"report_id": report_id, "audience": audience if w.chance(0.5) else "funders", "until": w.ahead(300)}


@fills(support.AskSupportQuestion)
def _(w: Life) -> dict[str, Any]:
    return {"cycle_id": w.cycle.cycle_id if w.cycle and w.chance(0.9) else w.rng.choice((None, "nonesuch"))}


@fills(support.AnswerSupportQuestion)
def _(w: Life) -> dict[str, Any]:
    return {"question_id": next(iter(w.p.questions), "none")}


@fills(af.CharterAffiliate)
def _(w: Life) -> dict[str, Any]:
    given = {"name": "Mentoring East", "timezone": small.ZONE, "jurisdictions": ("US-ME",), "website": None}
    return {**given, "national": False, "administrator": "p_east"}


@fills(af.SetJurisdiction)
def _(w: Life) -> dict[str, Any]:
    return {"jurisdictions": w.rng.choice((("US-MN", "US-WI", "US-GA"), ("US-GA",), ("US-MN", "US-WI")))}


@fills(af.AppointStaff, af.RecordStaffDeparture)
def _(w: Life) -> dict[str, Any]:
    former = [p for p, held in w.p.people.items() if not held.roles]
    person = w.rng.choice(
        (small.ADMIN2, small.REVIEWER2, small.DECIDER2, small.BOTH, "p_fresh", small.SOUTH, *former * 6)
    )
    roles = w.rng.choice((("reviewer",), ("decider",), ("affiliate_admin",), ("affiliate_admin", "reviewer")))
    return {"person": person, "roles": roles}


@fills(af.DelegateDecisions)
def _(w: Life) -> dict[str, Any]:
    return {"to": w.rng.choice(("north", "south", "nowhere")), "until": w.ahead(2000)}


BY_NAME: dict[str, Callable[[Life], Any]] = {
    "cycle_id": lambda w: w.cycle.cycle_id if w.cycle and w.chance(0.99) else "nonesuch",
    "ta_id": lambda w: w.ta_id or "nonesuch",
    "scheme": lambda w: w.scheme if w.chance(0.97) else w.rng.choice(("southern", "full", "nonesuch")),
    "document_id": lambda w: w.rng.choice(list(w.p.documents) or ["doc1"]),
    "item_id": lambda w: w.rng.choice(ITEMS),
    "held_on": lambda w: w.ago(),
    "on": lambda w: w.ago(),
    "readiness_reviewed": lambda w: w.chance(0.95),
    "effective_from": lambda w: w.today + timedelta(days=w.rng.choice((0, 0, 30, -400))),
    "person": lambda w: w.rng.choice(list(w.p.people) or [small.LEAD]),
    "website": lambda w: None,
}
"""What fits a field of that name, whatever the request."""


def _other_side(w: Life) -> str | None:
    plan = _plan(w)
    if plan is None or plan.proposed_by is None or w.cycle is None:
        return None
    return (
        w.cycle.review.reviewer if plan.proposed_by[1] == "program" else next(iter(w.holders(Role.PROGRAM_LEAD)), None)
    )


def _second_reader(w: Life) -> str | None:
    proposed = w.cycle.statement.proposed_receipt if w.cycle and w.cycle.statement else None
    return small.ADMIN if proposed and proposed[1] == small.ADMIN2 else small.ADMIN2


def _withdraws(w: Life) -> str | None:
    roles = [r for act in list(w.p.acts.values())[-3:] for r in UNDOING[type(act)].by(act)]
    return w.rng.choice(w.holders(w.rng.choice(roles)) or [small.STRANGER]) if roles else None


CHOSEN: dict[type[Command], Callable[[Life], str | None]] = {
    mou.SignMou: lambda w: _signs(w, _mou_to_sign(w)[1]),
    sta.SignStatement: _director,
    sta.ConfirmReceipt: _second_reader,
    imp.DeclareConflict: _undeclared,
    pl.AdoptPlan: _other_side,
    WithdrawAct: _withdraws,
    **dict.fromkeys((dec.DecideTier, dec.DenyTier, dec.DeferDecision), lambda w: w.cycle.decider if w.cycle else None),
    **dict.fromkeys(
        (
            asm.ReturnAssessment, rev.ScheduleSiteReview, rev.RecordSiteReview, rev.IssueReviewSummary, rev.CompleteReview,
            rev.RecordEvaluatorFinding, det.RecordDetermination, det.ConfirmItems, det.RuleNotApplicable,
            det.AdoptDeterminations, pl.DraftPlan, pl.ProposePlan, sta.ReopenEvidence,
        ),
        lambda w: w.cycle.review.reviewer if w.cycle else None,
    ),
}  # fmt: skip
"""Whom a request is for, where the part alone does not say."""


def published(w: Life, stream: str) -> dict[str, Any]:
    """A version and hash that could be published to a stream."""
    scheme = w.world.scheme(stream)
    if scheme and scheme.proposed and w.chance(0.5):
        return {"policy_version": next(iter(scheme.proposed))}
    version, sha256 = w.rng.choice(BODIES.get(stream, BODIES["full"]))
    return {"policy_version": version, "instrument_version": version, "sha256": sha256}
