"""The command line: every verb over a real ledger; exit code 0 fine, 1 a check failed or a no, 2 wrong use."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from typer.testing import CliRunner, Result

from api import cli_session
from api.cli import app
from consumers import project
from infra.database import EmbeddedServer
from infra.wiring import Service
from tests.api.conftest import Desk


class Shell:
    """Runs verbs against one test's world."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def __call__(self, *words: str, code: int = 0, stdin: str | None = None) -> Result:
        """Run a verb; the exit code is as expected."""
        result = CliRunner().invoke(app, list(words), input=stdin, env={"COLUMNS": "220"})
        assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
        return result

    def json(self, *words: str, code: int = 0) -> object:
        """Run a verb for its JSON."""
        return json.loads(self(*words, "--format", "json", code=code).stdout)


def opening(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The command line opens this test's service instead of one of its own."""

    @contextmanager
    def given(*_: object, **__: object) -> Generator[Service]:
        yield desk.service

    monkeypatch.setattr(cli_session, "open_service", given)
    return Shell(desk)


@pytest.fixture
def nqms(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Shell:
    return opening(desk, monkeypatch)


@pytest.fixture
def looking(read_only: Desk, monkeypatch: pytest.MonkeyPatch) -> Shell:
    return opening(read_only, monkeypatch)


def test_every_verb_has_help() -> None:
    runner = CliRunner()
    for verb in ("demo", "serve", "migrate", "project", "verify", "rebuild", "config", "programs", "decisions", "field", "explain",
                 "replay", "do", "import-programs", "person add", "affiliate add", "policy check", "policy publish",
                 "instrument publish"):  # fmt: skip
        assert runner.invoke(app, [*verb.split(), "--help"]).exit_code == 0, verb
    assert runner.invoke(app, ["nosuch"]).exit_code == 2


def test_lists_in_words_and_json(looking: Shell) -> None:
    assert "Prairie Fire Mentors" in looking("programs", "--waiting-on", "program_lead").stdout
    rows = looking.json("programs", "--affiliate", "mn")
    assert isinstance(rows, list)
    assert [row["name"] for row in rows] == ["Lantern Lake Mentors"]
    decided = looking.json("decisions", "--name", "harbor")
    assert isinstance(decided, list)
    assert [row["tier"] for row in decided] == ["mmp-qbm/partner", "mmp-qbm/associate_partner", "mmp-qbm/affiliate"]


def test_explain_by_a_part_of_the_name(looking: Shell) -> None:
    said = looking("explain", "lantern").stdout
    assert said.startswith("Lantern Lake Mentors is an Expert Partner of MENTOR Minnesota from")
    assert "Lorcan Windermast" not in said.splitlines()[0]
    told = looking.json("explain", looking.desk.journeys["lake"].program_id)
    assert isinstance(told, dict)
    assert told["about"] == "granted"


def test_a_name_that_fits_none_or_several_is_wrong_use(looking: Shell) -> None:
    several = looking("explain", "prairie", code=2)
    assert "Prairie Fire Mentors" in several.stderr
    assert "Prairie Star Youth Mentoring" in several.stderr
    assert "no program" in looking("explain", "nosuch", code=2).stderr
    looking("explain", "lantern", "--tier", "platinum", code=2)
    assert "is no day" in looking("explain", "lantern", "--as-of", "soon", code=2).stderr


def test_replay_answers_both_questions_of_time(looking: Shell) -> None:
    way = looking.desk.journeys["lake"]
    history = looking.desk.service.ledger.history("program", way.program_id)
    opened = next(r for r in history if r.type == "AssessmentAccessGranted.v1")
    told = looking.json("replay", "lantern", "--to", str(opened.version))
    assert isinstance(told, dict)
    assert (told["version"], told["state"]["cycles"][way.cycle_id]["phase"]) == (opened.version, "open")
    known = looking.json("replay", "lantern", "--as-known", opened.recorded_at.isoformat())
    assert isinstance(known, dict)
    assert (known["version"], known["of"]) == (opened.version, opened.version)
    day = history[-1].recorded_at.date()
    later = looking.json("replay", "lantern", "--as-of", day.replace(year=day.year + 4).isoformat())
    assert isinstance(later, dict)
    assert later["holds"][0].startswith("expired: Expert Partner (mn-qp/expert)")
    said = looking("replay", "lantern").stdout
    assert said.startswith(f"Lantern Lake Mentors: listed, after {len(history)} of {len(history)} events")


def test_verify_counts_and_finds_nothing(looking: Shell) -> None:
    said = looking("verify").stdout
    assert f"{looking.desk.head:,} events, 6 decisions, 0 divergences" in said
    checks = looking.json("verify")
    assert isinstance(checks, list)
    assert {c["check"] for c in checks} == {
        "commitments", "order", "readable", "decisions", "read models", "documents", "words", "bodies", "log", "erasures",
        "directories",
    }  # fmt: skip


def test_verify_names_what_is_not_as_it_was(nqms: Shell) -> None:
    desk = nqms.desk
    with desk.service.database.pool.connection() as connection:
        connection.execute(
            "UPDATE read.directory SET city = 'elsewhere' WHERE key = %s",
            (f"program:{desk.journeys['lake'].program_id}",),
        )
    document = next(iter(desk.journeys["lake"].documents.values()))
    folder = desk.service.settings.data_dir / "documents"
    (path,) = folder.glob(f"*/{document}")
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    said = nqms("verify", code=1).stdout
    assert desk.journeys["lake"].program_id in said
    assert "city" in said
    assert f"{document}: " in said


@pytest.mark.req("H11")
def test_verify_finds_a_changed_row_and_the_decision_that_rested_on_it(nqms: Shell, postgres: EmbeddedServer) -> None:
    desk = nqms.desk
    history = desk.service.ledger.history("program", desk.journeys["lake"].program_id)
    rated = next(r for r in history if r.type == "ItemRated.v1")
    name = conninfo_to_dict(desk.service.database.app_dsn)["dbname"]
    with psycopg.connect(postgres.dsn(database=str(name)), autocommit=True) as superuser:
        superuser.execute("ALTER TABLE ledger.events DISABLE TRIGGER append_only")
        changed = (
            """UPDATE ledger.events SET state = replace(state, '"quality":4', '"quality":1') WHERE position = %s"""
        )
        superuser.execute(changed, (rated.position,))
    said = nqms("verify", code=1).stdout
    assert f"position {rated.position} " in said
    assert "derived again, these differ" in said


def test_rebuild_mends_a_read_model(nqms: Shell) -> None:
    with nqms.desk.service.database.pool.connection() as connection:
        connection.execute("UPDATE read.directory SET city = 'elsewhere'")
    assert "was different: directory" in nqms("rebuild", "directory").stdout
    nqms("verify")
    assert "there is no read model nosuch" in nqms("rebuild", "nosuch", code=2).stderr


def test_do_takes_fields_or_json_and_says_what_happened(nqms: Shell) -> None:
    way, head = nqms.desk.journeys["open"], nqms.desk.head
    staff = ["--as", way.id_of("staff")]
    fields = [f"cycle_id={way.cycle_id}", "item_id=A1", "in_practice=yes", "quality=4"]
    assert "a preview" in nqms("do", "rate-item", "fire", *fields, *staff, "--preview").stdout
    assert nqms.desk.head == head
    assert "rated item A1: in practice, quality 4 of 5" in nqms("do", "rate-item", "fire", *fields, *staff).stdout
    body = json.dumps({"cycle_id": way.cycle_id, "item_id": "A2", "in_practice": "no"})
    nqms("do", "RateItem", way.program_id, "--json", "-", *staff, stdin=body)
    assert nqms.desk.head == head + 3
    refused = nqms("do", "rate-item", "fire", *fields, *staff, code=1)
    assert "ITEM_CHANGED_BY_OTHER" in refused.stderr
    assert "STALE_VERSION" in nqms("do", "rate-item", "fire", *fields, *staff, "--expect", "1", code=1).stderr
    assert "/quality" in nqms("do", "rate-item", "fire", *fields, "quality=9", *staff, code=2).stderr
    assert "there is no command" in nqms("do", "nosuch", "fire", code=2).stderr
    assert "is not key=value" in nqms("do", "rate-item", "fire", "A1", code=2).stderr
    assert "NOT_AUTHORISED" in nqms("do", "rate-item", "fire", *fields, code=1).stderr


def test_people_and_affiliates_are_brought_in(nqms: Shell, tmp_path: Path) -> None:
    assert nqms("person", "add", "--name", "Quentin Overbrook", "--email", "q@people.example").stdout.startswith("p_")
    file = tmp_path / "wi.yaml"
    file.write_text(
        "code: wi\nname: MENTOR Wisconsin\ntimezone: America/Chicago\njurisdictions: [US-WI]\n"
        "administrator: {name: Hedda Farnsworth, email: h@people.example}\n"
        "staff: [{name: Ulric Penhallow, email: u@people.example, roles: [reviewer]}]\n"
        "policies: [{policy: wi-qp.yaml, effective_from: 2026-01-01}]\n"
    )
    (tmp_path / "wi-qp.yaml").write_text(
        'policy: WI-QP\nversion: "1"\nextends: MN-QP@1\naffiliate: wi\ntimezone: America/Chicago\ntitle: Wisconsin Partners\n'
    )
    head = nqms.desk.head
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("code: wi\nname: 5\nstaff: [{name: x}]\n")
    said = nqms("affiliate", "add", str(wrong), code=1).stderr
    assert said.count("wrong.yaml") >= 4
    assert nqms.desk.head == head
    told = nqms.json("affiliate", "add", str(file))
    assert isinstance(told, dict)
    assert [p["roles"] for p in told["people"]] == [["affiliate_admin"], ["reviewer"]]
    assert told["policies"] == [{"scheme": "wi-qp", "version": "1", "effective_from": "2026-01-01"}]
    assert "AFFILIATE_KNOWN" in nqms("affiliate", "add", str(file), code=1).stderr


@pytest.mark.req("H7")
def test_policies_are_checked_and_published(nqms: Shell, tmp_path: Path) -> None:
    head = nqms.desk.head
    shipped = Path("domain/policy/library/MN-QP-2.yaml")
    assert "MN-QP version 2 is sound" in nqms("policy", "check", str(shipped)).stdout
    broken = tmp_path / "broken.yaml"
    broken.write_text(shipped.read_text().replace("version:", "versoin:", 1) + "\ntiers: 5\nnosuch: 1\n")
    said = nqms("policy", "check", str(broken), code=1)
    assert said.stderr.count("broken.yaml") >= 2
    nqms("policy", "publish", str(broken), code=1)
    assert nqms.desk.head == head
    assert "is published, in force from" in nqms("policy", "publish", str(shipped)).stdout
    assert nqms.desk.head == head + 1
    assert "VERSION_PUBLISHED" in nqms("policy", "publish", str(shipped), code=1).stderr
    again = nqms("instrument", "publish", "domain/instrument/library/NQMS-1.yaml", code=1)
    assert "VERSION_PUBLISHED" in again.stderr


HEAD = "name,affiliate,jurisdiction,city,began_operating_on,models,ages,connector_ref"
FULL = HEAD + ",website,scheme,tier,label,valid_from,valid_until,source,lead_name,lead_email"


def test_programs_are_imported_all_together(nqms: Shell, tmp_path: Path) -> None:
    file = tmp_path / "programs.csv"
    file.write_text(
        f"{FULL}\n"
        "Cedar Row Mentors,mn,US-MN,Cedar Row,2012-03-01,one_to_one;group,8-16,MC-901,https://cedar.example,"
        "mn-qp,dedicated,Dedicated Partner,2024-02-01,2027-02-01,MENTOR Minnesota,Petra Lund,p@people.example\n"
        "Birch Lane Mentors,mn,US-MN,Birch Lane,2016-09-01,group,10-14,MC-902,,,,,,,,,\n"
    )
    way, head = nqms.desk.journeys["lake"], nqms.desk.head
    asked = ("import-programs", str(file), "--as", way.id_of("administrator"), "--operator")
    rows = nqms.json(*asked)
    assert isinstance(rows, list)
    assert nqms.desk.head == head + 5
    cedar = nqms.desk.service.ledger.load("program", rows[0]["program_id"])
    assert cedar.listing.state == "listed"
    assert cedar.holdings[0].provenance == "imported"
    holder = nqms.desk.service.ledger.recorder.claim_holder("connector_ref", "MC-902")
    assert holder == f"program:{rows[1]['program_id']}"
    roles = {r.type: r.actor_role for r in nqms.desk.service.ledger.history("program", rows[0]["program_id"])}
    assert roles["ProgramRegistered.v1"] == "operator"
    assert roles["ProgramListingApproved.v1"] == "affiliate_admin"
    assert "as attested by MENTOR Minnesota" in nqms("explain", "cedar").stdout
    twice = nqms(*asked, code=1).stdout
    assert twice.count("MC-90") == 2
    assert "nothing was imported" in twice
    nqms("verify")


def test_a_half_wrong_file_is_not_imported_at_all(nqms: Shell, tmp_path: Path) -> None:
    file = tmp_path / "programs.csv"
    file.write_text(
        f"{FULL}\n"
        "Good One,mn,US-MN,Here,2012-03-01,group,8-16,MC-901,,,,,,,,,\n"
        "Bad Dates,mn,US-MN,Here,2312-03-01,group,8-16,MC-902,,,,,,,,,\n"
        "Bad Website,mn,US-MN,Here,someday,group,eight,MC-903,nowhere,,,,,,,,\n"
        "Same Number,mn,US-MN,Here,2012-03-01,group,8-16,MC-901,,,,,,,,,\n"
        "No Affiliate,zz,US-MN,Here,2012-03-01,group,8-16,MC-904,,,,,,,,,\n"
        "No Tier,mn,US-MN,Here,2012-03-01,group,8-16,MC-905,,mn-qp,platinum,Platinum,2024-01-01,,MENTOR,,\n"
        "Half A Status,mn,US-MN,Here,2012-03-01,group,8-16,MC-906,nowhere,mn-qp,,,,,,,\n"
    )
    head = nqms.desk.head
    rows = nqms.json("import-programs", str(file), code=1)
    assert isinstance(rows, list)
    faults = {row["name"]: row["faults"] for row in rows}
    assert faults["Good One"] == []
    assert [fault.partition(":")[0] for fault in faults["Bad Website"]] == [
        "began_operating_on",
        "ages/0",
        "ages/1",
        "website",
    ]
    assert len(faults["Half A Status"]) == 2
    assert all(faults[name] for name in faults if name != "Good One")
    assert [row["number"] for row in rows] == list(range(2, 9))
    assert nqms.desk.head == head
    said = nqms("import-programs", str(file), code=1).stdout
    assert "6 of 7 rows are wrong; nothing was imported" in said
    file.write_text("name,colour\nx,red\n")
    assert "these columns are missing" in nqms("import-programs", str(file), code=2).stderr


def test_serving_a_demonstration_to_others_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NQMS_DATA_DIR", str(tmp_path / "d"))
    monkeypatch.setenv("NQMS_LISTEN", "0.0.0.0:8000")
    result = CliRunner().invoke(app, ["serve", "--demo"])
    assert result.exit_code == 2
    assert "for this machine alone" in result.stderr
    assert not (tmp_path / "d").exists()


def test_settings_are_printed_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NQMS_DATABASE_URL", "postgresql://app:hunter2@db/nqms")
    said = CliRunner().invoke(app, ["config"]).stdout
    assert "NQMS_LISTEN=127.0.0.1:8000" in said
    assert "hunter2" not in said
    monkeypatch.setenv("NQMS_LISTEN", "nowhere")
    wrong = CliRunner().invoke(app, ["config"])
    assert wrong.exit_code == 2
    assert "NQMS_LISTEN" in wrong.stderr


def test_the_loop_that_keeps_the_read_models(desk: Desk) -> None:
    stopping = Event()
    thread = Thread(target=project.run, args=(desk.service, stopping))
    thread.start()
    desk.journeys["open"].rate("A1", "yes", 4)
    assert desk.service.projector.wait_for(desk.head, 10)
    stopping.set()
    desk.service.projector.wake()
    thread.join(timeout=10)
    assert not thread.is_alive()
