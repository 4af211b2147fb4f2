"""The kinds of value a fact may hold, and the digests taken of them.

An event holds only what is listed here: codes, days, integers, references, public names of organisations,
digests and ``TextRef``s. Words that people wrote stay in the vault; the event carries their digest (H11).
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, cast, dataclass_transform, get_args, get_origin, get_type_hints

import msgspec
from pydantic import PlainValidator, StringConstraints, ValidationInfo, WithJsonSchema


@dataclass(frozen=True)
class Kind:
    """What a string in an event may look like: its kind's name and the pattern it matches."""

    name: str
    pattern: str
    max_length: int = 200


CODE = Kind("code", r"[A-Za-z0-9][A-Za-z0-9_.:/@+-]*", 120)
REFERENCE = Kind("reference", r"[A-Za-z0-9][A-Za-z0-9_.:@-]*", 120)
PERSON = Kind("person", r"p_[0-9a-z]{4,40}", 42)
DIGEST = Kind("digest", r"[0-9a-f]{64}", 64)
ORGANISATION = Kind("organisation", r"[^\x00-\x1f]+", 160)
WEBSITE = Kind("website", r"https?://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~/-]*)?", 200)


def _kind(kind: Kind) -> Any:
    constraint = StringConstraints(
        strip_whitespace=True, pattern=f"^{kind.pattern}$", min_length=1, max_length=kind.max_length
    )
    return kind, constraint


Code = Annotated[str, *_kind(CODE)]
"""A word of a closed or published vocabulary: an item id, a gate, a ground, a media type."""
Reference = Annotated[str, *_kind(REFERENCE)]
"""An opaque id minted by the server, or a reference into another register."""
PersonId = Annotated[str, *_kind(PERSON)]
"""An opaque id of a human; who that is lies encrypted in the vault."""
Digest = Annotated[str, *_kind(DIGEST)]
"""A SHA-256 in lower-case hexadecimal, 64 characters."""
OrganisationName = Annotated[str, *_kind(ORGANISATION)]
"""The public name of an organisation or a place; never a person's."""
Website = Annotated[str, *_kind(WEBSITE)]
"""A public address on the web, without query or fragment."""


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(msgspec.field,))
class _FactMeta(msgspec.StructMeta):
    """Fields by keyword and frozen, for every class below ``Fact`` without saying so each time."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> Any:
        settings: dict[str, Any] = {"kw_only": True, "frozen": True, "omit_defaults": True, **options}
        return super().__new__(cls, name, bases, namespace, **settings)


class Fact(msgspec.Struct, metaclass=_FactMeta):
    """A frozen record whose fields are given by name; defaults are left out when it is written."""


class TextRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reference to words kept in the vault: an opaque id and the salted SHA-256 of the words."""

    id: str
    digest: str

    def __str__(self) -> str:
        """A marker that doors replace by the words, for those entitled to read them."""
        return f"[[{self.id}]]"


TEXT_MARKER = re.compile(r"\[\[([A-Za-z0-9_.:-]+)\]\]")
"""Finds the markers of ``TextRef``s in a sentence."""
TEXT_LIMIT = 20_000
"""Longest text in characters that a person may hand in for one field."""


def _sealed(value: object, info: ValidationInfo) -> TextRef:
    """Turn plain words into a ``TextRef`` with the sealer that the door supplies."""
    if isinstance(value, TextRef):
        return value
    if not isinstance(value, str):
        raise ValueError("TEXT_EXPECTED: this field takes words")
    words = value.strip()
    if not words:
        raise ValueError("TEXT_EMPTY: say something here; it was left empty")
    if len(words) > TEXT_LIMIT:
        raise ValueError(f"TEXT_TOO_LONG: {len(words)} characters; at most {TEXT_LIMIT}")
    context: dict[str, Any] = info.context or {}
    sealer: Callable[[str], TextRef] | None = context.get("seal")
    if sealer is None:
        raise ValueError("TEXT_UNSEALED: words reach a rule only after the vault sealed them")
    return sealer(words)


Text = Annotated[
    TextRef,
    PlainValidator(_sealed),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": TEXT_LIMIT}),
]
"""A command's field of words: plain at the door, a ``TextRef`` by the time a rule sees it."""


class PolicyRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One published version of a tier policy, pinned by the hash of its body."""

    scheme: Code
    version: Code
    sha256: Digest

    def __str__(self) -> str:
        return f"{self.scheme.upper()} version {self.version}"


class InstrumentRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One published version of an instrument, pinned by the hash of its body."""

    family: Code
    version: Code
    sha256: Digest

    def __str__(self) -> str:
        return f"{self.family} version {self.version}"


class Rating(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One answer on the one scale: in practice or not, and how well (A5). Quality is there iff in practice."""

    in_practice: Literal["yes", "no", "not_applicable"]
    quality: Literal[1, 2, 3, 4, 5] | None = None

    def __str__(self) -> str:
        if self.in_practice == "yes":
            return f"in practice, quality {self.quality} of 5"
        return "not in practice" if self.in_practice == "no" else "not applicable"


_ENCODER = msgspec.json.Encoder(order="sorted")


def canonical(value: object) -> bytes:
    """The one way to write a value as bytes for hashing: RFC 8785 JSON (ASCII keys, integers, no floats)."""
    return _ENCODER.encode(msgspec.to_builtins(value, str_keys=True))


def digest_of(value: object) -> str:
    """SHA-256 over ``canonical(value)``, in hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


def misfits(value: object, hint: Any, path: str = "") -> list[str]:
    """Names every place in ``value`` that its type does not allow in an event; empty means fit to record."""
    look = _look(hint)
    return [f"{(path + place).lstrip('.')} is no {kind}" for place, kind in look(value)] if look else []


Misfits = list[tuple[str, str]]
"""Places, each with the kind that it should be of."""
Look = Callable[[Any], Misfits]


@cache
def _look(hint: Any) -> Look | None:
    """What finds the misfits in a value of a type, made once; None where there can be none, as in a number."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        kind = next((a for a in args[1:] if isinstance(a, Kind)), None)
        return _look_at(kind) if kind else _look(args[0])
    if origin is tuple:
        return _look_along(_look(args[0]))
    if origin is dict:
        return _look_through(_look(args[0]), _look(args[1]))
    if origin in (Union, UnionType):
        return _look_at_one_of([(a, _look(a)) for a in args])
    return _look_into(hint) if isinstance(hint, type) and issubclass(hint, msgspec.Struct) else None


def _look_at(kind: Kind) -> Look:
    pattern = re.compile(kind.pattern)

    def look(value: Any) -> Misfits:
        fits = isinstance(value, str) and len(value) <= kind.max_length and pattern.fullmatch(value)
        return [] if fits else [("", kind.name)]

    return look


def _look_into(struct: type[msgspec.Struct]) -> Look:
    def look(value: Any) -> Misfits:
        if not isinstance(value, struct):
            return [("", struct.__name__)]
        found: Misfits = []
        for name, inner in _looks(type(value)):
            if wrong := inner(getattr(value, name)):
                found += [(f".{name}{place}", kind) for place, kind in wrong]
        return found

    return look


@cache
def _looks(struct: type[msgspec.Struct]) -> tuple[tuple[str, Look], ...]:
    """The fields of a struct in which a misfit can be."""
    looks = ((name, _look(hint)) for name, hint in field_types(struct).items())
    return tuple((name, look) for name, look in looks if look)


def _look_along(look: Look | None) -> Look | None:
    if look is None:
        return None
    return lambda value: [(f"[{i}]{place}", kind) for i, v in enumerate(value) for place, kind in look(v)]


def _look_through(look_at_key: Look | None, look: Look | None) -> Look:
    def both(value: Any) -> Misfits:
        found: Misfits = []
        for key, v in cast("dict[Any, Any]", value).items():
            found += [(f" key{place}", kind) for place, kind in (look_at_key(key) if look_at_key else ())]
            found += [(f"[{key}]{place}", kind) for place, kind in (look(v) if look else ())]
        return found

    return both


def _look_at_one_of(members: list[tuple[Any, Look | None]]) -> Look | None:
    """Looks as the member of a union that a value belongs to."""
    if not any(look for _, look in members):
        return None
    takers = [(_takes(hint), inner) for hint, inner in members]

    def look(value: Any) -> Misfits:
        if value is None:
            return []
        fitting = next((inner for takes, inner in takers if takes(value)), None)
        return fitting(value) if fitting else []

    return look


def _takes(hint: Any) -> Callable[[object], bool]:
    """Whether a member of a union is the one that a value belongs to."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _takes(args[0])
    kind = origin or hint
    return (lambda value: value in args) if origin is Literal else (lambda value: isinstance(value, kind))


@cache
def field_types(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """The types of a struct's fields with the annotations that carry a ``Kind`` intact."""
    hints = get_type_hints(struct, include_extras=True)
    return {name: hints[name] for name in struct.__struct_fields__}
