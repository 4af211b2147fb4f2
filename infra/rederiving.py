"""Every decision derived again: each recorded evaluation from the events before it, each decision from its evaluation.

A program's decisions rest on its own events and on what is published, so programs can be shared out among processes.
"""

import sys
from collections.abc import Callable, Sequence

import msgspec

from domain import evolve, initial
from domain.decision import TierDecisionDeferred, TierDenied
from domain.evidence import TierEligibilityEvaluated, rederive
from domain.grant import TierGranted
from domain.reversal import DecisionCorrected
from infra.database import connect
from infra.ledger import Ledger
from infra.mapper import decode
from infra.processes import answers, beside, cores, ordered
from infra.recorder import LedgerRecorder

Decision = TierGranted | TierDenied | TierDecisionDeferred
"""The decisions that rest on an evaluation of the evidence; a correction rests on one too."""
ALONE = 100
"""Fewer programs are looked through by this process alone: others would hardly have started."""
HELPER = "infra.rederiving"


class Order(msgspec.Struct):
    """Which programs of which ledger, up to which position."""

    address: str
    programs: tuple[str, ...]
    head: int


class Rederived(msgspec.Struct):
    """How many decisions a program had, and everything that came out different."""

    program: str
    decisions: int = 0
    divergences: list[str] = []


def rederived(
    ledger: Ledger, address: str, programs: Sequence[str], head: int, told: Callable[[int], object]
) -> list[Rederived]:
    """What comes of each program, in their order. ``told``: how many are done; ``address``: of the ledger's database,
    for further processes where that is worth while."""
    found: dict[str, Rederived] = {}

    def take(one: Rederived) -> None:
        found[one.program] = one
        told(len(found))

    count = cores() if len(programs) >= ALONE else 1
    if count > 1:
        orders = [Order(address, tuple(programs[n::count]), head) for n in range(count)]
        with beside(HELPER, [msgspec.json.encode(order) for order in orders]) as processes:
            for line in answers(processes):
                take(msgspec.json.decode(line, type=Rederived))
    # What is left where there are no others, or where they were ended.
    for program in programs:
        if program not in found:
            take(_rederived(ledger, program, head))
    return [found[program] for program in programs]


def _rederived(ledger: Ledger, program: str, head: int) -> Rederived:
    said = Rederived(program)
    try:
        _derive(ledger, program, head, said)
    except (LookupError, ValueError, AttributeError, msgspec.MsgspecError) as error:
        said.divergences.append(f"program:{program}: it cannot be derived: {type(error).__name__}: {error}")
    return said


def _derive(ledger: Ledger, program: str, head: int, said: Rederived) -> None:
    shelf = ledger.shelf()
    state = initial("program", program)
    evaluated: dict[int, TierEligibilityEvaluated] = {}
    granted: dict[str, str] = {}
    # Straight from the ledger: what is remembered of a stream was read before somebody may have changed it.
    for version, kind, fields in ledger.recorder.read_states(f"program:{program}", upto_position=head):
        event = decode(kind, fields)
        faults: list[str | None] = []
        if isinstance(event, TierEligibilityEvaluated):
            evaluated[version] = event
            faults += _evaluated_amiss(event, version, rederive(state, shelf, event))
        if isinstance(event, Decision):
            said.decisions += 1
            faults.append(_unfounded(event, evaluated.get(event.evaluation)))
        if isinstance(event, TierGranted):
            granted[event.decision_id] = event.tier
        if isinstance(event, DecisionCorrected):
            said.decisions += 1
            faults.append(_uncorrected(event, evaluated.get(event.evaluation), granted))
        said.divergences += [f"program:{program}@{version}: {fault}" for fault in faults if fault]
        state = evolve(state, event, version)


def _evaluated_amiss(event: TierEligibilityEvaluated, version: int, different: Sequence[str]) -> list[str | None]:
    through = event.through_version
    late = f"evaluated up to {through}, not up to the event before it" if through != version - 1 else None
    return [late, f"derived again, these differ: {', '.join(different)}" if different else None]


def _unfounded(event: Decision, evaluated: TierEligibilityEvaluated | None) -> str | None:
    """Why a decision does not follow from its evaluation, if it does not."""
    if evaluated is None or evaluated.decision_id != event.decision_id:
        return "it names no evaluation of its own"
    carried = evaluated.evaluation.of(event.tier).result == "true"
    if isinstance(event, TierGranted) and not carried:
        return f"{event.tier} was granted, but the evidence does not carry it"
    return (
        f"{event.tier} was denied, but the evidence carries it" if isinstance(event, TierDenied) and carried else None
    )


def _uncorrected(
    event: DecisionCorrected, evaluated: TierEligibilityEvaluated | None, granted: dict[str, str]
) -> str | None:
    """Why the correction of a grant does not follow from the evidence as it was looked at again, if it does not."""
    if evaluated is None or evaluated.decision_id != event.decision_id:
        return "it names no evaluation of the decision that it corrects"
    tier = granted.get(event.decision_id)
    if tier is None:
        return "it corrects a decision that granted nothing"
    carried = evaluated.evaluation.of(tier).result == "true"
    return None if carried else f"{tier} was corrected, but the evidence does not carry it any more"


def main() -> None:
    """Work off the order that comes by the standard input, telling of each program in a line."""
    order = msgspec.json.decode(ordered(), type=Order)
    with connect(order.address, None) as database:
        ledger = Ledger(LedgerRecorder(database))
        for program in order.programs:
            sys.stdout.buffer.write(msgspec.json.encode(_rederived(ledger, program, order.head)) + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
