"""What follows a decision, for those entitled: appeals of a program and across programs, and the plan's progress."""

from datetime import date
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response

from api.asked import AsKnown, AsOf, AtLeast, Cursor, Limit, known_position, waited
from api.commands import Subject
from api.disclosure import Disclosure, staff_list
from api.identity import Asking
from api.partners import Word
from api.plain import plain
from api.problems import responses
from api.queries import read_program
from domain.appeal import AppealDismissed, AppealFiled, AppealWithdrawn
from domain.hearing import AppealDecided
from domain.program import Cycle, Plan, Program
from domain.progress import due_on, last_report, overdue, plan_status, reached
from infra.mapper import Recorded
from infra.wiring import Service

routes = APIRouter(tags=["programs"])
PROBLEMS = responses(401, 403, 404, 422, 503)


class AppealState(StrEnum):
    """How far an appeal has come."""

    FILED = "filed"
    ADMITTED = "admitted"
    PANEL_NAMED = "panel_named"
    DECIDED = "decided"
    DISMISSED = "dismissed"
    WITHDRAWN = "withdrawn"


def today_of(service: Service, program: Program) -> date:
    """The day it is where the program's affiliate is."""
    affiliate = service.ledger.shelf().affiliate(program.listing.affiliate)
    return service.ledger.now().astimezone(ZoneInfo(affiliate.timezone if affiliate else "UTC")).date()


def appeals_of(program: Program, history: list[Recorded]) -> list[dict[str, Any]]:
    """Every appeal of a program, the latest first, with markers for words."""
    told: list[dict[str, Any]] = []
    for appeal_id, appeal in reversed(program.appeals.items()):
        about = [r.event for r in history if getattr(r.event, "appeal_id", None) == appeal_id]
        filed = next(e for e in about if isinstance(e, AppealFiled))
        end = next((e for e in about if isinstance(e, AppealDecided | AppealDismissed | AppealWithdrawn)), None)
        known = {name: value for name, value in plain(appeal).items() if name != "filed"}
        asked = {"grounds": list(filed.grounds), "stays": filed.stays, "statement": str(filed.statement)}
        told.append({"appeal_id": appeal_id, **known, **asked, **_ended(end)})
    return told


def _ended(end: AppealDecided | AppealDismissed | AppealWithdrawn | None) -> dict[str, Any]:
    """How an appeal came to its end, if it has."""
    match end:
        case AppealDecided():
            said = end.outcome, end.decided_on, end.reasons
        case AppealDismissed():
            said = f"dismissed: {end.ground}", end.ended_on, end.reason
        case AppealWithdrawn():
            said = "withdrawn", end.ended_on, None
        case None:
            said = None, None, None
    outcome, day, reasons = said
    return {"outcome": outcome, "ended_on": plain(day), "reasons": str(reasons) if reasons else None}


@routes.get("/programs/{id}/appeals", operation_id="appeals-of", summary="A program's appeals.", responses=PROBLEMS)
def program_appeals(
    request: Request,
    response: Response,
    id: Subject,  # noqa: A002  the name in the address
    asking: Asking,
    as_known: AsKnown = None,
) -> dict[str, Any]:
    """Every appeal with its grounds, its panel, and what came of it."""
    service: Service = request.app.state.service
    program, history = read_program(request, id, asking, known_position(service, as_known))
    told = appeals_of(program, history)
    people = {one for appeal in told for one in (*appeal["panel"], *appeal["declared"])}
    disclosure = Disclosure(service.vault)
    words = disclosure.reveal([{name: one[name] for name in ("statement", "reasons")} for one in told])
    response.headers["Cache-Control"] = "private, no-cache"
    appeals = [{**one, **said} for one, said in zip(told, words, strict=True)]
    return {"appeals": appeals, "names": disclosure.names(people)}


@routes.get("/appeals", operation_id="appeals", summary="Appeals, the latest first.", responses=PROBLEMS)
def appeals(
    request: Request,
    asking: Asking,
    affiliate: Word = None,
    state: AppealState | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    at_least: AtLeast = None,
) -> dict[str, Any]:
    """By affiliate and state; for the affiliate's staff and the national body."""
    service: Service = request.app.state.service
    mine = staff_list(service, asking, affiliate, "Appeals")
    waited(service, at_least)
    page = service.matters.appeals(affiliate=mine, state=state, cursor=cursor, limit=limit)
    return {"appeals": [plain(row) for row in page.rows], "next": page.next}


def plans_of(program: Program, day: date) -> list[dict[str, Any]]:
    """Every plan of a program, the latest first, as it stands on a day; with markers for words."""
    return [_plan(cycle, cycle.plan, day) for cycle in reversed(program.cycles.values()) if cycle.plan]


def _plan(cycle: Cycle, plan: Plan, day: date) -> dict[str, Any]:
    names = ("plan_id", "form", "starts_on", "ends_on", "extended_from", "outcome")
    late = overdue(plan, day)
    return {
        "cycle_id": cycle.cycle_id,
        "scheme": cycle.scheme,
        **{name: plain(getattr(plan, name)) for name in names},
        "status": plan_status(plan, day),
        "goals": [_goal(plan, goal_id, overdue=goal_id in late) for goal_id in plan.goals],
    }


def _goal(plan: Plan, goal_id: str, *, overdue: bool) -> dict[str, Any]:
    goal, last = plan.goals[goal_id], last_report(plan, goal_id)
    names = ("item_ids", "baseline", "target", "start_on", "owner_role")
    return {
        "goal_id": goal_id,
        **{name: plain(getattr(goal, name)) for name in names},
        "due_on": plain(due_on(plan, goal)),
        "actions": str(goal.actions),
        "achieved": last.achieved if last else None,
        "reported_by": last.reported_by if last else None,
        "verified": reached(plan, goal_id),
        "overdue": overdue,
    }


@routes.get("/programs/{id}/plan", operation_id="plan-of", summary="How far the plan has come.", responses=PROBLEMS)
def program_plan(
    request: Request,
    response: Response,
    id: Subject,  # noqa: A002  the name in the address
    asking: Asking,
    as_of: AsOf = None,
    as_known: AsKnown = None,
) -> dict[str, Any]:
    """Each goal with baseline, target, what was reached and verified, and what is overdue on the day."""
    service: Service = request.app.state.service
    program, _ = read_program(request, id, asking, known_position(service, as_known))
    day = as_of or today_of(service, program)
    response.headers["Cache-Control"] = "private, no-cache"
    disclosure, told = Disclosure(service.vault), plans_of(program, day)
    actions = iter(disclosure.told([goal["actions"] for plan in told for goal in plan["goals"]]))
    plans = [{**plan, "goals": [{**goal, "actions": next(actions)} for goal in plan["goals"]]} for plan in told]
    people = {goal["reported_by"] for plan in told for goal in plan["goals"]} - {None}
    return {"as_of": day.isoformat(), "plans": plans, "names": disclosure.names(people)}
