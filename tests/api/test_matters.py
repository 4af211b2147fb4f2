"""What is open and what follows a decision, over HTTP: appeals, plans, work lists; asked by all who may and may not."""

from datetime import date, timedelta
from typing import Any

import pytest
from httpx import Response

from tests.api.client import codes
from tests.api.later import APPEAL, PANEL, Later

LET_IN = ("lead", "staff", "director", "administrator", "second_administrator", "reviewer", "decider")
"""Parts that read a program's own matters, beside those from outside for their case."""


def people(later: Later) -> dict[str, str | None]:
    """Everybody who might ask, by what they are towards the program that was suspended."""
    mill, elsewhere = later.mill, later.desk.journeys["star"]
    inside: dict[str, str | None] = {part: mill.id_of(part) for part in (*LET_IN, "national")}
    strangers = {f"elsewhere, {part}": elsewhere.id_of(part) for part in ("lead", "administrator", "reviewer")}
    outside = {"panelist": later.panelist(), "another program's lead": later.desk.journeys["lake"].id_of("lead")}
    return {**inside, **strangers, **outside, "operator": "operator", "nobody": None}


def asked_by_all(later: Later, path: str, **asked: Any) -> dict[str, Response]:
    """The answer to everybody."""
    client = later.client
    return {who: client.get(path, by=person, **asked) for who, person in people(later).items()}


def answered(answers: dict[str, Response]) -> set[str]:
    """Who got an answer. Everybody else was told why not, and nobody in particular to say who they are."""
    for who, answer in answers.items():
        if answer.status_code != 200:
            refused = ("NOT_IDENTIFIED", 401) if who == "nobody" else ("NOT_DISCLOSED", 403)
            assert (*codes(answer), answer.status_code) == refused, who
    return {who for who, answer in answers.items() if answer.status_code == 200}


def of_mill(later: Later, what: str, **asked: Any) -> Any:
    """Something about the suspended program, as its lead reads it."""
    answer = later.client.get(f"/programs/{later.mill.program_id}/{what}", by=later.mill.id_of("lead"), **asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def on_the_list(later: Later, by: str | None = "operator", **asked: Any) -> list[dict[str, Any]]:
    """The work list, as the operator reads it."""
    answer = later.client.get("/worklist", by=by, **asked)
    assert answer.status_code == 200, answer.text
    return answer.json()["tasks"]


# --- appeals ----------------------------------------------------------------------------------------------------------


@pytest.mark.req("M19", "H11")
@pytest.mark.parametrize("what", ["appeals", "plan", "entitlements"])
def test_a_programs_own_matters_are_for_its_people_its_affiliates_staff_and_the_panel(later: Later, what: str) -> None:
    answers = asked_by_all(later, f"/programs/{later.mill.program_id}/{what}")
    assert answered(answers) == {*LET_IN, "panelist", "operator"}
    assert answers["lead"].headers["cache-control"] == "private, no-cache"
    later_panelist = later.client.get(f"/programs/{later.desk.journeys['lake'].program_id}/{what}", by=later.panelist())
    assert codes(later_panelist) == ["NOT_DISCLOSED"], "a case opens no other program"
    assert codes(later.client.get(f"/programs/nosuch/{what}", by="operator")) == ["NOT_FOUND"]
    wrong = later.client.get(f"/programs/{later.mill.program_id}/{what}", by="operator", as_known="then")
    assert codes(wrong) == ["INVALID_PARAMETER"]


def test_an_appeal_is_told_with_its_grounds_its_words_and_its_panel(later: Later) -> None:
    told = of_mill(later, "appeals")
    (appeal,) = told["appeals"]
    assert (appeal["appeal_id"], appeal["decision_id"]) == (later.appeal_id, later.decision_id)
    assert (appeal["state"], appeal["grounds"], appeal["stays"]) == ("panel_named", ["facts"], False)
    assert appeal["statement"] == APPEAL
    assert {told["names"][one] for one in appeal["panel"]} == set(PANEL)
    assert appeal["declared"] == {later.panelist(): "none"}
    assert (appeal["outcome"], appeal["ended_on"], appeal["reasons"]) == (None, None, None)
    assert date.fromisoformat(appeal["until"]) > date.fromisoformat(appeal["filed_on"])


def test_appeals_as_they_were_known(later: Later) -> None:
    history = later.desk.service.ledger.history("program", later.mill.program_id)
    at = {one.type: one for one in history}
    filed = of_mill(later, "appeals", as_known=str(at["AppealFiled.v1"].position))["appeals"]
    assert [(one["state"], one["panel"]) for one in filed] == [("filed", [])]
    before = (at["AppealFiled.v1"].recorded_at - timedelta(seconds=1)).isoformat()
    assert of_mill(later, "appeals", as_known=before) == {"appeals": [], "names": {}}
    (first,) = later.desk.service.ledger.recorder.read(0, 1)
    lead = later.mill.id_of("lead")
    unknown = later.client.get(f"/programs/{later.mill.program_id}/appeals", by=lead, as_known=str(first.position))
    assert codes(unknown) == ["NOT_FOUND"], "the program was not known yet"


STAFF = ("administrator", "second_administrator", "reviewer", "decider")
ELSEWHERE = ("elsewhere, administrator", "elsewhere, reviewer")


@pytest.mark.req("M19")
@pytest.mark.parametrize("path", ["/appeals", "/worklist"])
def test_lists_are_for_the_staff_of_affiliates_each_their_own(later: Later, path: str) -> None:
    answers = asked_by_all(later, path)
    assert answered(answers) == {*STAFF, *ELSEWHERE, "national", "operator"}
    name = path.removeprefix("/").replace("worklist", "tasks")
    for who in answered(answers):
        affiliates = {row["affiliate"] for row in answers[who].json()[name]}
        assert affiliates <= ({"il"} if who in ELSEWHERE else {"mn"} if who in STAFF else {"mn", "il", "ir", "mmp"})
    others = asked_by_all(later, path, affiliate="mn")
    assert answered(others) == {*STAFF, "national", "operator"}
    assert others["operator"].json()[name] == answers["administrator"].json()[name] != []
    told = answers["lead"].json()["detail"]
    assert told.endswith("ask by program instead."), "and the workspace of the program has the same"


def test_appeals_are_listed_by_affiliate_and_state(later: Later) -> None:
    client = later.client

    def found(**asked: Any) -> list[str]:
        return [row["appeal_id"] for row in client.get("/appeals", by="operator", **asked).json()["appeals"]]

    assert found() == found(affiliate="mn") == found(state="panel_named") == [later.appeal_id]
    assert found(affiliate="il") == found(state="decided") == found(state="filed") == []
    assert found(at_least=later.desk.head) == [later.appeal_id]
    (row,) = client.get("/appeals", by="operator").json()["appeals"]
    assert (row["name"], row["decision_id"], row["scheme"]) == ("Millrace Mentors", later.decision_id, "mn-qp")
    assert "statement" not in row, "a list tells that there is one, the program's own page what it says"
    wrong = client.get("/appeals", by="operator", state="lost", limit=0, cursor="x" * 500)
    assert {r["details"]["name"] for r in wrong.json()["reasons"]} == {"state", "limit", "cursor"}
    for path in ("/appeals", "/worklist"):
        assert codes(client.get(path, by="operator", cursor="nonsense")) == ["INVALID_PARAMETER"]
        ahead = client.get(path, by="operator", at_least=later.desk.head + 1)
        assert codes(ahead) == ["NOT_YET_VISIBLE"]


# --- the plan ---------------------------------------------------------------------------------------------------------


@pytest.mark.req("H10")
def test_a_plan_says_how_far_each_goal_has_come_and_what_is_late(later: Later) -> None:
    lake, client = later.desk.journeys["lake"], later.client
    path, by = f"/programs/{lake.program_id}/plan", lake.id_of("lead")
    told = client.get(path, by=by).json()
    (plan,) = told["plans"]
    goals = {goal["goal_id"]: goal for goal in plan["goals"]}
    reported = goals.pop(later.goal_id)
    assert (reported["achieved"], reported["target"], reported["verified"]) == (5, 5, False)
    assert told["names"][reported["reported_by"]] == lake.program.staff
    (other,) = goals.values()
    assert (other["achieved"], other["reported_by"], other["overdue"]) == (None, None, False)
    assert other["actions"].startswith("Write it down")
    assert (plan["status"], plan["form"]) == ("running", "improvement_and_innovation")

    due = date.fromisoformat(other["due_on"])

    def late(day: date) -> list[bool]:
        answer = client.get(path, by=by, as_of=day.isoformat()).json()
        assert answer["as_of"] == day.isoformat()
        return [goal["overdue"] for goal in answer["plans"][0]["goals"]]

    assert late(due) == [False, False], "the last day is in time"
    assert late(due + timedelta(days=1)) == [True, True], "nobody has verified the reported one"
    history = later.desk.service.ledger.history("program", lake.program_id)
    adopted = next(one for one in history if one.type == "ImprovementPlanAdopted.v1")
    known = client.get(path, by=by, as_known=str(adopted.position)).json()["plans"][0]["goals"]
    assert [goal["achieved"] for goal in known] == [None, None]
    assert of_mill(later, "plan")["plans"] == []


# --- the work list ----------------------------------------------------------------------------------------------------


@pytest.mark.req("M21")
def test_the_work_list_says_who_is_to_do_what_until_when(later: Later) -> None:
    tasks = on_the_list(later, affiliate="mn")
    said = {(t["name"], t["role"], t["task"]) for t in tasks}
    assert said == {
        ("Millrace Mentors", "decider", "review_suspension"),
        ("Millrace Mentors", "program_lead", "check_in"),
        ("Millrace Mentors", "panelist", "declare_on_panel"),
        ("Millrace Mentors", "affiliate_admin", "close_inquiry"),
        ("Lantern Lake Mentors", "program_lead", "report_goal_progress"),
        ("Lantern Lake Mentors", "reviewer", "verify_goal"),
    }
    days = [t["due_on"] or "9999" for t in tasks]
    assert days == sorted(days), "the most urgent first"
    assert all(t["says"].endswith(".") for t in tasks)
    panel = next(t for t in tasks if t["role"] == "panelist")
    assert (panel["about"], panel["act"], panel["due_on"]) == (later.appeal_id, "DeclareOnPanel", panel["last_on"])
    assert next(t for t in tasks if t["task"] == "close_inquiry")["scheme"] is None


@pytest.mark.req("M21", "H10")
def test_the_work_list_by_part_and_day(later: Later) -> None:
    review = on_the_list(later, affiliate="mn", role="decider")
    assert [t["task"] for t in review] == ["review_suspension"]
    due = date.fromisoformat(review[0]["due_on"])
    assert on_the_list(later, role="decider", overdue=True, as_of=due.isoformat()) == []
    (late,) = on_the_list(later, role="decider", overdue=True, as_of=(due + timedelta(days=1)).isoformat())
    assert late == {**review[0], "overdue": True}
    ended = (date.fromisoformat(review[0]["last_on"]) + timedelta(days=1)).isoformat()
    names = [t["task"] for t in on_the_list(later, affiliate="mn", as_of=ended) if t["name"] == "Millrace Mentors"]
    assert names == ["name_appeal_panel", "close_inquiry"], "what went with the term fell away with it"
    assert codes(later.client.get("/worklist", by="operator", role="king")) == ["PARAMETER_INVALID"]


@pytest.mark.req("M21")
def test_the_affiliate_looks_at_a_program_again_between_the_second_and_the_third_year(later: Later) -> None:
    """The Independence Region's window for another look: a task for the affiliate, from its first day, late after its last."""
    (held,) = later.client.get(f"/partners/{later.desk.journeys['bridge'].program_id}").json()["statuses"]
    since = date.fromisoformat(held["since"])
    opens, due = since.replace(year=since.year + 2), since.replace(year=since.year + 3)

    def looked(day: date) -> list[tuple[str, str, bool]]:
        tasks = on_the_list(later, affiliate="ir", role="affiliate_admin", as_of=day.isoformat())
        return [(t["from_on"], t["due_on"], t["overdue"]) for t in tasks if t["task"] == "reengage"]

    window = (opens.isoformat(), due.isoformat())
    assert looked(opens - timedelta(days=1)) == []
    assert looked(opens) == looked(due) == [(*window, False)]
    assert looked(due + timedelta(days=1)) == [(*window, True)]


def test_the_work_list_comes_in_pages(later: Later) -> None:
    every = on_the_list(later, limit=200)
    walked: list[dict[str, Any]] = []
    asked: dict[str, Any] = {"limit": 2}
    while True:
        page = later.client.get("/worklist", by="operator", **asked).json()
        assert len(page["tasks"]) <= 2
        walked += page["tasks"]
        if page["next"] is None:
            break
        asked["cursor"] = page["next"]
    assert walked == every
    assert len(every) > 10


def test_the_workspace_of_a_program_lists_the_same_tasks(later: Later) -> None:
    answer = later.client.get(f"/programs/{later.mill.program_id}", by=later.mill.id_of("lead")).json()
    names = ("task", "role", "act", "about", "scheme", "from_on", "due_on", "last_on", "overdue", "says")
    listed = [t for t in on_the_list(later, affiliate="mn") if t["program_id"] == later.mill.program_id]

    def sorted_by_task(tasks: list[dict[str, Any]]) -> list[list[Any]]:
        return sorted([t[name] for name in names] for t in tasks)

    assert sorted_by_task(answer["tasks"]) == sorted_by_task(listed)


@pytest.mark.req("M19")
def test_whoever_hears_an_appeal_finds_the_program_among_their_own(later: Later) -> None:
    def own(person: str) -> list[str]:
        return [p["name"] for p in later.client.get("/programs", by=person).json()["programs"]]

    assert own(later.panelist()) == own(later.panelist(2)) == own(later.mill.id_of("staff")) == ["Millrace Mentors"]
    assert own(later.desk.journeys["lake"].id_of("lead")) == ["Lantern Lake Mentors"]


@pytest.mark.req("H10")
def test_the_workspace_tells_a_suspension_with_its_own_days(later: Later) -> None:
    """The same stretch of days as the public directory tells, and the term beside it."""
    answer = later.client.get(f"/programs/{later.mill.program_id}", by=later.mill.id_of("lead")).json()
    (inside,) = answer["standing"]
    (public,) = later.client.get(f"/partners/{later.mill.program_id}").json()["statuses"]
    same = ("status", "tier", "label", "since", "through", "term_through", "provenance")
    assert {name: inside[name] for name in same} == {name: public[name] for name in same}
    assert (inside["status"], inside["measure_id"]) == ("suspended", later.decision_id)
    day_before = (date.fromisoformat(public["since"]) - timedelta(days=1)).isoformat()
    (before,) = later.client.get(
        f"/programs/{later.mill.program_id}", by=later.mill.id_of("lead"), as_of=day_before
    ).json()["standing"]
    assert (before["status"], before["through"], before["measure_id"]) == ("active", day_before, None)
