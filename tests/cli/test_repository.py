"""Labels of the repository in which the launcher is started."""

import subprocess
from pathlib import Path

import pytest

from app.cli import repository
from app.cli.repository import repository_name, with_labels
from tests.programs import require


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://github.com/acme/widgets.git", "acme/widgets"),
        ("https://user:fake-password@example.com/acme/widgets", "acme/widgets"),
        ("ssh://git@example.com:2222/group/sub/widgets.git/", "sub/widgets"),
        ("git@github.com:acme/widgets.git", "acme/widgets"),
        ("example.com:widgets.git", "widgets"),
        ("/home/somebody/secret/widgets.git", "widgets"),
        ("../widgets", "widgets"),
        ("file:///home/somebody/widgets", "widgets"),
        ("C:\\Users\\somebody\\widgets", "widgets"),
        ("https://[broken", ""),
        ("", ""),
    ],
)
def test_a_remote_is_named_by_owner_and_name_only(url: str, name: str) -> None:
    assert repository_name(url) == name


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("", "x-anthropic-proxy-labels: branch=main,repo=acme/widgets"),
        (
            "x-a: 1\nx-b: 2",
            "x-a: 1\nx-b: 2\nx-anthropic-proxy-labels: branch=main,repo=acme/widgets",
        ),
        (
            "X-Anthropic-Proxy-Labels: repo=mine,team=a\nx-a: 1",
            "x-a: 1\nx-anthropic-proxy-labels: branch=main,repo=mine,team=a",
        ),
    ],
)
def test_what_the_user_has_set_stays(own: str, expected: str) -> None:
    assert with_labels(own, {"repo": "acme/widgets", "branch": "main"}) == expected


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    require("git", "git")
    subprocess.run(["git", "init", "-q", "-b", "fix/a#1", str(tmp_path)], check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.external
@pytest.mark.usefixtures("work")
def test_git_is_asked_for_what_is_allowed() -> None:
    for name, url in (
        ("backup", "https://u:p@example.com/x/y"),
        ("origin", "git@e.com:acme/w.git"),
    ):
        subprocess.run(["git", "remote", "add", name, url], check=True)
    assert repository.labels(["repo", "branch", "team"]) == {"repo": "acme/w", "branch": "fix/a-1"}
    assert repository.labels(["team"]) == {}
    subprocess.run(["git", "remote", "remove", "origin"], check=True)
    assert repository.labels(["repo"]) == {"repo": "x/y"}


def test_without_a_repository_there_is_nothing_to_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert repository.labels(["repo", "branch"]) == {}
    monkeypatch.setenv("PATH", "")
    assert repository.labels(["repo", "branch"]) == {}
