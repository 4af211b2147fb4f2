"""The keys of the vault: one file of 32 random bytes per secret, in a folder of its own, outside the database.

A backup of the database never holds them. Destroying a key is what erasing means: the ciphertext that stays in tables,
write-ahead logs and backups is noise from then on. So backups of this folder need a short life of their own.
"""

import contextlib
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

KEY_BYTES = 32
_ID = re.compile(r"[a-z][a-z0-9_]{0,63}|[0-9a-f]{32}")
_MASTER = "master"


class KeyringError(RuntimeError):
    """The keyring cannot be used as it is; the message says why and what to do. It never holds a key."""


class Keyring:
    """The folder of keys; made 0700 when missing. KeyringError when others than its owner may enter it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        private_mode(folder)

    def __repr__(self) -> str:
        return f"Keyring({str(self._folder)!r})"

    def create(self, secret_id: str) -> bytes:
        """A new random key, on disk for good when this returns. KeyringError when the id has one already."""
        key = new_key()
        self.keep({secret_id: key})
        return key

    def create_all(self, secret_ids: Iterable[str]) -> dict[str, bytes]:
        """New random keys for several ids, with one sync per folder instead of one per key."""
        keys = {secret_id: new_key() for secret_id in secret_ids}
        self.keep(keys)
        return keys

    def keep(self, keys: Mapping[str, bytes]) -> None:
        """Store keys drawn before, durably. KeyringError when an id has a key already (the others may be stored)."""
        folders: set[Path] = set()
        for secret_id, key in keys.items():
            if len(key) != KEY_BYTES:
                raise KeyringError(f"a key has {KEY_BYTES} bytes")
            path = self._path(secret_id)
            if not path.parent.exists():
                path.parent.mkdir(mode=0o700, exist_ok=True)
                folders.add(self._folder)
            keep_once(path, key)
            folders.add(path.parent)
        for folder in folders:
            sync_folder(folder)

    def keep_all(self, keys: Mapping[str, bytes]) -> None:
        """Store very many keys drawn before, with one sync of the whole machine instead of one per key. KeyringError."""
        for secret_id, key in keys.items():
            path = self._path(secret_id)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            keep_once(path, key, sync=False)
        os.sync()

    def get(self, secret_id: str) -> bytes | None:
        """The key; None when it was destroyed, and also when there never was one (see destroyed)."""
        try:
            key = self._path(secret_id).read_bytes()
        except FileNotFoundError:
            return None
        if len(key) not in (0, KEY_BYTES):
            raise KeyringError(f"the key of {secret_id} is damaged: restore the keyring from its backup")
        return key or None

    def destroyed(self, secret_id: str) -> bool:
        """Whether there was a key and it was destroyed. Else a missing key means a lost keyring, not an erasure."""
        with contextlib.suppress(FileNotFoundError):
            return self._path(secret_id).stat().st_size == 0
        return False

    def destroy(self, secret_id: str) -> bool:
        """Destroy a key for good, durably; say whether there was one. An empty file stays as the trace of it.

        The bytes are overwritten before they are cut off. On disks and file systems that keep old blocks (flash, copy
        on write, snapshots) that is a best effort, which is why the folder belongs on an encrypted volume.
        """
        try:
            descriptor = os.open(self._path(secret_id), os.O_WRONLY)
        except FileNotFoundError:
            return False
        try:
            if os.fstat(descriptor).st_size == 0:
                return False
            os.write(descriptor, secrets.token_bytes(KEY_BYTES))
            os.fsync(descriptor)
            os.ftruncate(descriptor, 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return True

    def forget(self, secret_id: str) -> None:
        """Destroy a key that nothing ever referred to, without a trace."""
        self.destroy(secret_id)
        path = self._path(secret_id)
        path.unlink(missing_ok=True)
        if path.parent.exists():
            sync_folder(path.parent)

    def master(self) -> bytes:
        """The key of this installation, made on first use; only for recognising the same file uploaded twice."""
        known = self.get(_MASTER)
        if known is None:
            try:
                return self.create(_MASTER)
            except KeyringError:  # another program was quicker
                known = self.get(_MASTER)
        if known is None:
            raise KeyringError("the installation's own key vanished")
        return known

    def stored(self) -> Iterator[tuple[str, float]]:
        """All secret ids that have a key, with the time it was stored (seconds since 1970), without the own key."""
        for path in self._folder.glob("??/*.key"):
            about = path.stat()
            if path.stem != _MASTER and about.st_size > 0:
                yield path.stem, about.st_mtime

    def _path(self, secret_id: str) -> Path:
        if not _ID.fullmatch(secret_id):
            raise KeyringError("an id of a secret is lower-case letters, digits and underscores, at most 64 of them")
        return self._folder / hashlib.sha256(secret_id.encode()).hexdigest()[:2] / f"{secret_id}.key"


def new_key() -> bytes:
    """32 random bytes, not yet stored anywhere."""
    return secrets.token_bytes(KEY_BYTES)


def private_mode(folder: Path) -> None:
    """Make a folder for keys when it is missing. KeyringError when others than its owner may enter it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o077:
        raise KeyringError(f"{folder} holds keys but has mode {mode:04o}: close it with chmod 700, and ask who read it")


def keep_once(path: Path, key: bytes, *, sync: bool = True) -> None:
    """Store a key in a file that is not there yet, for its owner alone. KeyringError when there is one."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, key)
        if sync:
            os.fsync(descriptor)
        os.link(beside, path)  # unlike rename it never replaces a key, which would destroy it
    except FileExistsError:
        raise KeyringError(f"{path.stem} has a key already") from None
    finally:
        os.close(descriptor)
        beside.unlink()


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
