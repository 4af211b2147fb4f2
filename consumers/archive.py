"""The compliance archive: every event as it was recorded, in compressed files by day, each with its digest in a chain.

A day's file only grows: what was polled is written as one more gzip member, then one line about it is added to the
chain. A line carries the digest of the member and of the line before, so that nothing can be changed, taken out or put
in without the rest of the chain telling. The archive needs nothing else to be checked: no register, no broker.
"""

import gzip
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Signal
from typing import Any

import msgspec

from consumers.following import FIRST_PAUSE, POLL_MS, Message, as_message
from infra.cloud_events import of_headers, stored
from infra.kafka import AWAY, BrokerAway, Cluster
from infra.leases import Lease
from infra.records import commitment
from infra.topics import Topics

NAME = "archive"
CHAIN = "chain.jsonl"
START = "0" * 64


class ArchiveBroken(RuntimeError):
    """The files are not what the chain says; nothing is added to such an archive."""


class ArchiveInUse(RuntimeError):
    """Another program writes to the folder."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the chain: one gzip member of one day's file."""

    file: str
    offset: int
    length: int
    sha256: str
    """Of the member's bytes as they lie in the file."""
    positions: tuple[tuple[int, int], ...]
    """First and last of each run of positions in it."""
    before: str
    """SHA-256 of the line before; zeros in the first."""


@dataclass
class Archive:
    """An archive's folder, open for adding. One program at a time."""

    folder: Path
    last: str = START
    held: set[int] = field(default_factory=set[int])
    """Every position that is in it."""
    ends: dict[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def opened(cls, folder: Path) -> "Archive":
        """The archive of a folder, made where there is none; what a crash left half written is cut off.

        ArchiveBroken where files are shorter than the chain says.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        archive = cls(folder)
        archive._mend_chain()
        for line, member in lines(folder):
            archive._know(line, member)
        for file in folder.glob("*.jsonl.gz"):
            length, kept = file.stat().st_size, archive.ends.get(file.name, 0)
            if length < kept:
                raise ArchiveBroken(f"{file.name} has {length} bytes, the chain says {kept}")
            if length > kept:
                os.truncate(file, kept)
        return archive

    def _mend_chain(self) -> None:
        chain = self.folder / CHAIN
        if not chain.exists():
            return
        content = chain.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(chain, whole)

    def _know(self, line: bytes, member: Member) -> None:
        self.last = hashlib.sha256(line).hexdigest()
        self.ends[member.file] = member.offset + member.length
        self.held.update(n for first, last in member.positions for n in range(first, last + 1))

    def add(self, messages: Sequence[Message]) -> int:
        """Add what is not there yet, durably; how many events that was. KeyError or ValueError for what is no event."""
        days: dict[str, dict[int, bytes]] = {}
        for message in messages:
            fact = stored(of_headers(message.headers), message.value or b"")
            if fact.position not in self.held:
                line = {"attributes": of_headers(message.headers), "data": fact.state.decode()}
                day = fact.recorded_at.date().isoformat()
                days.setdefault(day, {})[fact.position] = json.dumps(line, ensure_ascii=False).encode()
        for day, found in sorted(days.items()):
            self._append(f"{day}.jsonl.gz", found)
        return sum(map(len, days.values()))

    def _append(self, name: str, found: dict[int, bytes]) -> None:
        content = b"".join(line + b"\n" for _, line in sorted(found.items()))
        packed = gzip.compress(content, mtime=0)
        offset = self.ends.get(name, 0)
        _append(self.folder / name, packed)
        digest = hashlib.sha256(packed).hexdigest()
        runs = tuple(_runs(sorted(found)))
        member = Member(file=name, offset=offset, length=len(packed), sha256=digest, positions=runs, before=self.last)
        line = msgspec.json.encode(member)
        _append(self.folder / CHAIN, line + b"\n")
        self._know(line, member)


def _append(file: Path, content: bytes) -> None:
    """Add to a file's end and wait until it is on the disk, the folder's entry too."""
    with file.open("ab") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _runs(positions: Sequence[int]) -> Iterator[tuple[int, int]]:
    first = last = positions[0]
    for position in positions[1:]:
        if position != last + 1:
            yield first, last
            first = position
        last = position
    yield first, last


def lines(folder: Path) -> Iterator[tuple[bytes, Member]]:
    """The chain, line by line. ArchiveBroken for a line that is none."""
    chain = folder / CHAIN
    for number, line in enumerate(chain.read_bytes().splitlines() if chain.exists() else (), 1):
        try:
            yield line, msgspec.json.decode(line, type=Member)
        except msgspec.DecodeError as error:
            raise ArchiveBroken(f"{CHAIN}, line {number}: {error}") from None


@dataclass(frozen=True)
class Checked:
    """What checking an archive found: events, days, the chain's last digest, and every fault in a sentence."""

    events: int
    days: int
    last: str
    faults: tuple[str, ...]


def check(folder: Path) -> Checked:
    """Check an archive by its own files: chain, digests, every event's commitment, no position missing or doubled."""
    faults: list[str] = []
    seen: set[int] = set()
    before, files = START, dict[str, int]()
    try:
        for line, member in lines(folder):
            if member.before != before:
                faults.append(
                    f"{CHAIN}: the line about {member.file} at {member.offset} does not follow the one before"
                )
            if member.offset != files.get(member.file, 0):
                faults.append(f"{member.file}: bytes before {member.offset} are in no line of the chain")
            before = hashlib.sha256(line).hexdigest()
            files[member.file] = member.offset + member.length
            faults += _check_member(folder, member, seen)
    except ArchiveBroken as error:
        faults.append(str(error))
    for file in sorted(folder.glob("*.jsonl.gz")):
        if file.stat().st_size != files.get(file.name, 0):
            faults.append(f"{file.name} has {file.stat().st_size} bytes, the chain says {files.get(file.name, 0)}")
    missing = sorted(set(range(1, max(seen, default=0) + 1)) - seen)
    faults += [f"positions {a} to {b} are missing" for a, b in (_runs(missing) if missing else ())]
    return Checked(len(seen), len(files), before, tuple(faults))


def _check_member(folder: Path, member: Member, seen: set[int]) -> list[str]:
    where = f"{member.file} at {member.offset}"
    try:
        with (folder / member.file).open("rb") as file:
            file.seek(member.offset)
            packed = file.read(member.length)
    except OSError as error:
        return [f"{where}: {error.strerror}"]
    if hashlib.sha256(packed).hexdigest() != member.sha256:
        return [f"{where}: the bytes are not those that were archived"]
    faults: list[str] = []
    found: list[int] = []
    for line in gzip.decompress(packed).splitlines():
        read: Any = json.loads(line)
        fact = stored(read["attributes"], read["data"].encode())
        if commitment(fact) != fact.commitment:
            faults.append(f"{where}: event {fact.position} is not what its commitment says")
        if fact.position in seen:
            faults.append(f"{where}: event {fact.position} is there twice")
        seen.add(fact.position)
        found.append(fact.position)
    if tuple(_runs(found)) != member.positions:
        faults.append(f"{where}: it holds other events than the chain says")
    return faults


def run(folder: Path, cluster: Cluster, topics: Topics, stop: Signal, *, records: int = 500) -> int:
    """Archive until ``stop`` is set; how many events were added. ArchiveInUse, ArchiveBroken at once."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lease = Lease(folder / "in-use")
    with lease.exclusively():
        if lease.others():
            raise ArchiveInUse(f"another program archives to {folder}")
        lease.take()
    added = 0
    try:
        while not stop.is_set():
            try:
                added += _follow(Archive.opened(folder), cluster, topics, stop, records)
            except (BrokerAway, *AWAY):
                stop.wait(FIRST_PAUSE * 4)
    finally:
        with lease.exclusively():
            lease.give_back()
    return added


def _follow(archive: Archive, cluster: Cluster, topics: Topics, stop: Signal, records: int) -> int:
    """What is archived is known by its position, so an offset that was not committed costs a second look, no more."""
    cluster.check_there([topics.ledger.name])
    consumer = cluster.consumer(f"{topics.prefix}.{NAME}", records=records)
    added = 0
    try:
        consumer.subscribe([topics.ledger.name])
        while not stop.is_set():
            polled: Any = consumer.poll(POLL_MS)
            messages = [as_message(record) for records_ in polled.values() for record in records_]
            if messages:
                added += archive.add(messages)
                consumer.commit()
        return added
    finally:
        consumer.close(autocommit=False)
