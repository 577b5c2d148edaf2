"""The generated parts of the documentation are what the code says now."""

import subprocess
from pathlib import Path

import pytest

from docs.generate import manual
from docs.generate.blocks import BLOCKS
from docs.generate.pages import PAGES, filled, names
from tests.programs import require

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_generated_parts_of_a_page_are_current(page: Path) -> None:
    text = page.read_text("utf-8")
    assert filled(text) == text, "run `make docs`"


def test_every_generated_part_is_on_exactly_one_page() -> None:
    found = [name for page in PAGES for name in names(page.read_text("utf-8"))]
    assert sorted(found) == sorted(BLOCKS)


def test_the_only_generated_parts_of_the_readme_are_what_was_measured() -> None:
    assert names((ROOT / "README.md").read_text("utf-8")) == ["spent", "speed"]


def test_the_manual_page_is_current() -> None:
    assert manual.PAGE.read_text("utf-8") == manual.page(), "run `make docs`"


@pytest.mark.external
def test_the_manual_page_is_sound() -> None:
    groff = require("groff", "groff-base")
    checked = subprocess.run(
        [groff, "-man", "-ww", "-Tutf8", manual.PAGE], capture_output=True, text=True, check=True
    )
    assert checked.stderr == ""
    assert "anthropic-proxy" in checked.stdout
