"""Real source text through the scrubber, in every gutter, escaped as ASCII and not.

    python -m benchmarks.scrub_corpus [MEGABYTES] [FOLDER …]

The text is what this machine has: the interpreter's standard library, its installed packages, and
`node_modules`. Printed are the bodies that broke, the texts that changed where nothing was found,
and every hit with the detectors by default, of which each is worth a look: source text holds
examples, but no secrets. Hits are counted once per text. Their values are shown, since they come
from public packages.
"""

import json
import sys
import sysconfig
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from app.scrubber.detect import rules
from app.scrubber.redact.scrubber import Scrubber

MEGABYTES = 20.0  # of bodies, all forms together
LARGEST = 500_000  # characters of a file
ENDINGS = frozenset(
    (
        *(".py", ".pyi", ".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx", ".json", ".md", ".rst"),
        *(".txt", ".html", ".css", ".c", ".h", ".cpp", ".go", ".rs", ".sh", ".yml", ".yaml"),
        *(".toml", ".xml"),
    )
)
LIMIT = 64 * 2**20


def _each(form: str) -> Callable[[str], str]:
    return lambda text: "\n".join(
        form.format(number=number, line=line) for number, line in enumerate(text.split("\n"), 1)
    )


GUTTERS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "Read": _each("{number:6}→{line}"),
    "cat -n": _each("{number:6}\t{line}"),
    "grep -n": _each("src/main:{number}:{line}"),
    "diff --color": _each("\x1b[32m+\x1b[m\x1b[32m{line}\x1b[m"),
    "JSON": lambda text: json.dumps({"stdout": text}),
}


@dataclass
class Found:
    """What a run found: ``broken`` and ``changed`` name files and forms, ``hits`` values."""

    bytes: int = 0
    texts: int = 0
    broken: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    hits: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # detector, value, file


def folders() -> list[Path]:
    """Return where this machine keeps source text."""
    paths = sysconfig.get_paths()
    known = [Path(paths["stdlib"]), Path(paths["purelib"])]
    modules = [Path("tests/clients/node_modules"), Path("/usr/lib/node_modules")]
    return [folder for folder in (*known, *modules) if folder.is_dir()]


def texts(roots: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """Yield names and texts of files, one of each folder in turn, in the order of their paths."""
    waiting = [_files(root) for root in roots]
    while waiting:
        for files in tuple(waiting):
            one = next((text for file in files if (text := _text(file)) is not None), None)
            if one is None:
                waiting.remove(files)
            else:
                yield one


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder in the order of their paths, each folder when it is due."""
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            yield from () if path.is_symlink() else _files(path)
        else:
            yield path


def _text(file: Path) -> tuple[str, str] | None:
    if file.suffix not in ENDINGS or not file.is_file():
        return None
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return ("/".join(file.parts[-3:]), text) if 0 < len(text) <= LARGEST else None


def run(megabytes: float, roots: Iterable[Path]) -> Found:
    """Scrub texts until their bodies, in all forms, are so many megabytes."""
    scrubber = Scrubber(
        mode="pseudonymize",
        key=b"k" * 32,
        rules=rules.load(file=None),
        clock=lambda: 0.0,
        limit=LIMIT,
        cache=0,
    )
    found = Found()
    for name, text in texts(roots):
        found.texts += 1
        for gutter, write in GUTTERS.items():
            for ascii_only in (True, False):
                _scrub(scrubber, found, name, gutter, write(text), ascii_only=ascii_only)
        if found.bytes >= megabytes * 1e6:
            break
    return found


def _scrub(
    scrubber: Scrubber, found: Found, name: str, gutter: str, text: str, *, ascii_only: bool
) -> None:
    message = {"role": "user", "content": [{"type": "text", "text": text}]}
    body = json.dumps({"messages": [message]}, ensure_ascii=ascii_only).encode()
    redaction = scrubber.redact(body, None, "POST")
    found.bytes += len(body)
    form = f"{name} ({gutter}, {'ASCII' if ascii_only else 'UTF-8'})"
    try:
        made = json.loads(redaction.body)["messages"][0]["content"][0]["text"]
    except ValueError:
        found.broken.append(form)
        return
    if redaction.report.skipped is not None:
        found.broken.append(f"{form}: {redaction.report.skipped}")
    shown = {one: hidden.value for one, hidden in redaction.placeholders.items()}
    if (redaction.body is body) == bool(shown) or _restored(made, shown) not in (text, None):
        found.changed.append(form)
    if gutter == "plain" and ascii_only:
        for one, hidden in redaction.placeholders.items():
            found.hits[hidden.detector, hidden.value, name] += made.count(one)


def _restored(text: str, shown: dict[str, str]) -> str | None:
    """Return a text with its values again; None where one of several lines has lost its gutter."""
    if any("\n" in value for value in shown.values()):
        return None
    for one, value in shown.items():
        text = text.replace(one, value)
    return text


def main() -> None:
    """Run and print."""
    megabytes = float(sys.argv[1]) if len(sys.argv) > 1 else MEGABYTES
    roots = [Path(folder) for folder in sys.argv[2:]] or folders()
    found = run(megabytes, roots)
    by_detector: Counter[str] = Counter()
    for (detector, value, name), count in sorted(found.hits.items()):
        by_detector[detector] += count
        print(f"{count:4} {detector:22} {value[:60]!r} {name}")
    print(f"{found.bytes / 1e6:.1f} MB in {found.texts} texts x {2 * len(GUTTERS)} forms")
    print(f"broken: {len(found.broken)} {found.broken[:20]}")
    print(f"changed without a hit: {len(found.changed)} {found.changed[:20]}")
    plain = found.bytes / 1e6 / (2 * len(GUTTERS))
    rates = {name: round(count / plain, 3) for name, count in by_detector.items()}
    print(f"hits in plain text: {dict(by_detector)}; per MB: {rates}")


if __name__ == "__main__":
    main()
