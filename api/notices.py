"""Public notices: what was done about a tier for cause, corrected or taken back; words made of the data alone."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from api.asked import AsKnown, AtLeast, Cursor, Limit, known_position, waited
from api.kept import FRESH
from api.partners import Word
from api.plain import plain
from api.problems import responses
from infra.wiring import Service
from projections.notices import Notice, Told

routes = APIRouter(tags=["directory"])
KINDS = {
    "suspension": "Suspended",
    "reduction": "Reduced to a lower tier",
    "revocation": "Revoked",
    "correction": "First day corrected to another:",
}
"""What each kind of notice tells of; others are called as they are."""
PENDING = "An appeal is pending; until it is decided this has no effect."


def words(notice: Notice) -> str:
    """A notice as people read it."""
    what = KINDS.get(notice.kind, notice.kind.capitalize())
    since = notice.effective_on if notice.kind == "correction" else f"from {notice.effective_on}"
    grounds = ", ".join(_plain_word(g) for g in notice.grounds)
    said = f"{what} {since}{f' on the ground of {grounds}' if grounds else ''}."
    if notice.archived_at:
        said += f" Archived on {notice.archived_at.date()}: {_plain_word(notice.archived_on_ground or '')}."
    return f"{said} {PENDING}" if notice.stayed and not notice.archived_at else said


def _plain_word(code: str) -> str:
    return code.replace("_", " ")


def told(row: Told) -> dict[str, Any]:
    """One notice as the public sees it."""
    n = row.notice
    names = ("notice_id", "scheme", "kind", "grounds", "effective_on", "posted_at", "archived_at")
    return {
        "program_id": row.program_id,
        "name": row.name,
        "affiliate": row.affiliate,
        **{name: plain(getattr(n, name)) for name in names},
        "decision_id": n.about,
        "status": "current" if n.archived_at is None else "archived",
        "archived_on_ground": n.archived_on_ground,
        "stayed": n.stayed,
        "says": words(n),
    }


def notices_of(service: Service, program_id: str, as_known: int | None = None) -> list[dict[str, Any]]:
    """Every notice about one program, the latest first."""
    page = service.matters.notices(program_id=program_id, as_known=as_known, limit=200)
    return [told(row) for row in page.rows]


@routes.get(
    "/notices", operation_id="notices", summary="Public notices, the latest first.", responses=responses(422, 503)
)
def notices(
    request: Request,
    response: Response,
    affiliate: Word = None,
    program: Word = None,
    status: Annotated[Literal["current", "archived"] | None, Query()] = None,
    as_known: AsKnown = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    at_least: AtLeast = None,
) -> dict[str, Any]:
    """Suspensions, reductions, revocations and corrections; archived ones stay readable with the ground."""
    service: Service = request.app.state.service
    waited(service, at_least)
    current = None if status is None else status == "current"
    page = service.matters.notices(
        affiliate=affiliate,
        program_id=program,
        current=current,
        as_known=known_position(service, as_known),
        cursor=cursor,
        limit=limit,
    )
    response.headers["Cache-Control"] = f"public, max-age={FRESH}"
    return {"notices": [told(row) for row in page.rows], "next": page.next}
