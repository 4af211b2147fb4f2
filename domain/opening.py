"""Opening: the first fact of a ledger says by which clock it records, for good."""

from typing import Any, Literal

from domain.language import Event, Stage
from domain.values import Code

stage = Stage("opening", aggregate="ledger")


class LedgerOpened(Event):
    """The ledger was created; its recording clock is the database's (real) or a given one (simulated)."""

    says = "opened the ledger {e.origin} with a {e.clock} clock"
    clock: Literal["real", "simulated"]
    origin: Code


@stage.evolve(LedgerOpened)
def _(state: Any, e: LedgerOpened, v: int) -> Any:
    return state  # the ledger itself has no state to decide on
