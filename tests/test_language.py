"""The prose of the tree is plain English: no phrase of tests/language.txt occurs in it."""

import re
import subprocess
import tokenize
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import re2

ROOT = Path(__file__).parents[1]
PHRASES = Path(__file__).with_name("language.txt")
PROSE = {".css", ".html", ".js", ".json", ".md", ".mjs", ".service", ".sh", ".toml", ".ts", ".yaml"}
PROSE |= {".yml", ".example", ".j2", ".cfg", ".conf", ".txt", ""}
# Text of other projects, generated files, and data.
ELSEWHERE = (
    "CODE_OF_CONDUCT.md",
    "LICENSE",
    "app/pages/static/dashboard/uplot/",
    "deploy/kubernetes/overlays/monitoring/dashboards/",
    "grafana/dashboards/",
    "tests/language.txt",
)
GENERATED = re.compile(r"(^|/)(package-lock\.json|.*\.lock|.*\.tape|.*\.golden)$")
STRINGS = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
_BEFORE_COMMENT = re.compile(r"^[^#\n]*#+ ?", re.MULTILINE)
TEST_NAME = re.compile(r"(?:async )?def (test_\w+)")

Piece = tuple[int, str]  # first line, text


@cache
def phrases() -> dict[str, str]:
    """Return every forbidden phrase with what to write instead."""
    lines = PHRASES.read_text("utf-8").splitlines()
    pairs = [line.split("=>") for line in lines if line and not line.startswith("#")]
    return {left.strip().replace(" ", r"\s+"): right.strip() for left, right in pairs}


@cache
def _pattern(phrase: str) -> re.Pattern[str]:
    before = r"(?<!\w)" if re.match(r"[\w(]", phrase) else ""
    return re.compile(rf"{before}(?:{phrase})(?!\w)", re.IGNORECASE)


@cache
def _any_phrase() -> Any:
    """Return what finds any of them in one pass: most texts have none."""
    return re2.compile("(?i)" + "|".join(f"(?:{phrase})" for phrase in phrases()))


def prose(path: Path) -> Iterator[Piece]:
    """Yield the texts of a file that people read."""
    if path.suffix != ".py":
        yield 1, path.read_text("utf-8")
        return
    tests = path.is_relative_to(ROOT / "tests")
    with tokenize.open(path) as file:
        tokens = list(tokenize.generate_tokens(file.readline))
    yield from _comments(tokens)
    before = tokenize.NEWLINE
    for token in tokens:
        docstring = before in (tokenize.INDENT, tokenize.NEWLINE, tokenize.DEDENT)
        if token.type in STRINGS and (docstring or not tests):
            yield token.start[0], token.string
        if token.type not in (tokenize.NL, tokenize.COMMENT):
            before = token.type
    if tests:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if name := TEST_NAME.match(line.strip()):
                yield number, name[1].replace("_", " ")


def _comments(tokens: Iterable[tokenize.TokenInfo]) -> Iterator[Piece]:
    """Yield blocks of comments that follow one another, as one text each."""
    start = 0
    lines: list[str] = []
    for token in tokens:
        if token.type != tokenize.COMMENT:
            continue
        if lines and token.start[0] != start + len(lines):
            yield start, "\n".join(lines)
            lines = []
        start = start if lines else token.start[0]
        lines.append(token.string.lstrip("# "))
    if lines:
        yield start, "\n".join(lines)


def _suspect(path: Path) -> bool:
    """Return True if a phrase may occur in a file: most need no closer look."""
    text = path.read_text("utf-8")
    names = " ".join(TEST_NAME.findall(text)).replace("_", " ")
    views = (text, _BEFORE_COMMENT.sub("", text), names)
    return any(_any_phrase().search(view) for view in views)


def findings(path: Path) -> Iterator[str]:
    """Yield each forbidden phrase of a file, with its place and what to write instead."""
    if not _suspect(path):
        return
    for first, text in prose(path):
        if not _any_phrase().search(text):
            continue
        for phrase, instead in phrases().items():
            for match in _pattern(phrase).finditer(text):
                line = first + text.count("\n", 0, match.start())
                where = f"{path.relative_to(ROOT)}:{line}"
                yield f"{where}: {' '.join(match[0].split())!r} (write: {instead})"


def files() -> list[Path]:
    """Return the files of the tree that hold the project's prose."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return [
        ROOT / name
        for name in listed
        if not name.startswith(ELSEWHERE) and not GENERATED.search(name)
        if Path(name).suffix in PROSE | {".py"} and (ROOT / name).is_file()
    ]


def test_no_text_has_a_phrase_of_the_list() -> None:
    found = [finding for path in files() for finding in findings(path)]
    assert found == [], "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("name", "text", "count"),
    [
        ("a.md", "All fields\nbut\nfor its body.", 1),
        ("a.py", '"""Tell whether it holds."""\n', 1),
        ("a.py", "# All of it but\n# for the end.\nx = 1  # anew\n", 2),
        ("a.py", 'x = "likewise"\n', 1),
        ("a.py", "but_for = likewise = 1\n", 0),
        ("a.py", '"""What is left."""\n', 1),
        ("a.py", "# Read it: what is cut is lost.\n", 1),
        ("a.md", "It shows what is wrong. What is it?", 0),
        ("a.md", "Nobody wrote the butterfly forms.", 0),
    ],
)
def test_a_phrase_is_found_where_people_read(
    name: str, text: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.test_language.ROOT", tmp_path)
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert len(list(findings(tmp_path / name))) == count
