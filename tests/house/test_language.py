"""What holds for every event, command and stage, however many there will be."""

import ast
import importlib
from collections.abc import Iterator
from datetime import date
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
import pytest

from domain import ARMS, COMMANDS, EVENTS
from domain.language import Command, Event
from domain.values import Kind, TextRef, field_types
from infra.mapper import UPCASTERS
from tests.house.tree import code, functions, module_name, parsed

WORDS_FOR_NO = {"Need", "Refused", "found", "need", "refusal"}


def _all(kind: type) -> list[type]:
    for file in code("domain"):
        importlib.import_module(module_name(file))
    found = [c for c in _below(kind) if c.__module__ != "domain.language" and c.__module__.startswith("domain.")]
    return sorted(set(found), key=lambda c: (c.__module__, c.__name__))


def _below(kind: type) -> Iterator[type]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


def _stages() -> list[Path]:
    return [
        f
        for f in code("domain")
        if any(_key_of(d, "decide", "evolve") for fn in functions(f) for d in fn.decorator_list)
    ]


def _key_of(decorator: ast.expr, *words: str) -> str | None:
    """``TierGranted`` of ``@stage.evolve(TierGranted)``; None if the decorator is another."""
    match decorator:
        case ast.Call(func=ast.Attribute(attr=word), args=[ast.Name(id=key), *_]) if word in words:
            return key
        case _:
            return None


@pytest.mark.req("H4")
def test_events_are_frozen_and_take_no_unknown_field() -> None:
    events = _all(Event)
    loose = [
        e.__name__ for e in events if not (e.__struct_config__.frozen and e.__struct_config__.forbid_unknown_fields)
    ]
    assert events
    assert loose == []


@pytest.mark.req("H4", "H6")
def test_commands_are_frozen_and_take_no_unknown_field() -> None:
    commands = [c for c in _all(Command) if issubclass(c, Command)]
    loose = [
        c.__name__ for c in commands if c.model_config.get("extra") != "forbid" or not c.model_config.get("frozen")
    ]
    assert commands
    assert loose == []


@pytest.mark.req("H11")
def test_no_event_has_a_place_for_words_or_names() -> None:
    places = [f"{e.__name__}.{p}" for e in _all(Event) for p in _loose_places(e)]
    assert places == []


def _loose_places(struct: type[Any], above: tuple[type[Any], ...] = ()) -> list[str]:
    if struct in above:  # a tree of itself, such as a proof
        return []
    return [f"{n}{fault}" for n, hint in field_types(struct).items() for fault in _faults(hint, (*above, struct))]


def _faults(hint: Any, above: tuple[type[Any], ...]) -> list[str]:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return [] if any(isinstance(a, Kind) for a in args) else _faults(args[0], above)
    if origin in {Union, UnionType}:
        return [fault for a in args for fault in _faults(a, above)]
    if origin in {tuple, dict}:
        return [fault for a in args if a is not Ellipsis for fault in _faults(a, above)]
    if origin is Literal or hint in {int, bool, date, NoneType, TextRef}:
        return []
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return [f".{place}" for place in _loose_places(hint, above)]
    return [] if isinstance(hint, type) and issubclass(hint, Enum) else [f": {hint}"]


@pytest.mark.req("H2")
def test_evolve_holds_no_rule() -> None:
    ruling = [
        f"{file.as_posix()}:{node.lineno}"
        for file in code("domain")
        for function in functions(file)
        if any(_key_of(d, "evolve", "undo") for d in function.decorator_list)
        for node in ast.walk(function)
        if isinstance(node, ast.Raise | ast.Assert) or (isinstance(node, ast.Name) and node.id in WORDS_FOR_NO)
    ]
    assert ruling == []


@pytest.mark.req("H5")
def test_a_stage_is_one_file() -> None:
    elsewhere = []
    for file in _stages():
        own = {node.name for node in parsed(file).body if isinstance(node, ast.ClassDef)}
        keys = {_key_of(d, "decide", "evolve") for f in functions(file) for d in f.decorator_list}
        elsewhere += [f"{file.as_posix()}: {key}" for key in keys - own if key]
    assert elsewhere == []


@pytest.mark.req("H5")
def test_every_event_is_folded_and_every_command_answered() -> None:
    concrete = [c for kind in (Event, Command) for c in _all(kind) if not c.__subclasses__()]
    assert [c.__name__ for c in concrete if c not in ARMS and c not in COMMANDS.values()] == []


@pytest.mark.req("H6")
def test_every_event_is_emitted_by_some_rule() -> None:
    made = {
        node.func.id
        for file in code("domain")
        for node in ast.walk(parsed(file))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    } | {
        node.args[0].id  # fact(ItemRated, command, …)
        for file in code("domain")
        for node in ast.walk(parsed(file))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "fact" and isinstance(node.args[0], ast.Name)
    }
    made.add("LedgerOpened")  # written when a ledger is created, by no request
    made |= {EVENTS[name].__name__ for name in UPCASTERS}  # written no more, and raised to a later version on reading
    assert [e.__name__ for e in _all(Event) if not e.__subclasses__() and e.__name__ not in made] == []


def test_every_event_has_its_sentence() -> None:
    assert [e.__name__ for e in _all(Event) if not e.__subclasses__() and not getattr(e, "says", "")] == []
