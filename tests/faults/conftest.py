"""How long the long forms are: NQMS_FAULT_EVENTS (default 1,000,000) and NQMS_FAULT_KILLS (default 200)."""

import os
import sys
from collections.abc import Callable

import pytest


@pytest.fixture
def many() -> int:
    """How many events the long test of the order writes."""
    return int(os.environ.get("NQMS_FAULT_EVENTS", "1000000"))


@pytest.fixture
def kills() -> int:
    """How often the long tests kill."""
    return int(os.environ.get("NQMS_FAULT_KILLS", "200"))


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Prints a figure, whether the test passes or not."""

    def write(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{line}\n")

    return write
