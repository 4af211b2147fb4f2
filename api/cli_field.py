"""The verb for the figures of the field."""

from typing import Annotated, Any

import typer

from api.cli_session import Format, Formatted, say, say_json, session, table
from api.field import figures

verbs = typer.Typer()
HEADS = ("instrument", "years", "programs", "in place", "mean level", "again: rose, same, fell")


@verbs.command()
def field(
    scheme: Annotated[str, typer.Argument(help="The scheme's code, such as mn-qp.")],
    first: Annotated[int | None, typer.Option("--from", metavar="YEAR", help="No years before this one.")] = None,
    last: Annotated[int | None, typer.Option("--to", metavar="YEAR", help="No years after this one.")] = None,
    form: Formatted = Format.TEXT,
) -> None:
    """Says how practices stand in a scheme over the years, for at least five programs together; JSON has every practice."""
    with session() as service:
        service.projector.catch_up()
        told = figures(service, scheme, first, last)
    if form is Format.JSON:
        say_json(told)
        return
    rows = [_row(one, period) for one in told["instruments"] for period in one["periods"]]
    table(f"{told['scheme']}, years over through {told['through']}", HEADS, rows)
    if any(period["suppressed"] for one in told["instruments"] for period in one["periods"]):
        say(f"Years with fewer than {told['fewest']} programs are not told.")


def _row(one: dict[str, Any], period: dict[str, Any]) -> list[str]:
    years = str(period["from"]) if period["from"] == period["to"] else f"{period['from']}-{period['to']}"
    place = [f"{one['instrument']} version {one['version']}", years]
    if period["suppressed"]:
        return [*place, "too few", "", "", ""]
    again, share = period["again"], period["share_in_place"]
    turns = ", ".join(str(again[name]) for name in ("rose", "same", "fell")) if again else ""
    return [
        *place,
        str(period["programs"]),
        f"{share:.1%}" if share is not None else "",
        str(period["mean_level"]),
        turns,
    ]
