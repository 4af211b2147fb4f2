"""Files that programs hand in."""

import hashlib
import io
import stat
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from infra.database import Database
from infra.documents import DocumentRefused, DocumentStore, ErasedDocument, UnknownDocument
from infra.keyring import Keyring
from infra.media import ALLOWED
from infra.sealing import CHUNK, DamagedDocument, Sealer, sealed_size, unseal

pytestmark = pytest.mark.req("H11")

OFFICE = "application/vnd.openxmlformats-officedocument."
DOCX, XLSX = OFFICE + "wordprocessingml.document", OFFICE + "spreadsheetml.sheet"
PPTX, ODT = OFFICE + "presentationml.presentation", "application/vnd.oasis.opendocument.text"
PDF = b"%PDF-1.7\n" + b"mentor " * 50_000
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(40)


def zipped(*names: str, first: tuple[str, str] | None = None) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        if first is not None:
            archive.writestr(zipfile.ZipInfo(first[0]), first[1])
        for name in names:
            archive.writestr(name, "<x/>" * 40_000)
    return target.getvalue()


SAMPLES = {
    "application/pdf": PDF,
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(100),
    DOCX: zipped("[Content_Types].xml", "word/document.xml"),
    XLSX: zipped("[Content_Types].xml", "xl/workbook.xml"),
    PPTX: zipped("[Content_Types].xml", "ppt/presentation.xml"),
    ODT: zipped("content.xml", first=("mimetype", ODT)),
    "text/plain": "Zoë: hello\r\n".encode(),
    "text/csv": b"\xef\xbb\xbfname;n\nBM quality;1\n",
}


def pieces(content: bytes, size: int = 10_000) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def take(documents: DocumentStore, content: bytes, program: str = "program:1") -> str:
    return documents.receive(program, [content], media_type="text/plain", title="t").document_id


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "documents"


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


class TestReceiving:
    """What is taken in."""

    @pytest.mark.parametrize("media_type", ALLOWED)
    def test_every_allowed_type(self, documents: DocumentStore, folder: Path, media_type: str) -> None:
        content = SAMPLES[media_type]
        received = documents.receive(
            "program:1",
            pieces(content),
            media_type=media_type,
            title="Zoë's file",
            expected_sha256=hashlib.sha256(content).hexdigest().upper(),
        )
        assert received.sha256 == hashlib.sha256(content).hexdigest()
        assert (received.bytes, received.media_type, received.scan) == (len(content), media_type, "unscanned")
        assert received.sha256 not in repr(received)
        assert b"".join(documents.open(received.document_id)) == content
        described = documents.describe(received.document_id)
        assert (described.title, described.program, described.digest) == ("Zoë's file", "program:1", received.digest)
        assert "Zoë" not in repr(described)
        assert documents.present(received.document_id, received.digest)
        assert not documents.present(received.document_id, "0" * 64)
        (file,) = files(folder)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.stat().st_size == sealed_size(32 + len(content))
        assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, file.parent)} == {0o700}

    def test_the_same_file_is_stored_once_per_program(self, documents: DocumentStore, folder: Path) -> None:
        first = take(documents, b"same")
        assert take(documents, b"same") == first
        assert take(documents, b"same", "program:2") != first
        assert take(documents, b"different") != first
        assert len(files(folder)) == 3

    def test_the_same_file_at_the_same_moment(self, documents: DocumentStore, folder: Path, keyring: Keyring) -> None:
        together = threading.Barrier(6)

        def content() -> Iterator[bytes]:
            yield b"same"
            together.wait(10)

        def hand_in(_: int) -> str:
            return documents.receive("program:1", content(), media_type="text/plain", title="t").document_id

        with ThreadPoolExecutor(6) as pool:
            ids = set(pool.map(hand_in, range(6)))
        assert len(ids) == 1
        assert [file.name for file in files(folder)] == list(ids)
        assert {key for key, _ in keyring.stored()} == ids


class TestRefusing:
    """All problems at once, and nothing left behind."""

    def refused(
        self, documents: DocumentStore, content: Iterator[bytes], media_type: str, sha256: str | None = None
    ) -> tuple[str, ...]:
        with pytest.raises(DocumentRefused) as caught:
            documents.receive(
                "program:1", content, media_type=media_type, title="t", expected_sha256=sha256, limit=400_000
            )
        assert all(problem.message for problem in caught.value.problems)
        return caught.value.codes

    def test_all_at_once(self, documents: DocumentStore, folder: Path, keyring: Keyring) -> None:
        wrong = "0" * 64
        assert self.refused(documents, pieces(b""), "application/zip", wrong) == (
            "EMPTY",
            "HASH_MISMATCH",
            "MEDIA_TYPE_REFUSED",
        )
        assert self.refused(documents, pieces(PDF), "image/png", wrong) == ("HASH_MISMATCH", "MEDIA_TYPE_REFUSED")
        assert self.refused(documents, pieces(PDF * 2), "text/html", wrong) == ("TOO_LARGE", "MEDIA_TYPE_REFUSED")
        assert files(folder) == []
        assert list(keyring.stored()) == []

    def test_reading_stops_at_the_limit(self, documents: DocumentStore) -> None:
        read = 0

        def endless() -> Iterator[bytes]:
            nonlocal read
            while True:
                read += 10_000
                yield b"x" * 10_000

        assert self.refused(documents, endless(), "text/plain") == ("TOO_LARGE",)
        assert read == 410_000

    @pytest.mark.parametrize(
        ("media_type", "content"),
        [
            ("application/pdf", b"not a pdf"),
            ("application/pdf", PNG),
            ("image/png", b"\xff\xd8\xff\xe0\0\x10JFIF"),
            (DOCX, SAMPLES[XLSX]),
            (DOCX, zipped("a.txt")),
            (DOCX, zipped("word/document.xml", "word/vbaProject.bin")),
            (ODT, SAMPLES[DOCX]),
            ("text/plain", b"MZ\x90\0\3"),
            ("text/plain", b"  <html><script>alert(1)</script>"),
            ("text/plain", b"\xef\xbb\xbf<!DOCTYPE html>"),
            ("text/csv", b"<svg xmlns='http://www.w3.org/2000/svg'>"),
            ("text/plain", b"%PDF-1.7"),
            ("text/plain", "utf-16".encode("utf-16")),
        ],
    )
    def test_content_that_is_not_of_its_type(self, documents: DocumentStore, media_type: str, content: bytes) -> None:
        assert self.refused(documents, pieces(content), media_type) == ("MEDIA_TYPE_REFUSED",)

    def test_a_stream_that_breaks_leaves_nothing(
        self, documents: DocumentStore, folder: Path, keyring: Keyring
    ) -> None:
        def broken() -> Iterator[bytes]:
            yield b"x" * 100_000
            raise ConnectionResetError

        with pytest.raises(ConnectionResetError):
            documents.receive("program:1", broken(), media_type="text/plain", title="t")
        assert files(folder) == []
        assert list(keyring.stored()) == []


class TestDamage:
    """Every change of a stored file is noticed."""

    def test_flipped_cut_exchanged_and_missing(self, documents: DocumentStore, folder: Path) -> None:
        content = bytes(range(256)).replace(b"\0", b"a") * 0 + b"line of text\n" * 15_000
        received = documents.receive("program:1", [content], media_type="text/plain", title="t")
        (file,) = files(folder)
        whole = file.read_bytes()
        first, second = 14, 14 + CHUNK + 16
        exchanged = whole[:first] + whole[second : second + CHUNK + 16] + whole[first:second] + whole[second * 2 - 14 :]
        damages = [whole[:-1], whole[:second], whole + b"x", exchanged, b"", whole[:100] + b"\0" + whole[101:]]
        damages += [whole[:-1] + bytes([whole[-1] ^ 1]), b"x" + whole[1:]]
        for damaged in damages:
            file.write_bytes(damaged)
            with pytest.raises(DamagedDocument):
                b"".join(documents.open(received.document_id))
            assert not documents.present(received.document_id, received.digest)
        file.unlink()
        with pytest.raises(DamagedDocument):
            documents.open(received.document_id)
        file.write_bytes(whole)
        assert documents.present(received.document_id, received.digest)

    def test_a_file_cut_at_a_chunk_is_noticed_without_knowing_its_length(self) -> None:
        file = io.BytesIO()
        sealer = Sealer(file, b"k" * 32, "d_1")
        sealer.write(b"x" * (3 * CHUNK))
        sealer.finish()
        whole = file.getvalue()
        assert len(whole) == sealed_size(3 * CHUNK)
        assert b"".join(unseal(io.BytesIO(whole), b"k" * 32, "d_1")) == b"x" * (3 * CHUNK)
        for cut in (whole[: -CHUNK - 16], whole[:14]):
            with pytest.raises(DamagedDocument):
                b"".join(unseal(io.BytesIO(cut), b"k" * 32, "d_1"))
        with pytest.raises(DamagedDocument):
            b"".join(unseal(io.BytesIO(whole), b"k" * 32, "d_2"))


class TestRemoving:
    """Erasing, sweeping, and what is unknown."""

    def test_erased_is_not_unknown(self, documents: DocumentStore, folder: Path) -> None:
        document = take(documents, b"text")
        assert documents.erase(document)
        assert not documents.erase(document)
        assert documents.describe(document).title is None
        with pytest.raises(ErasedDocument):
            documents.open(document)
        assert not documents.present(document, documents.describe(document).digest)
        assert files(folder) == []
        assert take(documents, b"text") != document
        for unknown in (documents.open, documents.describe, documents.erase):
            with pytest.raises(UnknownDocument):
                unknown("d_unknown")
        assert not documents.present("d_unknown", "0" * 64)

    def test_sweeping_what_a_crash_left(
        self, documents: DocumentStore, folder: Path, keyring: Keyring, database: Database
    ) -> None:
        kept, lost = take(documents, b"kept"), take(documents, b"lost")
        (folder / ".d_half").write_bytes(b"half")
        with psycopg.connect(database.app_dsn) as connection:
            connection.execute("DELETE FROM vault.documents WHERE id = %s", (lost,))
        assert documents.sweep() == 0
        assert documents.sweep(timedelta(0)) == 2
        assert [file.name for file in files(folder)] == [kept]
        assert {key for key, _ in keyring.stored()} == {kept}
