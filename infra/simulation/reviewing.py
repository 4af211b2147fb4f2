"""The review of a drawn life: who looks, what is found for every practice, the plan, and the end of the review."""

from typing import Any, Literal

from domain.determination import (
    AdoptDeterminations,
    ConfirmItems,
    ItemDeterminationRecorded,
    NotApplicableRuled,
    RecordDetermination,
    RuleNotApplicable,
    gaps,
)
from domain.impartiality import AssignReviewer, DeclareConflict, RecuseReviewer
from domain.language import Actor, Role
from domain.outsiders import EndCaseAccess, GrantCaseAccess
from domain.plan import AdoptPlan, DraftPlan, DropGoal, ProposePlan, SetGoal
from domain.review import (
    CompleteReview,
    ConfirmOtherRequirements,
    ConfirmSupportCompleted,
    IssueReviewSummary,
    RecordEvaluatorFinding,
    RecordProgramResponse,
    RecordSiteReview,
    ScheduleSiteReview,
    asks_for,
)
from domain.term import add
from domain.values import Rating, TextRef
from infra.simulation.acts import Reviewed
from infra.simulation.book import drawn_id
from infra.simulation.rating import Aim
from infra.simulation.tale import DAY, Tale

REVIEWER = Role.REVIEWER
Outcome = Literal["confirmed", "adjusted", "not_verified"]


def reviewed(tale: Tale, number: int, aimed: Aim, act: Reviewed) -> None:
    """From the assignment to the completed review, which falls on the day of the act."""
    again = tale.cycle(number).review.held > 0
    if not again:
        tale.until(min(tale.today + 4 * DAY, act.day))
        reviewer = _assigned(tale, number, act.trouble)
        tale.until(min(tale.today + 9 * DAY, act.day))
        _visited(tale, number, reviewer, act)
        _determined(tale, number, reviewer, aimed)
        if act.trouble == "recused":
            reviewer = _succeeded(tale, number)
    else:
        reviewer = tale.cycle(number).review.reviewer or ""
        _looked_again(tale, number, reviewer, act)
    _findings(tale, number, reviewer, act)
    _planned(tale, number, reviewer)
    _summed_up(tale, number, reviewer, act)
    tale.until(act.day)
    _by(tale, reviewer, CompleteReview(cycle_id=tale.cycles[number]))
    if not again:
        _confirmed_others(tale, number)


def _by(tale: Tale, person: str, command: Any) -> Any:
    return tale.book.do(person, tale.program, command)[0]


def _assigned(tale: Tale, number: int, trouble: str) -> str:
    """A reviewer who declared; now and then somebody from outside for this one case, or one who declared before another."""
    cycle_id = tale.cycles[number]
    if trouble == "outside":
        guest = drawn_id(tale.world.seed, tale.program, "guest", number, prefix="p_")
        until = tale.today + 300 * DAY
        tale.by("administrator", GrantCaseAccess(cycle_id=cycle_id, person=guest, part="reviewer", until=until))
        spare = drawn_id(tale.world.seed, tale.program, "spare", number, prefix="p_")
        tale.by("administrator", GrantCaseAccess(cycle_id=cycle_id, person=spare, part="reviewer", until=until))
        tale.by("administrator", EndCaseAccess(cycle_id=cycle_id, person=spare))
        reviewer = guest
    else:
        reviewer = tale.who("reviewer")
    _by(tale, reviewer, DeclareConflict(cycle_id=cycle_id, nature="none"))
    tale.by("administrator", AssignReviewer(cycle_id=cycle_id, person=reviewer))
    return reviewer


def _visited(tale: Tale, number: int, reviewer: str, act: Reviewed) -> None:
    """The visit: set, and held on its day."""
    cycle_id = tale.cycles[number]
    on = tale.today + 5 * DAY
    if act.trouble != "remote":
        _by(tale, reviewer, ScheduleSiteReview(cycle_id=cycle_id, on=on, mode="onsite"))
    tale.until(min(on, act.day))
    remote = act.trouble == "remote"
    held: Any = {"mode": "remote", "exception": tale.book.words()} if remote else {"mode": "onsite"}
    roles = ("executive_director", "program_lead", "program_staff")
    told: Any = {"held_on": tale.today, "attendee_roles": roles}
    _by(tale, reviewer, RecordSiteReview(cycle_id=cycle_id, **told, **held))


def _determined(tale: Tale, number: int, reviewer: str, aimed: Aim) -> None:
    """Every practice ruled on: what differs and some others one by one, the rest together."""
    cycle, instrument = tale.cycle(number), tale.instrument(number)
    together: list[str] = []
    for item in [i for i in instrument.items if i.id not in cycle.carried]:
        way = aimed.ways.get(item.id, "")
        if way in ("inapplicable", "refused"):
            _applicable(tale, number, reviewer, item.id, accepted=way == "inapplicable")
            if way == "refused":
                determine(tale, number, reviewer, item.id, "not_verified")
        elif way == "adjusted":
            determine(tale, number, reviewer, item.id, "adjusted", Rating("no"))
        elif way == "unseen":
            determine(tale, number, reviewer, item.id, "not_verified")
        elif way == "lower":
            rating = cycle.answers[item.id].rating
            lower = Rating("yes", 2 if rating is None or rating.quality != 2 else 3)
            determine(tale, number, reviewer, item.id, "adjusted", lower)
        elif item.evidence or tale.chance(0.1):
            determine(tale, number, reviewer, item.id, "confirmed")
        else:
            together.append(item.id)
    if together:
        _by(tale, reviewer, ConfirmItems(cycle_id=cycle.cycle_id, item_ids=tuple(together)))


def determine(
    tale: Tale, number: int, reviewer: str, item_id: str, outcome: Outcome, rating: Rating | None = None
) -> None:
    """One ruling, with a document seen and a reason where one is needed."""
    cycle = tale.cycle(number)
    answer = cycle.answers[item_id]
    seen = tuple(cycle.links.get(item_id, ())[:1]) or tuple(tale.usable()[:1])
    reason: TextRef | None = None if outcome == "confirmed" else tale.book.words()
    event = ItemDeterminationRecorded(
        cycle_id=cycle.cycle_id,
        item_id=item_id,
        outcome=outcome,
        rating=answer.rating if outcome == "confirmed" else rating,
        reviewer=reviewer,
        reason=reason,
        evidence_seen=seen,
    )
    said: dict[str, Any] = {"in_practice": rating and rating.in_practice, "quality": rating and rating.quality}
    command = RecordDetermination(
        cycle_id=cycle.cycle_id, item_id=item_id, outcome=outcome, reason=reason, evidence_seen=seen, **said
    )
    ruled(tale, reviewer, "RecordDetermination", event, command)


def ruled(tale: Tale, reviewer: str, name: str, event: Any, command: Any) -> None:
    """A ruling by the reviewer at hand, noted or asked for."""
    if tale.direct:
        org = tale.affiliate if reviewer != tale.who("reviewer") and reviewer != tale.who("successor") else tale.charge
        tale.book.note(Actor(reviewer, REVIEWER, org), f"program:{tale.program}", name, event)
    else:
        _by(tale, reviewer, command)


def _applicable(tale: Tale, number: int, reviewer: str, item_id: str, *, accepted: bool) -> None:
    told: dict[str, Any] = {"item_id": item_id, "accepted": accepted, "reason": tale.book.words()}
    cycle_id = tale.cycles[number]
    event = NotApplicableRuled(cycle_id=cycle_id, reviewer=reviewer, **told)
    ruled(tale, reviewer, "RuleNotApplicable", event, RuleNotApplicable(cycle_id=cycle_id, **told))


def _succeeded(tale: Tale, number: int) -> str:
    """The reviewer leaves, and a successor takes the determinations over."""
    cycle_id = tale.cycles[number]
    tale.by("administrator", RecuseReviewer(cycle_id=cycle_id, ground="illness"))
    successor = tale.who("successor")
    _by(tale, successor, DeclareConflict(cycle_id=cycle_id, nature="none"))
    tale.by("administrator", AssignReviewer(cycle_id=cycle_id, person=successor))
    cycle = tale.cycle(number)
    items = tuple(i for i in cycle.review.determinations if i not in cycle.carried)
    _by(tale, successor, AdoptDeterminations(cycle_id=cycle_id, item_ids=items))
    return successor


def _looked_again(tale: Tale, number: int, reviewer: str, act: Reviewed) -> None:
    """After the evidence was reopened: so many practices more are found in place as the act says."""
    cycle = tale.cycle(number)
    open_gaps = gaps(cycle, tale.instrument(number))
    designated = [i for i in open_gaps if _in_set(tale, number, i)]
    others = [i for i in open_gaps if i not in designated]
    fixed = designated[: len(designated) - act.found.designated]
    fixed += others[: len(others) - (act.found.gaps - act.found.designated)]
    for item_id in fixed:
        own = cycle.answers[item_id].rating
        if own is not None and own.in_practice == "yes":
            determine(tale, number, reviewer, item_id, "confirmed")
        else:
            determine(tale, number, reviewer, item_id, "adjusted", Rating("yes", 3))


def _in_set(tale: Tale, number: int, item_id: str) -> bool:
    item = tale.instrument(number).item(item_id)
    return item is not None and "designated" in item.sets


def _findings(tale: Tale, number: int, reviewer: str, act: Reviewed) -> None:
    cycle = tale.cycle(number)
    known = tale.policy(cycle.access.policy).evaluator_findings if cycle.access else ()
    for finding in known if act.found.identified else ():
        if finding not in cycle.review.findings:
            told: Any = {"finding": finding, "reason": tale.book.words()}
            _by(tale, reviewer, RecordEvaluatorFinding(cycle_id=cycle.cycle_id, **told))


# --- the plan -----------------------------------------------------------------------------------------------------


def _planned(tale: Tale, number: int, reviewer: str) -> None:
    """A goal for everything that is not in place and some to innovate, agreed to by both sides."""
    cycle = tale.cycle(number)
    rule = tale.policy(cycle.access.policy).plan if cycle.access else None
    if rule is None:
        return
    if cycle.plan is None:
        _by(tale, reviewer, DraftPlan(cycle_id=cycle.cycle_id))
    start, ends = tale.today + 2 * DAY, add(tale.today + 2 * DAY, f"P{rule.months or 12}M")
    _goals(tale, number, start, ends)
    _by(tale, reviewer, ProposePlan(cycle_id=cycle.cycle_id, starts_on=start, ends_on=ends))
    plan = tale.cycle(number).plan
    if plan is not None and not plan.adopted:
        tale.by("lead", AdoptPlan(cycle_id=cycle.cycle_id, plan_digest=plan.digest))


def _goals(tale: Tale, number: int, start: Any, ends: Any) -> None:
    cycle = tale.cycle(number)
    plan = cycle.plan
    known = dict(plan.goals) if plan else {}
    told: Any = {"start_on": start, "owner_role": "program_lead"}
    for goal_id, goal in known.items():  # of an earlier agreement: dated anew
        again: Any = {"item_ids": goal.item_ids, "baseline": goal.baseline, "target": goal.target}
        due = start + (ends - start) * 3 // 4
        words: Any = {"actions": tale.book.words(), "due_on": due}
        tale.by("staff", SetGoal(cycle_id=cycle.cycle_id, goal_id=goal_id, **told, **again, **words))
    covered = {i for g in known.values() for i in g.item_ids}
    missing = [(i, 0, 2) for i in gaps(cycle, tale.instrument(number)) if i not in covered]
    others = [i for i in cycle.review.determinations if i not in covered and i not in {m[0] for m in missing}]
    wanted = 0 if known else 5
    better = [(tale.pick(others), 3, 5) for _ in range(wanted) if others]
    for item_id, baseline, target in [*missing, *better]:
        due = start + (ends - start) * (5 + int(tale.book.draw.random() * 5)) // 10
        goal: Any = {"item_ids": (item_id,), "baseline": baseline, "target": target, "due_on": due}
        tale.by("staff", SetGoal(cycle_id=cycle.cycle_id, actions=tale.book.words(), **told, **goal))
    if better and tale.chance(0.2):
        goals = tale.cycle(number).plan
        last = list(goals.goals)[-1] if goals else ""
        tale.by("staff", DropGoal(cycle_id=cycle.cycle_id, goal_id=last, reason=tale.book.words()))


def _summed_up(tale: Tale, number: int, reviewer: str, act: Reviewed) -> None:
    """The summary and the program's reply, where the policy gives time for one."""
    cycle = tale.cycle(number)
    days = tale.policy(cycle.access.policy).review.reply_days if cycle.access else 0
    if not days or cycle.review.summary:
        return
    told: Any = {"summary": tale.book.words(), "strengths": ("A1",)}
    _by(tale, reviewer, IssueReviewSummary(cycle_id=cycle.cycle_id, **told))
    tale.until(min(tale.today + 5 * DAY, act.day))
    tale.by("lead", RecordProgramResponse(cycle_id=cycle.cycle_id, response=tale.book.words()))


def _confirmed_others(tale: Tale, number: int) -> None:
    cycle = tale.cycle(number)
    if cycle.access and asks_for(tale.policy(cycle.access.policy), "support_completed"):
        tale.by("administrator", ConfirmSupportCompleted(cycle_id=cycle.cycle_id))
        tale.by("administrator", ConfirmOtherRequirements(cycle_id=cycle.cycle_id))
