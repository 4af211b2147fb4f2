"""What is remembered of a program between its decisions: tiers held, what bears on them, and what follows from them.

Parts of the state like those of ``program``; each is written by the stage named beside it.
"""

from collections.abc import Callable
from datetime import date
from typing import Any, Literal, TypeVar

from msgspec.structs import replace

from domain.values import Fact, PersonId, PolicyRef, Reference


class Part(Fact):
    """A part of the state: frozen, changed by copying."""


class Holding(Part):
    """Stage ``status``: a tier held from a day until the day before another, by one decision."""

    scheme: str
    tier: str
    rank: int
    label: str
    assessed: bool
    effective_on: date
    expires_on: date | None
    zone: str = ""
    extended_from: date | None = None
    """When it would have ended, had it not been extended."""
    extensions: int = 0
    hold_until: date | None = None
    """Until when a transitional tier may be held, and to what it falls back then (A24)."""
    falls_back_to: str | None = None
    version: int
    in_place_of: int = 0
    """Version of the grant in whose place it stands, after an appeal."""
    decision_id: str | None
    cycle_id: str | None = None
    policy: PolicyRef | None = None
    """The rules under which it was granted; None for imported ones."""
    provenance: Literal["native", "imported"] = "native"


MeasureKind = Literal["suspended", "reduced", "revoked", "relinquished", "closed"]


class Measure(Part):
    """Stages ``adverse``, ``closure``: something that bears on every tier held before it, from a day until another."""

    measure_id: Reference
    scheme: str
    kind: MeasureKind
    since: date
    until: date | None = None
    zone: str = ""
    to: Holding | None = None
    """What a reduced tier is reduced to."""
    review_by: date | None = None
    """By when a suspension is to be looked at again."""
    may_reapply_from: date | None = None
    """From when the program may ask again, after a revocation."""
    version: int
    stays: tuple[tuple[date, date | None], ...] = ()
    """Half-open spans in which it has no effect, because an appeal is pending."""


class Tenure(Part):
    """Tiers held and what bears on them: all that the status of any day follows from."""

    holdings: tuple[Holding, ...] = ()
    measures: tuple[Measure, ...] = ()

    def measured(self, change: Callable[[Measure], Measure | None]) -> "Tenure":
        """With every measure changed, or taken out where nothing comes back."""
        return replace(self, measures=tuple(m for m in map(change, self.measures) if m is not None))

    def held(self, change: Callable[[Holding], Holding]) -> "Tenure":
        """With every holding changed."""
        return replace(self, holdings=tuple(map(change, self.holdings)))


Bearing = Callable[[Tenure, Any, int], Tenure]
BEARING: dict[type, Bearing] = {}
"""How each fact that bears on a tier changes the tenure: (tenure, fact, its version). Rules and read models share it."""
B = TypeVar("B", bound=Bearing)


def bears(*events: type) -> Callable[[B], B]:
    """Registers what some types of fact do to the tenure."""

    def remember(function: B) -> B:
        BEARING.update(dict.fromkeys(events, function))
        return function

    return remember


class Notice(Part):
    """Stage ``adverse``: a notice of intent and whether the program has replied."""

    scheme: str
    action: Literal["suspend", "reduce", "revoke"]
    tier: str | None = None
    """The lower tier that is meant."""
    grounds: tuple[str, ...]
    issued_by: str
    zone: str
    reply_by: date
    version: int
    replied: int = 0


class Decision(Part):
    """Stage ``decision``: what was decided, by the version that says so."""

    outcome: Literal["granted", "denied", "deferred", "extended", "suspended", "reduced", "revoked"]
    scheme: str
    tier: str
    cycle_id: str | None
    version: int
    evaluation: int = 0
    decider: PersonId
    decided_on: date
    policy: PolicyRef | None
    until: date | None = None
    """Until when it was deferred."""
    appeal_by: date | None = None
    """The last day on which it can be appealed against; None where it cannot."""
    immediate: bool = False
    """Taken at once for imminent harm: an appeal does not stay it."""
    involved: tuple[PersonId, ...] = ()
    """Who took part in it besides the decider, such as the issuer of its notice."""
    zone: str = ""
    """Whose days its times are counted in; empty for the affiliate's."""
    reversed: int = 0


OPEN_STATES = ("filed", "admitted", "panel_named")
"""Of an appeal that is not over."""


class Appeal(Part):
    """Stage ``appeal``: an appeal against one decision, and the panel that hears it."""

    decision_id: Reference
    scheme: str
    state: Literal["filed", "admitted", "panel_named", "decided", "dismissed", "withdrawn"]
    filed: int
    filed_on: date
    panel: tuple[str, ...] = ()
    until: date | None = None
    """The last day on which the panel has access to the case (M19)."""
    declared: dict[str, str] = {}

    @property
    def is_open(self) -> bool:
        """Whether it is not over."""
        return self.state in OPEN_STATES


class Proposal(Part):
    """Stage ``reversal``: a correction or reversal of a decision that waits for a second person (M4)."""

    decision_id: Reference
    kind: Literal["correction", "reversal"]
    effective_on: date | None = None
    ground: str
    by: str
    version: int


class PublicNotice(Part):
    """Stage ``adverse``: a public notice that is still shown; archived ones need no state."""

    scheme: str
    about: str
    """The decision."""
    version: int


class Report(Part):
    """Stage ``report``: an assessment report and with whom the program shares it."""

    cycle_id: str
    version: int
    shares: dict[str, date] = {}
    """Audience to the last day of the share."""


class Vouchers(Part):
    """Stage ``benefits``: the training vouchers of one membership year."""

    scheme: str
    since: date
    until: date | None
    issued: int
    used: tuple[int, ...] = ()
    """Numbers of the vouchers that were redeemed."""
    lapsed: int = 0
    version: int

    @property
    def left(self) -> int:
        """How many are not redeemed."""
        return self.issued - len(self.used)


class Letter(Part):
    """Stage ``benefits``: a letter of support that was asked for."""

    scheme: str
    as_of: date
    requested: int
    issued: int = 0


class Progress(Part):
    """Stage ``progress``: one report on how far a goal of the adopted plan has come."""

    achieved: int
    reported: int
    reported_by: str
    verified: int = 0


class Change(Part):
    """Stage ``surveillance``: a substantive change that was reported."""

    kind: str
    occurred_on: date
    reported: int
    assessed: int = 0


class Concern(Part):
    """Stage ``concern``: a concern referred from a complaint, and the inquiry into it."""

    complaint_id: Reference
    severity: str
    referred: int
    inquiry: int = 0
    """When an inquiry was opened."""
    closed: int = 0
    finding: Literal["founded", "unfounded", "not_verified"] | None = None
    """What the inquiry found; on a founded one a notice of intent or a corrective cycle may rest."""


class Transfer(Part):
    """Stage ``transfer``: a transfer to another affiliate that waits for that affiliate's yes."""

    to: str
    jurisdiction: str
    status_treatment: Literal["kept", "ended"]
    side: Literal["program", "affiliate"]
    proposed_by: str
    """Who proposed it, for their side."""
    version: int
