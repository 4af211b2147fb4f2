"""What happens in the demonstration's world after the grants: a suspension with its appeal, complaints, an inquiry,
interests, workshops, a plan that goes on. Told once; tests read it."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from api.demo.cast import LAKE
from api.demo.journey import Journey, journey
from api.demo.world import publish_policy
from tests.api.client import Client
from tests.api.conftest import Desk

HARM = "Nobody came to pick the child up, twice"
APPEAL = "We were never asked, and the log shows that somebody came"
NARRATIVE = "The coordinator laughed when I told her about it"
IDENTITY = "Quentin Ashgrove, father of a mentee"
COMPLAINANT = "p_5c0ff1ncomplainant"
PANEL = ("Hollis Trevanion", "Marguerite Oyelowo-Finch", "Stellan Achebe-Lund")
NAMES = (*PANEL, "Rowena Castlemere", "Percival Onyango", "Saffron Delacroix-Yu")


@dataclass
class Later:
    """The world afterwards, with the ids that tests ask for."""

    desk: Desk
    mill: Journey
    """The program that was suspended."""
    decision_id: str
    appeal_id: str
    complaint: str
    about_affiliate: str
    workshop_id: str
    goal_id: str

    @property
    def client(self) -> Client:
        """A client over HTTP."""
        return self.desk.client()

    def panelist(self, n: int = 0) -> str:
        """The id of a member of the panel."""
        return self.desk.door.person(PANEL[n])


def suspended(desk: Desk) -> tuple[Journey, str]:
    """A program with an imported status, suspended at once under rules that know it; the decision."""
    door = desk.door
    publish_policy(door, "MN-QP@2", door.today)
    people = dict(zip(("lead", "director", "staff"), NAMES[3:], strict=True))
    program = replace(LAKE, name="Millrace Mentors", legal_name="Millrace Mentors", connector_ref="MC-9", **people)
    mill = journey(door, program).listed()
    since, until = door.today - timedelta(days=400), door.today + timedelta(days=600)
    status = {"scheme": "mn-qp", "tier": "expert", "rank": 2, "label": "Expert Partner", "badge": "expert"}
    days = {"valid_from": since.isoformat(), "valid_until": until.isoformat()}
    source = {"listing": "highest", "source": "The paper register", "note": "Taken over from the binder."}
    mill.by("administrator", "ImportHistoricalStatus", **status, **days, **source)
    door.pass_days(3)
    review = (door.today + timedelta(days=15)).isoformat()
    harm = {"imminent_harm": True, "grounds": ["safety_of_youth"], "review_by": review, "reasons": HARM}
    act = {"scheme": "mn-qp", "effective_on": door.today.isoformat(), "declaration": "none"}
    event, *_ = mill.by("decider", "SuspendStatus", **act, **harm)
    return mill, getattr(event, "decision_id", "")


def appealed(mill: Journey, decision_id: str) -> str:
    """An appeal against it, before a panel of which one has declared."""
    (event,) = mill.by("lead", "FileAppeal", decision_id=decision_id, grounds=["facts"], statement=APPEAL)
    appeal_id = getattr(event, "appeal_id", "")
    mill.by("second_administrator", "AdmitAppeal", appeal_id=appeal_id)
    panel = [mill.door.person(name) for name in PANEL]
    until = (mill.door.today + timedelta(days=60)).isoformat()
    mill.by("second_administrator", "NameAppealPanel", appeal_id=appeal_id, panel=panel, until=until)
    mill.door.do(panel[0], mill.program_id, "DeclareOnPanel", appeal_id=appeal_id, nature="none")
    return appeal_id


def complained(desk: Desk, mill: Journey) -> tuple[str, str]:
    """A complaint about the program, looked into, and one about its affiliate; both filed over HTTP."""
    client = desk.client()
    about = {"about": "program", "program_id": mill.program_id, "affiliate": "mn", "concern": "safety_of_youth"}
    filed = client.post("/complaints", {**about, "narrative": NARRATIVE, "identity": IDENTITY})
    assert filed.status_code == 201, filed.text
    complaint: str = filed.json()["complaint_id"]
    screened = {"outcome": "admitted", "severity": "serious", "reason": "It may well be so."}
    for command, body in (("acknowledge-complaint", {}), ("screen-complaint", screened), ("refer-complaint", {})):
        done = client.post(f"/complaints/{complaint}/{command}", body, by=mill.id_of("administrator"))
        assert done.status_code == 200, done.text
    (event,) = mill.by("administrator", "ReferConcern", complaint_id=complaint, severity="serious")
    mill.by("administrator", "OpenInquiry", concern_id=getattr(event, "concern_id", ""))
    other = {"about": "affiliate", "affiliate": "mn", "concern": "process", "narrative": NARRATIVE}
    second = client.post("/complaints", other, by=COMPLAINANT)
    assert second.status_code == 201, second.text
    return complaint, second.json()["complaint_id"]


def tell(desk: Desk) -> Later:
    """Everything that happens later."""
    door, lake, harbor = desk.door, desk.journeys["lake"], desk.journeys["harbor"]
    mill, decision_id = suspended(desk)
    appeal_id = appealed(mill, decision_id)
    complaint, about_affiliate = complained(desk, mill)
    administrator = lake.id_of("administrator")
    interest: dict[str, Any] = {"person": lake.id_of("reviewer"), "program_id": mill.program_id, "nature": "board_seat"}
    door.do(administrator, "mn", "RegisterInterest", **interest, since=door.today.isoformat(), note=HARM)
    workshop = {"form": "workshop", "takes_voucher": True, "for_whom": "members"}
    day = (door.today + timedelta(days=30)).isoformat()
    offering = harbor.id_of("administrator")
    (offered,) = door.do(offering, "mmp", "OfferWorkshop", title="Closing a match well", on=day, **workshop)
    workshop_id = getattr(offered, "workshop_id", "")
    harbor.by("staff", "RedeemVoucher", scheme="mmp-qbm", workshop_id=workshop_id)
    plan = desk.service.ledger.load("program", lake.program_id).cycles[lake.cycle_id].plan
    goal_id = next(iter(plan.goals))
    progress = {"goal_id": goal_id, "achieved": 5, "note": "We trained everybody and looked at the log."}
    lake.in_cycle("staff", "ReportGoalProgress", **progress)
    bridge = desk.journeys["bridge"]
    bridge.by("lead", "ShareReport", report_id=bridge.report_id, audience="public")
    desk.service.projector.catch_up()
    return Later(desk, mill, decision_id, appeal_id, complaint, about_affiliate, workshop_id, goal_id)
