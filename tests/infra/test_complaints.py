"""A complaint through the ledger: recorded without who complained, and nothing that the shelf tells of (M19)."""

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from domain.affiliate import CharterAffiliate
from domain.complaint import AcknowledgeComplaint, Complaint, FileComplaint
from domain.language import Command, Refused, Role
from domain.listing import ApproveListing, RegisterProgram
from domain.transfer import AcceptTransfer, ProposeTransfer
from infra.ledger import Executed, Ledger
from infra.memory import MemoryRecorder

NEIGHBOUR, OPERATOR, LEAD = "p_neighbour", "p_operator", "p_lead"
ZONE = "America/Chicago"


@pytest.fixture
def ledger() -> Ledger:
    """A ledger in memory with two affiliates and a listed program."""
    recorder = MemoryRecorder(lambda: datetime.now(UTC))
    recorder.create_ledger("test")
    made = Ledger(recorder)
    for code, place in (("north", "US-MN"), ("south", "US-GA")):
        given = {"name": code.title(), "timezone": ZONE, "jurisdictions": (place,), "administrator": f"p_{code}"}
        execute(made, code, CharterAffiliate, OPERATOR, given, standing=frozenset({Role.OPERATOR}))
    profile: dict[str, Any] = {
        "legal_name": "Big Friends, Inc.", "display_name": "Big Friends", "affiliate": "north", "jurisdiction": "US-MN",
        "city": "Springfield", "began_operating_on": date(2019, 9, 1), "models": ("one_to_one",), "ages": (9, 17),
        "serves_youth": True, "connector_ref": "mc-1",
    }  # fmt: skip
    execute(made, "prog1", RegisterProgram, LEAD, profile)
    execute(made, "prog1", ApproveListing, "p_north", {"lead": LEAD})
    return made


def execute(ledger: Ledger, subject: str, command: type[Command], person: str, body: Any, **how: Any) -> Executed:
    """A command by somebody."""
    return ledger.execute(subject, command, body, person=person, **how)


def complaining(affiliate: str = "north") -> dict[str, Any]:
    """What somebody complains of."""
    said = {"about": "program", "program_id": "prog1", "affiliate": affiliate, "concern": "conduct"}
    return {**said, "narrative": "They shouted.", "identity": "A neighbour."}


@pytest.mark.req("M19", "H11")
def test_no_row_of_a_complaint_says_who_complained(ledger: Ledger) -> None:
    before = ledger.recorder.head()[0]
    done = execute(ledger, "comp1", FileComplaint, NEIGHBOUR, complaining(), idempotency_key="k")
    rows = ledger.recorder.read(before, 10)
    assert [r.type for r in rows] == ["ComplaintReceived.v1", "ComplainantIdentitySealed.v1"]
    assert {(r.actor_person, r.actor_role, r.actor_org) for r in rows} == {("p_public", "public", "public")}
    assert NEIGHBOUR not in repr(rows)
    assert NEIGHBOUR not in msgspec.json.encode(done.events).decode()
    assert execute(ledger, "comp1", FileComplaint, NEIGHBOUR, complaining(), idempotency_key="k").replayed


def test_a_complaint_is_folded_from_its_own_stream_and_goes_on(ledger: Ledger) -> None:
    execute(ledger, "comp1", FileComplaint, NEIGHBOUR, complaining())
    execute(ledger, "comp1", AcknowledgeComplaint, "p_north", {})
    state = ledger.load("complaint", "comp1")
    assert isinstance(state, Complaint)
    assert (state.version, state.state, state.acknowledged) == (3, "received", 3)
    with pytest.raises(Refused, match="recorded already"):
        execute(ledger, "comp1", AcknowledgeComplaint, "p_north", {})


@pytest.mark.req("M19")
def test_the_shelf_tells_nothing_of_complaints(ledger: Ledger) -> None:
    before = ledger.shelf()
    execute(ledger, "comp1", FileComplaint, NEIGHBOUR, complaining())
    after = ledger.shelf()
    assert list(after.affiliates()) == list(before.affiliates())
    assert "comp1" not in repr(vars(after)["_states"])


def test_the_shelf_knows_where_a_program_belongs(ledger: Ledger) -> None:
    assert ledger.shelf().program_home("prog1") == "north"
    assert ledger.shelf().program_home("prog2") is None
    moving = {"to": "south", "jurisdiction": "US-GA", "status_treatment": "kept", "reason": "We move."}
    execute(ledger, "prog1", ProposeTransfer, LEAD, moving)
    execute(ledger, "prog1", AcceptTransfer, "p_south", {})
    assert ledger.shelf().program_home("prog1") == "south"
    with pytest.raises(Refused, match="no program prog1 listed with north"):
        execute(ledger, "comp1", FileComplaint, NEIGHBOUR, complaining())
    execute(ledger, "comp1", FileComplaint, NEIGHBOUR, complaining("south"))
