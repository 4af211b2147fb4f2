"""What happened to a tier: suspended, reduced, revoked, given up, closed, extended, corrected, appealed against.

Each act is told in sentences for a visitor, with the rules that it followed and every event that belongs to it: notice
and reply, the decision, the public notice, the appeal, what became of it. Persons and words that people wrote stay in the
cited events.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any, get_args

from api.explain_rules import appeal_rules, followed, grounds
from api.proof import Act, Cited, Decision, Told
from domain.adverse import (
    AdverseFacts,
    PartnerStatusReinstated,
    PartnerStatusRelinquished,
    PartnerStatusRevoked,
    PartnerStatusSuspended,
    PartnerTierReduced,
)
from domain.appeal import AppealDismissed, AppealFiled, AppealPanelNamed, AppealWithdrawn
from domain.closure import PartnerStatusClosed
from domain.evidence import TierEligibilityEvaluated
from domain.extension import PartnerStatusExtended
from domain.grant import TierGranted
from domain.hearing import AppealDecided
from domain.notice import NoticeOfIntentIssued, ProgramReplyReceived
from domain.policy.model import Policy
from domain.reversal import DecisionCorrected, DecisionReversed
from domain.tenure import Holding
from domain.term import last_valid

Bearing = (
    PartnerStatusSuspended
    | PartnerTierReduced
    | PartnerStatusRevoked
    | PartnerStatusRelinquished
    | PartnerStatusClosed
    | PartnerStatusExtended
)
"""Acts that bear on a tier held before them."""
_IDS = ("decision_id", "notice_id", "appeal_id", "proposal_id", "measure_id", "about", "supersedes")
CLOSED_BECAUSE = {
    "transferred": "the program passed to another affiliate",
    "merged": "the program merged into another one",
    "discontinued": "the program closed",
}
"""Why a tier ended for no fault, in words."""
NOUNS = {
    "suspended": "suspension", "reduced": "reduction", "revoked": "revocation", "relinquished": "giving up",
    "closed": "closure", "extended": "extension",
}  # fmt: skip
_ENDED = {"upheld": "let it stand", "overturned": "overturned it", "remanded": "sent it back to review"}


def kind_of(event: Bearing) -> str:
    """The act in one word."""
    kinds: dict[type, str] = {
        PartnerStatusSuspended: "suspended",
        PartnerTierReduced: "reduced",
        PartnerStatusRevoked: "revoked",
        PartnerStatusRelinquished: "relinquished",
        PartnerStatusClosed: "closed",
        PartnerStatusExtended: "extended",
    }
    return kinds[type(event)]


def id_of(event: Bearing) -> str:
    """Under which id an act is found."""
    return event.measure_id if isinstance(event, PartnerStatusRelinquished | PartnerStatusClosed) else event.decision_id


def _ids(event: Any) -> set[str]:
    return {str(found) for name in _IDS if (found := getattr(event, name, None))}


class Measures:
    """Finds the acts in a program's history and tells them."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self.program = told.program

    def bearing(self) -> list[tuple[int, Bearing]]:
        """Every act that bears on a tier, with its version, in order."""
        return self.told.events(*get_args(Bearing))

    def borne_by(self, version: int, event: Bearing) -> Holding | None:
        """The tier that an act bears on: the last one granted or imported before it."""
        if isinstance(event, PartnerStatusExtended):
            return next((h for h in self.program.holdings if h.version == event.extends), None)
        earlier = [h for h in self.program.holdings if h.scheme == event.scheme and h.version < version]
        return max(earlier, key=lambda h: h.version, default=None)

    def on(self, holding: Holding, day: date | None = None) -> tuple[Act, ...]:
        """What happened to a tier held, as far as it was decided on a day."""
        acts = [self.act(v, e) for v, e in self.bearing() if self._is(holding, self.borne_by(v, e))]
        acts += self.about(holding.decision_id) if holding.decision_id else []
        acts = [act for act in acts if day is None or act.decided_on <= day]
        return tuple(sorted(acts, key=lambda act: act.decided_on))

    def contested(self, holding: Holding, day: date) -> str:
        """The acts that would bear on a tier on a day but do not: stayed by an appeal, or undone since."""
        said: list[str] = []
        for version, event in self.bearing():
            if self._is(holding, self.borne_by(version, event)) and not isinstance(event, PartnerStatusExtended):
                said += [s for s in (self._stayed(event, day), self._undone(event, day)) if s]
        return "".join(f" {sentence}" for sentence in said)

    def _stayed(self, event: Bearing, day: date) -> str:
        measure = next((m for m in self.program.measures if m.measure_id == id_of(event)), None)
        if measure is None or day < measure.since:
            return ""
        stays = [since for since, until in measure.stays if since <= day and (until is None or day < until)]
        effect = f"has no effect while the appeal of {stays[-1]} is pending" if stays else ""
        return f"The {NOUNS[kind_of(event)]} from {measure.since} {effect}." if stays else ""

    def _undone(self, event: Bearing, day: date) -> str:
        undone: DecisionReversed | None = self._one(DecisionReversed, id_of(event))
        since = event.extended_from if isinstance(event, PartnerStatusExtended) else event.effective_on
        if undone is None or not undone.from_first or not since <= day < undone.effective_on:
            return ""
        how = "overturned on appeal" if undone.ground == "appeal" else f"reversed ({grounds([undone.ground])})"
        what = f"The {NOUNS[kind_of(event)]} from {since} ({grounds(self.grounds_of(event))})"
        return f"{what} was {how} on {undone.effective_on} and counts as never taken."

    def _is(self, one: Holding, other: Holding | None) -> bool:
        return other is not None and one.version == other.version

    # --- one act --------------------------------------------------------------------------------------------------

    def act(self, version: int, event: Bearing) -> Act:
        """One act with everything that belongs to it."""
        events = self._related({id_of(event), getattr(event, "notice_id", None) or id_of(event)}, event.zone)
        reversed_ = self._one(DecisionReversed, id_of(event))
        undone = isinstance(reversed_, DecisionReversed) and reversed_.from_first
        sentences = [self._said(version, event), *self._appeal(id_of(event)), *self._became(event, reversed_)]
        since = event.extended_from if isinstance(event, PartnerStatusExtended) else event.effective_on
        return Act(
            kind=kind_of(event),
            decision_id=id_of(event),
            says=" ".join(sentences),
            decided_on=self._decided_on(version, event),
            since=since,
            until=self._until(event),
            grounds=self.grounds_of(event),
            in_effect=not undone,
            followed=followed(self.told, event, self.borne_by(version, event)),
            events=events,
        )

    def grounds_of(self, event: Bearing) -> tuple[str, ...]:
        """The grounds of an act, as codes."""
        if isinstance(event, AdverseFacts):
            return event.grounds
        return (event.ground,) if isinstance(event, PartnerStatusExtended | PartnerStatusClosed) else ()

    def _decided_on(self, version: int, event: Bearing) -> date:
        decided: date | None = getattr(event, "decided_on", None)
        return decided or self.told.cite(version, event.zone).day

    def _until(self, event: Bearing) -> date | None:
        if isinstance(event, PartnerStatusExtended):
            return event.until
        return next((m.until for m in self.program.measures if m.measure_id == id_of(event)), None)

    def span(self, event: Bearing) -> str:
        """From when, and through which day where that is known."""
        since, until = getattr(event, "effective_on", None), self._until(event)
        return f"from {since}" + (f" through {last_valid(until)}" if until else "")

    def label(self, event: Bearing) -> str:
        """The public label of the tier that an act bears on."""
        ref: Any = getattr(event, "policy", None)
        policy: Policy | None = self.told.shelf.policy(ref) if ref else None
        tier = policy.tier(event.tier) if policy else None
        named = next((h.label for h in self.program.holdings if (h.scheme, h.tier) == (event.scheme, event.tier)), None)
        return tier.label if tier else named or event.tier

    def _said(self, version: int, event: Bearing) -> str:
        """The act itself, in a sentence."""
        because = f" ({grounds(self.grounds_of(event))})" if self.grounds_of(event) else ""
        label = f"{self.label(event)} of {self.told.owner(event.scheme)}"
        day = self._decided_on(version, event)
        if isinstance(event, PartnerStatusRelinquished):
            return f"The program gave {label} up from {event.effective_on}."
        if isinstance(event, PartnerStatusClosed):
            return f"{label} ended on {event.effective_on}, because {CLOSED_BECAUSE[event.ground]}."
        if isinstance(event, PartnerStatusExtended):
            return (
                f"The term of {label} was extended on {day} beyond {last_valid(event.extended_from)}, "
                f"through {event.through}{because}."
            )
        to = f" to {event.label}" if isinstance(event, PartnerTierReduced) else ""
        what = f"{label} was {kind_of(event)}{to} {self.span(event)}{because}"
        return f"{what}; decided on {day}, {self._heard(event)}."

    def _heard(self, event: AdverseFacts) -> str:
        """How the program was heard before an adverse decision."""
        if isinstance(event, PartnerStatusSuspended) and event.imminent_harm:
            return "at once, for imminent harm"
        heard = self.told.events(NoticeOfIntentIssued, ProgramReplyReceived)
        days: dict[type, date] = {
            type(e): self.told.recorded_on(v, event.zone) for v, e in heard if e.notice_id == event.notice_id
        }
        if NoticeOfIntentIssued not in days:
            return "without a notice"
        replied = days.get(ProgramReplyReceived)
        reply = f"the program's reply of {replied}" if replied else "no reply of the program in its time"
        return f"after notice of intent on {days[NoticeOfIntentIssued]} and {reply}"

    def _became(self, event: Bearing, reversed_: DecisionReversed | None) -> Iterator[str]:
        """What became of an act, but for appeals."""
        lifted = self._one(PartnerStatusReinstated, id_of(event))
        if isinstance(lifted, PartnerStatusReinstated):
            yield f"The suspension was lifted from {lifted.effective_on} on."
        elif isinstance(event, PartnerStatusSuspended) and not reversed_ and self._until(event) is None:
            yield f"It is to be looked at again by {event.review_by}."
        if isinstance(event, PartnerStatusRevoked) and event.may_reapply_from and not reversed_:
            yield f"The program may ask again from {event.may_reapply_from} on."
        if reversed_ and reversed_.ground != "appeal":
            yield f"It was reversed by two people on {reversed_.effective_on} ({grounds([reversed_.ground])})."
        if reversed_:
            ended = f"Its effect ended on {reversed_.effective_on}."
            yield "It counts as never taken." if reversed_.from_first else ended

    def _one(self, kind: type, decision_id: str) -> Any:
        """The fact of a kind about a decision, if there is one."""
        return next((e for _, e in self.told.events(kind) if e.decision_id == decision_id), None)

    def _related(self, ids: set[str], zone: str) -> tuple[Cited, ...]:
        """Every event that belongs to an act, by the ids that name it or that name each other."""
        known, cited = set(ids), list[Cited]()
        for one in self.told.history:
            named = _ids(one.event)
            if not named & known or isinstance(one.event, TierEligibilityEvaluated):
                continue
            if not isinstance(one.event, TierGranted):
                known |= named
            cited.append(self.told.cite(one.version, zone))
        return tuple(cited)

    # --- appeals, corrections, reversals ---------------------------------------------------------------------------

    def _appeal(self, decision_id: str) -> Iterator[str]:
        """The appeal against a decision and how it ended, in sentences."""
        filed = self._one(AppealFiled, decision_id)
        if not isinstance(filed, AppealFiled):
            return
        stays = ", and from that day on it had no effect" if filed.stays else ""
        yield f"The program appealed on {filed.filed_on}{stays}."
        ends = self.told.events(AppealDecided, AppealDismissed, AppealWithdrawn)
        ended = next((e for _, e in ends if e.appeal_id == filed.appeal_id), None)
        again = "; it has had effect again since then" if filed.stays else ""
        if isinstance(ended, AppealDecided):
            stands = again if ended.outcome == "upheld" else ""
            yield f"A panel of {len(ended.panel)} {_ENDED[ended.outcome]} on {ended.decided_on}{stands}."
        elif isinstance(ended, AppealDismissed):
            yield f"The appeal was dismissed on {ended.ended_on} ({grounds([ended.ground])}){again}."
        elif isinstance(ended, AppealWithdrawn):
            yield f"The appeal was withdrawn on {ended.ended_on}{again}."
        else:
            named = self.told.events(AppealPanelNamed)
            panel = next((len(e.panel) for _, e in named if e.appeal_id == filed.appeal_id), 0)
            yield f"The appeal is pending{f' before a panel of {panel}' if panel else ''}."

    def about(self, decision_id: str) -> list[Act]:
        """What was done about a grant, a denial or a deferral: corrected, reversed, appealed against, put in its place."""
        event = next(e for _, e in self.told.decisions() if e.decision_id == decision_id)
        corrections = self.told.events(DecisionCorrected)
        acts = [self._corrected(v, e) for v, e in corrections if e.decision_id == decision_id]
        filed = self._one(AppealFiled, decision_id)
        reversed_ = self._one(DecisionReversed, decision_id)
        if filed or reversed_:
            acts.append(self._contested(event, filed, reversed_))
        return acts

    def _corrected(self, version: int, e: DecisionCorrected) -> Act:
        zone = next(h.zone for h in self.program.holdings if h.decision_id == e.decision_id)
        day = self.told.recorded_on(version, zone)
        says = f"Two people corrected the first day on {day}, from {e.was} to {e.effective_on} ({grounds([e.ground])})."
        return Act(
            kind="corrected",
            decision_id=e.decision_id,
            says=says,
            decided_on=day,
            since=e.effective_on,
            grounds=(e.ground,),
            events=(self.told.cite(e.evaluation, zone), *self._related({e.decision_id}, zone)),
        )

    def _contested(self, event: Decision, filed: Any, reversed_: Any) -> Act:
        """An appeal against a grant, a denial or a deferral, or its reversal."""
        zone = self._zone(event)
        said = list(self._appeal(event.decision_id))
        instead = self.instead_of(event.decision_id)
        said += [f"In its place {instead.label} was granted on {instead.decided_on}."] if instead else []
        if reversed_ and reversed_.ground != "appeal":
            said.append(f"It was reversed by two people on {reversed_.effective_on} ({grounds([reversed_.ground])}).")
        day = filed.filed_on if filed else reversed_.effective_on
        return Act(
            kind="appealed" if filed else "reversed",
            decision_id=event.decision_id,
            says=" ".join(said),
            decided_on=day,
            grounds=filed.grounds if filed else (reversed_.ground,),
            in_effect=not reversed_,
            followed=appeal_rules(self.told, event) if filed else None,
            events=self._related({event.decision_id}, zone),
        )

    def instead_of(self, decision_id: str) -> TierGranted | None:
        """What was granted on appeal in the place of a decision."""
        return next((e for _, e in self.told.events(TierGranted) if e.supersedes == decision_id), None)

    def _zone(self, event: Decision) -> str:
        zone: str | None = getattr(event, "zone", None)
        policy: Policy | None = self.told.shelf.policy(event.policy) if event.policy else None
        return zone or (policy.timezone if policy else "UTC")
