"""What it looks like when the database does not answer, for doors that know neither driver nor event store."""

import psycopg
from eventsourcing import persistence
from psycopg_pool import PoolTimeout

OUTAGES: tuple[type[Exception], ...] = (
    psycopg.OperationalError,
    PoolTimeout,
    persistence.OperationalError,
    persistence.InterfaceError,
)
"""Raised while the database cannot be reached or is too busy to answer."""
