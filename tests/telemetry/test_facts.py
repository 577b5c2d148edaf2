"""The CA file that clients must trust, as the dashboard shows it."""

from pathlib import Path

import pytest

from app.telemetry.facts import Listening
from tests.cases import every_case


@every_case(
    "file, shown",
    [
        ("home/ca.pem", "~/ca.pem"),
        ("home/my files/ca.pem", "~/'my files/ca.pem'"),
        ("home2/ca.pem", "ROOT/home2/ca.pem"),
    ],
)
def test_the_home_directory_is_not_named(
    file: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path.resolve()
    monkeypatch.setenv("HOME", str(root / "home"))
    made = Listening.at(8443, root / file)
    assert made == Listening(8443, shown.replace("ROOT", str(root)))


def test_a_container_s_files_are_not_its_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLED_AS", "container")
    assert Listening.at(8443, tmp_path / "ca.crt").contained
