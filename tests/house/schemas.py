"""The published schemas of docs/schemas, written from the code, and what may not change in them.

    python -m tests.house.schemas --write

writes them, unless a reader who relies on a published one would notice: an event's schema never changes and never goes;
to a public row fields may be added.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from consumers.contract import Schemas, event_schemas, row_schemas

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"
PAGES = {"events.json": event_schemas, "rows.json": row_schemas}
_FREE = {"description", "title", "$schema", "default"}


def written(schemas: Schemas) -> str:
    """The file's text: one line for each schema, so that a change is seen where it is."""
    lines = [f"{json.dumps(name)}: {json.dumps(schema, ensure_ascii=False)}" for name, schema in schemas.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def published(page: str) -> Schemas:
    """The schemas as they were last written."""
    file = FOLDER / page
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def changed(old: Schemas, new: Schemas) -> list[str]:
    """Events whose published schema is another now, or gone."""
    gone = [f"{name} is gone" for name in old if name not in new]
    return gone + [f"{name} was changed" for name in old if name in new and _bare(old[name]) != _bare(new[name])]


def _bare(schema: Any) -> Any:
    """A schema without its words."""
    if isinstance(schema, dict):
        return {k: _bare(v) for k, v in schema.items() if k not in _FREE or not isinstance(v, str)}
    return [_bare(one) for one in schema] if isinstance(schema, list) else schema


def incompatible(old: Schemas, new: Schemas) -> list[str]:
    """What readers who know the old schemas would notice about messages that fit the new ones."""
    found = [f"{name} is gone" for name in old if name not in new]
    for name in old:
        if name in new:
            found += _breaks(name, old[name], new[name], old[name], new[name])
    return found


def _breaks(where: str, old: Any, new: Any, old_root: Any, new_root: Any) -> Iterator[str]:
    old, new = _resolved(old, old_root), _resolved(new, new_root)
    for key in ("type", "format", "enum", "const", "items", "prefixItems", "anyOf", "minItems", "maxItems"):
        if key in ("items", "prefixItems", "anyOf"):
            yield from _parts(where, key, old.get(key), new.get(key), old_root, new_root)
        elif key == "enum" and old.get(key) and set(new.get(key, [None])) <= set(old[key]):
            continue
        elif key in old and old[key] != new.get(key):
            yield f"{where}: {key} was {old[key]}, is {new.get(key)}"
    missing = set(old.get("required", ())) - set(new.get("required", ()))
    yield from (f"{where}.{name} was always there, now it need not be" for name in sorted(missing))
    for name, schema in old.get("properties", {}).items():
        if name not in new.get("properties", {}):
            yield f"{where}.{name} is gone"
        else:
            yield from _breaks(f"{where}.{name}", schema, new["properties"][name], old_root, new_root)


def _parts(where: str, key: str, old: Any, new: Any, old_root: Any, new_root: Any) -> Iterator[str]:
    if isinstance(old, list):
        if not isinstance(new, list) or len(new) != len(old):
            yield f"{where}: {key} has other parts"
            return
        for n, (a, b) in enumerate(zip(old, new, strict=True)):
            yield from _breaks(f"{where}[{n}]", a, b, old_root, new_root)
    elif isinstance(old, dict):
        if isinstance(new, dict):
            yield from _breaks(f"{where}[]", old, new, old_root, new_root)
        else:
            yield f"{where}: {key} is gone"


def _resolved(schema: Any, root: Any) -> Any:
    if isinstance(schema, dict) and "$ref" in schema:
        return root["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema if isinstance(schema, dict) else {}


def breaks() -> list[str]:
    """What the code's schemas would break of the published ones."""
    events = changed(published("events.json"), event_schemas())
    return events + incompatible(published("rows.json"), row_schemas())


if __name__ == "__main__":
    faults = breaks()
    if faults:
        sys.exit("\n".join(["a published schema may not change so:", *faults]))
    for page, made in PAGES.items():
        if "--write" in sys.argv:
            FOLDER.mkdir(exist_ok=True)
            (FOLDER / page).write_text(written(made()), encoding="utf-8")
        else:
            print(written(made()))
