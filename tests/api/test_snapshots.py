"""The directory of each day: published, made again to the same bytes, and held against what is shown (S0-25)."""

import json
from datetime import timedelta
from hashlib import sha256
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

import pytest

from domain.changes import RenameProgram
from domain.snapshot import DirectoryPublished
from infra import snapshots
from infra.database import EmbeddedServer
from infra.heads import heads_at
from infra.log_files import LogDiverged
from infra.merkle import leaf_hash, root_of
from infra.snapshots import NotPublished, Published, Snapshots
from projections.directory import model
from tests.api.client import Client, codes
from tests.api.conftest import Desk
from tests.api.test_cli import Shell, opening
from tests.proof.superuser import by_superuser
from tests.recorded import record


@pytest.fixture
def published(desk: Desk) -> Published:
    """The directory of today, published with the read models up to date."""
    fact = desk.service.snapshots.publish()
    desk.service.projector.catch_up()
    return fact


@pytest.fixture
def nqms(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Shell:
    return opening(desk, monkeypatch)


def lines_of(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]


def path_of(fact: Published) -> str:
    return f"/log/directory/{fact.event.day}"


def faults(desk: Desk, fact: Published) -> list[str]:
    return list(desk.service.snapshots.faults(fact))


class TestTheFile:
    def test_everybody_reads_it_and_it_says_what_the_directory_says(self, desk: Desk, published: Published) -> None:
        client, e = desk.client(), published.event
        answer = client.http.get(path_of(published))
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        head, *entries = lines_of(answer.content)
        told = {"day": str(e.day), "entries": e.entries, "origin": desk.service.log.origin, "root": e.root}
        assert head == {**told, "format": "nqms.directory.v1", "size": e.size}
        assert sha256(answer.content).hexdigest() == e.sha256
        assert root_of(map(leaf_hash, answer.content.splitlines()[1:])).hex() == e.root
        assert len(entries) == e.entries == 5
        for entry in entries:
            self.same(entry, client.get(f"/partners/{entry['program_id']}", as_of=str(e.day)).json())

    def same(self, entry: dict[str, Any], shown: dict[str, Any]) -> None:
        for name in ("program_id", "name", "affiliate", "listing"):
            assert entry[name] == shown[name]
        names = ("scheme", "status", "tier", "label", "since", "through")
        told = [{n: one[n] for n in names if one.get(n)} for one in shown["statuses"]]
        assert entry["statuses"] == told

    def test_it_follows_from_the_events_before_it_and_is_itself_on_record(self, published: Published) -> None:
        assert published.position == published.event.size + 1
        assert published.stored.stream == "calendar:UTC"

    @pytest.mark.parametrize("day", ["2019-01-01", "2026-13-45", "today", "../checkpoint", ""])
    def test_there_is_no_other(self, desk: Desk, published: Published, day: str) -> None:
        assert published.position
        assert codes(desk.client().http.get(f"/log/directory/{day}")) == ["NOT_FOUND"]


class TestPublishing:
    def test_once_a_day(self, desk: Desk, published: Published) -> None:
        again = desk.service.snapshots.publish()
        assert (again.position, desk.head) == (published.position, published.position)
        desk.clock.pass_days(1)
        following = desk.service.snapshots.publish()
        assert following.event.day == published.event.day + timedelta(days=1)
        assert desk.service.snapshots.published().event == following.event
        assert desk.service.snapshots.published(published.event.day).event == published.event

    def test_a_file_that_a_crash_left_out_is_made_again(self, desk: Desk, published: Published) -> None:
        content = desk.service.snapshots.file(published)
        desk.service.log.files.remove(path_of(published).removeprefix("/log/"))
        assert faults(desk, published) == [f"the file of the directory of {published.event.day} is missing"]
        desk.service.snapshots.publish()
        assert desk.client().http.get(path_of(published)).content == content

    def test_two_that_publish_at_once_record_one(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        service = desk.service
        other = Snapshots(service.database, service.ledger, service.log)
        made = other.reproduced

        def late(*given: Any) -> Any:
            found = made(*given)
            service.snapshots.publish()
            return found

        monkeypatch.setattr(other, "reproduced", late)
        assert other.publish() == service.snapshots.published()
        assert desk.head == service.snapshots.published().position

    def test_a_loop_does_it_by_itself(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(snapshots, "TICK", 0.05)
        stop = Event()
        thread = Thread(target=desk.service.snapshots.run, args=(stop,))
        before, until = desk.head, monotonic() + 10
        thread.start()
        while desk.head == before and monotonic() < until:
            sleep(0.05)
        stop.set()
        thread.join(timeout=10)
        assert desk.service.snapshots.published().position == before + 1


class TestMadeAgain:
    def test_the_same_bytes_after_more_has_happened(self, desk: Desk, nqms: Shell, published: Published) -> None:
        first, e = desk.service.snapshots.file(published), published.event
        star = desk.journeys["star"]
        renamed = {"legal_name": "Evening Lantern Mentors", "display_name": "Evening Lantern Mentors"}
        renamed |= {"effective_on": desk.clock().date().isoformat()}
        desk.service.ledger.execute(star.program_id, RenameProgram, renamed, person=star.id_of("lead"))
        said = nqms("directory", "reproduce", "--at", str(e.size), "--day", str(e.day))
        assert said.stdout.encode() == first
        assert e.sha256 in said.stderr
        later = nqms("directory", "reproduce", "--at", str(desk.head), "--day", str(e.day)).stdout
        assert "Evening Lantern Mentors" in later
        assert "Evening Lantern Mentors" not in first.decode()

    def test_the_read_models_are_not_asked(self, desk: Desk, published: Published, postgres: EmbeddedServer) -> None:
        content = desk.service.snapshots.file(published)
        by_superuser(postgres, desk.service.database, "DELETE FROM read.directory")
        e = published.event
        assert desk.service.snapshots.reproduced(e.size, e.day).content == content

    def test_a_directory_recorded_before_there_were_heads_is_read_and_proved(self, desk: Desk, nqms: Shell) -> None:
        service = desk.service
        made = service.snapshots.reproduced(desk.head, desk.clock().date())
        known = {name: value for name, value in made.facts.items() if name not in ("programs", "heads")}
        former = DirectoryPublished(**{**known, "day": made.day})
        record(service.ledger.recorder, "calendar:UTC", [former])
        fact = service.snapshots.publish()
        assert (fact.stored.type, fact.event.heads, fact.event.sha256) == (
            "DirectoryPublished.v1",
            None,
            known["sha256"],
        )
        assert "the heads of" not in nqms("directory", "check").stdout
        proof = json.loads(service.snapshots.proof(desk.journeys["lake"].program_id))
        assert proof["format"] == "nqms.partner.v1"
        assert {"head", "beside"} & set(proof) == set()
        assert "directories: 1 published directories made again, 0 divergences" in nqms("verify").stdout

    def test_another_day_shows_what_held_then(self, desk: Desk, published: Published) -> None:
        e = published.event
        after = lines_of(desk.service.snapshots.reproduced(e.size, e.day.replace(year=e.day.year + 9)).content)
        held = {one["status"] for entry in after[1:] for one in entry["statuses"]}
        assert "expired" in held, "a term that is over by then is shown as over"

    def test_wrong_use_is_said_in_a_sentence(self, nqms: Shell, desk: Desk) -> None:
        assert "no event at position" in nqms("directory", "reproduce", "--at", str(desk.head + 1), code=2).stderr
        assert "no directory has been published yet" in nqms("directory", "check", code=2).stderr


class TestHeads:
    """How far every program's stream went: nothing can be put before that position unnoticed."""

    def test_they_are_recorded_of_all_programs_shown_or_not(self, desk: Desk, published: Published) -> None:
        made = desk.service.snapshots.reproduced(published.event.size, published.event.day)
        streams = {f.stream for f in desk.service.ledger.recorder.read(0, 10_000) if f.stream.startswith("program:")}
        assert set(made.lines) == streams
        assert published.event.programs == len(streams)
        assert published.event.heads == made.tree.root.hex()
        lake = f"program:{desk.journeys['lake'].program_id}"
        last = desk.service.ledger.recorder.read_stream(lake)[-1]
        told = json.loads(made.lines[lake])
        entry = made.entries[made.places[lake.removeprefix("program:")]]
        assert told == {"commitment": last.commitment.hex(), "entry": sha256(entry).hexdigest(),
                        "stream": lake, "version": last.version}  # fmt: skip

    def test_they_are_as_of_the_position_whatever_came_later(self, desk: Desk, published: Published) -> None:
        e, star = published.event, desk.journeys["star"]
        renamed = {"legal_name": "Dawn Mentors", "display_name": "Dawn Mentors", "effective_on": str(e.day)}
        desk.service.ledger.execute(star.program_id, RenameProgram, renamed, person=star.id_of("lead"))
        assert desk.service.snapshots.reproduced(e.size, e.day).tree.root.hex() == e.heads
        assert desk.service.snapshots.reproduced(desk.head, e.day).tree.root.hex() != e.heads
        assert faults(desk, published) == []

    def test_one_that_was_not_listed_yet_has_a_head_and_no_entry(self, desk: Desk) -> None:
        early = next(f for f in desk.service.ledger.recorder.read(0, 10_000) if f.type == "ProgramRegistered.v1")
        made = desk.service.snapshots.reproduced(early.position, desk.clock().date())
        assert made.entries == ()
        assert [sorted(json.loads(line)) for line in made.lines.values()] == [["commitment", "stream", "version"]]

    def test_the_command_line_gives_the_same(self, desk: Desk, nqms: Shell, published: Published) -> None:
        e = published.event
        assert f"root {e.heads}" in nqms("directory", "publish").stdout
        asked = ("directory", "reproduce", "--at", str(e.size), "--day", str(e.day))
        assert f"heads of {e.programs} programs' streams: root {e.heads}" in nqms(*asked).stderr
        lines = nqms(*asked, "--heads").stdout.splitlines()
        assert [json.loads(line)["stream"] for line in lines] == sorted(
            desk.service.snapshots.reproduced(e.size, e.day).heads
        )
        assert f"the heads of {e.programs} programs' streams" in nqms("directory", "check").stdout

    def test_an_event_put_in_or_taken_out_before_it_is_found(
        self, desk: Desk, nqms: Shell, published: Published, postgres: EmbeddedServer
    ) -> None:
        """One that changes nothing of what the directory shows."""
        star = desk.journeys["star"].program_id
        last = desk.service.ledger.recorder.stream_version(f"program:{star}")
        put_out = f"UPDATE ledger.events SET stream = 'program:other', version = 1 WHERE stream = 'program:{star}' "
        by_superuser(postgres, desk.service.database, put_out + f"AND version = {last}")
        (said,) = (one for one in faults(desk, published) if "heads" in one)
        assert f"put in or taken out before position {published.position}" in said
        assert said in nqms("directory", "check", code=1).stderr
        assert said in nqms("verify", code=1).stdout
        with pytest.raises(LogDiverged, match="other heads"):
            Snapshots(desk.service.database, desk.service.ledger, desk.service.log).proof(star)


class TestVerifying:
    """`nqms verify` holds every directory that was ever published against the ledger, in its one reading."""

    def test_several_days(self, desk: Desk, nqms: Shell, published: Published) -> None:
        star = desk.journeys["star"]
        for name in ("Dusk Mentors", "Noon Mentors"):
            desk.clock.pass_days(40)
            renamed = {"legal_name": name, "display_name": name, "effective_on": str(desk.clock().date())}
            desk.service.ledger.execute(star.program_id, RenameProgram, renamed, person=star.id_of("lead"))
            desk.service.snapshots.publish()
        assert "directories: 3 published directories made again, 0 divergences" in nqms("verify").stdout

    def test_a_file_changed_or_gone(self, desk: Desk, nqms: Shell, published: Published) -> None:
        name = path_of(published).removeprefix("/log/")
        content = desk.service.log.files.read(name) or b""
        desk.service.log.files.replace(name, content.replace(b"Lantern Lake", b"Lantern Bake"))
        assert "the published file shows Lantern Lake Mentors" in nqms("verify", code=1).stdout
        desk.service.log.files.remove(name)
        assert f"the file of the directory of {published.event.day} is missing" in nqms("verify", code=1).stdout

    def test_one_that_says_it_was_made_of_what_came_after_it(
        self, desk: Desk, nqms: Shell, published: Published, postgres: EmbeddedServer
    ) -> None:
        e = published.event

        def sized(size: int) -> str:
            """The event says another size, written anew by somebody who owns the server."""
            row = f"position = {published.position}"
            changed = f"regexp_replace(state, '.size.:[0-9]+', '\"size\":{size}')"
            return f"UPDATE ledger.events SET state = {changed} WHERE {row}"

        by_superuser(postgres, desk.service.database, sized(e.size + 1))
        said = nqms("verify", code=1).stdout
        assert f"position {published.position}, says that it was made up to {e.size + 1}" in said
        by_superuser(postgres, desk.service.database, sized(e.size + 900))
        assert f"was made up to {e.size + 900}, and the ledger ends before that" in nqms("verify", code=1).stdout


class TestLookingOver:
    """What is left out, put in or changed is named, in the file and in the read model."""

    def tampered(self, desk: Desk, fact: Published, change: Any) -> list[str]:
        name = path_of(fact).removeprefix("/log/")
        lines = desk.service.snapshots.file(fact).splitlines()
        change(lines)
        desk.service.log.files.replace(name, b"".join(line + b"\n" for line in lines))
        found = faults(desk, fact)
        with pytest.raises(LogDiverged, match="not the one whose digest"):
            desk.service.snapshots.file(fact)
        return found

    def test_all_is_well(self, nqms: Shell, desk: Desk, published: Published) -> None:
        assert faults(desk, published) == []
        assert "show the same 5 programs" in nqms("directory", "check").stdout

    def test_a_partner_left_out_of_the_file(self, desk: Desk, nqms: Shell, published: Published) -> None:
        entry = lines_of(desk.service.snapshots.file(published))[2]
        (said,) = self.tampered(desk, published, lambda lines: lines.pop(2))
        assert said == f"the published file leaves out {entry['name']} ({entry['program_id']})"
        assert said in nqms("directory", "check", code=1).stderr

    def test_a_partner_put_into_the_file(self, desk: Desk, published: Published) -> None:
        entry = lines_of(desk.service.snapshots.file(published))[1]
        false = json.dumps({**entry, "name": "Moonlit Mentors", "program_id": "invented"}).encode()
        (said,) = self.tampered(desk, published, lambda lines: lines.append(false))
        assert said == "the published file puts in Moonlit Mentors (invented)"

    def test_a_partner_changed_moved_or_doubled_in_the_file(self, desk: Desk, published: Published) -> None:
        def better(lines: list[bytes]) -> None:
            lines[1] = lines[1].replace(b'"active"', b'"extended"').replace(b'"listed"', b'"paused"')

        whole = desk.service.snapshots.file(published)
        assert "otherwise" in " ".join(self.tampered(desk, published, better))
        name = path_of(published).removeprefix("/log/")
        for change in (lambda lines: lines.append(lines.pop(1)), lambda lines: lines.append(lines[1])):
            desk.service.log.files.replace(name, whole)
            assert "twice or in another order" in " ".join(self.tampered(desk, published, change))
        desk.service.log.files.replace(name, whole)
        assert "its first line is another" in " ".join(
            self.tampered(desk, published, lambda lines: lines.__setitem__(0, b"{}"))
        )
        desk.service.log.files.replace(name, whole)
        assert "puts in None" in " ".join(self.tampered(desk, published, lambda lines: lines.append(b"no json")))

    def test_a_partner_left_out_of_or_put_into_the_read_model(
        self, desk: Desk, published: Published, postgres: EmbeddedServer
    ) -> None:
        star = desk.journeys["star"]
        gone = f"DELETE FROM read.directory WHERE key = 'program:{star.program_id}'"
        by_superuser(postgres, desk.service.database, gone)
        assert [one.split(" out ")[0] for one in faults(desk, published)] == ["the read model leaves"]
        lake = desk.service.reading.partner(desk.journeys["lake"].program_id)
        assert lake is not None
        body = model.dump(lake).replace(lake.name, "Moonlit Mentors").replace(lake.program_id, "invented")
        columns = "generation, from_position, to_position, affiliate, listing, area, city, name, folded"
        put = f"""INSERT INTO read.directory (key, body, {columns}) SELECT 'program:invented', '{body}', {columns}
            FROM read.directory WHERE key = 'program:{lake.program_id}' AND to_position IS NULL"""
        by_superuser(postgres, desk.service.database, put)
        assert "the read model puts in Moonlit Mentors (invented)" in faults(desk, published)

    def test_an_event_changed_under_it(self, desk: Desk, published: Published, postgres: EmbeddedServer) -> None:
        star = desk.journeys["star"].program_id
        change = f"""UPDATE ledger.events SET state = replace(state, 'mn-qp', 'mn-qq')
            WHERE stream <> 'program:{star}' AND type = 'TierGranted.v1'"""
        by_superuser(postgres, desk.service.database, change)
        assert "the ledger gives another directory" in faults(desk, published)[0]


class TestProofs:
    def test_everybody_gets_the_proof_of_a_partner(self, desk: Desk, published: Published) -> None:
        client, lake = desk.client(), desk.journeys["lake"].program_id
        answer = client.get(f"/partners/{lake}/proof")
        assert answer.status_code == 200
        assert answer.headers["content-disposition"] == f'attachment; filename="{lake}.partner.json"'
        assert len(answer.content) < 4_000
        told = answer.json()
        assert json.loads(told["entry"])["program_id"] == lake
        assert json.loads(told["event"][2])["sha256"] == published.event.sha256
        last = desk.service.ledger.recorder.read_stream(f"program:{lake}")[-1]
        assert json.loads(told["head"])["commitment"] == last.commitment.hex()
        assert client.get(f"/partners/{lake}/proof", day=str(published.event.day)).content == answer.content

    def test_what_proofs_need_is_worked_out_once_for_each_day(
        self, desk: Desk, published: Published, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[int] = []

        def counted(connection: Any, position: int) -> Any:
            asked.append(position)
            return heads_at(connection, position)

        monkeypatch.setattr(snapshots, "heads_at", counted)
        service, programs = desk.service, [way.program_id for way in desk.journeys.values()]
        fresh = Snapshots(service.database, service.ledger, service.log)
        proofs = [fresh.proof(one) for one in programs]
        assert asked == [published.event.size]
        with monkeypatch.context() as patched:
            patched.setattr(fresh, "file", lambda fact: pytest.fail("the file is read again"))
            assert [fresh.proof(one) for one in programs] == proofs
        days = [published]
        for _ in range(snapshots.KEPT):
            desk.clock.pass_days(1)
            days.append(fresh.publish())
            fresh.proof(programs[0])
        assert list(fresh._kept) == [one.position for one in days[-snapshots.KEPT :]], "the last ones are kept"

    def test_there_is_none_before_a_directory_or_of_a_program_that_is_not_shown(self, desk: Desk) -> None:
        client: Client = desk.client()
        lake = desk.journeys["lake"].program_id
        assert codes(client.get(f"/partners/{lake}/proof")) == ["NOT_FOUND"]
        desk.service.snapshots.publish()
        assert codes(client.get("/partners/nosuch/proof")) == ["NOT_FOUND"]
        assert codes(client.get(f"/partners/{lake}/proof", day="2019-01-01")) == ["NOT_FOUND"]
        with pytest.raises(NotPublished, match="2019-01-01"):
            desk.service.snapshots.proof(lake, desk.clock().date().replace(year=2019, month=1, day=1))

    def test_from_the_command_line(self, nqms: Shell, desk: Desk, tmp_path: Any) -> None:
        file = tmp_path / "lake.partner.json"
        lake = desk.journeys["lake"].program_id
        assert "no directory" in nqms("partner-proof", lake, "-o", str(file), code=2).stderr
        assert "5 programs as known at" in nqms("directory", "publish").stdout
        said = nqms("partner-proof", lake, "-o", str(file)).stdout
        assert f"verified with --key {desk.service.log.key}" in said
        assert file.read_bytes() == desk.service.snapshots.proof(lake)
        whole = tmp_path / "directory"
        size = str(desk.service.snapshots.published().event.size)
        day = str(desk.service.snapshots.published().event.day)
        nqms("directory", "reproduce", "--at", size, "--day", day, "-o", str(whole))
        assert whole.read_bytes() == desk.service.snapshots.file(desk.service.snapshots.published())
