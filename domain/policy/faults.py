"""What is wrong with a policy, said in plain sentences with the place, everything at once."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError


class PolicyFaults(Exception):
    """Carries everything that is wrong with a policy document."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


def several(faults: Iterable[str]) -> PydanticCustomError:
    """An error for pydantic that holds several sentences, each starting with its place below the field."""
    return PydanticCustomError("several", "several faults", {"faults": tuple(faults)})


def place(loc: Iterable[int | str]) -> str:
    """Where something stands, as in ``tiers[1].when``."""
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc]
    return "".join(steps).removeprefix(".")


def told(error: ValidationError) -> list[str]:
    """The sentences for everything that pydantic found, each beginning with its place."""
    found = error.errors()
    # Pydantic counts a list whose entries are wrong as empty; the entries have been named already.
    idle = [d for d in found if d["type"] == "too_short" and any(_below(d, other) for other in found)]
    return [sentence for detail in found if detail not in idle for sentence in _sentences(detail)]


def basis_fault(basis: str) -> str | None:
    """What is wrong with saying where a rule comes from, or None."""
    if BASIS.fullmatch(basis):
        return None
    return f"{basis!r} does not say where a rule comes from; write {BASES}"


BASES = "seed/S0:5-8, public/…, adopted/…, inferred or proposal, several joined by +"
_ONE = r"(seed/S\d+:\d+(-\d+)?|(public|adopted)/[A-Za-z0-9_.:/@-]+|inferred|proposal)"
BASIS = re.compile(rf"{_ONE}(\+{_ONE})*")
"""Where a rule comes from; a code, because it is recorded with every decision."""

_SAID: dict[str, str] = {
    "missing": "is missing",
    "string_type": "must be text in quotes, not {input}",
    "int_type": "must be a whole number without quotes, not {input}",
    "too_short": "needs at least one entry",
    "bool_type": "must be true or false, not {input}",
    "value_error": "{error}",
}


def _below(above: ErrorDetails, other: ErrorDetails) -> bool:
    return len(other["loc"]) > len(above["loc"]) and other["loc"][: len(above["loc"])] == above["loc"]


def _sentences(detail: ErrorDetails) -> list[str]:
    context: Mapping[str, Any] = detail.get("ctx", {})
    where = place(detail["loc"])
    if detail["type"] == "several":
        return [f"{where}{fault}" for fault in context["faults"]]
    if detail["type"] == "extra_forbidden":
        return [f"{place(detail['loc'][:-1]) or 'the policy'}: nothing is called {detail['loc'][-1]!r} here"]
    said = _SAID.get(detail["type"])
    if said is None:
        message = detail["msg"]
        return [f"{where}: {message[0].lower()}{message[1:]}, not {_input(detail['input'])}"]
    return [f"{where}: {said.format_map({**context, 'input': _input(detail['input'])})}"]


def _input(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
