"""The real Claude Code on a repository full of secrets, for three turns, with a subagent."""

import asyncio
import base64
import json
import os
import random
import re
from pathlib import Path
from typing import Any

import pytest

from app.certificates import Certificate
from simulator import Simulator, Step
from tests.clients.claude_code import claude
from tests.proxying import Running, proxying

pytestmark = pytest.mark.external

DRAW = random.Random(11)
TOKEN = "ghp_" + "Fake0123" * 5
OTHER = "hvs." + "FAKEfakeFAKEfakeFAKE123"
PASSWORD = "FakePassw0rdOfTheTest"
URL = f"postgres://app:{PASSWORD}@db.example.net/app"
BODY = base64.b64encode(DRAW.randbytes(300)).decode()
KEY_LINES = [BODY[at : at + 64] for at in range(0, len(BODY), 64)]
PRIVATE_KEY = "\n".join(
    ["-----BEGIN " + "PRIVATE KEY-----", *KEY_LINES, "-----END " + "PRIVATE KEY-----", ""]
)
FILES = {
    ".env": f"GITHUB_TOKEN={TOKEN}\nDATABASE_URL={URL}\nOWNER=jane.doe@example.com\n",
    "secret.yaml": "apiVersion: v1\nkind: Secret\nmetadata:\n  name: app\n  annotations:\n"
    f"    vault: {OTHER}\nstringData:\n  token: {TOKEN}\n  url: {URL}\n",
    "conftest.py": 'import pytest\n\n\n@pytest.fixture\ndef token():\n    """Return one."""\n'
    f'    return "{TOKEN}"\n\n\n@pytest.fixture(scope="session")\ndef url():\n    return "{URL}"\n',
}
SECRETS = (TOKEN, OTHER, PASSWORD, "jane.doe@example.com", *KEY_LINES)


@pytest.fixture
async def repository(tmp_path: Path) -> Path:
    """Return a repository with a private key that was added and is not committed."""
    directory = tmp_path / "repository"
    directory.mkdir()
    for name, text in FILES.items():
        (directory / name).write_text(text)
    (directory / "key.pem").write_text("to come\n")
    await _git(directory, "init", "--quiet")
    await _git(directory, "add", ".")
    await _git(directory, "commit", "--quiet", "-m", "All of it")
    (directory / "key.pem").write_text(PRIVATE_KEY)
    return directory


async def _git(directory: Path, *arguments: str) -> None:
    who = ["-c", "user.name=Nobody", "-c", "user.email=nobody@example.com"]
    process = await asyncio.create_subprocess_exec(
        "git",
        *who,
        *arguments,
        cwd=directory,
        env={"HOME": str(directory), "PATH": os.environ["PATH"]},
    )
    assert await process.wait() == 0


def _reads(name: str, prompt: str) -> Step:
    return Step(tool_use=("Read", {"file_path": name}), match=prompt)


async def _turn(proxy: Running, repository: Path, prompt: str, *options: str) -> Any:
    tools = ("--allowedTools", "Read,Write,Bash,Agent,Task")
    return await claude(proxy, repository, "-p", prompt, *options, *tools)


async def test_three_turns_with_a_subagent_send_no_value_and_fail_no_request(
    upstream: Simulator, certificate: Certificate, repository: Path
) -> None:
    env, copy = str(repository / ".env"), repository / "copy.yaml"
    first, second, third = "look at the changes", "let an agent see", "copy the manifest"
    delegated = {
        "description": "inspect the settings",
        "prompt": "inspect the settings with <GITHUB_TOKEN_1>",
        "subagent_type": "general-purpose",
    }
    manifest = "token: <GITHUB_TOKEN_1>\nurl: <DB_CONNECTION_STRING_1>\n"
    upstream.script(
        Step(tool_use=("Bash", {"command": "git diff --color=always"}), match=first),
        _reads(str(repository / "conftest.py"), first),
        Step(text="There is <PRIVATE_KEY_1>, and <GITHUB_TOKEN_1>.", match=first),
        Step(tool_use=("Agent", delegated), match=second),
        Step(text="The agent is at work.", match=second),
        _reads(env, "inspect the settings"),
        Step(text="It holds <GITHUB_TOKEN_1>.", match="inspect the settings"),
        _reads(str(repository / "secret.yaml"), third),
        Step(tool_use=("Write", {"file_path": str(copy), "content": manifest}), match=third),
        Step(text="The copy holds <GITHUB_TOKEN_1>.", match=third),
    )
    scrubbing: dict[str, Any] = {"scrub_mode": "pseudonymize", "scrub_hmac_key": "0f" * 32}
    async with proxying(upstream.url, certificate, **scrubbing) as proxy:
        shown = await _turn(proxy, repository, first)
        await _turn(proxy, repository, second, "--continue")
        await _turn(proxy, repository, third, "--continue")
        exchanges = list(await proxy.quiet())

    assert TOKEN in shown["result"]
    assert KEY_LINES[0] in shown["result"]
    assert copy.read_text() == f"token: {TOKEN}\nurl: {URL}\n"
    bodies = [received.body for received in upstream.received if received.method == "POST"]
    assert sum(b"inspect the settings" in body and second.encode() not in body for body in bodies)
    for body in bodies:
        json.loads(body)
        assert not [secret for secret in SECRETS if secret.encode() in body]
    assert any(re.search(rb"u001b|<PRIVATE_KEY_1>", body) for body in bodies)
    assert {exchange.status for exchange in exchanges if exchange.route == "messages"} == {200}
