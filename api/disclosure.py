"""Who may read what: names and words come out of the vault only here, only for those entitled, when answering."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from api.identity import Visitor
from api.problems import Problem
from domain.affiliate import Affiliate, in_charge
from domain.authority import parts
from domain.language import Context, Role
from domain.program import Program
from domain.values import PERSON, TEXT_MARKER
from infra.vault import Vault, new_id
from infra.wiring import Service

PERSON_ID = re.compile(rf"\b{PERSON.pattern}\b")
ERASED = "[erased]"
ERASED_PERSON = "[erased person]"
UNKNOWN = "[unknown]"
READERS = frozenset(
    {
        *(Role.PROGRAM_STAFF, Role.PROGRAM_LEAD, Role.REVIEWER, Role.DECIDER, Role.AFFILIATE_ADMIN),
        *(Role.PANELIST, Role.OPERATOR),
    }
)
"""Parts that read a program's own matters: its people, the staff of its affiliate, and for their time those from outside
who review, decide or hear an appeal in a case of it (M19)."""
OVERSEERS = frozenset({Role.OPERATOR, Role.NATIONAL})
"""Parts that read the whole stream of events."""


@dataclass(frozen=True)
class Disclosure:
    """Puts names and words back into sentences; what was erased stays erased."""

    vault: Vault

    def told(self, sentences: Sequence[str]) -> list[str]:
        """The sentences with every person's name and every text; two questions to the vault, however many they are."""
        people = {one for sentence in sentences for one in PERSON_ID.findall(sentence)}
        texts = {one for sentence in sentences for one in TEXT_MARKER.findall(sentence)}
        names = self.names(people)
        words = self.vault.open_many(texts) if texts else {}

        def name(match: re.Match[str]) -> str:
            return names[match[0]]

        def text(match: re.Match[str]) -> str:
            found = words.get(match[1], UNKNOWN)
            return ERASED if found is None else found

        # Names first: a text that somebody wrote is shown as written, whatever it looks like.
        return [TEXT_MARKER.sub(text, PERSON_ID.sub(name, sentence)) for sentence in sentences]

    def reveal(self, value: Any) -> Any:
        """Plain data with every string in it told as above; keys stay as they are."""
        found: list[str] = []
        _strings(value, found)
        return _replaced(value, dict(zip(found, self.told(found), strict=True)))

    def names(self, person_ids: Iterable[str]) -> dict[str, str]:
        """The names of people, by id."""
        asked = set(person_ids)
        known = self.vault.people(asked) if asked else {}
        found = {one: record.name if record else ERASED_PERSON for one, record in known.items()}
        return {one: found.get(one, one) for one in asked}


def _strings(value: Any, found: list[str]) -> None:
    if isinstance(value, str):
        found.append(value)
    elif isinstance(value, Mapping):
        for one in cast("Mapping[str, Any]", value).values():
            _strings(one, found)
    elif isinstance(value, (list, tuple)):
        for one in cast("list[Any]", value):
            _strings(one, found)


def _replaced(value: Any, told: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return told[value]
    if isinstance(value, Mapping):
        return {name: _replaced(one, told) for name, one in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_replaced(one, told) for one in cast("list[Any]", value)]
    return value


def held_parts(service: Service, state: Any, asking: Visitor) -> frozenset[Role]:
    """Every part that the visitor has towards a program, an affiliate, or the whole."""
    if asking.person is None:
        return frozenset({Role.PUBLIC})
    ledger = service.ledger
    context = Context(
        person=asking.person, now=ledger.now(), mint=new_id, shelf=ledger.shelf(), standing=asking.standing
    )
    return frozenset(parts(state, context))


def entitled(service: Service, program: Program, asking: Visitor) -> bool:
    """Whether the visitor may read a program's own matters."""
    return bool(held_parts(service, program, asking) & READERS)


def let_in(service: Service, program: Program, asking: Visitor) -> None:
    """Refuses whoever is neither of the program nor of its affiliate. Problem 401 for nobody in particular."""
    person = asking.acting
    if not entitled(service, program, asking):
        raise Problem("NOT_DISCLOSED", f"This is for the program's people and its affiliate's staff, not for {person}.")


def oversees(service: Service, asking: Visitor) -> bool:
    """Whether the visitor reads everything: the operator, the national body."""
    return bool(held_parts(service, None, asking) & OVERSEERS)


def _charged(service: Service) -> dict[str, Affiliate]:
    """For each affiliate the one whose staff is in charge of its programs today."""
    shelf, now = service.ledger.shelf(), service.ledger.now()
    every: list[Affiliate] = list(shelf.affiliates())
    return {a.affiliate_id: in_charge(shelf, a.affiliate_id, _day(a, now)) for a in every}


def in_charge_of(service: Service, person: str) -> list[str]:
    """The affiliates whose programs a person's colleagues are in charge of: their own first, then those that passed on
    to it after their charter ended."""
    mine = [(code, a.affiliate_id) for code, a in _charged(service).items() if person in a.staff]
    return [code for code, _ in sorted(mine, key=lambda one: one[0] != one[1])]


def administers(service: Service, person: str) -> list[str]:
    """The affiliates whose programs a person is in charge of as an administrator."""
    return [code for code, a in _charged(service).items() if "affiliate_admin" in a.staff.get(person, ())]


def _day(affiliate: Affiliate, now: datetime) -> date:
    return now.astimezone(ZoneInfo(affiliate.timezone)).date()


def listed_for(service: Service, asking: Visitor, named: str | None) -> str | None:
    """The affiliate whose matters are listed: the one named if the visitor is on the staff in charge of it or oversees
    all, else theirs. Problem NOT_DISCLOSED for another."""
    person = asking.acting
    if oversees(service, asking):
        return named
    own = in_charge_of(service, person)
    if named is not None and named not in own:
        raise Problem("NOT_DISCLOSED", f"{person} is not on the staff of {named}.")
    return named or next(iter(own), None)


def staff_list(service: Service, asking: Visitor, named: str | None, what: str) -> str | None:
    """As ``listed_for``, for lists of which nobody else sees anything; None: of every affiliate."""
    mine = listed_for(service, asking, named)
    if mine is None and not oversees(service, asking):
        said = f"{what} are listed for the staff of affiliates, not for {asking.acting}; ask by program instead."
        raise Problem("NOT_DISCLOSED", said)
    return mine
