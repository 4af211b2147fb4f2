"""What somebody can do who owns the database server: triggers off, rows changed, triggers on again."""

from typing import cast

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from infra.database import Database
from infra.embedded import EmbeddedServer

TABLES = ("events", "artifacts")


def by_superuser(server: EmbeddedServer, database: Database, *statements: str) -> None:
    """Carry out statements on the test's own database, in one transaction, past every guard."""
    name = str(conninfo_to_dict(database.app_dsn)["dbname"])
    with psycopg.connect(server.dsn(database=name), autocommit=True) as connection, connection.transaction():
        for table in TABLES:
            named = sql.Identifier("ledger", table)
            connection.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER append_only").format(named))
        for statement in statements:
            connection.execute(cast("sql.SQL", statement))
        for table in TABLES:
            named = sql.Identifier("ledger", table)
            connection.execute(sql.SQL("ALTER TABLE {} ENABLE ALWAYS TRIGGER append_only").format(named))
