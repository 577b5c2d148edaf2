"""Every setting, metric, reason, path, command, target and alert is documented, in one place.

And every one that a document names exists.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from app.anthropic.errors import ERROR_CLASSES
from app.anthropic.prices import Prices
from app.cli import parser
from app.cli.commands import COMMANDS
from app.scrubber.detect import rules
from app.scrubber.redact.budget import SECONDS_PER_BYTE
from app.scrubber.redact.scrubber import CACHE_LIMIT
from app.settings import PREFIX, Settings
from app.telemetry import instruments
from docs.generate.alerts import alerts
from docs.generate.commands import options
from docs.generate.endpoints import paths
from docs.generate.metrics import metrics, name
from docs.generate.reasons import reasons
from docs.generate.settings import defaults
from docs.generate.targets import targets
from tests.stack import tree

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCUMENTS = (README, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *(ROOT / "docs").glob("*.md"))
ROW = re.compile(r"^\| \[?`([^`]+)`(?:\]\([^)]*\))? \|", re.MULTILINE)
SUFFIXES = ("", "_bucket", "_count", "_sum")


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def words(pattern: str, documents: Iterable[Path] = DOCUMENTS) -> Iterator[tuple[str, str]]:
    """Yield what matches in the documents, with the document's name."""
    for document in documents:
        for found in re.findall(pattern, document.read_text("utf-8")):
            yield document.name, found


def rows(pattern: str) -> list[str]:
    """Return the first cells of all tables that match, with their number of occurrences."""
    cells = [cell for document in DOCUMENTS for cell in ROW.findall(document.read_text("utf-8"))]
    return sorted(cell for cell in cells if re.fullmatch(pattern, cell))


def test_every_setting_is_in_one_table() -> None:
    assert rows(rf"{PREFIX}[A-Z0-9_]+") == sorted(defaults())


def test_every_setting_that_a_document_names_exists() -> None:
    named, known = set(words(rf"\b({PREFIX}[A-Z0-9_]*[A-Z0-9])\b")), defaults()
    assert {(where, what) for where, what in named if what not in known} == set()


def test_the_example_of_an_env_file_holds_every_setting_with_its_default() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    pairs = [
        line.removeprefix("#").partition("=") for line in lines if line.startswith("#" + PREFIX)
    ]
    # The state directory lies in the home directory, which an env file cannot name.
    expected = defaults() | {PREFIX + "STATE_DIR": ""}
    assert {name: value for name, _, value in pairs} == expected
    assert len(pairs) == len(expected)


def test_every_metric_is_in_one_table() -> None:
    known = sorted(name(metric) for metric in metrics())
    listed = ROW.findall(page("metrics.md").partition("## Every metric")[2])
    assert sorted(listed) == known


def test_every_metric_that_a_document_names_exists() -> None:
    known = {
        instruments.PREFIX + name(metric) + suffix for metric in metrics() for suffix in SUFFIXES
    }
    rules = {rule["record"].rpartition(":anthropic_proxy_")[2] for rule in tree.rules("record")}
    recorded = {rule.partition(":")[0] for rule in rules}
    deployment = (ROOT / "docs/deployment.md").name  # variables of the Ansible role
    unknown = {
        (where, what)
        for where, what in words(rf"\b({instruments.PREFIX}[a-z0-9_]*[a-z0-9])\b")
        if where != deployment
        and what not in known
        and what.removeprefix(instruments.PREFIX) not in recorded
        and not what.startswith("anthropic_proxy_simulator")
    }
    assert unknown == set()


def test_every_reason_has_a_section_that_says_what_to_do() -> None:
    known = {one.reason for one in reasons()}
    sections = re.findall(
        r"^### (\w+)$\n\n(.+?)\n(?=\n?#|\Z)", page("troubleshooting.md"), re.MULTILINE | re.DOTALL
    )
    documented = [heading for heading, _ in sections if heading in known]
    assert sorted(documented) == sorted(known)
    assert [heading for heading, text in sections if "**Do:**" in text] == [
        heading for heading, _ in sections
    ]
    assert {heading for heading, _ in sections} == known


def test_the_help_of_every_option_is_in_one_place() -> None:
    reference = page("commands.md")
    for command in COMMANDS:
        start = reference.index(f"### {parser.NAME} {command.name}\n")
        section = reference[start:].partition("\n#" + "#")[0]
        cells = [cell.split()[0] for cell in ROW.findall(section)]
        assert len(cells) == len(list(options(command)))
        assert all(one.names[0] in cells for one in options(command) if one.names[0][0] == "-")
    headings = re.findall(rf"^### {parser.NAME} (\S+)$", reference, re.MULTILINE)
    assert headings == [command.name for command in COMMANDS]


def test_no_other_table_lists_options_targets_or_paths() -> None:
    where = {"--": "commands.md", "make ": "commands.md", "/": "http-api.md"}
    twice = {
        (document.name, cell)
        for document in DOCUMENTS
        for cell in ROW.findall(document.read_text("utf-8"))
        for start, home in where.items()
        if cell.startswith(start) and document.name != home
    }
    assert twice == set()


def test_every_command_that_a_document_names_exists() -> None:
    known = {command.name for command in COMMANDS}
    named = set(words(r"`anthropic-proxy ([a-z]+)[ `]"))
    assert {(where, what) for where, what in named if what not in known} == set()


def test_every_target_is_in_one_table_and_every_one_that_is_named_exists() -> None:
    known = [f"make {name}" for name, _ in targets()]
    listed = ROW.findall(page("commands.md").partition("## Make targets")[2])
    assert listed == known
    named = set(words(r"`(make [a-z-]+)[ `]"))
    assert {(where, what) for where, what in named if what not in known} == set()


def test_every_path_is_in_one_table() -> None:
    listed = ROW.findall(page("http-api.md").partition("## The paths")[2].partition("\n## ")[0])
    assert listed == paths()


def test_every_alert_has_a_runbook_that_it_links_to() -> None:
    site = re.search(r"site_url: (\S+)", (ROOT / "mkdocs.yml").read_text("utf-8"))
    assert site is not None
    runbooks = page("alerts.md").partition("## Runbooks")[2].partition("\n## ")[0]
    headings = re.findall(r"^### (\w+)$", runbooks, re.MULTILINE)
    assert sorted(headings) == sorted(rule["alert"] for rule in alerts())
    for rule in alerts():
        assert rule["annotations"]["runbook_url"] == f"{site[1]}alerts/#{rule['alert'].lower()}"


def test_every_alert_of_the_dashboard_links_to_its_section() -> None:
    script = (ROOT / "app/pages/static/dashboard/banner.js").read_text("utf-8")
    site = re.search(r"site_url: (\S+)", (ROOT / "mkdocs.yml").read_text("utf-8"))
    assert site is not None
    assert f'"{site[1]}dashboard/"' in script
    titles = re.findall(r'^  \w+: "(.+)",$', script.partition("TITLES = {")[2], re.MULTILINE)
    headings = re.findall(r"^### (.+)$", page("dashboard.md"), re.MULTILINE)
    assert titles
    assert titles == headings


def test_every_alert_that_a_document_names_exists() -> None:
    known = {rule["alert"] for rule in alerts()}
    named = set(words(r"\b(AnthropicProxy[A-Z]\w+)"))
    assert {(where, what) for where, what in named if what not in known} == set()


def test_the_limits_of_the_scrubber_are_those_that_the_documentation_names() -> None:
    text = page("scrubber.md")
    assert f"({Settings.model_fields['scrub_max_body_size'].default // 2**20} MiB)" in text
    assert f"{CACHE_LIMIT // 2**20} MiB per process at most" in text
    allowance = Settings.model_fields["scrub_time_limit"].description
    assert f"plus {SECONDS_PER_BYTE * 1e6:g} per megabyte" in (allowance or "")
    assert "and\n  a second more for each megabyte" in text


def test_every_picture_that_the_readme_shows_exists() -> None:
    shown = re.findall(r'docs/screenshots/[^)"]+', README.read_text())
    assert shown
    assert all((ROOT / picture).is_file() for picture in shown)


def test_the_guide_to_metrics_names_every_error_class() -> None:
    text = page("metrics.md").partition("## The error rate")[2].partition("\n## ")[0]
    assert ROW.findall(text) == list(ERROR_CLASSES)


UNITS = {"": 1, " s": 1, " MiB": 2**20, " GiB": 2**30}


def _restated() -> Iterator[tuple[str, str, str]]:
    """Yield the setting and the default of each row that explains a setting under a short name."""
    for document in DOCUMENTS:
        for table in re.findall(r"(?:^\|.*\n)+", document.read_text("utf-8"), re.MULTILINE):
            header, _, *body = table.splitlines()
            if "Default" not in header:
                continue
            column = next(at for at, cell in enumerate(header.split("|")) if "Default" in cell)
            for row in body:
                cells = [cell.strip() for cell in row.split("|")]
                yield document.name, PREFIX + cells[1].strip("`"), cells[column].strip("`")


def test_a_default_that_an_explanation_repeats_is_true() -> None:
    known = defaults()
    checked = 0
    for document, setting, said in _restated():
        number = re.fullmatch(r"(\d[\d,]*(?:\.\d+)?)( s| MiB| GiB|)", said)
        if setting in known and number is not None:
            meant = float(number[1].replace(",", "")) * UNITS[number[2]]
            assert meant == float(known[setting]), f"{document}: {setting}"
            checked += 1
    assert checked >= 15


def test_the_readme_is_short_and_leaves_long_tables_to_the_documentation() -> None:
    text = README.read_text("utf-8")
    assert len(text.splitlines()) <= 200
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert max(len(table.splitlines()) for table in tables) <= 22  # 20 rows and the header


def test_the_files_that_documents_show_can_be_used(tmp_path: Path) -> None:
    file = tmp_path / "shown.toml"
    file.write_text(_shown("scrubber.md"), "utf-8")
    names = {detector.name for detector in rules.load(file=file).detectors}
    assert {"acme_token", "customer_number"} <= names
    file.write_text(_shown("counting.md"), "utf-8")
    assert "claude-example-1" in Prices.load(file).models


def _shown(document: str) -> str:
    [file] = re.findall(r"^```toml\n(.*?)^```", page(document), re.MULTILINE | re.DOTALL)
    return str(file)
