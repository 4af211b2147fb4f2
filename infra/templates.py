"""The papers' texts: sample templates that ship with the program, each known by its code and hash (M11)."""

import hashlib
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True)
class Template:
    """A paper's text. ``code`` names text and version, such as ``mou-1``; ``sha256`` is over its UTF-8 bytes."""

    code: str
    text: str
    sha256: str


def _shipped() -> dict[str, Template]:
    found: dict[str, Template] = {}
    for file in resources.files("domain.template").iterdir():
        if file.name.endswith(".md"):
            text = file.read_text(encoding="utf-8")
            code = file.name.removesuffix(".md")
            found[code] = Template(code, text, hashlib.sha256(text.encode()).hexdigest())
    return found


TEMPLATES = _shipped()
"""Every template by its code."""
