"""Webhooks over HTTP: an affiliate's administrators say where its events are posted; the operator sees to all."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from api.bodies import JsonBody
from api.disclosure import administers
from api.identity import Asking, Visitor
from api.problems import Problem, responses
from api.subscribing import subscribe, subscribers
from domain.language import Role
from infra.webhooks import UnknownWebhook, Webhook
from infra.wiring import Service

routes = APIRouter(tags=["stream"])
PROBLEMS = responses(401, 403, 404, 503)
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Subscription(BaseModel):
    """Where events are to be posted, and which: of an affiliate, of some types, with what came after a position."""

    model_config = ConfigDict(extra="forbid")
    url: Annotated[str, Field(min_length=1, max_length=2000)]
    affiliate: Name | None = None
    types: Annotated[list[Name], Field(max_length=200)] = []
    complaints: bool = False
    after: Annotated[int, Field(ge=0)] | None = None


def _operates(asking: Visitor) -> bool:
    return Role.OPERATOR in asking.standing


def _may(service: Service, asking: Visitor, affiliate: str | None) -> bool:
    """Whether the visitor sees to what is posted of an affiliate."""
    return _operates(asking) or affiliate in administers(service, asking.acting)


def _mine(service: Service, asking: Visitor, hook_id: str) -> Webhook:
    """A subscription that the visitor sees to. Problem NOT_FOUND, also for another's."""
    person = asking.acting
    try:
        hook = subscribers(service).one(hook_id)
    except UnknownWebhook:
        hook = None
    if hook is None or not _may(service, asking, hook.affiliate):
        raise Problem("NOT_FOUND", f"There is no webhook {hook_id} that {person} sees to.")
    return hook


def _told(service: Service, hook: Webhook) -> dict[str, Any]:
    letters = subscribers(service).letters(hook.id)
    return {
        "webhook_id": hook.id,
        "affiliate": hook.affiliate,
        "url": hook.url,
        "types": list(hook.types),
        "complaints": hook.complaints,
        "position": hook.position,
        "lag": service.ledger.recorder.head()[0] - hook.position,
        "failed_tries": hook.attempts,
        "trouble": hook.trouble,
        "dead_letters": [
            {"position": one.position, "subject": one.key, "type": one.type, "trouble": one.reason} for one in letters
        ],
    }


@routes.get("/webhooks", operation_id="webhooks", summary="Where events are posted.", responses=PROBLEMS)
def webhooks(request: Request, asking: Asking) -> dict[str, Any]:
    """Those of the affiliates that the visitor administers; all of them for the operator. Secrets are not shown."""
    service: Service = request.app.state.service
    person = asking.acting
    if not _operates(asking) and not administers(service, person):
        raise Problem("NOT_DISCLOSED", f"Webhooks are for administrators of affiliates, not for {person}.")
    every = [hook for hook in subscribers(service).every() if _may(service, asking, hook.affiliate)]
    return {"webhooks": [_told(service, hook) for hook in every]}


@routes.post(
    "/webhooks",
    operation_id="add-webhook",
    summary="Have events posted.",
    status_code=201,
    responses=responses(400, 401, 403, 422, 503),
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": Subscription.model_json_schema()}}}
    },
)
def add(request: Request, asking: Asking, body: JsonBody) -> dict[str, Any]:
    """The answer alone holds the secret that messages are signed with; it is not shown again."""
    service: Service = request.app.state.service
    person = asking.acting
    wanted = Subscription.model_validate(body)
    if not _may(service, asking, wanted.affiliate):
        raise Problem("NOT_DISCLOSED", f"{person} is no administrator of {wanted.affiliate or 'everything'}.")
    hook, secret = subscribe(
        service,
        wanted.url,
        wanted.affiliate,
        by=person,
        types=wanted.types,
        complaints=wanted.complaints,
        after=wanted.after,
    )
    return {**_told(service, hook), "secret": secret}


@routes.delete("/webhooks/{id}", operation_id="remove-webhook", summary="Post no more.", responses=PROBLEMS)
def remove(request: Request, asking: Asking, id: str) -> dict[str, Any]:  # noqa: A002  the name in the address
    """Its secret and its dead letters go with it."""
    service: Service = request.app.state.service
    hook = _mine(service, asking, id)
    subscribers(service).remove(hook.id)
    return {"removed": hook.id}


@routes.post(
    "/webhooks/{id}/redrive",
    operation_id="redrive-webhook",
    summary="Post again what was not taken.",
    responses=PROBLEMS,
)
def redrive(request: Request, asking: Asking, id: str) -> dict[str, Any]:  # noqa: A002  the name in the address
    """In order, after the cause was removed."""
    service: Service = request.app.state.service
    hook = _mine(service, asking, id)
    return {"again": subscribers(service).redrive(hook.id)}
