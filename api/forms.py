"""Printable papers: the sample text of a template with the names of the parties and the code of what it covers (M3, M11)."""

from collections.abc import Callable

from api.problems import Problem
from domain.memorandum import MouDrafted
from domain.program import Program
from domain.signature import FORM_CODE_LENGTH
from domain.statement import StatementOfAccuracyRequested
from infra.mapper import Recorded
from infra.shelf import LedgerShelf
from infra.templates import TEMPLATES

MISSING = {
    "mou": "No memorandum has been drafted that could be printed.",
    "statement": "No Statement of Accuracy has been asked for that could be printed.",
}


def printable(kind: str, program: Program, history: list[Recorded], shelf: LedgerShelf) -> str:
    """The text to print. Problem NOT_FOUND where there is no such paper, or not yet."""
    make = _PAPERS.get(kind)
    if make is None:
        raise Problem("NOT_FOUND", f"There is no paper {kind}; there are {', '.join(_PAPERS)}.")
    found = make(program, history)
    if found is None:
        raise Problem("NOT_FOUND", MISSING[kind])
    template, covers, parties = found
    affiliate = shelf.affiliate(program.listing.affiliate)
    names = {"program": program.listing.display_name, "affiliate": affiliate.name if affiliate else ""}
    named = [names.get(party, party.replace("_", " ")) for party in parties]
    return TEMPLATES[template].text.format(**names, parties=" and ".join(named), form_code=covers[:FORM_CODE_LENGTH])


Paper = tuple[str, str, tuple[str, ...]]
"""Template, digest of what it covers, parties."""


def _memorandum(program: Program, history: list[Recorded]) -> Paper | None:
    standing = {ta.mou.mou_id for ta in program.assistance.values() if ta.mou}
    for one in reversed(history):
        if isinstance(one.event, MouDrafted) and one.event.mou_id in standing:
            return one.event.template, one.event.covers, one.event.parties
    return None


def _statement(program: Program, history: list[Recorded]) -> Paper | None:
    standing = {c.statement.statement_id for c in program.cycles.values() if c.statement}
    for one in reversed(history):
        if isinstance(one.event, StatementOfAccuracyRequested) and one.event.statement_id in standing:
            return one.event.template, one.event.covers, ()
    return None


_PAPERS: dict[str, Callable[[Program, list[Recorded]], Paper | None]] = {"mou": _memorandum, "statement": _statement}
