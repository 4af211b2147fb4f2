"""Rows over HTTP: a whole command against an empty route, an unchanged directory page against a bare answer."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from infra.wiring import Service
from tests.bench.ground import Ground
from tests.bench.history import Lives, store
from tests.bench.measure import CORES, Contender, Figures, interleaved, percentile, tree_seconds
from tests.bench.report import Row
from tests.bench.server import BARE, EMPTY, EMPTY_ASYNC
from tests.bench.works import COMMAND, DIRECTORY, DIRECTORY_304, OURS

CONNECTIONS = 8
MOST_A_SECOND = 400
"""Requests that are prepared for each connection and second; no program could take more."""


@dataclass
class Serving:
    """A server that listens, and what loads on it came to."""

    port: int
    pid: int
    ground: Ground
    spent: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    """Of each load: percent of the cores that generator and server used."""

    @property
    def load(self) -> dict[str, Any]:
        """Who made the load, and what it cost."""
        return {
            "generator": "tests/bench/http_load.py, one process of asyncio streams, connections kept alive",
            "generator_percent_of_cores": [round(mine, 1) for mine, _ in self.spent],
            "server_percent_of_cores": [round(theirs, 1) for _, theirs in self.spent],
        }

    def run(self, expect: int, connections: list[list[dict[str, Any]]], **more: Any) -> dict[str, Any]:
        """Carry out a load by a process of its own. RuntimeError with its words when it failed."""
        asked = {"port": self.port, "seconds": self.ground.plan.seconds, "expect": expect, "connections": connections}
        asked |= more
        command = [sys.executable, "-m", "tests.bench.http_load"]
        before = tree_seconds(self.pid)
        said = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=False)
        if said.returncode != 0:
            raise RuntimeError((said.stderr.strip().splitlines() or ["?"])[-1])
        told = json.loads(said.stdout)
        whole = told["elapsed"] * CORES / 100
        told["figures"] = {
            "rate": told["answered"] / told["elapsed"],
            "p50_ms": percentile(told["milliseconds"], 0.5),
            "p99_ms": percentile(told["milliseconds"], 0.99),
        }
        self.spent.append((told["cpu"] / whole, (tree_seconds(self.pid) - before) / whole))
        return told

    def same(self, method: str, path: str, expect: int, headers: dict[str, str] | None = None) -> Figures:
        """The same request again and again on every connection."""
        request = {"method": method, "path": path, "headers": headers or {}, "body": {} if method == "POST" else None}
        return self.run(expect, [[request]] * CONNECTIONS, again=True)["figures"]


@contextmanager
def serving(ground: Ground, service: Service) -> Iterator[Serving]:
    """A server on the service's database and folder, ended with the block."""
    arguments = [str(service.settings.data_dir), service.database.app_dsn]
    command = [sys.executable, "-m", "tests.bench.server", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline().strip()
            if not line.isdigit():
                raise RuntimeError("the web server did not start")
            yield Serving(int(line), server.pid, ground)
        finally:
            assert server.stdin is not None
            server.stdin.close()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()


def rows(ground: Ground) -> Iterator[Row]:
    """A durable command against an empty route of the same application."""
    way = ground.world.journeys["open"]
    with ground.service() as service:
        ground.tell("HTTP commands")
        lives = Lives([], ground.plan.seed + 2)
        life = service.ledger.recorder.read_stream(f"program:{way.program_id}")
        programs = [lives.one(life) for _ in range(CONNECTIONS)]
        store(ground.superuser(service.database), (fact for program in programs for fact in program))
        ids = [program[0].stream.partition(":")[2] for program in programs]
        rating = _Rating(
            service, ids, way.door.person(way.program.staff), way.cycle_id, [i.id for i in way.instrument.items]
        )
        with serving(ground, service) as server:
            rating.run(server, once=True)  # what is read and compiled at the first request is no part of the rate
            server.spent.clear()
            contenders: dict[str, Contender] = {
                OURS: lambda: rating.run(server),
                "empty route": lambda: server.same("POST", EMPTY, 200),
                "empty async route": lambda: server.same("POST", EMPTY_ASYNC, 200),
            }
            measured = interleaved(ground.plan.rounds, contenders)
    size = f"{CONNECTIONS} connections, own programs, RateItem, 1 worker with projector"
    notes = ["the empty route runs on a thread as every route of the application does; the async one does not"]
    yield Row(COMMAND, size, "rate", "commands/s", measured, notes=notes, load=server.load)


class _Rating:
    """Programs that rate one item after the other, over and over, each rating at the revision that it is at."""

    def __init__(self, service: Service, programs: list[str], person: str, cycle: str, items: list[str]) -> None:
        self._service, self._programs, self._person, self._cycle, self._items = service, programs, person, cycle, items
        self._rated = dict.fromkeys(programs, 0)

    def run(self, server: Serving, once: bool = False) -> Figures:
        """One load, checked: every answer names its event, and those stand in the ledger at the positions answered."""
        most = 1 if once else int(MOST_A_SECOND * server.ground.plan.seconds) + 1
        more: dict[str, Any] = {"keep": True} | ({"seconds": 60} if once else {})
        told = server.run(200, [[self._request(one, n) for n in range(most)] for one in self._programs], **more)
        answers = [json.loads(body) for body in told["bodies"]]
        recorder = self._service.ledger.recorder
        for program in self._programs:
            mine = [a for a in answers if a["program_id"] == program]
            facts = recorder.read_stream(f"program:{program}")[-len(mine) :] if mine else []
            there = [(f.position, f.version, f.type) for f in facts]
            assert there == [(a["position"], a["version"], "ItemRated.v1") for a in mine], f"{program}: not as answered"
            self._rated[program] += len(mine)
        return told["figures"]

    def _request(self, program: str, n: int) -> dict[str, Any]:
        done = self._rated[program] + n
        times, place = divmod(done, len(self._items))
        body = {"cycle_id": self._cycle, "item_id": self._items[place], "in_practice": "yes"}
        body |= {"quality": 1 + times % 5, "item_revision": times}
        headers = {"X-NQMS-Actor": self._person, "Idempotency-Key": uuid4().hex}
        return {"method": "POST", "path": f"/api/v1/programs/{program}/rate-item", "headers": headers, "body": body}


def unchanged(ground: Ground, service: Service, programs: int) -> Row:
    """A page that the visitor has already, against a bare 304 under the same server."""
    from urllib.request import urlopen

    path = "/api/v1/partners?limit=50"
    with serving(ground, service) as server:
        with urlopen(f"http://127.0.0.1:{server.port}{path}") as page:
            etag, found = page.headers["ETag"], json.load(page)
        assert len(found["partners"]) == min(50, programs)
        contenders: dict[str, Contender] = {
            OURS: lambda: server.same("GET", path, 304, {"If-None-Match": etag}),
            "bare ASGI": lambda: server.same("GET", BARE, 304, {"If-None-Match": '"bare"'}),
        }
        measured = interleaved(ground.plan.rounds, contenders)
    size = f"{programs:,} programs, 304, {CONNECTIONS} connections"
    return Row(DIRECTORY, size, "rate", "answers/s", measured, DIRECTORY_304, load=server.load)
