"""The file of receipts: a chain over restarts and processes, and never in a request's way."""

import errno
import json
import os
import stat
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from app.scrubber.redact.receipts import Hit, read_head, sealing_key, verify
from app.scrubber.redact.report import ScrubReport
from app.telemetry.recorders.receipts import ReceiptFile
from app.telemetry.sampling.samples import Samples
from tests.telemetry.exchanges import PLAIN, SESSION, record, telemetry

KEY = b"k" * 32
FOUND = replace(
    PLAIN,
    modified=True,
    scrub=ScrubReport(
        matches={"email": 1},
        hits=(Hit("email", "0a" * 32, "<EMAIL_HMAC:0A0A0A0A>", ("$.messages[0].content",), 1),),
    ),
    places={"<EMAIL_HMAC:0A0A0A0A>": {"text": 1, "Write": 2, "a tool\nof the model": 1}},
    refused={"ambiguous": 1},
)


def wrote(path: Path, *records: dict[str, Any], capacity: int = 100) -> Counter[str]:
    """Append records as one process does, from its start to its end."""
    counts: Counter[str] = Counter()
    file = ReceiptFile(path, KEY, capacity)
    file.count = lambda result, number: counts.update({result: number})
    for one in records:
        file.put(one)
    file.close(20)
    return counts


def checked(path: Path) -> tuple[int, str | None]:
    head = read_head(path.with_name(path.name + ".head").read_bytes(), sealing_key(KEY))
    with path.open("rb") as lines:
        return verify(lines, sealing_key(KEY), head)


def test_the_chain_goes_on_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "receipts"
    assert wrote(path, {"n": 1}, {"n": 2}) == {"written": 2}
    assert wrote(path, {"n": 3}) == {"written": 1}
    assert checked(path) == (3, None)


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "receipts"
    wrote(path, {"n": 1})
    for one in tmp_path.iterdir():
        assert stat.S_IMODE(one.stat().st_mode) == 0o600


def test_two_processes_share_a_chain(tmp_path: Path) -> None:
    path = tmp_path / "receipts"
    files = [ReceiptFile(path, KEY) for _ in range(3)]
    for number in range(60):
        files[number % 3].put({"n": number})
    for file in files:
        file.close(20)
    assert checked(path) == (60, None)


def test_half_a_line_of_a_crash_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "receipts"
    wrote(path, {"n": 1})
    with path.open("ab") as file:
        file.write(b'{"sequence":2,"previ')
    wrote(path, {"n": 2})
    assert checked(path) == (2, None)


def test_a_file_that_was_shortened_stays_seen_as_one(tmp_path: Path) -> None:
    path = tmp_path / "receipts"
    wrote(path, {"n": 1}, {"n": 2}, {"n": 3})
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    assert checked(path)[1] is not None
    wrote(path, {"n": 4})
    assert checked(path) == (1, "does not follow the line before it")


def test_what_cannot_be_written_is_counted_and_said_in_the_next_line(tmp_path: Path) -> None:
    path = tmp_path / "receipts"
    counts: Counter[str] = Counter()
    file = ReceiptFile(path, KEY)
    file.count = lambda result, number: counts.update({result: number})
    path.mkdir()
    with capture_logs() as lines:
        file.put({"n": 1})
        file.close(20)
    assert counts == {"failed": 1}
    assert [line["event"] for line in lines] == ["receipts cannot be written"]
    path.rmdir()
    file._thread = None
    file.put({"n": 2})
    file.close(20)
    assert counts == {"failed": 1, "written": 1}
    assert b'"lost":1' in path.read_bytes()
    assert checked(path) == (1, None)


def test_a_disk_that_is_full_stops_nothing_and_leaves_no_half_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int, text: bytes) -> None:
        os.write(file, text[:20])
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "receipts"
    wrote(path, {"n": 1})
    with monkeypatch.context() as patched:
        patched.setattr("app.telemetry.recorders.receipts._write_all", full)
        assert wrote(path, {"n": 2}) == {"failed": 1}
    assert checked(path) == (1, None)
    wrote(path, {"n": 3})
    assert checked(path) == (2, None)


def test_only_a_regular_file_is_written_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "receipts")
    assert wrote(tmp_path / "receipts", {"n": 1}) == {"failed": 1}


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"theirs")
    (tmp_path / "receipts").symlink_to(target)
    assert wrote(tmp_path / "receipts", {"n": 1}) == {"failed": 1}
    assert target.read_bytes() == b"theirs"


def test_a_slow_disk_makes_no_one_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ready, go = os.pipe()
    counts: Counter[str] = Counter()
    file = ReceiptFile(tmp_path / "receipts", KEY, capacity=2)
    file.count = lambda result, number: counts.update({result: number})
    monkeypatch.setattr(file, "_append", lambda _: os.read(ready, 1))
    for number in range(10):
        file.put({"n": number})
    assert counts["dropped"] >= 7
    os.write(go, b"x" * 10)
    file.close(20)
    assert counts["dropped"] + counts["written"] == 10
    os.close(ready)
    os.close(go)


def test_a_receipt_says_what_was_found_and_where_it_went(tmp_path: Path) -> None:
    path = tmp_path / "receipts"
    file = ReceiptFile(path, KEY)
    observer = telemetry(receipts=file)
    record(observer, PLAIN, FOUND)
    observer.close()
    (line,) = map(json.loads, path.read_bytes().splitlines())
    assert (line["request_id"], line["session_id"]) == (PLAIN.request_id, SESSION)
    assert line["time"] == "2026-09-21T14:13:20.000+00:00"
    assert line["replaced"] is True
    assert line["refused"] == {"ambiguous": 1}
    assert line["hits"] == [
        {
            "detector": "email",
            "hmac": "0a" * 32,
            "placeholder": "<EMAIL_HMAC:0A0A0A0A>",
            "count": 1,
            "paths": ["$.messages[0].content"],
            "restored": {"text": 1, "Write": 2, "other": 1},
        }
    ]
    counted = Samples(observer.collect()).by("scrub_receipts_total", "result")
    assert counted == {"written": 1, "failed": 0, "dropped": 0}
