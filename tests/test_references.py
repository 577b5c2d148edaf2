"""What code, tests and documents refer to is in the repository: files, modules, promises."""

import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BEHAVIOUR = ROOT / "docs/behaviour.md"
TEXT = {
    ".py",
    ".md",
    ".yml",
    ".yaml",
    ".toml",
    ".sh",
    ".ini",
    ".js",
    ".html",
    ".j2",
    ".example",
    "",
}
HIDDEN = {".ci", ".github", ".devcontainer"}  # with files of the project
MADE = {"node_modules", "build", "dist", "site", "pictures", "anthropic_proxy.egg-info"}
FOLDERS = "app|benchmarks|config|deploy|docs|grafana|prometheus|simulator|tests"
PROMISES = re.compile(r"\b[Bb]ehaviour ([A-H]\d?(?:(?:,| and| to) [A-H]\d)*)\b|\(([A-H]\d)\)")
ROW = re.compile(r"^\| ([A-H]\d) \| .* \| (.*) \|$", re.MULTILINE)


@cache
def sources() -> tuple[Path, ...]:
    """Return the text files of the repository, without what tools and tests make."""
    found: list[Path] = []
    waiting = [ROOT]
    while waiting:
        for path in waiting.pop().iterdir():
            if path.is_dir():
                made = path.name.startswith(".") and path.name not in HIDDEN
                waiting += [] if made or path.name in MADE else [path]
            elif path.suffix in TEXT:
                found.append(path)
    return tuple(found)


def texts(*suffixes: str) -> Iterator[tuple[Path, str]]:
    """Yield the files that end with one of ``suffixes``, all if there is none, with their text."""
    for path in sources():
        if not suffixes or path.suffix in suffixes:
            yield path, path.read_text(errors="replace")


def cited(text: str) -> set[str]:
    """Return the promises that a text cites; a letter alone means all of its section."""
    found: set[str] = set()
    for match in PROMISES.finditer(text):
        named = re.findall(r"[A-H]\d?", match[1] or match[2])
        if " to " in (match[1] or ""):
            first, last = named[0], named[-1]
            named = [f"{first[0]}{number}" for number in range(int(first[1]), int(last[1]) + 1)]
        found.update(named)
    return found


def proofs() -> dict[str, set[str]]:
    """Return the test files of each promise."""
    rows = ROW.findall(BEHAVIOUR.read_text())
    return {promise: set(re.findall(r"`(tests/[^`]+)`", proof)) for promise, proof in rows}


def test_every_promise_that_is_cited_is_in_the_catalogue() -> None:
    known = set(proofs())
    known |= {promise[0] for promise in known}
    unknown = {
        f"{path.relative_to(ROOT)}: {promise}"
        for path, text in texts(".py", ".md")
        for promise in cited(text) - known
    }
    assert not unknown


def test_every_promise_has_a_proof_that_exists() -> None:
    assert proofs()
    for promise, files in proofs().items():
        assert files, f"{promise} has no proof"
        assert not {name for name in files if not (ROOT / name).is_file()}, promise


def test_every_test_that_claims_to_prove_a_promise_is_listed_with_it() -> None:
    listed, unlisted = proofs(), set()
    for path, text in texts(".py"):
        name = str(path.relative_to(ROOT))
        if name.startswith("tests/") and text.startswith('"""') and path != Path(__file__):
            unlisted |= {
                f"{claim}: {name}"
                for claim in cited(text.split('"""')[1])
                if not any(
                    name in files for promise, files in listed.items() if promise.startswith(claim)
                )
            }
    assert not unlisted


def test_every_document_that_is_named_exists() -> None:
    missing = set()
    for path, text in texts():
        # Neither part of a URL nor a pattern. Tests name files of their own: only docs/ is meant.
        of_tests = path.is_relative_to(ROOT / "tests")
        for name in re.findall(r"(?<![\w/.*{}:<-])((?:[\w.-]+/)*[\w-]+\.md)\b", text):
            places = (path.parent, ROOT, *([ROOT / "docs"] if path.name == "mkdocs.yml" else []))
            if name.startswith("docs/") or not of_tests:
                missing |= (
                    set()
                    if any((place / name).is_file() for place in places)
                    else {f"{path.relative_to(ROOT)}: {name}"}
                )
    assert not missing


def test_every_path_that_a_document_names_exists() -> None:
    missing = {
        f"{path.relative_to(ROOT)}: {name}"
        for path, text in texts(".md")
        for name in re.findall(rf"`((?:{FOLDERS})/[\w./-]*)`", text)
        if not (ROOT / name).exists()
    }
    assert not missing


def test_every_module_that_is_named_exists() -> None:
    missing = set()
    for path, text in texts(".py", ".md"):
        for name in re.findall(r"`((?:app|simulator|benchmarks)(?:\.\w+)+)`", text):
            if not _importable(name):
                missing.add(f"{path.relative_to(ROOT)}: {name}")
    assert not missing


def _importable(name: str) -> bool:
    """Return True for a module, or for a member of one."""
    module, _, member = name.rpartition(".")
    for candidate, attribute in ((name, None), (module, member)):
        try:
            found = importlib.import_module(candidate)
        except ImportError:
            continue
        return attribute is None or hasattr(found, attribute)
    return False


@pytest.mark.parametrize(
    ("text", "promises"),
    [
        ("(behaviour B4)", {"B4"}),
        ("Behaviour C1 to C3: what", {"C1", "C2", "C3"}),
        ("Behaviour C6, C7, D4: what", {"C6", "C7", "D4"}),
        ("(behaviour D1), and descriptors (D4)", {"D1", "D4"}),
        ("Behaviour A: what arrives", {"A"}),
        ("the behaviour of a client", set()),
    ],
)
def test_promises_are_found_in_every_way_of_citing_them(text: str, promises: set[str]) -> None:
    assert cited(text) == promises
