"""Keys, people and documents in bulk, with ids drawn elsewhere: kept like any other, and never in place of another."""

import psycopg
import pytest

from infra.documents import DocumentStore, Drawn, document_digest
from infra.keyring import Keyring, KeyringError, new_key
from infra.vault import PersonRecord, Vault

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def drawn(number: int, program: str = "p1") -> Drawn:
    """A small file."""
    return Drawn(f"d_{number:032x}", program, PDF + b"%%%d" % number, bytes([number]) * 32, "application/pdf", "Paper")


def test_keys_in_bulk_are_kept_and_replace_none(keyring: Keyring) -> None:
    keys = {f"d_{n:032x}": new_key() for n in range(20)}
    keyring.keep_all(keys)
    assert {one: keyring.get(one) for one in keys} == keys
    with pytest.raises(KeyringError, match="has a key already"):
        keyring.keep_all({f"d_{3:032x}": new_key()})
    assert keyring.get(f"d_{3:032x}") == keys[f"d_{3:032x}"]


def test_people_in_bulk_are_known_by_their_ids(vault: Vault) -> None:
    people = {f"p_{n:032x}": PersonRecord(name=f"Somebody {n}", email="s@simulated.example") for n in range(5)}
    vault.keep_people(people)
    assert vault.people(people) == people
    assert vault.erase(f"p_{2:032x}")
    assert vault.person(f"p_{2:032x}") is None


def test_documents_in_bulk_are_there_and_authenticate(documents: DocumentStore) -> None:
    files = [drawn(n) for n in range(1, 9)]
    documents.adopt(files)
    for one in files:
        assert documents.present(one.document_id, document_digest(one.salt, one.content))
        assert b"".join(documents.open(one.document_id)) == one.content
        described = documents.describe(one.document_id)
        assert (described.program, described.title, described.scan) == ("p1", "Paper", "unscanned")


def test_the_same_file_of_a_program_is_adopted_once(documents: DocumentStore) -> None:
    documents.adopt([drawn(1)])
    again = Drawn(f"d_{99:032x}", "p1", drawn(1).content, bytes(32), "application/pdf", "Again")
    with pytest.raises(psycopg.IntegrityError):
        documents.adopt([again])
    received = documents.receive("p1", [drawn(1).content], media_type="application/pdf", title="Handed in")
    assert received.document_id == drawn(1).document_id
