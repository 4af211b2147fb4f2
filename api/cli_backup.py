"""Verbs for bad days and for new versions: backup, restore, upgrade. Each verifies what it leaves behind."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer
from rich.console import Console

from api.cli_log import kept_checkpoint
from api.cli_session import Wrong, complain, plain_errors, say, settings, stop, until_stopped
from infra.backup import BackupRefused, Following
from infra.backup import back_up as made
from infra.key_copies import copy_keys
from infra.ledger_state import NoLedger
from infra.postgres_programs import ProgramFailed
from infra.verification import Check, summary

verbs = typer.Typer()
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of the backup.")]
Keys = Annotated[
    Path | None,
    typer.Option("--keys", metavar="FOLDER", help="Where a copy of the keys is kept, apart from every backup."),
]
Kept = Annotated[
    list[str] | None,
    typer.Option(
        "--checkpoint",
        metavar="FILE",
        help="A checkpoint that was kept elsewhere, or a witness's file `seen`; again for more.",
    ),
]


@contextmanager
def _faults() -> Generator[None]:
    with plain_errors():
        try:
            yield
        except (BackupRefused, NoLedger, ProgramFailed) as error:
            raise Wrong(str(error)) from None


@contextmanager
def _status() -> Generator[Callable[[str], None]]:
    """A line on standard error that says what is being done, where somebody watches."""
    with Console(stderr=True).status("") as shown:
        yield shown.update


@verbs.command()
def backup(
    folder: Folder,
    keys: Keys = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Keep it up to date afterwards, until stopped: nothing recorded is lost.")
    ] = False,
) -> None:
    """Backs up database, documents and log into an empty folder, with a manifest, while others go on writing.

    The keys are NOT in it, neither the vault's nor the one that signs: keep them apart, with --keys FOLDER or by your own
    means. What was erased is destroyed in that copy too.
    """
    begun = monotonic()
    with _faults():
        chosen = settings()
        _apart(folder, keys)
        held = chosen.data_dir / "keys"
        following = Following(until_stopped(), lambda: keys and copy_keys(held, keys)) if follow else None
        with _status() as told:

            def both(line: str) -> None:
                told(line)
                if follow and line.endswith("following"):
                    complain(f"{line} (stop with Ctrl-C)")

            manifest = made(chosen, folder, both, following)
        said = f"{manifest.events:,} events, root {manifest.root}"
        size = sum(size for size, _ in manifest.files.values())
        say(f"{folder}: {said}; {len(manifest.files):,} files, {size:,} bytes in {monotonic() - begun:.1f} s")
        if keys is None:
            complain(f"the keys are not in it: {held} has to be kept apart (--keys FOLDER)")
        else:
            copied, destroyed = copy_keys(held, keys)
            say(f"{keys}: {copied:,} keys copied, {destroyed:,} destroyed that were erased")


def _apart(folder: Path, keys: Path | None) -> None:
    if keys is None:
        return
    one, other = folder.resolve(), keys.resolve()
    if one == other or one in other.parents or other in one.parents:
        raise Wrong("keys and backup do not go into one place: together they could undo an erasure")


@verbs.command()
def restore(folder: Folder, keys: Keys = None, checkpoint: Kept = None) -> None:
    """Restores a backup into the empty place that NQMS_DATA_DIR names, and verifies all of it.

    Nothing is left there if any file, event, root, document or decision is not what was backed up, or if a checkpoint
    that was kept elsewhere says that there was more. Ask your witnesses for theirs before you serve a restored ledger.
    """
    from infra.restoring import RestoreRefused
    from infra.restoring import restore as restored

    begun = monotonic()
    with _faults():
        kept = [kept_checkpoint(one) for one in checkpoint or []]
        chosen = settings()
        try:
            with _status() as told:
                done = restored(chosen, folder, keys, kept, told)
        except RestoreRefused as refused:
            stop(f"nqms: {refused}", 1)
    _verified(done.checks)
    say(f"restored into {chosen.data_dir}: {done.events:,} events in {monotonic() - begun:.1f} s")
    if not kept:
        complain("no checkpoint was held against it: whether it is the newest state, only your witnesses know")
    if done.unsigned is not None:
        complain(done.unsigned)


@verbs.command()
def upgrade(
    older: Annotated[
        Path | None,
        typer.Option(
            "--old-binaries",
            metavar="FOLDER",
            help="The programs of the PostgreSQL that made the database, if that was another major version.",
        ),
    ] = None,
) -> None:
    """Brings a ledger to this version: migrations, and its database from an earlier PostgreSQL; then verifies it.

    Make a backup first, with the version that you come from. The old database stays beside the new one.
    """
    from infra.upgrading import UpgradeRefused
    from infra.upgrading import upgrade as upgraded

    with _faults():
        try:
            with _status() as told:
                done = upgraded(settings(), older, told)
        except UpgradeRefused as refused:
            stop(f"nqms: the upgrade was not made: {refused}", 1)
    _verified(done.checks)
    before, after = done.before, done.after
    say(
        f"schema {before.migrations:04} to {after.migrations:04}, PostgreSQL {before.server} to {after.server}: {after}"
    )
    if done.old_cluster is not None:
        say(f"the old database is in {done.old_cluster}; remove it when you trust the new one")
    if any(not check.fine for check in done.checks):
        raise typer.Exit(1)


def _verified(checks: Sequence[Check]) -> None:
    for check in checks:
        say(str(check))
    say(summary(checks))
