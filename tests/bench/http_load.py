"""The load over HTTP, as a process of its own: `python -m tests.bench.http_load`, one JSON object in, one out.

Connections that are kept alive, each with one request after the other, as fast as answers come: asyncio streams and
nothing else, so that the generator costs little beside what it measures.

In: {port, seconds, expect: status, connections: [[request, ...], ...]} where a request is a dictionary of method, path,
headers and body; each connection goes through its list once at most. Out: {answered, milliseconds, elapsed, cpu}.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterable
from itertools import cycle
from typing import Any


def wire(request: dict[str, Any]) -> bytes:
    """A request as it goes over the wire."""
    body = b"" if request.get("body") is None else json.dumps(request["body"]).encode()
    lines = [f"{request['method']} {request['path']} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in request.get("headers", {}).items()]
    if request["method"] == "POST":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (lower case) and body of the next answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(head[0].split(" ", 2)[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    if headers.get("transfer-encoding") == "chunked":
        return status, headers, await _chunks(reader)
    length = 0 if status in (204, 304) else int(headers.get("content-length", "0"))
    return status, headers, await reader.readexactly(length) if length else b""


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return body


async def _connection(
    port: int, requests: Iterable[bytes], expect: int, end: list[float], told: dict[str, Any]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for request in requests:
            began = time.perf_counter()
            if began >= end[0]:
                return
            writer.write(request)
            status, _, body = await answer(reader)
            told["milliseconds"].append((time.perf_counter() - began) * 1e3)
            if status != expect:
                raise RuntimeError(f"{status} instead of {expect}: {body[:300]!r}")
            if told["keep"]:
                told["bodies"].append(body.decode())
            told["answered"] += 1
    finally:
        writer.close()


async def carry_out(asked: dict[str, Any]) -> dict[str, Any]:
    """The load; RuntimeError for an answer that was not expected."""
    told: dict[str, Any] = {"answered": 0, "milliseconds": [], "bodies": [], "keep": asked.get("keep", False)}
    ready = [[wire(one) for one in requests] for requests in asked["connections"]]
    ways = [cycle(one) if asked.get("again") else one for one in ready]
    end = [time.perf_counter() + asked["seconds"]]
    began, spent = time.perf_counter(), time.process_time()
    await asyncio.gather(*(_connection(asked["port"], way, asked["expect"], end, told) for way in ways))
    told["elapsed"], told["cpu"] = time.perf_counter() - began, time.process_time() - spent
    return told


if __name__ == "__main__":
    print(json.dumps(asyncio.run(carry_out(json.load(sys.stdin)))))
