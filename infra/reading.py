"""Answers from the read models: runs their questions and gives their rows back.

Doors say what day it is by handing over ``now``; a tier's status on that day is computed by the question, in the
tier's own time zone. Where ``as_known`` is given, the answer is what was known at that position.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from domain.program import Program
from domain.status import StatusName
from infra.database import Database
from infra.entries import read
from projections import audit_trail, decisions, directory, expiry, workspace
from projections.audit_trail import Line
from projections.decisions import Listed
from projections.directory import Members, Partner
from projections.expiry import Due
from projections.field import DECIDED, Decided, decided_from
from projections.held import midnight
from projections.language import Question, Row
from projections.shared import STATES
from projections.workspace import Deadline, Workspace

R = TypeVar("R", bound=Row)
_POSITIONS = """SELECT model, generation, min(position) FROM read.places JOIN read.progress USING (model, generation)
WHERE live GROUP BY model, generation ORDER BY model"""


class CursorInvalid(ValueError):
    """A cursor that no page of this question gave out."""


@dataclass(frozen=True)
class Page(Generic[R]):
    """Some rows, and the cursor to ask for more with; None on the last page."""

    rows: tuple[R, ...]
    next: str | None = None


@dataclass(frozen=True)
class Partners(Page[Partner]):
    """A page of the directory."""

    next_change_at: datetime | None = field(default=None, kw_only=True)
    """When a status in the listing changes next by date alone (UTC); None where the day asked about is fixed."""


@dataclass(frozen=True)
class PartnerFilter:
    """Which partners. ``tier`` is qualified (``scheme/tier``); ``place`` a jurisdiction or a city; ``q`` part of a name."""

    affiliate: str | None = None
    scheme: str | None = None
    tier: str | None = None
    status: StatusName | None = None
    """active: held on the day, extended terms too; the others as they are called."""
    place: str | None = None
    q: str | None = None

    @property
    def ranked(self) -> bool:
        """Whether rank may order the answer: only inside one scheme, or scheme by scheme of one affiliate (M23)."""
        return bool(self.affiliate or self.scheme or self.tier)

    @property
    def words(self) -> dict[str, str | None]:
        """The filter as the questions take it."""
        return {
            "affiliate": self.affiliate,
            "scheme": self.scheme or (self.tier.partition("/")[0] if self.tier else None),
            "tier": self.tier,
            "status": self.status,
            "place": directory.folded(self.place) if self.place else None,
            "q": directory.folded(self.q) if self.q else None,
        }


_EVERYONE = PartnerFilter()


class Ask(Protocol):
    """Asks one question; its rows."""

    def __call__(self, question: Question, /, **words: Any) -> list[Any]:
        """``words``: what the question is asked with, by name."""
        ...


class Asking:
    """Asks the read models of a database. Any thread may."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def _ask(self, question: Question, **words: Any) -> list[Any]:
        with self._database.pool.connection() as connection:
            return connection.execute(question.sql, words, binary=True).fetchall()


class Reading(Asking):
    """Answers about programs. Any thread may."""

    def positions(self) -> dict[str, tuple[int, int]]:
        """For each model the live generation and the position that it has read up to."""
        with self._database.pool.connection() as connection:
            rows: list[Any] = connection.execute(_POSITIONS).fetchall()
        return {model: (generation, position) for model, generation, position in rows}

    # --- the directory --------------------------------------------------------------------------------------------

    def partners(
        self,
        chosen: PartnerFilter = _EVERYONE,
        *,
        now: datetime,
        as_of: date | None = None,
        as_known: int | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Partners:
        """A page of listed programs: by rank within each scheme where one scheme or affiliate is asked for, else by name.

        ``as_of`` None: today in each tier's zone; a day: who was listed on it, by the name and the affiliate that each had then.
        CursorInvalid for a cursor that is none of this question's.
        """
        bodies, more, change = page_of(
            self._ask, chosen, now=now, as_of=as_of, as_known=as_known, cursor=cursor, limit=limit
        )
        return Partners(tuple(directory.model.load(body) for body in bodies), more, next_change_at=change)

    def partners_by_ids(self, program_ids: Sequence[str], *, as_known: int | None = None) -> list[Partner]:
        """The programs of those ids that are or were listed, in the order asked for; ids not found are left out."""
        question = directory.NAMED if as_known is None else directory.NAMED_THEN
        keys = [f"program:{program_id}" for program_id in program_ids]
        return [directory.model.load(line[0]) for line in self._ask(question, keys=keys, known=as_known)]

    def partner(self, program_id: str, *, as_known: int | None = None) -> Partner | None:
        """One program, if it is or was listed."""
        return next(iter(self.partners_by_ids([program_id], as_known=as_known)), None)

    def members_on(
        self, day: date | None = None, *, now: datetime, affiliate: str | None = None, as_known: int | None = None
    ) -> list[Members]:
        """How many programs held each tier on a day, scheme by scheme; None: today in each tier's zone."""
        question = directory.members(then=as_known is not None, on=day is not None)
        names = Members.__struct_fields__
        lines = self._ask(question, as_of=day, now=now, affiliate=affiliate, known=as_known)
        return [Members(**dict(zip(names, line, strict=True))) for line in lines]

    # --- the expiry schedule --------------------------------------------------------------------------------------

    def expiries(
        self,
        first: date | None = None,
        last: date | None = None,
        *,
        affiliate: str | None = None,
        limit: int = 1_000,
    ) -> list[Due]:
        """What ends or is due between two days, both included, in the order of the days."""
        names = Due.__struct_fields__
        lines = self._ask(expiry.DUE, first=first, last=last, affiliate=affiliate, limit=limit)
        return [Due(**dict(zip(names, line, strict=True))) for line in lines]

    # --- the audit trail ------------------------------------------------------------------------------------------

    def trail(self, stream: str, *, after: int = 0, limit: int = 500, as_known: int | None = None) -> Page[Line]:
        """The lines of a stream with versions above ``after``, in order; the cursor is the next ``after``."""
        lines = self._ask(audit_trail.OF_STREAM, stream=stream, after=after, limit=limit + 1, known=as_known)
        rows = tuple(audit_trail.line(_told(line)) for line in lines[:limit])
        return Page(rows, str(rows[-1].version) if len(lines) > limit else None)

    # --- decisions ------------------------------------------------------------------------------------------------

    def decisions(
        self,
        *,
        program_id: str | None = None,
        affiliate: str | None = None,
        year: int | None = None,
        q: str | None = None,
        as_known: int | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Listed]:
        """Decisions, the latest first. CursorInvalid for a cursor that is none of this question's."""
        (before,) = opened_cursor(cursor, tuple[int]) if cursor else (None,)
        lines = self._ask(
            decisions.LIST,
            program=f"program:{program_id}" if program_id else None,
            affiliate=affiliate,
            year=year,
            q=directory.folded(q) if q else None,
            before=before,
            known=as_known,
            limit=limit + 1,
        )
        rows = tuple(_listed(line) for line in lines[:limit])
        return Page(rows, closed_cursor((rows[-1].dossier.position,)) if len(lines) > limit else None)

    def decision(self, decision_id: str) -> Listed | None:
        """One decision with its whole evaluation."""
        return next((_listed(line) for line in self._ask(decisions.ONE, decision_id=decision_id)), None)

    # --- workspaces -----------------------------------------------------------------------------------------------

    def workspaces(
        self,
        *,
        affiliate: str | None = None,
        waiting_on: str | None = None,
        q: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Workspace]:
        """Programs, the longest waiting first. CursorInvalid for a cursor that is none of this question's."""
        since, key = opened_cursor(cursor, tuple[datetime, str]) if cursor else (None, None)
        words = {"affiliate": affiliate, "waiting_on": waiting_on, "q": directory.folded(q) if q else None}
        lines = self._ask(workspace.LIST, **words, since=since, key=key, limit=limit + 1)
        rows = tuple(workspace.model.load(line[0]) for line in lines[:limit])
        return Page(rows, closed_cursor(lines[limit - 1][1:]) if len(lines) > limit else None)

    def workspace(self, program_id: str) -> Workspace | None:
        """One program's workspace."""
        lines = self._ask(workspace.ONE, key=f"program:{program_id}")
        return next((workspace.model.load(line[0]) for line in lines), None)

    def states(self, program_ids: Sequence[str]) -> dict[str, Program]:
        """The states of some programs, without the acts that may be withdrawn; unknown ones are left out."""
        lines = self._ask(STATES, keys=[f"program:{program_id}" for program_id in program_ids])
        rows = (workspace.model.load(line[0]) for line in lines)
        return {row.program_id: row.program for row in rows}

    def deadlines(self, upto: date, *, affiliate: str | None = None) -> list[Deadline]:
        """What is due up to a day, that day included, and not announced yet, in the order of the days."""
        names = Deadline.__struct_fields__
        lines = self._ask(workspace.DEADLINES, upto=upto, affiliate=affiliate)
        return [Deadline(**dict(zip(names, line, strict=True))) for line in lines]

    # --- the field ------------------------------------------------------------------------------------------------

    def decided(self, scheme: str, through: int) -> list[Decided]:
        """What was found in every cycle of a scheme that was decided up to the end of a year."""
        return [decided_from(line) for line in self._ask(DECIDED, scheme=scheme, through=through)]


def page_of(
    ask: Ask,
    chosen: PartnerFilter,
    *,
    now: datetime,
    as_of: date | None = None,
    as_known: int | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> tuple[list[Any], str | None, datetime | None]:
    """The bodies of a page of partners, the cursor of the next one, and when a status in the listing changes next, asked of
    the register or of a copy of it. CursorInvalid for a cursor that is none of this question's."""
    words = (*chosen.words.items(), ("as_of", as_of), ("after", cursor))
    asked = frozenset(name for name, value in words if value is not None)
    question = directory.page(asked, then=as_known is not None, ranked=chosen.ranked)
    c1, c2, c3, c4 = opened_cursor(cursor, tuple[str, int, str, str]) if cursor else (None,) * 4
    day = {"now": now, "as_of": as_of, "known": as_known}
    place = {"c1": c1, "c2": c2, "c3": c3, "c4": c4, "limit": limit + 1}
    lines = ask(question, **chosen.words, **day, **place)
    more = closed_cursor(lines[limit - 1][1:]) if len(lines) > limit else None
    change = None if as_of else _next_change(ask, chosen, day)
    return [line[0] for line in lines[:limit]], more, change


def _next_change(ask: Ask, chosen: PartnerFilter, day: dict[str, Any]) -> datetime | None:
    question = directory.NEXT_CHANGE if day["known"] is None else directory.NEXT_CHANGE_THEN
    words = {name: chosen.words[name] for name in ("affiliate", "scheme")}
    return min((midnight(*line) for line in ask(question, **words, **day)), default=None)


class _Told(NamedTuple):
    """A fact as the trail reads it."""

    position: int
    stream: str
    version: int
    type: str
    recorded_at: datetime
    occurred_on: date | None
    provenance: str
    actor_person: str
    actor_role: str
    actor_org: str
    event: Any


def _told(line: Sequence[Any]) -> _Told:
    *about, state = line
    return _Told._make((*about, read(line[3], state)))


def _listed(line: Any) -> Listed:
    body, name, affiliate = line
    return Listed(dossier=decisions.model.load(body), program_name=name, affiliate=affiliate)


def closed_cursor(place: Sequence[Any]) -> str:
    """The cursor for a place in a list."""
    return base64.urlsafe_b64encode(msgspec.json.encode(tuple(place))).decode().rstrip("=")


def opened_cursor(cursor: str, shape: type[Any]) -> Any:
    """The place that a cursor stands for. CursorInvalid where it is none of that shape."""
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=shape)
    except (binascii.Error, msgspec.DecodeError, ValueError):
        raise CursorInvalid("this cursor belongs to no page of this list") from None
