"""Every directory that was published held against the ledger, in the one reading that verifies it.

The rows of the directory and the heads of the programs' streams are carried along event by event; at each position up to
which a directory was made, they have to give the bytes, and the root over the heads, that were recorded.
"""

from collections.abc import Iterator

import msgspec

from infra.heads import HeadTree
from infra.mapper import Recorded
from infra.snapshots import Published, Snapshot, Snapshots
from projections import directory
from projections.language import Folding
from projections.snapshot import Lines, head, shown


class DirectoryCheck:
    """Takes all events in order, and says what differs from the directories that were published up to a position."""

    def __init__(self, snapshots: Snapshots, upto: int) -> None:
        self._snapshots = snapshots
        self._trouble: list[str] = []
        self._folding = Folding(directory.model)
        self._heads: dict[str, tuple[int, bytes]] = {}
        self._lines, self._tree = Lines(), HeadTree({})
        self._shown: dict[str, bytes] = {}
        self._changed: set[str] = set()
        """Streams whose heads are not in the tree yet as they are."""
        self._due: list[Published] = []
        self.count = 0
        try:
            for one in snapshots.every(upto):
                self._due.append(one)
        except (LookupError, msgspec.MsgspecError) as error:
            self._trouble.append(f"what was published cannot be read: {error}")
        self._due.sort(key=lambda one: one.event.size, reverse=True)

    @property
    def waits(self) -> bool:
        """Whether a directory is still to come; what comes after the last one is in none."""
        return bool(self._due)

    def see(self, one: Recorded, commitment: bytes) -> None:
        """The next event with its commitment as computed again."""
        if one.stream.startswith("program:"):
            self._folding.see(one)
        self._came(one.stream, one.version, one.position, commitment)

    def unreadable(self, stream: str, version: int, position: int, commitment: bytes) -> None:
        """The next event, which cannot be read."""
        if self.waits:
            self._came(stream, version, position, commitment)

    def _came(self, stream: str, version: int, position: int, commitment: bytes) -> None:
        if stream.startswith("program:"):
            self._heads[stream] = version, commitment
            self._changed.add(stream)
        while self._due and self._due[-1].event.size <= position:
            self.count += 1
            self._trouble += self._against(self._due.pop())

    def _against(self, fact: Published) -> Iterator[str]:
        e = fact.event
        made = self._snapshots.made(e.day, e.size, self._folding, {}, self._lines)
        if e.size >= fact.position:
            yield f"the directory of {e.day}, position {fact.position}, says that it was made up to {e.size}"
        yield from made.unlike(e, self._carried(made))
        yield from self._snapshots.misfiled(e, made)
        self._folding.changes.clear()  # what rows were before is not asked for

    def _carried(self, made: Snapshot) -> HeadTree:
        """The tree over the heads, brought to where they are now: a head changes with its stream, and with its entry."""
        streams = [f"program:{row.program_id}" for row in shown(self._folding.rows.values())]
        now = dict(zip(streams, made.entries, strict=True))
        self._changed.update(stream for stream, line in now.items() if self._shown.get(stream) is not line)
        self._changed.update(stream for stream in self._shown if stream not in now)
        for stream in self._changed:
            self._tree.put(stream, head(stream, *self._heads[stream], now.get(stream)))
        self._changed.clear()
        self._shown = now
        return self._tree

    def divergences(self) -> Iterator[str]:
        """Everything that differs; to be asked for once all events were seen."""
        yield from self._trouble
        for fact in self._due:
            yield f"the directory of {fact.event.day} was made up to {fact.event.size}, and the ledger ends before that"
