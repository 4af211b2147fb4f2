"""The rules that an act followed: the part of the policy under which the tier is held, in words and as data."""

from collections.abc import Iterable
from typing import Any

from api.proof import Decision, Followed, Told
from domain.adverse import AdverseFacts, PartnerStatusSuspended, PartnerTierReduced
from domain.extension import PartnerStatusExtended
from domain.policy.evaluate import basis_words
from domain.policy.model import Policy
from domain.tenure import Holding
from domain.term import words
from domain.values import PolicyRef

_COUNTS_FROM = {"as_first_decided": "the day as first decided", "panel_day": "the day on which the panel decided"}


def grounds(codes: Iterable[str]) -> str:
    """Grounds as words."""
    return ", ".join(code.replace("_", " ") for code in codes)


def followed(told: Told, event: Any, held: Holding | None) -> Followed | None:
    """The rules of an extension or an adverse act; None for acts that follow none."""
    if isinstance(event, PartnerStatusExtended):
        return _extension(told, event, held)
    return _adverse(told, event, held) if isinstance(event, AdverseFacts) else None


def _under(ref: PolicyRef, held: Holding | None, says: list[str], rule: Any) -> Followed:
    return Followed(
        policy=str(ref),
        policy_sha256=ref.sha256,
        held_under=held is not None and held.policy == ref,
        says=tuple(says),
        basis=basis_words(rule.basis),
        data=rule.model_dump(mode="json", exclude={"basis"}),
    )


def _adverse(told: Told, event: AdverseFacts, held: Holding | None) -> Followed | None:
    policy: Policy | None = told.shelf.policy(event.policy)
    rule = policy.adverse if policy else None
    if rule is None:
        return None
    at_once = isinstance(event, PartnerStatusSuspended) and event.imminent_harm
    reply = words(rule.reply_min)
    says = [f"a tier is suspended, reduced or revoked on these grounds alone: {grounds(rule.grounds)}"]
    if at_once:
        says.append(f"for imminent harm a tier is suspended at once, and looked at again within {reply}")
    else:
        says.append(f"the program has {reply} at least to reply to a notice of intent")
    within = f"an appeal is possible within {words(rule.appeal_within)}, here until {event.appeal_by}"
    stays = "has no effect" if rule.stay_on_appeal and not at_once else "keeps its effect"
    says.append(f"{within}; while it is pending the act {stays}")
    says += ["the term stays as it is"] if isinstance(event, PartnerTierReduced) else []
    return _under(event.policy, held, says, rule)


def _extension(told: Told, event: PartnerStatusExtended, held: Holding | None) -> Followed | None:
    published = told.shelf.scheme(event.scheme)
    ref = event.policy or (published.in_force(event.decided_on) if published else None)
    policy: Policy | None = told.shelf.policy(ref) if ref else None
    rule = policy.extension if policy else None
    if rule is None or ref is None:
        return None
    times = "once" if rule.times == 1 else f"{rule.times} times"
    says = [
        f"a term is extended by {words(rule.max)} at most, {times} in a term",
        f"on these grounds alone: {grounds(rule.grounds)}",
    ]
    return _under(ref, held, says, rule)


def appeal_rules(told: Told, event: Decision) -> Followed | None:
    """The rules of an appeal against a grant, a denial or a deferral."""
    policy: Policy | None = told.shelf.policy(event.policy) if event.policy else None
    rule = policy.adverse if policy else None
    if rule is None or event.policy is None:
        return None
    says = (
        f"an appeal is possible within {words(rule.appeal_within)}, here until {event.appeal_by}",
        f"what a panel overturns counts from {_COUNTS_FROM[rule.overturned_dates]}",
    )
    return Followed(
        policy=str(event.policy),
        policy_sha256=event.policy.sha256,
        held_under=True,
        says=says,
        basis=basis_words(rule.basis),
        data=rule.model_dump(mode="json", include={"appeal_within", "overturned_dates"}),
    )
