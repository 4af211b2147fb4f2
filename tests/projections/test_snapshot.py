"""The lines of a directory: made one day after another, they are those that are made at once."""

from datetime import date, timedelta

from projections.directory import model
from projections.language import follow
from projections.snapshot import Lines, differing, entries, entry
from tests.recorded import told
from tests.small_world import admitted, granted, listed


def test_a_line_that_is_kept_is_the_one_of_its_day() -> None:
    cases = (granted(tier="expert"), admitted(scheme="member"), listed())
    rows = [row for case in cases for row in follow(model, told("program:prog1", case.events)) if row]
    lines, made, changes = Lines(), 0, 0
    for row in rows:
        before = b""
        days = (date(2026, 1, 1) + timedelta(days=n) for n in range(0, 1500, 17))
        for day in (*days, date(2029, 2, 18), date(2029, 2, 19), date(2026, 2, 19), date(2026, 2, 18)):
            line = lines(row, day)
            assert line == entry(row, day)
            made, changes, before = made + 1, changes + (line is not before), line
    assert changes < made / 8, "most lines are not made again"


def test_rows_that_the_public_is_not_shown_have_no_line() -> None:
    rows = list(follow(model, told("program:prog1", listed().events)))
    shown = [len(entries([row, None], date(2026, 5, 1))) for row in rows]
    assert sorted(set(shown)) == [0, 1]


def test_what_differs_is_named() -> None:
    own = ['{"name":"One","program_id":"a"}', '{"name":"Two","program_id":"b"}']
    assert list(differing("it", own, own)) == []
    assert list(differing("it", own, own[1:])) == ["it leaves out One (a)"]
    assert list(differing("it", own, [*own, own[0]])) == ["it shows a program twice or in another order"]
    assert list(differing("it", own[:1], own)) == ["it puts in Two (b)"]
