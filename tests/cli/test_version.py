"""``--version``: a release names the commit that it was built from."""

from pathlib import Path

import pytest

from app import __version__
from app.cli import version


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0123456789abcdef0123456789abcdef01234567\n", f"{__version__} (0123456789)"),
        ("$Format:%H$\n", __version__),
        ("", __version__),
        ("caf\xe9", __version__),
    ],
)
def test_the_commit_is_shown_where_one_is_written_down(
    text: str, shown: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "commit.txt").write_text(text, "utf-8")
    monkeypatch.setattr(version, "_COMMIT", tmp_path / "commit.txt")
    assert version.version() == shown


def test_without_the_file_the_version_is_shown_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(version, "_COMMIT", tmp_path / "missing")
    assert version.version() == __version__
