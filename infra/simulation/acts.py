"""What happens in a drawn life, as plain dated data; written for the teller and for the oracle, who share nothing else.

A cycle is known by its number in the life, a measure and an appeal by theirs. ``day`` is the day on which it is recorded.
"""

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True)
class Tier:
    """A tier and what it takes: ``application``, ``started``, ``plan``, ``all``, ``designated`` or ``finding``."""

    code: str
    takes: str


@dataclass(frozen=True)
class Adverse:
    """How acts against a tier are handled: whether an appeal stays them, and what overturning makes of them."""

    stays: bool
    as_first: bool
    """As if never; otherwise from the panel's day on."""


@dataclass(frozen=True)
class Rules:
    """What one version of a scheme says, as far as a life and its expected answers depend on it."""

    scheme: str
    version: str
    affiliate: str
    since: date
    """In force from this day on."""
    tiers: tuple[Tier, ...]
    """Lowest first."""
    instrument: tuple[str, str] = ("NQMS", "1")
    years: int | None = 3
    from_receipt: bool = True
    """Whether a tier counts from the receipt of the statement; else from the decision."""
    statement: bool = True
    advances: bool = True
    keeps: bool = True
    """Whether an advancement stays in the running term."""
    anchored: bool = True
    """Whether a renewal goes on from the end of the running term."""
    min_quality: int = 1
    hold_months: int | None = None
    """How long the interim tier may be held."""
    reply_days: int = 0
    extension_days: int = 0
    adverse: Adverse | None = None
    check_in: bool = False

    @property
    def final(self) -> tuple[Tier, ...]:
        """The tiers that the end of a cycle can bring, lowest first."""
        return tuple(t for t in self.tiers if t.takes not in ("application", "started"))

    def taking(self, what: str) -> str | None:
        """The tier that takes just this."""
        return next((t.code for t in self.tiers if t.takes == what), None)


@dataclass(frozen=True)
class Found:
    """What the review leaves of the practices: how many are not in place, and whether the evaluator identifies it."""

    gaps: int = 0
    designated: int = 0
    """Of the gaps, those in the designated set."""
    low: int = 0
    """In place at the lowest quality."""
    adjusted: int = 0
    inapplicable: int = 0
    identified: bool = True


@dataclass(frozen=True)
class Act:
    """Something that happens on a day."""

    day: date


@dataclass(frozen=True)
class Registered(Act):
    """The program registers with an affiliate; ``listed`` None: the listing is declined, else from that day on."""

    affiliate: str
    listed: date | None


@dataclass(frozen=True)
class Imported(Act):
    """A status from before the ledger is entered."""

    scheme: str
    tier: str
    since: date
    until: date | None


@dataclass(frozen=True)
class Admitted(Act):
    """An application is accepted; it brings the entry tier."""

    rules: Rules


@dataclass(frozen=True)
class Asked(Act):
    """A cycle begins: asked for, or ordered where the kind is corrective."""

    cycle: int
    rules: Rules
    kind: str
    sought: str


@dataclass(frozen=True)
class InCycle(Act):
    """Something about a cycle."""

    cycle: int


@dataclass(frozen=True)
class Opened(InCycle):
    """Every gate is met and the instrument open; the rules are those of this day."""

    rules: Rules


@dataclass(frozen=True)
class Interim(InCycle):
    """The tier that takes no more than a beginning is decided on."""


@dataclass(frozen=True)
class HandedIn(InCycle):
    """The assessment is handed in; ``returned``: once it came back before."""

    returned: bool = False


@dataclass(frozen=True)
class Reviewed(InCycle):
    """The review is complete. ``trouble`` names what went another way on the way there."""

    found: Found
    trouble: str = ""


@dataclass(frozen=True)
class Received(InCycle):
    """The statement has come: on ``on``, which may lie before the day of the record."""

    on: date


@dataclass(frozen=True)
class PutOff(InCycle):
    """The decision is put off."""

    until: date


@dataclass(frozen=True)
class Reopened(InCycle):
    """The evidence is looked at again; a statement about it is void."""


@dataclass(frozen=True)
class Decided(InCycle):
    """The decider goes down from the tier sought. ``formal``: what is not carried is denied, not passed over."""

    formal: bool = False


@dataclass(frozen=True)
class GaveUp(InCycle):
    """The cycle ends without a decision: withdrawn, lapsed or lifted."""

    how: str


@dataclass(frozen=True)
class InScheme(Act):
    """Something about the tier held under a scheme."""

    scheme: str


@dataclass(frozen=True)
class Extended(InScheme):
    """The term is prolonged."""

    until: date


@dataclass(frozen=True)
class Warned(InScheme):
    """Notice of intent. ``answer``: reply, silence, or dropped where the notice is closed on that day."""

    action: str
    to: str | None
    reply_by: date
    answer: str


@dataclass(frozen=True)
class Measured(InScheme):
    """Suspended, reduced or revoked from a day on; at once for imminent harm."""

    measure: int
    kind: str
    since: date
    to: str | None = None
    at_once: bool = False


@dataclass(frozen=True)
class Reinstated(InScheme):
    """A suspension is lifted."""

    measure: int


@dataclass(frozen=True)
class Undone(InScheme):
    """Two people reverse a measure."""

    measure: int


@dataclass(frozen=True)
class GivenUp(InScheme):
    """The program gives its tier up."""

    since: date


@dataclass(frozen=True)
class Appealed(Act):
    """An appeal against a measure, or against the last decision of a cycle."""

    appeal: int
    measure: int | None = None
    cycle: int | None = None


@dataclass(frozen=True)
class AppealEnded(Act):
    """The end of an appeal: upheld, overturned, remanded, dismissed or withdrawn. ``tier``: what the panel grants."""

    appeal: int
    outcome: str
    tier: str | None = None


@dataclass(frozen=True)
class Corrected(InCycle):
    """Two people correct the first day of a cycle's grant."""

    since: date


@dataclass(frozen=True)
class Ended(Act):
    """The program is no more: merged or discontinued, from ``on``."""

    how: str
    on: date


@dataclass(frozen=True)
class Moved(Act):
    """Another affiliate takes the program over; ``kept``: with what it holds."""

    to: str
    kept: bool


@dataclass(frozen=True)
class Small(Act):
    """Something that no expected answer depends on, by its name."""

    what: str
    scheme: str = ""
    cycle: int = 0


@dataclass(frozen=True)
class Life:
    """One program's life as drawn."""

    index: int
    program: str
    acts: tuple[Act, ...] = field(default=())
