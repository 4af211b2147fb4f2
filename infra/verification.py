"""Verification: the ledger's own word is not taken for it. Every digest is computed again, every decision derived again,
every read model built again, every cited document and word looked for."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
import psycopg

from domain.documents import DocumentUploaded
from domain.erasure import PersonErased
from domain.evidence import TierEligibilityEvaluated
from domain.language import Event
from domain.values import TextRef
from infra.database import Database
from infra.directory_check import DirectoryCheck
from infra.documents import DocumentStore, ErasedDocument, UnknownDocument
from infra.erasing import cited
from infra.ledger import Ledger
from infra.log_check import LogCheck
from infra.mapper import Recorded, decode
from infra.notes import Checkpoint
from infra.projector import Projector
from infra.records import StoredFact, commitment
from infra.rederiving import rederived
from infra.snapshots import Snapshots
from infra.transparency import TransparencyLog
from infra.vault import DamagedSecret, MissingKey, UnknownSecret, Vault, text_digest

BATCH = 1_000
MOST_NAMED = 50
Progress = Callable[[str, int, int], None]
"""Told now and then: what is being checked, how far, of how many."""


class Verified(Protocol):
    """What of a service is verified."""

    @property
    def database(self) -> Database:
        """Where it is kept."""
        ...

    @property
    def ledger(self) -> Ledger:
        """Its ledger."""
        ...

    @property
    def vault(self) -> Vault:
        """Its words and people."""
        ...

    @property
    def documents(self) -> DocumentStore:
        """Its documents."""
        ...

    @property
    def projector(self) -> Projector:
        """Its read models."""
        ...

    @property
    def log(self) -> TransparencyLog:
        """The log over its ledger."""
        ...

    @property
    def snapshots(self) -> Snapshots:
        """The directories that it published."""
        ...


@dataclass
class Check:
    """One check: what was looked at, how many, and everything that came out different."""

    name: str
    what: str
    count: int = 0
    note: str = ""
    divergences: list[str] = field(default_factory=list[str])

    def note_divergence(self, divergence: str) -> None:
        """Note something that is not as it should be."""
        self.divergences.append(divergence)

    @property
    def fine(self) -> bool:
        """Whether nothing was noted."""
        return not self.divergences

    def __str__(self) -> str:
        """One line; where something differs, a line for each, up to fifty."""
        said = f"{self.name}: {self.count:,} {self.what}{self.note}, {len(self.divergences)} divergences"
        named = [f"  {one}" for one in self.divergences[:MOST_NAMED]]
        more = len(self.divergences) - len(named)
        return "\n".join([said, *named, *([f"  and {more} more"] if more > 0 else [])])


def summary(checks: Sequence[Check]) -> str:
    """All checks in one line: how many events and decisions, and how many divergences."""
    counts = {check.name: check.count for check in checks}
    divergences = sum(len(check.divergences) for check in checks)
    return f"{counts['commitments']:,} events, {counts['decisions']:,} decisions, {divergences} divergences"


def _silent(name: str, done: int, total: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class Verification:
    """What came out: every check, over how many events, the root that they give, and the rules that were applied."""

    checks: list[Check]
    size: int
    root: bytes
    rules: tuple[str, ...]
    """Policies and instruments that events name, with the digests of their bodies."""

    @property
    def fine(self) -> bool:
        """Whether nothing differs."""
        return all(check.fine for check in self.checks)


def verify(service: Verified, progress: Progress = _silent, kept: Sequence[Checkpoint] = ()) -> list[Check]:
    """Every check, in order. It changes nothing; the head is taken once, what comes later is not looked at.

    ``kept``: checkpoints of the log that were kept elsewhere; the ledger has to agree with them too.
    """
    return verified(service, progress, kept).checks


def verified(service: Verified, progress: Progress = _silent, kept: Sequence[Checkpoint] = ()) -> Verification:
    """The same, with what was verified."""
    log = LogCheck(service.log, kept)
    head = service.ledger.recorder.head()[0]
    sweep = _Sweep(service, head, progress, log)
    sweep.run()
    decisions = _decisions(service, sweep, progress)
    models = _models(service.projector, head, progress)
    first = [sweep.commitments, sweep.order, sweep.readable, _logged(log, head)]
    checks = [*first, decisions, models, _published(sweep.directories), *_cited(service, sweep, progress)]
    rules = sorted(f"{name} {sha256}" for sha256, name in sweep.bodies.items())
    return Verification(checks, head, log.root(), tuple(rules))


def _logged(log: LogCheck, head: int) -> Check:
    """What the log signed, held against the events."""
    check = Check("log", "events under a signed checkpoint", log.count(), divergences=list(log.divergences()))
    check.note = f" (of {head:,})" if log.count() < head else ""
    return check


def _published(directories: DirectoryCheck) -> Check:
    """Every directory that was published, made again from the events before it, and its file."""
    check = Check("directories", "published directories made again", directories.count)
    check.divergences += directories.divergences()
    return check


class _Sweep:
    """One reading of the whole ledger, in order, and what it finds cited."""

    def __init__(self, service: Verified, head: int, progress: Progress, log: LogCheck) -> None:
        self.recorder = service.ledger.recorder
        self.head, self.progress, self.log = head, progress, log
        self.directories = DirectoryCheck(service.snapshots, head)
        self.commitments = Check("commitments", "events whose digest was computed again")
        self.order = Check("order", "positions without a gap and versions in sequence")
        self.readable = Check("readable", "events of known types")
        self.evaluated: dict[str, None] = {}
        """Programs with a recorded evaluation, in the order of their first."""
        self.texts: dict[str, str] = {}
        self.documents: dict[str, str] = {}
        self.bodies: dict[str, str] = {}
        self.writers: dict[str, str] = {}
        """Who wrote a text first, or handed a document in."""
        self.erased: dict[str, set[str]] = {}
        """Who was erased, by their id, and everything that was erased with them."""
        self._versions: dict[str, int] = {}

    def run(self) -> None:
        """Read everything up to the head."""
        position = 0
        while facts := self.recorder.read(position, BATCH, self.head):
            for fact in facts:
                self._see(fact, position)
                position = fact.position
            for check in (self.commitments, self.order, self.readable):
                check.count += len(facts)
            self.progress("events", position, self.head)
        if position != self.head:
            self.order.note_divergence(f"the ledger ends at {position}, not at {self.head}")

    def _see(self, fact: StoredFact, before: int) -> None:
        stream, version, computed = fact.stream, fact.version, commitment(fact)
        self.log.see(fact.position, computed, fact.commitment)
        if computed != fact.commitment:
            self.commitments.note_divergence(f"{_place(fact)}: the row is not what was committed to")
        if fact.position != before + 1:
            self.order.note_divergence(f"{_place(fact)}: follows position {before}")
        if version != (last := self._versions.get(stream, 0)) + 1:
            self.order.note_divergence(f"{_place(fact)}: follows version {last}")
        self._versions[stream] = version
        try:
            event = decode(fact.type, fact.state)
            self._note(fact, event)
        except (LookupError, msgspec.MsgspecError) as error:
            self.readable.note_divergence(f"{_place(fact)}: {error}")
            self.directories.unreadable(stream, version, fact.position, computed)
        else:
            if self.directories.waits:
                self.directories.see(Recorded(fact, event), computed)

    def _note(self, fact: StoredFact, event: Event) -> None:
        for one in cited(event):
            if isinstance(one, TextRef):
                self.texts[one.id] = one.digest
                self.writers.setdefault(one.id, fact.actor_person)
            else:
                self.bodies[one.sha256] = str(one)
        if isinstance(event, PersonErased):
            mine = {one for one, writer in self.writers.items() if writer == event.person}
            self.erased[event.person] = {event.person, *(mine if event.scope == "record_and_writings" else ())}
        if isinstance(event, DocumentUploaded):
            self.documents[event.document_id] = event.digest
            self.writers.setdefault(event.document_id, fact.actor_person)
        if isinstance(event, TierEligibilityEvaluated):
            self.evaluated[fact.stream] = None


def _place(fact: StoredFact) -> str:
    return f"position {fact.position} ({fact.stream}@{fact.version} {fact.type})"


def _decisions(service: Verified, sweep: _Sweep, progress: Progress) -> Check:
    """Every recorded evaluation made again from the events before it, and every decision held against its evaluation."""
    check = Check("decisions", "decisions derived again")
    programs = [stream.partition(":")[2] for stream in sweep.evaluated]

    def told(done: int) -> None:
        progress("decisions", done, len(programs))

    for one in rederived(service.ledger, service.database.app_dsn, programs, sweep.head, told):
        check.count += one.decisions
        check.divergences += one.divergences
    return check


def _models(projector: Projector, head: int, progress: Progress) -> Check:
    """Every read model built again out of sight and compared; events that wait are divergences too."""
    check = Check("read models", "read models compared with a rebuild")
    check.count = len(projector.positions())
    try:
        projector.catch_up()
    except psycopg.Error as error:  # a ledger whose past was changed cannot be followed any more
        check.note_divergence(f"they cannot follow the ledger: {type(error).__name__}")
    for difference in projector.verify(progress=lambda done, total: progress("read models", done, total)):
        check.note_divergence(str(difference))
    for model, parked in projector.parked().items():
        check.note_divergence(f"{model}: {len(parked)} events wait, the first at position {parked[0].position}")
    return check


def _cited(service: Verified, sweep: _Sweep, progress: Progress) -> Iterator[Check]:
    """Everything that events name by its digest is there and has that digest, unless it was erased on purpose."""
    documents = Check("documents", "documents read and hashed again")
    meant = set[str]().union(*sweep.erased.values())
    _each(documents, sweep.documents, lambda one, digest: _document(service.documents, one, digest), progress, meant)
    yield documents
    words = Check("words", "texts opened and hashed again")
    _each(words, sweep.texts, lambda one, digest: _text(service.vault, one, digest), progress, meant)
    yield words
    bodies = Check("bodies", "policies and instruments found by their hash")
    for sha256, name in sweep.bodies.items():
        bodies.count += 1
        if service.ledger.recorder.artifact(bytes.fromhex(sha256)) is None:
            bodies.note_divergence(f"{name}: its body {sha256[:12]} is gone")
    yield bodies
    yield _erasures(service.vault, sweep)


def _erasures(vault: Vault, sweep: _Sweep) -> Check:
    """Whoever was erased cannot be read any more, nor what was erased with them."""
    check = Check("erasures", "people erased")
    for person, erased in sweep.erased.items():
        check.count += 1
        if left := sum(map(vault.readable, erased)):
            check.note_divergence(f"{person}: {left} of {len(erased)} keys are there again; they go when nqms opens")
    return check


Look = Callable[[str, str], str | None]
"""What is wrong with something of an id that should have a digest; "erased" for what is unreadable for good."""


def _each(check: Check, cited: dict[str, str], look: Look, progress: Progress, meant: Collection[str]) -> None:
    """``meant``: what recorded erasures took; anything else that is unreadable was destroyed, not erased."""
    erased = 0
    for n, (one, digest) in enumerate(cited.items(), 1):
        found = look(one, digest)
        check.count += 1
        erased += found == "erased" and one in meant
        if found == "erased" and one not in meant:
            check.note_divergence(f"{one}: its key was destroyed, by no erasure that was recorded")
        elif found and found != "erased":
            check.note_divergence(f"{one}: {found}")
        if n % BATCH == 0:
            progress(check.name, n, len(cited))
    check.note = f" ({erased:,} erased)" if erased else ""


def _document(store: DocumentStore, document_id: str, digest: str) -> str | None:
    try:
        if store.present(document_id, digest):
            return None
        store.open(document_id)
    except ErasedDocument:
        return "erased"
    except (UnknownDocument, MissingKey) as error:
        return f"it is gone: {type(error).__name__}"
    except Exception as error:  # noqa: BLE001  whatever is wrong with one document, the others are looked at
        return f"it cannot be read: {type(error).__name__}"
    return "its content is not what was handed in"


def _text(vault: Vault, text_id: str, digest: str) -> str | None:
    try:
        found = vault.preimage(text_id)
    except (UnknownSecret, MissingKey, DamagedSecret) as error:
        return f"it is gone: {type(error).__name__}"
    if found is None:
        return "erased"
    return None if text_digest(*found) == digest else "its words are not what was recorded"
