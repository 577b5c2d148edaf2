"""The version has one source, ``app.__version__``: everything else reads it or is held to it."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from app import __version__

ROOT = Path(__file__).parents[1]
NAMED = {  # a file that names an image must name the one of this version
    path.relative_to(ROOT).as_posix(): path
    for pattern in (
        "*.yml",
        "*.md",
        "Dockerfile",
        "docs/*.md",
        "deploy/**/*.y*ml",
        ".github/**/*.yml",
    )
    for path in ROOT.glob(pattern)
    if re.search(r"anthropic-proxy:\d", path.read_text())
}


def test_the_package_takes_its_version_from_the_code() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in project["project"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "app.__version__"}
    assert version("anthropic-proxy") == __version__


def test_compose_kubernetes_and_the_documentation_name_an_image() -> None:
    wanted = {"docker-compose.yml", "deploy/kubernetes/base/deployment.yaml", "docs/kubernetes.md"}
    assert wanted <= set(NAMED)


@pytest.mark.parametrize("name", sorted(NAMED))
def test_an_image_that_is_named_is_of_this_version(name: str) -> None:
    tags = re.findall(r"anthropic-proxy:(\d[\w.+-]*)", NAMED[name].read_text())
    assert set(tags) == {__version__}


def test_the_image_has_no_version_of_its_own() -> None:
    assert __version__ not in (ROOT / "Dockerfile").read_text()
    assert f'"{__version__}"' not in (ROOT / "setup.py").read_text()


def test_the_changelog_has_a_date_for_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(rf"^## \[{re.escape(__version__)}\] - \d{{4}}-\d\d-\d\d$", text, re.MULTILINE)
    assert f"\n[{__version__}]: " in text
