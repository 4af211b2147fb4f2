"""Texts and people, encrypted before they reach PostgreSQL, each with a key of its own in the keyring.

A text's digest is salted and the salt lies inside the ciphertext: once the key is destroyed, not even a guess of a
short text can be checked against the digest that the ledger keeps for ever.
"""

import hashlib
import os
import secrets
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra.database import Pool
from infra.keyring import Keyring, new_key

SALT_BYTES: Final = 32
_NONCE_BYTES = 12
_MARK = b"nqms.text.v1\n"


class UnknownSecret(LookupError):
    """Nothing was ever kept under this id (an erased secret is known, and answers None)."""

    def __init__(self, secret_id: str) -> None:
        super().__init__(f"the vault never kept {secret_id}")
        self.secret_id = secret_id


class MissingKey(RuntimeError):
    """The secret was not erased, yet its key is not in the keyring: a wrong folder, or a keyring to be restored."""

    def __init__(self, secret_id: str) -> None:
        super().__init__(f"the keyring lacks the key of {secret_id}, which was never erased: is it the right keyring?")
        self.secret_id = secret_id


class DamagedSecret(RuntimeError):
    """The ciphertext is not what was kept under this id: changed, or exchanged with another one."""

    def __init__(self, secret_id: str) -> None:
        super().__init__(f"the ciphertext of {secret_id} does not authenticate")
        self.secret_id = secret_id


@dataclass(frozen=True, slots=True)
class Sealed:
    """A text ready to be kept. `id` and `digest` (64 hex digits) are its TextRef; the rest is for Vault.keep only."""

    id: str
    digest: str
    ciphertext: bytes = field(repr=False)
    key: bytes = field(repr=False)


class PersonRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a person. Printing one shows nothing."""

    name: str
    email: str

    def __repr__(self) -> str:
        return "PersonRecord(…)"


def new_id(prefix: str = "") -> str:
    """A UUIDv7 as 32 hex digits behind `prefix`: unique, and sorted by the millisecond it was minted."""
    milliseconds = time.time_ns() // 1_000_000
    drawn = secrets.randbits(74)
    number = milliseconds << 80 | 0x7 << 76 | (drawn >> 62) << 64 | 0b10 << 62 | drawn & (1 << 62) - 1
    return f"{prefix}{number:032x}"


def text_digest(salt: bytes, text: str) -> str:
    """The digest that the ledger keeps of a text: 64 hex digits over mark, salt (32 bytes) and UTF-8."""
    return hashlib.sha256(_MARK + salt + text.encode()).hexdigest()


def seal(plain: str) -> Sealed:
    """Encrypt a text under a new id and key, in memory only."""
    secret_id, key, salt = new_id(), new_key(), secrets.token_bytes(SALT_BYTES)
    return Sealed(secret_id, text_digest(salt, plain), encrypt(key, secret_id, salt + plain.encode()), key)


def encrypt(key: bytes, secret_id: str, plain: bytes) -> bytes:
    """AES-256-GCM under a random nonce, bound to the id: nonce, ciphertext, tag."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, secret_id.encode())


def decrypt(key: bytes, secret_id: str, ciphertext: bytes) -> bytes:
    """The inverse of encrypt(); DamagedSecret when it does not authenticate."""
    try:
        return AESGCM(key).decrypt(ciphertext[:_NONCE_BYTES], ciphertext[_NONCE_BYTES:], secret_id.encode())
    except InvalidTag:
        raise DamagedSecret(secret_id) from None


class Vault:
    """Texts and people behind `pool` (the application's role) with their keys in `keyring`."""

    def __init__(self, pool: Pool, keyring: Keyring) -> None:
        self._pool = pool
        self._keyring = keyring

    # --- texts ----------------------------------------------------------------------------------------------------

    def seal(self, plain: str) -> Sealed:
        """Encrypt a text in memory; nothing is kept before keep()."""
        return seal(plain)

    def keep(self, sealed: Sequence[Sealed]) -> None:
        """Keep texts durably, keys first. To be called before the event that refers to them is appended."""
        if sealed:
            self._keyring.keep({one.id: one.key for one in sealed})
            self._insert([(one.id, "text", one.ciphertext) for one in sealed])

    def open(self, text_id: str) -> str | None:
        """The text, None when it was erased. UnknownSecret, DamagedSecret, MissingKey."""
        found = self.preimage(text_id)
        return None if found is None else found[1]

    def open_many(self, text_ids: Iterable[str]) -> dict[str, str | None]:
        """The texts of several ids, None for erased ones; ids that were never kept are left out. DamagedSecret."""
        with self._pool.connection() as connection:
            rows: list[Any] = connection.execute(
                "SELECT id, ciphertext FROM vault.secrets WHERE id = ANY(%s) AND kind = 'text'",
                (list(text_ids),),
                binary=True,
            ).fetchall()
        opened = ((text_id, self._decrypted(text_id, ciphertext)) for text_id, ciphertext in rows)
        return {one: None if plain is None else plain[SALT_BYTES:].decode() for one, plain in opened}

    def preimage(self, text_id: str) -> tuple[bytes, str] | None:
        """Salt and text behind a digest (see text_digest), None when erased. UnknownSecret, DamagedSecret, MissingKey."""
        plain = self._plain(text_id, "text")
        return None if plain is None else (plain[:SALT_BYTES], plain[SALT_BYTES:].decode())

    def sweep(self, known_ids: Collection[str], older_than: timedelta = timedelta(days=1)) -> int:
        """Remove texts that no event refers to, with their keys, once they are old enough; return how many.

        A crash between keep() and the append of the event leaves such an orphan. `known_ids`: every text id of the
        ledger, read after the sweep's horizon, that is: later than `older_than` ago.
        """
        horizon = datetime.now(UTC) - older_than
        with self._pool.connection() as connection:
            kept: list[Any] = connection.execute("SELECT id, kind, stored_at FROM vault.secrets").fetchall()
            rows = {secret_id for secret_id, _, _ in kept}
            orphans = [
                secret_id
                for secret_id, kind, stored_at in kept
                if kind == "text" and stored_at < horizon and secret_id not in known_ids
            ]
            for orphan in orphans:
                self._keyring.forget(orphan)
            connection.execute("DELETE FROM vault.secrets WHERE id = ANY(%s)", (orphans,))
        # Texts have bare ids. Keys of people and documents are not judged by a list of texts.
        lonely = [
            key_id
            for key_id, stored in self._keyring.stored()
            if "_" not in key_id and key_id not in rows and stored < horizon.timestamp() and key_id not in known_ids
        ]
        for key_id in lonely:
            self._keyring.forget(key_id)
        return len(orphans) + len(lonely)

    # --- people ---------------------------------------------------------------------------------------------------

    def register_person(self, person: PersonRecord) -> str:
        """Keep a person's record under a new opaque id (`p_` and 32 hex digits), durably."""
        person_id = new_id("p_")
        key = self._keyring.create(person_id)
        self._insert([(person_id, "person", encrypt(key, person_id, msgspec.json.encode(person)))])
        return person_id

    def keep_people(self, people: Mapping[str, PersonRecord]) -> None:
        """Keep the records of many people whose ids were drawn elsewhere, in bulk. KeyringError when one is known."""
        keys = {person_id: new_key() for person_id in people}
        self._keyring.keep_all(keys)
        self._insert([(i, "person", encrypt(keys[i], i, msgspec.json.encode(one))) for i, one in people.items()])

    def person(self, person_id: str) -> PersonRecord | None:
        """The person's record, None when it was erased. UnknownSecret, DamagedSecret, MissingKey."""
        plain = self._plain(person_id, "person")
        return None if plain is None else msgspec.json.decode(plain, type=PersonRecord)

    def people(self, person_ids: Iterable[str]) -> dict[str, PersonRecord | None]:
        """The records of several people, None for erased ones; ids that were never registered are left out."""
        with self._pool.connection() as connection:
            rows: list[Any] = connection.execute(
                "SELECT id, ciphertext FROM vault.secrets WHERE id = ANY(%s) AND kind = 'person'",
                (list(person_ids),),
                binary=True,
            ).fetchall()
        opened = ((one, self._decrypted(one, ciphertext)) for one, ciphertext in rows)
        return {one: None if raw is None else msgspec.json.decode(raw, type=PersonRecord) for one, raw in opened}

    def amend_person(self, person_id: str, person: PersonRecord) -> None:
        """Replace a person's record. UnknownSecret when never registered or erased: the erased do not come back."""
        key = self._keyring.get(person_id)
        if key is None:
            raise UnknownSecret(person_id)
        ciphertext = encrypt(key, person_id, msgspec.json.encode(person))
        with self._pool.connection() as connection:
            changed = connection.execute(
                "UPDATE vault.secrets SET ciphertext = %s WHERE id = %s AND kind = 'person'", (ciphertext, person_id)
            ).rowcount
        if changed == 0:
            raise UnknownSecret(person_id)

    # --- erasing --------------------------------------------------------------------------------------------------

    def erase(self, secret_id: str) -> bool:
        """Erase a text or a person for good by destroying the key; False when it was erased before. UnknownSecret.

        The row stays, so that "erased" and "never known" remain two different answers.
        """
        self._ciphertext(secret_id, None)
        return self._keyring.destroy(secret_id)

    def readable(self, secret_id: str) -> bool:
        """Whether there is a key: it was kept, and not erased."""
        return self._keyring.get(secret_id) is not None

    # --- rows -----------------------------------------------------------------------------------------------------

    def _insert(self, rows: Sequence[tuple[str, str, bytes]]) -> None:
        with self._pool.connection() as connection, connection.transaction(), connection.cursor() as cursor:
            cursor.executemany("INSERT INTO vault.secrets (id, kind, ciphertext) VALUES (%s, %s, %s)", rows)

    def _ciphertext(self, secret_id: str, kind: str | None) -> bytes:
        with self._pool.connection() as connection:
            row: Any = connection.execute(
                "SELECT ciphertext FROM vault.secrets WHERE id = %s AND kind = coalesce(%s, kind)",
                (secret_id, kind),
                binary=True,
            ).fetchone()
        if row is None:
            raise UnknownSecret(secret_id)
        return row[0]

    def _plain(self, secret_id: str, kind: str) -> bytes | None:
        return self._decrypted(secret_id, self._ciphertext(secret_id, kind))

    def _decrypted(self, secret_id: str, ciphertext: bytes) -> bytes | None:
        key = self._keyring.get(secret_id)
        if key is None and not self._keyring.destroyed(secret_id):
            raise MissingKey(secret_id)
        return None if key is None else decrypt(key, secret_id, ciphertext)
