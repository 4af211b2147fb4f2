"""What everybody may read holds no rating, no words, no person and no complainant: every route, over a full history."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException, Response
from fastapi.responses import PlainTextResponse

from api.app import create_app
from tests.api.client import Client
from tests.api.later import APPEAL, COMPLAINANT, HARM, IDENTITY, NARRATIVE, Later
from tests.api.walk import Secrets, Walk, routes_of, secrets_of

PUBLIC = {
    *("/", "/openapi.json", "/healthz", "/readyz", "/metrics", "/api/v1/problems"),
    *("/api/v1/affiliates", "/api/v1/affiliates/{id}/workshops", "/api/v1/notices"),
    *("/api/v1/policies", "/api/v1/policies/{scheme}/{version}"),
    *("/api/v1/instruments", "/api/v1/instruments/{family}/{version}"),
    *("/api/v1/partners", "/api/v1/partners/{id}", "/api/v1/partners:lookup", "/api/v1/expiries"),
    *("/log/checkpoint", "/log/key", "/log/tile/{path:path}", "/log/directory/{day}"),
    *("/api/v1/partners/{id}/proof",),
    *("/asyncapi.json", "/schemas/events/{type}.json", "/schemas/{row}.json"),
    *("/api/v1/statistics/members", "/api/v1/statistics/field", "/api/v1/funders/programs"),
}
"""All that answers somebody without a name. Whoever opens another route says so here, and the walk reads it."""


@pytest.fixture(scope="session")
def secrets(later: Later) -> Secrets:
    """What must not be told, taken from the whole ledger."""
    return secrets_of(later)


@pytest.mark.req("H11")
def test_what_is_kept_is_known_to_the_walk(later: Later, secrets: Secrets) -> None:
    assert {HARM, APPEAL, NARRATIVE, IDENTITY} <= secrets.words
    assert {later.panelist(), COMPLAINANT, later.complaint, later.about_affiliate} <= secrets.ids
    assert {way.program.lead for way in later.desk.journeys.values()} <= secrets.words
    assert len(secrets.words) > 60
    assert len(secrets.ids) > 200


@pytest.mark.req("H11", "M19")
def test_no_public_answer_tells_of_ratings_words_persons_or_complainants(later: Later, secrets: Secrets) -> None:
    """Every route there is, with every id in its address and every parameter, asked by nobody in particular."""
    app = create_app(later.desk.service)
    head = later.desk.head
    walk = Walk(app, later, secrets).everything()
    assert walk.leaks == set()
    assert set(walk.asked) == {path for path, methods in routes_of(app) if methods & {"GET", "POST"}}
    assert walk.open_routes == PUBLIC
    assert later.desk.head == head, "nobody in particular recorded anything"


def test_every_route_that_is_described_is_walked(later: Later) -> None:
    app = create_app(later.desk.service)
    walked = {(re.sub(r":\w+}", "}", path), method.lower()) for path, methods in routes_of(app) for method in methods}
    described = {(path, method) for path, one in app.openapi()["paths"].items() for method in one}
    assert described <= walked
    undescribed = {path for path, method in walked - described if method != "head"}
    assert undescribed == {"/", "/openapi.json"}, "parameters are tried by what the description says of them"


def _name(later: Later) -> Any:
    return {"contact": later.desk.journeys["lake"].program.lead}


LEAKS: dict[str, Callable[[Later], Any]] = {
    "a name": _name,
    "an id of a person": lambda later: {"by": later.panelist()},
    "an id of a person that nobody has recorded": lambda _: {"by": "p_0123456789"},
    "words": lambda _: [[f"He wrote: {NARRATIVE}"]],
    "a reason": lambda _: PlainTextResponse(f"# Why\n\n{HARM}"),
    "a reference to words": lambda _: {"says": "suspended the status: [[t_1]]"},
    "a rating": lambda _: {"items": [{"item_id": "A1", "quality": 4}]},
    "who complained": lambda _: {"who": IDENTITY},
    "that there is a complaint": lambda later: {"about": later.about_affiliate},
    "a header": lambda later: Response(headers={"X-Decided-By": later.panelist()}),
    "a fault": lambda later: {}[later.panelist()],
}


@pytest.mark.req("H11")
@pytest.mark.parametrize("what", LEAKS)
def test_a_route_that_leaks_is_found(later: Later, secrets: Secrets, what: str) -> None:
    """The walk would not let a new route through that tells any of it."""
    assert found_in(later, secrets, lambda: LEAKS[what](later), "/whatever") != set()


@pytest.mark.req("H11")
def test_a_leak_behind_an_address_a_parameter_a_page_or_a_refusal_is_found(later: Later, secrets: Secrets) -> None:
    mill = later.mill.program_id

    def of_one(one: str, other: str) -> Any:
        return _name(later) if (one, other) == (mill, later.decision_id) else {}

    def with_words(with_reasons: bool = False) -> Any:
        return _name(later) if with_reasons else {}

    def paged(cursor: str | None = None) -> Any:
        return {"next": {None: "a", "a": "b"}.get(cursor), **(_name(later) if cursor == "b" else {})}

    def refusing() -> Any:
        raise HTTPException(404, headers={"X-Why": HARM})

    assert found_in(later, secrets, of_one, "/things/{one}/others/{other}") != set()
    assert found_in(later, secrets, with_words, "/things") != set()
    assert found_in(later, secrets, paged, "/pages") != set()
    assert found_in(later, secrets, refusing, "/no") != set()
    assert found_in(later, secrets, lambda: {"name": "Millrace Mentors"}, "/fine") == set()


def found_in(later: Later, secrets: Secrets, route: Callable[..., Any], path: str) -> set[str]:
    """What the walk finds on one route that was added to an application."""
    app = FastAPI()
    app.add_api_route(path, route)
    walk = Walk(app, later, secrets)
    walk.route("GET", path)
    return walk.leaks


@pytest.mark.req("H11")
def test_a_leaking_route_of_the_whole_application_is_found(later: Later, secrets: Secrets) -> None:
    app = create_app(later.desk.service)
    app.add_api_route("/api/v1/programs/{id}/contact", lambda id: _name(later))  # noqa: A006
    walk = Walk(app, later, secrets).everything()
    lead = later.desk.journeys["lake"].program.lead
    assert walk.leaks == {f"/api/v1/programs/{{id}}/contact: tells {lead}"}
    assert walk.open_routes - PUBLIC == {"/api/v1/programs/{id}/contact"}


def test_a_folder_of_files_cannot_be_added_unseen(later: Later) -> None:
    app = create_app(later.desk.service)
    app.mount("/files", Client(app).http.app)
    with pytest.raises(ValueError, match="cannot be walked"):
        routes_of(app)
