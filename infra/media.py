"""Which files a program may hand in, and whether a file is what its sender says it is.

The name decides nothing. What the declared type must show is looked for in the first and the last 64 KiB, because a
zip file (docx, xlsx, pptx, odt) lists its contents at the end.
"""

import re
from typing import Any, Final

import puremagic

_puremagic: Any = puremagic  # its annotations are incomplete

WINDOW: Final = 64 * 1024

_OFFICE = "application/vnd.openxmlformats-officedocument."
# media type -> (extension that puremagic must find at the start, name that the zip directory must list)
_SIGNED: Final[dict[str, tuple[str, bytes]]] = {
    "application/pdf": (".pdf", b""),
    "image/png": (".png", b""),
    "image/jpeg": (".jpg", b""),
    _OFFICE + "wordprocessingml.document": (".docx", b"word/document.xml"),
    _OFFICE + "spreadsheetml.sheet": (".xlsx", b"xl/workbook.xml"),
    _OFFICE + "presentationml.presentation": (".pptx", b"ppt/presentation.xml"),
    "application/vnd.oasis.opendocument.text": (".odt", b"mimetypeapplication/vnd.oasis.opendocument.text"),
}
_TEXT: Final = ("text/plain", "text/csv")
ALLOWED: Final = (*_SIGNED, *_TEXT)

# A browser or an office program that looks into a "text" would run these.
_ACTIVE = {".html", ".htm", ".xhtml", ".svg", ".xml", ".rtf", ".ps", ".eps", ".pdf", ".fdf", ".hta"}
_MARKUP = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*<(?:!doctype|!--|\?xml|html|head|body|script|svg|iframe)", re.IGNORECASE)
# Control characters that no text holds; a UTF-16 text is refused with them, for its zero bytes.
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f"))


class Sniffer:
    """Collects what a stream shows of itself: feed() every chunk, then ask disagreement()."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._controls = False

    def feed(self, chunk: bytes) -> None:
        """Look at the next bytes of the file."""
        if len(self._head) < WINDOW:
            self._head += chunk[: WINDOW - len(self._head)]
        self._tail = bytearray((self._tail + chunk[-WINDOW:])[-WINDOW:])
        self._controls = self._controls or len(chunk.translate(None, _CONTROLS)) != len(chunk)

    def disagreement(self, media_type: str) -> str | None:
        """Why the content is not of the declared allowed type, as a sentence; None when it agrees."""
        extensions = self._extensions()
        if media_type in _TEXT:
            if self._controls:
                return f"declared as {media_type}, but it holds control characters no text has"
            if extensions & _ACTIVE or _MARKUP.match(self._head):
                return f"declared as {media_type}, but it looks like {', '.join(sorted(extensions)) or 'markup'}"
            return None
        extension, listed = _SIGNED[media_type]
        windows = bytes(self._head + b"\0" + self._tail)
        # puremagic has no signature for odt: every zip starts alike, and the listing tells them apart.
        starts_right = extension in extensions or (listed != b"" and self._head.startswith(b"PK\x03\x04"))
        if not starts_right or listed not in windows:
            seen = ", ".join(sorted(extensions)[:4]) or "nothing known"
            return f"declared as {media_type}, but the content looks like {seen}"
        if b"vbaProject.bin" in windows:
            return f"declared as {media_type}, but it holds macros"
        return None

    def _extensions(self) -> set[str]:
        if not self._head:
            return set()
        try:
            return {match.extension for match in _puremagic.magic_string(bytes(self._head))}
        except puremagic.PureError:
            return set()
