"""The reference pages of docs/, written from the code: events, commands, refusals, settings.

    python -m tests.house.dictionary --write

writes them; a test fails when a page says something else than the code.
"""

import sys
from pathlib import Path
from typing import Any, get_args, get_origin

import infra.ledger  # noqa: F401  # declares refusals of its own
from domain import STAGES
from domain.language import REFUSALS, Command, Event, Role
from domain.values import Kind, TextRef, field_types
from infra.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"
NOTE = "*Written from the code by `python -m tests.house.dictionary --write`; do not edit by hand.*"


def kind_of(hint: Any) -> str:
    """A field's type as a reader of the ledger would call it."""
    args = get_args(hint)
    marked = [a for a in args if isinstance(a, Kind)]
    if marked:
        return marked[0].name
    if hint is TextRef:
        return "text reference"
    if get_origin(hint) is tuple:
        return f"list of {kind_of(args[0])}"
    if get_origin(hint) is dict:
        return f"{kind_of(args[0])} to {kind_of(args[1])}"
    if args:
        return " or ".join(dict.fromkeys("none" if a is type(None) else kind_of(a) for a in args))
    return hint.__name__ if isinstance(hint, type) else f"`{hint}`"


def sentence(thing: type) -> str:
    """The first line of a docstring."""
    return (thing.__doc__ or "").strip().splitlines()[0]


def _fields(event: type[Event]) -> str:
    return "; ".join(f"`{name}` {kind_of(hint)}" for name, hint in field_types(event).items()) or "no fields"


def events() -> str:
    """Every type of event that the ledger may hold."""
    lines = ["# Events", "", NOTE, ""]
    for stage in STAGES:
        if stage.arms:
            lines += [f"## {stage.name} ({stage.aggregate})", "", "| type | what happened | fields |", "|---|---|---|"]
            lines += [f"| `{e.published_name()}` | {sentence(e)} | {_fields(e)} |" for e in stage.arms]
            lines.append("")
    return "\n".join(lines)


def _parts(command: type[Command]) -> str:
    return ", ".join(Role(r).value for r in command.by)


def commands() -> str:
    """Every request that the service answers."""
    lines = ["# Commands", "", NOTE, ""]
    for stage in STAGES:
        if stage.rules:
            lines += [f"## {stage.name} ({stage.aggregate})", "", "| command | what it asks | by | body |"]
            lines.append("|---|---|---|---|")
            for c in stage.rules:
                body = ", ".join(f"`{n}`{'' if f.is_required() else ' (optional)'}" for n, f in c.model_fields.items())
                lines.append(f"| `{c.__name__}` | {sentence(c)} | {_parts(c)} | {body or 'nothing'} |")
            lines.append("")
    return "\n".join(lines)


def refusals() -> str:
    """Every reason for which a request can be refused."""
    lines = ["# Refusals", "", NOTE, "", "| code | sort | sentence |", "|---|---|---|"]
    lines += [
        f"| `{r.code}` | {r.kind.value} | {r.sentence} |" for r in sorted(REFUSALS.values(), key=lambda r: r.code)
    ]
    return "\n".join([*lines, ""])


def settings() -> str:
    """Every setting of the service."""
    lines = ["# Settings", "", NOTE, "", "Read from the environment.", "", "| name | what it is |", "|---|---|"]
    for name, field in Settings.model_fields.items():
        known_as = field.validation_alias or f"NQMS_{name.upper()}"
        lines.append(f"| `{known_as}` | {field.description or ''} |")
    return "\n".join([*lines, ""])


PAGES = {"events.md": events, "commands.md": commands, "refusals.md": refusals, "settings.md": settings}

if __name__ == "__main__":
    for page, write in PAGES.items():
        text = write()
        if "--write" in sys.argv:
            (DOCS / page).write_text(text, encoding="utf-8")
        else:
            print(text)
