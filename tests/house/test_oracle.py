"""The oracle of the simulation shares nothing with what it checks."""

import sys
from pathlib import Path

from tests.house.tree import ROOT, imports

ORACLE = Path("infra/simulation/oracle.py")
ACTS = Path("infra/simulation/acts.py")


def test_the_oracle_imports_plain_data_and_the_standard_library_alone() -> None:
    of_the_oracle = {name for name, _ in imports(ORACLE)}
    assert {n for n in of_the_oracle if n.partition(".")[0] not in sys.stdlib_module_names} == {
        "infra.simulation",
        "infra.simulation.acts",
    }
    assert {name for name, _ in imports(ACTS)} == {"dataclasses", "datetime"}


def test_of_the_simulation_the_oracle_takes_the_acts_alone() -> None:
    text = (ROOT / ORACLE).read_text(encoding="utf-8")
    taken = [line for line in text.splitlines() if line.startswith("from infra.simulation import")]
    assert taken == ["from infra.simulation import acts"]
