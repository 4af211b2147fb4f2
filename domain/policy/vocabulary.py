"""What a word of the vocabulary is: its parameters, how it judges facts, how it says what it found."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict

from domain.language import listing
from domain.policy.facts import Facts, Versions
from domain.term import parts
from domain.values import Code

Result = Literal["true", "false", "unknown"]
"""What a criterion says: it holds, it does not, or nobody can tell yet."""
Value = Code | int | bool | tuple[Code, ...]
"""What a proof may carry as a parameter or a figure: a code, a number, a yes or no, some codes."""


def _period(text: str) -> str:
    parts(text)
    return text


Period = Annotated[str, AfterValidator(_period)]
"""A period of years, months and days as ISO 8601 writes it, such as ``P3Y``."""


Percent = Annotated[int, Strict(), Field(ge=1, le=100)]
"""A share in whole percent: 100 is all of them."""
Quality = Annotated[int, Strict(), Field(ge=1, le=5)]
"""A level of implementation quality."""


class Leaf(msgspec.Struct, frozen=True):
    """What one criterion found: its result, the versions it rests on, its figures, what would make it true."""

    result: Result
    versions: Versions = ()
    detail: dict[str, Value] = {}
    """Where only some of ``missing`` would do, ``short`` says how many."""
    missing: tuple[str, ...] = ()


class Params(BaseModel):
    """The parameters of a criterion; this one takes none."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)

    def values(self) -> dict[str, Value]:
        """The parameters as a proof records them, those left out being left out."""
        return self.model_dump(by_alias=True, exclude_none=True)


Says = Callable[[Result, Mapping[str, Any]], str]
"""How a criterion says what it found: (result, parameters and figures) to a sentence."""


@dataclass(frozen=True)
class Word:
    """One criterion of the vocabulary, by the name under which a policy asks for it."""

    name: str
    params: type[Params]
    judge: Callable[[Facts, Any], Leaf]
    says: Says


@dataclass(frozen=True)
class Vocabulary:
    """All criteria of one semantics and the ways to combine them."""

    words: Mapping[str, Word]
    combine: Mapping[str, Callable[[Sequence[Result]], Result]]

    @property
    def known(self) -> tuple[str, ...]:
        """Everything that may stand in a tier's ``when``."""
        return (*self.words, "tier", *self.combine)


def spoken(true: str, false: str, unknown: str = "") -> Says:
    """A sentence for each result; ``{name}`` stands for a parameter or a figure."""
    sentences = {"true": true, "false": false, "unknown": unknown}

    def say(result: Result, values: Mapping[str, Any]) -> str:
        return sentences[result].format_map({name: shown(value) for name, value in values.items()})

    return say


def shown(value: Any) -> str:
    """A parameter or figure in words: codes lose their underscores."""
    text = listing(value) if isinstance(value, tuple) else str(value)  # pyright: ignore[reportUnknownArgumentType]
    return text.replace("_", " ")


def all_of(results: Sequence[Result]) -> Result:
    """False if one is false, else unknown if one is unknown, else true."""
    return "false" if "false" in results else "unknown" if "unknown" in results else "true"


def any_of(results: Sequence[Result]) -> Result:
    """True if one is true, else unknown if one is unknown, else false."""
    return "true" if "true" in results else "unknown" if "unknown" in results else "false"


def not_of(results: Sequence[Result]) -> Result:
    """The opposite of the only one; unknown stays unknown."""
    opposite: dict[Result, Result] = {"true": "false", "false": "true", "unknown": "unknown"}
    return opposite[results[0]]


COMBINED: dict[str, Callable[[Sequence[Result]], Result]] = {"all": all_of, "any": any_of, "not": not_of}
"""The ways to combine criteria, after Kleene."""
