"""Waiting for what others do in their own time."""

import time
from collections.abc import Callable
from typing import Any


def until(true: Callable[[], Any], within: float = 60.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, f"not so within {within} s"
        time.sleep(0.02)
