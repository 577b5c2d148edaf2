"""Tests that run in several processes are reported as if they ran in one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
DEADLINE = 120.0  # seconds
COMMAND = (sys.executable, "-m", "pytest", "-p", "tests.parallel", "-p", "no:cacheprovider", "-rA")

TESTS = {
    "conftest.py": """
        import os, pytest
        @pytest.fixture(scope="session")
        def shared(tmp_path_factory):
            yield os.getpid()
            print("LEFT", os.getpid(), file=open(os.environ["NOTES"], "a"))
    """,
    "test_a.py": """
        import os, sys, time
        def test_first(shared):
            assert shared == os.getpid()
        def test_that_ends_its_process(shared):
            print("RAN", os.getpid(), file=open(os.environ["NOTES"], "a"))
            os._exit(7)
        def test_that_comes_after(shared, tmp_path):
            assert shared == os.getpid()
            assert os.environ["TESTS_PROCESS"] not in ("0", "1")
            assert "process-" in str(tmp_path)
    """,
    "test_b.py": """
        import os, pytest
        def test_that_fails(shared):
            print("told")
            assert shared == 0
        @pytest.mark.skip(reason="not today")
        def test_that_is_skipped():
            pass
        def test_whose_fixture_is_the_same(shared):
            assert shared == os.getpid()
        @pytest.mark.timeout(0.1)
        def test_that_hangs():
            os.read(os.pipe()[0], 1)
    """,
}


@pytest.fixture(scope="module")
def tests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tests."""
    folder = tmp_path_factory.mktemp("tests")
    for name, text in TESTS.items():
        lines = [line[8:] for line in text.splitlines()]
        (folder / name).write_text("\n".join(lines))
    return folder


def _run(tests: Path, *options: str) -> tuple[int, str, list[list[str]]]:
    """Run the tests; return the exit code, what was printed, and what the tests have noted."""
    notes = tests / "notes"
    notes.write_text("")
    done = subprocess.run(
        [*COMMAND, "--rootdir", tests, "--processes", "2", *options, tests],
        cwd=ROOT,
        env=os.environ | {"NOTES": str(notes)},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    return (
        done.returncode,
        done.stdout + done.stderr,
        [line.split() for line in notes.read_text().splitlines()],
    )


def test_every_test_is_reported_and_the_end_of_a_process_is_a_failure(tests: Path) -> None:
    code, said, notes = _run(tests)
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "3 failed, 3 passed, 1 skipped" in said
    assert "ended with 7" in said
    assert "Failed: Timeout" in said
    assert "told" in said
    ended = {pid for what, pid in notes if what == "RAN"}
    left = [pid for what, pid in notes if what == "LEFT"]
    assert len(left) == len(set(left)) == 2
    assert not ended & {*left}


def test_no_test_begins_after_the_first_failure_that_counts(tests: Path) -> None:
    code, said, notes = _run(tests, "-x", "-k", "fails or same")
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "stopping after 1 failures" in said
    assert [what for what, _ in notes] == ["LEFT"]
