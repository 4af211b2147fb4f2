"""A file sealed in chunks, so that it can be streamed both ways and any change, cut or exchange is noticed.

Layout: MAGIC, then AES-256-GCM chunks of 64 KiB of plaintext (the last may be shorter). The nonce counts the chunks;
the associated data names the file and marks the last chunk, so that chunks cannot be moved, dropped or appended.
A key seals one file only, which is what makes counting nonces safe.
"""

from collections.abc import Iterator
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC: Final = b"nqms.sealed.1\n"
CHUNK: Final = 64 * 1024
TAG: Final = 16


class DamagedDocument(RuntimeError):
    """The stored file is not what was received: changed, cut, exchanged or gone."""

    def __init__(self, document_id: str) -> None:
        super().__init__(f"the stored file of {document_id} does not authenticate")
        self.document_id = document_id


def sealed_size(plain_bytes: int) -> int:
    """The size of the file that seals so many bytes (at least one)."""
    return len(MAGIC) + plain_bytes + TAG * -(-plain_bytes // CHUNK)


class Sealer:
    """Writes plaintext of any chunking as a sealed file."""

    def __init__(self, file: BinaryIO, key: bytes, name: str) -> None:
        self._file, self._cipher, self._name = file, AESGCM(key), name
        self._buffer = bytearray()
        self._count = 0
        file.write(MAGIC)

    def write(self, plain: bytes) -> None:
        """Seal further bytes."""
        self._buffer += plain
        while len(self._buffer) > CHUNK:  # one byte at least stays behind: the last chunk is marked as such
            self._seal(last=False)

    def finish(self) -> None:
        """Seal what is left as the last chunk. ValueError when nothing was ever written."""
        if not self._buffer:
            raise ValueError("an empty file is not sealed")
        self._seal(last=True)

    def _seal(self, *, last: bool) -> None:
        chunk = bytes(self._buffer[:CHUNK])
        del self._buffer[:CHUNK]
        self._file.write(self._cipher.encrypt(_nonce(self._count), chunk, _bound(self._name, last)))
        self._count += 1


def unseal(file: BinaryIO, key: bytes, name: str) -> Iterator[bytes]:
    """The plaintext in chunks, each authenticated before it is given out. DamagedDocument at the first that is not."""
    cipher, count = AESGCM(key), 0
    if file.read(len(MAGIC)) != MAGIC:
        raise DamagedDocument(name)
    sealed = file.read(CHUNK + TAG)
    while True:
        following = file.read(CHUNK + TAG)
        try:
            yield cipher.decrypt(_nonce(count), sealed, _bound(name, not following))
        except InvalidTag:
            raise DamagedDocument(name) from None
        if not following:
            return
        sealed, count = following, count + 1


def _nonce(count: int) -> bytes:
    return count.to_bytes(12, "big")


def _bound(name: str, last: bool) -> bytes:
    return b"%s\n%d" % (name.encode(), last)
