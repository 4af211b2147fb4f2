"""The domain: from a mentoring program's registration to a tier, as facts, requests and rules.

``STAGES`` are the stages in the order of the process. ``decide`` answers a request with facts or a refusal;
``evolve`` folds a fact into the state. Both are pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec

from domain import (
    access,
    admission,
    adverse,
    affiliate,
    appeal,
    assessment,
    assistance,
    benefits,
    calendar,
    carrying,
    changes,
    closure,
    complaint,
    concern,
    correction,
    decision,
    determination,
    documents,
    due,
    erasure,
    evidence,
    extension,
    grant,
    hearing,
    impartiality,
    interests,
    listing,
    membership,
    memorandum,
    notice,
    offers,
    opening,
    outsiders,
    participation,
    plan,
    progress,
    publishing,
    report,
    reversal,
    review,
    snapshot,
    statement,
    status,
    support,
    surveillance,
    transfer,
)
from domain.affiliate import Affiliate
from domain.authority import acting
from domain.calendar import Calendar
from domain.complaint import Complaint
from domain.erasure import Erasure
from domain.language import (
    Actor,
    Claim,
    Command,
    Context,
    Event,
    Kind,
    Reason,
    Refusal,
    Refused,
    Role,
    Stage,
    refusal,
)
from domain.program import Program
from domain.publishing import Family, Scheme

__all__ = ["ARMS", "COMMANDS", "EVENTS", "STAGES", "Decided", "decide", "evolve", "fold", "initial"]

STAGES: tuple[Stage, ...] = (
    opening.stage,
    publishing.instruments,
    publishing.policies,
    affiliate.stage,
    interests.stage,
    offers.stage,
    listing.stage,
    membership.stage,
    participation.stage,
    access.stage,
    carrying.stage,
    assistance.stage,
    memorandum.stage,
    assessment.stage,
    documents.stage,
    support.stage,
    impartiality.stage,
    outsiders.stage,
    determination.stage,
    review.stage,
    plan.stage,
    statement.stage,
    evidence.stage,
    grant.stage,
    decision.stage,
    admission.stage,
    status.stage,
    extension.stage,
    notice.stage,
    adverse.stage,
    appeal.stage,
    reversal.stage,
    hearing.stage,
    due.stage,
    calendar.stage,
    snapshot.stage,
    benefits.stage,
    progress.stage,
    surveillance.stage,
    report.stage,
    changes.stage,
    closure.stage,
    transfer.stage,
    complaint.stage,
    concern.stage,
    correction.stage,
    erasure.stage,
)

SUBJECT_UNKNOWN = refusal("SUBJECT_UNKNOWN", Kind.UNKNOWN, "There is no {aggregate} {subject}.")
PROGRAM_CLOSED = refusal(
    "PROGRAM_CLOSED",
    Kind.OUT_OF_ORDER,
    "The program's listing is {state}; to a program that was declined, merged or discontinued nothing can be added.",
)
CLOSED = ("declined", "merged", "discontinued")
"""With these a listing has ended."""
NOBODY = Actor("p_public", Role.PUBLIC, "public")
"""Who is recorded where who asks is kept out of the record."""


def _merged(attribute: str) -> MappingProxyType[Any, Any]:
    """One registry out of all stages'; a key that two stages claim is an error."""
    merged: dict[Any, Any] = {}
    for stage in STAGES:
        for key, value in getattr(stage, attribute).items():
            if key in merged:
                raise ValueError(f"{key.__name__} belongs to two stages")
            merged[key] = value
    return MappingProxyType(merged)


RULES = _merged("rules")
ARMS = _merged("arms")
correction.UNDOING.update(_merged("undoing"))

EVENTS: MappingProxyType[str, type[Event]] = MappingProxyType({e.published_name(): e for e in ARMS})
"""Every published type of fact, by the name under which it is stored."""
COMMANDS: MappingProxyType[str, type[Command]] = MappingProxyType({c.__name__: c for c in RULES})
"""Every request, by its name."""


def initial(aggregate: str, subject: str) -> Any:
    """The state of a stream that has no facts yet."""
    match aggregate:
        case "program":
            return Program(program_id=subject)
        case "affiliate":
            return Affiliate(affiliate_id=subject)
        case "policy":
            return Scheme(code=subject)
        case "instrument":
            return Family(code=subject)
        case "complaint":
            return Complaint(complaint_id=subject)
        case "calendar":
            return Calendar(zone=subject)
        case "erasure":
            return Erasure(person=subject)
        case _:
            raise ValueError(f"there are no streams of the kind {aggregate!r}")


def evolve(state: Any, event: Event, version: int) -> Any:
    """The state after one more fact, which is the ``version``-th of its stream."""
    state = msgspec.structs.replace(ARMS[type(event)](state, event, version), version=version)
    if type(event) in correction.UNDOING:
        state = msgspec.structs.replace(state, acts={**state.acts, version: event})
    return state


def fold(state: Any, events: Iterable[Event]) -> Any:
    """The state after further facts, numbered on from the state's version."""
    for version, event in enumerate(events, start=state.version + 1):
        state = evolve(state, event, version)
    return state


@dataclass(frozen=True)
class Decided:
    """A yes: who acted in which part, the facts, and the values claimed."""

    actor: Actor
    events: tuple[Event, ...]
    claims: tuple[Claim, ...]


def decide(state: Any, command: Command, ctx: Context) -> Decided | Refusal:
    """The answer to a request: facts to be recorded, or everything that speaks against it."""
    try:
        _subject(state, command)
        ctx = acting(state, command, ctx)
        outcomes = tuple(RULES[type(command)](state, command, ctx))
    except Refused as refused:
        return refused.refusal
    events = tuple(o for o in outcomes if isinstance(o, Event))
    actor = NOBODY if command.anonymous else ctx.actor
    return Decided(actor, events, tuple(o for o in outcomes if isinstance(o, Claim)))


def _subject(state: Any, command: Command) -> None:
    if not state.version and not command.creates:
        subject = next(iter(msgspec.structs.astuple(state)))
        raise Refused(Reason(SUBJECT_UNKNOWN, {"aggregate": command.aggregate, "subject": subject}))
    if isinstance(state, Program) and state.listing.state in CLOSED and not command.when_closed:
        raise Refused(Reason(PROGRAM_CLOSED, {"state": state.listing.state}))
