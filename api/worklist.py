"""The work list: what is to be done about programs, by which part, until when (M21)."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request

from api.asked import AsOf, AtLeast, Cursor, Limit, waited
from api.disclosure import in_charge_of, staff_list
from api.identity import Asking, Visitor
from api.partners import Word
from api.plain import plain
from api.problems import Problem, responses
from domain import COMMANDS
from domain.affiliate import Affiliate
from domain.language import Role
from domain.policy.model import Policy
from domain.program import Program
from domain.values import PolicyRef
from infra.matters import Chosen
from infra.reading import Page
from infra.shelf import LedgerShelf
from infra.wiring import Service
from projections.matters import REENGAGE, Task
from projections.tasks import Rules, dated, stands, tasks
from projections.waiting import Asks
from projections.worklist import Assigned, Place

routes = APIRouter(tags=["programs"])
PROBLEMS = responses(401, 403, 422, 503)
SAYS = {
    REENGAGE: "Look at the program again, as the scheme lays down for this time of the term.",
    "review_suspension": "Look at the suspension again, and lift it if its ground is gone.",
    "renew": "Ask for the renewal before the term ends.",
}
"""Tasks in words, where the request that does them does not say it all."""


def rules_in(shelf: LedgerShelf, day: date) -> list[Rules]:
    """The rules of every scheme: each published version, and under no name the one in force."""
    told: list[Rules] = []
    for scheme in shelf.schemes():
        refs = {p.version: PolicyRef(scheme.code, p.version, p.sha256) for p in scheme.published}
        now = scheme.in_force(day)
        for version, ref in [*refs.items(), *([("", now)] if now else [])]:
            told += [_rules(scheme.code, version, policy)] if (policy := shelf.policy(ref)) else []
    return told


def _rules(scheme: str, version: str, policy: Policy) -> Rules:
    opens = policy.renewal.opens_before if policy.renewal else None
    window = policy.term.reassessment
    looks, due = (window.opens, window.due) if window else (None, None)
    return Rules(scheme, version, opens, looks, due, policy.surveillance.annual_check_in)


def say(task: str, act: str | None) -> str:
    """What is to be done, in words."""
    return SAYS.get(task) or (COMMANDS[act or ""].__doc__ or "").partition("\n")[0]


def open_tasks(
    program: Program, asks: Mapping[str, Asks | None], shelf: LedgerShelf, day: date
) -> list[dict[str, Any]]:
    """What is to be done about one program on a day."""
    rules = {(r.scheme, r.version): r for r in rules_in(shelf, day)}
    every = (dated(task, rules.get((task.scheme, task.rules))) for task in tasks(program, asks))
    return [_task(task, day) for task in every if task and stands(task, day)]


def _task(task: Task, day: date) -> dict[str, Any]:
    names = ("task", "act", "about", "scheme", "from_on", "due_on", "last_on")
    told = {name: plain(getattr(task, name)) for name in names}
    late = task.due_on is not None and task.due_on < day
    told["scheme"] = task.scheme or None
    return {"role": task.role.value, **told, "overdue": late, "says": say(task.task, task.act)}


def asked_for(service: Service, chosen: Chosen, cursor: str | None = None, limit: int = 50) -> Page[Assigned]:
    """A page of the work list."""
    shelf, now = service.ledger.shelf(), service.ledger.now()
    places = [Place(a.affiliate_id, a.timezone) for a in shelf.affiliates()]
    day = chosen.as_of or now.astimezone(ZoneInfo("UTC")).date()
    rules = rules_in(shelf, day)
    return service.matters.worklist(chosen, rules, places, now=now, cursor=cursor, limit=limit)


def told(row: Assigned) -> dict[str, Any]:
    """One line of the work list."""
    return {**plain(row), "scheme": row.scheme or None, "says": say(row.task, row.act)}


@routes.get(
    "/worklist", operation_id="worklist", summary="What is to be done, the most urgent first.", responses=PROBLEMS
)
def worklist(
    request: Request,
    asking: Asking,
    affiliate: Word = None,
    role: Annotated[Role | None, Query(description="The part whose turn it is.")] = None,
    overdue: Annotated[bool, Query(description="Only what is late on the day.")] = False,
    as_of: AsOf = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    at_least: AtLeast = None,
) -> dict[str, Any]:
    """By affiliate and part, on a day: whoever's turn it is, notices and appeals that wait, plans, terms that come round.

    For the affiliate's staff and the national body; the deciders to whom an affiliate delegates see what waits for one.
    """
    service: Service = request.app.state.service
    mine = _whose(service, asking, affiliate, role)
    waited(service, at_least)
    chosen = Chosen(mine, role.value if role else None, overdue=overdue, as_of=as_of)
    page = asked_for(service, chosen, cursor, limit)
    return {"tasks": [told(row) for row in page.rows], "next": page.next, "as_of": as_of.isoformat() if as_of else None}


def _whose(service: Service, asking: Visitor, affiliate: str | None, role: Role | None) -> str | None:
    try:
        return staff_list(service, asking, affiliate, "Tasks")
    except Problem:
        named: Affiliate | None = service.ledger.shelf().affiliate(affiliate) if affiliate else None
        if named is None or role is not Role.DECIDER or not _delegated(service, named, asking.acting):
            raise
        return named.affiliate_id


def _delegated(service: Service, affiliate: Affiliate, person: str) -> bool:
    """Whether an affiliate lets a person's colleagues decide for it now."""
    today = service.ledger.now().astimezone(ZoneInfo(affiliate.timezone)).date()
    running = affiliate.delegated_until is not None and today <= affiliate.delegated_until
    return running and affiliate.delegated_to in in_charge_of(service, person)
