"""Entitlement: what a program may claim under a scheme on a day, and what that rests on (S0-08 to S0-22, A21, A22, M20).

A function of the tier held, the policy that it was granted under, what the affiliate has opened, and the vouchers used
so far. No answer waits for somebody to issue vouchers or to let them lapse.
"""

from datetime import date
from typing import Any, Literal, NamedTuple

from domain.affiliate import in_charge
from domain.language import Shelf
from domain.offers import Availability, opened
from domain.policy.model import Benefit, Policy
from domain.program import Program
from domain.publishing import Scheme
from domain.status import IN_TERM, standing, timeline
from domain.tenure import Vouchers
from domain.term import add, last_valid, parts
from domain.values import Fact, PolicyRef

VOUCHERS = "training_vouchers"
"""The benefit that is issued as so many vouchers, each redeemed for a workshop."""
LETTER = "support_letter"
"""The benefit of letters that cite the tier held."""

EntitlementState = Literal["entitled", "on_request", "discretionary", "when_available", "used_up"]
"""Whether a benefit may be had as it is, has to be asked for, lies with the affiliate, is not open now, or is used up."""


class Entitlement(Fact):
    """One benefit that a program has on a day, and why."""

    code: str
    says: str
    basis: str
    flags: tuple[str, ...] = ()
    rank: int
    """The rank that brings it; 0 is open to everybody."""
    tier: str | None = None
    label: str | None = None
    """The tier held, by which the rank is reached."""
    decision_id: str | None = None
    """The decision that it rests on; None for what is open to everybody and for imported statuses."""
    state: EntitlementState
    count: int | None = None
    issued: int | None = None
    redeemed: int | None = None
    left: int | None = None
    """Of vouchers: what may still be redeemed this year, issued or not."""
    since: date | None = None
    until: date | None = None
    """The membership year that the count is for, half-open."""


class Year(NamedTuple):
    """A membership year, half-open; without an end where the policy gives a count once."""

    since: date
    until: date | None


def unbroken_since(p: Program, scheme: str, rank: int, day: date) -> date | None:
    """From when on a rank has been held without a gap until a day; a suspension is no gap, nor is a renewal."""
    since: date | None = None
    for segment in reversed(timeline(p.holdings, p.measures, scheme)):
        if segment.since > day:
            continue
        if segment.status not in IN_TERM or segment.holding.rank < rank:
            break
        since = segment.since
    return since


def membership_year(since: date, per: str | None, day: date) -> Year:
    """The year that a day lies in, counted from the first day of the membership (A21)."""
    years, months, days = parts(per) if per else (0, 0, 0)

    def turn(n: int) -> date:
        return add(since, f"P{years * n}Y{months * n}M{days * n}D")

    if turn(1) <= since:
        return Year(since, None)
    n = 0
    while turn(n + 1) <= day:
        n += 1
    return Year(turn(n), turn(n + 1))


def vouchers_on(p: Program, scheme: str, day: date) -> Vouchers | None:
    """The vouchers that are valid on a day, if any were issued."""
    mine = (v for v in reversed(p.vouchers) if v.scheme == scheme)
    return next((v for v in mine if v.since <= day and (v.until is None or day < v.until)), None)


def _counted(p: Program, scheme: str, benefit: Benefit, rank: int, day: date) -> dict[str, Any]:
    """How many of a benefit there are in the year; of vouchers, how many are used. While vouchers are valid no others
    are given, and years do not overlap, however they may have come to be counted since."""
    began = unbroken_since(p, scheme, rank, day) if rank else None
    if benefit.count is None or began is None:
        return {"count": benefit.count}
    year = membership_year(began, benefit.per, day)
    if benefit.code != VOUCHERS:
        return {"count": benefit.count, "since": year.since, "until": year.until}
    valid = vouchers_on(p, scheme, day)
    if valid is None:
        over = (v.until for v in p.vouchers if v.scheme == scheme and v.until and v.until <= day)
        given = {"issued": 0, "redeemed": 0, "left": benefit.count}
        return {"count": benefit.count, "since": max((year.since, *over)), "until": year.until, **given}
    used = {"issued": valid.issued, "redeemed": len(valid.used), "left": valid.left}
    return {"count": benefit.count, "since": valid.since, "until": valid.until, **used}


def _state(benefit: Benefit, is_open: bool, left: int | None) -> EntitlementState:
    if "when_available" in benefit.flags and not is_open:
        return "when_available"
    if left == 0:
        return "used_up"
    if "on_request" in benefit.flags:
        return "on_request"
    at_discretion = {"discretionary", "some_instances"} & set(benefit.flags)
    return "discretionary" if at_discretion else "entitled"


def entitlements(
    p: Program, scheme: str, policy: Policy, day: date, availability: Availability
) -> tuple[Entitlement, ...]:
    """Everything that a program has under a scheme on a day; without a tier in force, what is open to everybody.

    A benefit of a rank is held at every higher rank too, unless the policy says otherwise (A22)."""
    held = standing(p, scheme, day).held
    ranks = {b.code: rank for rank, some in policy.benefits.items() for b in some}
    result: list[Entitlement] = []
    for benefit in policy.benefits_at(held.rank if held else 0):
        rank = ranks[benefit.code]
        counted = _counted(p, scheme, benefit, rank, day)
        by = {"tier": held.tier, "label": held.label, "decision_id": held.decision_id} if held and rank else {}
        is_open = opened(availability, scheme, benefit.code, day) is not None
        result.append(
            Entitlement(
                code=benefit.code,
                says=benefit.says,
                basis=benefit.basis,
                flags=benefit.flags,
                rank=rank,
                state=_state(benefit, is_open, counted.get("left")),
                **by,
                **counted,
            )
        )
    return tuple(result)


def policy_for(p: Program, scheme: Scheme, day: date, shelf: Shelf) -> Policy | None:
    """The policy that the tier held on a day was granted under; for an imported one, or none, that in force then."""
    held = standing(p, scheme.code, day).held
    ref = held.policy if held and held.policy else scheme.in_force(day)
    return shelf.policy(ref) if ref else None


def entitlements_on(p: Program, scheme: Scheme, day: date, shelf: Shelf) -> tuple[Entitlement, ...]:
    """Everything that a program has under a scheme on a day, with the policy and the openings that count then."""
    policy = policy_for(p, scheme, day, shelf)
    affiliate = in_charge(shelf, scheme.affiliate, day)
    return entitlements(p, scheme.code, policy, day, affiliate.availability) if policy else ()


class LetterFacts(Fact):
    """What a letter of support says."""

    program: str
    affiliate: str
    scheme: str
    tier: str
    label: str
    since: date
    through: date | None = None
    """The last valid day."""
    policy: PolicyRef | None = None
    decision_id: str | None = None
    as_of: date


def letter(p: Program, scheme: str, as_of: date) -> LetterFacts | None:
    """What a letter says of the tier held on a day; None if none was held."""
    held = standing(p, scheme, as_of).held
    if held is None:
        return None
    return LetterFacts(
        program=p.listing.display_name,
        affiliate=p.listing.affiliate,
        scheme=scheme,
        tier=held.tier,
        label=held.label,
        since=held.effective_on,
        through=last_valid(held.expires_on) if held.expires_on else None,
        policy=held.policy,
        decision_id=held.decision_id,
        as_of=as_of,
    )
