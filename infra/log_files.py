"""The public files of the log, as C2SP tlog-tiles names them: static, written once, and served as they lie there."""

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from infra.keyring import sync_folder
from infra.merkle import HASH, HEIGHT, WIDTH, MissingTile

CHECKPOINT: Final = "checkpoint"
WITNESSED: Final = "witnessed"
"""The newest checkpoint that as many witnesses cosigned as the settings ask for."""
_NUMBERED = r"(?:x[0-9]{3}/)*[0-9]{3}"
IMMUTABLE: Final = re.compile(rf"tile/(?:entries|[0-9]|[1-5][0-9]|6[0-3])/{_NUMBERED}(?:\.p/[1-9][0-9]{{0,2}})?")
"""Files that never change once they are there."""
STATEMENT: Final = re.compile(r"keys/[1-9][0-9]{0,3}")
"""Statements that a key took the place of another."""

DIRECTORY: Final = re.compile(r"directory/[0-9]{4}-[0-9]{2}-[0-9]{2}")
"""Directories of the days, which never change either."""


class LogDiverged(RuntimeError):
    """What the log once signed and what is there now do not agree; nothing is signed until somebody looked.

    ``kind``: truncation (less is there), fork (something else is there), gap (positions are missing), rollback (witnesses
    saw more), lost key (it cannot be signed).
    """

    def __init__(self, kind: str, says: str) -> None:
        super().__init__(f"{kind}: {says}")
        self.kind = kind


def numbered(index: int) -> str:
    """A tile's number in a path: 1234067 is ``x001/x234/067``."""
    parts = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        parts.insert(0, f"x{index % 1000:03}")
    return "/".join(parts)


def tile_path(level: int | str, index: int, width: int) -> str:
    """Where a tile, or with ``entries`` for a level a bundle of entries, lies below the log's address."""
    partial = f".p/{width}" if width < WIDTH else ""
    return f"tile/{level}/{numbered(index)}{partial}"


def entries_in(bundle: bytes) -> Iterator[bytes]:
    """The entries of a bundle, each with its length before it in two bytes. ValueError when it is cut off."""
    place = 0
    while place < len(bundle):
        size = int.from_bytes(bundle[place : place + 2], "big")
        entry = bundle[place + 2 : place + 2 + size]
        if len(entry) < size or place + 2 > len(bundle):
            raise ValueError("a bundle of entries is cut off")
        yield entry
        place += 2 + size


def bundled(entries: list[bytes]) -> bytes:
    """Entries of up to 65,535 bytes each as a bundle."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


class LogFolder:
    """The folder of a log's public files. A file is there whole or not at all, also after a crash."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._unsynced: set[Path] = set()

    @contextmanager
    def turn(self) -> Generator[None]:
        """One writer of the files at a time, of all processes; no file changes while one copies them."""
        with (self.folder / ".turn").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def read(self, name: str) -> bytes | None:
        """A file's bytes, or None when it is not there."""
        try:
            return (self.folder / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        """A tile of that many hashes; a full one serves as a partial one that was tidied away. MissingTile."""
        for wide in dict.fromkeys((width, WIDTH)):
            found = self.read(tile_path(level, index, wide))
            if found is not None and len(found) >= width * HASH:
                return found[: width * HASH]
        raise MissingTile(level, index)

    def put(self, name: str, content: bytes) -> None:
        """Write a file that never changes; durable after ``settle``. LogDiverged when other bytes are there already."""
        there = self.read(name)
        if there is None:
            self._write(name, content)
        elif there != content:
            raise LogDiverged(
                "fork", f"{name} holds something else than the ledger gives{_first(name, there, content)}"
            )

    def replace(self, name: str, content: bytes) -> None:
        """Write a file that changes, durably at once."""
        self._write(name, content)
        self.settle()

    def settle(self) -> None:
        """Make the names of all files written since durable."""
        for folder in sorted(self._unsynced):
            if folder.exists():
                sync_folder(folder)
        self._unsynced.clear()

    def drop_partial(self, level: int | str, index: int) -> None:
        """Tidy the partial tiles away whose full tile is there."""
        shutil.rmtree(self.folder / f"tile/{level}/{numbered(index)}.p", ignore_errors=True)

    def remove(self, name: str) -> None:
        """Take a file away."""
        (self.folder / name).unlink(missing_ok=True)

    def names(self, below: str) -> list[str]:
        """The names of the files in a folder."""
        there = self.folder / below
        return sorted(path.name for path in there.iterdir() if path.name[0] != ".") if there.is_dir() else []

    def _write(self, name: str, content: bytes) -> None:
        path = self.folder / name
        for parent in (path.parent, *path.parent.parents):
            self._unsynced.add(parent)
            if parent.exists():
                break
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


def _first(name: str, there: bytes, content: bytes) -> str:
    """The first position at which two tiles differ, where the file says so."""
    match = re.fullmatch(rf"tile/([0-9]+|entries)/({_NUMBERED})(?:\.p/.*)?", name)
    if match is None:
        return ""
    level = 0 if match[1] == "entries" else int(match[1])
    wide = HASH + 2 if match[1] == "entries" else HASH
    index = int(match[2].replace("x", "").replace("/", ""))
    pairs = zip(range(0, max(len(there), len(content)), wide), range(WIDTH), strict=False)
    odd = next((n for at, n in pairs if there[at : at + wide] != content[at : at + wide]), 0)
    return f", first at position {((index * WIDTH + odd) << (HEIGHT * level)) + 1}"
