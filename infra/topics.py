"""The topics of the stream: their names, who may read them, and the settings that they have to have.

Who may read a topic is for the broker's access lists; what is in it is decided here, once, by which stream a fact
belongs to. Nothing in a topic is a person's name or anybody's words: those are in no event.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

RETAINED = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
"""A record that is kept for ever, as the ledger is."""
COMPACTED = {"cleanup.policy": "compact"}
"""The newest row of each key is kept for ever."""
SAFE = {"unclean.leader.election.enable": "false", "message.timestamp.type": "LogAppendTime"}
"""No loss for the sake of going on; and the broker's own time, as it refuses messages of a clock that is ahead of it."""
BRIEF = {"segment.ms": "3600000"}
"""Compacted within the hour, so that a new reader has little to pass over."""


@dataclass(frozen=True)
class Topic:
    """A topic with the settings that it has to have. ``partitions`` None: as many as the whole ledger has."""

    name: str
    about: str
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    partitions: int | None = None


class Topics:
    """Every topic by what it carries. ``prefix`` tells several ledgers on one broker apart."""

    def __init__(self, prefix: str = "nqms") -> None:
        self.prefix = prefix
        self.ledger = Topic(
            f"{prefix}.ledger.v1", "Every event, in full; for the operator and the national body.", {**RETAINED, **SAFE}
        )
        self.published = Topic(
            f"{prefix}.published.v1",
            "Policies, instruments, days that ended and the ledger's opening; for everybody with a topic.",
            {**RETAINED, **SAFE},
        )
        self.partners = Topic(
            f"{prefix}.partners.v1",
            "The public row of every program that is or was listed; for everybody.",
            {**COMPACTED, **SAFE},
        )

        self.reached = Topic(
            f"{prefix}.reached.v1",
            "Up to which offsets of the ledger's topic everything up to a position is in it; for the operator.",
            {**COMPACTED, **SAFE, **BRIEF},
            partitions=1,
        )

    def of_affiliate(self, code: str) -> Topic:
        """The events of an affiliate and its programs, without drafts; for its own systems."""
        about = f"The events of {code} and its programs, what is drafted without its content; for {code}."
        return Topic(f"{self.prefix}.ledger.v1.{code}", about, {**RETAINED, **SAFE})

    def complaints(self, code: str) -> Topic:
        """Complaints about an affiliate's programs; for its administrators."""
        about = f"Complaints about programs of {code}; for its administrators."
        return Topic(f"{self.prefix}.complaints.v1.{code}", about, {**RETAINED, **SAFE})

    def dead_letters(self, reader: str) -> Topic:
        """What a reader could not take in, with the reason in its headers; for whoever runs that reader."""
        about = f"What {reader} could not take in."
        return Topic(f"{self.prefix}.dead-letters.v1.{reader}", about, {**RETAINED, **SAFE}, partitions=1)

    def standing(self) -> tuple[Topic, ...]:
        """The topics for readers that there are from the beginning."""
        return (self.ledger, self.published, self.partners)

    def own(self) -> tuple[Topic, ...]:
        """What the register's own processes tell each other; in no contract."""
        return (self.reached,)

    def for_affiliate(self, code: str) -> tuple[Topic, ...]:
        """The topics that come with an affiliate."""
        return (self.of_affiliate(code), self.complaints(code))
