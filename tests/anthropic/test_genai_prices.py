"""What the data of genai-prices may lack; tests/cli/test_prices.py converts whole files."""

import json
from datetime import date
from typing import Any

import pytest

from app.anthropic.genai_prices import convert
from app.anthropic.prices import Prices
from tests.anthropic.genai_rates import RATES

ON = date(2026, 11, 20)


def models(model: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    text = json.dumps([{"id": "anthropic", "models": [{"id": "claude-new-9"} | model]}])
    made = convert(text, Prices.packaged(), on=ON)
    return {name: dict(rates) for name, rates in made.models.items()}, made.skipped


def test_a_model_whose_prices_are_all_to_come_is_skipped() -> None:
    later = {"constraint": {"start_date": "2999-01-01"}, "prices": RATES}
    assert models({"prices": [later]}) == ({}, ("claude-new-9",))


def test_a_variant_that_lacks_a_rate_gives_no_factor() -> None:
    variant = {"when": {"speed": "fast"}, "prices": {"input_mtok": 30}}
    made, skipped = models({"prices": RATES, "price_variants": [variant]})
    assert skipped == ()
    assert "fast" not in made["claude-new-9"]


@pytest.mark.parametrize("providers", ["{'id': 'anthropic'}", "[{'id': 'other'}]", "nothing()[0]"])
def test_a_module_may_hold_whatever_python_writes(providers: str) -> None:
    with pytest.raises(ValueError, match="it has no provider 'anthropic'"):
        convert(f"providers = {providers}", Prices.packaged(), on=ON)


@pytest.mark.parametrize("name", [None, 7, ["claude"], {}])
def test_a_model_without_a_valid_name_is_skipped(name: Any) -> None:
    assert models({"id": name, "prices": RATES}) == ({}, ("a model has no valid name",))
