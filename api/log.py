"""The public log: its checkpoint, its tiles and its keys, served as they lie there; and what witnesses hand in."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response

from api.problems import Problem, responses
from infra.log_files import CHECKPOINT, DIRECTORY, IMMUTABLE, STATEMENT, WITNESSED
from infra.notes import Note
from infra.wiring import Service

routes = APIRouter(prefix="/log", tags=["log"])
FOR_EVER = "public, max-age=31536000, immutable"
SOON_OLD = "public, max-age=1"
TEXT = "text/plain; charset=utf-8"
LINES = "application/jsonl; charset=utf-8"
LARGEST_NOTE = 32 * 1024


def _file(request: Request, name: str, kind: str, cache: str) -> Response:
    service: Service = request.app.state.service
    content = service.log.files.read(name)
    if content is None:
        raise Problem("NOT_FOUND", f"There is nothing at {request.url.path}.")
    # A public file may be read by any page on the web.
    return Response(content, media_type=kind, headers={"Cache-Control": cache, "Access-Control-Allow-Origin": "*"})


@routes.get(
    "/checkpoint",
    operation_id="log-checkpoint",
    summary="The log's last checkpoint, with the cosignatures of those who have seen it.",
    response_class=Response,
    responses=responses(404),
)
def checkpoint(request: Request) -> Response:
    """A signed note (C2SP tlog-checkpoint). Keep one elsewhere: what it covers cannot be changed unnoticed any more."""
    return _file(request, CHECKPOINT, TEXT, SOON_OLD)


@routes.get(
    "/witnessed",
    operation_id="log-witnessed",
    summary="The newest checkpoint that enough witnesses cosigned.",
    response_class=Response,
    responses=responses(404),
)
def witnessed(request: Request) -> Response:
    """The same kind of note; there is none before as many witnesses as the settings ask for have seen one."""
    return _file(request, WITNESSED, TEXT, SOON_OLD)


@routes.get(
    "/key",
    operation_id="log-key",
    summary="The key that signs the log now (C2SP vkey).",
    response_class=Response,
    responses=responses(404),
)
def key(request: Request) -> Response:
    """For looking at. Whoever verifies gets the key from somewhere else, and keeps it."""
    return _file(request, "key", TEXT, SOON_OLD)


@routes.get(
    "/keys/{number}",
    operation_id="log-key-replaced",
    summary="The statement, signed by both, that a key took the place of another.",
    response_class=Response,
    responses=responses(404),
)
def key_replaced(request: Request, number: str) -> Response:
    """Numbered from 1; the way from any earlier key to the present one."""
    return _static(request, f"keys/{number}", TEXT)


@routes.get(
    "/tile/{path:path}",
    operation_id="log-tile",
    summary="A tile of the Merkle tree, or a bundle of its entries (C2SP tlog-tiles).",
    response_class=Response,
    responses=responses(404),
)
def tile(request: Request, path: str) -> Response:
    """A static file that never changes. An entry is the commitment of an event; no event is opened."""
    return _static(request, f"tile/{path}", "application/octet-stream")


@routes.get(
    "/directory/{day}",
    operation_id="log-directory",
    summary="The public directory of a day, as it was published.",
    response_class=Response,
    responses=responses(404),
)
def directory(request: Request, day: str) -> Response:
    """A line about the file, then one for each program (RFC 8785). It never changes, and its digest is on the ledger."""
    return _static(request, f"directory/{day}", LINES)


def _static(request: Request, name: str, kind: str) -> Response:
    if not any(kind.fullmatch(name) for kind in (IMMUTABLE, STATEMENT, DIRECTORY)):
        raise Problem("NOT_FOUND", f"There is nothing at {request.url.path}.")
    return _file(request, name, kind, FOR_EVER)


@routes.post(
    "/cosignatures",
    operation_id="cosign",
    summary="A checkpoint of this log that a witness of the settings cosigned.",
    responses=responses(413, 422, 503),
)
def cosign(request: Request, note: Annotated[bytes, Body(media_type=TEXT)]) -> dict[str, Any]:
    """Who has seen the checkpoint by now, and when. Taken from anybody: a cosignature speaks for itself."""
    if len(note) > LARGEST_NOTE:
        raise Problem("TOO_LARGE", f"A checkpoint has at most {LARGEST_NOTE:,} bytes.")
    try:
        written = note.decode()
    except UnicodeDecodeError:
        raise Problem("INVALID_BODY", "A checkpoint is UTF-8 text.") from None
    service: Service = request.app.state.service
    return {"seen_by": service.log.accept(Note.parse(written))}
