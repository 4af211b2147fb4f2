"""What the criteria may know of a program: typed facts, each with the ledger versions it rests on."""

from datetime import date
from typing import Literal

import msgspec

Versions = tuple[int, ...]
"""Versions of the program's stream: the events that a fact rests on."""


class Noted(msgspec.Struct, frozen=True):
    """Something that happened, by the versions that say so; empty versions: it has not happened."""

    versions: Versions = ()

    def __bool__(self) -> bool:
        return bool(self.versions)


class Declared(msgspec.Struct, frozen=True):
    """A yes or no that somebody declared, or None while nobody did."""

    value: bool | None = None
    versions: Versions = ()


class Since(msgspec.Struct, frozen=True):
    """A day from which something holds, or None while unknown."""

    day: date | None = None
    versions: Versions = ()


class Review(msgspec.Struct, frozen=True):
    """The review held: its mode and whether it was completed."""

    mode: str | None = None
    exception: bool = False
    """Held in a mode the policy does not name, under a recorded exception."""
    held: Versions = ()
    completed: Versions = ()


class Plan(msgspec.Struct, frozen=True):
    """The adopted improvement plan: its whole months, and the practices not in place that no goal covers."""

    months: int | None = None
    adopted: Versions = ()
    uncovered: tuple[str, ...] = ()


class Practice(msgspec.Struct, frozen=True):
    """One item as the review left it; ``undetermined`` while no reviewer ruled on it."""

    state: Literal["in_practice", "not_in_practice", "not_applicable", "not_verified", "undetermined"]
    quality: int | None = None
    versions: Versions = ()
    bulk: bool = False
    """Confirmed together with others, without evidence named item by item (M22)."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that the criteria read, for one program, cycle and day. Built by ``gather`` (semantics 1)."""

    day: date
    gates: dict[str, Noted] = {}
    application: Noted = Noted()
    formal_program: Declared = Declared()
    operating: Since = Since()
    started: Noted = Noted()
    submitted: Noted = Noted()
    """Self-assessment state: started, submitted; working to standards = submitted and a plan is adopted."""
    review: Review = Review()
    plan: Plan = Plan()
    statement: Noted = Noted()
    practices: dict[str, Practice] = {}
    counting: dict[str, tuple[str, ...]] = {}
    """Named sets of the pinned instrument's items that count: ``all_counting``, ``designated``, ..."""
    findings: dict[str, Noted] = {}
    support_completed: Noted = Noted()
    other_requirements: Noted = Noted()
