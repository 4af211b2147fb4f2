"""Fates: what comes to few programs, each at its rate a year, and to at least one of those to whom it can come."""

from random import Random
from typing import NamedTuple

from infra.simulation.world import World

A_YEAR = {
    "declined": 0.001,
    "renamed": 0.03,
    "leader": 0.05,
    "discontinued": 0.04,
    "merged": 0.005,
    "moved_kept": 0.003,
    "moved_ended": 0.002,
    "relinquished": 0.004,
    "extension": 0.01,
    "corrected": 0.004,
    "corrective": 0.006,
    "lifted": 0.002,
    "suspension": 0.01,
    "suspension_upheld": 0.001,
    "suspension_withdrawn": 0.001,
    "suspension_overturned": 0.001,
    "imminent": 0.002,
    "reduction": 0.002,
    "revocation": 0.003,
    "revocation_overturned": 0.001,
    "revocation_dismissed": 0.001,
    "dropped": 0.003,
    "undone": 0.001,
    "reopened": 0.002,
    "late_receipt": 0.002,
    "remanded": 0.001,
    "instead": 0.002,
}
"""How often, a program and year."""
AGAINST = (
    "suspension", "suspension_upheld", "suspension_withdrawn", "suspension_overturned", "imminent", "reduction",
    "revocation", "revocation_overturned", "revocation_dismissed", "dropped", "undone",
)  # fmt: skip
"""These take a policy that knows acts against a tier."""
LAST = ("merged", "moved_kept", "moved_ended", "discontinued", "relinquished")
"""After these a life goes another way; they come late."""
IN_PASSING = ("extension", "leader", "declined", "reopened", "late_receipt", "remanded", "instead")
"""These are met on the way through something else."""
SETTLED = 5
"""Every fifth program is there from the start and stays: others merge into it."""


class Home(NamedTuple):
    """Where a program is at home, and under which scheme."""

    affiliate: str
    scheme: str


def home_of(world: World, index: int) -> Home:
    """The home of a program by its number."""
    bodies = world.shown.bodies
    affiliate = bodies[index % len(bodies)].code
    return Home(affiliate, world.schemes()[affiliate])


def _adverse(world: World, index: int) -> bool:
    scheme = home_of(world, index).scheme
    return any(v.rules.adverse for v in world.shown.versions if v.rules.scheme == scheme)


def _extending(world: World, index: int) -> bool:
    scheme = home_of(world, index).scheme
    return any(v.rules.extension_days for v in world.shown.versions if v.rules.scheme == scheme)


def _ranked(world: World, index: int) -> bool:
    return len(world.rules(home_of(world, index).scheme, world.begin).final) > 1


def fates(world: World, programs: int, years: int) -> dict[int, list[str]]:
    """Which programs meet with what. Those that end or change everything come last."""
    draw = Random(f"{world.seed}/fates")
    told: dict[int, list[str]] = {}
    for name, rate in A_YEAR.items():
        eligible = [i for i in range(programs) if _can(world, i, name)]
        draw.shuffle(eligible)
        eligible = [i for i in eligible if "declined" not in told.get(i, ())]
        eligible.sort(key=lambda i: len(told.get(i, ())))
        count = min(len(eligible), max(1, round(rate * programs * years)))
        for index in eligible[:count]:
            told.setdefault(index, []).append(name)
    for names in told.values():
        names.sort(key=lambda n: n in LAST)
    return told


def _can(world: World, index: int, name: str) -> bool:
    if name in AGAINST:
        return _adverse(world, index) and (name != "reduction" or _ranked(world, index))
    if name in ("remanded", "instead"):
        return _adverse(world, index) and _ranked(world, index)
    if name == "late_receipt":
        return world.rules(home_of(world, index).scheme, world.begin).statement
    if name == "declined":
        return index % SETTLED != 0
    if name == "extension":
        return _extending(world, index)
    return name not in LAST or index % SETTLED != 0
