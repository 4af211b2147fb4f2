"""Files that programs hand in: streamed in, checked, sealed each under its own key, stored once per program."""

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from infra.database import Pool
from infra.keyring import Keyring, new_key, sync_folder
from infra.media import ALLOWED, Sniffer
from infra.sealing import DamagedDocument, Sealer, sealed_size, unseal
from infra.vault import SALT_BYTES, MissingKey, decrypt, encrypt, new_id

__all__ = [
    "LIMIT",
    "DamagedDocument",
    "Described",
    "DocumentRefused",
    "DocumentStore",
    "Drawn",
    "ErasedDocument",
    "Problem",
    "Received",
    "UnknownDocument",
    "document_digest",
]

LIMIT: Final = 25 * 1024 * 1024
"""Bytes of the largest file, unless said otherwise."""
_MARK = b"nqms.document.v1\n"
_TITLE = "_title"


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason to refuse a file. Codes: TOO_LARGE, EMPTY, HASH_MISMATCH, MEDIA_TYPE_REFUSED."""

    code: str
    message: str


@dataclass
class DocumentRefused(Exception):
    """The file was refused and nothing of it was kept. `problems`: every reason that could be found, at least one."""

    problems: tuple[Problem, ...]

    def __str__(self) -> str:
        return "; ".join(f"{problem.code}: {problem.message}" for problem in self.problems)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of all problems, in order."""
        return tuple(problem.code for problem in self.problems)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A small file whose id and salt were drawn elsewhere, as for a simulated ledger."""

    document_id: str
    program: str
    content: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    media_type: str
    title: str


class UnknownDocument(LookupError):
    """No such document was ever received."""


class ErasedDocument(LookupError):
    """The document was erased: its key is destroyed."""


@dataclass(frozen=True, slots=True)
class Received:
    """What was stored. `digest` (64 hex digits, salted) may enter an event, `sha256` is for the uploader only."""

    document_id: str
    digest: str
    sha256: str = field(repr=False)
    bytes: int
    media_type: str
    scan: str


@dataclass(frozen=True, slots=True)
class Described:
    """A document without its content. `title` None: erased."""

    document_id: str
    program: str
    digest: str
    bytes: int
    media_type: str
    scan: str
    title: str | None = field(repr=False)


@dataclass(slots=True)
class _Arrived:
    """What is known once the whole stream has gone by."""

    path: Path
    key: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    size: int = 0
    sha256: str = ""
    digest: str = ""


def document_digest(salt: bytes, content: bytes) -> str:
    """The digest that the ledger keeps of a document: 64 hex digits over mark, salt (32 bytes) and content."""
    return hashlib.sha256(_MARK + salt + content).hexdigest()


class DocumentStore:
    """Sealed files in `folder` (made 0700), keys in `keyring`, rows in vault.documents behind `pool`."""

    def __init__(self, folder: Path, keyring: Keyring, pool: Pool) -> None:
        self._folder, self._keyring, self._pool = folder, keyring, pool
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chmod(folder, 0o700)

    # --- receiving ------------------------------------------------------------------------------------------------

    def receive(
        self,
        program: str,
        chunks: Iterable[bytes],
        *,
        media_type: str,
        title: str,
        expected_sha256: str | None = None,
        limit: int = LIMIT,
    ) -> Received:
        """Take in a file. The same bytes for the same program give the same document again.

        `expected_sha256`: 64 hex digits, when the sender knows them. DocumentRefused names every problem; reading
        stops at `limit`. Whatever goes wrong, also in `chunks`, nothing is left behind.
        """
        document_id = new_id("d_")
        arrived = _Arrived(self._folder / f".{document_id}", new_key(), secrets.token_bytes(SALT_BYTES))
        try:
            self._take_in(document_id, arrived, chunks, media_type, expected_sha256, limit)
            return self._store(document_id, arrived, program, media_type, title)
        finally:
            arrived.path.unlink(missing_ok=True)

    def _take_in(
        self,
        document_id: str,
        arrived: _Arrived,
        chunks: Iterable[bytes],
        media_type: str,
        expected_sha256: str | None,
        limit: int,
    ) -> None:
        plain, salted, sniffer = hashlib.sha256(), hashlib.sha256(_MARK + arrived.salt), Sniffer()
        descriptor = os.open(arrived.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            sealer = Sealer(file, arrived.key, document_id)
            sealer.write(arrived.salt)
            for chunk in chunks:
                arrived.size += len(chunk)
                if arrived.size > limit:
                    break
                for consumer in (plain.update, salted.update, sniffer.feed, sealer.write):
                    consumer(chunk)
            arrived.sha256, arrived.digest = plain.hexdigest(), salted.hexdigest()
            problems = _problems(arrived, sniffer, media_type, expected_sha256, limit)
            if problems:
                raise DocumentRefused(problems)
            sealer.finish()
            file.flush()
            os.fsync(file.fileno())

    def _store(self, document_id: str, arrived: _Arrived, program: str, media_type: str, title: str) -> Received:
        fingerprint = self._fingerprint(program, arrived.sha256)
        received = Received(document_id, arrived.digest, arrived.sha256, arrived.size, media_type, "unscanned")
        known = self._known(program, fingerprint, received)
        if known is not None:
            return known
        self._keyring.keep({document_id: arrived.key})
        path = self._path(document_id)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        arrived.path.rename(path)
        for folder in (path.parent, self._folder):
            sync_folder(folder)
        sealed_title = encrypt(arrived.key, document_id + _TITLE, title.encode())
        with self._pool.connection() as connection:
            stored = connection.execute(
                "INSERT INTO vault.documents (id, program, fingerprint, digest, bytes, media_type, title, scan) "
                "VALUES (%s, %s, %s, %s, %s, %s, %s, 'unscanned') ON CONFLICT (program, fingerprint) DO NOTHING",
                (document_id, program, fingerprint, arrived.digest, arrived.size, media_type, sealed_title),
            ).rowcount
        if stored:
            return received
        # Somebody handed in the same file at the same moment; ours is not needed.
        self._remove(document_id)
        known = self._known(program, fingerprint, received)
        if known is None:
            raise ErasedDocument("the same file was being erased; hand it in again")
        return known

    def adopt(self, files: Iterable[Drawn]) -> None:
        """Keep many small files with their ids, in bulk: sealed like any other, with one sync for all of them.

        KeyringError when an id has a key already; psycopg.IntegrityError when a program has the file already.
        """
        keys: dict[str, bytes] = {}
        rows: list[tuple[Any, ...]] = []
        for one in files:
            key = keys[one.document_id] = new_key()
            path = self._path(one.document_id)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            with path.open("wb") as file:
                sealer = Sealer(file, key, one.document_id)
                sealer.write(one.salt + one.content)
                sealer.finish()
            fingerprint = self._fingerprint(one.program, hashlib.sha256(one.content).hexdigest())
            title = encrypt(key, one.document_id + _TITLE, one.title.encode())
            digest = document_digest(one.salt, one.content)
            about = (one.document_id, one.program, fingerprint, digest, len(one.content), one.media_type, title)
            rows.append((*about, "unscanned"))
        self._keyring.keep_all(keys)
        columns = "id, program, fingerprint, digest, bytes, media_type, title, scan"
        statement = f"COPY vault.documents ({columns}) FROM STDIN"
        with self._pool.connection() as connection, connection.cursor().copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def _known(self, program: str, fingerprint: bytes, received: Received) -> Received | None:
        with self._pool.connection() as connection:
            row: Any = connection.execute(
                "SELECT id, digest, bytes, media_type, scan FROM vault.documents "
                "WHERE program = %s AND fingerprint = %s",
                (program, fingerprint),
            ).fetchone()
        if row is None:
            return None
        document_id, digest, size, media_type, scan = row
        return Received(document_id, digest, received.sha256, size, media_type, scan)

    def _fingerprint(self, program: str, sha256: str) -> bytes:
        # Keyed, so that whoever holds the database cannot ask it whether a certain file was handed in.
        return hmac.digest(self._keyring.master(), f"{program}\n{sha256}".encode(), "sha256")

    # --- giving out -----------------------------------------------------------------------------------------------

    def open(self, document_id: str) -> Iterator[bytes]:
        """The content in chunks of at most 64 KiB, each verified before it is given out.

        UnknownDocument, ErasedDocument and a file of the wrong length (DamagedDocument) are raised at once, other
        damage by the iterator.
        """
        described, key = self._described(document_id)
        if key is None:
            raise ErasedDocument(document_id)
        return self._content(document_id, key, described.bytes, skip_salt=True)

    def _content(self, document_id: str, key: bytes, size: int, *, skip_salt: bool) -> Iterator[bytes]:
        path = self._path(document_id)
        try:
            whole = path.stat().st_size == sealed_size(SALT_BYTES + size)
        except FileNotFoundError:
            whole = False
        if not whole:
            raise DamagedDocument(document_id)
        return self._chunks(path, document_id, key, skip_salt=skip_salt)

    def _chunks(self, path: Path, document_id: str, key: bytes, *, skip_salt: bool) -> Iterator[bytes]:
        with path.open("rb") as file:
            plain = unseal(file, key, document_id)
            yield next(plain)[SALT_BYTES if skip_salt else 0 :]
            yield from plain

    def describe(self, document_id: str) -> Described:
        """What is known of a document. UnknownDocument."""
        return self._described(document_id)[0]

    def present(self, document_id: str, digest: str) -> bool:
        """Whether the stored file hashes to `digest`, read anew. False when erased, damaged, gone or unknown."""
        try:
            described, key = self._described(document_id)
            if key is None:
                return False
            found = hashlib.sha256(_MARK)
            for chunk in self._content(document_id, key, described.bytes, skip_salt=False):
                found.update(chunk)
        except (UnknownDocument, DamagedDocument):
            return False
        return hmac.compare_digest(found.hexdigest(), digest)

    def _described(self, document_id: str) -> tuple[Described, bytes | None]:
        with self._pool.connection() as connection:
            row: Any = connection.execute(
                "SELECT program, digest, bytes, media_type, scan, title FROM vault.documents WHERE id = %s",
                (document_id,),
                binary=True,
            ).fetchone()
        if row is None:
            raise UnknownDocument(document_id)
        program, digest, size, media_type, scan, sealed_title = row
        key = self._keyring.get(document_id)
        if key is None and not self._keyring.destroyed(document_id):
            raise MissingKey(document_id)
        title = None if key is None else decrypt(key, document_id + _TITLE, sealed_title).decode()
        return Described(document_id, program, digest, size, media_type, scan, title), key

    # --- removing -------------------------------------------------------------------------------------------------

    def erase(self, document_id: str) -> bool:
        """Erase a document for good by destroying its key; False when it was erased before. UnknownDocument.

        The row stays without the fingerprint, so that the same file can be handed in again as another document.
        """
        erased = self._described(document_id)[1] is not None
        self._keyring.destroy(document_id)
        with self._pool.connection() as connection:
            connection.execute("UPDATE vault.documents SET fingerprint = NULL WHERE id = %s", (document_id,))
        self._path(document_id).unlink(missing_ok=True)
        return erased

    def sweep(self, older_than: timedelta = timedelta(days=1)) -> int:
        """Remove what a crash while receiving left: files without a row, and their keys. Return how many."""
        horizon = time.time() - older_than.total_seconds()
        old = [path for path in self._folder.glob(".d_*") if path.stat().st_mtime < horizon]
        for path in old:
            path.unlink(missing_ok=True)
        files = {path.name for path in self._folder.glob("??/d_*") if path.stat().st_mtime < horizon}
        files |= {key_id for key_id, stored in self._keyring.stored() if key_id.startswith("d_") and stored < horizon}
        with self._pool.connection() as connection:
            rows: list[Any] = connection.execute("SELECT id FROM vault.documents").fetchall()
        orphans = files - {row[0] for row in rows}
        for orphan in orphans:
            self._remove(orphan)
        return len(old) + len(orphans)

    def _remove(self, document_id: str) -> None:
        self._keyring.forget(document_id)
        self._path(document_id).unlink(missing_ok=True)

    def _path(self, document_id: str) -> Path:
        return self._folder / hashlib.sha256(document_id.encode()).hexdigest()[:2] / document_id


def _problems(
    arrived: _Arrived, sniffer: Sniffer, media_type: str, expected_sha256: str | None, limit: int
) -> tuple[Problem, ...]:
    """Everything wrong with what arrived. A file that was not read to its end is not judged by its end."""
    problems: list[Problem] = []
    whole = 0 < arrived.size <= limit
    if arrived.size > limit:
        problems.append(Problem("TOO_LARGE", f"the file has more than {limit:,} bytes"))
    if arrived.size == 0:
        problems.append(Problem("EMPTY", "the file is empty"))
    if arrived.size <= limit and expected_sha256 is not None and expected_sha256.lower() != arrived.sha256:
        problems.append(Problem("HASH_MISMATCH", "what arrived is not what was sent: its SHA-256 is another"))
    if media_type not in ALLOWED:
        problems.append(Problem("MEDIA_TYPE_REFUSED", f"{media_type} is not taken; taken are {', '.join(ALLOWED)}"))
    elif whole and (disagreement := sniffer.disagreement(media_type)) is not None:
        problems.append(Problem("MEDIA_TYPE_REFUSED", disagreement))
    return tuple(problems)
