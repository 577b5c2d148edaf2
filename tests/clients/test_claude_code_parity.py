"""The real Claude Code on three ways: through the forward proxy it sends what it sends directly."""

import json
import os
import shutil
from pathlib import Path

import pytest

from app import cli
from tests.clients.claude_code import CLAUDE
from tests.programs import absent

pytestmark = pytest.mark.external


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    if not os.access(CLAUDE, os.X_OK):
        absent("Claude Code is not installed: npm ci --prefix tests/clients")
    monkeypatch.setenv("PATH", f"{CLAUDE.parent}{os.pathsep}{os.environ['PATH']}")
    assert Path(shutil.which("claude") or "") == CLAUDE


def test_the_forward_proxy_makes_no_difference(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["doctor", "--parity", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["client"].startswith("claude-cli/")
    assert found["differences"]["forward"] == 0
    assert found["differences"]["base URL"] > 0  # so that it would be seen
    items = {row["item"] for row in found["rows"] if row["direct"] is not None}
    assert {"POST /v1/messages?beta=true #1", "POST /v1/messages?beta=true #2"} <= {
        row["request"] for row in found["rows"]
    }
    assert {"request", "header x-api-key", "member messages", "member diagnostics"} <= items
    assert sum(item.startswith("beta ") for item in items) > 8
