"""The contract with whoever reads the stream: JSON Schemas of all events and public rows, and the AsyncAPI document.

All of it is made from the code that writes the messages. The schemas are committed too (docs/schemas); a test refuses a
published one that changed in a way that a reader would notice.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from consumers.following import REASON
from consumers.outgoing import DIRECTORY, MARKER, ROW, Directory, Marker
from domain import EVENTS
from infra.cloud_events import CONTENT_TYPE
from infra.topics import Topic, Topics
from projections.public import PublicRow

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schemas = dict[str, dict[str, Any]]
_ATTRIBUTES = {
    "ce_specversion": "1.0",
    "ce_id": "Stream and version, such as program:<id>:41; with the topic it names the message for ever.",
    "ce_source": "nqms",
    "ce_type": "The event's published type, such as TierGranted.v1.",
    "ce_subject": "The stream, which is the key as well.",
    "ce_time": "When the ledger recorded it, UTC.",
    "ce_dataschema": "Where its JSON Schema is, relative to the service.",
    "ce_position": "Place in the whole ledger, from 1. Within one key of a topic it only grows.",
}
_OF_EVENTS = {
    "ce_streamversion": "Place in the stream, from 1, without gaps.",
    "ce_provenance": "native, imported or corrected.",
    "ce_actorperson": "Who acted, by opaque id.",
    "ce_actorrole": "In which part.",
    "ce_actororg": "For which organisation.",
    "ce_commandid": "The request that it was recorded for.",
    "ce_commitment": "SHA-256 that commits to the whole event, in hexadecimal.",
}
_SOMETIMES = {
    "ce_salt": "16 bytes in hexadecimal, with which the commitment can be computed. Left out with the data.",
    "ce_withheld": "Why the data is left out: draft. The data is then an empty object.",
    "ce_occurredon": "The day of the act where it differs from the day of the record.",
    "ce_onbehalfof": "For whom somebody acted.",
    "ce_causation": "What led to it.",
    "ce_correlation": "What it belongs to.",
}
_OF_DEAD_LETTERS = {
    REASON: "Why it could not be taken in.",
    "dlq_reader": "The reader that could not.",
    "dlq_topic": "The topic it came from.",
    "dlq_partition": "The partition it came from.",
    "dlq_offset": "The offset it had there.",
}


def _schema(shape: Any) -> dict[str, Any]:
    """The schema of a struct, standing alone."""
    made = msgspec.json.schema(shape)
    name = made.pop("$ref").rpartition("/")[2]
    others: dict[str, Any] = made["$defs"]
    own = others.pop(name)
    return _settled({"$schema": DIALECT, **own, **({"$defs": others} if others else {})})


def _settled(value: Any) -> Any:
    """The same with the words of each vocabulary in order: the library gives them in any."""
    if isinstance(value, dict):
        items: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
        return {k: sorted(v) if k == "enum" else _settled(v) for k, v in items.items()}
    if isinstance(value, list | tuple):
        return [_settled(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
    return value


@cache
def event_schemas() -> Schemas:
    """The schema of every type of event, by its published name."""
    return {name: _schema(event) for name, event in sorted(EVENTS.items())}


@cache
def row_schemas() -> Schemas:
    """The schemas of what is in the partners' topic."""
    return {ROW: _schema(PublicRow), MARKER: _schema(Marker), DIRECTORY: _schema(Directory)}


def _headers(always: Mapping[str, str], sometimes: Mapping[str, str]) -> dict[str, Any]:
    told = {name: {"type": "string", "description": about} for name, about in {**always, **sometimes}.items()}
    return {"type": "object", "properties": told, "required": sorted(always)}


def _bundled(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema inside a larger document: references to its own parts lead to them there."""
    place = f"#/components/schemas/{name}/$defs/"

    def moved(value: Any) -> Any:
        if isinstance(value, dict):
            items: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
            return {k: v.replace("#/$defs/", place) if k == "$ref" else moved(v) for k, v in items.items()}
        if isinstance(value, list):
            return [moved(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
        return value

    return moved({key: value for key, value in schema.items() if key != "$schema"})


def _message(name: str, schema: Mapping[str, Any], headers: str) -> dict[str, Any]:
    return {
        "name": name,
        "title": name,
        "summary": str(schema.get("description", name)).splitlines()[0],
        "contentType": CONTENT_TYPE,
        "headers": {"$ref": f"#/components/schemas/{headers}"},
        "payload": {"$ref": f"#/components/schemas/{name}"},
        "bindings": {"kafka": {"key": {"type": "string", "description": "The stream."}}},
    }


def asyncapi(topics: Topics, version: str, bootstrap: str | None = None) -> dict[str, Any]:
    """The AsyncAPI 3.0 document of every topic."""
    events, rows = event_schemas(), row_schemas()
    channels = {
        "ledger": _channel(topics.ledger, events),
        "affiliate": _channel(topics.of_affiliate("{affiliate}"), _of("program affiliate"), affiliate=True),
        "complaints": _channel(topics.complaints("{affiliate}"), _of("complaint"), affiliate=True),
        "published": _channel(topics.published, _of("policy instrument calendar ledger")),
        "partners": _channel(topics.partners, rows),
    }
    operations = {
        f"send-{name}": {
            "action": "send",
            "channel": {"$ref": f"#/channels/{name}"},
            "summary": channel["description"],
        }
        for name, channel in channels.items()
    }
    schemas = {name: _bundled(name, schema) for name, schema in {**events, **rows}.items()}
    headers = {
        "event-headers": _headers({**_ATTRIBUTES, **_OF_EVENTS}, {**_SOMETIMES, **_OF_DEAD_LETTERS}),
        "row-headers": _headers(_ATTRIBUTES, {"ce_streamversion": _OF_EVENTS["ce_streamversion"], **_OF_DEAD_LETTERS}),
    }
    messages = {name: _message(name, schema, "event-headers") for name, schema in events.items()}
    messages |= {name: _message(name, schema, "row-headers") for name, schema in rows.items()}
    about = "What the register tells outside readers, as CloudEvents 1.0 in binary mode. See docs/consumers.md."
    host = bootstrap.partition(",")[0].strip() if bootstrap else None
    server = {"servers": {"broker": {"host": host, "protocol": "kafka"}}} if host else {}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "nqms", "version": version, "description": about, "license": {"name": "Apache-2.0"}},
        "defaultContentType": CONTENT_TYPE,
        **server,
        "channels": channels,
        "operations": operations,
        "components": {"schemas": {**schemas, **headers}, "messages": messages},
    }


def _of(aggregates: str) -> list[str]:
    """The events of some kinds of stream."""
    from domain import STAGES

    wanted = aggregates.split()
    found = [event.published_name() for stage in STAGES if stage.aggregate in wanted for event in stage.arms]
    return sorted(found + (["LedgerOpened.v1"] if "ledger" in wanted and "LedgerOpened.v1" in EVENTS else []))


def _channel(topic: Topic, names: Any, *, affiliate: bool = False) -> dict[str, Any]:
    parameters = {"parameters": {"affiliate": {"description": "The affiliate's code."}}} if affiliate else {}
    settings: dict[str, Any] = {"cleanup.policy": [topic.settings["cleanup.policy"]]}
    if "retention.ms" in topic.settings:
        settings["retention.ms"] = int(topic.settings["retention.ms"])
    return {
        "address": topic.name,
        "description": topic.about,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in dict.fromkeys(names)},
        **parameters,
        "bindings": {"kafka": {"topic": topic.name, "topicConfiguration": settings}},
    }
