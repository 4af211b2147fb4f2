"""What must be in the ledger when all writing programs have carried out their orders."""

from collections.abc import Mapping
from typing import Any

import psycopg

from tests.faults.writing import Order, command, size, stream


def check_ledger(address: str, order: Order, answers: Mapping[tuple[int, int], int]) -> int:
    """Every command of the order is there once and whole, nothing else is, and every answer was true.

    `answers`: the position that was told for (thread, command); some may have been lost with their program. Returns
    the number of events, with the one that opened the ledger.
    """
    pairs = [(thread, n) for thread in order.threads for n in range(order.commands)]
    sizes = {pair: size(order.seed, *pair, order.largest) for pair in pairs}
    with psycopg.connect(address) as connection:
        query = "SELECT command_id, min(stream), max(position), count(*), count(DISTINCT stream) FROM ledger.events GROUP BY 1"
        rows: Any = connection.execute(query).fetchall()
        counts: Any = connection.execute("SELECT count(*), min(position), max(position) FROM ledger.events").fetchone()
        lasts: Any = connection.execute(
            "SELECT stream, max(version), count(*) FROM ledger.events GROUP BY 1"
        ).fetchall()
        remembered: Any = connection.execute("SELECT command_id, position FROM ledger.commands").fetchall()
    stored = {row[0]: row[1:] for row in rows}
    assert counts == (counts[0], 1, counts[0])
    assert counts[0] == 1 + sum(sizes.values())
    for pair in pairs:
        name, last, many, streams = stored[command(order.seed, *pair)]
        assert (name, many, streams) == (stream(order.seed, *pair), sizes[pair], 1)
        assert answers.get(pair, last) == last
    assert set(answers) <= set(pairs)
    assert len(stored) == 1 + len(pairs)
    assert dict(remembered) == {command_id: row[1] for command_id, row in stored.items()}
    assert all(version == many for _, version, many in lasts)
    return counts[0]
