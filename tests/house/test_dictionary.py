"""The reference pages say what the code says."""

import pytest

from tests.house.dictionary import DOCS, PAGES


@pytest.mark.parametrize("page", PAGES)
def test_a_reference_page_is_up_to_date(page: str) -> None:
    written = (DOCS / page).read_text(encoding="utf-8")
    assert written == PAGES[page](), "write it again: python -m tests.house.dictionary --write"
