"""A little web server that takes webhooks, or does not, as a test wants it."""

import json
import ssl
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from consumers.webhooks import Pace, Posting
from infra.posting import Poster, networks
from infra.webhooks import Webhooks
from infra.wiring import Service

HERE = networks("127.0.0.0/8")
FAST = Pace(tries=3, first=0.02, factor=2.0, longest=0.1)


@dataclass
class Letterbox:
    """What came, in order, and what to answer: by what came, 204 where nothing else is said."""

    address: str = ""
    answer: Callable[[dict[str, Any]], int] = lambda event: 204
    came: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Everything that came, with its headers; also what was not taken."""
    taken: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def see(self, headers: Mapping[str, str], body: bytes) -> int:
        event = json.loads(body)
        told = {**event, "headers": dict(headers), "body": body}
        status = self.answer(told)
        self.came.append(told)
        if status < 300:
            self.taken.append(told)
        return status

    def positions(self) -> list[int]:
        return [int(one["position"]) for one in self.taken]

    def ids(self) -> list[str]:
        return [one["headers"]["webhook-id"] for one in self.taken]


@contextmanager
def letterbox(tls: ssl.SSLContext | None = None) -> Generator[Letterbox]:
    """One, on a free port of this machine; behind TLS where a context is given."""
    box = Letterbox()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = box.see({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"{box.address}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Nothing is printed."""

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """Whoever hangs up in the midst is no matter for the test's output."""

    server = Quiet(("127.0.0.1", 0), Door)
    box.address = f"http://127.0.0.1:{server.server_address[1]}"
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        box.address = f"https://localhost:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield box
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


def hooks_of(service: Service) -> Webhooks:
    return Webhooks(service.database, service.keyring)


@contextmanager
def posting(service: Service, pace: Pace = FAST) -> Generator[Posting]:
    """Webhooks at work for a while, also to this machine."""
    stop = Event()
    at_work = Posting(service, post=Poster(HERE, connect=2, whole=3).post, pace=pace)
    thread = Thread(target=at_work.run, args=(stop,))
    thread.start()
    try:
        yield at_work
    finally:
        stop.set()
        thread.join(timeout=40)
    assert not thread.is_alive()
