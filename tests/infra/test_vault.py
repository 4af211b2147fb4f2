"""Texts and people: sealed, opened, erased; and nothing readable on any disk."""

import hashlib
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.database import Database, open_database
from infra.documents import DocumentStore
from infra.keyring import Keyring, KeyringError
from infra.settings import Settings
from infra.vault import DamagedSecret, MissingKey, PersonRecord, UnknownSecret, Vault, new_id

pytestmark = pytest.mark.req("H11")

NOW = timedelta(0)
ADA = PersonRecord(name="Ada Lovelace", email="ada@example.org")


class TestTexts:
    """Free text of people."""

    def test_kept_texts_open_again(self, vault: Vault) -> None:
        texts = ["short", "", "Zoë said: “later”\n" * 1000]
        sealed = [vault.seal(text) for text in texts]
        vault.keep(sealed)
        assert [vault.open(one.id) for one in sealed] == texts
        assert vault.open_many([*(one.id for one in sealed), new_id()]) == {
            one.id: text for one, text in zip(sealed, texts, strict=True)
        }

    def test_the_digest_is_the_published_one_and_salted(self, vault: Vault) -> None:
        one, two = vault.seal("yes"), vault.seal("yes")
        assert one.digest != two.digest
        vault.keep([one])
        preimage = vault.preimage(one.id)
        assert preimage is not None
        salt, text = preimage
        assert len(salt) == 32
        assert one.digest == hashlib.sha256(b"nqms.text.v1\n" + salt + text.encode()).hexdigest()

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
    @given(st.text(st.characters(exclude_categories=("Cs",))))
    def test_any_text(self, vault: Vault, text: str) -> None:
        sealed = vault.seal(text)
        vault.keep([sealed])
        assert vault.open(sealed.id) == text

    def test_sealing_alone_keeps_nothing(self, vault: Vault, keyring: Keyring) -> None:
        sealed = vault.seal("secret")
        vault.keep([])
        assert list(keyring.stored()) == []
        with pytest.raises(UnknownSecret):
            vault.open(sealed.id)

    def test_printing_shows_neither_key_nor_text(self, vault: Vault, keyring: Keyring) -> None:
        sealed = vault.seal("secret")
        vault.keep([sealed])
        assert sealed.key.hex() not in repr(sealed)
        assert "key" not in repr(sealed)
        assert "ciphertext" not in repr(sealed)
        assert "Ada" not in repr(ADA)
        assert repr(keyring).startswith("Keyring(")

    def test_erased_unknown_lost_and_damaged_are_four_answers(
        self, vault: Vault, keyring: Keyring, database: Database, tmp_path: Path
    ) -> None:
        erased, kept, other = (vault.seal(text) for text in ("a", "b", "c"))
        vault.keep([erased, kept, other])
        assert vault.erase(erased.id)
        assert not vault.erase(erased.id)
        assert vault.open(erased.id) is None
        assert vault.preimage(erased.id) is None
        assert vault.open_many([erased.id, kept.id]) == {erased.id: None, kept.id: "b"}
        with pytest.raises(UnknownSecret):
            vault.open(new_id())
        with pytest.raises(UnknownSecret):
            vault.erase(new_id())
        with pytest.raises(MissingKey, match="right keyring"):
            Vault(database.pool, Keyring(tmp_path / "elsewhere")).open(kept.id)
        with psycopg.connect(database.app_dsn) as connection:
            connection.execute(
                "UPDATE vault.secrets SET ciphertext = (SELECT ciphertext FROM vault.secrets WHERE id = %s) "
                "WHERE id = %s",
                (other.id, kept.id),
            )
        with pytest.raises(DamagedSecret):
            vault.open(kept.id)

    def test_sweeping_removes_orphans_only_and_only_old_ones(self, vault: Vault, keyring: Keyring) -> None:
        known, orphan = vault.seal("known"), vault.seal("orphan")
        person = vault.register_person(ADA)
        vault.keep([known, orphan])
        lonely_key = new_id()
        keyring.create(lonely_key)
        assert vault.sweep({known.id}) == 0
        assert vault.sweep({known.id}, older_than=NOW) == 2
        assert vault.open(known.id) == "known"
        assert vault.person(person) == ADA
        with pytest.raises(UnknownSecret):
            vault.open(orphan.id)
        assert {key for key, _ in keyring.stored()} == {known.id, person}
        assert not keyring.destroyed(orphan.id)


class TestPeople:
    """Records of persons behind opaque ids."""

    def test_a_person_is_registered_amended_and_erased(self, vault: Vault) -> None:
        person = vault.register_person(ADA)
        assert person.startswith("p_")
        assert vault.person(person) == ADA
        changed = PersonRecord(name="Ada King", email="king@example.org")
        vault.amend_person(person, changed)
        assert vault.person(person) == changed
        assert vault.people([person, "p_none"]) == {person: changed}
        assert vault.erase(person)
        assert vault.person(person) is None
        assert vault.people([person]) == {person: None}
        with pytest.raises(UnknownSecret):
            vault.amend_person(person, ADA)

    def test_a_person_is_no_text(self, vault: Vault) -> None:
        person = vault.register_person(ADA)
        with pytest.raises(UnknownSecret):
            vault.open(person)
        with pytest.raises(UnknownSecret):
            vault.person("p_" + "0" * 32)


class TestKeyring:
    """Files of keys."""

    def test_modes(self, keyring: Keyring, tmp_path: Path) -> None:
        keyring.create("t1")
        files = [path for path in (tmp_path / "keys").rglob("*") if path.is_file()]
        assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600]
        assert {stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "keys").rglob("*") if p.is_dir()} == {0o700}

    @pytest.mark.parametrize("mode", [0o750, 0o701, 0o755])
    def test_an_open_folder_is_refused(self, tmp_path: Path, mode: int) -> None:
        (tmp_path / "keys").mkdir()
        (tmp_path / "keys").chmod(mode)
        with pytest.raises(KeyringError, match=f"mode {mode:04o}: close it with chmod 700"):
            Keyring(tmp_path / "keys")

    def test_a_key_is_never_replaced(self, keyring: Keyring) -> None:
        key = keyring.create("t1")
        with pytest.raises(KeyringError, match="t1 has a key already") as refused:
            keyring.create("t1")
        assert keyring.get("t1") == key
        assert key.hex() not in str(refused.value)

    def test_destroying_leaves_a_trace_and_no_byte(self, keyring: Keyring, tmp_path: Path) -> None:
        key = keyring.create("t1")
        assert keyring.destroy("t1")
        assert not keyring.destroy("t1")
        assert not keyring.destroy("t2")
        assert (keyring.get("t1"), keyring.destroyed("t1")) == (None, True)
        assert (keyring.get("t2"), keyring.destroyed("t2")) == (None, False)
        assert all(key not in path.read_bytes() for path in (tmp_path / "keys").rglob("*.key"))
        with pytest.raises(KeyringError):
            keyring.create("t1")

    def test_a_batch_and_the_installations_own_key(self, keyring: Keyring, tmp_path: Path) -> None:
        keys = keyring.create_all(["t1", "t2"])
        assert {one: keyring.get(one) for one in ("t1", "t2")} == keys
        assert Keyring(tmp_path / "keys").master() == keyring.master()
        assert {key for key, _ in keyring.stored()} == {"t1", "t2"}

    @pytest.mark.parametrize("wrong", ["", "../x", "a/b", "A", "x" * 65, "1"])
    def test_ids_that_could_leave_the_folder_are_refused(self, keyring: Keyring, wrong: str) -> None:
        with pytest.raises(KeyringError, match="an id of a secret"):
            keyring.create(wrong)

    def test_a_cut_key_is_told_from_an_erased_one(self, keyring: Keyring, tmp_path: Path) -> None:
        keyring.create("t1")
        next((tmp_path / "keys").rglob("*.key")).write_bytes(b"short")
        with pytest.raises(KeyringError, match="damaged"):
            keyring.get("t1")


def test_ids_are_uuid_7_and_sorted_by_time() -> None:
    ids = [new_id() for _ in range(100)]
    assert len(set(ids)) == 100
    assert {(UUID(one).version, UUID(one).variant) for one in ids} == {(7, "specified in RFC 4122")}
    assert sorted(one[:12] for one in ids) == [one[:12] for one in ids]


def every_byte(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path, path.read_bytes()


@pytest.mark.req("H11")
def test_no_plaintext_in_any_byte_of_the_data_folder(tmp_path: Path) -> None:
    """Tables, indexes, write-ahead log, statistics, server log, documents: nothing readable, neither after erasing."""
    marks = ["QuokkaNarrative", "WombatSurname", "echidna@example.org", "NumbatFile.pdf", "KoalaContent"]
    with open_database(Settings(data_dir=tmp_path / "data")) as database:
        keyring = Keyring(tmp_path / "data" / "keys")
        vault = Vault(database.pool, keyring)
        documents = DocumentStore(tmp_path / "data" / "documents", keyring, database.pool)
        sealed = [vault.seal(f"{marks[0]} {n}") for n in range(50)]
        vault.keep(sealed)
        person = vault.register_person(PersonRecord(name=marks[1], email=marks[2]))
        vault.amend_person(person, PersonRecord(name=marks[1] * 2, email=marks[2]))
        content = b"%PDF-1.7\n" + marks[4].encode() * 20_000
        received = documents.receive("program:1", [content], media_type="application/pdf", title=marks[3])
        with pytest.raises(psycopg.Error), database.pool.connection() as connection:
            connection.execute("SELECT %s::int", (marks[0],))  # an error with the text in it, for the server's log
        vault.erase(sealed[0].id)
        with psycopg.connect(database.app_dsn.replace("nqms_app", "postgres"), autocommit=True) as connection:
            connection.execute("ANALYZE")
            connection.execute("CHECKPOINT")
        searched = 0
        for path, content in every_byte(tmp_path / "data"):
            searched += len(content)
            for mark in marks:
                for form in (mark.encode(), mark.encode("utf-16-le"), mark.encode().hex().encode()):
                    assert form not in content, f"{mark} in {path}"
        assert searched > 16 * 1024 * 1024
        assert documents.describe(received.document_id).title == marks[3]
        assert vault.open(sealed[1].id) == f"{marks[0]} 1"
