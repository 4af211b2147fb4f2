"""Documents: entered once they were received, scanned, linked to items that ask for one, replaced or taken back."""

from typing import Any

import pytest

from domain.assessment import ReturnAssessment
from domain.documents import (
    DocumentLinkedToItem,
    DocumentReplaced,
    DocumentScanned,
    DocumentUnlinkedFromItem,
    DocumentUploaded,
    DocumentWithdrawn,
    LinkDocument,
    RecordScan,
    ReplaceDocument,
    UnlinkDocument,
    UploadDocument,
    WithdrawDocument,
)
from domain.program import Phase
from tests.small_world import (
    ADMIN,
    CLOCK,
    DECIDER,
    INSTRUMENT,
    LEAD,
    NATIONAL,
    OPERATOR,
    REVIEWER,
    SOUTH,
    STAFF,
    STRANGER,
    Case,
    attach,
    determined,
    hand_in,
    listed,
    open_,
    rated,
    requested,
    submitted,
    words,
)
from tests.story import given

PLAIN, TEXT, DOCUMENT, *_ = (i.id for i in INSTRUMENT.items)


def linking(c: Case, document_id: str = "doc1", item_id: str = DOCUMENT) -> LinkDocument:
    return LinkDocument(cycle_id=c.cycle_id, document_id=document_id, item_id=item_id)


def unlinking(c: Case, document_id: str = "doc1", item_id: str = DOCUMENT) -> UnlinkDocument:
    return UnlinkDocument(cycle_id=c.cycle_id, document_id=document_id, item_id=item_id)


def replacing(c: Case, old: str = "doc1", new: str = "doc2") -> ReplaceDocument:
    return ReplaceDocument(cycle_id=c.cycle_id, document_id=old, by_document_id=new, reason=words("It is newer."))


def withdrawing(document_id: str = "doc1") -> WithdrawDocument:
    return WithdrawDocument(document_id=document_id, reason=words("The wrong file."))


def scanning(document_id: str, verdict: Any) -> RecordScan:
    return RecordScan(document_id=document_id, verdict=verdict)


def with_file() -> Case:
    c = open_()
    hand_in(c, "doc1")
    return c


def with_unusable(c: Case) -> Case:
    hand_in(c, "sick")
    hand_in(c, "gone")
    return c.must(CLOCK, scanning("sick", "infected")).must(STAFF, withdrawing("gone"))


UNUSABLE = {"phantom": "DOCUMENT_UNKNOWN", "gone": "DOCUMENT_UNKNOWN", "sick": "DOCUMENT_INFECTED"}


@pytest.mark.req("S1-12")
@pytest.mark.parametrize("person", [STAFF, LEAD, REVIEWER, ADMIN])
def test_a_file_that_was_received_is_entered_as_the_server_received_it(person: str) -> None:
    c = listed()
    c.world.receive(c.program_id, "doc1")
    received = c.world.document(c.program_id, "doc1")
    assert received is not None
    story = given(c).when(person, UploadDocument(document_id="doc1"))
    story.then(DocumentUploaded, document_id="doc1", digest=received.digest, bytes=1000, media_type="application/pdf")
    document = c.p.documents["doc1"]
    assert (document.digest, document.version, document.scan) == (received.digest, c.p.version, "unscanned")
    assert (document.state, document.frozen) == ("present", False)


def test_a_file_is_entered_once() -> None:
    given(with_file()).when(STAFF, UploadDocument(document_id="doc1")).refused("DOCUMENT_KNOWN", document_id="doc1")


def test_a_file_is_entered_by_the_program_that_it_was_received_for() -> None:
    c = listed()
    c.world.receive("another", "doc1")
    given(c).when(STAFF, UploadDocument(document_id="doc1")).refused("DOCUMENT_UNKNOWN", document_id="doc1")


@pytest.mark.parametrize("person", [CLOCK, ADMIN, OPERATOR])
def test_a_scanners_verdict_is_recorded_and_changes_only_when_it_changes(person: str) -> None:
    c = with_file()
    given(c).when(person, scanning("doc1", "clean")).unchanged()
    given(c).when(person, scanning("doc1", "infected")).then(DocumentScanned, document_id="doc1", verdict="infected")
    assert (c.p.documents["doc1"].scan, c.p.documents["doc1"].scanned) == ("infected", c.p.version)


def test_only_a_file_of_the_program_is_scanned() -> None:
    given(with_file()).when(CLOCK, scanning("phantom", "clean")).refused("DOCUMENT_UNKNOWN", document_id="phantom")


@pytest.mark.req("S1-12", "S3-04")
def test_a_document_stands_as_evidence_for_an_item_that_asks_for_one() -> None:
    c = with_file()
    story = given(c).when(STAFF, linking(c))
    story.then(DocumentLinkedToItem, cycle_id=c.cycle_id, document_id="doc1", item_id=DOCUMENT)
    assert c.cycle.links == {DOCUMENT: ("doc1",)}
    hand_in(c, "doc2")
    given(c).when(LEAD, linking(c, "doc2")).then(DocumentLinkedToItem)
    assert c.cycle.links == {DOCUMENT: ("doc1", "doc2")}


@pytest.mark.req("S1-12")
@pytest.mark.parametrize("item_id", [PLAIN, TEXT])
def test_other_items_take_no_document(item_id: str) -> None:
    c = with_file()
    given(c).when(STAFF, linking(c, item_id=item_id)).refused("NO_DOCUMENT_ASKED", item_id=item_id)


def test_a_document_is_linked_to_an_item_once() -> None:
    c = rated()
    given(c).when(STAFF, linking(c)).refused("ALREADY_LINKED", item_id=DOCUMENT)


@pytest.mark.parametrize("document_id", UNUSABLE)
def test_what_is_linked_was_handed_in_and_is_clean(document_id: str) -> None:
    c = with_unusable(open_())
    given(c).when(STAFF, linking(c, document_id)).refused(UNUSABLE[document_id], document_id=document_id)


def test_a_document_that_waits_for_its_scan_may_be_linked() -> None:
    c = open_()
    c.world.receive(c.program_id, "doc1")
    c.must(STAFF, UploadDocument(document_id="doc1"))
    given(c).when(STAFF, linking(c)).then(DocumentLinkedToItem)


def test_a_document_is_taken_away_from_an_item() -> None:
    c = rated()
    attach(c, DOCUMENT, "doc2")
    story = given(c).when(STAFF, unlinking(c))
    story.then(DocumentUnlinkedFromItem, cycle_id=c.cycle_id, document_id="doc1", item_id=DOCUMENT)
    assert c.cycle.links == {DOCUMENT: ("doc2",)}


@pytest.mark.parametrize(("document_id", "item_id"), [("doc2", DOCUMENT), ("doc1", PLAIN)])
def test_only_what_is_linked_is_unlinked(document_id: str, item_id: str) -> None:
    c = rated()
    story = given(c).when(STAFF, unlinking(c, document_id, item_id))
    story.refused("NOT_LINKED", document_id=document_id, item_id=item_id)


@pytest.mark.parametrize("change", [linking, unlinking])
def test_links_are_to_items_of_the_instrument(change: Any) -> None:
    c = with_file()
    given(c).when(STAFF, change(c, item_id="Z9")).refused("UNKNOWN_ITEM", item_ids=["Z9"])


def test_a_document_takes_the_place_of_another() -> None:
    c = rated()
    hand_in(c, "doc2")
    story = given(c).when(STAFF, replacing(c))
    story.then(DocumentReplaced, document_id="doc1", by_document_id="doc2", reason=words("It is newer."))
    assert c.cycle.links == {DOCUMENT: ("doc2",)}
    assert c.p.documents["doc1"].state == "present"


def test_a_document_that_stands_there_already_stands_once() -> None:
    c = rated()
    attach(c, DOCUMENT, "doc2")
    attach(c, DOCUMENT, "doc3")
    c.must(STAFF, replacing(c, "doc3", "doc1"))
    assert c.cycle.links == {DOCUMENT: ("doc1", "doc2")}


def test_a_document_replaces_another_that_is_linked_in_this_cycle() -> None:
    c = rated()
    hand_in(c, "doc2")
    hand_in(c, "doc3")
    given(c).when(STAFF, replacing(c, "doc3")).refused("NOT_LINKED", document_id="doc3", item_id="any")
    given(c).when(STAFF, replacing(c, "phantom")).refused("DOCUMENT_UNKNOWN", document_id="phantom")
    for same in ("doc1", "doc3"):
        given(c).when(STAFF, replacing(c, same, same)).refused("SAME_DOCUMENT", document_id=same)


@pytest.mark.parametrize("document_id", UNUSABLE)
def test_what_replaces_was_handed_in_and_is_clean(document_id: str) -> None:
    c = with_unusable(rated())
    given(c).when(STAFF, replacing(c, new=document_id)).refused(UNUSABLE[document_id], document_id=document_id)


def test_an_infected_document_is_replaced() -> None:
    c = rated()
    c.must(CLOCK, scanning("doc1", "infected"))
    hand_in(c, "doc2")
    given(c).when(STAFF, replacing(c)).then(DocumentReplaced)


def test_a_document_is_taken_back_and_cannot_be_used_again() -> None:
    c = with_file()
    story = given(c).when(STAFF, withdrawing())
    story.then(DocumentWithdrawn, document_id="doc1", reason=words("The wrong file."))
    assert c.p.documents["doc1"].state == "withdrawn"
    given(c).when(STAFF, withdrawing()).refused("DOCUMENT_UNKNOWN", document_id="doc1")


def test_a_file_that_was_never_entered_cannot_be_taken_back() -> None:
    given(open_()).when(STAFF, withdrawing("phantom")).refused("DOCUMENT_UNKNOWN", document_id="phantom")


def test_a_document_in_use_is_unlinked_before_it_is_taken_back() -> None:
    c = rated()
    given(c).when(STAFF, withdrawing()).refused("DOCUMENT_IN_USE", item_ids=[DOCUMENT])
    given(c.must(STAFF, unlinking(c))).when(STAFF, withdrawing()).then(DocumentWithdrawn)


def returned() -> Case:
    c = submitted()
    reason = words("Please say more.")
    return c.must(ADMIN, ReturnAssessment(cycle_id=c.cycle_id, item_ids=(PLAIN,), reason=reason, respond_by=c.today))


@pytest.mark.req("S1-14")
def test_what_a_submission_cites_stays() -> None:
    c = submitted()
    given(c).when(STAFF, withdrawing()).refused("DOCUMENT_FROZEN", "DOCUMENT_IN_USE", document_id="doc1")
    c = returned()
    given(c.must(STAFF, unlinking(c))).when(STAFF, withdrawing()).refused("DOCUMENT_FROZEN", document_id="doc1")


CHANGES = (linking, unlinking, replacing)


@pytest.mark.parametrize("change", CHANGES)
def test_links_are_changed_while_the_assessment_is_open(change: Any) -> None:
    c = requested()
    given(c).when(STAFF, change(c)).refused("CYCLE_NOT_OPEN")
    c = submitted()
    given(c).when(STAFF, change(c)).refused("ASSESSMENT_FROZEN", phase=Phase.SUBMITTED)
    c.cycle_id = "imaginary"
    given(c).when(STAFF, change(c)).refused("CYCLE_UNKNOWN", cycle_id="imaginary")


def replaced(c: Case) -> ReplaceDocument:
    hand_in(c, "doc2")
    return replacing(c)


def added(c: Case) -> LinkDocument:
    hand_in(c, "doc2")
    return linking(c, "doc2")


@pytest.mark.parametrize("change", [added, unlinking, replaced])
def test_an_item_with_other_evidence_is_to_be_looked_at_again(change: Any) -> None:
    c = determined()
    items = set(c.cycle.answers)
    reason = words("Please say more.")
    c.must(REVIEWER, ReturnAssessment(cycle_id=c.cycle_id, item_ids=(PLAIN,), reason=reason, respond_by=c.today))
    c.must(STAFF, change(c))
    assert set(c.cycle.review.determinations) == items - {PLAIN, DOCUMENT}


def test_changing_evidence_that_no_one_determined_yet_settles_nothing() -> None:
    c = returned()
    given(c).when(STAFF, unlinking(c)).then(DocumentUnlinkedFromItem)
    assert c.cycle.review.determinations == {}


@pytest.mark.parametrize("person", [DECIDER, SOUTH, NATIONAL, STRANGER])
def test_documents_are_the_programs_and_its_reviewers_business(person: str) -> None:
    c = rated()
    c.world.receive(c.program_id, "doc9")
    for command in (UploadDocument(document_id="doc9"), scanning("doc1", "infected"), withdrawing()):
        given(c).when(person, command).not_allowed()


@pytest.mark.parametrize("person", [REVIEWER, ADMIN, CLOCK])
def test_only_the_program_links_replaces_and_withdraws(person: str) -> None:
    c = rated()
    for command in (*(change(c) for change in CHANGES), withdrawing()):
        given(c).when(person, command).refused("NOT_AUTHORISED")


@pytest.mark.parametrize("person", [STAFF, LEAD, REVIEWER])
def test_no_program_gives_its_own_files_a_clean_bill(person: str) -> None:
    given(with_file()).when(person, scanning("doc1", "infected")).refused("NOT_AUTHORISED")
