"""docs/architecture.md is true: what it names exists, and its diagrams are those of the code."""

import ast
import inspect
import re
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

from app.cli.commands import COMMANDS
from app.exchange import Outcome
from app.proxy import pipeline
from app.proxy.endings import diagram
from tests.cases import every_case

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/architecture.md").read_text()
ASKED = (
    "a header dropped",
    "a connect time-out enforced",
    "a read or write time-out enforced",
    "the wait for an upstream slot bounded",
    "a client's silence in a body bounded",
    "a 529 retried, or a request sent again that upstream has not processed",
    "a response noticed that upstream cut",
    "the drain run, and where does it wait",
    "an outcome decided",
    "a token priced",
    "a placeholder restored",
    "a row of the ledger written",
    "it decided that a budget refuses a request",
    "a repeated message of a conversation recognised by the scrubber",
    "a panel's query written",
)
PATHS = re.findall(r"`((?:\w+/)+(?:\w+\.\w+)?)`", PAGE)
# In a row: a file, and after it the members that are found there.
PLACES = re.findall(r"`((?:\w+/)+\w+\.py)`: ((?:`\w+`(?:, )?)+)", PAGE)
MODULES = re.findall(r"\bapp(?:\.[a-z_0-9]+)+", PAGE)


def test_the_diagram_of_endings_is_the_table() -> None:
    shown = PAGE.partition("<!-- app.proxy.endings -->\n```mermaid\n")[2].partition("```")[0]
    assert shown == diagram(), "make diagrams prints the true one"


def test_every_outcome_is_explained_once() -> None:
    assert re.findall(r"^\| `(\w+)` \| .* \|$", PAGE, re.MULTILINE) == list(Outcome)


@every_case("path", sorted(set(PATHS)))
def test_every_path_exists(path: str) -> None:
    assert (ROOT / path).exists()


@every_case("path, members", PLACES)
def test_every_member_is_defined_where_the_page_says(path: str, members: str) -> None:
    text = (ROOT / path).read_text()
    for member in re.findall(r"\w+", members):
        defined = rf"^\s*(?:(?:async )?def|class) {member}\b|^{member}\b[^=\n]*="
        assert re.search(defined, text, re.MULTILINE), member


@every_case("module", sorted(set(MODULES)))
def test_every_module_exists(module: str) -> None:
    path = ROOT / module.replace(".", "/")
    assert path.is_dir() or path.with_suffix(".py").is_file()


@every_case("package", sorted({path.parent for path in ROOT.glob("app/**/__init__.py")}))
def test_the_docstring_of_a_package_names_each_of_its_modules(package: Path) -> None:
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    named = set(re.findall(r"``(\w+)``", text))
    modules = {path.stem for path in package.glob("*.py") if not path.stem.startswith("__")}
    packages = {path.parent.name for path in package.glob("*/__init__.py")}
    own_file = {command.name for command in COMMANDS} if package.name == "cli" else set()
    assert modules | packages <= named | own_file


@every_case("package", ["app", "simulator"])
def test_no_module_is_imported_in_a_circle(package: str) -> None:
    graph = grimp.build_graph(package, cache_dir=None)
    imported = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    TopologicalSorter(imported).prepare()  # it fails with the circle


@pytest.mark.parametrize("question", ASKED)
def test_what_a_newcomer_asks_is_answered(question: str) -> None:
    (row,) = re.findall(rf"^\| Where is {question}\? \| (.*) \|$", PAGE, re.MULTILINE)
    assert re.search(r"`(?:\w+/)+", row)


def test_the_journey_is_drawn_in_the_order_of_the_pipeline() -> None:
    journey = PAGE.partition("subgraph journey")[2].partition("    end\n")[0]
    drawn = re.findall(r'\["app\.proxy\.(\w+)', journey)
    assert drawn == ["admission", "request", "scrubbing", "upstream", "relay"]

    steps = {"admission": "_admit", "request": "_read", "scrubbing": "_scrub", "upstream": "send"}
    code = inspect.getsource(pipeline.Journey._forward)
    places = [code.index(f"{steps.get(step, '_' + step)}(") for step in drawn]
    assert places == sorted(places)


def test_every_module_of_the_coverage_gate_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    gate = re.search(r"^PURE := ((?:.*\\\n)*.*)$", makefile, re.MULTILINE)
    assert gate is not None
    named = gate[1].replace("\\\n", " ").split()
    assert [name for name in named if not [*ROOT.glob(name)]] == []
