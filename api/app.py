"""The web application: routes put together, problems instead of traces, one description of it all."""

import logging
from collections.abc import MutableMapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import Response
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException

from api import (
    appeals,
    bundles,
    catalogue,
    commands,
    complaints,
    documents,
    entitlements,
    field,
    funders,
    interests,
    log,
    notices,
    operations,
    partner_proof,
    partners,
    people,
    queries,
    receipts,
    stream,
    webhooks,
    worklist,
)
from api.kept import App, AtTheDoor, KeptAnswers, Receive, Scope, Send
from api.problems import SCHEMA, TRANSLATED, Problem, answer, problem_of
from infra.wiring import Service

VERSION = "0.1.0"
API = "/api/v1"
ROOMS = (
    *(documents, people, catalogue, queries, bundles, receipts, worklist, appeals, entitlements, interests, complaints),
    *(partners, partner_proof, notices, field, funders, stream, webhooks),
)
"""The modules with routes of their own, in the order in which they are described."""
DESCRIPTION = """The system of record behind quality marks for youth mentoring programs: who holds which tier today, on
what evidence, decided by whom, under which version of whose rules, and until when.

An independent implementation, not the official items of any national quality system.

Every write answers the position it was recorded at; a read that names it in `at_least` shows it. A refusal names every
reason at once, each with a stable code; `/api/v1/problems` explains them all."""
_log = logging.getLogger("nqms.api")


def create_app(service: Service, *, demo_identity: bool = False) -> FastAPI:
    """The application over an open service.

    ``demo_identity``: believe the development headers, from this machine only (see identity.py).
    """
    app = FastAPI(title="nqms", version=VERSION, description=DESCRIPTION, docs_url=None, redoc_url=None)
    app.state.service, app.state.demo_identity = service, demo_identity
    app.state.kept = KeptAnswers()
    operations.install(app, service)
    app.include_router(operations.routes)
    app.include_router(log.routes)
    app.include_router(commands.router(), prefix=API)
    for room in ROOMS:
        app.include_router(room.routes, prefix=API)
    app.include_router(stream.documents)
    app.add_api_route("/", root, include_in_schema=False)
    for kind in (Problem, *TRANSLATED):
        app.add_exception_handler(kind, answer)
    app.add_exception_handler(RequestValidationError, _parameters)
    app.add_exception_handler(HTTPException, _http)
    app.add_middleware(Guard)
    app.add_middleware(AtTheDoor, service=service, answers=app.state.kept, path=f"{API}/partners")
    app.openapi = lambda: _openapi(app)
    return app


def root() -> dict[str, Any]:
    """Where things are, for whoever comes by."""
    return {
        "name": "nqms",
        "version": VERSION,
        "about": "The system of record behind quality marks for youth mentoring programs.",
        "notice": "An independent implementation, not the official items of any national quality system.",
        "partners": f"{API}/partners",
        "openapi": "/openapi.json",
        "asyncapi": "/asyncapi.json",
        "problems": f"{API}/problems",
    }


class Guard:
    """The last layer before the door: whatever goes wrong inside is a problem without internals, and told in the log
    alone. As plain ASGI, since a wrapped request costs as much as a small answer."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the question on, and see to what every answer carries."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def answer_with(message: MutableMapping[str, Any]) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self._app(scope, receive, answer_with)
        except Exception as error:
            _log.error("%s %s failed", scope["method"], scope["path"], exc_info=error)
            if begun:  # half an answer is on its way: the connection is cut, so that nobody takes it for a whole one
                raise
            await problem_of(error).response()(scope, receive, answer_with)


async def _parameters(request: Request, error: Exception) -> Response:
    """Parameters in the address or a header that do not fit: all of them at once."""
    assert isinstance(error, RequestValidationError)
    faults: Any = error.errors()
    named = {str(fault["loc"][-1]) for fault in faults}
    if all(fault["loc"][0] == "path" for fault in faults):
        return Problem("NOT_FOUND", f"There is nothing at {request.url.path}.").response()
    reasons = [
        {
            "code": "PARAMETER_INVALID",
            "message": fault["msg"],
            "details": {"in": fault["loc"][0], "name": fault["loc"][-1]},
        }
        for fault in faults
    ]
    return Problem("INVALID_PARAMETER", f"These do not fit: {', '.join(sorted(named))}.", reasons).response()


async def _http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: unknown addresses, other methods."""
    assert isinstance(error, HTTPException)
    code = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "TOO_LARGE"}.get(error.status_code, "INVALID_PARAMETER")
    said = f"There is nothing at {request.url.path}."
    if code == "METHOD_NOT_ALLOWED":
        said = f"{request.url.path} does not take {request.method}."
    return Problem(code, said, headers=dict(error.headers or {})).response()


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        described = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            openapi_version="3.1.0",
        )
        schemas: dict[str, Any] = described.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = SCHEMA
        for name, schema in commands.COMMAND_SCHEMAS.items():
            schemas |= schema.pop("$defs", {})
            schemas[name] = schema
        app.openapi_schema = described
    return app.openapi_schema
