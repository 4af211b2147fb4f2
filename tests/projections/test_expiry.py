"""The expiry schedule: what is due when."""

from datetime import date
from typing import Any

import pytest

from domain.grant import TierGranted
from projections.expiry import Due, due, model
from projections.language import follow
from tests.recorded import told
from tests.small_world import Case, admitted, granted
from tests.small_world import rated as rated_


def due_after(events: Any) -> list[Due]:
    """Everything due after some facts."""
    row = list(follow(model, told("program:prog1", events)))[-1]
    assert row is not None
    return sorted(due(row), key=lambda d: d.due_on)


@pytest.mark.req("S0-24", "M22")
def test_a_grant_is_due_for_review_and_then_ends() -> None:
    review, end = due_after(granted().events)
    assert (review.kind, review.due_on) == ("review_due", date(2027, 8, 19))
    assert (end.kind, end.due_on, end.through) == ("expires", date(2029, 2, 19), date(2029, 2, 18))
    assert (end.program_id, end.scheme, end.tier, end.affiliate) == ("prog1", "full", "dedicated", "north")


def test_a_membership_without_a_term_is_due_for_nothing() -> None:
    assert due_after(admitted(scheme="member").events) == []


def renewed(case: Case) -> TierGranted:
    """A later grant of the same tier, in the first one's last year."""
    first = next(e for e in case.events if isinstance(e, TierGranted))
    changes: dict[str, Any] = {"decision_id": "d2", "effective_on": date(2028, 6, 1), "expires_on": date(2031, 6, 1)}
    fields = {name: getattr(first, name) for name in first.__struct_fields__}
    return TierGranted(**{**fields, **changes, "review_due_on": None})


def test_what_a_later_decision_replaced_has_no_end_of_its_own() -> None:
    case = granted()
    found = due_after([*case.events, renewed(case)])
    assert [(d.kind, d.due_on) for d in found] == [("review_due", date(2027, 8, 19)), ("expires", date(2031, 6, 1))]


@pytest.mark.req("A24")
def test_a_tier_held_for_a_while_is_due_to_fall_back() -> None:
    case = rated_(scheme="member")
    entry = next(e for e in case.events if isinstance(e, TierGranted))
    fields = {name: getattr(entry, name) for name in entry.__struct_fields__}
    changes = {"tier": "associate", "rank": 2, "hold_until": date(2027, 9, 1), "falls_back_to": "affiliate"}
    (hold,) = due_after([*case.events, TierGranted(**{**fields, **changes, "decision_id": "d2"})])
    assert (hold.kind, hold.due_on, hold.tier) == ("hold_ends", date(2027, 9, 1), "associate")
