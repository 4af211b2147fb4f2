"""Documents: bytes stream in and out; a file is never held in memory whole, and never given to whoever has no part in it."""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Annotated, Any

from anyio import from_thread
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.commands import Key, Subject, carry_out
from api.disclosure import let_in
from api.identity import Asking
from api.problems import Problem, responses
from domain.documents import UploadDocument
from domain.program import Program
from infra.documents import LIMIT, ErasedDocument, Received, UnknownDocument
from infra.media import ALLOWED
from infra.wiring import Service

Title = Annotated[str, Query(min_length=1, max_length=200, description="What the file is; kept encrypted.")]
ContentType = Annotated[str, Header(description=f"One of {', '.join(ALLOWED)}.")]
Sha256 = Annotated[str | None, Header(alias="X-Content-SHA256", description="64 hex digits over the bytes.")]
Digest = Annotated[str | None, Header(description="As in sha-256=<base64>.")]
ContentDigest = Annotated[str | None, Header(description="As in sha-256=:<base64>: (RFC 9530).")]


def expected_sha256(plain: str | None, *digests: str | None) -> str | None:
    """The SHA-256 that the sender names, as 64 hex digits. Problem 400 when it is none."""
    if plain is not None:
        if not re.fullmatch(r"[0-9a-fA-F]{64}", plain.strip()):
            raise Problem("MALFORMED_HEADER", "X-Content-SHA256 takes 64 hexadecimal digits.")
        return plain.strip().lower()
    for one in digests:
        match = re.search(r"sha-256=:?([A-Za-z0-9+/]{43}=):?", one or "", re.IGNORECASE)
        if match:
            return _hex(match[1])
        if one is not None:
            raise Problem("MALFORMED_HEADER", "A digest is given as sha-256=<base64>.")
    return None


def _hex(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).hex()
    except binascii.Error:
        raise Problem("MALFORMED_HEADER", "A digest is given as sha-256=<base64>.") from None


def chunks(request: Request) -> Iterator[bytes]:
    """The body of a request, chunk by chunk, for code that runs in a worker thread."""
    stream = request.stream()

    async def following() -> bytes:
        async for chunk in stream:
            if chunk:
                return chunk
        return b""

    while chunk := from_thread.run(following):
        yield chunk


routes = APIRouter(tags=["documents"])


@routes.post(
    "/programs/{id}/documents",
    status_code=201,
    operation_id="upload-bytes",
    summary="Hand a file in.",
    responses=responses(400, 401, 403, 404, 409, 413, 422, 503),
    openapi_extra={"requestBody": {"required": True, "content": {name: {"schema": {}} for name in ALLOWED}}},
)
def hand_in(
    request: Request,
    response: Response,
    id: Subject,  # noqa: A002  the name in the address
    title: Title,
    asking: Asking,
    content_type: ContentType = "application/octet-stream",
    sha256: Sha256 = None,
    digest: Digest = None,
    content_digest: ContentDigest = None,
    key: Key = None,
) -> dict[str, Any]:
    """Take in a file as the body of the request, and enter it in the program's history.

    Size, type and digest are what the server received. The same file again answers with what is there already.
    """
    service: Service = request.app.state.service
    let_in(service, _program(service, id), asking)
    if (declared := request.headers.get("content-length", "")).isdigit() and int(declared) > LIMIT:
        raise Problem("TOO_LARGE", f"A file has at most {LIMIT:,} bytes.", headers={"Connection": "close"})
    received = service.documents.receive(
        id,
        chunks(request),
        media_type=content_type.partition(";")[0].strip().lower(),
        title=title,
        expected_sha256=expected_sha256(sha256, digest, content_digest),
    )
    program = _program(service, id)  # read again: receiving takes its time
    if received.document_id in program.documents:
        response.status_code = 200
        response.headers["ETag"] = f'"{program.version}"'
        return {**_told(received), "version": program.version, "position": None, "replayed": True}
    body = {"document_id": received.document_id}
    done = carry_out(request, response, UploadDocument, id, body, asking, key=key)
    response.headers["Location"] = f"/api/v1/programs/{id}/documents/{received.document_id}"
    return {**_told(received), **{name: done[name] for name in ("version", "position", "replayed")}}


def _told(received: Received) -> dict[str, Any]:
    return {
        "document_id": received.document_id,
        "digest": received.digest,
        "bytes": received.bytes,
        "media_type": received.media_type,
        "scan": received.scan,
    }


def _program(service: Service, program_id: str) -> Program:
    program: Program = service.ledger.load("program", program_id)
    if not program.version:
        raise Problem("NOT_FOUND", f"There is no program {program_id}.")
    return program


@routes.get(
    "/programs/{id}/documents/{document_id}",
    operation_id="read-document",
    summary="A file, for those entitled.",
    responses=responses(401, 403, 404, 410),
    response_class=StreamingResponse,
)
def give_out(
    request: Request,
    id: Subject,  # noqa: A002  the name in the address
    document_id: Subject,
    asking: Asking,
) -> StreamingResponse:
    """The bytes as they were handed in, each part verified before it is given out. For the program and its affiliate."""
    service: Service = request.app.state.service
    program = _program(service, id)
    let_in(service, program, asking)
    if document_id not in program.documents:
        raise Problem("NOT_FOUND", "The program has no such document.")
    try:
        described = service.documents.describe(document_id)
        content = service.documents.open(document_id)
    except ErasedDocument:
        raise Problem("ERASED", "The document was erased; only its digest is left.") from None
    except UnknownDocument:
        raise Problem("NOT_FOUND", "The program has no such document.") from None
    headers = {
        "Content-Length": str(described.bytes),
        "Content-Disposition": f'attachment; filename="{document_id}"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-store",
    }
    return StreamingResponse(content, media_type=described.media_type, headers=headers)
