"""``receipts verify``, over a file that a proxy wrote about a request with secrets."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.certificates import Certificate
from app.cli.program import main
from app.settings import PREFIX
from simulator import Simulator, Step
from tests.proxying import MESSAGE, proxying

KEY = "0f" * 32
TOKEN = "ghp_" + "f4k3" * 9

WRITTEN: dict[str, bytes] = {}  # the receipts and their head, once they were written


@pytest.fixture
async def written(upstream: Simulator, certificate: Certificate, tmp_path: Path) -> Path:
    """Return the receipts of four requests: three with secrets, one without."""
    path = tmp_path / "receipts.jsonl"
    for name, content in WRITTEN.items():
        (tmp_path / name).write_bytes(content)
    if WRITTEN:
        return path
    settings: dict[str, Any] = {
        "scrub_mode": "pseudonymize",
        "scrub_hmac_key": KEY,
        "scrub_receipts_file": path,
    }
    upstream.script(Step(text="It is <GITHUB_TOKEN_1> then."))
    async with (
        proxying(upstream.url, certificate, **settings) as proxy,
        proxy.client() as client,
    ):
        for text in (f"the key {TOKEN}", f"again {TOKEN}", "nothing", "mail ada@example.com"):
            message = MESSAGE | {"messages": [{"role": "user", "content": text}]}
            answer = await client.post("/v1/messages", json=message)
            assert answer.status_code == 200
    for name in (path.name, f"{path.name}.head"):
        WRITTEN[name] = (tmp_path / name).read_bytes()
    return path


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    """Return what runs the command, with the key or without."""

    def run(path: Path, key: str | None = KEY) -> int:
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv(PREFIX + "SCRUB_HMAC_KEY", raising=False)
        if key is not None:
            monkeypatch.setenv(PREFIX + "SCRUB_HMAC_KEY", key)
        return main(["receipts", "verify", str(path)])

    return run


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def _replace(path: Path, text: bytes) -> None:
    path.write_bytes(text)


async def test_a_file_as_it_was_written_is_good_and_holds_no_value(
    written: Path, verified: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert verified(written) == 0
    assert capsys.readouterr().out == "3 receipts are unchanged\n"
    text = b"".join(_lines(written)).decode()
    assert TOKEN not in text
    assert "ada@" not in text
    first = json.loads(text.splitlines()[0])
    (hit,) = first["hits"]
    assert (hit["placeholder"], hit["restored"]) == ("<GITHUB_TOKEN_1>", {"text": 1})
    assert hit["paths"] == ["$.messages[0].content"]
    assert first["replaced"] is True


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [lines[0].replace(b"github_token", b"gitlab_token"), *lines[1:]],
        lambda lines: lines[1:],
        lambda lines: [lines[0], lines[2]],
        lambda lines: lines[:2],
        lambda _: [],
        lambda lines: [lines[1], lines[0], lines[2]],
        lambda lines: [lines[0], lines[0], *lines[1:]],
        lambda lines: [*lines[:2], lines[2][:-9]],
        lambda lines: [*lines, b"{}\n"],
    ],
    ids=["edited", "first", "middle", "last", "all", "moved", "repeated", "torn", "inserted"],
)
async def test_whatever_is_done_to_it_ends_with_1(
    written: Path, verified: Callable[..., int], change: Any
) -> None:
    _replace(written, b"".join(change(_lines(written))))
    assert verified(written) == 1


async def test_another_key_ends_with_1_and_no_key_says_what_was_not_checked(
    written: Path, verified: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert verified(written, "1e" * 32) == 1
    assert verified(written, None) == 0
    assert "could have forged the whole chain" in capsys.readouterr().err


async def test_without_its_head_it_says_that_the_end_was_not_checked(
    written: Path, verified: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    written.with_name(written.name + ".head").unlink()
    assert verified(written) == 0
    assert "lines may have been removed from the end" in capsys.readouterr().err


async def test_a_changed_head_ends_with_1(written: Path, verified: Callable[..., int]) -> None:
    head = written.with_name(written.name + ".head")
    _replace(head, b"".join(_lines(head)).replace(b'"sequence":3', b'"sequence":2'))
    assert verified(written) == 1


def test_what_cannot_be_read_ends_with_2(verified: Callable[..., int], tmp_path: Path) -> None:
    assert verified(tmp_path / "missing") == 2
    assert verified(tmp_path) == 2
