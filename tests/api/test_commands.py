"""Commands over HTTP: every one has its route; versions, keys, previews; what is wrong is named at once."""

import pytest

from tests.api.client import codes
from tests.api.conftest import Desk


def test_smoke(desk: Desk) -> None:
    client = desk.client()
    lake = desk.journeys["lake"]
    answer = client.get(f"/programs/{lake.program_id}", by=lake.id_of("lead"))
    assert answer.status_code == 200, answer.text
    assert client.get("/partners").status_code == 200
