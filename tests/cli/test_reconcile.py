import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from app import cli
from app.anthropic.usage import Usage
from app.exchange import Exchange
from app.telemetry.recorder import Telemetry
from app.telemetry.sampling.broadcast import Broadcast
from app.telemetry.sampling.sampler import Sampler
from tests.telemetry.exchanges import PLAIN, SESSION, billed, record, telemetry

# PLAIN: 1,000 in, 500 out, 40,000 read, 200 written; $0.004 + 0.01 + 0.008 + 0.001.
COST = 0.023
RESULT: dict[str, Any] = {
    "type": "result",
    "session_id": SESSION,
    "total_cost_usd": COST,
    "modelUsage": {
        "claude-opus-5-5[1m]": {
            "inputTokens": 1_000,
            "outputTokens": 500,
            "cacheReadInputTokens": 40_000,
            "cacheCreationInputTokens": 200,
            "costUSD": COST,
        }
    },
}
ANOTHER = replace(PLAIN, session_id="another")


def document(observer: Telemetry) -> dict[str, Any]:
    """Return what ``/metrics`` answers."""
    return dict(Sampler(observer, Broadcast()).current().as_json())


class Files:
    """Documents in files, and the command on them."""

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._directory = directory
        self._capsys = capsys

    def write(self, name: str, content: Any) -> str:
        file = self._directory / name
        file.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(file)

    def reconcile(
        self, after: Any, *, result: Any = RESULT, before: Any = None
    ) -> tuple[int, dict[str, Any]]:
        """Return the exit code and what was printed as JSON."""
        arguments = [self.write("result.json", result), "--after", self.write("after.json", after)]
        if before is not None:
            arguments += ["--before", self.write("before.json", before)]
        code = cli.main(["reconcile", *arguments, "--json"])
        out = self._capsys.readouterr().out
        return code, json.loads(out) if out else {}


@pytest.fixture
def files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Files:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return Files(tmp_path, capsys)


def after(*exchanges: Exchange) -> dict[str, Any]:
    observer = telemetry()
    record(observer, *exchanges)
    return document(observer)


def test_the_same_cost_is_equal(files: Files) -> None:
    code, said = files.reconcile(after(replace(PLAIN, session_id=None)))
    assert (code, said["verdict"]) == (0, "equal")
    assert said["proxy"]["models"]["claude-opus-5-5"]["tokens"]["cache_write"] == 200
    assert said["claude"]["models"]["claude-opus-5-5"] == said["proxy"]["models"]["claude-opus-5-5"]


def test_another_session_is_left_out_while_all_rows_are_there(files: Files) -> None:
    assert files.reconcile(after(PLAIN, ANOTHER))[0] == 0
    code, said = files.reconcile(after(PLAIN, *[ANOTHER] * 50))
    assert (code, said["verdict"]) == (1, "different")


def test_what_came_before_is_subtracted(files: Files) -> None:
    observer = telemetry()
    record(observer, *[ANOTHER] * 60)
    before = document(observer)
    record(observer, PLAIN)
    assert files.reconcile(document(observer), before=before)[0] == 0


def test_a_missing_request_is_different(files: Files) -> None:
    assert files.reconcile(after(), before=after())[0] == 1


def test_the_same_sum_under_other_models_is_different(files: Files) -> None:
    other = billed(PLAIN, usage=Usage(input=7_667), model="claude-sonnet-4-6", session_id=None)
    code, said = files.reconcile(after(other))
    assert (round(said["proxy"]["total"]["cost"], 4), code) == (COST, 1)


def test_a_difference_with_a_doubt_is_no_verdict(files: Files) -> None:
    unpriced = billed(PLAIN, model="gpt-fake", session_id=None)
    code, said = files.reconcile(after(unpriced))
    assert (code, said["verdict"]) == (2, "cannot tell")
    assert said["proxy"]["doubts"] == ["1 requests without a known price"]
    cut = replace(PLAIN, usage_missing="not_final", session_id=None)
    assert files.reconcile(after(cut, replace(PLAIN, session_id=None)))[0] == 2
    assert files.reconcile(after(cut))[0] == 0


@pytest.mark.parametrize(
    "result",
    [
        "",
        "nonsense",
        "{}",
        "[]",
        "[" * 99_999,
        {"type": "result"},
        [7, None],
        *({"total_cost_usd": odd} for odd in ("7", True, -1, float("nan"), float("inf"), 10**400)),
        RESULT | {"modelUsage": {"claude-opus-5": {"inputTokens": float("inf")}}},
    ],
)
def test_another_document_cannot_be_compared(files: Files, result: Any) -> None:
    assert files.reconcile(after(PLAIN), result=result)[0] == 2


@pytest.mark.parametrize("broken", [{}, [], 7, {"recent": [], "requests": {}}])
def test_another_snapshot_cannot_be_compared(files: Files, broken: Any) -> None:
    assert files.reconcile(broken)[0] == 2


def test_a_proxy_that_was_started_again_cannot_be_compared(files: Files) -> None:
    earlier = after(PLAIN)
    assert files.reconcile(after(PLAIN) | {"time": earlier["time"] + 900}, before=earlier)[0] == 2


def test_the_last_of_several_messages_is_the_result(files: Files) -> None:
    first = RESULT | {"total_cost_usd": 9.0}
    lines = "\n".join(json.dumps(one) for one in ({"type": "system"}, first, RESULT))
    for several in (lines, [first, RESULT]):
        assert files.reconcile(after(PLAIN), result=several)[0] == 0


def test_no_proxy_is_no_verdict(
    files: Files, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ANTHROPIC_PROXY_DASHBOARD_PORT", "1")
    assert cli.main(["reconcile", files.write("result.json", RESULT)]) == 2
    assert "does not answer at" in capsys.readouterr().err


def test_a_document_that_cannot_be_read_is_named(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    result, text = files.write("result.json", RESULT), files.write("text.json", "no JSON")
    for arguments, said in (
        (["missing.json", "--after", result], "missing.json cannot be read: No such file"),
        ([result, "--after", "missing.json"], "missing.json cannot be read: No such file"),
        ([text, "--after", result], f"{text} is not JSON: "),
        ([result, "--after", text], f"{text} is not JSON: "),
        ([result, "--after", result, "--before", text], f"{text} is not JSON: "),
    ):
        assert cli.main(["reconcile", *arguments]) == 2
        assert capsys.readouterr().err.startswith(f"cannot compare: {said}")
