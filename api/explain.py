"""Why: from a program's history to an answer about a tier, down to the single event.

What is told about a decision comes from the evaluation that was recorded with it and from the rules as they were then.
Where there is no decision yet, the answer says what would be missing now, and that it is no decision. What was done about
a tier after it was granted stands in explain_measures.py, the sentences in explain_words.py.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

from msgspec.structs import replace

from api.explain_measures import Bearing, Measures, id_of, kind_of
from api.explain_records import act_record, beside, record
from api.explain_words import Said, Speaker, because, decided_by, listed
from api.problems import Problem
from api.proof import (
    Act,
    Decision,
    Explanation,
    Missing,
    Prover,
    Told,
    article,
)
from domain.decision import TierDecisionDeferred, TierDenied
from domain.evidence import gather
from domain.grant import TierGranted
from domain.policy.evaluate import evaluate
from domain.policy.model import Policy
from domain.program import open_cycle
from domain.status import HELD, IN_TERM, HistoricalStatusImported, Segment, on_day, timeline
from domain.tenure import Holding
from domain.term import last_valid
from infra.ledger import Ledger
from infra.mapper import Recorded


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

    ``decision``: about that one, of any kind. ``tier``: about that tier (``expert`` or ``mn-qp/expert``). ``as_of``: what
    was in force on that day. ``upto_position``: by what was recorded up to there. Problem NOT_FOUND for an unknown
    program, decision or tier.
    """
    told = Told(ledger, program_id, upto_position)
    about = _About(told, as_of)
    if decision:
        return about.decision(decision)
    return about.tier(tier) if tier else about.standing()


class _About:
    """Finds what the question is about, and answers."""

    def __init__(self, told: Told, as_of: date | None) -> None:
        self.told, self.as_of = told, as_of
        self.program = told.program
        self.measures = Measures(told)
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

    def decision(self, decision_id: str) -> Explanation:
        """About one decision, whatever it decided."""
        for version, event in self.told.decisions():
            if event.decision_id == decision_id:
                return self.decided(version, event)
        for version, event in self.measures.bearing():
            if id_of(event) == decision_id:
                return self.acted(version, event)
        raise Problem("NOT_FOUND", f"The program has no decision {decision_id}.")

    def now(self, scheme: str) -> Segment | None:
        """Where a scheme stands on the day."""
        segments = timeline(self.program.holdings, self.program.measures, scheme)
        return on_day(segments, self.day(self.zone(scheme)))

    def standing(self) -> Explanation:
        """What is in force on the day; else what was suspended, lost or decided last; else what would be missing."""
        found = [now for scheme in self.schemes() if (now := self.now(scheme))]
        best = next((s for s in found if s.status in HELD), None) or next(
            (s for s in found if s.status in IN_TERM), None
        )
        if best:
            return self.held(best)
        last = self._last()
        past = found[0] if found else None
        if last and not (past and last[0] <= self._since(past)):
            return self.decided(*last)
        if past:
            return self.held(past)
        return self._nothing_then() if self.as_of else self.undecided(self.schemes()[:1])

    def _since(self, segment: Segment) -> int:
        """The version of the last event that a segment rests on."""
        act = next((v for v, e in self.measures.bearing() if id_of(e) == segment.measure_id), 0)
        return max(segment.holding.version, act)

    def _last(self, scheme: str | None = None) -> tuple[int, Decision] | None:
        """The last decision on the evidence that was known by the day and was not reversed."""
        stands = [d for d in self.told.decisions() if not self.program.decisions[d[1].decision_id].reversed]
        mine = [d for d in stands if scheme in (None, d[1].scheme)]
        return next((d for d in reversed(mine) if self.as_of is None or d[1].decided_on <= self.as_of), None)

    def tier(self, asked: str) -> Explanation:
        """About one tier: what became of it where it was granted, else what the last evaluation lacked for it, else what
        lacks now."""
        scheme, tier = self._which(asked)
        now = self.now(scheme)
        if now and now.status in IN_TERM and self._covers(now, scheme, tier):
            return self.held(now)
        cycle = open_cycle(self.program, scheme)
        last = self._last(scheme)
        newer = cycle is not None and (last is None or cycle.requested > last[0] or cycle.interim != ())
        if self.as_of is None and (last is None or newer):
            return self.undecided([scheme], tier)
        if last is None:
            return self._nothing_then()
        return self.decided(*last, tier)

    def _covers(self, now: Segment, scheme: str, tier: str) -> bool:
        """Whether what is held answers for a tier: it is that tier or above, or was reduced from it."""
        policy = self.policy(scheme)
        asked = policy.tier(tier) if policy else None
        granted = next((h for h in self.program.holdings if h.version == now.holding.version), now.holding)
        ranks = (now.holding.rank, granted.rank)
        return tier in (now.holding.tier, granted.tier) or (asked is not None and asked.rank < max(ranks))

    def _which(self, asked: str) -> tuple[str, str]:
        scheme, slash, tier = asked.lower().rpartition("/")
        for known in [scheme] if slash else self.schemes():
            policy = self.policy(known)
            if policy and policy.tier(tier):
                return known, tier
        raise Problem("NOT_FOUND", f"No scheme that concerns this program has a tier {asked}.")

    def held(self, now: Segment) -> Explanation:
        """About a tier held or held last: its decision, or the source that attests it, and what became of it."""
        one = self.told.by_version[now.holding.version]
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

    def _holding(self, version: int) -> Holding:
        return next(h for h in self.program.holdings if h.version == version)

    def _became(self, holding: Holding, tail: str, day: date) -> tuple[Said, tuple[Act, ...]]:
        """What became of a tier: the sentence of the day, and every act behind it."""
        speaker = Speaker(
            self.program.listing.display_name, self.told.owner(holding.scheme), holding, self.measures, tail
        )
        said = speaker.on(day)
        dated = f"As of {self.as_of}, {said.answer}" if self.as_of else said.answer
        return said._replace(answer=dated), self.measures.on(holding, day)

    def imported(self, one: Recorded) -> Explanation:
        """A status from before this ledger: attested by its source, not derived."""
        event: HistoricalStatusImported = one.event  # pyright: ignore[reportAssignmentType]
        day = self.day(event.zone)
        tail = f", as attested by {event.source}; it was not derived from evidence held here"
        said, acts = self._became(self._holding(one.version), tail, day)
        about = "imported" if said.about == "granted" else said.about
        shown = said.run.holding.tier if said.run else event.tier
        cited = (self.told.cite(one.version, event.zone),)
        more: dict[str, Any] = {"tier": f"{event.scheme}/{shown}", "on": day, "events": cited, "acts": acts}
        return self._explanation(event.scheme, about, said.answer, **more)

    def decided(self, version: int, event: Decision, asked: str | None = None) -> Explanation:
        """About a decision, and where another tier is asked about, what its evidence lacked for that one."""
        evaluated = self.told.evaluated(event)
        before = self.told.at(evaluated.through_version)
        policy: Policy = self.told.shelf.policy(evaluated.policy)  # pyright: ignore[reportAssignmentType]
        instrument = self.told.shelf.instrument(evaluated.instrument) if evaluated.instrument else None
        cycle = before.cycles.get(evaluated.cycle_id or "")
        prover = Prover(self.told, before, policy, instrument, evaluated.evaluation, cycle)
        asked = asked if asked and policy.tier(asked) else event.tier
        granted = isinstance(event, TierGranted) and event.tier == asked
        lacking = prover.gaps(asked)
        day = self.day(policy.timezone)
        shown, acts, through = asked, tuple(self.measures.about(event.decision_id)), None
        if isinstance(event, TierGranted) and granted:
            by = decided_by(evaluated, event.decider, event.kind)
            tail = f": {because(evaluated, event.tier, cycle)}, decided by {by}"
            said, acts = self._became(self._holding(version), tail, day)
            if said.run:
                shown, through = said.run.holding.tier, last_valid(said.run.until) if said.run.until else None
        else:
            owner = self.told.affiliate(policy.affiliate)
            said = self._short(event, prover.label(asked), lacking, owner, event.tier == asked)
        meant = policy.tier(shown)
        told = self._explanation(
            event.scheme,
            said.about,
            said.answer,
            not_a_claim=meant.not_a_claim if meant and granted else None,
            tier=policy.qualified(shown),
            on=day,
            decision=replace(record(self.told, version, event, evaluated, before), through=through),
            gaps=() if granted else lacking,
            tiers=prover.tiers(),
            acts=acts,
        )
        return replace(told, **beside(self.told, before, cycle, policy.timezone))

    def acted(self, version: int, event: Bearing) -> Explanation:
        """About an act that bears on a tier: what was done, by which rules, and what became of it."""
        act = self.measures.act(version, event)
        more: dict[str, Any] = {"on": self.day(event.zone), "acts": (act,), "tier": f"{event.scheme}/{event.tier}"}
        answer = f"{self.program.listing.display_name}: {act.says}"
        return self._explanation(
            event.scheme, kind_of(event), answer, decision=act_record(self.measures, version, event), **more
        )

    def _short(self, event: Decision, label: str, lacking: tuple[Missing, ...], owner: str, asked_for: bool) -> Said:
        name, missing = self.program.listing.display_name, listed(lacking)
        if asked_for and isinstance(event, TierDenied):
            return Said("denied", f"{name} was denied {label} of {owner} on {event.decided_on}. Missing: {missing}.")
        if asked_for and isinstance(event, TierDecisionDeferred):
            until = f"until {event.until}"
            return Said("deferred", f"The decision on {label} for {name} was put off {until}. Missing: {missing}.")
        if not lacking:
            granted = event.label if isinstance(event, TierGranted) else "nothing"
            carried = f"The evidence of {event.decided_on} carried {label} for {name}"
            return Said("missing", f"{carried}, but {granted} was granted.")
        return Said("missing", f"{name} is not {article(label)} of {owner}. Missing: {missing}.")

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
        said = [f"{prover.label(c)}: {listed(m)}" if m else f"{prover.label(c)}: nothing" for c, m in lacking.items()]
        answer = f"This is no decision. As things stand, {name} lacks, for {'; for '.join(said)}."
        return self._explanation(
            scheme,
            "undecided",
            answer,
            tier=policy.qualified(tier) if tier else None,
            on=day,
            gaps=tuple(m for missing in lacking.values() for m in missing),
            tiers=prover.tiers(),
            **beside(self.told, self.program, cycle, policy.timezone),
        )
