"""Verbs about what is open and what follows from a tier, over a history with a suspension, an appeal and complaints."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from typer.testing import CliRunner

from api.cli import app
from api.demo import tell
from api.demo.doors import StoryClock
from infra.database import EmbeddedServer, connect, create_schema
from infra.settings import Settings
from infra.wiring import Service, assemble
from tests.api.later import APPEAL, IDENTITY, NARRATIVE, PANEL, Later
from tests.api.test_cli import Shell, nqms, opening
from tests.conftest import TEMPLATE

__all__ = ["nqms"]


@pytest.fixture
def later_on(later: Later, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The command line on the world in which more has happened."""
    return opening(later.desk, monkeypatch)


def rows(shell: Shell, *words: str) -> list[dict[str, Any]]:
    """A verb's JSON, where it is a list."""
    told = shell.json(*words)
    assert isinstance(told, list)
    return told


@pytest.mark.parametrize(
    "verb", ["worklist", "plan", "entitlements", "appeals", "interests", "notices", "field", "clock"]
)
def test_every_verb_says_what_it_is_for(verb: str) -> None:
    said = CliRunner().invoke(app, [verb, "--help"])
    assert said.exit_code == 0
    assert "--format" in said.stdout or verb == "clock"


@pytest.mark.req("M21")
def test_the_work_list_in_words_and_json(later: Later, later_on: Shell) -> None:
    said = later_on("worklist", "--affiliate", "mn").stdout
    assert "Millrace Mentors" in said
    assert "appeal panelist" in said
    assert "Look at the suspension again, and lift it if its ground is gone." in said
    assert "Harbor Light" not in said
    over_http = later.client.get("/worklist", by="operator", affiliate="mn").json()["tasks"]
    assert rows(later_on, "worklist", "--affiliate", "mn") == over_http
    assert {t["role"] for t in rows(later_on, "worklist", "--role", "reviewer")} == {"reviewer"}
    (review,) = rows(later_on, "worklist", "--role", "decider")
    day = (date.fromisoformat(review["due_on"]) + timedelta(days=1)).isoformat()
    (late,) = rows(later_on, "worklist", "--role", "decider", "--overdue", "--as-of", day)
    assert (late["task"], late["overdue"]) == ("review_suspension", True)
    assert later_on("worklist", "--overdue", "--as-of", "2020-01-01").stdout.strip() == "There is nothing to be done."
    assert "there is no affiliate 'zz'; there are " in later_on("worklist", "--affiliate", "zz", code=2).stderr
    assert "is no day" in later_on("worklist", "--as-of", "soon", code=2).stderr
    later_on("worklist", "--role", "king", code=2)


@pytest.mark.req("H10")
def test_a_plan_goal_by_goal(later: Later, later_on: Shell) -> None:
    said = later_on("plan", "lantern").stdout
    assert "mn-qp: running" in said
    assert "Write it down" in said
    (plan,) = rows(later_on, "plan", "lantern", "--as-of", "2035-01-01")
    assert [goal["overdue"] for goal in plan["goals"]] == [True, True]
    reported = next(goal for goal in plan["goals"] if goal["goal_id"] == later.goal_id)
    assert (reported["achieved"], reported["reported_by"]) == (5, later.desk.journeys["lake"].program.staff)
    assert later_on("plan", "millrace").stdout.strip() == "There is no plan."
    later_on("plan", "nosuch", code=2)


@pytest.mark.req("S4-10", "M20")
def test_entitlements_with_their_reasons(later: Later, later_on: Shell) -> None:
    said = later_on("entitlements", "harbor").stdout
    assert "training_vouchers" in said
    assert "It is open to every program." in said
    assert "Closing a match well" in said
    told = later_on.json("entitlements", "harbor")
    harbor = later.desk.journeys["harbor"]
    assert told == later.client.get(f"/programs/{harbor.program_id}/entitlements", by="operator").json()
    before = later_on.json("entitlements", "harbor", "--as-of", "2020-01-01")
    assert isinstance(before, dict)
    assert [one["code"] for one in before["schemes"][0]["benefits"]] == ["calendar_trainings"]
    nothing = later_on("entitlements", "millrace").stdout
    assert "The scheme brings nothing on this day." in nothing
    assert "Workshops to come: None is planned." in nothing


@pytest.mark.req("H11")
def test_appeals_of_all_and_of_one_program(later: Later, later_on: Shell) -> None:
    assert "panel_named" in later_on("appeals").stdout
    assert [one["appeal_id"] for one in rows(later_on, "appeals", "--affiliate", "mn")] == [later.appeal_id]
    assert rows(later_on, "appeals", "--state", "decided") == []
    assert later_on("appeals", "--state", "decided").stdout.strip() == "There are no appeals."
    (told,) = rows(later_on, "appeals", "--program", "millrace")
    assert (told["statement"], told["panel"]) == (APPEAL, list(PANEL)), "whoever opens the database reads the words"
    assert later.decision_id in later_on("appeals", "--program", "millrace").stdout
    later_on("appeals", "--state", "lost", code=2)
    later_on("appeals", "--affiliate", "zz", code=2)


@pytest.mark.req("M19")
def test_the_conflict_register(later: Later, later_on: Shell) -> None:
    said = later_on("interests", "mn").stdout
    assert later.mill.staff.reviewer in said
    assert "board_seat" in said
    assert PANEL[0] in said
    told = later_on.json("interests", "mn", "--as-of", "2020-01-01")
    assert isinstance(told, dict)
    assert [one["runs"] for one in told["interests"]] == [False]
    assert "Register: Nothing is entered." in later_on("interests", "il").stdout
    assert "there is no affiliate 'zz'" in later_on("interests", "zz", code=2).stderr


def test_public_notices(later: Later, later_on: Shell) -> None:
    said = later_on("notices").stdout
    assert "Suspended from" in said
    assert "on the ground of safety of youth." in said
    assert rows(later_on, "notices", "--affiliate", "mn") == later.client.get("/notices").json()["notices"]
    assert later_on("notices", "--affiliate", "il").stdout.strip() == "There are no notices."
    later_on("notices", "--affiliate", "zz", code=2)


@pytest.mark.req("M19")
def test_no_verb_about_programs_tells_of_complainants(later_on: Shell) -> None:
    """What is sealed about who complained, and what they wrote, is in no list and no program's own record."""
    verbs = ("worklist", "appeals", "notices", "interests mn", "appeals --program millrace", "explain millrace --full")
    for verb in (*verbs, "replay millrace", "programs", "decisions"):
        for form in ("text", "json"):
            said = later_on(*verb.split(), "--format", form).stdout
            assert [word for word in (NARRATIVE, IDENTITY) if word in said] == [], verb


@pytest.mark.req("H10")
def test_replay_tells_a_suspension_with_its_own_days(later: Later, later_on: Shell) -> None:
    (status,) = later.client.get(f"/partners/{later.mill.program_id}").json()["statuses"]
    since, through = status["since"], status["through"]
    said = later_on("replay", "millrace").stdout
    assert f"suspended: Expert Partner (mn-qp/expert) from {since} through {through}" in said
    before = (date.fromisoformat(since) - timedelta(days=1)).isoformat()
    said = later_on("replay", "millrace", "--as-of", before).stdout
    assert "active: Expert Partner (mn-qp/expert) from " in said
    after = (date.fromisoformat(through) + timedelta(days=1)).isoformat()
    assert (
        f"expired: Expert Partner (mn-qp/expert) since {after}"
        in later_on("replay", "millrace", "--as-of", after).stdout
    )


@pytest.mark.req("H10")
def test_the_clock_makes_up_for_what_is_due_and_stops(nqms: Shell) -> None:
    """Once: it announces by name what came due, and a second time nothing."""
    desk = nqms.desk
    nqms("clock", "--once")
    (held,) = desk.client().get(f"/partners/{desk.journeys['lake'].program_id}").json()["statuses"]
    over = date.fromisoformat(held["through"]) + timedelta(days=1)
    desk.clock.pass_days((over - desk.clock.today).days)
    said = nqms("clock", "--once").stdout
    assert f"{over}  expiry" in said
    assert "Lantern Lake Mentors" in said
    assert said.splitlines()[-1].startswith("Days recorded: ")
    assert nqms("clock", "--once").stdout.splitlines() == ["Days recorded: 0. Announcements: 0."]


@pytest.fixture
def fresh(postgres: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """The demonstration tells on an empty database of the tests' server instead of starting one of its own."""
    name = f"told_{uuid4().hex[:12]}"
    app_role, owner = create_schema(postgres, name, TEMPLATE)

    @contextmanager
    def opened(settings: Settings, clock: StoryClock) -> Generator[Service]:
        with connect(app_role, owner) as database:
            yield assemble(settings, database, clock)

    monkeypatch.setattr(tell, "open_service", opened)
    monkeypatch.setenv("NQMS_DATA_DIR", str(tmp_path / "told"))
    yield
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("story", ["ten-years", "four-programs"])
def test_the_stories_are_told_to_the_end(story: str) -> None:
    told = CliRunner().invoke(app, ["demo", "--story", story], env={"COLUMNS": "100"})
    assert told.exit_code == 0, told.output
    said = told.stdout
    assert "0 divergences" in said
    assert "Told in" in said
    lines = said.splitlines()
    assert [line for line in lines if len(line) > 100 and "NQMS_DATA_DIR" not in line] == [], "it fits the screen"
    assert said.isprintable() or set(filter(lambda sign: not sign.isprintable(), said)) == {"\n"}
    wanted = TEN_YEARS_TELLS if story == "ten-years" else FOUR_PROGRAMS_TELL
    assert [words for words in wanted if words not in " ".join(said.split())] == []


TEN_YEARS_TELLS = (
    *("Dedicated Partner from 20 March", "Since midnight the program holds no tier", "Suspended from 1 May"),
    *("The suspension is lifted", "is called Heron River Mentors now", "The panel overturns the revocation"),
    *("What it held, on every day of the ten years", "2029-03-20 │ 2029-06-11 │ expired", "As of 2030-05-01"),
)
FOUR_PROGRAMS_TELL = (
    *("Expert Partner", "Gold Star Program Partner", "Quality Mentoring Program", "Affiliate → Associate Partner"),
    *("Marks of different affiliates are not compared with one another.", "Reason given:", "EVIDENCE"),
)
