"""The log held against the ledger: the root over all events, the tiles and the checkpoints have to say the same.

Where they do not, the tiles name the positions: they hold what was signed. A checkpoint that was kept outside is worth
more than one's own, which whoever holds the key can sign anew.
"""

from collections.abc import Iterator, Sequence

from infra.log_files import LogDiverged, entries_in, tile_path
from infra.merkle import WIDTH, Frontier, MissingTile, Tree, leaf_hash
from infra.notes import Checkpoint
from infra.transparency import TransparencyLog

MOST_NAMED = 40


class LogCheck:
    """Takes the commitments of all events in order, as computed again, and says what differs from what was signed."""

    def __init__(self, log: TransparencyLog, kept: Sequence[Checkpoint] = ()) -> None:
        self._log, self._kept = log, kept
        self._frontier = Frontier()
        self._roots: dict[int, bytes] = {}
        self._own: Checkpoint | None = None
        self._trouble: list[str] = []
        try:
            found = log.checkpoint()
            self._own = found[0] if found else None
        except LogDiverged as diverged:
            self._trouble.append(f"the log's own checkpoint: {diverged}")
        self._beside = list(self._cosigned())
        self._wanted = {c.size for c in (*kept, *(c for _, c in self._beside), *([self._own] if self._own else []))}
        self._found: list[tuple[bytes, bytes]] = []
        self._tiles = self._signed_tiles()
        self._differing = 0

    def see(self, position: int, computed: bytes, stored: bytes) -> None:
        """The next event: the commitment computed again from the row, and the one stored beside it."""
        self._frontier.add(leaf_hash(computed))
        if self._frontier.size in self._wanted:
            self._roots[self._frontier.size] = self._frontier.root()
        if self._tiles is not None and position <= self._tiles.size:
            self._compare(self._tiles, position, computed, stored)

    def _compare(self, tiles: Tree, position: int, computed: bytes, stored: bytes) -> None:
        try:
            signed = tiles.leaf(position - 1)
        except MissingTile as error:
            self._trouble.append(f"tiles: {error}")
            self._tiles = None
            return
        if leaf_hash(computed) != signed:
            self._differing += 1
            if self._differing <= MOST_NAMED:
                self._trouble.append(self._difference(tiles, position, stored))

    def count(self) -> int:
        """How many events the log's own checkpoint, or the largest of those kept outside, covers."""
        return max(self._wanted, default=0)

    def divergences(self) -> Iterator[str]:
        """Everything that differs, in sentences; to be asked for once all events were seen."""
        own = [(self._own, "the log's checkpoint")] if self._own else []
        kept = [(c, f"the checkpoint of size {c.size} kept outside") for c in self._kept]
        beside = [(c, f"the file {name} of the log") for name, c in self._beside]
        for checkpoint, called in (*own, *kept, *beside):
            yield from self._against(checkpoint, called)
        yield from self._trouble
        if self._differing > MOST_NAMED:
            yield f"and {self._differing - MOST_NAMED:,} more positions differ from what the log has"

    def root(self) -> bytes:
        """The root over the events seen so far."""
        return self._frontier.root()

    def _cosigned(self) -> Iterator[tuple[str, Checkpoint]]:
        """The other checkpoints that lie beside the log's own: those that witnesses cosigned."""
        for name in self._log.cosigned():
            try:
                yield name, self._log.signed(name)
            except LogDiverged as error:
                self._trouble.append(f"the file {name} of the log: {error}")

    def _signed_tiles(self) -> Tree | None:
        """The tiles, if they give the root of the log's own checkpoint, and of those kept outside as far as they go."""
        if self._own is None:
            return None
        try:
            tree = self._log.tree(self._own.size)
            if tree.root() != self._own.root:
                raise LogDiverged("fork", "the tiles do not give the root of the log's checkpoint")
            return tree
        except (LogDiverged, MissingTile) as error:
            self._trouble.append(f"tiles: {error}")
            return None

    def _difference(self, tiles: Tree, position: int, stored: bytes) -> str:
        """What stands at a position, seen from the log."""
        place = self._where(tiles, stored, position)
        if place == position:
            return f"position {position}: the row was changed; its stored commitment is still the one that was signed"
        if place is not None:
            return (
                f"position {position}: here stands the event that the log has at position {place} (moved or inserted)"
            )
        return f"position {position}: the log has another event here; this one was never signed (rewritten or inserted)"

    def _where(self, tiles: Tree, stored: bytes, near: int) -> int | None:
        """At which position the log has an entry, looked for in the bundles around a position first."""
        bundles = (tiles.size + WIDTH - 1) // WIDTH
        middle = (near - 1) // WIDTH
        for index in sorted(range(bundles), key=lambda n: abs(n - middle))[:8]:
            width = min(WIDTH, tiles.size - index * WIDTH)
            for wide in (width, WIDTH):
                bundle = self._log.files.read(tile_path("entries", index, wide))
                if bundle is not None:
                    for n, entry in enumerate(entries_in(bundle)):
                        if entry == stored and n < width:
                            return index * WIDTH + n + 1
                    break
        return None

    def _against(self, checkpoint: Checkpoint, called: str) -> Iterator[str]:
        ends = self._frontier.size
        if checkpoint.origin != self._log.origin:
            yield f"{called} is of {checkpoint.origin}, and this is {self._log.origin}"
        elif checkpoint.size > ends:
            lost = checkpoint.size - ends
            yield f"truncation: {called} covers {checkpoint.size} events, and the ledger ends at {ends}; {lost} are missing"
        elif self._roots[checkpoint.size] != checkpoint.root:
            yield f"fork: the first {checkpoint.size} events do not give the root of {called}"
        if self._own is not None and called != "the log's checkpoint" and checkpoint.size > self._own.size:
            yield f"rollback: the log shows {self._own.size} events, and had shown {checkpoint.size} ({called})"
