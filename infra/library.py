"""Policies and instruments as files: YAML in, checked, flattened, and as the canonical bytes that are published."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from domain.instrument.model import Instrument
from domain.policy.check import check
from domain.policy.faults import PolicyFaults
from domain.policy.flatten import flatten
from domain.policy.model import Policy, load
from domain.values import canonical

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # a PyYAML built without libyaml
    from yaml import SafeLoader as _Loader


class FileFaults(ValueError):
    """A file that cannot be published; ``faults`` names everything wrong with it, one sentence each."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


@dataclass(frozen=True)
class Body:
    """What is published: the canonical bytes, their SHA-256 in hexadecimal, and who they say they are."""

    name: str
    version: str
    content: bytes
    sha256: str


def parse(text: str, origin: str) -> dict[str, Any]:
    """The mapping that a YAML document holds. FileFaults with the line where it is no YAML."""
    try:
        document = yaml.load(text, Loader=_Loader)  # both loaders are the safe one
    except yaml.YAMLError as error:
        raise FileFaults([f"{origin}: this is no YAML: {error}"]) from None
    if not isinstance(document, dict):
        raise FileFaults([f"{origin}: a mapping is expected"])
    return {str(key): value for key, value in document.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _shipped(package: str) -> dict[str, str]:
    folder = resources.files(package) / "library"
    return {f.name: f.read_text(encoding="utf-8") for f in folder.iterdir() if f.name.endswith(".yaml")}


def shipped_policies() -> dict[str, dict[str, Any]]:
    """The policies that ship with the program, as written, by ``NAME@VERSION``."""
    documents = [parse(text, name) for name, text in sorted(_shipped("domain.policy").items())]
    return {f"{d['policy']}@{d['version']}": d for d in documents}


def shipped_instruments() -> dict[str, Instrument]:
    """The instruments that ship with the program, by ``FAMILY@VERSION``."""
    loaded = [instrument(parse(text, name), name) for name, text in sorted(_shipped("domain.instrument").items())]
    return {f"{i.family}@{i.version}": i for i in loaded}


def instrument(document: Mapping[str, Any], origin: str) -> Instrument:
    """The instrument of a document. FileFaults naming everything wrong at once."""
    try:
        return Instrument.model_validate(document)
    except ValidationError as error:
        faults = [f"{origin}: {'.'.join(map(str, e['loc'])) or 'instrument'}: {e['msg']}" for e in error.errors()]
        raise FileFaults(faults) from None


def policy(
    document: Mapping[str, Any],
    origin: str,
    instruments: Iterable[Instrument],
    library: Mapping[str, Mapping[str, Any]] | None = None,
) -> tuple[Policy, Body]:
    """A policy, flattened, checked against the instruments known, with its body. FileFaults names all faults.

    ``library``: the documents that it may build on; without any, those that ship with the program."""
    known = {(i.family, i.version): i for i in instruments}
    try:
        flat = flatten(dict(document), shipped_policies() if library is None else library)
        loaded = load(flat)
    except PolicyFaults as error:
        raise FileFaults([f"{origin}: {fault}" for fault in error.faults]) from None
    faults = check(loaded, known)
    if faults:
        raise FileFaults([f"{origin}: {fault}" for fault in faults])
    return loaded, _body(loaded.policy, loaded.version, canonical(flat))


def instrument_body(loaded: Instrument) -> Body:
    """The body under which an instrument is published."""
    return _body(loaded.family, loaded.version, canonical(loaded.model_dump(mode="json")))


def _body(name: str, version: str, content: bytes) -> Body:
    return Body(name, version, content, hashlib.sha256(content).hexdigest())


def read_file(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file. FileFaults when it cannot be read."""
    try:
        return parse(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise FileFaults([f"{path.name}: it cannot be read: {error}"]) from None
