"""What the guide shows works as shown."""

import csv
import re
from pathlib import Path

import pytest
import yaml

from api.importing import KNOWN, REQUIRED
from api.onboarding import NewAffiliate
from infra import library
from tests.house.tree import ROOT, verbs

GUIDE = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"```yaml\n# (affiliate|policy): [a-z-]+\.yaml\n(.*?)```", GUIDE, flags=re.DOTALL))


def test_the_affiliates_file_is_one(tmp_path: Path) -> None:
    file = tmp_path / "affiliate.yaml"
    file.write_text(BLOCKS["affiliate"], encoding="utf-8")
    read = NewAffiliate.read(file)
    assert {role for member in read.staff for role in member.roles} == {"reviewer", "decider"}
    assert [p.policy for p in read.policies] == ["lake-country-policy.yaml"]


@pytest.mark.req("H7")
def test_the_policys_file_is_one() -> None:
    document = yaml.safe_load(BLOCKS["policy"])
    policy, body = library.policy(document, "the guide", library.shipped_instruments().values())
    assert (policy.scheme, body.version) == ("lc-qp", "1")
    assert [t.code for t in policy.tiers] == ["dedicated", "expert"]


def test_the_programs_file_has_all_that_is_needed_and_nothing_unknown() -> None:
    (text,) = re.findall(r"```csv\n(.*?)```", GUIDE, flags=re.DOTALL)
    (row,) = csv.DictReader(text.splitlines())
    assert set(REQUIRED) <= set(row) <= set(KNOWN)


def test_every_verb_it_names_exists() -> None:
    named = set(re.findall(r"`nqms ([a-z][a-z-]*(?: (?:add|publish|check))?)", GUIDE))
    assert len(named) >= 8
    assert named - verbs() == set()
