"""Who asks. One dependency for all routes, so that real identity replaces it in one place.

Until then a development header names the actor. It is believed only when the server was started for a demonstration,
and only from this machine itself: not from another address, not through a proxy, not under a foreign host name.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated

from fastapi import Depends, Request

from api.problems import Problem
from domain.language import Role
from domain.values import PERSON

ACTOR = "X-NQMS-Actor"
STANDING = "X-NQMS-Standing"
STANDINGS = {role.value: role for role in (Role.OPERATOR, Role.CLOCK)}
"""Parts that stand in no register and may be claimed by the header."""
FUNDER = "funder"
"""May be claimed by the header too. Funders only read: no rule knows them."""
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


@dataclass(frozen=True)
class Visitor:
    """Who asks: a person known by an opaque id, or nobody in particular."""

    person: str | None = None
    standing: frozenset[Role] = frozenset()
    funder: bool = False
    """Whether what programs share with funders is for this visitor."""

    @property
    def acting(self) -> str:
        """The person's id; the operator has one of its own. Problem 401 when nobody is identified."""
        if self.person is None:
            raise Problem("NOT_IDENTIFIED", f"Name the person who acts in the header {ACTOR}.")
        return self.person


def is_loopback(host: str) -> bool:
    """Whether an address or host name is this machine alone."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def from_here(request: Request) -> bool:
    """Whether a request was made on this machine and for it: client, no proxy between, no foreign host name."""
    client = request.client.host if request.client else ""
    proxied = any(name in request.headers for name in _FORWARDED)
    host = re.sub(r":\d+$", "", request.headers.get("host", ""))
    return is_loopback(client) and not proxied and is_loopback(host)


def demonstration(request: Request) -> None:
    """Refuses unless development identities are believed for this request."""
    if not request.app.state.demo_identity:
        raise Problem("IDENTITY_REFUSED", "This server takes no development identity; it was not started for one.")
    if not from_here(request):
        raise Problem("IDENTITY_REFUSED", "A development identity is taken from this machine itself only.")


def visitor(request: Request) -> Visitor:
    """Who asks, by the development headers; nobody in particular without them."""
    person, claimed = request.headers.get(ACTOR), request.headers.get(STANDING)
    if person is None and claimed is None:
        return Visitor()
    demonstration(request)
    if person is not None and not re.fullmatch(PERSON.pattern, person):
        raise Problem("MALFORMED_HEADER", f"{ACTOR} takes the id of a person, such as p_0123abcd.")
    names = [name.strip() for name in (claimed or "").split(",") if name.strip()]
    if any(name not in (*STANDINGS, FUNDER) for name in names):
        raise Problem("MALFORMED_HEADER", f"{STANDING} takes {', '.join((*STANDINGS, FUNDER))}.")
    standing = frozenset(STANDINGS[name] for name in names if name != FUNDER)
    return Visitor(person or (f"p_{names[0]}" if names else None), standing, FUNDER in names)


Asking = Annotated[Visitor, Depends(visitor)]
"""The visitor, as a parameter of a route."""
