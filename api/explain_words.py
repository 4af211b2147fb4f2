"""The first sentence: what a visitor may rely on. Plain, true, without persons and without words that people wrote."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from api.explain_measures import CLOSED_BECAUSE, Bearing, Measures, id_of
from api.explain_rules import grounds
from api.proof import About, Missing, article, walk
from domain.adverse import PartnerStatusRevoked, PartnerStatusSuspended, PartnerTierReduced
from domain.closure import PartnerStatusClosed
from domain.determination import practice
from domain.evidence import TierEligibilityEvaluated
from domain.language import listing
from domain.policy.evaluate import Node, why
from domain.program import Cycle, open_cycle
from domain.status import IN_TERM, Segment, on_day, through, timeline
from domain.tenure import Holding
from domain.term import last_valid

MOST_NAMED = 5
"""So many practices are named with their wording in one sentence."""


class Run(NamedTuple):
    """Days in a row on which one decision's tier was in term, suspended or not; half-open."""

    segments: Sequence[Segment]

    @property
    def since(self) -> date:
        """The first day."""
        return self.segments[0].since

    @property
    def until(self) -> date | None:
        """The day after the last one."""
        return self.segments[-1].until

    @property
    def holding(self) -> Holding:
        """The tier as it was held: the one granted, or the one it was reduced to."""
        return self.segments[-1].holding


def runs(segments: Iterable[Segment], holding: Holding) -> list[Run]:
    """The runs of days on which a holding was in term, each at one tier."""
    found: list[list[Segment]] = []
    before: Segment | None = None
    for segment in segments:
        if segment.holding.version == holding.version and segment.status in IN_TERM:
            goes_on = before is not None and found and before is found[-1][-1]
            if goes_on and before and before.holding.tier == segment.holding.tier:
                found[-1].append(segment)
            else:
                found.append([segment])
        before = segment
    return [Run(run) for run in found]


class Said(NamedTuple):
    """What is said of a tier on a day."""

    about: About
    answer: str
    run: Run | None = None
    """The days in a row that the answer speaks of."""


@dataclass(frozen=True)
class Speaker:
    """Says what became of a grant, or of an imported status, as seen from a day."""

    name: str
    owner: str
    holding: Holding
    measures: Measures
    because: str
    """What the sentence ends with: how the tier was granted, or who attests it."""

    @property
    def _segments(self) -> list[Segment]:
        p = self.measures.program
        return timeline(p.holdings, p.measures, self.holding.scheme)

    def on(self, day: date) -> Said:
        """What was so on a day."""
        now, mine = on_day(self._segments, day), runs(self._segments, self.holding)
        run = next((run for run in reversed(mine) if run.since <= day), None)
        about_it = now is not None and now.holding.version == self.holding.version
        if now and about_it and now.status in ("revoked", "relinquished", "closed"):
            return Said(now.status, self._lost(now, run), run)
        if not mine:
            return Said("granted", self._never())
        if run is None or now is None or not about_it:
            return self._other(mine, day)
        if now.status == "expired":
            return Said("expired", f"{self._held(run, 'was')} No tier is held since.{self._under_way(day)}", run)
        if now.status == "suspended":
            return Said("suspended", self._suspended(now, run), run)
        reduced = run.holding.decision_id != self.holding.decision_id
        about: About = "extended" if now.status == "extended" else "reduced" if reduced else "granted"
        return Said(about, self._held(run, "is") + self.measures.contested(self.holding, day), run)

    def _other(self, mine: list[Run], day: date) -> Said:
        """Before the tier was held, or after another took its place: as it was granted, where it was held so."""
        as_granted = [run for run in mine if run.holding.decision_id == self.holding.decision_id]
        run = (as_granted or mine)[-1]
        return Said("granted", self._held(run, "will be" if day < run.since else "was"), run)

    def _act(self, act_id: str | None) -> Bearing | None:
        return next((event for _, event in self.measures.bearing() if id_of(event) == act_id), None)

    def _held(self, run: Run, verb: str) -> str:
        span = f"from {run.since} {through(run.until)}{self._extended(run)}{self._but_for(run)}"
        return f"{self.name} {verb} {article(run.holding.label)} of {self.owner} {span}{self._why(run)}."

    def _why(self, run: Run) -> str:
        """How it came about: granted, or reduced from another tier."""
        reduced = self._act(run.holding.decision_id)
        if isinstance(reduced, PartnerTierReduced):
            return f": it was reduced from {self.measures.label(reduced)} ({grounds(reduced.grounds)})"
        return self.because

    def _extended(self, run: Run) -> str:
        """The extension, where the last days of a run are due to it."""
        end = run.holding.extended_from
        if end is None or not any(segment.status == "extended" for segment in run.segments):
            return ""
        because = [act.grounds for act in self.measures.on(self.holding) if act.kind == "extended"]
        return f", extended beyond {last_valid(end)} ({grounds(because[-1] if because else ())})"

    def _but_for(self, run: Run) -> str:
        """The days of a run on which the tier was suspended."""
        away = [f"from {s.since} {through(s.until)}" for s in run.segments if s.status == "suspended"]
        return f", but suspended {' and '.join(away)}" if away else ""

    def _suspended(self, now: Segment, run: Run) -> str:
        act, label = self._act(now.measure_id), article(now.holding.label)
        because = f" ({grounds(self.measures.grounds_of(act))})" if act else ""
        harm = ", at once, for imminent harm" if isinstance(act, PartnerStatusSuspended) and act.imminent_harm else ""
        lifted = f" The suspension was lifted from {now.until} on." if now.until and now.until != run.until else ""
        return (
            f"{self.name} is suspended as {label} of {self.owner} since {now.since}{because}{harm}; while that lasts the "
            f"tier may not be claimed.{lifted} The term runs from {run.since} {through(run.until)}."
        )

    def _lost(self, now: Segment, run: Run | None) -> str:
        act, more = self._act(now.measure_id), ""
        if isinstance(act, PartnerStatusRevoked):
            how = f"was revoked from {act.effective_on} on ({grounds(act.grounds)})"
            more = f" The program may ask again from {act.may_reapply_from} on." if act.may_reapply_from else ""
        elif isinstance(act, PartnerStatusClosed):
            how = f"ended on {act.effective_on}, because {CLOSED_BECAUSE[act.ground]}"
        else:
            how = f"was given up by the program from {now.since} on"
        held = f", held from {run.since} {through(run.until)}," if run else ""
        no_longer = f"{self.name} is no longer {article(now.holding.label)} of {self.owner}"
        return f"{no_longer}: the tier{held} {how}.{more}"

    def _never(self) -> str:
        """A grant that held on no day: another took its place from its own first day on."""
        instead = self.measures.instead_of(self.holding.decision_id or "")
        what = (
            f"on appeal {instead.label} was granted in its place" if instead else "another decision stands in its place"
        )
        return f"{self.name} was granted {self.holding.label} of {self.owner}; {what}."

    def _under_way(self, day: date) -> str:
        """A cycle that was under way on a day after the end of a term: alone it brings nothing back (A1, M15)."""
        told, zone = self.measures.told, self.holding.zone
        upto = sum(told.recorded_on(r.version, zone) <= day for r in told.history)
        cycle = open_cycle(told.at(upto), self.holding.scheme)
        if cycle is None:
            return ""
        handed = (
            f" and handed in on {told.recorded_on(cycle.submissions[-1].version, zone)}" if cycle.submissions else ""
        )
        asked = f"A {cycle.kind} cycle, asked for on {told.recorded_on(cycle.requested, zone)}{handed}, is under way"
        return f" {asked}; that alone brings no tier back."


# --- how a tier was granted, and what is missing for one ----------------------------------------------------------------


def decided_by(evaluated: TierEligibilityEvaluated, decider: str, kind: str) -> str:
    """Who decided, without saying who."""
    if kind == "on_appeal":
        return "an appeal panel of which nobody had taken part before"
    if not evaluated.reviewers:
        return "a person on the affiliate's staff; no review had been held"
    took_part = {*evaluated.reviewers, *evaluated.consultants}
    return "somebody who took part in its review" if decider in took_part else "a person who did not review it"


def because(evaluated: TierEligibilityEvaluated, tier: str, cycle: Cycle | None) -> str:
    """The ground of a grant in a few words: the practices where they decide, else every criterion of its own."""
    node = evaluated.evaluation.of(tier).node
    practices = [n for n in walk(node) if n.criterion == "practices_in_place"]
    if practices:
        return _counted(practices[0], len(carried_over(cycle)) if cycle else 0)
    own = [n for n in walk(node) if not n.children and n.result == "true" and n.criterion != "tier"]
    return ", ".join(why(n, evaluated.evaluation.semantics) for n in own)


def carried_over(cycle: Cycle) -> list[str]:
    """The practices that were confirmed in an earlier cycle and stand as they were confirmed there."""
    return [i for i in cycle.carried if practice(cycle, i).state == "in_practice"]


def _counted(node: Node, carried: int) -> str:
    detail, chosen = node.detail, str(node.params["set"])
    which = "" if chosen == "all_counting" else f"{chosen.replace('_', ' ')} "
    together = int(str(detail.get("bulk", 0)))
    in_place = int(str(detail["in_place"]))
    accepted = detail.get("not_applicable", ())
    beside = f"; {len(accepted)} accepted as not applicable" if isinstance(accepted, tuple) and accepted else ""
    beside += f"; {carried} of them stand as confirmed in an earlier cycle" if carried else ""
    how = f"{in_place - together} with evidence seen, {together} together{beside}"
    return f"{in_place} of {detail['applicable']} applicable {which}practices were confirmed by a reviewer ({how})"


def listed(lacking: tuple[Missing, ...]) -> str:
    """Everything that is missing, in one sentence; long lists of practices by their ids, in full beside it."""
    return "; ".join(m.says if len(m.items) <= MOST_NAMED else _counted_missing(m) for m in lacking)


def _counted_missing(m: Missing) -> str:
    some = f"{m.need} of these {len(m.items)}" if m.need < len(m.items) else str(len(m.items))
    return f"{some} practices ({listing(list(m.items), most=MOST_NAMED)})"
