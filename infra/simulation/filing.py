"""Filing: the words, people and documents of a simulated ledger, in the real vault and document store, in bulk.

What facts cite is there and authenticates, but it is little: a few texts are cited by all, and each program has a few
small documents that stand for many practices. Ids and salts follow from the seed; keys do not, they are drawn anew.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from random import Random
from typing import Final

from infra.documents import DocumentStore, Drawn
from infra.keyring import new_key
from infra.simulation import names
from infra.simulation.book import drawn_id
from infra.simulation.tale import paper_content, paper_id, paper_salt
from infra.simulation.world import PARTS, World, person, text_of
from infra.vault import PersonRecord, Sealed, Vault, encrypt, text_digest

TEXTS: Final = 40
"""How many texts there are, cited by all facts that carry words."""


def _salt(seed: int, text_id: str) -> bytes:
    return blake2b(f"{seed}/{text_id}".encode(), digest_size=32).digest()


def text_ref(seed: int, number: int) -> tuple[str, str]:
    """Id and digest of one of the texts."""
    text_id = drawn_id(seed, "text", number)
    return text_id, text_digest(_salt(seed, text_id), text_of(number))


def _sealed(seed: int, number: int) -> Sealed:
    (text_id, digest), key = text_ref(seed, number), new_key()
    plain = _salt(seed, text_id) + text_of(number).encode()
    return Sealed(text_id, digest, encrypt(key, text_id, plain), key)


def _people(world: World, leads: Mapping[str, int]) -> Iterator[str]:
    """Everybody who acts in the simulation, by id."""
    yield person(world.seed, "national", "administrator")
    for body in world.shown.bodies:
        yield from (person(world.seed, body.code, part) for part in (*PARTS, "guest", "chair"))
        yield from (person(world.seed, "panel", f"panel{n}/{body.code}") for n in range(3))
    for program, count in leads.items():
        yield from (drawn_id(world.seed, program, "lead", n, prefix="p_") for n in range(count))
        yield from (drawn_id(world.seed, program, part, 0, prefix="p_") for part in ("director", "staff"))


def _papers(world: World, papers: Mapping[str, int]) -> Iterator[Drawn]:
    for program, count in papers.items():
        for number in range(count):
            document_id = paper_id(world.seed, program, number)
            salt, content = paper_salt(world.seed, document_id), paper_content(program, number)
            yield Drawn(document_id, program, content, salt, "application/pdf", f"Paper {number + 1}")


@dataclass(frozen=True)
class Shelves:
    """Where words, people and documents go."""

    vault: Vault
    documents: DocumentStore


def file_all(shelves: Shelves, world: World, papers: Mapping[str, int], leads: Mapping[str, int]) -> int:
    """File everything that the facts cite; how many people there are. KeyringError when it was filed before."""
    shelves.vault.keep([_sealed(world.seed, number) for number in range(TEXTS)])
    draw = Random(f"{world.seed}/people")
    people = {
        one: PersonRecord(name=names.person(draw), email="person@simulated.example") for one in _people(world, leads)
    }
    shelves.vault.keep_people(people)
    shelves.documents.adopt(_papers(world, papers))
    return len(people)
