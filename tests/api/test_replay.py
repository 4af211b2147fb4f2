"""Replay: the state of any program at any version, on any day, as known at any time, against what else says the same."""

from datetime import date, timedelta

import pytest

from api.cli_reads import replayed
from api.plain import plain
from projections.held import Status
from tests.api.conftest import Desk
from tests.api.later import Later
from tests.api.test_cli import Shell, looking

__all__ = ["looking"]


def days_of(desk: Desk, program: str) -> list[date]:
    """Every day on which something begins or ends for a program, with the days beside it."""
    row = desk.service.reading.partner(program)
    dates = {day for span in (row.history() if row else ()) for day in (span.since, span.until) if day}
    return sorted({day + timedelta(days=n) for day in dates for n in (-1, 0, 1)})


def in_words(status: Status) -> str:
    """What the public directory says of a scheme, as replay says it."""
    span = status.span
    assert span
    return f"{status.status}: {span.held.label} ({span.held.scheme}/{span.held.tier}) since {span.since}"


def test_every_version_is_the_state_that_the_ledger_had(read_only: Desk) -> None:
    service = read_only.service
    for way in read_only.journeys.values():
        history = service.ledger.history("program", way.program_id)
        for version in range(0, len(history) + 1, 3):
            told = replayed(service, way.program_id, to=version)
            state = service.ledger.load("program", way.program_id, upto=version)
            assert (told["version"], told["state"]) == (version, plain(state))
            if version:
                assert told["recorded_at"] == history[version - 1].recorded_at.isoformat()


@pytest.mark.req("H10")
def test_any_day_as_known_at_any_position_is_what_the_directory_shows(later: Later) -> None:
    """The rules fold the program's events; the directory folds rows of its own. Both have to say the same."""
    desk, compared = later.desk, 0
    for program in (later.mill.program_id, *(way.program_id for way in desk.journeys.values())):
        bearing = [
            one for one in desk.service.ledger.history("program", program) if "Status" in one.type or "Tier" in one.type
        ]
        for position in {one.position + n for one in bearing for n in (-1, 0)}:
            row = desk.service.reading.partner(program, as_known=position)
            for day in days_of(desk, program) if row else ():
                held = replayed(desk.service, program, as_of=day, as_known=str(position))["holds"]
                shown = [in_words(one) for one in row.statuses(lambda zone, day=day: day) if one.span] if row else []
                told = [one.replace(" from ", " since ").partition(" through ")[0] for one in held]
                told = [one.removesuffix(" with no end date") for one in told]
                assert sorted(told) == sorted(shown), (program, position, day)
                compared += 1
    assert compared > 100


def test_without_a_day_it_is_the_day_of_the_moment(looking: Shell) -> None:
    desk = looking.desk
    history = desk.service.ledger.history("program", desk.journeys["lake"].program_id)
    granted = next(one for one in history if one.type == "TierGranted.v1")
    moment = granted.recorded_at.isoformat()
    for asked in (["--to", str(granted.version)], ["--as-known", moment], ["--as-known", str(granted.position)]):
        told = looking.json("replay", "lantern", *asked)
        assert isinstance(told, dict)
        assert (told["version"], told["day"]) == (granted.version, granted.recorded_at.date().isoformat()), asked
    now = looking.json("replay", "lantern")
    assert isinstance(now, dict)
    assert now["day"] == desk.clock().date().isoformat()
    beyond = looking.json("replay", "lantern", "--as-known", str(desk.head + 10))
    assert isinstance(beyond, dict)
    assert beyond == now


def test_both_questions_of_time_together(looking: Shell) -> None:
    """What was known before the grant of the day after it: nothing."""
    desk = looking.desk
    history = desk.service.ledger.history("program", desk.journeys["lake"].program_id)
    granted = next(one for one in history if one.type == "TierGranted.v1")
    day = (granted.recorded_at.date() + timedelta(days=1)).isoformat()
    before = looking("replay", "lantern", "--as-of", day, "--as-known", str(granted.position - 1)).stdout
    assert "It holds no tier on that day." in before
    assert "active: " in looking("replay", "lantern", "--as-of", day, "--as-known", str(granted.position)).stdout


def test_before_it_was_known_and_versions_that_are_none(looking: Shell) -> None:
    lake = looking.desk.journeys["lake"].program_id
    history = looking.desk.service.ledger.history("program", lake)
    for asked in (["--as-known", "2001-01-01T00:00:00Z"], ["--as-known", str(history[0].position - 1)]):
        assert looking("replay", lake, *asked).stdout.startswith("It was not known yet.\n")
    many = len(history) + 1
    assert (
        f"it has {many - 1} events, and no version {many}" in looking("replay", lake, "--to", str(many), code=2).stderr
    )
    said = looking("replay", lake, "--to", "3", "--as-known", str(history[1].position), code=2).stderr
    assert "it has 2 events by then, and no version 3" in said
    assert looking("replay", lake, "--as-known", "yesterday", code=2).stderr
