"""A copy of the keys in a place of its own, apart from every backup of the ledger.

Keys that were destroyed are destroyed in the copy too, so that an erasure holds there from the next time on.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from infra.keyring import Keyring, KeyringError, keep_once, private_mode

_VAULT = re.compile(r"[0-9a-f]{2}/[a-z0-9_]+\.key")
_LOG = re.compile(r"log/[0-9]{4}\.key")


def copy_keys(source: Path, target: Path) -> tuple[int, int]:
    """Bring a copy of the keys up to date; how many were copied, how many destroyed in the copy. KeyringError.

    Nothing that is in the copy is ever replaced: a key under the same name with other bytes is refused.
    """
    private_mode(target)
    there = Keyring(target)
    copied = destroyed = 0
    for name in _names(source):
        key, path = (source / name).read_bytes(), target / name
        if not path.exists():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            keep_once(path, key, sync=False)
            copied += 1
        elif not key:
            destroyed += there.destroy(path.stem)
        elif path.read_bytes() not in (key, b""):
            raise KeyringError(f"{path} is not the key of that name in {source}: is it the copy of another ledger's?")
    if copied or destroyed:
        os.sync()
    return copied, destroyed


def _names(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*.key")):
        name = path.relative_to(folder).as_posix()
        if _VAULT.fullmatch(name) or _LOG.fullmatch(name):
            yield name
