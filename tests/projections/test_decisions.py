"""The dossier of a decision."""

from datetime import date

import pytest

from domain.decision import DeferDecision, DenyTier
from projections.decisions import Dossier, model
from projections.language import Folding
from tests.recorded import told
from tests.small_world import DECIDER, NO, Case, admitted, decider_named, granted, words


def dossiers(case: Case) -> list[Dossier]:
    """All decisions of a case, in order."""
    folding = Folding(model)
    for fact in told("program:prog1", case.events):
        if type(fact.event) in model.arms:
            folding.see(fact)
    assert folding.parked == []
    return [row for row in folding.rows.values() if row]


@pytest.mark.req("S0-03", "S0-04", "S0-05")
def test_a_grant_keeps_its_whole_proof() -> None:
    case = granted()
    (dossier,) = dossiers(case)
    assert dossier.evaluation
    assert dossier.evaluation_version
    assert (dossier.outcome, dossier.tier, dossier.decider) == ("granted", "dedicated", DECIDER)
    assert (dossier.effective_on, dossier.expires_on) == (date(2026, 2, 19), date(2029, 2, 19))
    assert dossier.evaluation == case.events[dossier.evaluation_version - 1]
    assert dossier.decision_version == case.p.decisions[dossier.decision_id].version
    assert dossier.evaluation.evaluation.of("dedicated").result == "true"


@pytest.mark.req("M14")
def test_an_acceptance_is_a_decision() -> None:
    (dossier,) = dossiers(admitted(scheme="member"))
    assert (dossier.outcome, dossier.kind, dossier.cycle_id, dossier.tier) == ("granted", "initial", None, "affiliate")


def test_a_deferral_and_a_denial_say_what_was_missing() -> None:
    case = decider_named(answers={"C5": NO})
    until = date.fromordinal(case.today.toordinal() + 30)
    cycle = case.cycle_id
    case.must(
        DECIDER, DeferDecision(cycle_id=cycle, tier="expert", until=until, reason=words("Wait."), missing=("C5",))
    )
    case.must(DECIDER, DenyTier(cycle_id=cycle, tier="expert", reasons=words("C5 is not in place.")))
    deferred, denied = dossiers(case)
    assert (deferred.outcome, deferred.deferral_no, deferred.deferred_until) == ("deferred", 1, until)
    assert (denied.outcome, denied.tier, denied.appeal_by is not None) == ("denied", "expert", True)
    assert deferred.missing == ("C5",)
    assert "C5" in denied.missing


def test_rows_are_stored_and_read_again_the_same() -> None:
    (dossier,) = dossiers(granted())
    assert model.load(model.dump(dossier)) == dossier
