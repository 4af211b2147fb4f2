"""How far a long work has come, on the terminal: a bar with the rate and the time left; nothing where nobody watches."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text


class Rate(ProgressColumn):
    """Events a second."""

    def render(self, task: Task) -> Text:
        """What is known of it by now."""
        return Text(f"{task.speed:,.0f} events/s" if task.speed else "")


@contextmanager
def rebuilding() -> Generator[Callable[[int, int], None]]:
    """A function that is told how many events are read, of how many."""
    columns = (TextColumn("{task.completed:,} of {task.total:,} events"), BarColumn(), Rate(), TimeRemainingColumn())
    with Progress(*columns, transient=True, console=Console(stderr=True)) as progress:
        task = progress.add_task("rebuild", total=1)

        def told(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield told
