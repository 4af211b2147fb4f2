"""Erasing: what the record of an erasure says is done to the keys. Done again it changes nothing, so a crash loses
nothing, and a keyring that comes back from a backup with keys of erased people is cleaned when the service opens."""

import contextlib

from domain.documents import DocumentUploaded
from domain.erasure import PersonErased, inside
from domain.language import Event
from domain.values import TextRef
from infra.documents import DocumentStore, UnknownDocument
from infra.facts import FactRecorder
from infra.mapper import decode
from infra.vault import UnknownSecret, Vault

BATCH = 1000


def writings(event: Event) -> tuple[set[str], set[str]]:
    """The ids of the texts and of the file that a fact holds of whoever brought it about."""
    files = {event.document_id} if isinstance(event, DocumentUploaded) else set[str]()
    return {value.id for value in inside(event) if isinstance(value, TextRef)}, files


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
