"""The relay on a real broker: everything once it is recorded, in order, each to those it is for."""

import json
import re
from dataclasses import replace
from threading import Event, Thread

import pytest

from api.demo.cast import LAKE, STAR
from api.demo.journey import journey
from consumers.outgoing import DRAFTS, MARKER, ROW
from consumers.relay import Relay
from infra.cloud_events import of_headers, stored
from infra.kafka import Cluster, TopicsDiffer, TopicsMissing
from infra.records import commitment
from infra.relaying import relayed, turn
from infra.topics import Topic, Topics
from projections.language import stem
from tests.api.conftest import Desk
from tests.consumers.relays import Got, read_all, relay_all, relaying
from tests.waiting import until


def in_order(got: list[Got], by_key: bool = True) -> bool:
    last: dict[object, int] = {}
    for one in got:
        place = one.key if by_key else one.partition
        if one.position <= last.get(place, 0):
            return False
        last[place] = one.position
    return True


@pytest.mark.req("H9")
def test_every_fact_is_handed_on_whole_and_in_order(desk: Desk, cluster: Cluster, ready: Topics) -> None:
    relay_all(desk, cluster, ready)
    got = read_all(cluster, ready.ledger)
    assert sorted(one.position for one in got) == list(range(1, desk.head + 1))
    assert in_order(got)
    recorded = {fact.position: fact for fact in desk.service.ledger.recorder.read(0, desk.head)}
    for one in got:
        fact = stored(of_headers(one.headers), one.value or b"")
        assert fact == recorded[one.position]
        assert commitment(fact) == fact.commitment
        assert (one.key, one.headers["ce_id"]) == (fact.stream, f"{fact.stream}:{fact.version}")


@pytest.mark.req("H11")
def test_no_byte_of_any_topic_leads_to_a_person(desk: Desk, cluster: Cluster, ready: Topics) -> None:
    """So there is nothing to erase in a topic, which keeps its records for ever."""
    relay_all(desk, cluster, ready)
    affiliates = [a.affiliate_id for a in desk.service.ledger.shelf().affiliates()]
    topics = [*ready.standing(), *(one for code in affiliates for one in ready.for_affiliate(code))]
    records = [one for topic in topics for one in read_all(cluster, topic)]
    written = [repr((one.key, one.headers)).encode() + (one.value or b"") for one in records]
    people = [person for person, _ in desk.service.keyring.stored() if person.startswith("p_")]
    told = [record for record in desk.service.vault.people(people).values() if record]
    needles = [word.encode() for record in told for word in (record.name, record.email)]
    needles += [key for person in people if (key := desk.service.keyring.get(person))]
    assert len(records) > desk.head
    assert len(needles) > 3 * 20
    assert [needle for needle in needles if any(needle in record for record in written)] == []
    assert any(person.encode() in record for person in people for record in written), "opaque ids are there"


def test_the_position_is_kept_with_the_ledger_and_a_second_run_repeats_nothing(
    desk: Desk, cluster: Cluster, ready: Topics
) -> None:
    relay_all(desk, cluster, ready)
    identity = f"{cluster.identity()[0]}/{ready.prefix}"
    assert relayed(desk.service.database) == {identity: desk.head}
    again = relay_all(desk, cluster, ready)
    assert again.relay.told.messages <= 3 * 2  # markers alone
    assert len(read_all(cluster, ready.ledger)) == desk.head


def test_the_measurements_say_how_far_it_is_behind(desk: Desk, cluster: Cluster, ready: Topics) -> None:
    assert "nqms_relay_lag_events{" not in desk.client().get("/metrics").text
    relay_all(desk, cluster, ready)
    named = f'{{cluster="{cluster.identity()[0]}/{ready.prefix}"}}'
    told = desk.client().get("/metrics").text
    assert f"nqms_relay_position{named} {float(desk.head)}" in told
    assert f"nqms_relay_lag_events{named} 0.0" in told
    assert f"nqms_relay_lag_seconds{named} 0.0" in told
    before = desk.head
    journey(desk.door, replace(STAR, name="Late Lantern Mentors", connector_ref="MC-30009")).listed()
    with desk.service.database.pool.connection() as connection:
        connection.execute("UPDATE read.relayed SET position = 2")  # recorded long ago by the story's clock
    told = desk.client().get("/metrics").text
    assert f"nqms_relay_lag_events{named} {float(desk.head - 2)}" in told
    (seconds,) = re.findall(rf"nqms_relay_lag_seconds{re.escape(named)} (\S+)", told)
    assert float(seconds) > 0
    assert desk.head > before


def test_what_is_recorded_while_it_runs_is_handed_on_at_once(desk: Desk, cluster: Cluster, ready: Topics) -> None:
    with relaying(desk.service, cluster, ready) as running:
        until(lambda: running.relay.told.position >= desk.head)
        before = desk.head
        journey(desk.door, replace(STAR, name="Brass Lantern Mentors", connector_ref="MC-30001")).listed()
        assert desk.head > before
        until(lambda: running.relay.told.position == desk.head, within=5)
    assert max(one.position for one in read_all(cluster, ready.ledger)) == desk.head


def test_a_ledger_whose_clock_is_ahead_of_the_brokers_is_handed_on_all_the_same(
    desk: Desk, cluster: Cluster, ready: Topics
) -> None:
    desk.clock.pass_days(4000)
    journey(desk.door, replace(STAR, name="Far Morning Mentors", connector_ref="MC-30031")).listed()
    relay_all(desk, cluster, ready)
    last = max(read_all(cluster, ready.ledger), key=lambda one: one.position)
    assert last.headers["ce_time"] > "2036"


def test_of_several_relays_one_works_and_another_takes_over(desk: Desk, cluster: Cluster, ready: Topics) -> None:
    with relaying(desk.service, cluster, ready) as first:
        until(lambda: first.relay.told.position >= desk.head)
        with relaying(desk.service, cluster, ready) as second:
            identity = f"{cluster.identity()[0]}/{ready.prefix}"
            with turn(desk.service.database, identity) as third:
                assert third is None
            assert (first.relay.told.takeovers, second.relay.told.takeovers) == (1, 0)
            first.end()
            until(lambda: second.relay.told.takeovers == 1)
            journey(desk.door, replace(STAR, name="Tin Whistle Mentors", connector_ref="MC-30002")).listed()
            until(lambda: second.relay.told.position == desk.head)
    got = read_all(cluster, ready.ledger)
    assert sorted(one.position for one in got) == list(range(1, desk.head + 1))


@pytest.mark.req("M19")
def test_an_affiliate_gets_its_own_facts_without_the_content_of_drafts(
    desk: Desk, cluster: Cluster, ready: Topics
) -> None:
    relay_all(desk, cluster, ready)
    got = read_all(cluster, ready.of_affiliate("il"))
    own = {f"program:{desk.journeys[name].program_id}" for name in ("star", "draft")}
    assert {one.key for one in got} == {"affiliate:il", *own}
    assert in_order(got)
    by_program = [one for one in got if one.key in own]
    for key in own:
        versions = [int(one.headers["ce_streamversion"]) for one in by_program if one.key == key]
        assert versions == list(range(1, len(versions) + 1))
    drafts = [one for one in by_program if stem(one.headers["ce_type"]) in DRAFTS]
    assert drafts
    assert {(one.value, one.headers["ce_withheld"], "ce_salt" in one.headers) for one in drafts} == {
        (b"{}", "draft", False)
    }
    assert all("ce_salt" in one.headers for one in got if one not in drafts)


@pytest.mark.req("M19")
def test_a_complaint_goes_to_the_administrators_topic_alone(desk: Desk, cluster: Cluster, ready: Topics) -> None:
    program = desk.journeys["star"].program_id
    body = {"program_id": program, "affiliate": "il", "concern": "conduct", "narrative": "They never came."}
    about = desk.client().post("/complaints", {"about": "program", **body}).json()["complaint_id"]
    del body["program_id"]
    whole = desk.client().post("/complaints", {"about": "affiliate", **body}).json()["complaint_id"]
    relay_all(desk, cluster, ready)
    holders = {
        topic.name: {one.key for one in read_all(cluster, topic) if one.key.startswith("complaint:")}
        for topic in (*ready.standing(), *ready.for_affiliate("il"), *ready.for_affiliate("mn"))
    }
    assert {name: keys for name, keys in holders.items() if keys} == {
        ready.ledger.name: {f"complaint:{about}", f"complaint:{whole}"},
        ready.complaints("il").name: {f"complaint:{about}"},
    }


def test_policies_and_days_are_for_everybody(desk: Desk, cluster: Cluster, ready: Topics) -> None:
    relay_all(desk, cluster, ready)
    kinds = {one.key.partition(":")[0] for one in read_all(cluster, ready.published)}
    assert {"ledger", "policy", "instrument"} <= kinds <= {"ledger", "policy", "instrument", "calendar"}


@pytest.mark.req("S0-25")
def test_the_public_row_is_what_the_directory_shows(desk: Desk, cluster: Cluster, ready: Topics) -> None:
    relay_all(desk, cluster, ready)
    got = read_all(cluster, ready.partners)
    rows = {one.key: json.loads(one.value or b"") for one in got if one.headers["ce_type"] == ROW}
    assert rows.keys() == {f"program:{one.program_id}" for one in desk.journeys.values()}
    star = rows[f"program:{desk.journeys['star'].program_id}"]
    (shown,) = desk.client().get(f"/partners/{star['program_id']}").json()["statuses"]
    assert star["schemes"][0]["turns"][0]["shows"] == shown
    markers = {one.partition: json.loads(one.value or b"") for one in got if one.headers["ce_type"] == MARKER}
    assert markers == {n: {"position": desk.head, "partitions": 3} for n in range(3)}


def test_a_transferred_program_brings_its_file_to_the_receiving_affiliate(
    desk: Desk, cluster: Cluster, ready: Topics
) -> None:
    way = journey(desk.door, replace(STAR, name="Willow Bridge Mentors", connector_ref="MC-30003")).listed()
    program, there = way.program_id, journey(desk.door, LAKE)
    moving = {"to": "mn", "jurisdiction": "US-MN", "status_treatment": "ended", "reason": "They moved."}
    way.by("administrator", "ProposeTransfer", **moving)
    desk.door.do(there.id_of("administrator"), program, "AcceptTransfer")
    desk.door.do(there.id_of("administrator"), program, "AmendProfile", city="Duluth")
    relay_all(desk, cluster, ready)
    stream = f"program:{program}"
    history = desk.service.ledger.recorder.read_stream(stream)
    old, new = (
        [
            int(one.headers["ce_streamversion"])
            for one in read_all(cluster, ready.of_affiliate(code))
            if one.key == stream
        ]
        for code in ("il", "mn")
    )
    assert new == [fact.version for fact in history]
    moved = next(f.version for f in history if f.type == "ProgramTransferredToAffiliate.v1")
    assert old == list(range(1, moved + 1))


def test_without_topics_it_says_how_to_make_them(desk: Desk, cluster: Cluster, topics: Topics) -> None:
    with pytest.raises(TopicsMissing, match="nqms kafka init"):
        Relay(desk.service, cluster, topics).run(Event())


def test_topics_with_other_settings_are_refused_by_name(desk: Desk, cluster: Cluster, topics: Topics) -> None:
    loose = Topic(
        topics.ledger.name,
        "",
        {"cleanup.policy": "compact", "retention.ms": "1000", "message.timestamp.type": "CreateTime"},
    )
    cluster.create((loose,), 3, 1)
    with pytest.raises(TopicsDiffer) as refused:
        cluster.create(topics.standing(), 3, 1)
    assert set(refused.value.faults) == {
        f"{topics.ledger.name}: cleanup.policy is compact, it has to be delete",
        f"{topics.ledger.name}: retention.ms is 1000, it has to be -1",
        f"{topics.ledger.name}: message.timestamp.type is CreateTime, it has to be LogAppendTime",
    }
    assert cluster.found([topics.partners.name]) == {}


def test_topics_that_somebody_else_makes_at_the_same_moment_are_there_all_the_same(
    cluster: Cluster, topics: Topics
) -> None:
    failed: list[BaseException] = []

    def make() -> None:
        try:
            cluster.create(topics.standing(), 3, 1)
        except BaseException as error:  # noqa: BLE001  told to the test's own thread
            failed.append(error)

    threads = [Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failed == []
    assert cluster.check(topics.standing()).keys() == {topic.name for topic in topics.standing()}
