"""Receipts over HTTP and from the command line: for those who may read the program's own matters."""

from pathlib import Path

from consumers import verify_receipt
from tests.api.client import codes
from tests.api.conftest import Desk
from tests.api.test_cli import Shell, looking

__all__ = ["looking"]


def test_the_program_lists_and_gets_its_receipts(read_only: Desk) -> None:
    client, lake = read_only.client(), read_only.journeys["lake"]
    listed = client.get(f"/programs/{lake.program_id}/receipts", by=lake.id_of("lead")).json()["receipts"]
    names = [one["type"].partition(".")[0] for one in listed]
    wanted = ["ParticipationRequested", "AssessmentSubmitted", "StatementOfAccuracySigned"]
    assert list(dict.fromkeys(name for name in names if name in wanted)) == wanted
    signed = next(one for one in listed if one["type"] == "StatementOfAccuracySigned.v1")
    assert signed["says"].startswith("Cornelius Featherstone-Ruiz signed the Statement of Accuracy")
    path = f"/programs/{lake.program_id}/receipts/{signed['version']}"
    answer = client.get(path, by=lake.id_of("lead"))
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].endswith(f'{lake.program_id}-{signed["version"]}.receipt.json"')
    assert answer.headers["cache-control"] == "private, no-store"
    assert len(answer.content) < 4_000
    key = verify_receipt.key_of(str(read_only.service.log.key), 1)
    said = verify_receipt.verify(answer.text, key, [], 0)
    assert said[0].startswith("StatementOfAccuracySigned.v1 is on record")
    assert "Featherstone" not in answer.text


def test_nobody_else_does(read_only: Desk) -> None:
    client, lake, star = read_only.client(), read_only.journeys["lake"], read_only.journeys["star"]
    history = read_only.service.ledger.history("program", lake.program_id)
    version = next(one.version for one in history if one.type == "AssessmentSubmitted.v1")
    for path in (f"/programs/{lake.program_id}/receipts", f"/programs/{lake.program_id}/receipts/{version}"):
        assert codes(client.get(path)) == ["NOT_IDENTIFIED"]
        assert codes(client.get(path, by=star.id_of("lead"))) == ["NOT_DISCLOSED"]
        assert client.get(path, by="operator").status_code == 200


def test_there_is_none_for_what_a_program_does_not_hand_in(read_only: Desk) -> None:
    client, lake = read_only.client(), read_only.journeys["lake"]
    for version in ("1", "9999", "0", "x"):
        answer = client.get(f"/programs/{lake.program_id}/receipts/{version}", by="operator")
        assert codes(answer) == ["NOT_FOUND"], version
    assert codes(client.get("/programs/nosuch/receipts/1", by="operator")) == ["NOT_FOUND"]


def test_from_the_command_line(looking: Shell, tmp_path: Path) -> None:
    lake = looking.desk.journeys["lake"]
    rows = looking.json("receipt", "lantern")
    assert isinstance(rows, list)
    assert "handed in the assessment" in looking("receipt", "lantern").stdout
    version = next(str(row["version"]) for row in rows if row["type"] == "AssessmentSubmitted.v1")
    file = tmp_path / "r.json"
    said = looking("receipt", "lantern", version, "-o", str(file)).stdout
    assert f"verified with --key {looking.desk.service.log.key}" in said
    assert verify_receipt.main([str(file), "--key", str(looking.desk.service.log.key)]) == 0
    assert lake.program_id in file.read_text()
    assert "no receipt for version 1" in looking("receipt", "lantern", "1", "-o", str(file), code=2).stderr
    assert "with -o" in looking("receipt", "lantern", version, code=2).stderr
    assert "asked to take part" in looking("receipt", "prairie fire").stdout
