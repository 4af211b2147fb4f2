"""Leases: which living programs use a folder. The kernel frees a dead program's locks, so no lease outlives it."""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Generator
from pathlib import Path


class Lease:
    """This program's lease on a folder of lease files. Not inherited by started programs, void in a forked child."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: Path | None = None
        self._descriptor = -1
        self._holder = 0

    @property
    def held(self) -> bool:
        """Whether this very process holds it."""
        return self._file is not None and self._holder == os.getpid()

    @contextlib.contextmanager
    def exclusively(self) -> Generator[None]:
        """Nobody else takes or gives back a lease meanwhile. Waits without limit: a dead program holds no lock."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = _open(self._folder / "lock", os.O_CREAT)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def take(self) -> None:
        """Take the lease; harmless when it is held. Call it inside exclusively()."""
        if self.held:
            return
        self._file = self._folder / f"{os.getpid()}-{secrets.token_hex(8)}.lease"
        self._descriptor = _open(self._file, os.O_CREAT | os.O_EXCL)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        self._holder = os.getpid()

    def give_back(self) -> None:
        """Give the lease back; harmless when it is not held. Call it inside exclusively()."""
        if self._file is not None and self.held:
            self._file.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._file = None

    def others(self) -> int:
        """How many other leases are held by living holders; files of dead ones are removed."""
        living = 0
        for file in self._folder.glob("*.lease"):
            if file != self._file:
                living += _is_locked(file)
        return living


def _open(file: Path, flags: int) -> int:
    descriptor = os.open(file, os.O_RDWR | flags, 0o600)
    if flags & os.O_CREAT:
        with contextlib.suppress(PermissionError):  # somebody else made the lock, and opened it to us
            # The folder is closed; inside it root and the folder's owner must be able to try each other's locks.
            os.fchmod(descriptor, 0o666)
    return descriptor


def _is_locked(file: Path) -> bool:
    try:
        descriptor = _open(file, 0)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.unlink(missing_ok=True)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
