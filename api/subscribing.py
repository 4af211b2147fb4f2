"""Who may have the stream posted, where to, and what of it: the same rules at every door."""

from collections.abc import Sequence
from typing import Any

from api.problems import Problem
from consumers.outgoing import ROW
from domain import EVENTS
from infra.posting import AddressRefused, checked_url
from infra.webhooks import Webhook, Webhooks
from infra.wiring import Service

MOST = 20
"""Webhooks that one affiliate may have."""


def subscribers(service: Service) -> Webhooks:
    """The subscribers of a ledger."""
    return Webhooks(service.database, service.keyring)


def subscribe(
    service: Service,
    url: str,
    affiliate: str | None,
    *,
    by: str,
    types: Sequence[str] = (),
    complaints: bool = False,
    after: int | None = None,
) -> tuple[Webhook, str]:
    """A new subscriber, and its secret as it is shown this once. Problem with everything that does not fit."""
    head = service.ledger.recorder.head()[0]
    said = [*_address(service, url), *_whose(service, affiliate, types, complaints)]
    if after is not None and after > head:
        said.append(f"The ledger has no event at position {after} yet.")
    if said:
        raise Problem("INVALID_BODY", " ".join(said), [_reason(one) for one in said])
    start = head if after is None else after
    return subscribers(service).add(url, affiliate, by=by, after=start, types=types, complaints=complaints)


def _reason(said: str) -> dict[str, Any]:
    return {"code": "FIELD_INVALID", "message": said, "details": {}}


def _address(service: Service, url: str) -> list[str]:
    try:
        checked_url(url, service.settings.private_networks)
    except AddressRefused as error:
        return [f"{url[:100]}: {error}."]
    return []


def _whose(service: Service, affiliate: str | None, types: Sequence[str], complaints: bool) -> list[str]:
    if affiliate is None:
        said = ["Without an affiliate there are public rows alone; name no types."] if types else []
        return [*said, *(["Complaints belong to an affiliate; name it."] if complaints else [])]
    said = [f"There is no type {one}." for one in types if one not in EVENTS and one != ROW]
    if service.ledger.shelf().affiliate(affiliate) is None:
        said.append(f"There is no affiliate {affiliate}.")
    elif sum(one.affiliate == affiliate for one in subscribers(service).every()) >= MOST:
        said.append(f"{affiliate} has {MOST} webhooks; remove one first.")
    return said
