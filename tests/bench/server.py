"""The web server that is measured, as a process of its own: `python -m tests.bench.server FOLDER DSN`.

The application as `nqms serve` runs it, projector inside, with two routes that do nothing, and beside it, under the
same server, a bare ASGI application at /bare. Prints the port it listens on; ends when its standard input is closed.
"""

import sys
from pathlib import Path
from threading import Event, Thread
from typing import Any

import uvicorn

from api.app import create_app
from infra.database import connect
from infra.settings import Settings
from infra.wiring import assemble

EMPTY, EMPTY_ASYNC, BARE = "/api/v1/bench-empty", "/api/v1/bench-empty-async", "/bare"


def empty() -> dict[str, Any]:
    """Nothing, on a thread as every route of the application."""
    return {}


async def empty_async() -> dict[str, Any]:
    """Nothing, without a thread."""
    return {}


def wrapped(app: Any) -> Any:
    """The application, and a bare 304 at /bare that it does not see."""
    headers = [(b"etag", b'"bare"'), (b"cache-control", b"public, max-age=30")]

    async def both(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == BARE:
            await send({"type": "http.response.start", "status": 304, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        await app(scope, receive, send)

    return both


def main(folder: str, address: str) -> None:
    """Serve until standard input ends."""
    with connect(address, None) as database:
        service = assemble(Settings(data_dir=Path(folder)), database)
        app = create_app(service, demo_identity=True)
        app.add_api_route(EMPTY, empty, methods=["POST"])
        app.add_api_route(EMPTY_ASYNC, empty_async, methods=["POST"])
        stop = Event()
        projecting = Thread(target=service.projector.run, args=(stop,), daemon=True)
        projecting.start()
        config = uvicorn.Config(
            wrapped(app), host="127.0.0.1", port=0, access_log=False, log_level="warning", lifespan="off"
        )
        server = uvicorn.Server(config)

        def watch() -> None:
            while not server.started:
                stop.wait(0.02)
            port: int = server.servers[0].sockets[0].getsockname()[1]
            print(port, flush=True)
            sys.stdin.read()
            server.should_exit = True

        Thread(target=watch, daemon=True).start()
        server.run()
        stop.set()
        service.projector.wake()
        projecting.join(10)


if __name__ == "__main__":
    main(*sys.argv[1:3])
