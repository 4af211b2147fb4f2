"""Documents: files handed in as evidence. Bytes were stored before; facts cite their salted digest (S1-12)."""

from typing import ClassVar, Literal

from msgspec.structs import replace

from domain.assessment import editable, instrument_of, item_of, known_items, unsettled
from domain.carrying import not_settled
from domain.language import (
    Context,
    CycleCommand,
    Event,
    Kind,
    Need,
    Outcomes,
    ProgramCommand,
    Role,
    Stage,
    fact,
    found,
    refusal,
)
from domain.program import CycleEvent, Document, Program, with_cycle
from domain.values import Code, Digest, Reference, Text, TextRef

stage = Stage("documents")

DOCUMENT_KNOWN = refusal("DOCUMENT_KNOWN", Kind.OUT_OF_ORDER, "The document {document_id} is entered already.")
DOCUMENT_UNKNOWN = refusal("DOCUMENT_UNKNOWN", Kind.UNKNOWN, "The program has no document {document_id} to use here.")
DOCUMENT_FROZEN = refusal(
    "DOCUMENT_FROZEN", Kind.OUT_OF_ORDER, "The document {document_id} is part of a submission and stays as it is."
)
DOCUMENT_IN_USE = refusal(
    "DOCUMENT_IN_USE", Kind.OUT_OF_ORDER, "The document is linked to {item_ids}; unlink it first."
)
NO_DOCUMENT_ASKED = refusal("NO_DOCUMENT_ASKED", Kind.INVALID, "Item {item_id} asks for no document.")
SAME_DOCUMENT = refusal("SAME_DOCUMENT", Kind.INVALID, "The document {document_id} cannot replace itself.")
NOT_LINKED = refusal("NOT_LINKED", Kind.OUT_OF_ORDER, "The document {document_id} is not linked to item {item_id}.")
ALREADY_LINKED = refusal("ALREADY_LINKED", Kind.OUT_OF_ORDER, "It is linked to item {item_id} already.")
DOCUMENT_INFECTED = refusal("DOCUMENT_INFECTED", Kind.INVALID, "The document {document_id} was found infected.")


class DocumentUploaded(Event):
    """A file was handed in; its bytes lie encrypted in the document store."""

    says = "handed in document {e.document_id} ({e.media_type}, {e.bytes} bytes)"
    document_id: Reference
    digest: Digest
    bytes: int
    media_type: Code


class DocumentScanned(Event):
    """A scanner looked at a file."""

    says = "recorded the scan of document {e.document_id}: {e.verdict}"
    document_id: Reference
    verdict: Literal["clean", "infected"]


class DocumentLinkedToItem(CycleEvent):
    """A document stands as evidence for an item."""

    says = "linked document {e.document_id} to item {e.item_id}"
    document_id: Reference
    item_id: Code


class DocumentUnlinkedFromItem(CycleEvent):
    """A document no longer stands as evidence for an item."""

    says = "unlinked document {e.document_id} from item {e.item_id}"
    document_id: Reference
    item_id: Code


class DocumentReplaced(CycleEvent):
    """A document took the place of another, at every item of the cycle that cited it."""

    says = "replaced document {e.document_id} by {e.by_document_id}: {e.reason}"
    document_id: Reference
    by_document_id: Reference
    reason: TextRef


class DocumentWithdrawn(Event):
    """A document was taken back before it became part of a submission."""

    says = "withdrew document {e.document_id}: {e.reason}"
    document_id: Reference
    reason: TextRef


class UploadDocument(ProgramCommand):
    """Enter a file that was streamed in beforehand; size, type and digest are what the server received."""

    for_outsiders: ClassVar[bool] = True
    by: ClassVar[tuple[Role, ...]] = (
        Role.PROGRAM_STAFF,
        Role.PROGRAM_LEAD,
        Role.REVIEWER,
        Role.AFFILIATE_ADMIN,
    )
    document_id: Reference


class RecordScan(ProgramCommand):
    """Record what a scanner said of a file."""

    by: ClassVar[tuple[Role, ...]] = (Role.CLOCK, Role.AFFILIATE_ADMIN, Role.OPERATOR)
    document_id: Reference
    verdict: Literal["clean", "infected"]


class LinkDocument(CycleCommand):
    """Let a document stand as evidence for an item."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_STAFF, Role.PROGRAM_LEAD)
    document_id: Reference
    item_id: Code


class UnlinkDocument(CycleCommand):
    """Take a document away from an item."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_STAFF, Role.PROGRAM_LEAD)
    document_id: Reference
    item_id: Code


class ReplaceDocument(CycleCommand):
    """Put a document in the place of another at every item that cites it."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_STAFF, Role.PROGRAM_LEAD)
    document_id: Reference
    by_document_id: Reference
    reason: Text


class WithdrawDocument(ProgramCommand):
    """Take a document back that no submission cites."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_STAFF, Role.PROGRAM_LEAD)
    document_id: Reference
    reason: Text


def usable(p: Program, document_id: str) -> Document:
    """A document that is present and not infected."""
    document = p.documents.get(document_id)
    present = document if document and document.state == "present" else None
    document = found(present, DOCUMENT_UNKNOWN, document_id=document_id)
    need = Need()
    need(document.scan != "infected", DOCUMENT_INFECTED, document_id=document_id)
    need.settle()
    return document


def cited(p: Program, document_id: str) -> list[str]:
    """The items, in any cycle, that a document stands for."""
    return [i for c in p.cycles.values() for i, ids in c.links.items() if document_id in ids]


@stage.decide(UploadDocument)
def upload(p: Program, c: UploadDocument, ctx: Context) -> Outcomes:
    """Each file is entered once, by the program it was received for."""
    need = Need()
    need(c.document_id not in p.documents, DOCUMENT_KNOWN, document_id=c.document_id)
    need.settle()
    received = found(ctx.shelf.document(p.program_id, c.document_id), DOCUMENT_UNKNOWN, document_id=c.document_id)
    return [
        DocumentUploaded(
            document_id=c.document_id,
            digest=received.digest,
            bytes=received.bytes,
            media_type=received.media_type,
        )
    ]


@stage.decide(RecordScan)
def record_scan(p: Program, c: RecordScan, ctx: Context) -> Outcomes:
    """A verdict on a file of the program; the same verdict again changes nothing."""
    document = found(p.documents.get(c.document_id), DOCUMENT_UNKNOWN, document_id=c.document_id)
    if document.scan == c.verdict:
        return []
    return [DocumentScanned(document_id=c.document_id, verdict=c.verdict)]


@stage.decide(LinkDocument)
def link(p: Program, c: LinkDocument, ctx: Context) -> Outcomes:
    """Only items that ask for a document take one."""
    cycle = editable(p, c.cycle_id)
    item = item_of(instrument_of(cycle, ctx), c.item_id)
    usable(p, c.document_id)
    need = Need()
    not_settled(need, cycle, item.id)
    need(item.evidence and item.evidence.kind == "document", NO_DOCUMENT_ASKED, item_id=item.id)
    need(c.document_id not in cycle.links.get(item.id, ()), ALREADY_LINKED, item_id=item.id)
    need.settle()
    return [DocumentLinkedToItem(cycle_id=c.cycle_id, document_id=c.document_id, item_id=item.id)]


@stage.decide(UnlinkDocument)
def unlink(p: Program, c: UnlinkDocument, ctx: Context) -> Outcomes:
    """Only while the assessment is open."""
    cycle = editable(p, c.cycle_id)
    need = Need()
    known_items(need, instrument_of(cycle, ctx), (c.item_id,))
    need.settle()
    not_settled(need, cycle, c.item_id)
    linked = c.document_id in cycle.links.get(c.item_id, ())
    need(linked, NOT_LINKED, document_id=c.document_id, item_id=c.item_id)
    need.settle()
    return [DocumentUnlinkedFromItem(cycle_id=c.cycle_id, document_id=c.document_id, item_id=c.item_id)]


@stage.decide(ReplaceDocument)
def replace_document(p: Program, c: ReplaceDocument, ctx: Context) -> Outcomes:
    """Both documents are there, and the old one is cited in this cycle."""
    cycle = editable(p, c.cycle_id)
    usable(p, c.by_document_id)
    need = Need()
    need(c.by_document_id != c.document_id, SAME_DOCUMENT, document_id=c.document_id)
    need.settle()
    found(p.documents.get(c.document_id), DOCUMENT_UNKNOWN, document_id=c.document_id)
    items = [i for i, ids in cycle.links.items() if c.document_id in ids]
    need(items, NOT_LINKED, document_id=c.document_id, item_id="any")
    not_settled(need, cycle, *items)
    need.settle()
    return [fact(DocumentReplaced, c)]


@stage.decide(WithdrawDocument)
def withdraw(p: Program, c: WithdrawDocument, ctx: Context) -> Outcomes:
    """What a submission cites stays; what an item cites is unlinked first."""
    document = p.documents.get(c.document_id)
    present = document if document and document.state == "present" else None
    found(present, DOCUMENT_UNKNOWN, document_id=c.document_id)
    need = Need()
    need(not document or not document.frozen, DOCUMENT_FROZEN, document_id=c.document_id)
    items = cited(p, c.document_id)
    need(not items, DOCUMENT_IN_USE, item_ids=items)
    need.settle()
    return [DocumentWithdrawn(document_id=c.document_id, reason=c.reason)]


def _changed(p: Program, document_id: str, **changes: object) -> Program:
    return replace(p, documents={**p.documents, document_id: replace(p.documents[document_id], **changes)})


@stage.evolve(DocumentUploaded)
def _(p: Program, e: DocumentUploaded, v: int) -> Program:
    return replace(p, documents={**p.documents, e.document_id: Document(digest=e.digest, version=v)})


@stage.evolve(DocumentScanned)
def _(p: Program, e: DocumentScanned, v: int) -> Program:
    return _changed(p, e.document_id, scan=e.verdict, scanned=v)


@stage.evolve(DocumentLinkedToItem)
def _(p: Program, e: DocumentLinkedToItem, v: int) -> Program:
    links = p.cycles[e.cycle_id].links
    linked = {**links, e.item_id: (*links.get(e.item_id, ()), e.document_id)}
    return unsettled(with_cycle(p, e.cycle_id, links=linked), e.cycle_id, e.item_id)


@stage.evolve(DocumentUnlinkedFromItem)
def _(p: Program, e: DocumentUnlinkedFromItem, v: int) -> Program:
    links = p.cycles[e.cycle_id].links
    left = tuple(d for d in links[e.item_id] if d != e.document_id)
    return unsettled(with_cycle(p, e.cycle_id, links={**links, e.item_id: left}), e.cycle_id, e.item_id)


@stage.evolve(DocumentReplaced)
def _(p: Program, e: DocumentReplaced, v: int) -> Program:
    old, new = e.document_id, e.by_document_id
    before = p.cycles[e.cycle_id].links
    links = {i: tuple(dict.fromkeys(new if d == old else d for d in ids)) for i, ids in before.items()}
    return unsettled(with_cycle(p, e.cycle_id, links=links), e.cycle_id, *(i for i in before if old in before[i]))


@stage.evolve(DocumentWithdrawn)
def _(p: Program, e: DocumentWithdrawn, v: int) -> Program:
    return _changed(p, e.document_id, state="withdrawn")
