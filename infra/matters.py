"""Answers about what is open across programs: the work list, appeals, declarations, public notices, complaints."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from infra.reading import Asking, Page, closed_cursor, opened_cursor
from projections import complaints, notices, worklist
from projections.complaints import Complained
from projections.notices import Told
from projections.tasks import Rules
from projections.worklist import Appealed, Assigned, Declaration, Place


@dataclass(frozen=True)
class Chosen:
    """Which tasks, on which day; without one, today in the zone of each."""

    affiliate: str | None = None
    role: str | None = None
    program: str | None = None
    """The key of one program's workspace."""
    overdue: bool = False
    """Only those that are late on the day."""
    as_of: date | None = None


@dataclass(frozen=True)
class Handler:
    """Which complaints somebody handles: about programs of which affiliates, and whether those about affiliates."""

    administers: list[str]
    national: bool
    works_for: list[str]
    """The affiliates on whose staff they are; complaints about these are not for them."""


class Matters(Asking):
    """Asks the read models of a database. Any thread may."""

    def worklist(
        self,
        chosen: Chosen,
        rules: Sequence[Rules],
        places: Sequence[Place],
        *,
        now: datetime,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Assigned]:
        """What is to be done on a day, the most urgent first. CursorInvalid for a cursor that is none of this question's."""
        after = opened_cursor(cursor, tuple[str, datetime, str, int]) if cursor else (None,) * 4
        words = {
            **dict(
                zip(("schemes", "versions", "renewals", "looks", "dues", "check_ins"), _across(rules, 6), strict=True)
            ),
            **dict(zip(("affiliates", "zones"), _across(places, 2), strict=True)),
            **dict(zip(("c1", "c2", "c3", "c4"), after, strict=True)),
            **asdict(chosen),
            "now": now,
            "limit": limit + 1,
        }
        lines = self._ask(worklist.WORKLIST, **words)
        rows = tuple(_row(Assigned, line) for line in lines[:limit])
        place = (lines[limit - 1][13], lines[limit - 1][12], *lines[limit - 1][14:]) if len(lines) > limit else None
        return Page(rows, closed_cursor(place) if place else None)

    def appeals(
        self,
        *,
        affiliate: str | None = None,
        state: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Appealed]:
        """Appeals, the latest first. CursorInvalid for a cursor that is none of this question's."""
        c1, c2, c3 = opened_cursor(cursor, tuple[date, str, int]) if cursor else (None,) * 3
        lines = self._ask(worklist.APPEALS, affiliate=affiliate, state=state, c1=c1, c2=c2, c3=c3, limit=limit + 1)
        rows = tuple(_row(Appealed, line) for line in lines[:limit])
        place = (rows[-1].filed_on, *lines[limit - 1][-2:]) if len(lines) > limit else None
        return Page(rows, closed_cursor(place) if place else None)

    def declarations(
        self, affiliate: str, *, person: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[Declaration]:
        """What was declared about programs of an affiliate. CursorInvalid for a cursor that is none of this question's."""
        c1, c2 = opened_cursor(cursor, tuple[str, int]) if cursor else (None, None)
        lines = self._ask(worklist.DECLARATIONS, affiliate=affiliate, person=person, c1=c1, c2=c2, limit=limit + 1)
        rows = tuple(_row(Declaration, line) for line in lines[:limit])
        return Page(rows, closed_cursor(lines[limit - 1][-2:]) if len(lines) > limit else None)

    def notices(
        self,
        *,
        affiliate: str | None = None,
        program_id: str | None = None,
        current: bool | None = None,
        as_known: int | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Told]:
        """Public notices, the latest first. CursorInvalid for a cursor that is none of this question's."""
        (before,) = opened_cursor(cursor, tuple[int]) if cursor else (None,)
        program = f"program:{program_id}" if program_id else None
        chosen = {"affiliate": affiliate, "program": program, "current": current, "known": as_known}
        lines = self._ask(notices.LIST, **chosen, before=before, limit=limit + 1)
        rows = tuple(_notice(line) for line in lines[:limit])
        return Page(rows, closed_cursor(lines[limit - 1][-1:]) if len(lines) > limit else None)

    def complaints(
        self,
        handler: Handler,
        *,
        affiliate: str | None = None,
        state: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Complained]:
        """Complaints that somebody handles, the latest first. CursorInvalid for a cursor that is none of this question's."""
        (before,) = opened_cursor(cursor, tuple[int]) if cursor else (None,)
        chosen = {"affiliate": affiliate, "state": state, "before": before}
        lines = self._ask(complaints.LIST, **asdict(handler), **chosen, limit=limit + 1)
        rows = tuple(complaints.model.load(line[0]) for line in lines[:limit])
        return Page(rows, closed_cursor((rows[-1].position,)) if len(lines) > limit else None)


def _notice(line: Any) -> Told:
    program_id, name, affiliate = line[2:5]
    posted, ordinal = notices.model.load(line[0]), int(line[1])
    return Told(program_id=program_id, name=name, affiliate=affiliate, notice=posted.notices[ordinal])


def _row(row: type[Any], line: Sequence[Any]) -> Any:
    """The row that the first columns of a line make."""
    names: tuple[str, ...] = row.__struct_fields__
    return row(**dict(zip(names, line, strict=False)))


def _across(lines: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    """Lines turned into columns."""
    return [[line[n] for line in lines] for n in range(width)]
