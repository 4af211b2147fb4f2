"""Kafka: clients with safe settings, and topics made or refused.

The client library's defaults lose and repeat messages (offsets committed before the effect, topics made by a typing
error, reading from the end); here they are set right, once.
"""

import contextlib
import socket
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from infra.settings import host_and_port
from infra.topics import Topic

with warnings.catch_warnings():
    # The client reads its own files by a way that Python 3.11 calls old.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer
    from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
    from kafka.errors import KafkaError, TopicAlreadyExistsError
    from kafka.structs import TopicPartition

__all__ = [
    "AWAY",
    "BrokerAway",
    "Cluster",
    "ConsumerRebalanceListener",
    "Found",
    "KafkaConsumer",
    "KafkaProducer",
    "TopicPartition",
    "TopicsDiffer",
    "TopicsMissing",
    "differences",
]

T = TypeVar("T")
PATIENCE_MS = 15_000
PROBE = 3.0  # seconds
AWAY = (KafkaError, OSError)
"""What the clients raise while the broker is away, or says no."""


class BrokerAway(RuntimeError):
    """No broker answers at the address given."""

    def __init__(self, bootstrap: str, why: object) -> None:
        super().__init__(f"no Kafka broker answers at {bootstrap}: {why}")


class TopicsDiffer(RuntimeError):
    """Topics are there with other settings than they have to have; nothing was changed. ``faults``: one sentence each."""

    def __init__(self, faults: Sequence[str]) -> None:
        listed = "\n".join(f"  - {fault}" for fault in faults)
        super().__init__(f"the broker's topics are not as they have to be; nothing was changed:\n{listed}")
        self.faults = tuple(faults)


class TopicsMissing(RuntimeError):
    """Topics are not there yet; the message says how to make them."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"there are no topics {', '.join(names)}: run `nqms kafka init`")
        self.names = tuple(names)


@dataclass(frozen=True)
class Found:
    """What the broker says of a topic."""

    partitions: int
    replication: int
    settings: Mapping[str, str]


class Cluster:
    """A Kafka cluster by its address (host:port, comma separated). Clients are made anew at every call."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._everywhere: dict[str, Any] = {
            "bootstrap_servers": [one.strip() for one in bootstrap.split(",")],
            "client_id": "nqms",
            "bootstrap_timeout_ms": PATIENCE_MS,
            "reconnect_backoff_ms": 50,
            "reconnect_backoff_max_ms": 1_000,
            "retry_backoff_ms": 100,
        }

    # --- clients --------------------------------------------------------------------------------------------------

    def producer(self) -> KafkaProducer:
        """An idempotent producer: acknowledged by all replicas, in order, never doubled by its own repeats.

        BrokerAway, or kafka.errors.KafkaError where no broker answers.
        """
        safe: dict[str, Any] = {
            "acks": "all",
            "enable_idempotence": True,
            "max_in_flight_requests_per_connection": 5,
            "allow_auto_create_topics": False,
            "linger_ms": 5,
            "batch_size": 64 * 1024,
            "max_block_ms": PATIENCE_MS,
            "request_timeout_ms": 10_000,
            "delivery_timeout_ms": 30_000,
            "metrics_enabled": False,
        }
        self._probe()
        return KafkaProducer(**self._everywhere, **safe)

    def consumer(self, group: str | None, *, session_ms: int = 10_000, records: int = 500) -> KafkaConsumer:
        """A consumer that commits by hand, from the beginning, and never makes a topic.

        BrokerAway, or kafka.errors.KafkaError where no broker answers.
        """
        safe: dict[str, Any] = {
            "group_id": group,
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "isolation_level": "read_committed",
            "allow_auto_create_topics": False,
            "max_poll_records": records,
            "session_timeout_ms": session_ms,
            "heartbeat_interval_ms": max(100, session_ms // 5),
            "request_timeout_ms": max(10_000, session_ms + 5_000),
            "fetch_max_wait_ms": 200,
            "metrics_enabled": False,
        }
        self._probe()
        return KafkaConsumer(**self._everywhere, **safe)

    def _probe(self) -> None:
        """Refuse at once where nobody listens: the client would try for a long time, and leave sockets open."""
        why: object = "no address"
        for server in self._everywhere["bootstrap_servers"]:
            host, port = host_and_port(server)
            try:
                socket.create_connection((host, port), timeout=PROBE).close()
                return
            except OSError as error:
                why = error
        raise BrokerAway(self.bootstrap, why)

    @contextlib.contextmanager
    def administering(self) -> Generator[Any]:
        """The client library's administrator, closed at the end. BrokerAway."""
        self._probe()
        try:
            admin: Any = KafkaAdminClient(**self._everywhere, request_timeout_ms=10_000)
        except AWAY as error:
            raise BrokerAway(self.bootstrap, error) from None
        try:
            yield admin
        finally:
            admin.close()

    # --- topics ---------------------------------------------------------------------------------------------------

    def identity(self) -> tuple[str, int]:
        """The cluster's own id and how many brokers it has. BrokerAway."""
        with self.administering() as admin:
            described: Any = self._asked(admin.describe_cluster)
        return str(described["cluster_id"]), len(described["brokers"])

    def _asked(self, question: Callable[[], T]) -> T:
        try:
            return question()
        except AWAY as error:
            raise BrokerAway(self.bootstrap, error) from None

    def found(self, names: Sequence[str]) -> dict[str, Found]:
        """What there is of some topics. BrokerAway."""
        with self.administering() as admin:
            return self._asked(lambda: _found(admin, names))

    def ends(self, name: str) -> list[int]:
        """The offset that the next message of each partition of a topic will have, in the order of the partitions.

        BrokerAway, or kafka.errors.KafkaError. A leader that has just been chosen answers when it knows for sure.
        """
        consumer: Any = self.consumer(None)
        try:
            parts = [TopicPartition(name, n) for n in range(len(consumer.partitions_for_topic(name) or ()))]
            found: Any = consumer.end_offsets(parts)
            return [found[part] for part in parts]
        finally:
            consumer.close(autocommit=False)

    def check_there(self, names: Sequence[str]) -> dict[str, Found]:
        """What there is of some topics, all of which have to be there. BrokerAway, TopicsMissing."""
        found = self.found(names)
        missing = [name for name in names if name not in found]
        if missing:
            raise TopicsMissing(missing)
        return found

    def create(self, topics: Sequence[Topic], partitions: int, replication: int) -> list[str]:
        """Make those topics that are missing; the names of those made. BrokerAway, TopicsDiffer."""
        self.check(topics, there=False)
        least = {"min.insync.replicas": str(max(1, replication - 1))}
        with self.administering() as admin:
            known = self._asked(lambda: _found(admin, [t.name for t in topics]))
            new = [t for t in topics if t.name not in known]
            for topic in new:
                made = NewTopic(
                    topic.name, topic.partitions or partitions, replication, topic_configs={**topic.settings, **least}
                )
                self._asked(lambda made=made: _made(admin, made))
        return [topic.name for topic in new]

    def check(self, topics: Sequence[Topic], *, there: bool = True) -> dict[str, Found]:
        """Refuse topics whose settings are others than they have to be. BrokerAway, TopicsDiffer, TopicsMissing."""
        known = self.found([topic.name for topic in topics])
        missing = [topic.name for topic in topics if topic.name not in known]
        if missing and there:
            raise TopicsMissing(missing)
        faults = [fault for topic in topics if topic.name in known for fault in differences(topic, known[topic.name])]
        if faults:
            raise TopicsDiffer(faults)
        return known


def differences(topic: Topic, found: Found) -> list[str]:
    """In what a topic is other than it has to be, one sentence each."""
    wrong = [
        f"{topic.name}: {name} is {found.settings[name]}, it has to be {value}"
        for name, value in topic.settings.items()
        if name in found.settings and found.settings[name] != value
    ]
    if topic.partitions is not None and topic.partitions != found.partitions:
        wrong.append(f"{topic.name}: it has {found.partitions} partitions, it has to have {topic.partitions}")
    least = int(found.settings.get("min.insync.replicas", "1"))
    if least > found.replication:
        wrong.append(f"{topic.name}: min.insync.replicas is {least}, more than the {found.replication} replicas it has")
    if found.replication > 2 and least < 2:
        wrong.append(f"{topic.name}: min.insync.replicas is {least}; with {found.replication} replicas it has to be 2")
    return wrong


def _made(admin: Any, topic: NewTopic) -> None:
    with contextlib.suppress(TopicAlreadyExistsError):  # somebody else was quicker
        admin.create_topics([topic], wait_for_metadata=True)


def _found(admin: Any, names: Sequence[str]) -> dict[str, Found]:
    described: Any = admin.describe_topics(list(names))
    there = {one["name"]: one["partitions"] for one in described if one["error_code"] == 0}
    if not there:
        return {}
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in there]
    told: Any = admin.describe_configs(asked, config_filter="all")
    settings: dict[str, dict[str, str]] = {
        name: {setting: str(one["value"]) for setting, one in values.items()} for name, values in told["topic"].items()
    }
    return {
        name: Found(len(partitions), min(len(p["replica_nodes"]) for p in partitions), settings.get(name, {}))
        for name, partitions in there.items()
    }
