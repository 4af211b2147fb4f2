"""The text form of an explanation: the sentence to rely on first, then criteria, then the events behind every leaf."""

from collections.abc import Iterator

from api.proof import Cited, Explanation, Proof, Ruled

_CARRIED = {"rating": "rated in an earlier cycle", "determination": "rated and determined in an earlier cycle"}
_MET = {"true": "met", "false": "not met", "unknown": "not known"}


def lines(e: Explanation, *, full: bool = False) -> Iterator[str]:
    """The explanation, line by line. Where something is missing, only that is named, unless ``full``."""
    yield e.answer
    if e.gaps and not full:
        yield ""
        yield from _missing(e)
        yield from _acts(e, brief=True)
        return
    if e.not_a_claim:
        yield f"What it does not mean: {e.not_a_claim}"
    yield from _decision(e)
    yield from _beside(e)
    yield from _acts(e)
    if e.tiers:
        yield ""
        yield "CRITERIA"
        for tier in e.tiers:
            yield f"  {tier.label} ({tier.tier}): {_MET[tier.result]}"
            yield from _criteria(tier.proof, 2)
        yield ""
        yield "EVIDENCE"
        seen: set[tuple[str, str]] = set()
        for tier in e.tiers:
            yield from _evidence(tier.proof, seen)
    elif e.events:
        yield ""
        yield from (f"  {_event(one)}" for one in e.events)


def text(e: Explanation, *, full: bool = False) -> str:
    """The whole explanation as one text."""
    return "\n".join(lines(e, full=full))


def _missing(e: Explanation) -> Iterator[str]:
    yield "MISSING"
    for gap in dict.fromkeys((g.says, g.basis) for g in e.gaps):
        yield f"  {gap[0]}  [{gap[1]}]"


def _decision(e: Explanation) -> Iterator[str]:
    d = e.decision
    if d is None:
        return
    rules = " and ".join(one for one in (d.policy, d.instrument) if one)
    under = f" under {rules}" if rules else ""
    yield ""
    yield f"Decision {d.decision_id}: {d.outcome} on {d.decided_on} by {d.decider}{under}."
    if d.reason:
        yield f"Reason given: {d.reason}"
    if d.same_when_rederived is None:
        return
    same = "with the same result" if d.same_when_rederived else "WITH ANOTHER RESULT"
    yield f"Derived again from the first {d.through_version} events of the program {same}."


def _beside(e: Explanation) -> Iterator[str]:
    ruled = e.confirmed_singly + e.confirmed_together
    if ruled:
        yield f"Items confirmed one by one with evidence seen: {e.confirmed_singly}; confirmed together: {e.confirmed_together}."
    if e.carried and e.carried_by:
        by = f"event {e.carried_by.version}, {e.carried_by.day}"
        yield f"Of these, {e.carried} stand as they were confirmed in an earlier cycle, carried over by {by}."
    if e.not_applicable:
        yield f"Accepted as not applicable: {', '.join(e.not_applicable)}."
    if e.unscanned_documents:
        yield f"Documents not scanned for viruses: {len(e.unscanned_documents)} of {e.documents}."
    for gate in e.gates:
        if gate.waived:
            yield f"The gate {gate.gate} was waived ({gate.ground}) by {gate.approver}: {gate.explanation}"


def _acts(e: Explanation, *, brief: bool = False) -> Iterator[str]:
    if not e.acts:
        return
    yield ""
    yield "WHAT WAS DONE ABOUT IT"
    for act in e.acts:
        yield f"  {act.says}"
        if act.followed and not brief:
            rules = act.followed
            since = "under which the tier is held" if rules.held_under else "in force at the time"
            yield f"    Rules: {rules.policy}, {since}  [{rules.basis}]"
            yield from (f"      {said}" for said in rules.says)
        yield from (f"    {_event(one)}" for one in act.events if not brief)


def _criteria(proof: Proof, depth: int) -> Iterator[str]:
    yield f"{'  ' * depth}{_MET[proof.result]:9}  {proof.says}  [{proof.basis}]"
    if proof.criterion != "tier":
        for child in proof.children:
            yield from _criteria(child, depth + 1)


def _evidence(proof: Proof, seen: set[tuple[str, str]]) -> Iterator[str]:
    if proof.children:
        for child in proof.children:
            yield from _evidence(child, seen)
        return
    key = (proof.criterion, proof.says)
    if key in seen:
        return
    seen.add(key)
    yield f"  {proof.says}"
    if proof.practices:
        told = {one.version: one for one in proof.events}
        for practice in proof.practices:
            yield from _practice(practice, told)
    elif proof.events:
        yield from (f"    {_event(one)}" for one in proof.events)
    else:
        yield "    no event says so"


def _practice(practice: Ruled, told: dict[int, Cited]) -> Iterator[str]:
    carried = f" ({_CARRIED[practice.carried]})" if practice.carried else ""
    yield f"    {practice.item_id:5} {practice.state.replace('_', ' ')}: {practice.wording}{carried}"
    for version in practice.events:
        if version in told:
            yield f"          {_brief(told[version])}"


def _event(one: Cited) -> str:
    return f"event {one.version:4}  {one.day}  {one.actor_role}: {one.sentence}"


def _brief(one: Cited) -> str:
    """An act on many items is told without naming all of them again for each."""
    together = "confirmed the ratings of "
    many = one.sentence.startswith(together) and one.sentence.count(", ") > 2
    said = f"{together}{one.sentence.count(', ') + 1} items together" if many else one.sentence
    return f"event {one.version:4}  {one.day}  {one.actor_role}: {said}"
