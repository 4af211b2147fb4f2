"""Bulk registration: the programs of a CSV file, all or nothing, with a report row by row.

Every row is decided on first, against the ledger and against the rows before it. Only when all are fine is anything
written, in one transaction.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Any
from uuid import uuid4

from pydantic import ValidationError

from api.cli_session import Wrong
from api.identity import Visitor
from api.problems import invalid_body
from domain import Decided, decide, evolve, initial
from domain.language import Actor as Acting
from domain.language import Command, Context, Event, Refusal
from domain.listing import DUPLICATE_LISTING, ApproveListing, RegisterProgram
from domain.status import ImportHistoricalStatus
from domain.values import TextRef
from infra.ledger import occurred_on, provenance
from infra.mapper import encode
from infra.records import Actor, Append, Claim, NewEvent
from infra.shelf import LedgerShelf
from infra.vault import PersonRecord, Sealed, new_id, seal
from infra.wiring import Service

REQUIRED = ("name", "affiliate", "jurisdiction", "city", "began_operating_on", "models", "ages", "connector_ref")
STATUS = ("scheme", "tier", "label", "valid_from", "source")
LEAD = ("lead_name", "lead_email")
KNOWN = (*REQUIRED, *STATUS, *LEAD, "valid_until", "legal_name", "parent_org", "website", "ein")
PLACEHOLDER = "p_notyetentered"
"""Stands for a lead while rows are tried; nobody is entered for a file that is not imported."""


@dataclass
class Row:
    """One line of the report."""

    number: int
    """The line in the file, the heading being 1."""
    name: str
    program_id: str
    faults: list[str] = field(default_factory=list[str])


@dataclass
class _Written:
    """What one row comes to: its facts with who acted for each, its claims."""

    program_id: str
    facts: list[tuple[Acting, Event]] = field(default_factory=list[tuple[Acting, Event]])
    claims: list[Claim] = field(default_factory=list[Claim])


def import_programs(service: Service, text: str, who: Visitor) -> list[Row]:
    """Register all programs, or none if any row has a fault. Wrong when the file as a whole cannot be read."""
    records = _records(text)
    rows = [Row(n, values.get("name", ""), new_id()) for n, values in records]
    trial = _Import(service, who)
    for row, (_, values) in zip(rows, records, strict=True):
        lead = PLACEHOLDER if values.get("lead_name") else None
        trial.add(row, values, lead)
    if not any(row.faults for row in rows):
        real = _Import(service, who)
        for row, (_, values) in zip(rows, records, strict=True):
            real.add(row, values, _entered(service, values))
        real.write(rows)
    return rows


def _records(text: str) -> list[tuple[int, dict[str, str]]]:
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        heads = [head.strip() for head in reader.fieldnames or []]
        lines = [(reader.line_num, {**line}) for line in reader]
    except csv.Error as error:
        raise Wrong(f"this is no CSV: line {reader.line_num}: {error}") from None
    missing = [name for name in REQUIRED if name not in heads]
    unknown = [name for name in heads if name not in KNOWN]
    if missing or unknown or not lines:
        said = [f"these columns are missing: {', '.join(missing)}"] if missing else []
        said += [f"these columns are not known: {', '.join(unknown)}"] if unknown else []
        raise Wrong("; ".join(said) or "the file has no rows")
    return [(n, _cells(line)) for n, line in lines]


def _cells(line: Mapping[Any, Any]) -> dict[str, str]:
    """The cells that say something; a row with too many cells keeps them under an empty name."""
    cells = {str(name).strip(): str(value).strip() for name, value in line.items() if name is not None and value}
    return cells | ({"": "surplus"} if None in line else {})


def _entered(service: Service, values: Mapping[str, str]) -> str | None:
    if not values.get("lead_name"):
        return None
    return service.vault.register_person(PersonRecord(name=values["lead_name"], email=values.get("lead_email", "")))


class _Import:
    """Decides on rows one after another, each on what stands in the ledger and on the rows before it."""

    def __init__(self, service: Service, who: Visitor) -> None:
        self.service, self.who = service, who
        self.shelf: LedgerShelf = service.ledger.shelf()
        self.context = Context(
            person=who.acting, now=service.ledger.now(), mint=new_id, shelf=self.shelf, standing=who.standing
        )
        self.texts: list[Sealed] = []
        self.written: list[_Written] = []
        self.claimed: set[Claim] = set()

    def add(self, row: Row, values: Mapping[str, str], lead: str | None) -> None:
        """Decide on one row; what is wrong is noted in it."""
        if "" in values:
            row.faults.append("it has more cells than the heading")
            return
        state, done = initial("program", row.program_id), _Written(row.program_id)
        for command, body in self._requests(row, values, lead):
            before = len(row.faults)
            state = self._decided(row, done, state, command, body)
            if len(row.faults) > before:
                return  # nothing can be said about what would follow
        self.written.append(done)

    def _decided(self, row: Row, done: _Written, state: Any, command: type[Command], body: dict[str, Any]) -> Any:
        try:
            asked = command.model_validate(body, context={"seal": self._seal})
        except ValidationError as error:
            told = invalid_body(error).reasons
            row.faults += [f"{reason['pointer'].strip('/')}: {reason['message']}" for reason in told]
            return state
        answer = decide(state, asked, self.context)
        if isinstance(answer, Refusal):
            row.faults += [str(reason) for reason in answer.reasons]
            return state
        self._claim(row, done, answer)
        for event in answer.events:
            done.facts.append((answer.actor, event))
            state = evolve(state, event, state.version + 1)
        return state

    def _claim(self, row: Row, done: _Written, answer: Decided) -> None:
        for one in answer.claims:
            claim = Claim(one.kind, one.value)
            if claim in self.claimed or self.service.ledger.recorder.claim_holder(one.kind, one.value):
                row.faults.append(DUPLICATE_LISTING.sentence.format(value=one.value))
            self.claimed.add(claim)
            done.claims.append(claim)

    def _seal(self, plain: str) -> TextRef:
        sealed = seal(plain)
        self.texts.append(sealed)
        return TextRef(sealed.id, sealed.digest)

    # --- from cells to requests -----------------------------------------------------------------------------------

    def _requests(
        self, row: Row, values: Mapping[str, str], lead: str | None
    ) -> Iterable[tuple[type[Command], dict[str, Any]]]:
        plain = (
            "affiliate",
            "jurisdiction",
            "city",
            "began_operating_on",
            "connector_ref",
            "parent_org",
            "website",
            "ein",
        )
        body: dict[str, Any] = {name: values[name] for name in plain if name in values}
        body |= {"display_name": values.get("name"), "legal_name": values.get("legal_name", values.get("name"))}
        body |= {"models": _list(values.get("models", "")), "ages": _ages(values.get("ages", "")), "serves_youth": True}
        status = self._status(row, values) if any(name in values for name in STATUS) else None
        yield RegisterProgram, body
        if status:
            yield ImportHistoricalStatus, status
        if lead:
            yield ApproveListing, {"lead": lead}

    def _status(self, row: Row, values: Mapping[str, str]) -> dict[str, Any] | None:
        missing = [name for name in STATUS if name not in values]
        if missing:
            row.faults.append(f"an earlier status also needs {', '.join(missing)}")
            return None
        scheme = self.shelf.scheme(values["scheme"].lower())
        ref = scheme.in_force(date.max) if scheme else None
        policy = self.shelf.policy(ref) if ref else None
        tier = policy.tier(values["tier"]) if policy else None
        if policy is None or tier is None:
            row.faults.append(f"there is no published tier {values['scheme']}/{values['tier']}")
            return None
        return {
            **{name: values[name] for name in (*STATUS, "valid_until") if name in values},
            "scheme": policy.scheme,
            "rank": tier.rank,
            "badge": tier.badge or f"{policy.scheme}-{tier.code}",
            "listing": tier.listing,
            "note": f"Taken over from line {row.number} of a list.",
        }

    # --- writing --------------------------------------------------------------------------------------------------

    def write(self, rows: list[Row]) -> None:
        """Everything in one transaction. A row whose listing number somebody took in this very moment is noted."""
        service = self.service
        assert service.ledger.vault is not None
        service.ledger.vault.keep(self.texts)
        parts = [(row, part) for row, w in zip(rows, self.written, strict=True) for part in self._parts(w)]
        outcomes = service.ledger.recorder.append_all([part for _, part in parts])
        for (row, _), outcome in zip(parts, outcomes, strict=True):
            if isinstance(outcome, Exception):
                row.faults.append(f"{outcome}; somebody was quicker")

    def _parts(self, w: _Written) -> Iterable[Append]:
        """One part for each run of facts by the same actor; each expects what the one before it writes."""
        stream, version = f"program:{w.program_id}", 0
        for actor, run in groupby(w.facts, key=lambda fact: fact[0]):
            before = version
            events: list[NewEvent] = []
            for _, event in run:
                version += 1
                day, source = occurred_on(event), provenance(event)
                events.append(NewEvent(stream, version, event.published_name(), encode(event), day, source))
            yield Append(
                events=tuple(events),
                command_id=uuid4(),
                stream=stream,
                request_sha256=hashlib.sha256(b"\n".join(event.state for event in events)).digest(),
                actor=Actor(actor.person, actor.role.value, actor.org),
                expected={**self.shelf.looked_at, stream: before},
                claims=tuple(w.claims) if not before else (),
            )


def _list(cell: str) -> list[str]:
    return [one.strip() for one in cell.replace(";", ",").split(",") if one.strip()]


def _ages(cell: str) -> list[str]:
    return [one.strip() for one in cell.replace("–", "-").split("-")]
