"""The audit trail reads like a report."""

import re

import pytest

from domain import EVENTS
from domain.values import TEXT_MARKER
from projections.audit_trail import model
from projections.language import follow
from tests.recorded import told
from tests.small_world import granted


@pytest.mark.req("S0-09")
def test_every_fact_is_a_line_with_who_when_and_what() -> None:
    facts = told("program:prog1", granted().events, occurred_on=None)
    lines = [line for fact in facts for line in follow(model, [fact])]
    assert len(lines) == len(facts)
    last, fact = lines[-1], facts[-1]
    assert last is not None
    assert (last.position, last.stream, last.version) == (fact.position, "program:prog1", fact.version)
    assert (last.actor_person, last.actor_role, last.actor_org) == ("p_somebody", "affiliate_admin", "north")
    assert last.sentence.startswith("granted Dedicated, from 2026-02-19 through 2029-02-18: ")


@pytest.mark.req("H11")
def test_words_appear_only_as_markers() -> None:
    lines = [line for fact in told("program:prog1", granted().events) for line in follow(model, [fact])]
    said = " ".join(line.sentence for line in lines if line)
    assert TEXT_MARKER.search(said)
    assert not re.search(r"t_[0-9a-f]{12}", TEXT_MARKER.sub("", said))


def test_every_type_of_fact_has_a_line() -> None:
    assert set(model.arms) == set(EVENTS.values())


def test_a_line_has_its_own_key() -> None:
    first, second, *_ = told("program:prog1", granted().events)
    assert [model.key(first), model.key(second)] == ["program:prog1@1", "program:prog1@2"]
