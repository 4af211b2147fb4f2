"""The database that the rest of the product works on: embedded in the data folder, or an outside server.

Two logins. `nqms_owner` owns the schema and only ever runs migrations. The application's own role adds rows to the
ledger and reads it, and keeps read models and ciphertext; it can change no history (see infra/roles.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool

from infra.embedded import EmbeddedServer, EmbeddedServerError, OtherMajorVersion
from infra.migrations import Connection, Migration, MigrationRefused, missing_migrations
from infra.migrations import migrate as apply_migrations
from infra.roles import PowerfulRole, refuse_powerful_role
from infra.settings import Settings

__all__ = [
    "APP_ROLE",
    "OWNER_ROLE",
    "Connection",
    "Database",
    "EmbeddedServer",
    "EmbeddedServerError",
    "MigrationRefused",
    "OtherMajorVersion",
    "Pool",
    "PowerfulRole",
    "SchemaBehind",
    "connect",
    "create_database",
    "create_roles",
    "create_schema",
    "migrate",
    "open_database",
    "refuse_powerful_role",
]

Pool = ConnectionPool[Connection]

OWNER_ROLE = "nqms_owner"
APP_ROLE = "nqms_app"
DATABASE = "nqms"
_LOCK = 0x6E716D73_726F6C65  # "nqmsrole"


class SchemaBehind(RuntimeError):
    """The database lacks migrations of this program; the message names them."""


@dataclass
class Database:
    """An open database. `pool`: autocommit connections of the application's role, session time zone UTC."""

    app_dsn: str = field(repr=False)
    """Address of the application's login."""
    owner_dsn: str | None = field(repr=False)
    """Address of the role that owns the schema; None where it is not known (an outside server)."""
    pool: Pool
    _on_close: Callable[[], None] = field(default=lambda: None, repr=False)
    _at_close: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]], repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def at_close(self, act: Callable[[], None]) -> None:
        """Whoever has a connection of its own closes it with the database: `act` is called when that is closed."""
        if act not in self._at_close:
            self._at_close.append(act)

    def close(self) -> None:
        """Close all connections, then give the embedded server back. Harmless when repeated."""
        self.pool.close()
        while self._at_close:
            self._at_close.pop()()
        self._on_close()


def open_database(settings: Settings) -> Database:
    """Open the database the settings name, ready for use.

    Embedded: starts or adopts the server of `data_dir`, creates roles and schema, applies missing migrations.
    Outside: changes nothing. Raises EmbeddedServerError, MigrationRefused, SchemaBehind (outside: run `nqms migrate`)
    or PowerfulRole; psycopg.OperationalError when the outside server cannot be reached.
    """
    if settings.database_url is None:
        return _open_embedded(settings)
    database = connect(settings.database_url, settings.migrate_url)
    return _checked(database, settings)


def migrate(owner_url: str, app_url: str | None = None) -> list[Migration]:
    """Bring the schema of `owner_url` (role that owns it) up to date; return the migrations that were applied.

    The role that `app_url` names, else `nqms_app`, gets its rights; it must exist. MigrationRefused as in
    infra/migrations.py.
    """
    role = conninfo_to_dict(app_url).get("user") if app_url is not None else None
    with psycopg.connect(owner_url, autocommit=True) as connection:
        return apply_migrations(connection, str(role or APP_ROLE))


def connect(app_dsn: str, owner_dsn: str | None, on_close: Callable[[], None] = lambda: None) -> Database:
    """A Database on these addresses, unchecked. psycopg.OperationalError within 10 s when nobody answers."""
    psycopg.connect(app_dsn, connect_timeout=10).close()  # tells the reason, which the pool would only log
    pool: Pool = ConnectionPool(
        app_dsn, min_size=1, max_size=8, kwargs={"autocommit": True}, configure=_configure, open=True, name="nqms"
    )
    return Database(app_dsn, owner_dsn, pool, on_close)


def create_roles(server: EmbeddedServer) -> None:
    """Create the two logins on an embedded server, where they are missing."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection, connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        known = {row[0] for row in connection.execute("SELECT rolname::text FROM pg_roles").fetchall()}
        for role in (OWNER_ROLE, APP_ROLE):
            if role not in known:
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))


def create_database(server: EmbeddedServer, name: str = DATABASE, template: str = "template0") -> None:
    """Create database `name` of the owner where it is missing; nobody but the application's role may use it besides."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))  # given back when the connection ends
        exists = connection.execute("SELECT datacl IS NULL FROM pg_database WHERE datname = %s", (name,)).fetchone()
        if exists is None:
            words = {"name": sql.Identifier(name), "owner": sql.Identifier(OWNER_ROLE)}
            words["template"] = sql.Identifier(template)
            create = sql.SQL("CREATE DATABASE {name} OWNER {owner} TEMPLATE {template}")
            connection.execute(create.format(**words))
        if exists is None or exists[0]:
            names = {"name": sql.Identifier(name), "app": sql.Identifier(APP_ROLE)}
            with connection.transaction():
                connection.execute(sql.SQL("REVOKE ALL ON DATABASE {name} FROM PUBLIC").format(**names))
                connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {name} TO {app}").format(**names))


def create_schema(server: EmbeddedServer, name: str = DATABASE, template: str = "template0") -> tuple[str, str]:
    """Create database `name` of the owner where it is missing, migrate it; return (app address, owner address)."""
    create_database(server, name, template)
    owner = server.dsn(OWNER_ROLE, name)
    migrate(owner)
    return server.dsn(APP_ROLE, name), owner


def _open_embedded(settings: Settings) -> Database:
    server = EmbeddedServer(settings.data_dir)
    server.start()
    try:
        create_roles(server)
        app_dsn, owner_dsn = create_schema(server)
        database = connect(app_dsn, owner_dsn, server.stop)
    except BaseException:
        server.stop()
        raise
    return _checked(database, settings)


def _checked(database: Database, settings: Settings) -> Database:
    try:
        with database.pool.connection() as connection:
            missing = missing_migrations(connection)
            if missing:
                names = ", ".join(f"{one.number:04}_{one.title}" for one in missing)
                raise SchemaBehind(f"the database lacks {names}: run `nqms migrate`")
            refuse_powerful_role(connection, library_db_functions=settings.library_db_functions)
    except BaseException:
        database.close()
        raise
    return database


def _configure(connection: Connection) -> None:
    connection.execute("SELECT set_config('TimeZone', 'UTC', false), set_config('application_name', 'nqms', false)")
