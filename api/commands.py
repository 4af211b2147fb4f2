"""Every command is a route, generated from its class (H6): POST /api/v1/<aggregate>/<id>/<command-in-kebab-case>."""

import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any
from uuid import uuid5

import msgspec
from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import BaseModel, Field

from api.bodies import JsonBody
from api.identity import Asking, Visitor
from api.operations import count_command
from api.problems import Problem, problem_of, responses
from domain import COMMANDS, NOBODY, STAGES
from domain.affiliate import CharterAffiliate
from domain.complaint import FileComplaint
from domain.language import ROLE_WORDS, Command, Role
from domain.listing import RegisterProgram
from domain.values import REFERENCE
from infra.ledger import COMMANDS_NAMESPACE, Executed
from infra.vault import new_id
from infra.wiring import Service

COLLECTIONS = {
    "program": "programs",
    "affiliate": "affiliates",
    "policy": "policies",
    "instrument": "instruments",
    "calendar": "calendars",
    "complaint": "complaints",
    "erasure": "erasures",
}
"""The part of the address that stands for each aggregate."""
MINTED = (RegisterProgram, FileComplaint)
"""Commands that begin a stream whose id the server mints: they are posted to the collection."""
CODE_SCHEMA = {"type": "string", "pattern": f"^{REFERENCE.pattern}$", "maxLength": REFERENCE.max_length}
PREVIEW = "Answer what would be recorded, and record nothing."


class Happened(BaseModel):
    """One event that a command brought about."""

    type: str = Field(examples=["ItemRated.v1"])
    version: int
    data: dict[str, Any]


class CommandAnswer(BaseModel):
    """What a command did. ``position`` is what a reader names in ``at_least`` to see it."""

    program_id: str | None = None
    affiliate_id: str | None = None
    policy_id: str | None = None
    instrument_id: str | None = None
    complaint_id: str | None = None
    calendar_id: str | None = None
    erasure_id: str | None = None
    version: int
    position: int | None
    first_version: int | None
    events: list[Happened]
    replayed: bool
    preview: bool


Subject = Annotated[str, Path(pattern=f"^{REFERENCE.pattern}$", max_length=REFERENCE.max_length)]
IfMatch = Annotated[str | None, Header(description="The version that you have seen, as the ETag said it.")]
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)]
Preview = Annotated[bool, Query(description=PREVIEW)]


def kebab(name: str) -> str:
    """``RateItem`` is ``rate-item``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


def seen_version(header: str | None) -> int | None:
    """The version that If-Match names; None when it names none. Problem 400 when it is no version."""
    if header is None or header.strip() == "*":
        return None
    match = re.fullmatch(r'\s*"?(\d{1,9})"?\s*', header)
    if match is None:
        raise Problem("MALFORMED_HEADER", 'If-Match takes one version in quotes, such as "41".')
    return int(match[1])


def answered(done: Executed, aggregate: str) -> dict[str, Any]:
    """What a command did, as JSON."""
    first = done.first_version or 0
    return {
        f"{aggregate}_id": done.subject,
        "version": done.version,
        "position": done.position,
        "first_version": done.first_version,
        "events": [
            {"type": event.published_name(), "version": first + n, "data": msgspec.to_builtins(event)}
            for n, event in enumerate(done.events)
        ],
        "replayed": done.replayed,
        "preview": done.preview,
    }


def carry_out(
    request: Request,
    response: Response,
    command: type[Command],
    subject: str,
    body: dict[str, Any],
    asking: Visitor,
    *,
    if_match: str | None = None,
    key: str | None = None,
    preview: bool = False,
) -> dict[str, Any]:
    """One command through the ledger, counted by its outcome."""
    service: Service = request.app.state.service
    try:
        done = service.ledger.execute(
            subject,
            command,
            body,
            person=_acting(command, asking),
            standing=asking.standing,
            expected_version=seen_version(if_match),
            idempotency_key=key,
            preview=preview,
        )
    except Exception as error:
        count_command(request, command.__name__, problem_of(error).code)
        raise
    count_command(request, command.__name__, "preview" if preview else "replayed" if done.replayed else "done")
    response.headers["ETag"] = f'"{done.version}"'
    return answered(done, command.aggregate)


def _acting(command: type[Command], asking: Visitor) -> str:
    """Who acts: nobody in particular only where the public may ask. Problem 401 otherwise."""
    return NOBODY.person if asking.person is None and Role.PUBLIC in command.by else asking.acting


def _endpoint(command: type[Command]) -> Callable[..., dict[str, Any]]:
    def endpoint(
        request: Request,
        response: Response,
        id: Subject,  # noqa: A002  the name in the address
        body: JsonBody,
        asking: Asking,
        if_match: IfMatch = None,
        key: Key = None,
        preview: Preview = False,
    ) -> dict[str, Any]:
        return carry_out(request, response, command, id, body, asking, if_match=if_match, key=key, preview=preview)

    return endpoint


def schema_of(command: type[Command]) -> dict[str, Any]:
    """The body of a command as OpenAPI says it."""
    return command.model_json_schema(ref_template="#/components/schemas/{model}")


def _described(command: type[Command]) -> str:
    who = ", ".join(ROLE_WORDS[role] for role in command.by)
    return f"{(command.__doc__ or '').strip()}\n\nFor: {who}."


def _stages() -> Iterator[tuple[str, type[Command]]]:
    for stage in STAGES:
        yield from ((stage.name, command) for command in stage.rules)


def _documented(command: type[Command], stage: str) -> dict[str, Any]:
    return {
        "methods": ["POST"],
        "response_model": CommandAnswer,
        "response_model_exclude_unset": True,
        "tags": [stage],
        "summary": (command.__doc__ or "").strip().partition("\n")[0],
        "description": _described(command),
        "responses": responses(400, 401, 403, 404, 409, 412, 413, 415, 422, 503),
        "openapi_extra": {
            "requestBody": {
                "required": bool(command.model_fields),
                "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{command.__name__}"}}},
            }
        },
    }


def router() -> APIRouter:
    """The routes of all commands."""
    routes = APIRouter()
    for stage, command in _stages():
        if command not in MINTED:
            path = f"/{COLLECTIONS[command.aggregate]}/{{id}}/{kebab(command.__name__)}"
            name = kebab(command.__name__)
            routes.add_api_route(path, _endpoint(command), operation_id=name, **_documented(command, stage))
    routes.add_api_route(
        "/programs",
        register,
        status_code=201,
        operation_id="register-program",
        **_documented(RegisterProgram, "listing"),
    )
    routes.add_api_route(
        "/complaints",
        file_complaint,
        status_code=201,
        operation_id="file-complaint",
        **_documented(FileComplaint, "complaint"),
    )
    chartering = _documented(CharterAffiliate, "affiliate")
    named = schema_of(CharterAffiliate)
    named |= {"properties": {"code": CODE_SCHEMA, **named["properties"]}, "required": ["code", *named["required"]]}
    chartering["openapi_extra"] = {
        "requestBody": {"required": True, "content": {"application/json": {"schema": named}}}
    }
    routes.add_api_route("/affiliates", charter, status_code=201, operation_id="new-affiliate", **chartering)
    return routes


def register(
    request: Request,
    response: Response,
    body: JsonBody,
    asking: Asking,
    key: Key = None,
    preview: Preview = False,
) -> dict[str, Any]:
    """Register a program under an id that the server mints; the same key mints the same id again."""
    return _begun(request, response, RegisterProgram, body, asking, key=key, preview=preview)


def file_complaint(
    request: Request,
    response: Response,
    body: JsonBody,
    asking: Asking,
    key: Key = None,
    preview: Preview = False,
) -> dict[str, Any]:
    """File a complaint under an id that the server mints; nobody has to say who they are, and the record does not."""
    return _begun(request, response, FileComplaint, body, asking, key=key, preview=preview)


def _begun(
    request: Request,
    response: Response,
    command: type[Command],
    body: dict[str, Any],
    asking: Visitor,
    *,
    key: str | None,
    preview: bool,
) -> dict[str, Any]:
    """A stream begun under an id that the server mints."""
    who = _acting(command, asking)
    minted = uuid5(COMMANDS_NAMESPACE, f"{command.aggregate}\n{who}\n{key}").hex if key else new_id()
    done = carry_out(request, response, command, minted, body, asking, key=key, preview=preview)
    response.headers["Location"] = f"/api/v1/{COLLECTIONS[command.aggregate]}/{minted}"
    if preview:
        response.status_code = 200
    return done


def charter(
    request: Request,
    response: Response,
    body: JsonBody,
    asking: Asking,
    key: Key = None,
    preview: Preview = False,
) -> dict[str, Any]:
    """Charter an affiliate under the code that the body names."""
    code = body.get("code")
    if not isinstance(code, str) or not re.fullmatch(REFERENCE.pattern, code) or len(code) > REFERENCE.max_length:
        missing: dict[str, Any] = {"code": "FIELD_MISSING", "message": "Name the affiliate's code.", "pointer": "/code"}
        raise Problem("INVALID_BODY", "The affiliate needs a code of letters, digits, dots and hyphens.", [missing])
    rest = {name: value for name, value in body.items() if name != "code"}
    done = carry_out(request, response, CharterAffiliate, code, rest, asking, key=key, preview=preview)
    response.headers["Location"] = f"/api/v1/affiliates/{code}"
    if preview:
        response.status_code = 200
    return done


COMMAND_SCHEMAS: dict[str, dict[str, Any]] = {name: schema_of(command) for name, command in COMMANDS.items()}
"""The bodies of all commands, for the OpenAPI document."""
