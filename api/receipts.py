"""Receipts over HTTP: what a program keeps of something that it handed in or signed."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from api.commands import Subject
from api.disclosure import Disclosure
from api.identity import Asking
from api.plain import plain
from api.problems import Problem, responses
from api.queries import read_program
from infra.mapper import Recorded
from infra.receipts import NoReceipt, receipt, receipted
from infra.wiring import Service

routes = APIRouter(tags=["programs"])


def listed(service: Service, history: list[Recorded]) -> list[dict[str, Any]]:
    """What there are receipts for, each with its sentence."""
    found = receipted(history)
    told = Disclosure(service.vault).told([f"{one.actor_person} {one.event.sentence()}" for one in found])
    names = ("version", "position", "type", "recorded_at")
    return [
        {**{name: plain(getattr(one, name)) for name in names}, "says": said}
        for one, said in zip(found, told, strict=True)
    ]


@routes.get(
    "/programs/{id}/receipts",
    operation_id="receipts",
    summary="What a program handed in or signed, for which there are receipts.",
    responses=responses(401, 403, 404, 503),
)
def receipts_of(
    request: Request,
    id: Subject,  # noqa: A002  the name in the address
    asking: Asking,
) -> dict[str, Any]:
    """The earliest first; the version names the receipt."""
    service: Service = request.app.state.service
    _, history = read_program(request, id, asking, None)
    return {"receipts": listed(service, history)}


@routes.get(
    "/programs/{id}/receipts/{version}",
    operation_id="receipt",
    summary="A receipt for something that a program handed in or signed.",
    response_class=Response,
    responses=responses(401, 403, 404, 503),
)
def one_receipt(
    request: Request,
    id: Subject,  # noqa: A002  the name in the address
    version: Annotated[int, Path(ge=1, le=10_000, description="The event's place in the program's history.")],
    asking: Asking,
) -> Response:
    """The event as it is recorded, and the proof that it is in the log, in a small file. Keep it: it is verified offline
    with `verify_receipt.py`, also when the service is gone. Words are in it by their digests alone."""
    service: Service = request.app.state.service
    read_program(request, id, asking, None)
    try:
        content = receipt(service.ledger.recorder, service.log, id, version)
    except NoReceipt as error:
        raise Problem("NOT_FOUND", f"There is {error}.") from None
    named = f'attachment; filename="{id}-{version}.receipt.json"'
    headers = {"Content-Disposition": named, "Cache-Control": "private, no-store"}
    return Response(content, media_type="application/json", headers=headers)
