"""Decisions derived again by further processes: the same is found as by one process alone, whatever becomes of them."""

from dataclasses import replace

import pytest

from domain.evidence import TierEligibilityEvaluated
from infra import rederiving
from infra.embedded import EmbeddedServer
from infra.rederiving import Rederived, rederived
from tests.api.conftest import Desk
from tests.api.test_tampering import FAR, rewritten
from tests.proof.superuser import by_superuser


@pytest.fixture
def altered(desk: Desk, postgres: EmbeddedServer) -> Desk:
    """A desk where the stored evaluation of one decision was changed, its commitment computed anew."""
    name = TierEligibilityEvaluated.published_name()
    last = [f for f in desk.service.ledger.recorder.read(0, FAR) if f.type == name][-1]
    changed = replace(last, state=last.state.replace(b'"result":"true"', b'"result":"unknown"', 1))
    by_superuser(postgres, desk.service.database, rewritten(changed))
    return desk


def derived(desk: Desk, told: list[int]) -> list[Rederived]:
    programs = [one.program_id for one in desk.journeys.values()]
    return rederived(desk.service.ledger, desk.service.database.app_dsn, programs, desk.head, told.append)


def test_several_processes_find_what_one_finds(altered: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    alone, together = list[int](), list[int]()
    expected = derived(altered, alone)
    assert sum(one.decisions for one in expected) > 3
    assert [len(one.divergences) > 0 for one in expected].count(True) == 1
    monkeypatch.setattr(rederiving, "ALONE", 1)
    monkeypatch.setattr(rederiving, "cores", lambda: 2)
    monkeypatch.setattr(rederiving, "_rederived", None)  # nothing is left for this process
    assert derived(altered, together) == expected
    assert alone == together == list(range(1, len(expected) + 1))


def test_what_processes_that_end_at_once_leave_is_done_here(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = derived(desk, [])
    assert [one.divergences for one in expected] == [[] for _ in expected]
    monkeypatch.setattr(rederiving, "ALONE", 1)
    monkeypatch.setattr(rederiving, "cores", lambda: 2)
    monkeypatch.setattr(rederiving, "HELPER", "tests.no_such_program")
    assert derived(desk, []) == expected
