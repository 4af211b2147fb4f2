"""Erasing: what the record of an erasure says is done to the keys. Done again it changes nothing, so a crash loses
nothing, and a keyring that comes back from a backup with keys of erased people is cleaned when the service opens."""

import contextlib
from functools import cache
from typing import Any, get_args

import msgspec

from domain.documents import DocumentUploaded
from domain.erasure import PersonErased, inside
from domain.language import Event
from domain.values import InstrumentRef, PolicyRef, TextRef, field_types
from infra.documents import DocumentStore, UnknownDocument
from infra.facts import FactRecorder
from infra.mapper import decode
from infra.vault import UnknownSecret, Vault

BATCH = 1000
Citation = TextRef | PolicyRef | InstrumentRef
"""What a fact names by a digest."""


def cited(event: Event) -> list[Citation]:
    """The texts and published bodies that a fact names by their digests, in the order of its fields."""
    return [one for name in _citing(type(event)) for one in inside(getattr(event, name)) if isinstance(one, Citation)]


@cache
def _citing(struct: type[msgspec.Struct]) -> tuple[str, ...]:
    """The fields in which a citation can stand: few, so that most of a fact need not be walked through."""
    return tuple(name for name, hint in field_types(struct).items() if _cites(hint, frozenset()))


def _cites(hint: Any, above: frozenset[Any]) -> bool:
    if hint in get_args(Citation):
        return True
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint not in above and any(_cites(one, above | {hint}) for one in field_types(hint).values())
    return any(_cites(one, above) for one in get_args(hint))


def writings(event: Event) -> tuple[set[str], set[str]]:
    """The ids of the texts and of the file that a fact holds of whoever brought it about."""
    files = {event.document_id} if isinstance(event, DocumentUploaded) else set[str]()
    return {one.id for one in cited(event) if isinstance(one, TextRef)}, files


def destroy(event: PersonErased, position: int, recorder: FactRecorder, vault: Vault, documents: DocumentStore) -> None:
    """Destroy the keys of everything that an erasure, recorded at a position, is about; the person's own at last."""
    if event.scope == "record_and_writings":
        for one in recorder.read_about(event.person):
            if one.actor_person == event.person and one.position < position:
                texts, files = writings(decode(one.type, one.state))
                for text in texts:
                    with contextlib.suppress(UnknownSecret):
                        vault.erase(text)
                for file in files:
                    with contextlib.suppress(UnknownDocument):
                        documents.erase(file)
    with contextlib.suppress(UnknownSecret):
        vault.erase(event.person)


def finish(recorder: FactRecorder, vault: Vault, documents: DocumentStore) -> int:
    """Destroy again, for every recorded erasure whose person's key is there; how many there were."""
    found = position = 0
    while facts := recorder.read_published(position, BATCH):
        position = facts[-1].position
        for one in facts:
            if one.type == PersonErased.published_name():
                event = decode(one.type, one.state)
                assert isinstance(event, PersonErased)
                if vault.readable(event.person):
                    destroy(event, one.position, recorder, vault, documents)
                    found += 1
    return found
