"""Starting, hearing and killing the writing programs."""

import subprocess
import sys
import threading
from pathlib import Path

from tests.faults.writing import Order

_ROOT = Path(__file__).parents[2]


class Program:
    """One running `tests.faults.writing`. `answers`: (thread, command) and the position it was told, as heard so far."""

    def __init__(self, order: Order) -> None:
        command = [sys.executable, "-m", "tests.faults.writing", order.line()]
        self._process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE)
        self.answers: list[tuple[int, int, int]] = []
        self.spoke = threading.Event()
        self._ear = threading.Thread(target=self._listen, daemon=True)
        self._ear.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.endswith(b"\n"):
                thread, n, position = line.split()
                self.answers.append((int(thread), int(n), int(position)))
                self.spoke.set()

    def wait(self, timeout: float) -> None:
        """Until it has written all. AssertionError where it failed."""
        code = self._process.wait(timeout)
        self._heard_out()
        assert code == 0, f"the writing program ended with {code}"

    def kill(self) -> None:
        """SIGKILL, now. What it had said by then is heard out."""
        self._process.kill()
        self._process.wait(30)
        self._heard_out()

    @property
    def ended(self) -> bool:
        """Whether it has ended by itself."""
        return self._process.poll() is not None

    def _heard_out(self) -> None:
        self._ear.join(30)
        assert self._process.stdout is not None
        self._process.stdout.close()
