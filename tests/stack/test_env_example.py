"""``.env.example``: every setting, its default, and a word about it."""

import re

from app.settings import PREFIX, Settings, effective, load, variable
from tests.stack.tree import ROOT

TEXT = (ROOT / ".env.example").read_text(encoding="utf-8")
ASSIGNMENT = re.compile(rf"^#({PREFIX}\w+)=(.*)$", re.MULTILINE)
MACHINES_OWN = {variable("state_dir")}  # its default depends on the user


def test_every_setting_is_there_once_and_nothing_else() -> None:
    named = [name for name, _ in ASSIGNMENT.findall(TEXT)]
    assert sorted(named) == sorted(map(variable, Settings.model_fields))


def test_what_stands_there_are_the_defaults() -> None:
    defaults = effective(Settings.model_construct())
    said = dict(ASSIGNMENT.findall(TEXT))
    assert {name: said[name] for name in said if name not in MACHINES_OWN} == {
        name: value for name, value in defaults.items() if name not in MACHINES_OWN
    }


def test_it_is_a_file_that_the_proxy_starts_with() -> None:
    taken = ASSIGNMENT.sub(r"\1=\2", TEXT)
    values = dict(re.findall(r"^(\w+)=(.*)$", taken, re.MULTILINE))
    given = {name.removeprefix(PREFIX).lower(): value for name, value in values.items() if value}
    assert load(**given).port == 8443


def test_every_group_of_variables_is_explained() -> None:
    paragraphs = re.split(r"\n(?=# )", TEXT)
    for name, _ in ASSIGNMENT.findall(TEXT):
        (paragraph,) = [part for part in paragraphs if re.search(rf"^#{name}=", part, re.MULTILINE)]
        assert re.match(r"# \w", paragraph), f"{name} is not explained"
