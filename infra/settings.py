"""The settings of the product. This module alone reads the environment."""

import os
from pathlib import Path
from typing import Annotated, Any

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.notes import COSIGNATURE, VerifierKey
from infra.posting import Network, networks

_SECRET_WORDS = ("password", "sslpassword", "oauth_client_secret")


def _data_home() -> Path:
    given = os.environ.get("XDG_DATA_HOME", "")
    # The XDG specification says: a relative path is to be ignored.
    home = Path(given) if given.startswith("/") else Path.home() / ".local" / "share"
    return home / "nqms"


def _absolute(value: Path) -> Path:
    return Path(os.path.abspath(value.expanduser()))


def _connection(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        conninfo_to_dict(value)
    except ProgrammingError:
        # The driver's message would repeat the text, password and all.
        raise ValueError("is not a PostgreSQL address; write postgresql://user:password@host:port/name") from None
    return value


def host_and_port(value: str) -> tuple[str, int]:
    """Split ``host:port`` (IPv6 as ``[::1]:8000``); ValueError says what is wrong. Port 0 means: any free one."""
    host, colon, port = value.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not bare:
        raise ValueError(f"{value!r} is not host:port, as in 127.0.0.1:8000")
    if ":" in bare and bare == host:
        raise ValueError(f"{value!r}: write an IPv6 address in brackets, as in [::1]:8000")
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{value!r}: the port must be a number from 0 to 65535")
    return bare, int(port)


def _address(value: str) -> str:
    host_and_port(value)
    return value


def _addresses(value: str | None) -> str | None:
    for one in (value or "").split(","):
        if value is not None:
            host_and_port(one.strip())
    return value


def _witnesses(value: str | None) -> str | None:
    for one in (value or "").split(",") if value else ():
        if VerifierKey.parse(one).kind != COSIGNATURE:  # BadNote is a ValueError
            raise ValueError("a witness's key cosigns; this one signs as a log")
    return value


def _networks(value: str | None) -> str | None:
    networks(value)
    return value


_Connection = Annotated[str | None, AfterValidator(_connection)]
_Brokers = Annotated[str | None, AfterValidator(_addresses)]


class Settings(BaseSettings):
    """Every setting, its default and its check. Environment names are the field names with NQMS_ in front."""

    model_config = SettingsConfigDict(
        env_prefix="NQMS_",
        env_ignore_empty=True,
        extra="ignore",
        use_attribute_docstrings=True,
        frozen=True,
        hide_input_in_errors=True,  # a refused address may hold a password
    )

    data_dir: Annotated[Path, AfterValidator(_absolute)] = Field(default_factory=_data_home)
    """Folder of the embedded database, the documents, the log and the keys."""
    database_url: _Connection = Field(default=None, repr=False)
    """An outside PostgreSQL server, as the application's own role. None: the embedded one in `data_dir`."""
    migrate_url: _Connection = Field(default=None, repr=False)
    """The same database as the role that owns the schema; only `nqms migrate` uses it."""
    kafka_bootstrap: _Brokers = None
    """Kafka brokers (host:port, comma separated) for the relay. None: no relay."""
    witnesses: Annotated[str | None, AfterValidator(_witnesses)] = None
    """Verifier keys of the log's witnesses (as `nqms log witness` prints them), comma separated. None: no witnesses."""
    witness_quorum: Annotated[int, Field(ge=0)] = 0
    """How many witnesses have to cosign a checkpoint before it counts as witnessed."""
    kafka_prefix: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")] = "nqms"
    """What the names of all topics begin with; tells several ledgers on one broker apart."""
    reader_url: _Connection = Field(default=None, repr=False)
    """The database of an outside reader (directory site), its own. None: an embedded one in `reader_dir`."""
    reader_dir: Annotated[Path, AfterValidator(_absolute)] = Field(default_factory=lambda: _data_home() / "reader")
    """Folder of an outside reader: its embedded database, or the archive's files."""
    listen: Annotated[str, AfterValidator(_address)] = "127.0.0.1:8000"
    """Where `nqms serve` listens, host:port."""
    webhook_networks: Annotated[str | None, AfterValidator(_networks)] = None
    """Private networks (as in 10.1.0.0/16, comma separated) to which webhooks may be posted. None: public addresses only."""
    test_kafka: _Brokers = None
    """Kafka brokers that the tests may use."""
    library_db_functions: str | None = Field(default=None, validation_alias="POSTGRES_ENABLE_DB_FUNCTIONS")
    """The eventsourcing library's own switch. Refused when on: with it readers can miss events (ledger.md §2)."""

    @property
    def listen_host(self) -> str:
        """The host part of `listen`, without brackets."""
        return host_and_port(self.listen)[0]

    @property
    def listen_port(self) -> int:
        """The port part of `listen`."""
        return host_and_port(self.listen)[1]

    @property
    def witness_keys(self) -> tuple[VerifierKey, ...]:
        """The keys in `witnesses`."""
        return tuple(VerifierKey.parse(one) for one in self.witnesses.split(",")) if self.witnesses else ()

    @property
    def private_networks(self) -> tuple[Network, ...]:
        """The networks in `webhook_networks`."""
        return networks(self.webhook_networks)

    def public(self) -> dict[str, Any]:
        """All settings as plain values that may be printed: passwords in addresses are replaced by stars."""
        values = self.model_dump(mode="json")
        for name in ("database_url", "migrate_url", "reader_url"):
            if values[name] is not None:
                values[name] = _without_secrets(values[name])
        return values


def _without_secrets(address: str) -> str:
    parts = conninfo_to_dict(address)
    hidden = {word: "***" for word in _SECRET_WORDS if parts.get(word)}
    return make_conninfo("", **{**parts, **hidden})
