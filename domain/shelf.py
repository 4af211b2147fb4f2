"""What rules may look up beside the state that they decide on: the shelf."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from domain.values import InstrumentRef, PolicyRef


@dataclass(frozen=True)
class Acts:
    """The facts of one program that a person brought about or is named in."""

    program: Any
    """The program as it stands."""
    events: tuple[Any, ...]
    """All of them."""
    did: tuple[Any, ...]
    """Those that the person brought about."""


class Shelf(Protocol):
    """What is published: policies and instruments by hash, schemes and affiliates as pinned for this request."""

    def policy(self, ref: PolicyRef) -> Any:
        """The policy of that hash."""
        ...

    def instrument(self, ref: InstrumentRef) -> Any:
        """The instrument of that hash."""
        ...

    def scheme(self, code: str) -> Any:
        """The published versions of a scheme's policy, or None."""
        ...

    def family(self, code: str) -> Any:
        """The published versions of an instrument family, or None."""
        ...

    def affiliate(self, code: str) -> Any:
        """An affiliate with its staff and area, or None."""
        ...

    def affiliates(self) -> Iterable[Any]:
        """Every affiliate."""
        ...

    def template(self, code: str) -> str | None:
        """The hash of the text of a published template, or None."""
        ...

    def document(self, program_id: str, document_id: str) -> Any:
        """What was received for a program under that id (digest, bytes, media_type), or None."""
        ...

    def program_home(self, program_id: str) -> str | None:
        """The code of the affiliate that a registered program belongs to now, or None."""
        ...

    def acts_of(self, person: str) -> Iterable[Acts]:
        """What a person did, and is named in, program by program."""
        ...
