"""The dashboards, held against Grafana's own types by its own compiler."""

from importlib.metadata import version
from pathlib import Path

import pytest

from tests.stack.compiled import complaints
from tests.stack.tree import DASHBOARDS, yaml_file

SCHEMA = Path(__file__).parent / "schema"
WRONG = "wrong"


@pytest.fixture(scope="module")
def found(compiler: Path) -> dict[str, str]:
    """The compiler's complaints about the dashboards, and about one with a misspelt option."""
    boards = {path.stem: path.read_text(encoding="utf-8") for path in DASHBOARDS}
    boards[WRONG] = boards[DASHBOARDS[0].stem].replace('"colorMode"', '"colourMode"')
    files = {name: _typed(board) for name, board in boards.items()}
    return complaints(compiler, "dashboards", files)


def test_dashboards_are_what_grafana_s_schema_allows(found: dict[str, str]) -> None:
    assert {name: said for name, said in found.items() if name != WRONG} == {}


def test_a_wrong_option_would_be_noticed(found: dict[str, str]) -> None:
    assert "colourMode" in found[WRONG]


def test_the_schema_is_that_of_the_grafana_we_ship() -> None:
    package = yaml_file(SCHEMA / "package.json")
    image = yaml_file("docker-compose.yml")["services"]["grafana"]["image"]
    assert image == f"grafana/grafana:{package['devDependencies']['@grafana/schema']}"


def test_the_builders_are_not_of_a_later_grafana_than_ours() -> None:
    image = yaml_file("docker-compose.yml")["services"]["grafana"]["image"]
    ours = image.partition(":")[2]
    builders = version("grafana-foundation-sdk").partition("!")[2]
    assert _numbers(builders) <= _numbers(ours)


def _numbers(release: str) -> list[int]:
    return [int(number) for number in release.split(".")]


def _typed(board: str) -> str:
    return f'import type {{ Board }} from "../board.ts";\nexport const board: Board = {board};\n'
