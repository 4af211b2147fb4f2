"""Who may read what: names and words come out of the vault only here, only for those entitled, when answering."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from api.identity import Visitor
from api.problems import Problem
from domain.authority import parts
from domain.language import Context, Role
from domain.program import Program
from domain.values import PERSON, TEXT_MARKER
from infra.vault import Vault, new_id
from infra.wiring import Service

PERSON_ID = re.compile(rf"\b{PERSON.pattern}\b")
ERASED = "[erased]"
UNKNOWN = "[unknown]"
READERS = frozenset(
    {Role.PROGRAM_STAFF, Role.PROGRAM_LEAD, Role.REVIEWER, Role.DECIDER, Role.AFFILIATE_ADMIN, Role.OPERATOR}
)
"""Parts that read a program's own matters: its people, and the staff of its affiliate."""
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
        found = {one: record.name if record else ERASED for one, record in known.items()}
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
        raise Problem("NOT_ENTITLED", f"This is for the program's people and its affiliate's staff, not for {person}.")


def oversees(service: Service, asking: Visitor) -> bool:
    """Whether the visitor reads everything: the operator, the national body."""
    return bool(held_parts(service, None, asking) & OVERSEERS)
