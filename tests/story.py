"""Stories as tests tell them: ``given(case).when(person, command).then(EventType, field=value)`` or ``.refused("CODE")``.

A story that goes otherwise fails with itself in English: what had happened, who asked for what, what was answered.
"""

from dataclasses import dataclass, replace
from typing import Any, Self

from domain import Decided
from domain.language import Command, Event, Kind, Refusal
from tests.small_world import Case, World

RECENT = 8
"""How much of what had happened a failed story repeats."""


def given(world: Case | World, subject: str = "") -> "Story":
    """Begins a story about a case's program, or about the stream ``subject`` of a world (an affiliate, a scheme …)."""
    return Story(world.world, world.program_id) if isinstance(world, Case) else Story(world, subject)


@dataclass(frozen=True)
class Story:
    """One stream of a world, and what was asked last with the answer."""

    world: World
    subject: str
    before: tuple[Event, ...] = ()
    asked: tuple[str, Command] | None = None
    answer: Decided | Refusal | None = None

    def when(self, person: str, command: Command) -> "Story":
        """Somebody asks for something; what is granted has happened."""
        before = self.world.streams.get((command.aggregate, self.subject), ())
        answer = self.world.do(person, self.subject, command)
        return replace(self, before=before, asked=(person, command), answer=answer)

    def then(self, *types: type[Event], **fields: Any) -> Self:
        """Exactly these facts came of it, in this order; whichever of them has a named field has it with that value."""
        __tracebackhide__ = True
        events = self.events
        expected = f"then {_listed(t.__name__ for t in types)}{_with(fields)}"
        if events is None or tuple(map(type, events)) != types:
            self._otherwise(expected)
        for name, value in fields.items():
            had = [getattr(e, name) for e in events or () if name in e.__struct_fields__]
            if not had or any(v != value for v in had):
                self._otherwise(f"{expected}\n          where {name} is {value!r}, not {had}")
        return self

    def refused(self, *codes: str, **details: Any) -> Self:
        """It was refused for exactly these reasons, in this order; whichever of them has a named detail has that value."""
        __tracebackhide__ = True
        reasons = self.answer.reasons if isinstance(self.answer, Refusal) else ()
        expected = f"refused with {_listed(codes)}{_with(details)}"
        if not codes or tuple(r.code for r in reasons) != codes:
            self._otherwise(expected)
        for name, value in details.items():
            had = [r.details[name] for r in reasons if name in r.details]
            if not had or any(_plain(v) != _plain(value) for v in had):
                self._otherwise(f"{expected}\n          where {name} is {value!r}, not {had}")
        return self

    def unchanged(self) -> Self:
        """It was granted, and there was nothing to record."""
        __tracebackhide__ = True
        return self.then()

    def not_allowed(self) -> Self:
        """It was refused because of who asked, for nothing else."""
        __tracebackhide__ = True
        kinds = {r.why.kind for r in self.answer.reasons} if isinstance(self.answer, Refusal) else set[Kind]()
        if kinds != {Kind.NOT_ALLOWED}:
            self._otherwise("refused because of who asked")
        return self

    @property
    def events(self) -> tuple[Event, ...] | None:
        """The facts that came of what was asked last; None if it was refused or nothing was asked."""
        return self.answer.events if isinstance(self.answer, Decided) else None

    def _otherwise(self, expected: str) -> None:
        __tracebackhide__ = True
        person, command = self.asked or ("nobody", "anything")
        skipped = len(self.before) - RECENT
        told = [f"  … {skipped} facts before these …"] if skipped > 0 else []
        told += [f"  it {e.sentence()}" for e in self.before[-RECENT:]] or ["  nothing had happened"]
        story = [f"given {self.subject}:", *told, f"when {person} asks for", f"  {type(command).__name__}({command})"]
        raise AssertionError("\n".join(["", *story, f"expected: {expected}", f"but:      {self._answered()}"]))

    def _answered(self) -> str:
        match self.answer:
            case Decided(events=events):
                facts = [f"{type(e).__name__} ({e.sentence()})\n            {e}" for e in events]
                return "\n          ".join(["these facts:", *facts] if facts else ["there was nothing to record"])
            case Refusal(reasons=reasons):
                said = [f"{r.code}: {r}\n            {r.details}" for r in reasons]
                return "\n          ".join(["it was refused:", *said])
            case None:
                return "nobody asked"


def _plain(value: Any) -> Any:
    """Lists and tuples say the same."""
    return list(value) if isinstance(value, tuple) else value


def _listed(names: Any) -> str:
    return ", ".join(names) or "nothing"


def _with(fields: dict[str, Any]) -> str:
    return f" with {', '.join(f'{k}={v!r}' for k, v in fields.items())}" if fields else ""
