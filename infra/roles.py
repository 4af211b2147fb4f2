"""What the application's database role must not be able to do, and the refusal that names all of it at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import LiteralString, cast

import psycopg

Connection = psycopg.Connection[tuple[object, ...]]

_ON = {"y", "yes", "t", "true", "on", "1"}  # what the eventsourcing library takes for yes
_POWERFUL = ("pg_write_all_data", "pg_write_server_files", "pg_execute_server_program", "pg_maintain")
TABLES = ("events", "commands", "claims", "artifacts")

# Every role the login can act as: itself and all it is a member of, also without inheritance (SET ROLE suffices).
# session_user, not current_user: whoever came by SET ROLE gets back by RESET ROLE.
_MINE = """
WITH mine AS (
    SELECT oid, rolname, rolsuper, rolcreaterole, rolbypassrls, rolreplication, rolcreatedb FROM pg_roles
    -- a superuser counts as a member of everything: its own line says enough
    WHERE rolname = session_user
        OR (pg_has_role(session_user, oid, 'MEMBER') AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = session_user))
), ledger AS (
    SELECT c.oid, c.relname, c.relowner FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'ledger' AND c.relkind IN ('r', 'p')
)"""
_QUERIES: tuple[LiteralString, ...] = (
    """SELECT rolname, a.power FROM mine, LATERAL (VALUES
        (rolsuper, 'is a superuser'), (rolcreaterole, 'may create roles'),
        (rolbypassrls, 'bypasses row security'), (rolreplication, 'may replicate')) AS a(has, power)
    WHERE a.has ORDER BY rolname, power""",
    """SELECT mine.rolname, 'owns table ledger.' || relname FROM mine JOIN ledger ON relowner = mine.oid
    ORDER BY 1, 2""",
    """SELECT mine.rolname, 'owns schema ledger' FROM mine JOIN pg_namespace ON nspowner = mine.oid
    WHERE nspname = 'ledger' ORDER BY 1""",
    """SELECT mine.rolname, 'owns database ' || datname FROM mine JOIN pg_database ON datdba = mine.oid
    WHERE datname = current_database() ORDER BY 1""",
    """SELECT mine.rolname, 'may create objects in schema ledger' FROM mine
    WHERE EXISTS (SELECT FROM pg_namespace WHERE nspname = 'ledger')
        AND has_schema_privilege(mine.oid, to_regnamespace('ledger')::oid, 'CREATE') ORDER BY 1""",
    """SELECT mine.rolname, p.power || ' on ledger.' || relname
    FROM mine, ledger, (VALUES ('UPDATE'), ('DELETE'), ('TRUNCATE'), ('TRIGGER')) AS p(power)
    WHERE has_table_privilege(mine.oid, ledger.oid, p.power)
        OR (p.power = 'UPDATE' AND has_any_column_privilege(mine.oid, ledger.oid, 'UPDATE')) ORDER BY 1, relname, 2""",
    """SELECT rolname, 'may set session_replication_role' FROM mine
    WHERE has_parameter_privilege(oid, 'session_replication_role', 'SET') ORDER BY 1""",
)
_SETTINGS = """
SELECT name, setting FROM pg_settings
WHERE (name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off')
    OR (name = 'session_replication_role' AND setting <> 'origin')
ORDER BY name"""
_UNGUARDED: LiteralString = """
SELECT relname::text FROM ledger WHERE relname = ANY(%s) AND NOT EXISTS (
    SELECT FROM pg_trigger WHERE tgrelid = ledger.oid AND tgname = 'append_only' AND tgenabled = 'A'
) ORDER BY 1"""


@dataclass
class PowerfulRole(Exception):
    """The login could alter the ledger, or the server could lose it. `findings`: one sentence each, all of them."""

    role: str
    findings: tuple[str, ...]

    def __str__(self) -> str:
        listed = "\n".join(f"  - {finding}" for finding in self.findings)
        return f"refused to work on the ledger as {self.role}:\n{listed}"


def refuse_powerful_role(connection: Connection, *, library_db_functions: str | None = None) -> None:
    """Raise PowerfulRole naming everything the connected role has but must not, and every unsafe setting.

    `library_db_functions` is the environment's POSTGRES_ENABLE_DB_FUNCTIONS as the settings read it.
    """
    role = connection.execute("SELECT session_user::text").fetchone()
    name = str(role[0]) if role is not None else "?"
    findings = tuple(dict.fromkeys(_findings(connection, name)))
    if (library_db_functions or "").strip().lower() in _ON:
        findings += ("POSTGRES_ENABLE_DB_FUNCTIONS is on: readers of the ledger would miss events",)
    if findings:
        raise PowerfulRole(name, findings)


def _findings(connection: Connection, name: str) -> Iterator[str]:
    for query in _QUERIES:
        rows = connection.execute(_MINE + query).fetchall()
        for holder, power in cast(list[tuple[str, str]], rows):
            yield power if holder == name else f"{power} (as a member of {holder})"
    members = connection.execute(
        "SELECT rolname::text FROM pg_roles WHERE rolname = ANY(%s) AND pg_has_role(session_user, oid, 'MEMBER') "
        "ORDER BY 1",
        (list(_POWERFUL),),
    ).fetchall()
    for (member,) in members:
        yield f"is a member of {member}"
    for setting, value in connection.execute(_SETTINGS).fetchall():
        yield f"setting {setting} is {value}"
    for (table,) in connection.execute(_MINE + _UNGUARDED, (list(TABLES),)).fetchall():
        yield f"ledger.{table} has lost its append-only trigger"
