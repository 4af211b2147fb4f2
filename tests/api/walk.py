"""Everything that a visitor without a name can read, walked from the application's own list of routes.

No route is named here. Whatever part of an address stands in braces is filled with every id that there is in the world;
every query parameter is tried by what the description says of it; pages are turned to the end. What comes back, whatever
its status, is searched for what must never be public.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any
from urllib.parse import quote, unquote

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from httpx import Response

from domain.values import PERSON, TEXT_MARKER
from infra.clock import CLOCK
from infra.library import shipped_instruments
from tests.api.client import Client
from tests.api.later import COMPLAINANT, Later

REFUSED = (401, 403, 404)
SOMEBODY = re.compile(rf"(?<![\w./@-]){PERSON.pattern}\b")
EXAMPLES = frozenset({"p_0123abcd"})
"""Ids that a sentence about ids shows."""
JUDGED = frozenset(
    {
        *("rating", "ratings", "in_practice", "quality", "answers", "determinations", "baseline", "achieved", "target"),
        *("actor", "actor_person", "decider", "reviewer", "reported_by", "person", "people", "names", "declarations"),
        *("statement", "narrative", "identity", "complainant", "complaint_id", "note", "reason", "reasons", "digest"),
    }
)
"""Names of fields that tell of judgements, persons or words, in the records and in the answers for those entitled."""
CONTRACT = ("/asyncapi.json", "/schemas/events/{type}.json", "/schemas/{row}.json")
RULES = (*CONTRACT, "/openapi.json", "/api/v1/problems", "/api/v1/policies/{scheme}/{version}", "/api/v1/instruments/{family}/{version}")  # fmt: skip
"""What is published before anybody takes part: it speaks of such fields in general. The rest of the search holds there too."""
SHORTEST = 8
"""Texts shorter than this many characters are words that stand anywhere."""


@dataclass
class Secrets:
    """What must never be public: every id of a person, every name and address, every sealed text, every reference."""

    ids: set[str] = field(default_factory=set[str])
    words: set[str] = field(default_factory=set[str])


def secrets_of(later: Later) -> Secrets:
    """Taken from every event that there is, so that nothing has to be listed; without what instruments give as examples."""
    service, found = later.desk.service, Secrets()
    instruments = [instrument.model_dump(mode="json") for instrument in shipped_instruments().values()]
    published = "\n".join(value for value in _values(instruments) if isinstance(value, str))
    facts = service.ledger.recorder.read(0, 100_000)
    texts: set[str] = set()
    people = {COMPLAINANT, *later.desk.door.people.values()}
    for fact in facts:
        people |= set(SOMEBODY.findall(f"{fact.actor_person} {fact.on_behalf_of}"))
        for value in _values(json.loads(fact.state)):
            if isinstance(value, dict) and set(value) == {"id", "digest"}:
                texts.add(value["id"])
                found.ids.add(value["digest"])
            elif isinstance(value, str) and SOMEBODY.fullmatch(value):
                people.add(value)
        if fact.type == "DocumentUploaded.v1":
            found.ids.add(json.loads(fact.state)["document_id"])
        if fact.stream.startswith("complaint:"):
            found.ids.add(fact.stream.removeprefix("complaint:"))
    people -= {
        CLOCK
    }  # the service's own clock is nobody; it stands in the event that vouches for a published directory
    found.ids |= people | texts
    words = {text for text in service.vault.open_many(texts).values() if text and len(text) >= SHORTEST}
    found.words |= {text for text in words if text not in published}
    for record in service.vault.people(people).values():
        found.words |= {record.name, record.email} if record else set()
    return found


def _values(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, (dict, list)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _values(one)


def _keys(value: Any) -> set[str]:
    return {name for one in _values(value) if isinstance(one, dict) for name in one}


@dataclass
class Walk:
    """Walks one application over one world."""

    app: FastAPI
    later: Later
    secrets: Secrets
    asked: dict[str, int] = field(default_factory=dict[str, int])
    """How many answers were read, by route."""
    open_routes: set[str] = field(default_factory=set[str])
    """Routes that answered somebody without a name."""
    leaks: set[str] = field(default_factory=set[str])
    """What was found, each with the route."""

    def __post_init__(self) -> None:
        self.client = Client(self.app, host="192.0.2.10")
        self.ids, self.owners = _ids(self.later), _owners(self.later)

    def everything(self) -> "Walk":
        """Every route that reads, then every one that takes something, with nothing in it."""
        for path, methods in routes_of(self.app):
            for method in sorted(methods & {"GET", "POST"}):
                self.route(method, path)
        return self

    def route(self, method: str, path: str) -> None:
        """One route with everything that can stand in its address, and its parameters one by one."""
        described = self.app.openapi()["paths"].get(path, {}).get(method.lower(), {})
        names = re.findall(r"{(\w+)(?::\w+)?}", path)
        queries = list(_queries(described, self.later)) if method == "GET" else [{"preview": "true"}]
        every = [self._fillings(method, name) for name in names]
        if len(names) > 1 and every[-1] is self.ids:
            every[:-1] = [self.owners] * (len(names) - 1)  # what lies within something lies within one of these
        for filled in product(*every):
            address = path
            for name, value in zip(names, filled, strict=True):
                address = re.sub(rf"{{{name}(:\w+)?}}", quote(value, safe=":@"), address)
            self._ask(method, path, address, queries)

    def _fillings(self, method: str, name: str) -> list[str]:
        """Every id of the world; of the things with a version only their own. What is posted is not read by its id."""
        known = {"version": ["1", "2", "2012.1", "2014.1"], "kind": ["mou", "statement", "policies"]}
        known |= {"path": ["0/000", "entries/000", "entries/001", "../keys"], "number": ["1"]}
        return known.get(name) or (self.ids if method == "GET" else [self.later.mill.program_id])

    def _ask(self, method: str, path: str, address: str, queries: list[dict[str, str]]) -> None:
        for n, query in enumerate(queries):
            answer = self._sent(method, address, query)
            self._searched(path, answer)
            if n == 0 and answer.status_code in REFUSED:
                return  # whoever is not let in without parameters is not let in with them
            while answer.is_success and (after := _next(answer)):
                answer = self._sent(method, address, {**query, "cursor": after})
                self._searched(path, answer)

    def _sent(self, method: str, address: str, query: dict[str, str]) -> Response:
        if method == "GET":
            return self.client.http.get(address, params=query)
        body = {"ids": self.ids} if address.endswith(":lookup") else {}
        return self.client.http.post(address, json=body, params=query)

    def _searched(self, path: str, answer: Response) -> None:
        self.asked[path] = self.asked.get(path, 0) + 1
        if answer.status_code >= 500:
            self.leaks.add(f"{path}: fails with {answer.status_code}")
        if answer.is_success:
            self.open_routes.add(path)
        # What the visitor wrote may come back.
        mine = unquote(str(answer.url)) + answer.request.content.decode()
        for said in _said(answer):
            found = [one for one in self.secrets.ids | self.secrets.words if one in said and one not in mine]
            found += [one for one in SOMEBODY.findall(said) if one not in (*EXAMPLES, CLOCK) and one not in mine]
            found += TEXT_MARKER.findall(said)
            self.leaks |= {f"{path}: tells {one}" for one in found}
        if answer.is_success and path not in RULES:
            self.leaks |= {f"{path}: has the field {name}" for name in _keys(_read(answer)) & JUDGED}


def routes_of(app: FastAPI) -> list[tuple[str, set[str]]]:
    """Every address that the application answers, described or not, with its methods.

    ValueError for anything that answers without either: a folder or a socket that nobody has thought of here.
    """
    found = [(route.path, route.methods) for route in iter_route_contexts(app.routes)]
    if any(not path or not methods for path, methods in found):
        raise ValueError(f"a route without an address or methods of its own cannot be walked: {found}")
    return [(str(path), set(methods or ())) for path, methods in found]


def _said(answer: Response) -> Iterable[str]:
    """What an answer says, in its body and in its headers, as people would read it."""
    read = _read(answer)
    body = json.dumps(read, ensure_ascii=False) if read is not None else answer.text
    return body.replace('\\"', '"').replace("\\n", "\n"), *(
        f"{name}: {value}" for name, value in answer.headers.items()
    )


def _read(answer: Response) -> Any:
    kind = answer.headers.get("content-type", "")
    if "json" not in kind or not answer.content:
        return None
    lines = answer.text.splitlines() if "jsonl" in kind or "ndjson" in kind else [answer.text]
    return [json.loads(line) for line in lines] if len(lines) > 1 else json.loads(lines[0])


def _next(answer: Response) -> str | None:
    read = _read(answer)
    return read.get("next") if isinstance(read, dict) else None


def _owners(later: Later) -> list[str]:
    """Programs and affiliates."""
    programs = {later.mill.program_id, *(journey.program_id for journey in later.desk.journeys.values())}
    return sorted(programs | {one.affiliate_id for one in later.desk.service.ledger.shelf().affiliates()})


def _ids(later: Later) -> list[str]:
    """Every id that somebody might put into an address."""
    desk, shelf = later.desk, later.desk.service.ledger.shelf()
    decisions = {one.dossier.decision_id for one in desk.service.reading.decisions(limit=200).rows}
    schemes = {scheme.code for scheme in shelf.schemes()}
    documents = {next(iter(journey.documents.values()), "") for journey in desk.journeys.values()} - {""}
    people = {desk.journeys["lake"].id_of("lead"), later.panelist()}
    others = {later.appeal_id, later.complaint, later.about_affiliate, later.workshop_id, later.goal_id, "NQMS"}
    others |= {"TierGranted.v1", "nqms.partner.v1", later.desk.service.snapshots.published().event.day.isoformat()}
    return sorted({*_owners(later)} | decisions | schemes | documents | people | others)


def _queries(described: dict[str, Any], later: Later) -> Iterator[dict[str, str]]:
    """Nothing but what has to be there; then every parameter with everything that it is tried with."""
    params = [p for p in described.get("parameters", ()) if p["in"] == "query" and p["name"] != "cursor"]
    tried = {p["name"]: _tried(p, later) for p in params}
    needed = [p["name"] for p in params if p.get("required")]
    for values in product(*(tried[name] for name in needed)):
        first = dict(zip(needed, values, strict=True))
        yield first
        for name in (name for name in tried if name not in needed):
            yield from ({**first, name: value} for value in tried[name])


def _tried(parameter: dict[str, Any], later: Later) -> list[str]:
    """Values for one parameter: by its sort where that says all, else by its name, else words of the world."""
    desk, schema = later.desk, parameter["schema"]
    forms = schema.get("anyOf", [schema])
    today = desk.clock.today
    for form in forms:
        if "enum" in form:
            return list(form["enum"])
        if form.get("type") == "boolean":
            return ["true", "false"]
        if form.get("format") == "date":
            return [today.isoformat(), today.replace(year=today.year - 1).isoformat(), f"{today.year + 4}-06-01"]
    named = {
        "limit": ["1", "200"],
        "at_least": [str(desk.head)],
        "as_known": [str(desk.head), str(desk.head // 2), desk.clock.today.isoformat() + "T00:00:00Z"],
        "scheme": [scheme.code for scheme in desk.service.ledger.shelf().schemes()],
        "affiliate": [affiliate.affiliate_id for affiliate in desk.service.ledger.shelf().affiliates()],
        "program": [later.mill.program_id, desk.journeys["lake"].program_id],
        "tier": ["expert", "gold_star"],
        "place": ["US-MN", "MN"],
        "section": ["A"],
    }
    if parameter["name"] in named:
        return named[parameter["name"]]
    if any(form.get("type") == "integer" for form in forms):
        return ["0", "1", str(today.year)]
    return ["e", "M", desk.journeys["lake"].program.lead]
