"""``nqms diff``: what changed between two versions, days or times, in sentences, with the status before and after."""

from datetime import timedelta
from typing import Any

import pytest

from tests.api.test_cli import Shell, looking

__all__ = ["looking"]


def between(shell: Shell, *options: str) -> dict[str, Any]:
    """The verb's JSON about the first program."""
    told = shell.json("diff", "lantern", *options)
    assert isinstance(told, dict)
    return told


@pytest.mark.req("H11")
def test_between_versions_days_and_times_the_same_changes_are_told(looking: Shell) -> None:
    way = looking.desk.journeys["lake"]
    history = looking.desk.service.ledger.history("program", way.program_id)
    granted = [one for one in history if one.type == "TierGranted.v1"]
    last = granted[-1]
    told = between(looking, "--from", str(last.version - 1), "--to", str(last.version))
    (change,) = told["changes"]
    assert change["says"].startswith(f"{way.staff.decider} (decider) granted")
    assert (told["before"]["holds"], len(told["after"]["holds"])) == ([], 1)
    assert told["after"]["holds"][0].startswith("active: Expert Partner (mn-qp/expert) from ")
    just_before = (last.recorded_at - timedelta(microseconds=1)).isoformat()
    by_time = between(looking, "--from", just_before, "--to", last.recorded_at.isoformat())
    assert change in by_time["changes"]
    assert by_time["before"]["holds"] == []
    day = last.recorded_at.date()
    by_day = between(looking, "--from", (day - timedelta(days=1)).isoformat(), "--to", day.isoformat())
    assert change in by_day["changes"]
    assert between(looking, "--from", "0")["before"] == {
        "version": 0, "day": history[0].recorded_at.date().isoformat(), "listing": "unregistered", "holds": [],
    }  # fmt: skip


def test_it_reads_like_a_report(looking: Shell) -> None:
    said = looking("diff", "lantern", "--from", "0").stdout.splitlines()
    assert said[0].startswith("Before, on ")
    assert said[0].endswith("at version 0 (unregistered): it holds no tier.")
    assert said[-1].startswith("After, on ")
    assert "active: Expert Partner" in said[-1]
    assert not any("[[" in line or "p_0" in line for line in said)


def test_a_term_that_ended_differs_by_its_dates_alone(looking: Shell) -> None:
    said = looking("diff", "lantern", "--from", "9999", "--to", "2045-01-01").stdout
    assert "expired: Expert Partner" in said
    assert "Nothing was recorded between; what differs, differs by its dates." in said


@pytest.mark.parametrize("wrong", [["soon"], ["2026-03-04T12:00:00"], ["7", "--to", "3"]])
def test_what_is_no_moment_or_comes_first_is_said(looking: Shell, wrong: list[str]) -> None:
    said = looking("diff", "lantern", "--from", *wrong, code=2).stderr
    assert "is no version, no day and no time" in said or "comes after" in said
