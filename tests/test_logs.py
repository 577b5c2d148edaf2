"""Logging as a process sees it, and its sink."""

import json
import os
import re
import select
import subprocess
import sys
import textwrap
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.logs import PINNED, Sink, _write_all, writer
from tests import processes

DEADLINE = 60.0
CANARY = "sk-ant-api03-fake-canary"


def logged(script: str, *, level: str = "debug", form: str = "json") -> list[str]:
    """Run ``script`` with logging set up; return what it wrote to standard error."""
    program = f"""
import logging, sys, structlog
from app import logs
sink = logs.configure({level!r}, {form!r})
log = structlog.get_logger("test")
{textwrap.dedent(script)}
sink.close(10)
"""
    ran = processes.run("-c", program)
    ran.check_returncode()
    return ran.stderr.splitlines()


def documents(script: str, **how: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in logged(script, **how)]


def test_json_lines_have_a_level_a_time_and_their_fields() -> None:
    (line,) = documents('log.warning("request slow", duration=9.5, status=200)')

    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "request slow", "level": "warning", "duration": 9.5, "status": 200}


def test_loggers_of_the_standard_library_write_the_same_lines() -> None:
    (line,) = documents('logging.getLogger("somewhere").info("so %s", "it is")')

    assert (line["event"], line["level"]) == ("so it is", "info")


def test_a_call_with_wrong_arguments_fails_no_one_and_shows_none_of_them() -> None:
    broken, after = documents(
        f"""
        logging.getLogger("x").warning("%d", "{CANARY}")
        log.info("after")
        """
    )

    assert broken["level"] == "warning"
    assert re.fullmatch(r"a log line could not be formatted at <string>:\d+", broken["event"])
    assert after["event"] == "after"


def test_lines_that_a_slow_reader_cost_are_told_in_the_log_s_own_form() -> None:
    reader, pipe = os.pipe()
    program = (
        "import structlog; from app import logs; sink = logs.configure('info', 'json');"
        "log = structlog.get_logger();"
        "[log.info('x' * 100) for _ in range(20_000)];"
        "print(flush=True); sink.close(30)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=pipe
    ) as process:
        os.close(pipe)
        assert process.stdout is not None
        process.stdout.readline()  # all were logged, and no one has read
        with os.fdopen(reader, "rb") as log:
            *_, last = log.read().splitlines()

    notice = json.loads(last)
    assert notice["level"] == "warning"
    assert re.fullmatch(r"\d+ lines dropped", notice["event"])


def test_what_is_below_the_level_is_not_written() -> None:
    script = 'log.info("a"); log.debug("b"); logging.getLogger("c").info("d"); log.error("e")'

    assert [line["event"] for line in documents(script, level="warning")] == ["e"]


def test_loggers_that_print_headers_stay_quiet_whatever_the_level() -> None:
    script = f"""
    for name in {(*PINNED, "hpack.hpack", "httpcore.http2", "hypercorn.access.x")!r}:
        logging.getLogger(name).debug("x-api-key: {CANARY}")
        logging.getLogger(name).info("x-api-key: {CANARY}")
    logging.getLogger("httpx").warning("loud")
    """

    assert [line["event"] for line in documents(script)] == ["loud"]


@pytest.mark.parametrize("form", ["json", "console"])
def test_tracebacks_show_no_local_variables(form: str) -> None:
    script = f"""
    def fail(body):
        raise RuntimeError("it failed")
    try:
        fail("{CANARY[:8]}" + "{CANARY[8:]}")
    except RuntimeError:
        log.exception("the proxy failed")
        logging.getLogger("x").exception("again")
    """

    text = "\n".join(logged(script, form=form))

    assert text.count("it failed") >= 2
    assert "fail" in text
    assert CANARY not in text


def test_auto_is_json_where_there_is_no_terminal() -> None:
    assert documents('log.info("hello")', form="auto")[0]["event"] == "hello"


def test_console_lines_are_for_people() -> None:
    (line,) = logged('log.info("request", status=200)', form="console")

    assert re.search(r"\[info +\] request +status=200", line)


def test_console_lines_have_no_colours_where_there_is_no_terminal() -> None:
    assert "\x1b" not in "".join(logged('log.error("request", status=200)', form="console"))


def test_a_level_that_is_none_is_an_error() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        logged("pass", level="chatty")


def test_closing_writes_what_waits_in_order() -> None:
    lines: list[str] = []
    sink = Sink(lines.append)
    for number in range(1_000):
        sink.write(f"{number}\n")

    sink.close(DEADLINE)

    assert "".join(lines).split() == [str(number) for number in range(1_000)]
    assert sink.dropped == 0


def test_a_blocked_sink_drops_lines_and_blocks_no_one() -> None:
    blocked, written = threading.Event(), threading.Event()
    lines: list[str] = []

    def block(text: str) -> None:
        written.set()
        blocked.wait(DEADLINE)
        lines.append(text)

    sink = Sink(block, capacity=10)
    sink.write("first\n")
    assert written.wait(DEADLINE)
    for _ in range(100):
        sink.write("more\n")

    assert sink.dropped == 90
    blocked.set()
    sink.close(DEADLINE)
    assert "".join(lines).count("more") == 10


def test_a_broken_sink_is_counted_and_gets_the_next_lines() -> None:
    lines: list[str] = []

    def fail_once(text: str) -> None:
        lines.append(text)
        if len(lines) == 1:
            tried.set()
            raise OSError("no space left on device")

    tried = threading.Event()
    sink = Sink(fail_once)
    sink.write("lost\n")
    assert tried.wait(DEADLINE)
    sink.write("kept\n")
    sink.close(DEADLINE)

    assert "".join(lines) == "lost\nkept\n1 log lines were dropped\n"
    assert sink.dropped == 1


def test_a_sink_that_goes_on_tells_once_how_many_lines_it_dropped() -> None:
    blocked, written, told = threading.Event(), threading.Event(), threading.Event()
    lines: list[str] = []

    def block(text: str) -> None:
        written.set()
        blocked.wait(DEADLINE)
        lines.append(text)
        if "dropped" in text:
            told.set()

    sink = Sink(block, capacity=10)
    sink.write("first\n")
    assert written.wait(DEADLINE)
    for _ in range(100):
        sink.write("more\n")
    blocked.set()
    assert told.wait(DEADLINE)
    sink.write("last\n")
    sink.close(DEADLINE)

    assert lines == ["first\n", "more\n" * 10 + "90 log lines were dropped\n", "last\n"]


def test_after_closing_lines_are_dropped() -> None:
    lines: list[str] = []
    sink = Sink(lines.append)
    sink.close(DEADLINE)

    sink.write("late\n")

    assert (lines, sink.dropped) == ([], 1)


def test_closing_a_blocked_sink_keeps_its_deadline() -> None:
    blocked = threading.Event()
    written: list[str] = []

    def write(line: str) -> None:
        blocked.wait(DEADLINE)
        written.append(line)

    sink = Sink(write)
    sink.write("stuck\n")

    sink.close(0.01)

    assert not written  # it did not wait for the line
    blocked.set()
    sink.close(DEADLINE)
    assert written == ["stuck\n"]


def test_a_process_with_a_full_pipe_for_its_log_exits_cleanly() -> None:
    reader, full = os.pipe()
    try:
        program = (
            "import structlog; from app import logs; sink = logs.configure('info', 'json');"
            "log = structlog.get_logger();"
            "[log.info('x' * 100) for _ in range(20_000)];"
            "sink.close(0.1); print(sink.dropped > 0, flush=True)"
        )
        ran = subprocess.run(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            stderr=full,
            check=True,
            timeout=DEADLINE,
        )
    finally:
        os.close(reader)
        os.close(full)

    assert ran.stdout == b"True\n"


def test_a_line_of_odd_characters_is_still_written() -> None:
    reader, pipe = os.pipe()
    with os.fdopen(pipe, "w", encoding="ascii") as stream:
        writer(stream)("Kürbis \ud800\n")
    with os.fdopen(reader, "rb") as end:
        assert end.read() == "Kürbis \\ud800\n".encode()


def test_lines_of_both_kinds_of_loggers_keep_their_order() -> None:
    lines = documents(
        """
        for number in range(200):
            (log if number % 2 else logging.getLogger("x")).warning(str(number))
        """
    )

    assert [line["event"] for line in lines] == [str(number) for number in range(200)]


def test_every_thread_s_lines_keep_their_order_and_none_is_lost() -> None:
    lines: list[str] = []
    sink = Sink(lines.append)

    def write(name: str) -> None:
        for number in range(500):
            sink.write(f"{name} {number}\n")

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    sink.close(DEADLINE)

    written = [line.split() for line in "".join(lines).splitlines()]
    assert sink.dropped == 0
    for name in "abcd":
        assert [int(number) for who, number in written if who == name] == list(range(500))


def test_lines_that_arrive_during_a_write_are_written_together() -> None:
    blocked, written = threading.Event(), threading.Event()
    writes: list[str] = []

    def block(text: str) -> None:
        writes.append(text)
        written.set()
        blocked.wait(DEADLINE)

    sink = Sink(block)
    sink.write("first\n")
    assert written.wait(DEADLINE)
    for _ in range(100):
        sink.write("more\n")
    blocked.set()
    sink.close(DEADLINE)

    assert writes == ["first\n", "more\n" * 100]


@given(st.lists(st.integers(0, 3 * select.PIPE_BUF), max_size=20))
def test_lines_reach_a_pipe_whole_and_together_as_far_as_it_takes_them_at_once(
    sizes: list[int],
) -> None:
    written: list[bytes] = []
    lines = [b"x" * size + b"\n" for size in sizes]

    def take(_: int, piece: bytes) -> int:
        written.append(piece)
        return len(piece)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", take)
        _write_all(1, b"".join(lines))
    assert b"".join(written) == b"".join(lines)
    assert all(piece.endswith(b"\n") for piece in written)
    assert all(len(piece) <= select.PIPE_BUF or piece.count(b"\n") == 1 for piece in written)
