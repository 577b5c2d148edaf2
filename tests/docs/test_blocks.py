"""The commands that the documentation shows do what it says: each is run, page by page."""

import json
import os
import re
import shutil
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
from tests.docs.blocks import REASONS, Block, Reader, blocks, pages
from tests.ports import free_port
from tests.programs import require

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
CLAUDE = ROOT / "tests/clients/node_modules/.bin"
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
def upstream() -> Iterator[str]:
    """Return the URL of a simulated API."""
    command = [str(BIN / "anthropic-proxy"), "simulate", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


@pytest.fixture
def reader(tmp_path: Path, upstream: str) -> Iterator[Reader]:
    """Return a reader with an empty home, on a machine with free ports and without the API."""
    for program in ("openssl", "curl", "jq", "sqlite3", "node"):
        require(program, program)
    for directory in ("home", "work"):
        (tmp_path / directory).mkdir()
    ports = {"8443": str(free_port()), "9090": str(free_port())}
    environment = {
        "HOME": str(tmp_path / "home"),
        "PATH": f"{BIN}:{CLAUDE}:/usr/local/bin:/usr/bin:/bin:/usr/sbin",
        "ANTHROPIC_API_KEY": "fake-key-of-the-test",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        f"{PREFIX}HOST": "127.0.0.1",
        f"{PREFIX}PORT": ports["8443"],
        f"{PREFIX}DASHBOARD_PORT": ports["9090"],
        f"{PREFIX}UPSTREAM_BASE_URL": upstream,
        f"{PREFIX}LABELS": "team",
    }
    one = Reader(environment, tmp_path / "work", ports)
    yield one
    one.stop()


@pytest.mark.external
@pytest.mark.parametrize(
    "page", [page for page in RUN if page.name != "README.md"], ids=lambda page: page.name
)
def test_the_commands_of_a_page_work(page: Path, reader: Reader) -> None:
    run = [block for block in blocks(page.read_text()) if block.reason is None]
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


@pytest.mark.external
def test_the_readme_is_followed_in_a_fresh_clone(reader: Reader, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    uv = shutil.which("uv") or str(ROOT / ".uv/bin/uv")
    reader.directory = clone
    # Only Python and make, and uv, whose download is the Makefile's own step.
    reader.environment["PATH"] = f"{_only(tmp_path, uv)}:{CLAUDE}:/usr/bin:/bin"
    reader.environment |= _network(uv)
    (clone / "README.md").write_text((ROOT / "README.md").read_text())
    for block in blocks((clone / "README.md").read_text()):
        if block.reason is None:
            reader.run(block)
    with urllib.request.urlopen(f"http://127.0.0.1:{reader.ports['9090']}/metrics") as answer:
        assert json.load(answer)["requests"]["by_route"]["messages"] > 0


def _network(uv: str) -> dict[str, str]:
    """Return how this machine reaches the package index, and what uv has fetched before."""
    cache = subprocess.check_output([uv, "cache", "dir"], text=True).strip()
    names = [name for name in os.environ if name.startswith(NETWORK)]
    return {name: os.environ[name] for name in names} | {"UV_CACHE_DIR": cache}


def _only(directory: Path, program: str) -> Path:
    """Return a directory that holds one program."""
    (directory / "only").mkdir()
    (directory / "only" / Path(program).name).symlink_to(program)
    return directory / "only"


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
