"""Folding: key by key, in any batches, and one failing key stops no other."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.grant import TierGranted
from domain.listing import ProgramListingResumed, ProgramRegistered
from projections import READ_MODELS
from projections.language import Folding, NoRow, ReadModel, Row, Unreadable, stem
from tests.recorded import Told, told
from tests.small_tenure import appealed, suspended
from tests.small_world import Case, admitted, gates_met, granted


def _appealed() -> Case:
    """A program that was suspended and appealed."""
    c = granted()
    appealed(c, suspended(c))
    return c


HISTORIES = (
    *(granted().events, admitted(scheme="member").events, gates_met().events, granted(scheme="lean").events),
    _appealed().events,
)


@st.composite
def ledgers(draw: st.DrawFn) -> list[Told]:
    """Beginnings of valid histories, one program each, shuffled together as programs act at once."""
    taken = [draw(st.integers(0, len(history))) for history in HISTORIES]
    order = draw(st.permutations([n for n, count in enumerate(taken) for _ in range(count)]))
    streams = [iter(told(f"program:p{n}", history)) for n, history in enumerate(HISTORIES)]
    return [change(next(streams[n]), position) for position, n in enumerate(order, 1)]


def change(fact: Told, position: int) -> Told:
    """The fact at another position."""
    fields = {name: getattr(fact, name) for name in fact.__struct_fields__}
    return Told(**{**fields, "position": position})


def stored(model: ReadModel[Any], facts: list[Told], batch: int) -> dict[str, list[tuple[int, str]]]:
    """What lies in the table after folding in batches: rows are read again from what was stored."""
    written: dict[str, list[tuple[int, str]]] = {}
    for start in range(0, len(facts), batch):
        folding = Folding(model, {key: model.load(states[-1][1]) for key, states in written.items()})
        for fact in facts[start : start + batch]:
            if type(fact.event) in model.arms:
                folding.see(fact)
        assert folding.parked == []
        for key, states in folding.changes.items():
            new = [(position, model.dump(row)) for position, row in states]
            written[key] = (written.get(key, []) if model.versioned else []) + new
    return written


@pytest.mark.req("H1")
@given(ledgers(), st.integers(1, 60))
def test_batches_make_no_difference_to_a_single_byte(facts: list[Told], batch: int) -> None:
    for model in READ_MODELS:
        assert stored(model, facts, batch) == stored(model, facts, len(facts) + 1)


def failing() -> ReadModel[Any]:
    """A model whose rows fail on a grant."""

    class Count(Row):
        facts: int = 0

    model = ReadModel("directory", Count, aggregate="program")

    @model.on(ProgramRegistered)
    def _(row: Count | None, r: Any) -> Count:
        return Count(facts=1)

    @model.on(TierGranted)
    def _(row: Count | None, r: Any) -> Count:
        raise ZeroDivisionError("no")

    @model.on(ProgramListingResumed)
    def _(row: Count, r: Any) -> Count:
        return Count(facts=row.facts + 1)

    return model


def test_a_failing_fact_stops_its_own_key() -> None:
    folding = Folding(failing())
    for stream in ("program:a", "program:b"):
        events = [HISTORIES[0][0], *([HISTORIES[0][-1]] if stream == "program:a" else []), ProgramListingResumed()]
        for fact in told(stream, events, first=1 if stream == "program:a" else 10):
            folding.see(fact)
    assert {key: row.facts for key, row in folding.rows.items() if row} == {"program:a": 1, "program:b": 2}
    assert [(p.key, p.position) for p in folding.parked] == [("program:a", 2), ("program:a", 3)]
    assert folding.parked[0].reason == "TierGranted.v1: ZeroDivisionError: no"


def test_a_fact_that_cannot_be_read_parks_its_key() -> None:
    folding = Folding(failing())
    (fact,) = told("program:a", [HISTORIES[0][0]])
    fields = {name: getattr(fact, name) for name in fact.__struct_fields__}
    folding.see(Told(**{**fields, "event": Unreadable("damaged")}))
    assert folding.parked[0].reason == "ProgramRegistered.v1: ValueError: damaged"


def test_a_type_has_one_arm() -> None:
    with pytest.raises(ValueError, match="two arms for TierGranted"):
        failing().on(TierGranted)(lambda row, r: row)


def test_a_row_must_be_opened_first() -> None:
    folding = Folding(READ_MODELS[0])
    folding.see(told("program:a", [ProgramListingResumed()])[0])
    assert NoRow.__name__ in folding.parked[0].reason


def test_names_of_types_have_a_stem() -> None:
    assert stem("TierGranted.v12") == "TierGranted"
