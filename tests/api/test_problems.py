"""The one table from sorts of no to numbers: complete, stable, without anything of the inside."""

import ast
import re
from pathlib import Path

import pytest

import api
import domain  # noqa: F401  declares every refusal
from api.problems import FAULTS, STATUS, TITLES, Problem, catalogue, pointer, problem_of, responses, status_of, title_of
from domain.language import REFUSALS, Kind
from infra.documents import DocumentRefused
from infra.documents import Problem as Fault
from infra.ledger import StaleVersion
from infra.outage import OUTAGES
from infra.records import CommandReused, LedgerBusy, OutcomeUnknown, StateTooLarge, StreamTooLong, VersionConflict
from tests.api.conftest import Desk


def test_every_sort_of_no_has_a_number_and_words() -> None:
    assert set(STATUS) == set(TITLES) == set(Kind)
    assert STATUS[Kind.NOT_ALLOWED] == 403
    assert STATUS[Kind.UNKNOWN] == 404


def test_every_refusal_of_the_rules_is_translated() -> None:
    assert len(REFUSALS) > 100
    for code in REFUSALS:
        assert status_of(code) in (403, 404, 409, 422)
        assert title_of(code)


def test_no_code_means_two_things() -> None:
    assert set(REFUSALS) & set(FAULTS) == set()
    assert [one["code"] for one in catalogue()] == sorted({*REFUSALS, *FAULTS})


def test_every_code_that_the_doors_use_is_declared() -> None:
    folder = Path(api.__file__).parent
    used = {
        node.args[0].value
        for file in folder.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Problem"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert used
    assert used - set(FAULTS) == set()


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (StaleVersion(3, 5), 412, "STALE_VERSION"),
        (CommandReused(__import__("uuid").uuid4()), 422, "KEY_REUSED"),
        (LedgerBusy("busy"), 503, "LEDGER_BUSY"),
        (OutcomeUnknown(__import__("uuid").uuid4()), 503, "OUTCOME_UNKNOWN"),
        (VersionConflict("program:x", 1, 2), 409, "CHANGED_MEANWHILE"),
        (StreamTooLong("program:x"), 422, "LEDGER_FULL"),
        (StateTooLarge("program:x", "X.v1", 40_000), 422, "UNFIT_TO_RECORD"),
        (DocumentRefused((Fault("TOO_LARGE", "too large"),)), 413, "TOO_LARGE"),
        (DocumentRefused((Fault("EMPTY", "empty"),)), 422, "DOCUMENT_REFUSED"),
        (OUTAGES[0]("could not connect to postgresql://user:secret@host"), 503, "DATABASE_UNREACHABLE"),
        (KeyError("secret"), 500, "INTERNAL"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_exception_that_stands_for_a_no(error: Exception, status: int, code: str) -> None:
    problem = problem_of(error)
    assert (problem.status, problem.code) == (status, code)
    assert "secret" not in str(problem.body())
    assert (status == 503) == ("Retry-After" in problem.headers)


def test_a_problem_has_the_fields_of_the_standard() -> None:
    body = Problem("NOT_FOUND", "There is nothing here.").body()
    assert body["type"] == "/api/v1/problems#NOT_FOUND"
    assert body["status"] == 404
    assert set(body) == {"type", "title", "status", "detail", "code", "reasons"}


def test_pointers_escape_what_they_must() -> None:
    assert pointer(("a/b", "c~d", 0)) == "/a~1b/c~0d/0"


def test_routes_describe_problems_by_their_schema() -> None:
    assert set(responses(404, 422)) == {404, 422}


def test_the_catalogue_is_public(read_only: Desk) -> None:
    told = read_only.client().get("/problems").json()["problems"]
    assert {"code": "NOT_FOUND", "status": 404, "sort": "door", "says": "There is nothing here"} in told


@pytest.mark.req("H6")
def test_the_description_is_openapi_3_1_and_whole(read_only: Desk) -> None:
    described = read_only.client().get("/openapi.json").json()
    assert re.fullmatch(r"3\.1\.\d+", described["openapi"])
    references = set(
        re.findall(r'"\$ref": ?"#/components/schemas/([^"]+)"', read_only.client().get("/openapi.json").text)
    )
    assert references - set(described["components"]["schemas"]) == set()
    operations = [one for path in described["paths"].values() for one in path.values()]
    names = [one["operationId"] for one in operations]
    assert len(set(names)) == len(names)
    assert all(one["responses"] and one.get("summary") for one in operations)
    rate = described["paths"]["/api/v1/programs/{id}/rate-item"]["post"]
    assert rate["tags"] == ["assessment"]
    assert rate["description"].startswith("Rate one item")
    assert "application/problem+json" in rate["responses"]["409"]["content"]
    schema = described["components"]["schemas"]["RateItem"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["reason"]["anyOf"][0] == {"type": "string", "minLength": 1, "maxLength": 20000}
