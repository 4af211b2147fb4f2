"""From a no of the rules, or a request that makes no sense, to problem details (RFC 9457). HTTP is known here alone.

Every problem has one stable code. Those of the rules are declared with the rules (``domain.language.REFUSALS``); those
of the doors are declared below. ``STATUS`` is the only translation from sorts of no to numbers.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from fastapi import Request
from fastapi.responses import Response
from pydantic import ValidationError

from domain.language import REFUSALS, Kind, Reason, Refused
from infra.documents import DocumentRefused
from infra.ledger import StaleVersion
from infra.library import FileFaults
from infra.log_files import LogDiverged
from infra.mapper import UnfitEvent
from infra.merkle import MissingTile
from infra.notes import BadNote
from infra.outage import OUTAGES
from infra.reading import CursorInvalid
from infra.records import (
    CommandReused,
    LedgerBusy,
    OutcomeUnknown,
    StateTooLarge,
    StreamTooLong,
    VersionConflict,
)

MEDIA_TYPE = "application/problem+json"
CATALOGUE = "/api/v1/problems"
"""Where every code is explained; a problem's ``type`` points into it."""

STATUS: dict[Kind, int] = {
    Kind.NOT_ALLOWED: 403,
    Kind.UNKNOWN: 404,
    Kind.OUT_OF_ORDER: 409,
    Kind.CHANGED_MEANWHILE: 409,
    Kind.INCOMPLETE: 422,
    Kind.INVALID: 422,
}
TITLES: dict[Kind, str] = {
    Kind.NOT_ALLOWED: "Not allowed",
    Kind.UNKNOWN: "Not there",
    Kind.OUT_OF_ORDER: "Not in this state",
    Kind.CHANGED_MEANWHILE: "Changed meanwhile",
    Kind.INCOMPLETE: "Incomplete",
    Kind.INVALID: "Not valid",
}


@dataclass(frozen=True)
class Fault:
    """A problem that the doors find themselves: its code, status and title."""

    code: str
    status: int
    title: str


FAULTS: dict[str, Fault] = {
    code: Fault(code, status, title)
    for code, status, title in (
        ("MALFORMED_JSON", 400, "The body is no JSON object"),
        ("MALFORMED_HEADER", 400, "A header cannot be read"),
        ("NOT_IDENTIFIED", 401, "Say who you are"),
        ("IDENTITY_REFUSED", 403, "This identity is not accepted here"),
        ("NOT_DISCLOSED", 403, "Not for you to read"),
        ("NOT_FOUND", 404, "There is nothing here"),
        ("METHOD_NOT_ALLOWED", 405, "Not with this method"),
        ("ERASED", 410, "Erased"),
        ("STALE_VERSION", 412, "Somebody was quicker"),
        ("TOO_LARGE", 413, "Too large"),
        ("MEDIA_TYPE_UNKNOWN", 415, "Not in this format"),
        ("INVALID_BODY", 422, "The body does not fit"),
        ("INVALID_PARAMETER", 422, "A parameter does not fit"),
        ("DOCUMENT_REFUSED", 422, "The file is not taken"),
        ("FILE_FAULTY", 422, "It cannot be published as it is"),
        ("KEY_REUSED", 422, "The key belongs to another request"),
        ("UNFIT_TO_RECORD", 422, "It cannot be recorded"),
        ("LEDGER_FULL", 422, "No more can be recorded here"),
        ("CHANGED_MEANWHILE", 409, "Somebody was quicker, again and again"),
        ("INTERNAL", 500, "Something went wrong here"),
        ("DATABASE_UNREACHABLE", 503, "The database does not answer"),
        ("LEDGER_BUSY", 503, "Try again in a moment"),
        ("OUTCOME_UNKNOWN", 503, "It is not known whether that was recorded"),
        ("NOT_YET_VISIBLE", 503, "Not there yet"),
        ("LOG_DIVERGED", 503, "The log has to be looked at first"),
    )
}


@dataclass(eq=False)
class Problem(Exception):
    """A no on its way to the client."""

    code: str
    detail: str
    reasons: Sequence[Mapping[str, Any]] = ()
    more: Mapping[str, Any] = field(default_factory=dict[str, Any])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def status(self) -> int:
        """The HTTP status."""
        return status_of(self.code)

    def body(self) -> dict[str, Any]:
        """The problem details."""
        return {
            "type": f"{CATALOGUE}#{self.code}",
            "title": title_of(self.code),
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "reasons": list(self.reasons) or [{"code": self.code, "message": self.detail, "details": {}}],
            **self.more,
        }

    def response(self) -> Response:
        """The problem as an answer."""
        content = msgspec.json.encode(self.body())
        return Response(content, self.status, dict(self.headers), media_type=MEDIA_TYPE)


def status_of(code: str) -> int:
    """The HTTP status of any code, of the rules or of the doors."""
    return STATUS[REFUSALS[code].kind] if code in REFUSALS else FAULTS[code].status


def title_of(code: str) -> str:
    """The few words over a problem, the same for every occurrence."""
    return TITLES[REFUSALS[code].kind] if code in REFUSALS else FAULTS[code].title


def told(reason: Reason) -> dict[str, Any]:
    """One reason of a refusal as JSON."""
    details = msgspec.to_builtins(reason.details, str_keys=True, enc_hook=str)
    return {"code": reason.code, "message": str(reason), "details": details}


def refused(error: Refused) -> Problem:
    """A refusal: the first reason gives code and status, all are listed."""
    reasons = error.refusal.reasons
    return Problem(reasons[0].code, str(error.refusal), [told(r) for r in reasons])


def pointer(place: Iterable[int | str]) -> str:
    """A JSON pointer (RFC 6901) to a place in the body."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in place)


_CODES = {"missing": "FIELD_MISSING", "extra_forbidden": "FIELD_UNKNOWN"}
_SAID = {"missing": "This field is missing.", "extra_forbidden": "There is no field of this name."}


def invalid_body(error: ValidationError) -> Problem:
    """A body that does not fit its schema: every place at once. Values are not repeated, they may be private."""
    reasons: list[dict[str, Any]] = []
    for fault in error.errors(include_input=False, include_url=False):
        code, message = _CODES.get(fault["type"], "FIELD_INVALID"), _SAID.get(fault["type"], fault["msg"])
        words = message.removeprefix("Value error, ")
        if fault["type"] == "value_error" and ": " in words and words.partition(":")[0].isupper():
            code, _, words = words.partition(": ")  # a text's own code, such as TEXT_EMPTY
        reasons.append({"code": code, "message": words, "pointer": pointer(fault["loc"]), "details": {}})
    places = ", ".join(dict.fromkeys(r["pointer"] or "the body" for r in reasons))
    return Problem("INVALID_BODY", f"{_counted(len(reasons))} in the body, at {places}.", reasons)


def _counted(faults: int) -> str:
    return "1 fault" if faults == 1 else f"{faults} faults"


def _reason(code: str, message: str) -> dict[str, Any]:
    return {"code": code, "message": message, "details": {}}


def _document(error: DocumentRefused) -> Problem:
    code = "TOO_LARGE" if "TOO_LARGE" in error.codes else "DOCUMENT_REFUSED"
    reasons = [_reason(p.code, p.message) for p in error.problems]
    return Problem(code, "The file was refused and nothing of it was kept.", reasons)


def _faults(error: FileFaults) -> Problem:
    reasons = [_reason("FAULT", fault) for fault in error.faults]
    return Problem("FILE_FAULTY", f"{len(reasons)} faults; nothing was kept.", reasons)


def _stale(error: StaleVersion) -> Problem:
    return Problem("STALE_VERSION", f"{error}.", more={"expected": error.expected, "actual": error.actual})


def _unknown(error: OutcomeUnknown) -> Problem:
    detail = "The connection was lost while recording. Repeat the request with the same Idempotency-Key."
    return Problem("OUTCOME_UNKNOWN", detail, headers={"Retry-After": "1"})


def _reused(error: CommandReused) -> Problem:
    return Problem("KEY_REUSED", "This Idempotency-Key came before, with another request.")


def _busy(error: LedgerBusy) -> Problem:
    return Problem("LEDGER_BUSY", "Nothing was recorded; try again.", headers={"Retry-After": "1"})


def _raced(error: VersionConflict) -> Problem:
    return Problem("CHANGED_MEANWHILE", "Nothing was recorded; look again, then try again.")


def _full(error: StreamTooLong) -> Problem:
    return Problem("LEDGER_FULL", f"{error}.")


def _unfit(error: ValueError) -> Problem:
    return Problem("UNFIT_TO_RECORD", f"{error}.")


def _cursor(error: CursorInvalid) -> Problem:
    return Problem("INVALID_PARAMETER", f"{error}.")


def _note(error: BadNote) -> Problem:
    return Problem("INVALID_BODY", f"{error}.")


def _diverged(error: LogDiverged | MissingTile) -> Problem:
    return Problem("LOG_DIVERGED", f"{error}.")


TRANSLATED: dict[type[Exception], Callable[[Any], Problem]] = {
    Refused: refused,
    ValidationError: invalid_body,
    StaleVersion: _stale,
    CommandReused: _reused,
    LedgerBusy: _busy,
    OutcomeUnknown: _unknown,
    VersionConflict: _raced,
    StreamTooLong: _full,
    StateTooLarge: _unfit,
    UnfitEvent: _unfit,
    DocumentRefused: _document,
    FileFaults: _faults,
    CursorInvalid: _cursor,
    BadNote: _note,
    LogDiverged: _diverged,
    MissingTile: _diverged,
}
"""Every exception that stands for a no, with its translation."""


def problem_of(error: Exception) -> Problem:
    """The problem that an exception stands for; anything else is a fault of ours, told without internals."""
    if isinstance(error, Problem):
        return error
    for kind in type(error).__mro__:
        if kind in TRANSLATED:
            return TRANSLATED[kind](error)
    if isinstance(error, OUTAGES):
        return Problem("DATABASE_UNREACHABLE", "The database does not answer; try again.", headers={"Retry-After": "2"})
    return Problem("INTERNAL", "The request could not be carried out; the fault is on this side.")


def answer(_request: Request, error: Exception) -> Response:
    """The handler that the app installs for every exception above."""
    return problem_of(error).response()


def catalogue() -> list[dict[str, Any]]:
    """Every code with its status and sentence, for people who write clients."""
    rules = [
        {"code": r.code, "status": STATUS[r.kind], "sort": r.kind.value, "says": r.sentence} for r in REFUSALS.values()
    ]
    doors = [{"code": f.code, "status": f.status, "sort": "door", "says": f.title} for f in FAULTS.values()]
    return sorted(rules + doors, key=lambda one: one["code"])


SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "Problem details after RFC 9457, with a stable code and every reason at once.",
    "required": ["type", "title", "status", "detail", "code", "reasons"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "Stable; never shown to people alone."},
        "reasons": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                    "pointer": {"type": "string", "description": "A JSON pointer into the body, where there is one."},
                    "details": {"type": "object"},
                },
            },
        },
    },
}
"""The problem details as OpenAPI says them."""


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems of a route, for its OpenAPI description."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": _DESCRIBED[status], "content": content} for status in statuses}


_DESCRIBED = {
    400: "The body or a header cannot be read.",
    401: "Nobody is identified.",
    403: "Not allowed to this person.",
    404: "There is no such thing.",
    409: "Not in the present state.",
    410: "It was erased.",
    412: "The version named in If-Match is not the present one.",
    413: "Too large.",
    415: "Not in this format.",
    422: "Not valid or not complete; every reason is listed.",
    503: "Not now; Retry-After says when.",
}
