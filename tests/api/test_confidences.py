"""What a program is entitled to, what affiliates offer, and what is kept close: complaints, the conflict register, notices."""

from datetime import date, timedelta
from typing import Any

import pytest

from tests.api.client import codes
from tests.api.conftest import Desk
from tests.api.later import COMPLAINANT, IDENTITY, NAMES, NARRATIVE, PANEL, Later, suspended
from tests.api.test_matters import STAFF, answered, asked_by_all

# --- entitlements and workshops ---------------------------------------------------------------------------------------


def benefits(later: Later, **asked: Any) -> dict[str, dict[str, Any]]:
    """What the Massachusetts program is entitled to, by code, as its lead reads it."""
    harbor = later.desk.journeys["harbor"]
    answer = later.client.get(f"/programs/{harbor.program_id}/entitlements", by=harbor.id_of("lead"), **asked)
    assert answer.status_code == 200, answer.text
    (scheme,) = answer.json()["schemes"]
    assert scheme["scheme"] == "mmp-qbm"
    return {one["code"]: one for one in scheme["benefits"]}


@pytest.mark.req("S4-10", "M20")
def test_a_partner_has_four_vouchers_a_year_and_a_program_without_a_tier_pays(later: Later) -> None:
    now = benefits(later)
    vouchers, trainings = now["training_vouchers"], now["calendar_trainings"]
    assert (vouchers["count"], vouchers["issued"], vouchers["redeemed"], vouchers["left"]) == (4, 4, 1, 3)
    assert (vouchers["tier"], vouchers["label"]) == ("partner", "Partner")
    assert vouchers["decision_id"] in vouchers["why"]
    assert (trainings["rank"], trainings["tier"], trainings["why"]) == (0, None, "It is open to every program.")
    since = date.fromisoformat(vouchers["since"])
    assert date.fromisoformat(vouchers["until"]) in (since.replace(year=since.year + 1), date(since.year + 1, 3, 1))
    before = benefits(later, as_of="2020-01-01")
    assert "training_vouchers" not in before
    assert before["calendar_trainings"]["state"] == "entitled", "rank 0 is for programs that hold nothing"


@pytest.mark.req("S4-10", "H10")
def test_entitlements_on_any_day_and_as_known(later: Later) -> None:
    harbor = later.desk.journeys["harbor"]
    history = later.desk.service.ledger.history("program", harbor.program_id)
    used = next(one for one in history if one.type == "TrainingVoucherRedeemed.v1")
    known = benefits(later, as_known=str(used.position - 2))["training_vouchers"]
    assert (known["state"], known["redeemed"] or 0) == ("entitled", 0)
    granted = [one for one in history if one.type == "TierGranted.v1"]
    ranks = [benefits(later, as_of=one.event.effective_on.isoformat()) for one in granted]  # pyright: ignore[reportAttributeAccessIssue]
    assert ["training_vouchers" in one for one in ranks] == [False, False, True]
    assert ["training_discount" in one for one in ranks] == [True, True, True]


@pytest.mark.req("M21")
def test_the_catalogue_is_public_and_ends_with_each_day(later: Later) -> None:
    answers = asked_by_all(later, "/affiliates/mmp/workshops")
    assert len(answers) == len(answered(answers)), "for everybody"
    told = answers["nobody"].json()
    (workshop,) = told["workshops"]
    assert (workshop["workshop_id"], workshop["title"]) == (later.workshop_id, "Closing a match well")
    assert (workshop["takes_voucher"], workshop["for_whom"]) == (True, "members")
    day = date.fromisoformat(workshop["on"])
    for asked, count in ((day, 1), (day + timedelta(days=1), 0)):
        answer = later.client.get("/affiliates/mmp/workshops", as_of=asked.isoformat()).json()
        assert (len(answer["workshops"]), answer["as_of"]) == (count, asked.isoformat())
    assert codes(later.client.get("/affiliates/zz/workshops")) == ["NOT_FOUND"]


# --- complaints -------------------------------------------------------------------------------------------------------


@pytest.mark.req("M19")
def test_a_complaint_about_a_program_is_for_its_affiliates_administrators_alone(later: Later) -> None:
    answers = asked_by_all(later, f"/complaints/{later.complaint}")
    handlers = {"administrator", "second_administrator"}
    assert {who for who, answer in answers.items() if answer.status_code == 200} == handlers
    told = answers["administrator"].json()
    assert (told["about"], told["program_name"], told["affiliate"]) == ("program", "Millrace Mentors", "mn")
    assert (told["concern"], told["severity"], told["state"]) == ("safety_of_youth", "serious", "admitted")
    said = [line["says"] for line in told["history"]]
    assert any(NARRATIVE in line for line in said)
    assert any(IDENTITY in line for line in said), "whoever handles it can ask back"
    assert answers["administrator"].headers["cache-control"] == "private, no-store"


@pytest.mark.req("M19")
def test_a_complaint_about_an_affiliate_is_invisible_to_that_affiliate(later: Later) -> None:
    """It goes to the national body; for the affiliate's staff it is as if it were not there, to the letter."""
    answers = asked_by_all(later, f"/complaints/{later.about_affiliate}")
    assert {who for who, answer in answers.items() if answer.status_code == 200} == {"national"}
    assert COMPLAINANT not in answers["national"].text
    nothing = asked_by_all(later, "/complaints/nosuch")
    for who in answers.keys() - {"national"}:
        there, missing = answers[who], nothing[who]
        assert (there.status_code, *codes(there)) == (missing.status_code, *codes(missing))
        assert there.text.replace(later.about_affiliate, "nosuch") == missing.text, who


@pytest.mark.req("M19")
def test_each_lists_the_complaints_that_they_handle(later: Later) -> None:
    answers = asked_by_all(later, "/complaints")
    listed = {who: answer.json()["complaints"] for who, answer in answers.items() if answer.status_code == 200}
    assert answered(answers) == {"administrator", "second_administrator", "elsewhere, administrator", "national"}
    assert [one["complaint_id"] for one in listed["administrator"]] == [later.complaint]
    assert [one["complaint_id"] for one in listed["national"]] == [later.about_affiliate]
    assert listed["elsewhere, administrator"] == []
    (one,) = listed["administrator"]
    assert (one["program_name"], one["state"], one["outcome"]) == ("Millrace Mentors", "admitted", None)
    assert listed["national"][0]["program_name"] is None
    assert not {"narrative", "identity"} & {*one, *listed["national"][0]}
    text = "".join(answer.text for answer in answers.values())
    assert [word for word in (NARRATIVE, IDENTITY, COMPLAINANT) if word in text] == []


def test_complaints_by_affiliate_and_state_and_in_pages(desk: Desk) -> None:
    client, lake = desk.client(), desk.journeys["lake"]
    administrator = lake.id_of("administrator")
    about = {"about": "program", "program_id": lake.program_id, "affiliate": "mn", "concern": "process"}
    made = [client.post("/complaints", {**about, "narrative": f"Number {n}"}).json() for n in range(3)]
    filed = [one["complaint_id"] for one in made]
    dismissed = {"outcome": "dismissed", "severity": "low", "reason": "Nothing of it is so."}
    client.post(f"/complaints/{filed[0]}/acknowledge-complaint", {}, by=administrator)
    screened = client.post(f"/complaints/{filed[0]}/screen-complaint", dismissed, by=administrator)
    assert screened.status_code == 200, screened.text
    desk.service.projector.catch_up()

    def found(**asked: Any) -> list[str]:
        answer = client.get("/complaints", by=administrator, **asked)
        assert answer.status_code == 200, answer.text
        return [one["complaint_id"] for one in answer.json()["complaints"]]

    assert found(at_least=screened.json()["position"]) == found(affiliate="mn") == filed[::-1], "the latest first"
    assert found(affiliate="il") == []
    assert (found(state="dismissed"), found(state="received")) == (filed[:1], filed[:0:-1])
    first = client.get("/complaints", by=administrator, limit=2).json()
    assert [one["complaint_id"] for one in first["complaints"]] == filed[:0:-1]
    assert found(limit=2, cursor=first["next"]) == filed[:1]
    assert codes(client.get("/complaints", by=administrator, cursor="nonsense")) == ["INVALID_PARAMETER"]


# --- the conflict register --------------------------------------------------------------------------------------------


@pytest.mark.req("M19")
def test_the_conflict_register_is_for_the_affiliates_staff_and_the_national_body(later: Later) -> None:
    answers = asked_by_all(later, "/affiliates/mn/interests")
    assert answered(answers) == {*STAFF, "national", "operator"}
    told = answers["reviewer"].json()
    (interest,) = told["interests"]
    assert told["names"][interest["person"]] == later.mill.staff.reviewer
    assert told["programs"] == {later.mill.program_id: "Millrace Mentors"}
    assert (interest["nature"], interest["ended_on"], interest["runs"]) == ("board_seat", None, True)
    said = {(told["names"][one["person"]], one["name"], one["nature"]) for one in told["declarations"]}
    assert (PANEL[0], "Millrace Mentors", "none") in said
    assert (later.mill.staff.decider, "Lantern Lake Mentors", "none") in said
    assert answers["reviewer"].headers["cache-control"] == "private, no-cache"
    assert codes(later.client.get("/affiliates/zz/interests", by="operator")) == ["NOT_FOUND"]
    assert codes(later.client.get("/affiliates/zz/interests", by=later.mill.id_of("reviewer"))) == ["NOT_DISCLOSED"]


@pytest.mark.req("H10")
def test_the_register_by_person_and_day_and_in_pages(later: Later) -> None:
    def asked(**more: Any) -> dict[str, Any]:
        return later.client.get("/affiliates/mn/interests", by="operator", **more).json()

    since = date.fromisoformat(asked()["interests"][0]["since"])
    before = asked(as_of=(since - timedelta(days=1)).isoformat())
    assert [one["runs"] for one in before["interests"]] == [False]
    panelist = asked(person=later.panelist())
    assert (panelist["interests"], len(panelist["declarations"])) == ([], 1)
    reviewer = asked(person=later.mill.id_of("reviewer"))
    assert len(reviewer["interests"]) == 1
    walked, page = list[Any](), asked(limit=1)
    for _ in range(10):
        walked += page["declarations"]
        if page["next"] is None:
            break
        page = asked(limit=1, cursor=page["next"])
    assert walked == asked()["declarations"]
    assert len(walked) == 3
    ahead = later.client.get("/affiliates/mn/interests", by="operator", at_least=later.desk.head + 1)
    assert codes(ahead) == ["NOT_YET_VISIBLE"]


# --- public notices ---------------------------------------------------------------------------------------------------


@pytest.mark.req("H11")
def test_notices_are_for_everybody_and_say_what_was_done_in_words_of_data_alone(later: Later) -> None:
    answers = asked_by_all(later, "/notices")
    assert len({answer.text for answer in answers.values()}) == 1, "the same for everybody"
    (notice,) = answers["nobody"].json()["notices"]
    assert (notice["program_id"], notice["name"]) == (later.mill.program_id, "Millrace Mentors")
    assert (notice["kind"], notice["status"], notice["stayed"]) == ("suspension", "current", False)
    assert notice["decision_id"] == later.decision_id
    assert notice["says"] == f"Suspended from {notice['effective_on']} on the ground of safety of youth."
    assert [name for name in (*NAMES, *PANEL) if name in answers["nobody"].text] == []
    assert answers["nobody"].headers["cache-control"] == "public, max-age=30"


@pytest.mark.req("H10")
def test_notices_by_program_status_and_what_was_known(desk: Desk) -> None:
    client, before = desk.client(), desk.head
    mill, decision_id = suspended(desk)
    desk.service.projector.catch_up()
    (posted,) = client.get("/notices").json()["notices"]
    assert posted["status"] == "current"
    lifting = {"scheme": "mn-qp", "declaration": "none", "reason": "Somebody was there after all."}
    done = client.do(mill.id_of("decider"), mill.program_id, "reinstate-status", **lifting)
    assert done.status_code == 200, done.text
    desk.service.projector.catch_up()

    def found(**asked: Any) -> list[str]:
        answer = client.get("/notices", **asked)
        assert answer.status_code == 200, answer.text
        return [one["status"] for one in answer.json()["notices"]]

    assert found(at_least=done.json()["position"]) == found(status="archived") == found(affiliate="mn") == ["archived"]
    assert found(status="current") == found(affiliate="il") == []
    assert found(program=mill.program_id) == ["archived"]
    assert found(program=desk.journeys["lake"].program_id) == []
    assert found(as_known=str(done.json()["position"] - 1)) == ["current"], "what was shown can be asked for"
    assert found(as_known=str(before)) == []
    (told,) = client.get("/notices").json()["notices"]
    assert (told["decision_id"], told["archived_on_ground"]) == (decision_id, "lifted")
    assert told["says"].endswith(f"Archived on {told['archived_at'][:10]}: lifted.")
    assert codes(client.get("/notices", status="gone")) == ["PARAMETER_INVALID"]
    assert codes(client.get("/notices", cursor="nonsense")) == ["INVALID_PARAMETER"]
