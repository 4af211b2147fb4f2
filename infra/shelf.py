"""The shelf: what is published, pinned for one request. Affiliates, schemes and families are folded from their
streams and kept in memory; each request looks first whether more was recorded."""

import json
from collections.abc import Iterable
from threading import Lock
from typing import Any

from domain import evolve, fold, initial
from domain.affiliate import Affiliate
from domain.instrument.model import Instrument
from domain.listing import ProgramRegistered
from domain.policy.model import Policy, load
from domain.publishing import Family, Scheme
from domain.shelf import Acts
from domain.transfer import ProgramTransferredToAffiliate
from domain.values import InstrumentRef, PolicyRef
from infra.documents import DocumentStore, UnknownDocument
from infra.facts import FactRecorder
from infra.mapper import decode
from infra.templates import TEMPLATES

BATCH = 1000
PUBLISHED = ("affiliate", "policy", "instrument")
"""Whose streams the catalogue keeps; no rule asks the shelf for others, such as complaints."""
HOMES = {ProgramRegistered.published_name(): "affiliate", ProgramTransferredToAffiliate.published_name(): "to"}
"""The facts that say to which affiliate a program belongs, and the field that does."""


class Catalogue:
    """The states of all affiliates, policies and instruments, as of a position."""

    def __init__(self, recorder: FactRecorder) -> None:
        self._recorder = recorder
        self._lock = Lock()
        self._position = 0
        self._states: dict[str, Any] = {}

    def refreshed(self) -> dict[str, Any]:
        """Every state by stream name, including all that was recorded before this call."""
        with self._lock:
            states = dict(self._states)
            while facts := self._recorder.read_published(self._position, BATCH):
                for fact in facts:
                    aggregate, _, subject = fact.stream.partition(":")
                    if aggregate not in PUBLISHED:
                        continue
                    state = states.get(fact.stream) or initial(aggregate, subject)
                    states[fact.stream] = evolve(state, decode(fact.type, fact.state), fact.version)
                self._position = facts[-1].position
            self._states = states
            return states


class Bodies:
    """Published bodies by hash, decoded once and kept: they never change."""

    def __init__(self, recorder: FactRecorder) -> None:
        self._recorder = recorder
        self._policies: dict[str, Policy] = {}
        self._instruments: dict[str, Instrument] = {}

    def _body(self, sha256: str) -> Any:
        content = self._recorder.artifact(bytes.fromhex(sha256))
        return None if content is None else json.loads(content)

    def policy(self, sha256: str) -> Policy | None:
        """The policy of that hash. PolicyFaults if the body is no policy."""
        if sha256 not in self._policies and (body := self._body(sha256)) is not None:
            self._policies[sha256] = load(body)
        return self._policies.get(sha256)

    def instrument(self, sha256: str) -> Instrument | None:
        """The instrument of that hash. pydantic.ValidationError if the body is none."""
        if sha256 not in self._instruments and (body := self._body(sha256)) is not None:
            self._instruments[sha256] = Instrument.model_validate(body)
        return self._instruments.get(sha256)


class LedgerShelf:
    """``domain.language.Shelf`` over a ledger, for one request; it notes the versions of what the rules looked at."""

    def __init__(
        self, states: dict[str, Any], bodies: Bodies, documents: DocumentStore | None, recorder: FactRecorder
    ) -> None:
        self._states, self._bodies, self._documents, self._recorder = states, bodies, documents, recorder
        self.looked_at: dict[str, int] = {}

    def _state(self, stream: str) -> Any:
        state = self._states.get(stream)
        self.looked_at[stream] = state.version if state else 0
        return state

    def policy(self, ref: PolicyRef) -> Policy | None:
        """The policy of that hash."""
        return self._bodies.policy(ref.sha256)

    def instrument(self, ref: InstrumentRef) -> Instrument | None:
        """The instrument of that hash."""
        return self._bodies.instrument(ref.sha256)

    def scheme(self, code: str) -> Scheme | None:
        """The published versions of a scheme's policy."""
        return self._state(f"policy:{code}")

    def family(self, code: str) -> Family | None:
        """The published versions of an instrument."""
        return self._state(f"instrument:{code}")

    def affiliate(self, code: str) -> Affiliate | None:
        """An affiliate with its staff."""
        return self._state(f"affiliate:{code}")

    def affiliates(self) -> Iterable[Affiliate]:
        """Every affiliate; what is looked up among all is not pinned."""
        return [s for s in self._states.values() if isinstance(s, Affiliate)]

    def schemes(self) -> Iterable[Scheme]:
        """Every scheme."""
        return [s for s in self._states.values() if isinstance(s, Scheme)]

    def zones(self) -> list[str]:
        """Every time zone in which a day can matter: the affiliates' and their policies' (M20)."""
        refs = (PolicyRef(s.code, p.version, p.sha256) for s in self.schemes() for p in s.published)
        policies = (self.policy(ref) for ref in refs)
        return sorted({a.timezone for a in self.affiliates()} | {p.timezone for p in policies if p})

    def template(self, code: str) -> str | None:
        """The hash of a template's text."""
        template = TEMPLATES.get(code)
        return template.sha256 if template else None

    def document(self, program_id: str, document_id: str) -> Any:
        """What was received for a program under that id, or None."""
        if self._documents is None:
            return None
        try:
            described = self._documents.describe(document_id)
        except UnknownDocument:
            return None
        return described if described.program == program_id else None

    def program_home(self, program_id: str) -> str | None:
        """The affiliate that a registered program belongs to now, or None; what is looked up is not pinned."""
        moves = [f for f in self._recorder.read_stream(f"program:{program_id}") if f.type in HOMES]
        return getattr(decode(moves[-1].type, moves[-1].state), HOMES[moves[-1].type]) if moves else None

    def acts_of(self, person: str) -> Iterable[Acts]:
        """What a person did, and is named in, program by program; the programs are pinned."""
        about = [f for f in self._recorder.read_about(person) if f.stream.startswith("program:")]
        for stream in dict.fromkeys(f.stream for f in about):
            mine = [(f.actor_person, decode(f.type, f.state)) for f in about if f.stream == stream]
            every = [decode(f.type, f.state) for f in self._recorder.read_stream(stream)]
            self.looked_at[stream] = len(every)
            did = tuple(event for who, event in mine if who == person)
            yield Acts(fold(initial("program", stream.partition(":")[2]), every), tuple(e for _, e in mine), did)
