"""The documentation as a site: it builds without a warning, and its search answers a stranger."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.programs import absent, require, run

ROOT = Path(__file__).parents[2]
SEARCH = Path(__file__).with_name("search.js")
ENVIRONMENT = ROOT / ".uv/docs"  # the Makefile's, so that it is made once
# What a stranger asks, and the place that answers it.
QUESTIONS = {
    "how do I trust the certificate": "claude-code/#trust-the-certificate",
    "why was my request 502": "faq/#why-was-my-request-answered-with-502-504-or-529",
    "does it store prompts": "faq/#does-it-store-prompts",
    "how do I see what a model costs": "faq/#how-do-i-see-what-a-model-costs",
    "how do I run three": "faq/#how-do-i-run-three-of-them",
}

pytestmark = pytest.mark.external


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the built site; a broken link or anchor is an error."""
    folder = tmp_path_factory.mktemp("site")
    uv = shutil.which("uv") or str(ROOT / ".uv/bin/uv")
    built = subprocess.run(
        [
            *(uv, "run", "--locked", "--only-group", "docs"),
            *("mkdocs", "build", "--strict", "--site-dir", folder),
        ],
        cwd=ROOT,
        env=os.environ | {"UV_PROJECT_ENVIRONMENT": str(ENVIRONMENT), "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    assert "WARNING" not in built.stderr
    return folder


def test_every_page_is_built(site: Path) -> None:
    pages = {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"}
    assert {page for page in pages if not (site / page / "index.html").is_file()} == set()


def test_the_site_loads_nothing_from_others(site: Path) -> None:
    html = (site / "index.html").read_text("utf-8")
    assert "fonts.googleapis.com" not in html
    assert 'src="http' not in html


def test_each_question_of_a_stranger_is_answered_by_the_first_result(site: Path) -> None:
    lunr = next(
        ENVIRONMENT.glob("lib/*/site-packages/mkdocs/contrib/search/templates/search/lunr.js"), None
    )
    if lunr is None:
        absent("mkdocs is not installed: make docs")
    index = site / "search/search_index.json"
    found = json.loads(run(require("node", "nodejs"), SEARCH, str(lunr), index, *QUESTIONS))
    assert {question: places[0] for question, places in found.items()} == QUESTIONS
