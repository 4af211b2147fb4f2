"""Where a witness, or anybody, reads a log: over HTTP, or in the folder of its files on the same machine."""

from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from infra.log_files import LogFolder, tile_path
from infra.merkle import WIDTH, MissingTile
from infra.notes import Note
from infra.transparency import TransparencyLog
from infra.witness import short

TIMEOUT = 10.0
LARGEST = 1 << 20
"""Bytes of the largest file that a log serves, and more than enough."""


class RemoteLog:
    """A log over HTTP, below an address such as ``https://example.org/log``. OSError when it is not reached."""

    def __init__(self, address: str) -> None:
        if urlsplit(address).scheme not in ("http", "https"):
            raise ValueError(f"{address!r} is no address of a log; write http://host:port/log")
        self._address = address.rstrip("/")

    def read(self, name: str) -> bytes | None:
        """A public file, or None when it is not there."""
        try:
            return self._ask(Request(f"{self._address}/{name}"))
        except HTTPError as error:
            if error.code == 404:
                return None
            raise

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        """A tile; where a partial one was tidied away the full one serves. MissingTile."""
        for wide in dict.fromkeys((width, WIDTH)):
            found = self.read(tile_path(level, index, wide))
            if found is not None:
                return short(found, level, index, width)
        raise MissingTile(level, index)

    def tell(self, note: Note) -> None:
        """Hand a cosigned checkpoint over."""
        kind = {"Content-Type": "text/plain; charset=utf-8"}
        self._ask(Request(f"{self._address}/cosignatures", data=str(note).encode(), headers=kind, method="POST"))

    def _ask(self, request: Request) -> bytes:
        try:
            with urlopen(request, timeout=TIMEOUT) as answer:
                return answer.read(LARGEST)
        except HTTPException as error:
            raise OSError(f"the log at {self._address} does not speak HTTP: {error}") from None


class FolderLog:
    """A log in the folder of its files. Cosignatures go to ``log``, or stay with the witness without one."""

    def __init__(self, folder: Path, log: TransparencyLog | None = None) -> None:
        if not folder.is_dir():
            raise ValueError(f"{folder} is no folder of a log")
        self._files, self._log = LogFolder(folder), log

    def read(self, name: str) -> bytes | None:
        """A public file, or None when it is not there."""
        return self._files.read(name)

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        """A tile. MissingTile."""
        return self._files.read_tile(level, index, width)

    def tell(self, note: Note) -> None:
        """Hand a cosigned checkpoint over."""
        if self._log is not None:
            self._log.accept(note)
