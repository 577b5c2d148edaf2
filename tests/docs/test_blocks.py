"""The commands that the documentation shows do what it says: each is run, page by page."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import PREFIX, Settings
from docs.generate.settings import defaults
from tests.clients.claude_code import CLAUDE, need_claude
from tests.docs import surroundings
from tests.docs.blocks import REASONS, Block, Reader, blocks, pages
from tests.programs import require

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
RUN = [
    page for page in pages(ROOT) if any(block.reason is None for block in blocks(page.read_text()))
]
FILE_MISSING = "Value error, must be a file that exists"
PATIENCE = 600  # tenths of a second until a row is written
NETWORK = ("UV_", "PIP_", "SSL_CERT", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
INI = re.compile(r"^```ini\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", pages(ROOT), ids=lambda page: page.name)
def test_every_block_is_run_or_says_why_not(page: Path) -> None:
    for block in blocks(page.read_text()):
        assert block.reason is None or block.reason in REASONS, block.text
        assert block.marker == "" or block.reason or block.serves or block.code, block.marker


@pytest.mark.parametrize("page", pages(ROOT), ids=lambda page: page.name)
def test_every_line_of_settings_is_one_that_the_proxy_takes(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    for text in INI.findall(page.read_text()):
        given = re.findall(rf"^({PREFIX}\w+)=\S", text, re.MULTILINE)
        assert len(given) == len(text.splitlines())
        assert set(given) <= set(defaults())
        (tmp_path / "env").write_text(text)
        assert _complaints(tmp_path / "env") <= {FILE_MISSING}  # on the reader's machine it exists


def _complaints(file: Path) -> set[str]:
    try:
        Settings(_env_file=file)  # type: ignore[call-arg]
    except ValidationError as exc:
        return {error["msg"] for error in exc.errors()}
    return set()


@pytest.fixture
def reader(tmp_path: Path, upstream: str) -> Iterator[Reader]:
    """Return a reader with an empty home, on a machine with free ports and without the API."""
    for program in ("openssl", "curl", "jq", "sqlite3", "node"):
        require(program, program)
    for directory in ("home", "work"):
        (tmp_path / directory).mkdir()
    ports = surroundings.ports()
    environment = {
        "HOME": str(tmp_path / "home"),
        "PATH": f"{BIN}:{CLAUDE.parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin",
    }
    environment |= surroundings.variables(upstream, ports)
    one = Reader(environment, tmp_path / "work", ports)
    yield one
    one.stop()


@pytest.mark.external
@pytest.mark.parametrize(
    "page", [page for page in RUN if page.name != "README.md"], ids=lambda page: page.name
)
def test_the_commands_of_a_page_work(page: Path, reader: Reader) -> None:
    run = [block for block in blocks(page.read_text()) if block.reason is None]
    if any("anthropic-proxy claude" in block.text for block in run):
        need_claude()
    if not any(block.serves for block in run):
        reader.serve("anthropic-proxy")
        _ask(reader)
    for block in run:
        reader.run(block)


def _ask(reader: Reader) -> None:
    """Send a request and wait for its row, so that there is something to report."""
    message = {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": []}
    ca_file = Path(reader.environment["HOME"]) / ".local/state/anthropic-proxy/ca.crt"
    port = reader.ports["8443"]
    subprocess.run(
        [
            *("curl", "-fsS", "--cacert", ca_file, f"https://localhost:{port}/v1/messages"),
            *("-H", "x-api-key: fake", "-H", "x-anthropic-proxy-labels: team=a"),
            *("-H", "content-type: application/json", "-d", json.dumps(message)),
        ],
        check=True,
        capture_output=True,
    )
    for _ in range(PATIENCE):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{reader.ports['9090']}/ledger/days").close()
        except urllib.error.HTTPError as exc:
            if exc.code != HTTPStatus.NOT_FOUND:
                raise
            time.sleep(0.1)
        else:
            return
    pytest.fail("the request has no row in the ledger")


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("```sh\na\n```", [Block("a\n")]),
        ("<!-- serves -->\n```sh\na\n```", [Block("a\n", "serves")]),
        (
            "    <!-- not run: root -->\n    ```sh\n    a\n    b\n    ```",
            [Block("a\nb\n", "not run: root")],
        ),
        ("```yaml\na\n```\n\n```bash\nb\n```", [Block("b\n")]),
    ],
)
def test_blocks_are_found(page: str, expected: list[Block]) -> None:
    assert blocks(page) == expected
