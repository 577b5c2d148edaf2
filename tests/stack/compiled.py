"""Complaints of the compiler of TypeScript about what is held against published types."""

import json
import re
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from tests.programs import TIME_OUT

FAILED = (1, 2)  # its exit codes when a file is wrong
_COMPLAINT = re.compile(r"^([\w-]+)\.ts\(\d+,\d+\): ")


def complaints(compiler: Path, name: str, files: Mapping[str, str]) -> dict[str, str]:
    """Compile ``files`` together, in a folder of their own; return what is wrong, by file.

    One of them must be: so it is known that the compiler has looked.
    """
    folder = compiler / name
    folder.mkdir()
    for file, text in files.items():
        (folder / f"{file}.ts").write_text(text, encoding="utf-8")
    options = {"extends": "../tsconfig.json", "include": ["*.ts"]}
    (folder / "tsconfig.json").write_text(json.dumps(options), encoding="utf-8")
    done = subprocess.run(
        ["node_modules/.bin/tsc", "--project", name, "--pretty", "false"],
        cwd=compiler,
        capture_output=True,
        text=True,
        timeout=TIME_OUT,
        check=False,
    )
    assert done.returncode in FAILED, done.stdout + done.stderr
    return _by_file(done.stdout, name)


def _by_file(said: str, folder: str) -> dict[str, str]:
    """Return the lines about each file; the further lines of a complaint are indented."""
    found: dict[str, str] = defaultdict(str)
    about = None
    for line in said.splitlines(keepends=True):
        if not line.startswith(" "):
            match = _COMPLAINT.match(line.removeprefix(f"{folder}/"))
            assert match, said
            about = match[1]
        assert about is not None, said
        found[about] += line
    return dict(found)
