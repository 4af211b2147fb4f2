"""A client over HTTP for tests: in this process, seen as coming from this machine unless said otherwise."""

import warnings
from typing import Any

from fastapi import FastAPI

with warnings.catch_warnings():
    # The test client's own HTTP library goes by two names; the older one says so.
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient

from httpx import Response

API = "/api/v1"


class Client:
    """Asks as somebody; the answer of every call is the response."""

    def __init__(self, app: FastAPI, host: str = "127.0.0.1") -> None:
        self.http = TestClient(app, client=(host, 50000), base_url="http://localhost", raise_server_exceptions=False)

    def get(self, path: str, by: str | None = None, **options: Any) -> Response:
        """Read something below /api/v1, or at an absolute address of the server."""
        return self.http.get(_at(path), headers=_headers(by, options.pop("headers", {})), params=options)

    def post(self, path: str, body: Any = None, by: str | None = None, **options: Any) -> Response:
        """Post JSON."""
        headers = _headers(by, options.pop("headers", {}))
        return self.http.post(_at(path), json=body if body is not None else {}, headers=headers, params=options)

    def send(self, path: str, content: Any, by: str | None = None, **options: Any) -> Response:
        """Post bytes."""
        headers = _headers(by, options.pop("headers", {}))
        return self.http.post(_at(path), content=content, headers=headers, params=options)

    def do(self, person: str, program: str, command: str, **body: Any) -> Response:
        """A command about a program."""
        return self.post(f"/programs/{program}/{command}", body, by=person)


def _at(path: str) -> str:
    return (
        path if path.startswith(("/healthz", "/readyz", "/metrics", "/openapi", "/api")) or path == "/" else API + path
    )


def _headers(by: str | None, given: dict[str, str]) -> dict[str, str]:
    if by == "operator":
        return {"X-NQMS-Standing": "operator", **given}
    return {"X-NQMS-Actor": by, **given} if by else given


def codes(response: Response) -> list[str]:
    """The codes of a problem's reasons."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    return [reason["code"] for reason in response.json()["reasons"]]
