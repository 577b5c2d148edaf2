"""What a command says when its output cannot be written."""

import errno
import io
import os
from pathlib import Path

import pytest

from app.cli import main


class Output(io.StringIO):
    """A standard output that fails once its buffer is flushed."""

    def __init__(self, number: int, file: Path) -> None:
        super().__init__()
        self._failure, self._file = OSError(number, os.strerror(number)), file.open("w")

    def flush(self) -> None:
        """Fail as the device does."""
        raise self._failure

    def fileno(self) -> int:
        """Return a real descriptor, to be replaced."""
        return self._file.fileno()


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (errno.ENOSPC, 1, "Writing failed: No space left on device.\n"),
        (errno.EDQUOT, 1, "Writing failed: Disk quota exceeded.\n"),
        (errno.EPIPE, 141, ""),
    ],
)
def test_output_that_cannot_be_written_ends_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    *,
    number: int,
    code: int,
    said: str,
) -> None:
    monkeypatch.setattr("sys.stdout", Output(number, tmp_path / "out"))
    assert main(["prices"]) == code
    assert capsys.readouterr().err == said


def test_any_other_failure_is_a_defect(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.stdout", Output(errno.EBADF, tmp_path / "out"))
    with pytest.raises(OSError, match="Bad file descriptor"):
        main(["prices"])
