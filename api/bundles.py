"""Decision bundles over HTTP: what a stranger needs to repeat a decision, handed to those who may read it."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.commands import Subject
from api.identity import Asking
from api.problems import Problem, responses
from api.queries import read_program
from infra.bundles import NoDecision, Words, bundle
from infra.wiring import Service

routes = APIRouter(tags=["programs"])


@routes.get(
    "/decisions/{decision_id}/bundle",
    operation_id="bundle",
    summary="All that is needed to repeat a decision offline.",
    response_class=Response,
    responses=responses(401, 403, 404, 503),
)
def decision_bundle(
    request: Request,
    decision_id: Subject,
    asking: Asking,
    words: Annotated[
        Words, Query(description="Which words are disclosed: none, the decision's reasons, or all.")
    ] = "reasons",
) -> Response:
    """Every event of the program up to the decision, the rules, the proof that they are in the log. Whoever gets it
    verifies it with `verify_bundle.py`; whom to hand it on to, and with which words, is for its reader to judge."""
    service: Service = request.app.state.service
    found = service.reading.decision(decision_id)
    if found is None:
        raise Problem("NOT_FOUND", f"There is no decision {decision_id}.")
    program_id = found.dossier.program_id
    read_program(request, program_id, asking, None)
    try:
        content = bundle(service.ledger.recorder, service.vault, service.log, program_id, decision_id, words)
    except NoDecision as error:
        raise Problem("NOT_FOUND", f"There is {error}.") from None
    named = f'attachment; filename="{decision_id}.bundle.json"'
    headers = {"Content-Disposition": named, "Cache-Control": "private, no-store"}
    return Response(content, media_type="application/json", headers=headers)
