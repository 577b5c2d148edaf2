"""The tests' order names files: each of them exists."""

from pathlib import Path

from tests.scheduling import LONGEST, SHARED, rank, scope

ROOT = Path(__file__).parents[1]


def test_every_file_that_is_named_exists() -> None:
    assert [name for name in (*LONGEST, *SHARED) if not (ROOT / name).exists()] == []


def test_what_takes_longest_goes_first() -> None:
    ids = [f"{name}::test_a" for name in ("tests/test_version.py", *reversed(LONGEST))]
    assert [scope(one) for one in sorted(ids, key=rank)][-1] == "tests/test_version.py"
    assert min(ids, key=rank).startswith(LONGEST[0])
