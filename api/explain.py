"""Why: from a program's history to an answer about a tier, down to the single event.

What is told about a decision comes from the evaluation that was recorded with it and from the rules as they were then.
Where there is no decision yet, the answer says what would be missing now, and that it is no decision.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

from api.problems import Problem
from api.proof import (
    Cited,
    Decided,
    Decision,
    Explanation,
    GatePassed,
    Missing,
    Prover,
    Told,
    article,
    walk,
)
from domain.access import GateWaived
from domain.decision import TierDecisionDeferred, TierDenied, TierGranted
from domain.evidence import TierEligibilityEvaluated, gather, rederive
from domain.language import listing
from domain.policy.evaluate import Node, evaluate, why
from domain.policy.model import Policy
from domain.program import Cycle, Holding, Program, open_cycle
from domain.status import HistoricalStatusImported, intervals, standing
from domain.term import last_valid
from infra.ledger import Ledger
from infra.mapper import Recorded

MOST_NAMED = 5
"""So many practices are named with their wording in one sentence."""


def explain(
    ledger: Ledger,
    program_id: str,
    *,
    decision: str | None = None,
    tier: str | None = None,
    as_of: date | None = None,
    upto_position: int | None = None,
) -> Explanation:
    """Why the program holds what it holds, or why not.

    ``decision``: about that one. ``tier``: about that tier (``expert`` or ``mn-qp/expert``). ``as_of``: what was in
    force on that day. Problem NOT_FOUND for an unknown program, decision or tier.
    """
    told = Told(ledger, program_id, upto_position)
    if decision:
        found = [(version, event) for version, event in told.decisions() if event.decision_id == decision]
        if not found:
            raise Problem("NOT_FOUND", f"The program has no decision {decision}.")
        return _About(told, as_of).decided(*found[0])
    return _About(told, as_of).tier(tier) if tier else _About(told, as_of).standing()


class _About:
    """Finds what the question is about, and answers."""

    def __init__(self, told: Told, as_of: date | None) -> None:
        self.told, self.as_of = told, as_of
        self.program = told.program
        self.home = told.affiliate(self.program.listing.affiliate)

    def day(self, zone: str) -> date:
        return self.as_of or self.told.today(zone)

    def zone(self, scheme: str) -> str:
        """The zone of a scheme: its own policy's, else the affiliate's."""
        affiliate = self.told.shelf.affiliate(self.program.listing.affiliate)
        policy = self.policy(scheme)
        return policy.timezone if policy else affiliate.timezone if affiliate else "UTC"

    def policy(self, scheme: str) -> Policy | None:
        """The rules that a cycle under way is pinned to, else those in force."""
        cycle = open_cycle(self.program, scheme)
        if cycle and cycle.access:
            return self.told.shelf.policy(cycle.access.policy)
        published = self.told.shelf.scheme(scheme)
        if published is None:
            return None
        now = self.as_of or self.told.today("UTC")
        ref = published.in_force(now) or published.in_force(date.max)
        return self.told.shelf.policy(ref) if ref else None

    def schemes(self) -> list[str]:
        """The schemes that concern the program: held, decided, under way, offered by its affiliate."""
        own = [h.scheme for h in self.program.holdings] + [d.scheme for d in self.program.decisions.values()]
        under_way = [c.scheme for c in self.program.cycles.values()]
        offered = [s.code for s in self.told.shelf.schemes() if s.affiliate == self.program.listing.affiliate]
        return list(dict.fromkeys(own + under_way + offered))

    # --- which answer ---------------------------------------------------------------------------------------------

    def standing(self) -> Explanation:
        """What is in force on the day; else the last decision; else what would be missing."""
        past: Holding | None = None
        for scheme in self.schemes():
            now = standing(self.program.holdings, scheme, self.day(self.zone(scheme)))
            if now.status == "active" and now.holding:
                return self.held(now.holding)
            past = past or now.holding
        last = next((d for d in reversed(self.told.decisions()) if self._known(d)), None)
        if last and not (past and last[0] <= past.version):
            return self.decided(*last)
        if past:
            return self.held(past)
        if self.as_of:
            return self._nothing_then()
        return self.undecided(self.schemes()[:1])

    def _known(self, decision: tuple[int, Decision]) -> bool:
        return self.as_of is None or decision[1].decided_on <= self.as_of

    def tier(self, asked: str) -> Explanation:
        """About one tier: the grant in force, else what the last evaluation lacked for it, else what lacks now."""
        scheme, tier = self._which(asked)
        now = standing(self.program.holdings, scheme, self.day(self.zone(scheme)))
        if now.status == "active" and now.holding and (now.holding.tier == tier or self._above(now.holding, tier)):
            return self.held(now.holding)
        cycle = open_cycle(self.program, scheme)
        last = next((d for d in reversed(self._of(scheme)) if self._known(d)), None)
        newer = cycle is not None and (last is None or cycle.requested > last[0] or cycle.interim != ())
        if self.as_of is None and (last is None or newer):
            return self.undecided([scheme], tier)
        if last is None:
            return self._nothing_then()
        return self.decided(*last, tier)

    def _above(self, holding: Holding, tier: str) -> bool:
        policy = self.policy(holding.scheme)
        lower = policy.tier(tier) if policy else None
        return lower is not None and holding.rank > lower.rank

    def _which(self, asked: str) -> tuple[str, str]:
        scheme, slash, tier = asked.lower().rpartition("/")
        for known in [scheme] if slash else self.schemes():
            policy = self.policy(known)
            if policy and policy.tier(tier):
                return known, tier
        raise Problem("NOT_FOUND", f"No scheme that concerns this program has a tier {asked}.")

    def _of(self, scheme: str) -> list[tuple[int, Decision]]:
        return [(version, event) for version, event in self.told.decisions() if event.scheme == scheme]

    def held(self, holding: Holding) -> Explanation:
        """About a tier held: its decision, or the source that attests it."""
        one = self.told.by_version[holding.version]
        if isinstance(one.event, TierGranted):
            return self.decided(one.version, one.event)
        return self.imported(one)

    # --- the answers ----------------------------------------------------------------------------------------------

    def _nothing_then(self) -> Explanation:
        scheme = next(iter(self.schemes()), "none")
        answer = f"On {self.as_of} no decision about {self.program.listing.display_name} was in force."
        return self._explanation(scheme, "undecided", answer, on=self.day(self.zone(scheme)))

    def _explanation(self, scheme: str, about: Any, answer: str, **more: Any) -> Explanation:
        return Explanation(
            program_id=self.program.program_id,
            name=self.program.listing.display_name,
            affiliate=self.home,
            scheme=scheme,
            about=about,
            answer=answer,
            **more,
        )

    def imported(self, one: Recorded) -> Explanation:
        """A status from before this ledger: attested by its source, not derived."""
        event: HistoricalStatusImported = one.event  # pyright: ignore[reportAssignmentType]
        until = f"through {last_valid(event.valid_until)}" if event.valid_until else "with no end date"
        day = self.day(event.zone)
        now = standing(self.program.holdings, event.scheme, day)
        holds = "is" if now.status == "active" and now.holding and now.holding.version == one.version else "was"
        answer = (
            f"{self.program.listing.display_name} {holds} {article(event.label)} of {self.home} from "
            f"{event.valid_from} {until}, as attested by {event.source}; it was not derived from evidence held here."
        )
        cited = (self.told.cite(one.version, event.zone),)
        tier = f"{event.scheme}/{event.tier}"
        return self._explanation(event.scheme, "imported", answer, tier=tier, on=day, events=cited)

    def decided(self, version: int, event: Decision, asked: str | None = None) -> Explanation:
        """About a decision, and where another tier is asked about, what its evidence lacked for that one."""
        evaluated = self.told.evaluated(event)
        before = self.told.at(evaluated.through_version)
        policy: Policy = self.told.shelf.policy(evaluated.policy)  # pyright: ignore[reportAssignmentType]
        instrument = self.told.shelf.instrument(evaluated.instrument) if evaluated.instrument else None
        cycle = before.cycles.get(evaluated.cycle_id or "")
        prover = Prover(self.told, before, policy, instrument, evaluated.evaluation, cycle)
        owner = self.told.affiliate(policy.affiliate)
        asked = asked if asked and policy.tier(asked) else event.tier
        lacking = prover.gaps(asked)
        day = self.day(policy.timezone)
        granted = isinstance(event, TierGranted) and event.tier == asked
        if isinstance(event, TierGranted) and granted:
            about, answer = "granted", self._granted(event, evaluated, owner, day)
        else:
            about, answer = self._short(event, prover.label(asked), lacking, owner, event.tier == asked)
        shown = policy.tier(asked)
        return self._explanation(
            event.scheme,
            about,
            answer,
            not_a_claim=shown.not_a_claim if shown and granted else None,
            tier=policy.qualified(asked),
            on=day,
            decision=self._decision(version, event, evaluated, before),
            gaps=() if granted else lacking,
            tiers=prover.tiers(),
            **self._around(before, cycle, prover, evaluated.evaluation.of(asked).node),
        )

    def _decision(self, version: int, event: Decision, evaluated: TierEligibilityEvaluated, before: Program) -> Decided:
        took_part = {*evaluated.reviewers, *evaluated.consultants}
        reason = event.rationale if isinstance(event, TierGranted) else _reason(event)
        outcome = {TierGranted: "granted", TierDenied: "denied", TierDecisionDeferred: "deferred"}[type(event)]
        return Decided(
            decision_id=event.decision_id,
            outcome=outcome,
            version=version,
            decided_on=event.decided_on,
            effective_on=event.effective_on if isinstance(event, TierGranted) else None,
            through=self._until(event)[1] if isinstance(event, TierGranted) else None,
            decider=event.decider,
            reviewers=evaluated.reviewers,
            independent=event.decider not in took_part,
            reason=str(reason) if reason else None,
            policy=str(evaluated.policy),
            policy_sha256=evaluated.policy.sha256,
            instrument=str(evaluated.instrument) if evaluated.instrument else None,
            through_version=evaluated.through_version,
            evidence_digest=evaluated.evidence_digest,
            same_when_rederived=not rederive(before, self.told.shelf, evaluated),
        )

    def _until(self, event: TierGranted) -> tuple[date, date | None]:
        """From when, and through which day, the grant holds or held."""
        for holding, since, until in intervals(self.program.holdings, event.scheme):
            if holding.decision_id == event.decision_id:
                return since, last_valid(until) if until else None
        return event.effective_on, last_valid(event.expires_on) if event.expires_on else None

    def _granted(self, event: TierGranted, evaluated: TierEligibilityEvaluated, owner: str, day: date) -> str:
        since, through = self._until(event)
        over = through is not None and through < day
        verb = "was" if over else "is" if since <= day else "will be"
        until = f"through {through}" if through else "with no end date"
        took_part = {*evaluated.reviewers, *evaluated.consultants}
        by = "somebody who took part in its review" if event.decider in took_part else "a person who did not review it"
        if not evaluated.reviewers:
            by = "a person on the affiliate's staff; no review had been held"
        because = _because(evaluated, event.tier)
        name = self.program.listing.display_name
        return f"{name} {verb} {article(event.label)} of {owner} from {since} {until}: {because}, decided by {by}."

    def _short(
        self, event: Decision, label: str, lacking: tuple[Missing, ...], owner: str, asked_for: bool
    ) -> tuple[str, str]:
        name, missing = self.program.listing.display_name, _listed(lacking)
        if asked_for and isinstance(event, TierDenied):
            return "denied", f"{name} was denied {label} of {owner} on {event.decided_on}. Missing: {missing}."
        if asked_for and isinstance(event, TierDecisionDeferred):
            until = f"until {event.until}"
            return "deferred", f"The decision on {label} for {name} was put off {until}. Missing: {missing}."
        if not lacking:
            granted = event.label if isinstance(event, TierGranted) else "nothing"
            return (
                "missing",
                f"The evidence of {event.decided_on} carried {label} for {name}, but {granted} was granted.",
            )
        return "missing", f"{name} is not {article(label)} of {owner}. Missing: {missing}."

    def undecided(self, schemes: Iterable[str], tier: str | None = None) -> Explanation:
        """What stands between the program and each tier now. It is no decision."""
        scheme = next(iter(schemes), "none")
        policy = self.policy(scheme)
        name = self.program.listing.display_name
        if policy is None:
            return self._explanation(
                scheme, "undecided", f"There is no published scheme for {name}.", on=self.day("UTC")
            )
        cycle = open_cycle(self.program, scheme)
        instrument = None
        if cycle and cycle.access:
            instrument = self.told.shelf.instrument(cycle.access.instrument)
        day = self.day(policy.timezone)
        evaluation = evaluate(policy, gather(self.program, cycle, instrument, scheme, day))
        prover = Prover(self.told, self.program, policy, instrument, evaluation, cycle)
        wanted = [t.code for t in policy.tiers if tier in (None, t.code)]
        lacking = {code: prover.gaps(code) for code in wanted}
        said = [f"{prover.label(c)}: {_listed(m)}" if m else f"{prover.label(c)}: nothing" for c, m in lacking.items()]
        answer = f"This is no decision. As things stand, {name} lacks, for {'; for '.join(said)}."
        return self._explanation(
            scheme,
            "undecided",
            answer,
            tier=policy.qualified(tier) if tier else None,
            on=day,
            gaps=tuple(m for missing in lacking.values() for m in missing),
            tiers=prover.tiers(),
            **self._around(self.program, cycle, prover, None),
        )

    def _around(self, p: Program, cycle: Cycle | None, prover: Prover, node: Node | None) -> dict[str, Any]:
        """What stands beside the proof: gates and waivers, how items were confirmed, documents nobody scanned."""
        if cycle is None:
            return {}
        ruled = cycle.review.determinations.values()
        linked = sorted({d for ids in cycle.links.values() for d in ids})
        return {
            "gates": tuple(self._gates(cycle, prover.policy)),
            "confirmed_together": sum(d.bulk for d in ruled),
            "confirmed_singly": sum(not d.bulk and d.outcome in ("confirmed", "adjusted") for d in ruled),
            "not_applicable": tuple(i for i, d in cycle.review.determinations.items() if d.outcome == "not_applicable"),
            "documents": len(linked),
            "unscanned_documents": tuple(d for d in linked if p.documents[d].scan == "unscanned"),
        }

    def _gates(self, cycle: Cycle, policy: Policy) -> Iterable[GatePassed]:
        for gate, versions in (cycle.access.gates if cycle.access else {}).items():
            events: list[Cited] = [self.told.cite(v, policy.timezone) for v in versions]
            waiver = next((self.told.by_version[v] for v in versions if v == cycle.waived.get(gate)), None)
            if waiver and isinstance(waiver.event, GateWaived):
                yield GatePassed(
                    gate=gate,
                    waived=True,
                    ground=waiver.event.ground,
                    approver=waiver.actor_person,
                    explanation=str(waiver.event.explanation),
                    events=tuple(events),
                )
            else:
                yield GatePassed(gate=gate, events=tuple(events))


def _reason(event: Decision) -> Any:
    return (
        event.reasons
        if isinstance(event, TierDenied)
        else event.reason
        if isinstance(event, TierDecisionDeferred)
        else None
    )


def _listed(lacking: tuple[Missing, ...]) -> str:
    """Everything that is missing, in one sentence; long lists of practices by their ids, in full beside it."""
    return "; ".join(m.says if len(m.items) <= MOST_NAMED else _counted_missing(m) for m in lacking)


def _counted_missing(m: Missing) -> str:
    some = f"{m.need} of these {len(m.items)}" if m.need < len(m.items) else str(len(m.items))
    return f"{some} practices ({listing(list(m.items), most=MOST_NAMED)})"


def _because(evaluated: TierEligibilityEvaluated, tier: str) -> str:
    """The ground of a grant in a few words: the practices where they decide, else every criterion of its own."""
    node = evaluated.evaluation.of(tier).node
    practices = [n for n in walk(node) if n.criterion == "practices_in_place"]
    if practices:
        return _counted(practices[0])
    own = [n for n in walk(node) if not n.children and n.result == "true" and n.criterion != "tier"]
    return ", ".join(why(n, evaluated.evaluation.semantics) for n in own)


def _counted(node: Node) -> str:
    detail, chosen = node.detail, str(node.params["set"])
    which = "" if chosen == "all_counting" else f"{chosen.replace('_', ' ')} "
    together = int(str(detail.get("bulk", 0)))
    in_place = int(str(detail["in_place"]))
    accepted = detail.get("not_applicable", ())
    beside = f"; {len(accepted)} accepted as not applicable" if isinstance(accepted, tuple) and accepted else ""
    how = f"{in_place - together} with evidence seen, {together} together{beside}"
    return f"{in_place} of {detail['applicable']} applicable {which}practices were confirmed by a reviewer ({how})"
