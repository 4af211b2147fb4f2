"""What a PostgreSQL server leaves on a machine: a process, lock files, a socket folder, a system user."""

import contextlib
import logging
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

_log = logging.getLogger(__name__)
_SYSTEM_USER = "nqms_postgres"


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
