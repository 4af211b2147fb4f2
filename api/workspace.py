"""The workspace of one program: where it stands, what is missing, whose turn it is. Read from the program's own stream."""

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from api.plain import plain
from api.worklist import open_tasks
from domain.assessment import missing
from domain.carrying import carried_marks
from domain.determination import gaps, undetermined
from domain.instrument.model import Instrument
from domain.plan import uncovered
from domain.policy.model import Policy
from domain.program import ENDED, Cycle, Program
from domain.signature import FORM_CODE_LENGTH
from domain.status import on_day, timeline
from domain.term import last_valid
from infra.ledger import Ledger
from infra.mapper import Recorded
from infra.shelf import LedgerShelf
from projections.waiting import Asks, waiting


def workspace(ledger: Ledger, program: Program, history: list[Recorded], as_of: date | None = None) -> dict[str, Any]:
    """Everything that somebody at work on a program asks for first. ``as_of``: the day for what it holds."""
    shelf = ledger.shelf()
    affiliate = shelf.affiliate(program.listing.affiliate)
    zone = affiliate.timezone if affiliate else "UTC"
    day = as_of or ledger.now().astimezone(ZoneInfo(zone)).date()
    return {
        "program_id": program.program_id,
        "version": program.version,
        "as_of": day.isoformat(),
        "listing": plain(program.listing),
        "people": {person: list(p.roles) for person, p in program.people.items() if p.roles},
        "memberships": plain(program.memberships),
        "standing": [_standing(program, scheme, day) for scheme in dict.fromkeys(h.scheme for h in program.holdings)],
        "cycles": [_cycle(program, cycle, shelf, zone) for cycle in program.cycles.values()],
        "assistance": [{"ta_id": ta_id, **_assistance(ta)} for ta_id, ta in program.assistance.items()],
        "documents": {d: _document(one) for d, one in program.documents.items()},
        "open_questions": list(program.questions),
        "reports": {
            r: {"cycle_id": one.cycle_id, "shared_with": sorted(one.shares)} for r, one in program.reports.items()
        },
        "withdrawable": {str(version): act.published_name() for version, act in program.acts.items()},
        "tasks": open_tasks(program, asked_in(program, shelf), shelf, day),
        **turn(program, shelf, history),
    }


def turn(program: Program, shelf: LedgerShelf, history: list[Recorded]) -> dict[str, Any]:
    """Whose turn it is, since when, and by which request."""
    asks = asked_in(program, shelf)
    now = waiting(program, next(iter(asks.values()), None))
    since = history[-1].recorded_at.isoformat() if history else None
    if now is None:
        return {"waiting_on": None, "next_act": None, "since": since}
    return {"waiting_on": now.role.value, "next_act": now.command, "cycle_id": now.cycle_id, "since": since}


def asked_in(program: Program, shelf: LedgerShelf) -> dict[str, Asks | None]:
    """What the policies ask of the cycles under way, the earliest first; None where no policy is in force."""
    under_way = [c for c in program.cycles.values() if c.phase not in ENDED]
    known = {c.cycle_id: (c, rules(program, c, shelf)) for c in under_way}
    return {cycle_id: Asks.of(policy, c.kind) if policy else None for cycle_id, (c, policy) in known.items()}


def rules(program: Program, cycle: Cycle, shelf: LedgerShelf) -> Policy | None:
    """The policy a cycle is pinned to; until access the last one published of its scheme."""
    if cycle.access:
        return shelf.policy(cycle.access.policy)
    scheme = shelf.scheme(cycle.scheme)
    ref = scheme.in_force(date.max) if scheme else None
    return shelf.policy(ref) if ref else None


def _standing(program: Program, scheme: str, day: date) -> dict[str, Any]:
    """What holds under a scheme on a day, with the days of that stretch and, beside a measure, of the term."""
    now = on_day(timeline(program.holdings, program.measures, scheme), day)
    if now is None:
        nothing = ("tier", "label", "since", "through", "term_through", "provenance", "decision_id", "measure_id")
        return {"scheme": scheme, "status": "none", **dict.fromkeys(nothing)}
    held = now.holding
    return {
        "scheme": scheme,
        "status": now.status,
        "tier": f"{scheme}/{held.tier}",
        "label": held.label,
        "since": now.since.isoformat(),
        "through": last_valid(now.until).isoformat() if now.until else None,
        "term_through": last_valid(held.expires_on).isoformat() if held.expires_on else None,
        "provenance": held.provenance,
        "decision_id": held.decision_id,
        "measure_id": now.measure_id,
    }


def _assistance(ta: Any) -> dict[str, Any]:
    told: dict[str, Any] = plain(ta)
    if ta.mou:
        told["mou"] = {**told["mou"], "form_code": ta.mou.covers[:FORM_CODE_LENGTH]}
    return told


def _document(one: Any) -> dict[str, Any]:
    return {"digest": one.digest, "scan": one.scan, "state": one.state, "frozen": one.frozen}


def _cycle(program: Program, cycle: Cycle, shelf: LedgerShelf, zone: str) -> dict[str, Any]:
    instrument = shelf.instrument(cycle.access.instrument) if cycle.access else None
    told: dict[str, Any] = {
        "cycle_id": cycle.cycle_id,
        "scheme": cycle.scheme,
        "kind": cycle.kind,
        "phase": cycle.phase.value,
        "policy": plain(cycle.access.policy) if cycle.access else None,
        "instrument": plain(cycle.access.instrument) if cycle.access else None,
        "submissions": len(cycle.submissions),
        "waived_gates": sorted(cycle.waived),
        "decider": cycle.decider,
        "reviewer": cycle.review.reviewer,
        "declarations": {person: d.nature for person, d in cycle.declarations.items()},
        "statement": _statement(cycle),
        "plan": _plan(cycle),
    }
    if instrument is None:
        return told
    return {
        **told,
        "answers": {i: plain(a) for i, a in cycle.answers.items()},
        "links": {i: list(ids) for i, ids in cycle.links.items() if ids},
        "progress": _progress(cycle, instrument),
        "carried_from": cycle.carried_from,
        "carried": carried_marks(cycle, program, instrument),
        "missing": {k: list(v) for k, v in msgspec.structs.asdict(missing(program, cycle, instrument)).items()},
        "undetermined": undetermined(cycle, instrument) if cycle.review.assigned else [],
        "uncovered": uncovered(cycle, gaps(cycle, instrument)) if cycle.review.determinations else [],
    }


def _progress(cycle: Cycle, instrument: Instrument) -> list[dict[str, Any]]:
    """How many items of each section are answered, and how many the review has ruled on."""
    told: list[dict[str, Any]] = []
    for section in instrument.sections:
        ids = [item.id for area in section.sub_areas for item in area.items]
        answered = sum(1 for i in ids if i in cycle.answers and cycle.answers[i].rating)
        ruled = sum(1 for i in ids if i in cycle.review.determinations)
        counts = {"items": len(ids), "answered": answered, "determined": ruled}
        told.append({"section": section.code, "title": section.title, **counts})
    return told


def _statement(cycle: Cycle) -> dict[str, Any] | None:
    if cycle.statement is None:
        return None
    return {**plain(cycle.statement), "form_code": cycle.statement.covers[:FORM_CODE_LENGTH]}


def _plan(cycle: Cycle) -> dict[str, Any] | None:
    return plain(cycle.plan) if cycle.plan else None
