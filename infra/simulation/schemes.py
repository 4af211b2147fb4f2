"""The schemes of a simulated world: those that ship with the program, and variants of them under invented affiliates.

For each version there is the document that is published, and beside it the plain ``Rules`` that the oracle goes by.
The rules are stated here a second time on purpose: what is expected is not read out of the documents.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from random import Random
from typing import Any

from domain.instrument.model import Instrument
from infra.library import instrument_body, policy, shipped_instruments, shipped_policies
from infra.simulation import names
from infra.simulation.acts import Adverse, Rules, Tier
from infra.simulation.oracle import later

LONG_AGO = date(2012, 1, 1)
MOST_AFFILIATES = 24
ZONES = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")
PLACES = ["AL", "AK", "AZ", "AR", "CA", "CO", "CT", "FL", "GA", "HI", "ID", "IN", "IA", "KS", "KY", "LA", "ME", "MD", "MI", "MS", "MO", "MT", "NE", "NV", "NH", "NM", "NY", "NC", "ND", "OH", "OK", "OR", "RI", "SC", "SD", "TN", "TX", "UT", "VT", "VA", "WA", "WV", "WI", "WY"]  # fmt: skip
_TWO = (Tier("dedicated", "plan"), Tier("expert", "all"))
_STARS = (Tier("silver_star", "plan"), Tier("gold_star", "all"))
_FOUND = (Tier("quality_mentoring_program", "finding"),)
_MEMBERS = (Tier("affiliate", "application"), Tier("associate_partner", "started"), Tier("partner", "designated"))
_FIRM = Adverse(stays=True, as_first=True)


@dataclass(frozen=True)
class Version:
    """One version of a scheme's policy: the plain rules, and the canonical bytes that are published."""

    rules: Rules
    content: bytes
    sha256: str
    zone: str


@dataclass(frozen=True)
class Body:
    """An affiliate of the simulated world."""

    code: str
    name: str
    zone: str
    places: tuple[str, ...]


@dataclass(frozen=True)
class Shown:
    """Everything that is published in a simulated world, in the order published."""

    bodies: tuple[Body, ...]
    versions: tuple[Version, ...]
    instruments: tuple[Instrument, ...]
    second_instrument: date
    """From when the second version of the instrument is there."""


def _shipped_rules(begin: date) -> Iterator[tuple[str, Rules]]:
    first = Rules("mn-qp", "1", "mn", LONG_AGO, _TWO)
    second: Any = {"version": "2", "reply_days": 14, "extension_days": 90, "adverse": _FIRM, "check_in": True}
    yield "MN-QP@1", first
    yield "MN-QP@2", replace(first, since=later(begin, 18), **second)
    yield "IL-STAR@1", Rules("il-star", "1", "il", LONG_AGO, _STARS)
    open_ended: Any = {"statement": False, "from_receipt": False}
    yield "IR-QMP@1", Rules("ir-qmp", "1", "ir", LONG_AGO, _FOUND, advances=False, **open_ended)
    member = Rules("mmp-qbm", "2012.1", "mmp", LONG_AGO, _MEMBERS, ("QBM-SELF", "1"), years=None, anchored=False)
    member = replace(member, **open_ended)
    yield "MMP-QBM@2012.1", replace(member, hold_months=4)
    yield "MMP-QBM@2014.1", replace(member, version="2014.1", since=later(begin, 30))


def reworded(instrument: Instrument) -> Instrument:
    """A second version of an instrument: every ninth practice is worded otherwise, as a major change would."""
    document = instrument.model_dump(mode="json")
    document["version"] = "2"
    for section in document["sections"]:
        for area in section["sub_areas"]:
            for item in area["items"]:
                if item["number"] % 9 == 0:
                    item["wording"] += " This holds for every match, without exception."
    return Instrument.model_validate(document)


def _variant(number: int, body: Body, version: int, since: date, second: bool) -> tuple[dict[str, Any], Rules]:
    """A version of an invented affiliate's policy; number and version decide what is peculiar about it."""
    scheme = f"{body.code}-q"
    known: Any = {"policy": scheme.upper(), "version": str(version), "affiliate": body.code, "timezone": body.zone}
    document: dict[str, Any] = {**known, "title": f"Quality Partners of the {body.name}"}
    told: Any = {"scheme": scheme, "version": str(version), "affiliate": body.code, "since": since}
    if number % 5 == 4:
        hold = 4 if version % 2 else None
        document["extends"] = "MMP-QBM@2012.1" if hold else "MMP-QBM@2014.1"
        rules = Rules(**told, tiers=_MEMBERS, instrument=("QBM-SELF", "1"), years=None, anchored=False)
        return document, replace(rules, hold_months=hold, statement=False, from_receipt=False)
    if number % 5 == 3:
        years = 2 + number % 2
        document |= {"extends": "IR-QMP@1", "term": {"length": f"P{years}Y", "reassessment": None}}
        rules = Rules(**told, tiers=_FOUND, years=years, advances=False, statement=False, from_receipt=False)
    else:
        document["extends"] = "MN-QP@2"
        rules = replace(_like_two(told, number, version), reply_days=14, extension_days=90, check_in=True)
        document["term"] = {"length": f"P{rules.years}Y"}
        document["advancement"] = {"term": "keep" if rules.keeps else "restart"}
        document["renewal"] = {"anchor": "previous_expiry_if_in_window" if rules.anchored else "new_start"}
        adverse = rules.adverse or _FIRM
        document["adverse"] = {
            "stay_on_appeal": adverse.stays,
            "overturned_dates": "as_first_decided" if adverse.as_first else "panel_day",
        }
    if second:
        document["instrument"] = {"version": "2"}
        rules = replace(rules, instrument=("NQMS", "2"))
    return document, rules


def _like_two(told: dict[str, Any], number: int, version: int) -> Rules:
    kind = number + version
    adverse = Adverse(stays=kind % 3 != 0, as_first=kind % 2 == 0)
    years = (3, 2, 4)[kind % 3]
    return Rules(**told, tiers=_TWO, years=years, keeps=kind % 4 != 3, anchored=kind % 5 != 2, adverse=adverse)


def _bodies(seed: int, count: int) -> Iterator[Body]:
    yield Body("mn", "MENTOR Minnesota", "America/Chicago", ("US-MN",))
    yield Body("il", "MENTOR Illinois", "America/Chicago", ("US-IL",))
    yield Body("ir", "MENTOR Independence Region", "America/New_York", ("US-PA", "US-NJ", "US-DE"))
    yield Body("mmp", "Mass Mentoring Partnership", "America/New_York", ("US-MA",))
    draw = Random(f"{seed}/affiliates")
    taken: set[str] = set()
    for n in range(count - 4):
        name = names.affiliate(draw)
        code = name.removeprefix("Mentoring Council of ").lower().replace(" ", "-")
        code = f"{code}-{n}" if code in taken else code
        taken.add(code)
        yield Body(code, name, ZONES[n % len(ZONES)], (f"US-{PLACES[2 * n]}", f"US-{PLACES[2 * n + 1]}"))


def shown(seed: int, count: int, begin: date, end: date) -> Shown:
    """The world's affiliates, policies and instruments: the shipped ones and variants, a new version every three years."""
    bodies = tuple(_bodies(seed, count))
    zones = {b.code: b.zone for b in bodies}
    shipped = shipped_instruments()
    second_from = later(begin, max(12, (end.year - begin.year) * 6))
    instruments = (*shipped.values(), reworded(shipped["NQMS@1"]))
    library = shipped_policies()
    drafts = [(library[name], rules) for name, rules in _shipped_rules(begin) if rules.since < end]
    for n, body in enumerate(bodies[4:]):
        since, version = LONG_AGO, 1
        while since < end:
            drafts.append(_variant(n, body, version, since, second_from <= since and n % 5 < 3))
            since, version = later(begin, 36 * version - 3 * (n % 5)), version + 1
    versions: list[Version] = []
    for document, rules in sorted(drafts, key=lambda d: (d[1].since, d[1].scheme)):
        _, published = policy(document, f"{rules.scheme}@{rules.version}", instruments, library)
        versions.append(Version(rules, published.content, published.sha256, zones[rules.affiliate]))
    return Shown(bodies, tuple(versions), instruments, second_from)


def body_of(instrument: Instrument) -> tuple[bytes, str]:
    """The canonical bytes under which an instrument is published, and their hash."""
    body = instrument_body(instrument)
    return body.content, body.sha256
