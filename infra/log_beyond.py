"""What witnesses saw of the log and the log does not have: it was put back to an earlier state, as from an old backup.

The log is told by the witness that refuses it, and keeps that. Until it has everything that was seen, unchanged, it signs
nothing: what it signed would be a second history under the same key.
"""

from typing import Final

from infra.log_files import LogDiverged, LogFolder
from infra.merkle import Tree, consistent
from infra.notes import Checkpoint, Note

BEYOND: Final = "seen-beyond"


def remember(files: LogFolder, seen: Checkpoint, note: Note, size: int) -> LogDiverged:
    """Keep what was seen beyond the log's own size; what to raise."""
    before = _seen(files)
    if before is None or before.size < seen.size:
        files.replace(BEYOND, str(note).encode())
    return _rollback(seen, size)


def too_small(files: LogFolder, size: int) -> bool:
    """Whether witnesses saw more than so many entries."""
    seen = _seen(files)
    return seen is not None and seen.size > size


def settle(files: LogFolder, now: Checkpoint, tree: Tree) -> None:
    """Hold what is about to be signed against what was seen. LogDiverged if it is less, or something else."""
    seen = _seen(files)
    if seen is None:
        return
    if seen.size > now.size:
        raise _rollback(seen, now.size)
    steps = tree.consistency(seen.size) if seen.size < now.size else []
    if not consistent(seen.size, seen.root, now.size, now.root, steps):
        raise LogDiverged("fork", f"the first {seen.size} entries are not those that witnesses saw")
    files.remove(BEYOND)


def _seen(files: LogFolder) -> Checkpoint | None:
    written = files.read(BEYOND)
    return None if written is None else Checkpoint.parse(Note.parse(written.decode()).text)


def _rollback(seen: Checkpoint, size: int) -> LogDiverged:
    says = f"the log has {size} entries, and witnesses saw {seen.size} of it: it was put back to an earlier state"
    return LogDiverged("rollback", says)
