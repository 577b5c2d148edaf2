"""What is written about the settings is true."""

import os
import re
from pathlib import Path

import pytest

from app.settings import PREFIX, Settings, effective, variable

ROOT = Path(__file__).parents[1]


@pytest.fixture
def defaults(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Every variable with its default as text."""
    for name in (*os.environ, "XDG_STATE_HOME"):
        if name.upper().startswith((PREFIX, "XDG_STATE_HOME")):
            monkeypatch.delenv(name, raising=False)
    shown = effective(Settings(_env_file=None))  # type: ignore[call-arg]
    return {name: text.replace(str(Path.home()), "~") for name, text in shown.items()}


def _table(defaults: dict[str, str]) -> str:
    rows = ["| Variable | Default | Meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = defaults[variable(name)]
        shown = f"`{default}`" if default else "(empty)"
        meaning = re.sub(r"([|<])", r"\\\1", field.description or "")
        rows.append(f"| `{variable(name)}` | {shown} | {meaning} |")
    return "\n".join(rows)


def test_the_readme_lists_every_setting_with_its_default_and_meaning(
    defaults: dict[str, str],
) -> None:
    table = _table(defaults)
    assert table in (ROOT / "README.md").read_text(), f"README.md lacks this table:\n{table}"


def test_every_variable_that_the_readme_names_is_a_setting(defaults: dict[str, str]) -> None:
    named = re.findall(rf"\b{PREFIX}[A-Z0-9_]+\b", (ROOT / "README.md").read_text())
    assert set(named) == set(defaults)


def test_the_example_of_an_env_file_holds_every_setting_with_its_default(
    defaults: dict[str, str],
) -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    pairs = [
        line.removeprefix("#").partition("=") for line in lines if line.startswith("#" + PREFIX)
    ]
    # The state directory lies in the home directory, which an env file cannot name.
    expected = defaults | {PREFIX + "STATE_DIR": ""}
    assert {name: value for name, _, value in pairs} == expected
    assert len(pairs) == len(expected)
