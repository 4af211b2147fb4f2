"""A policy that builds on another one, written out in full: what is hashed and published stands alone."""

from collections.abc import Mapping
from copy import deepcopy
from datetime import date
from typing import Any, cast

from domain.policy.faults import PolicyFaults

Doc = dict[str, Any]
NEVER_INHERITED = ("policy", "version", "replaces", "extends")
"""What a version says for itself only."""
OWN_OF_A_SCHEME = ("affiliate", "timezone", "title")
"""What a scheme says for itself when it builds on another scheme's policy."""


def flatten(doc: Mapping[str, Any], library: Mapping[str, Mapping[str, Any]]) -> Doc:
    """The document with ``extends: SCHEME@1`` and its tiers' ``like: another`` written out, as plain JSON data.

    ``library`` holds documents by name and version, such as ``SCHEME@1``. Mappings merge key by key; lists, values
    and null replace. A tier that is like another takes all it does not say itself, and what the inherited tiers
    say of one another follows the new codes. Raises ``PolicyFaults`` naming everything wrong.
    """
    faults: list[str] = []
    flat = _flat(doc, library, (), faults)
    if faults:
        raise PolicyFaults(faults)
    return flat


def _flat(
    doc: Mapping[str, Any],
    library: Mapping[str, Mapping[str, Any]],
    above: tuple[str, ...],
    faults: list[str],
) -> Doc:
    own: Doc = _plain(doc, "", faults)
    extends = own.pop("extends", None)
    if extends is None:
        faults += [f"tiers[{i}].like: there is no policy that this one extends" for i, _ in _liking(own)]
        return own
    if extends in above:
        faults.append(f"extends: {' extends '.join([*above, str(extends)])}, a circle")
        return own
    if extends not in library:
        known = ", ".join(sorted(library)) or "none"
        faults.append(f"extends: no policy is called {extends!r}; known are {known}")
        return own
    base = _flat(library[extends], library, (*above, str(extends)), faults)
    if own.get("policy") != base.get("policy"):
        needed = [key for key in OWN_OF_A_SCHEME if key not in own]
        faults += [f"{key}: is missing; another scheme's is not taken over" for key in needed]
    return _onto(base, own, str(extends), faults)


def _onto(base: Doc, own: Doc, extends: str, faults: list[str]) -> Doc:
    tiers: dict[str, Doc] = {str(t.get("code")): t for t in base.get("tiers", [])}
    likes = {i: str(tier["like"]) for i, tier in _liking(own)}
    faults += [
        f"tiers[{i}].like: {extends} has no tier {like!r}; it has {', '.join(tiers)}"
        for i, like in likes.items()
        if like not in tiers
    ]
    renamed = {like: str(own["tiers"][i].get("code", like)) for i, like in likes.items()}
    inherited: Doc = {key: value for key, value in base.items() if key not in NEVER_INHERITED}
    inherited = {key: _renamed(value, renamed, key) for key, value in inherited.items()}
    for i, like in likes.items():
        mine = {key: value for key, value in own["tiers"][i].items() if key != "like"}
        own["tiers"][i] = _merged(_renamed(tiers.get(like, {}), renamed, "tiers"), mine)
    return _merged(inherited, own)


def _liking(doc: Doc) -> list[tuple[int, Doc]]:
    tiers = doc.get("tiers")
    listed = cast("list[object]", tiers) if isinstance(tiers, list) else []
    return [(i, cast("Doc", t)) for i, t in enumerate(listed) if isinstance(t, dict) and "like" in t]


def _merged(base: Any, own: Any) -> Any:
    """Mappings key by key; anything else is replaced. A criterion tree is one thing and is replaced whole."""
    if not (isinstance(base, dict) and isinstance(own, dict)):
        return deepcopy(own)
    mine, theirs = cast("Doc", own), cast("Doc", base)
    merged: Doc = deepcopy(theirs)
    for key, value in mine.items():
        merged[key] = deepcopy(value) if key == "when" else _merged(theirs.get(key), value)
    return merged


_TIER_FIELDS = {"tier", "on_lapse", "level", "holds"}
"""The fields in which a policy names a tier."""


def _renamed(value: Any, codes: Mapping[str, str], key: str) -> Any:
    if isinstance(value, dict):
        return {k: _renamed(v, codes, k) for k, v in cast("Doc", value).items()}
    if isinstance(value, list):
        return [_renamed(one, codes, key) for one in cast("list[Any]", value)]
    return codes.get(value, value) if key in _TIER_FIELDS and isinstance(value, str) else value


def _plain(value: Any, place: str, faults: list[str]) -> Any:
    """The same as JSON data without floats: keys as text, days as text."""
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return {str(k): _plain(v, f"{place}.{k}" if place else str(k), faults) for k, v in items}
    if isinstance(value, (list, tuple)):
        return [_plain(v, f"{place}[{i}]", faults) for i, v in enumerate(cast("list[Any]", value))]
    if isinstance(value, date):
        return value.isoformat()
    if value is not None and not isinstance(value, (str, int)):
        faults.append(f"{place}: {value!r} is neither text, whole number, yes, no nor nothing")
    return value
