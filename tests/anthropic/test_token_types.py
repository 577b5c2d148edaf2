"""Everything that names types of tokens names those of `app.anthropic.token_types`."""

import json
import re
from importlib import resources

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.anthropic import genai_prices
from app.anthropic.counts import disjoint, read_counts
from app.anthropic.prices import Rates
from app.anthropic.token_types import BILLED, COSTS, COUNTED, PATHS, THINKING, TOTALS
from app.anthropic.usage import Usage

PAGES = resources.files("app.pages") / "static"
BAR_COLOURS = re.compile(r'^\[data-type="(\w+)"\]', re.MULTILINE)
BAR_PARTS = re.compile(r'<span data-type="(\w+)">')
LABELS = re.compile(r"const TOKEN_TYPES = \{(.*?)\n\};", re.DOTALL)


def test_a_usage_has_a_field_for_every_type() -> None:
    counts = [field.name for field in msgspec.structs.fields(Usage) if field.type is int]
    assert set(counts) == {*BILLED, THINKING}


def test_a_price_list_has_a_rate_for_every_billed_type() -> None:
    assert set(Rates.__struct_fields__) == set(BILLED)
    assert set(genai_prices._RATES) == set(BILLED)


def test_the_json_schema_lists_every_counted_type() -> None:
    schema = json.loads((PAGES / "metrics.schema.json").read_text("utf-8"))
    assert set(schema["$defs"]["tokens"]["properties"]) == set(COUNTED)


@pytest.mark.parametrize(
    ("file", "pattern"),
    [("dashboard/index.html", BAR_PARTS), ("dashboard/page.css", BAR_COLOURS)],
)
def test_the_dashboard_s_bar_has_a_part_for_every_counted_type(
    file: str, pattern: re.Pattern[str]
) -> None:
    assert tuple(pattern.findall((PAGES / file).read_text("utf-8"))) == COUNTED


def test_the_dashboard_has_a_label_for_every_counted_type() -> None:
    found = LABELS.search((PAGES / "dashboard/breakdowns.js").read_text("utf-8"))
    assert found is not None
    assert tuple(re.findall(r"^  (\w+):", found[1], re.MULTILINE)) == COUNTED


def test_costs_are_those_of_the_tokens_and_of_the_tools() -> None:
    assert (*COUNTED, "server_tools") == COSTS


@given(st.dictionaries(st.sampled_from(sorted(PATHS)), st.integers(0, 10**6)))
def test_every_count_is_read_from_its_place(counts: dict[str, int]) -> None:
    usage: dict[str, object] = {}
    for kind, count in counts.items():
        *above, last = PATHS[kind]
        node = usage
        for key in above:
            node = node.setdefault(key, {})  # type: ignore[assignment]  # made above
        node[last] = count
    assert read_counts(usage) == counts
    assert set(disjoint(counts)) <= {*BILLED, THINKING}


def test_the_totals_are_read_like_every_other_count() -> None:
    assert set(TOTALS) <= set(PATHS)
