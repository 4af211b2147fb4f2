"""Verbs about webhooks: who the stream is posted to, what they did not take, and the process that posts."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

import typer

from api.cli_session import OPERATOR, Format, Formatted, Wrong, say, say_json, session, until_stopped
from api.problems import Problem
from api.subscribing import subscribe, subscribers
from infra.webhooks import UnknownWebhook
from infra.wiring import Service

verbs = typer.Typer()
webhook = typer.Typer(help="Posting the stream to those who run no reader.", no_args_is_help=True)
verbs.add_typer(webhook, name="webhook")
Id = Annotated[str, typer.Argument(metavar="WEBHOOK", help="The webhook's id, wh_….")]


@contextmanager
def _known() -> Generator[None]:
    try:
        yield
    except UnknownWebhook as error:
        raise Wrong(str(error)) from None


@webhook.command()
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where messages are posted, https://….")],
    affiliate: Annotated[
        str | None, typer.Option(help="Whose events; without it the public rows of all programs.")
    ] = None,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Only this type, as in TierGranted.v1; again for more."),
    ] = None,
    complaints: Annotated[
        bool, typer.Option("--complaints", help="Also complaints about its programs: for its administrators alone.")
    ] = False,
    after: Annotated[
        int | None,
        typer.Option(min=0, metavar="POSITION", help="What came after this; 0 is everything. Else from now on."),
    ] = None,
) -> None:
    """Registers an address; prints the secret that its messages are signed with, this once."""
    with session() as service:
        try:
            made, secret = subscribe(
                service, url, affiliate, by=OPERATOR, types=types or [], complaints=complaints, after=after
            )
        except Problem as error:
            raise Wrong(error.detail) from None
        say(f"{made.id} gets what comes after position {made.position}")
        say(f"secret {secret}")
        say("Keep it: it is not shown again.")


@webhook.command("list")
def list_(form: Formatted = Format.TEXT) -> None:
    """Every webhook, how far behind it is, and what it did not take."""
    with session() as service:
        told = [_told(service, one.id) for one in subscribers(service).every()]
    if form is Format.JSON:
        say_json(told)
        return
    for one in told:
        whose = one["affiliate"] or "public rows"
        say(f"{one['id']}  {whose}  {one['url']}  at {one['position']}, {one['lag']} behind")
        if one["trouble"]:
            say(f"  failed {one['attempts']} times: {one['trouble']}")
        for letter in one["letters"]:
            say(f"  dead letter {letter['position']} {letter['type']} of {letter['key']}: {letter['reason']}")
    say(f"{len(told)} webhooks")


def _told(service: Service, hook_id: str) -> dict[str, Any]:
    hooks = subscribers(service)
    hook = hooks.one(hook_id)
    lag = service.ledger.recorder.head()[0] - hook.position
    return {**asdict(hook), "lag": lag, "letters": [asdict(letter) for letter in hooks.letters(hook_id)]}


@webhook.command()
def remove(hook: Id) -> None:
    """Posts nothing to it any more; its secret and its dead letters go with it."""
    with session() as service, _known():
        subscribers(service).remove(hook)
        say(f"{hook} is gone")


@webhook.command()
def redrive(hook: Id) -> None:
    """Has everything posted again that it did not take, in order, after the cause was removed."""
    with session() as service, _known():
        say(f"{subscribers(service).redrive(hook)} messages will be posted again")


@webhook.command("run")
def run_() -> None:
    """Posts until it is stopped; several may run, one works."""
    from consumers.webhooks import run

    stopping = until_stopped()
    with session() as service:
        say("nqms posts to webhooks (stop with Ctrl-C)")
        run(service, stopping)
