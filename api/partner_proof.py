"""The public proof of what the directory showed of a partner, for whoever visits a website and wants to check it."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.commands import Subject
from api.problems import Problem, responses
from infra.snapshots import NotPublished
from infra.wiring import Service

routes = APIRouter(tags=["directory"])
Day = Annotated[date | None, Query(description="Of which day's directory; of the last one where none is named.")]


@routes.get(
    "/partners/{id}/proof",
    operation_id="partner-proof",
    summary="The proof that the published directory shows a program as it does.",
    response_class=Response,
    responses=responses(404, 422, 503),
)
def partner_proof(
    request: Request,
    id: Subject,  # noqa: A002  the name in the address
    day: Day = None,
) -> Response:
    """A small file that everybody may have and hand on. It opens no event but that the directory was published, and is
    verified offline with `verify_partner.py`."""
    service: Service = request.app.state.service
    try:
        content = service.snapshots.proof(id, day)
    except NotPublished as error:
        raise Problem("NOT_FOUND", f"There is no proof: {error}.") from None
    headers = {
        "Content-Disposition": f'attachment; filename="{id}.partner.json"',
        "Cache-Control": "public, max-age=60",
        "Access-Control-Allow-Origin": "*",
    }
    return Response(content, media_type="application/json", headers=headers)
