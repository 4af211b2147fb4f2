"""The processes that build read models beside whoever rebuilds. What each of them has finished is in the database."""

import gc
from collections.abc import Sequence
from contextlib import AbstractContextManager

import msgspec

from infra.building import build_chunks
from infra.database import connect
from infra.processes import Process, beside, ordered
from infra.read_tables import ReadTable
from projections import READ_MODELS

_SELDOM = (50_000, 20, 20)


class Order(msgspec.Struct):
    """What is to be built, and in which database."""

    address: str
    names: tuple[str, ...]
    generation: int
    upto: int


def builders(order: Order, count: int) -> AbstractContextManager[Sequence[Process]]:
    """So many processes at work on an order; they are ended at the end."""
    return beside("infra.builders", [msgspec.json.encode(order)] * count)


def main() -> None:
    """Work off the order that comes by the standard input."""
    order = msgspec.json.decode(ordered(), type=Order)
    # Rows and facts are trees, made by the hundred thousand: what is there for good need not be looked through each time.
    gc.freeze()
    gc.set_threshold(*_SELDOM)
    models = {model.name: model for model in READ_MODELS}
    tables = [ReadTable(models[name]) for name in order.names]
    with connect(order.address, None) as database, database.pool.connection() as connection:
        build_chunks(connection, tables, order.generation, order.upto)


if __name__ == "__main__":
    main()
