"""The folder of a demonstration: its own, empty or an earlier demonstration's, never anything else."""

import shutil
from pathlib import Path

from infra.settings import Settings

MARK = "this-is-a-demonstration"


class NotADemoFolder(RuntimeError):
    """The folder holds something that is no demonstration; nothing in it was touched."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} is not empty and no earlier demonstration made it, so nothing in it was touched; "
            "name an empty folder in NQMS_DATA_DIR, or leave it unset"
        )


class DemoInUse(RuntimeError):
    """Another program works on the demonstration's folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"another program is using {folder}, perhaps `nqms serve`; stop it first")


def demo_settings(settings: Settings) -> Settings:
    """The settings of the demonstration: the folder that the user named, else one beside the usual one. Embedded."""
    named = "data_dir" in settings.model_fields_set
    folder = settings.data_dir if named else settings.data_dir.with_name(f"{settings.data_dir.name}-demo")
    return settings.model_copy(update={"data_dir": folder, "database_url": None, "migrate_url": None})


def start_over(folder: Path, in_use: bool) -> None:
    """Make the folder new: an earlier demonstration's content goes, anything else is refused."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise NotADemoFolder(folder)
        if in_use:
            raise DemoInUse(folder)
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / MARK).touch()
