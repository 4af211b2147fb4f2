"""Public notices: acts that bear on a tier, told to everybody; current ones and those that were archived (3.5, M6).

A notice is never erased: once archived it stays readable with the ground. It holds codes and days alone; the program's
name comes from the directory.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, LiteralString

from msgspec.structs import replace

from domain.appeal import AppealDismissed, AppealFiled, AppealWithdrawn
from domain.hearing import AppealDecided
from domain.notice import PublicNoticeArchived, PublicNoticePosted
from projections.language import Index, Question, ReadModel, Recorded, Row, columns, present


class Notice(Row):
    """One public notice."""

    notice_id: str
    scheme: str
    kind: str
    about: str
    """The decision it tells of."""
    grounds: tuple[str, ...] = ()
    effective_on: date
    posted_at: datetime
    position: int
    stayed: bool = False
    """Whether the act has no effect now, because an appeal against it is pending."""
    archived_at: datetime | None = None
    archived_on_ground: str | None = None


class Posted(Row):
    """All notices about one program, in the order posted; also those decisions against which an appeal stays the act."""

    notices: tuple[Notice, ...] = ()


class Told(Row):
    """A notice with the program that it is about."""

    program_id: str
    name: str
    affiliate: str
    notice: Notice


def _lines(row: Posted) -> Iterator[tuple[Any, ...]]:
    for n, notice in enumerate(row.notices):
        yield n, notice.position, notice.archived_at is None


model = ReadModel(
    "notices",
    Posted,
    aggregate="program",
    index=Index("notices_posted", columns(ordinal="int4", posted="int8", current="bool"), _lines),
    versioned=True,
)


@model.on(PublicNoticePosted)
def _(row: Posted | None, r: Recorded) -> Posted:
    e: PublicNoticePosted = r.event
    notice = Notice(
        notice_id=e.notice_id,
        scheme=e.scheme,
        kind=e.kind,
        about=e.about,
        grounds=e.grounds,
        effective_on=e.effective_on,
        posted_at=r.recorded_at,
        position=r.position,
    )
    return Posted(notices=(*(row.notices if row else ()), notice))


def _changed(row: Posted | None, changed: str, about: str, **changes: Any) -> Posted | None:
    """The row with notices changed, found by one of their fields."""
    if row is None:
        return None
    return Posted(notices=tuple(replace(n, **changes) if getattr(n, changed) == about else n for n in row.notices))


@model.on(PublicNoticeArchived)
def _(row: Posted | None, r: Recorded) -> Posted | None:
    e: PublicNoticeArchived = r.event
    known = present(row, r)
    return _changed(known, "notice_id", e.notice_id, archived_at=r.recorded_at, archived_on_ground=e.ground)


@model.on(AppealFiled)
def _(row: Posted | None, r: Recorded) -> Posted | None:
    e: AppealFiled = r.event
    return _changed(row, "about", e.decision_id, stayed=True) if e.stays else row


@model.on(AppealDismissed, AppealWithdrawn, AppealDecided)
def _(row: Posted | None, r: Recorded) -> Posted | None:
    return _changed(row, "about", r.event.decision_id, stayed=False)


_LIVE: LiteralString = "(SELECT generation FROM read.progress WHERE model = 'notices' AND live)"
_DIRECTORY: LiteralString = "(SELECT generation FROM read.progress WHERE model = 'directory' AND live)"


def _shown(table: LiteralString) -> LiteralString:
    """Lines of a table as known at a position, or now."""
    return f"""{table}.from_position <= coalesce(%(known)s::bigint, {table}.from_position)
    AND ({table}.to_position IS NULL OR {table}.to_position > %(known)s::bigint)"""


LIST = Question(
    "public notices of programs that are or were listed, the latest first",
    f"""SELECT n.body, s.ordinal, split_part(n.key, ':', 2), d.name, d.affiliate, s.posted
FROM read.notices_posted s
JOIN read.notices n ON n.generation = s.generation AND n.key = s.key AND n.from_position = s.from_position
JOIN read.directory d ON d.generation = {_DIRECTORY} AND d.key = s.key AND {_shown("d")}
WHERE s.generation = {_LIVE} AND {_shown("s")} AND d.listing NOT IN ('pending', 'declined')
    AND (%(affiliate)s::text IS NULL OR d.affiliate = %(affiliate)s)
    AND (%(program)s::text IS NULL OR s.key = %(program)s)
    AND (%(current)s::bool IS NULL OR s.current = %(current)s)
    AND (%(before)s::bigint IS NULL OR s.posted < %(before)s)
ORDER BY s.posted DESC LIMIT %(limit)s""",
)
