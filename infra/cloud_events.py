"""Facts as CloudEvents 1.0: what stands beside a fact's own bytes, for Kafka headers and for JSON alike.

The attributes carry the whole envelope, so that whoever has a message can compute its commitment again.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from infra.records import StoredFact, instant

SOURCE = "nqms"
CONTENT_TYPE = "application/json"
BATCH = "application/cloudevents-batch+json"
ONE = "application/cloudevents+json"
_OPTIONAL = {
    "occurredon": "occurred_on",
    "onbehalfof": "on_behalf_of",
    "causation": "causation",
    "correlation": "correlation",
}


def event_id(fact: StoredFact) -> str:
    """The id of a fact outside the ledger: stream and version, such as ``program:<id>:41``."""
    return f"{fact.stream}:{fact.version}"


def schema_of(type_: str) -> str:
    """Where the JSON Schema of a type is, relative to the service."""
    return f"/schemas/events/{type_}.json"


def attributes(fact: StoredFact, *, withheld: str | None = None) -> dict[str, str]:
    """Every attribute by its CloudEvents name, as text. ``withheld`` says why the data is not there."""
    told = {
        "specversion": "1.0",
        "id": event_id(fact),
        "source": SOURCE,
        "type": fact.type,
        "subject": fact.stream,
        "time": instant(fact.recorded_at),
        "datacontenttype": CONTENT_TYPE,
        "dataschema": schema_of(fact.type),
        "position": str(fact.position),
        "streamversion": str(fact.version),
        "provenance": fact.provenance,
        "actorperson": fact.actor_person,
        "actorrole": fact.actor_role,
        "actororg": fact.actor_org,
        "commandid": str(fact.command_id),
        "commitment": fact.commitment.hex(),
    }
    more = {name: getattr(fact, field) for name, field in _OPTIONAL.items()}
    told |= {name: str(value) for name, value in more.items() if value is not None}
    # Without its data a fact keeps its salt: else a short state could be guessed from the commitment.
    return {**told, "withheld": withheld} if withheld else {**told, "salt": fact.salt.hex()}


def headers(told: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """Attributes as Kafka headers, in binary mode: ``ce_`` before each, the content type under its own name."""
    found = [(f"ce_{name}", value.encode()) for name, value in told.items() if name != "datacontenttype"]
    return [*found, ("content-type", told["datacontenttype"].encode())]


def of_headers(given: Mapping[str, str]) -> dict[str, str]:
    """Attributes out of Kafka headers."""
    told = {name.removeprefix("ce_"): value for name, value in given.items() if name.startswith("ce_")}
    return {**told, "datacontenttype": given.get("content-type", CONTENT_TYPE)}


def json_event(fact: StoredFact) -> dict[str, Any]:
    """A fact as one CloudEvent in JSON format. Positions and versions are text there, as every attribute is."""
    return {**attributes(fact), "data": msgspec.Raw(fact.state)}


def stored(told: Mapping[str, str], state: bytes) -> StoredFact:
    """The row of the ledger that a message stands for. KeyError or ValueError where it is none."""
    return StoredFact(
        told["subject"],
        int(told["streamversion"]),
        told["type"],
        state,
        position=int(told["position"]),
        recorded_at=datetime.fromisoformat(told["time"]),
        occurred_on=date.fromisoformat(told["occurredon"]) if "occurredon" in told else None,
        provenance=told["provenance"],
        actor_person=told["actorperson"],
        actor_role=told["actorrole"],
        actor_org=told["actororg"],
        on_behalf_of=told.get("onbehalfof"),
        command_id=UUID(told["commandid"]),
        causation=told.get("causation"),
        correlation=told.get("correlation"),
        salt=bytes.fromhex(told["salt"]),
        commitment=bytes.fromhex(told["commitment"]),
    )
