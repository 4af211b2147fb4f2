"""The verb that erases a person: one person proposes, another confirms, and the keys are gone (M4, H11)."""

from typing import Annotated, get_args

import typer

from api.cli_session import As, Operating, Wrong, acting, say, session
from api.disclosure import Disclosure
from domain.erasure import ConfirmErasure, DeclineErasure, Ground, ProposeErasure
from domain.language import Command
from infra.vault import UnknownSecret
from infra.wiring import Service

verbs = typer.Typer()


@verbs.command()
def erase(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="The id of the person (p_…).")],
    ground: Annotated[
        str | None, typer.Option("--ground", metavar="GROUND", help=f"Proposes it: {', '.join(get_args(Ground))}.")
    ] = None,
    writings: Annotated[
        bool, typer.Option("--writings", help="Also the words that they wrote and the files that they handed in.")
    ] = False,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Confirms, as a second person, what was proposed.")
    ] = False,
    decline: Annotated[bool, typer.Option("--decline", help="Declines what was proposed.")] = False,
    as_person: As = None,
    operator: Operating = False,
) -> None:
    """Erases a person for good: proposed on a ground by one person, confirmed by another.

    Whoever signed, reviewed or decided stays readable while a decision needs it; the refusal says until when.
    """
    if (ground is not None) + confirm + decline != 1:
        raise typer.BadParameter("say one of --ground, --confirm and --decline")
    kind: type[Command] = ConfirmErasure if confirm else DeclineErasure if decline else ProposeErasure
    scope = "record_and_writings" if writings else "record"
    given = {"ground": ground, "scope": scope} if ground is not None else {}
    with session() as service:
        _known(service, person)
        who = acting(as_person, operator)
        done = service.ledger.execute(person, kind, given, person=who.acting, standing=who.standing)
        said = Disclosure(service.vault).told([event.sentence() for event in done.events])
    for sentence in said:
        say(sentence)
    say(f"recorded at position {done.position}")


def _known(service: Service, person: str) -> None:
    try:
        service.vault.person(person)
    except UnknownSecret:
        raise Wrong(f"the vault never kept a person {person}") from None
