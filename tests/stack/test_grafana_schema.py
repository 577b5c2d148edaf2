"""The dashboards, held against Grafana's own types by its own compiler."""

from importlib.metadata import version
from pathlib import Path

import pytest

from tests.programs import run
from tests.stack.tree import DASHBOARDS, yaml_file

SCHEMA = Path(__file__).parent / "schema"


def test_dashboards_are_what_grafana_s_schema_allows(compiler: Path) -> None:
    for path in DASHBOARDS:
        board = path.read_text(encoding="utf-8")
        (compiler / f"{path.stem}.ts").write_text(_typed(board), encoding="utf-8")
    run("node_modules/.bin/tsc", "--project", ".", cwd=compiler)


def test_a_wrong_option_would_be_noticed(compiler: Path) -> None:
    board = DASHBOARDS[0].read_text(encoding="utf-8").replace('"colorMode"', '"colourMode"')
    (compiler / "wrong.ts").write_text(_typed(board), encoding="utf-8")
    with pytest.raises(AssertionError, match="colourMode"):
        run("node_modules/.bin/tsc", "--project", ".", cwd=compiler)


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
    return f'import type {{ Board }} from "./board.ts";\nexport const board: Board = {board};\n'
