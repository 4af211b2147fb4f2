"""The log over the ledger: every event's commitment is a leaf, at its position less one, under a signed checkpoint.

It follows the ledger in a loop of its own and is never on the way of an append. All that it knows lies in its public
files; a crash at any step leaves the last checkpoint valid, and going on writes the same bytes again.
"""

import logging
from collections import OrderedDict
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Signal
from threading import RLock
from typing import Any, Final

import psycopg
from psycopg_pool import PoolTimeout

from infra.database import Database
from infra.keyring import KeyringError
from infra.log_beyond import remember, settle, too_small
from infra.log_files import CHECKPOINT, WITNESSED, LogDiverged, LogFolder, bundled, entries_in, tile_path
from infra.log_keys import Loss, SigningKeys, countersigned, loss, says_lost
from infra.merkle import WIDTH, Frontier, Tree, leaf_hash, root_of, tile_widths
from infra.notes import ED25519, BadNote, Checkpoint, Note, VerifierKey, opened, seen_by

TICK: Final = 1.0
"""Seconds between two looks at the ledger, and so at the least between two checkpoints."""
BATCH: Final = 8192
_COMMITMENTS = "SELECT position, commitment FROM ledger.events WHERE position > %s ORDER BY position LIMIT %s"
_COSIGNED = "cosigned"
_KEY = "key"
_REPLACED = "keys"
_log = logging.getLogger("nqms.log")


@dataclass
class _Edge:
    """What the next entries are added to: the complete subtrees, and of each level the tile that is not full."""

    frontier: Frontier = field(default_factory=Frontier)
    tiles: list[list[bytes]] = field(default_factory=list[list[bytes]])
    entries: list[bytes] = field(default_factory=list[bytes])


class TransparencyLog:
    """The log of one ledger in ``folder``, signed with the keys in ``keys``. Safe from many threads and processes."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        keys: Path,
        origin: str,
        witnesses: Sequence[VerifierKey] = (),
        quorum: int = 0,
    ) -> None:
        self.origin, self.witnesses, self.quorum = origin, tuple(witnesses), quorum
        self.files = LogFolder(folder)
        self._database = database
        self._keys = SigningKeys(keys, origin, ED25519, self._signed_with)
        self._edge: _Edge | None = None
        self._lock = RLock()
        self._rows: OrderedDict[tuple[int, int], list[list[bytes]]] = OrderedDict()
        self.trouble: str | None = None
        """Why nothing is signed at present, if something is wrong."""

    # --- what it says ---------------------------------------------------------------------------------------------

    @property
    def key(self) -> VerifierKey:
        """The key by which its checkpoints are known. LostKey."""
        return self._keys.current().key

    def checkpoint(self) -> tuple[Checkpoint, Note] | None:
        """The last checkpoint with whoever cosigned it; None before the first. LogDiverged when it is not this log's."""
        return self._signed(CHECKPOINT)

    def witnessed(self) -> tuple[Checkpoint, Note] | None:
        """The newest checkpoint that enough witnesses cosigned; None where there is none."""
        return self._signed(WITNESSED)

    def cosigned(self) -> list[str]:
        """The names of the files that hold checkpoints which witnesses cosigned."""
        newest = [WITNESSED] if self.files.read(WITNESSED) is not None else []
        return newest + [f"{_COSIGNED}/{name}" for name in self.files.names(_COSIGNED)]

    def signed(self, name: str) -> Checkpoint:
        """The checkpoint in one of those files. LogDiverged when it is gone or none of this log's."""
        found = self._signed(name)
        if found is None:
            raise LogDiverged("truncation", f"the file {name} is gone")
        return found[0]

    def stated(self, title: str, lines: Sequence[str]) -> Note:
        """A statement about this log, signed with its key; more lines than a checkpoint has, so that it is none."""
        if len(lines) < 3 or title == self.origin:
            raise ValueError("a statement has a title of its own and at least three lines")
        text = "".join(f"{line}\n" for line in (title, *lines))
        return Note(text, ()).with_lines([self._keys.current().line(text)])

    def states(self, note: Note) -> bool:
        """Whether one of this log's keys signed a statement. BadNote for a signature that does not fit."""
        return any(note.signed_by(signer.key) is not None for signer in self._keys.all())

    def seen_by(self, note: Note) -> dict[str, int]:
        """Which witnesses of the settings cosigned it, and when, in seconds since 1970."""
        return seen_by(note, self.witnesses)

    def proving(self, position: int) -> tuple[Checkpoint, Note]:
        """The checkpoint to prove events up to a position with, signed by the present key: a witnessed one where there
        is one. LogDiverged if none."""
        present = next(self._known())
        for found in (self.witnessed(), self.checkpoint()):
            if found and found[0].size >= position and found[1].signed_by(present) is not None:
                return found
        raise LogDiverged("truncation", f"no checkpoint covers position {position} yet")

    def several(self, size: int, indices: Sequence[int]) -> list[bytes]:
        """One proof that several leaves stand in the tree of that size. MissingTile."""
        with self._lock:
            return self.tree(size).several(indices)

    def inclusion(self, size: int, index: int) -> list[bytes]:
        """The proof that one leaf stands in the tree of that size. MissingTile."""
        with self._lock:
            return self.tree(size).inclusion(index)

    def root(self, size: int) -> bytes:
        """The root over the first so many entries, as the tiles give it. MissingTile."""
        with self._lock:
            return self.tree(size).root()

    def tree(self, size: int) -> Tree:
        """The tree of that size, over the files. Not for several threads at once."""
        return Tree(size, self.files.read_tile, self._rows)

    # --- following the ledger -------------------------------------------------------------------------------------

    def run(self, stop: Signal) -> None:
        """Keep up with the ledger until ``stop`` is set; for a thread or process of its own."""
        while not stop.is_set():
            try:
                self.catch_up()
            except (psycopg.Error, PoolTimeout, OSError):
                _log.warning("the log could not be brought up to date; it tries again", exc_info=True)
            except (LogDiverged, LookupError, KeyringError) as error:
                if self.trouble != str(error):
                    _log.error("nothing is signed any more: %s", error)
                self.trouble = str(error)
            stop.wait(TICK)

    def catch_up(self) -> Checkpoint:
        """Bring the log to where the ledger is now and sign that. LogDiverged when the past is not what was signed."""
        with self._turn():
            try:
                edge = self._loaded()
                while self._step(edge):
                    pass
            except BaseException:
                self._edge = None
                raise
        self.trouble = None
        found = self.checkpoint()
        assert found is not None  # a ledger has a first event
        return found[0]

    def replace_key(self) -> tuple[VerifierKey, VerifierKey]:
        """Sign with a new key from now on; the old and the new one. The statement that both signed is published."""
        with self._turn():
            old, new = self._keys.replace()
            self._publish_keys()
            found = self._signed(CHECKPOINT)
            if found:
                self._sign(found[0])
        return old.key, new.key

    def succession(self) -> Note:
        """The statement that the key is lost and which one takes its place, for witnesses to countersign. It is the same
        each time. KeyringError when the key is not lost, or nothing was ever signed with it."""
        found = self.checkpoint()
        if not self._keys.lost or found is None:
            raise KeyringError("no key is lost: `nqms log replace-key` replaces one that is there")
        published = VerifierKey.parse((self.files.read(_KEY) or b"").decode())
        return Loss(published, self._keys.successor().key, found[0]).signed(self._keys.successor())

    def succeed(self, notes: Sequence[Note]) -> tuple[VerifierKey, VerifierKey]:
        """Let the lost key's successor sign, once enough witnesses countersigned; both keys. KeyringError, BadNote."""
        with self._turn():
            stated = self.succession()
            for note in notes:
                if note.text != stated.text:
                    raise BadNote("it is not the statement that `nqms log rekey` made")
                stated = stated.with_lines(map(str, note.signatures))
            countersigned(stated, self.witnesses, self.quorum)
            self._keys.succeed(self._publish_loss(stated) + 1)
            self._publish_keys()
            lost = loss(stated)
            self._sign(lost.checkpoint)
        return lost.old, lost.new

    def accept(self, note: Note) -> dict[str, int]:
        """Keep the cosignatures under a checkpoint of this log; who has seen it by now. BadNote for anything else,
        LogDiverged when a witness saw more than there is."""
        checkpoint, bare = self._own(note)
        seen = self.seen_by(note)
        if not seen:
            raise BadNote("no witness of the settings cosigned it")
        with self._turn():
            own = self.checkpoint()
            if own is None or own[0].size < checkpoint.size:
                raise remember(self.files, checkpoint, note, own[0].size if own else 0)
            name = f"{_COSIGNED}/{checkpoint.size}"
            known = self.files.read(name)
            merged = Note.parse(known.decode()) if known else bare
            if merged.text != bare.text:
                raise LogDiverged("fork", f"two checkpoints of size {checkpoint.size} bear this log's signature")
            merged = merged.with_lines(str(one) for one in note.signatures if any(one.by(w) for w in self.witnesses))
            self._keep_cosigned(name, checkpoint, merged)
        return self.seen_by(merged)

    # --- steps ----------------------------------------------------------------------------------------------------

    @contextmanager
    def _turn(self) -> Generator[None]:
        """One writer of the files at a time, in this process and in all others."""
        with self._lock, self.files.turn():
            yield

    def _loaded(self) -> _Edge:
        """The edge of the tree at the last checkpoint; read from the files unless it is at hand, and looked over."""
        found = self.checkpoint()
        size = found[0].size if found else 0
        edge = self._edge
        if edge is None or edge.frontier.size != size:
            edge = self._edge = self._read_edge(found[0]) if found else _Edge()
            self._publish_keys()
        if size:
            self._check_tail(size, edge)
        return edge

    def _read_edge(self, checkpoint: Checkpoint) -> _Edge:
        size = checkpoint.size
        frontier = self.tree(size).frontier()
        if frontier.root() != checkpoint.root:
            raise LogDiverged("fork", f"the tiles do not give the root of the checkpoint of size {size}")
        edge = _Edge(frontier, [[] for _ in range((size.bit_length() + 7) // 8)])
        for level, index, width in tile_widths(size):
            tile = self.files.read_tile(level, index, width)
            edge.tiles[level] = [tile[i : i + 32] for i in range(0, len(tile), 32)]
        if size % WIDTH:
            edge.entries = self._entries(size // WIDTH, size % WIDTH)
        return edge

    def _entries(self, index: int, width: int) -> list[bytes]:
        for wide in (width, WIDTH):
            bundle = self.files.read(tile_path("entries", index, wide))
            if bundle is not None:
                return list(entries_in(bundle))[:width]
        raise LogDiverged("truncation", f"the entries from position {index * WIDTH + 1} on are missing")

    def _check_tail(self, size: int, edge: _Edge) -> None:
        """The last event that was signed is in the ledger still, as it was."""
        ((position, commitment),) = self._commitments(size - 1, 1) or [(0, b"")]
        if position != size:
            raise LogDiverged("truncation", f"the log has {size} events, and the ledger has none at position {size}")
        last = edge.entries[-1] if edge.entries else self._entries(size // WIDTH - 1, WIDTH)[-1]
        if last != commitment:
            raise LogDiverged("fork", f"the event at position {size} is not the one that was signed")

    def _commitments(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        with self._database.pool.connection() as connection:
            rows: list[Any] = connection.execute(_COMMITMENTS, (after, limit), binary=True).fetchall()
        return rows

    def _step(self, edge: _Edge) -> bool:
        """Add what came since, write the tiles, sign; whether there may be more."""
        before = edge.frontier.size
        rows = self._commitments(before, BATCH)
        if not rows:
            settle(self.files, Checkpoint(self.origin, before, edge.frontier.root()), self.tree(before))
            return False
        filled: list[tuple[int | str, int]] = []
        for expected, (position, commitment) in enumerate(rows, before + 1):
            if position != expected:
                raise LogDiverged("gap", f"position {expected} is missing from the ledger")
            self._add(edge, commitment, filled)
        size = edge.frontier.size
        for level, index, width in tile_widths(size):
            self.files.put(tile_path(level, index, width), b"".join(edge.tiles[level]))
        if edge.entries:
            self.files.put(tile_path("entries", size // WIDTH, size % WIDTH), bundled(edge.entries))
        self.files.settle()
        if len(rows) < BATCH or not too_small(self.files, size):
            reached = Checkpoint(self.origin, size, edge.frontier.root())
            settle(self.files, reached, self.tree(size))
            self._sign(reached)
        for level, index in filled:
            self.files.drop_partial(level, index)
        return len(rows) == BATCH

    def _add(self, edge: _Edge, entry: bytes, filled: list[tuple[int | str, int]]) -> None:
        """Add one entry; write every tile that it fills."""
        leaf = leaf_hash(entry)
        edge.frontier.add(leaf)
        edge.entries.append(entry)
        carried: bytes | None = leaf
        level, index = 0, edge.frontier.size - 1
        while carried is not None:
            index //= WIDTH
            if level == len(edge.tiles):
                edge.tiles.append([])
            tile = edge.tiles[level]
            tile.append(carried)
            carried = None
            if len(tile) == WIDTH:
                self.files.put(tile_path(level, index, WIDTH), b"".join(tile))
                filled.append((level, index))
                if level == 0:
                    self.files.put(tile_path("entries", index, WIDTH), bundled(edge.entries))
                    filled.append(("entries", index))
                    edge.entries = []
                carried, edge.tiles[level] = root_of(tile), []
                level += 1

    def _sign(self, checkpoint: Checkpoint) -> None:
        line = self._keys.current().line(checkpoint.text)
        self.files.replace(CHECKPOINT, str(Note(checkpoint.text, ()).with_lines([line])).encode())

    def _publish_keys(self) -> None:
        for number, note in self._keys.statements().items():
            self.files.put(f"{_REPLACED}/{number}", str(note).encode())
        key = f"{self.key}\n".encode()
        if self.files.read(_KEY) != key:
            self.files.replace(_KEY, key)

    def _publish_loss(self, stated: Note) -> int:
        """Publish the statement of the lost key, unless a crash came after that; the number of the lost key."""
        number = self._signed_with()
        last = self.files.read(f"{_REPLACED}/{number - 1}")
        if last is not None and Note.parse(last.decode()).text == stated.text:
            return number - 1
        self.files.put(f"{_REPLACED}/{number}", str(stated).encode())
        self.files.settle()
        return number

    def _signed_with(self) -> int:
        """The number of the key that signed last, as the public files tell."""
        begun = self.files.read(_KEY) is not None
        return len(self.files.names(_REPLACED)) + 1 if begun else 0

    def _known(self) -> Iterator[VerifierKey]:
        """The keys whose checkpoints are this log's own: those that are there, the last one first; lost ones whose
        successor is there; and the published one while it is lost itself."""
        mine = [signer.key for signer in reversed(self._keys.all())]
        yield from mine
        for name in self.files.names(_REPLACED):
            note = Note.parse((self.files.read(f"{_REPLACED}/{name}") or b"").decode())
            if says_lost(note) and loss(note).new in mine:
                yield loss(note).old
        if self._keys.lost:
            yield VerifierKey.parse((self.files.read(_KEY) or b"").decode())

    def _signed(self, name: str) -> tuple[Checkpoint, Note] | None:
        written = self.files.read(name)
        if written is None:
            return None
        try:
            note = Note.parse(written.decode())
            return self._own(note)[0], note
        except (BadNote, UnicodeDecodeError) as error:
            raise LogDiverged("fork", f"the file {name} is not what this log signed: {error}") from None

    def _own(self, note: Note) -> tuple[Checkpoint, Note]:
        """The checkpoint that one of the log's keys signed, and the note with that signature alone. BadNote otherwise."""
        for key in self._known():
            if note.signed_by(key) is not None:
                checkpoint, _ = opened(str(note), key)
                mine = next(one for one in note.signatures if one.by(key))
                return checkpoint, Note(note.text, (mine,))
        raise BadNote("none of this log's keys signed it")

    def _keep_cosigned(self, name: str, checkpoint: Checkpoint, note: Note) -> None:
        content = str(note).encode()
        self.files.replace(name, content)
        current = self.checkpoint()
        if current and current[1].text == note.text:
            self.files.replace(CHECKPOINT, content)
        before = self.witnessed()
        newest = before is None or before[0].size <= checkpoint.size
        if newest and len(self.seen_by(note)) >= max(1, self.quorum):
            self.files.replace(WITNESSED, content)
            for older in self.files.names(_COSIGNED):
                if int(older) < checkpoint.size:
                    self.files.remove(f"{_COSIGNED}/{older}")
