"""Bodies of requests: read with a limit, as bytes or as one JSON object; what is wrong with them is told at once."""

import json
from typing import Annotated, Any, NoReturn, cast

from fastapi import Depends, Request

from api.problems import Problem

LIMIT = 1024 * 1024
"""Bytes of the largest body that is not a document."""


async def read_body(request: Request) -> bytes:
    """The whole body. Problem 413 beyond the limit, without reading further."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > LIMIT:
        raise _too_large()
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > LIMIT:
            raise _too_large()
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large() -> Problem:
    return Problem("TOO_LARGE", f"A body has at most {LIMIT:,} bytes.", headers={"Connection": "close"})


async def read_json(request: Request) -> dict[str, Any]:
    """The JSON object in the body; an empty body is an empty object. Problem 400 or 415 when it is none."""
    content = await read_body(request)
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if content and media_type != "application/json":
        raise Problem("MEDIA_TYPE_UNKNOWN", f"The body is taken as application/json, not as {media_type[:80]}.")
    return parse(content)


def parse(content: bytes) -> dict[str, Any]:
    """The JSON object that the bytes hold: one value a name, no NaN. Problem 400 with the place."""
    if not content.strip():
        return {}
    try:
        document = json.loads(content, object_pairs_hook=_once, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise _malformed(f"{error.msg} in line {error.lineno}, column {error.colno}") from None
    except UnicodeDecodeError:
        raise _malformed("it is not UTF-8") from None
    except (RecursionError, ValueError) as error:
        raise _malformed(str(error) or "it is nested too deeply") from None
    if not isinstance(document, dict):
        raise _malformed("an object is expected")
    return cast("dict[str, Any]", document)


def _malformed(what: str) -> Problem:
    return Problem("MALFORMED_JSON", f"The body cannot be read: {what}.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise ValueError(f"{', '.join(twice)[:80]} is given twice")
    return dict(pairs)


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


RawBody = Annotated[bytes, Depends(read_body)]
"""The body as bytes, as a parameter of a route."""
JsonBody = Annotated[dict[str, Any], Depends(read_json)]
"""The body as a JSON object, as a parameter of a route."""
