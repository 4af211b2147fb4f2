"""The audit trail reads like a report."""

import re

import msgspec
import pytest

from domain.values import TEXT_MARKER
from projections.audit_trail import line
from projections.language import Unreadable
from tests.recorded import told
from tests.small_world import granted


@pytest.mark.req("S0-09")
def test_every_fact_is_a_line_with_who_when_and_what() -> None:
    facts = told("program:prog1", granted().events, occurred_on=None)
    lines = [line(fact) for fact in facts]
    assert len({(one.stream, one.version) for one in lines}) == len(facts)
    last, fact = lines[-1], facts[-1]
    assert (last.position, last.stream, last.version) == (fact.position, "program:prog1", fact.version)
    assert (last.actor_person, last.actor_role, last.actor_org) == ("p_somebody", "affiliate_admin", "north")
    assert last.sentence.startswith("granted Dedicated, from 2026-02-19 through 2029-02-18: ")


@pytest.mark.req("H11")
def test_words_appear_only_as_markers() -> None:
    said = " ".join(line(fact).sentence for fact in told("program:prog1", granted().events))
    assert TEXT_MARKER.search(said)
    assert not re.search(r"t_[0-9a-f]{12}", TEXT_MARKER.sub("", said))


def test_a_fact_that_cannot_be_read_has_a_line_too() -> None:
    fact = told("program:prog1", granted().events)[0]
    damaged = msgspec.structs.replace(fact, type="StarsAligned.v3", event=Unreadable("unknown"))
    assert line(damaged).sentence == "recorded StarsAligned.v3, which this version cannot read"
