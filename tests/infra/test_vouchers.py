"""Vouchers under contention: however many redeem at once, in one process or in many, no more are redeemed than issued."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest

from domain.affiliate import CharterAffiliate
from domain.benefits import RedeemVoucher, TrainingVoucherRedeemed, TrainingVouchersIssued
from domain.language import Command, Event, Refused, Role
from domain.listing import ApproveListing, RegisterProgram
from domain.offers import OfferWorkshop
from domain.publishing import PublishInstrumentVersion, PublishPolicyVersion
from domain.status import ImportHistoricalStatus
from infra.database import Database
from infra.facts import FactRecorder
from infra.ledger import Ledger
from infra.library import instrument_body, policy, shipped_instruments, shipped_policies
from infra.recorder import LedgerRecorder, MemoryRecorder

OPERATOR, ADMIN, LEAD = "p_operator", "p_admin", "p_lead"
NAME, SCHEME, PROGRAM = "MMP-QBM@2014.1", "mmp-qbm", "prog1"
CALLERS = 16
TODAY = datetime.now(UTC).date()


def execute(ledger: Ledger, subject: str, command: type[Command], person: str, **body: Any) -> tuple[Event, ...]:
    """A command by somebody."""
    standing = frozenset({Role.OPERATOR}) if person == OPERATOR else frozenset[Role]()
    return ledger.execute(subject, command, body, person=person, standing=standing).events


def published(ledger: Ledger) -> None:
    """The affiliate with its instrument and policy."""
    loaded, body = policy(shipped_policies()[NAME], NAME, shipped_instruments().values())
    charter: dict[str, Any] = {"name": "Mentoring East", "timezone": "America/New_York", "jurisdictions": ("US-MA",)}
    execute(ledger, loaded.affiliate, CharterAffiliate, OPERATOR, administrator=ADMIN, **charter)
    for instrument in shipped_instruments().values():
        made = instrument_body(instrument)
        sha256 = ledger.recorder.put_artifact("instrument", made.content).hex()
        version = {"instrument_version": made.version, "sha256": sha256}
        execute(ledger, made.name, PublishInstrumentVersion, OPERATOR, **version)
    sha256 = ledger.recorder.put_artifact("policy", body.content).hex()
    version = {"policy_version": body.version, "sha256": sha256, "effective_from": date(2014, 10, 1)}
    execute(ledger, SCHEME, PublishPolicyVersion, OPERATOR, **version)


def partner(ledger: Ledger) -> str:
    """A program that holds the tier with four vouchers a year; a workshop to redeem them for."""
    published(ledger)
    profile: dict[str, Any] = {
        "legal_name": "Big Friends, Inc.", "display_name": "Big Friends", "affiliate": "mmp", "jurisdiction": "US-MA",
        "city": "Springfield", "began_operating_on": date(2019, 9, 1), "models": ("one_to_one",), "ages": (9, 17),
        "serves_youth": True, "connector_ref": "mc-1",
    }  # fmt: skip
    execute(ledger, PROGRAM, RegisterProgram, OPERATOR, **profile)
    execute(ledger, PROGRAM, ApproveListing, ADMIN, lead=LEAD)
    held: dict[str, Any] = {"tier": "partner", "rank": 3, "label": "Partner", "badge": "partner", "listing": "listed"}
    held |= {"valid_from": TODAY - timedelta(days=100), "source": "Old list", "note": "Taken over."}
    execute(ledger, PROGRAM, ImportHistoricalStatus, ADMIN, scheme=SCHEME, **held)
    offer: dict[str, Any] = {"title": "Closing a match well", "form": "workshop", "on": TODAY + timedelta(days=30)}
    (event,) = execute(ledger, "mmp", OfferWorkshop, ADMIN, takes_voucher=True, for_whom="everyone", **offer)
    return getattr(event, "workshop_id", "")


@pytest.fixture(params=["memory", "postgres"])
def recorder(request: pytest.FixtureRequest) -> FactRecorder:
    """A real-clock ledger, in memory and in PostgreSQL."""
    if request.param == "memory":
        made: FactRecorder = MemoryRecorder()
    else:
        database: Database = request.getfixturevalue("database")
        made = LedgerRecorder(database)
    made.create_ledger("test")
    return made


@pytest.fixture(params=["one process", "many processes"])
def ledgers(request: pytest.FixtureRequest, recorder: FactRecorder) -> Callable[[], Ledger]:
    """The ledger that a caller goes through: the same for all, or one of their own on the same facts."""
    if request.param == "many processes":
        return lambda: Ledger(recorder)
    shared = Ledger(recorder)
    return lambda: shared


def redeem(ledger: Ledger, workshop_id: str) -> tuple[Event, ...]:
    """The program's lead redeems a voucher."""
    return execute(ledger, PROGRAM, RedeemVoucher, LEAD, scheme=SCHEME, workshop_id=workshop_id)


def all_at_once(ledgers: Callable[[], Ledger], workshop_id: str) -> Counter[str]:
    """What came of it for each of many who redeem at the same moment."""
    barrier = Barrier(CALLERS)

    def one(ledger: Ledger) -> str:
        barrier.wait(30)
        try:
            redeem(ledger, workshop_id)
        except Refused as refused:
            return refused.refusal.codes[0]
        return "redeemed"

    with ThreadPoolExecutor(CALLERS) as pool:
        return Counter(pool.map(one, [ledgers() for _ in range(CALLERS)]))


def facts(ledger: Ledger) -> list[Any]:
    """What is recorded of vouchers."""
    kinds = (TrainingVouchersIssued, TrainingVoucherRedeemed)
    return [r.event for r in ledger.history("program", PROGRAM) if isinstance(r.event, kinds)]


@pytest.mark.req("A21")
def test_the_last_voucher_is_redeemed_once(ledgers: Callable[[], Ledger]) -> None:
    ledger = ledgers()
    workshop_id = partner(ledger)
    for _ in range(3):
        redeem(ledger, workshop_id)
    assert all_at_once(ledgers, workshop_id) == {"redeemed": 1, "NO_VOUCHER_LEFT": CALLERS - 1}
    issued, *used = facts(ledger)
    assert (issued.count, [e.voucher_no for e in used]) == (4, [1, 2, 3, 4])


@pytest.mark.req("A21")
def test_a_years_vouchers_are_issued_once_and_each_is_redeemed_once(ledgers: Callable[[], Ledger]) -> None:
    ledger = ledgers()
    workshop_id = partner(ledger)
    assert all_at_once(ledgers, workshop_id) == {"redeemed": 4, "NO_VOUCHER_LEFT": CALLERS - 4}
    issued, *used = facts(ledger)
    assert isinstance(issued, TrainingVouchersIssued)
    assert [e.voucher_no for e in used] == [1, 2, 3, 4]
    (vouchers,) = ledger.load("program", PROGRAM).vouchers
    assert (vouchers.issued, vouchers.left) == (4, 0)
