from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.anthropic.prices import Prices
from app.anthropic.usage import Usage
from tests.cases import every_case

MILLION = 1_000_000

# The published list: input, cache write 5m, write 1h, cache read, output.
LIST = {
    "claude-fable-5-2": (8, 10, 16, 0.20, 40),
    "claude-mythos-5-2": (8, 10, 16, 0.20, 40),
    "claude-fable-5-1": (10, 12.5, 20, 0.25, 50),
    "claude-mythos-5-1": (10, 12.5, 20, 0.25, 50),
    "claude-fable-5": (10, 12.5, 20, 1, 50),
    "claude-mythos-5": (10, 12.5, 20, 1, 50),
    "claude-opus-5-5": (4, 5, 8, 0.20, 20),
    "claude-opus-5": (5, 6.25, 10, 0.5, 25),
    "claude-opus-4-8": (5, 6.25, 10, 0.5, 25),
    "claude-opus-4-7": (5, 6.25, 10, 0.5, 25),
    "claude-opus-4-6": (5, 6.25, 10, 0.5, 25),
    "claude-opus-4-5": (5, 6.25, 10, 0.5, 25),
    "claude-sonnet-5-5": (2, 2.5, 4, 0.10, 10),
    "claude-sonnet-5": (2, 2.5, 4, 0.2, 10),
    "claude-sonnet-4-6": (3, 3.75, 6, 0.3, 15),
    "claude-sonnet-4-5": (3, 3.75, 6, 0.3, 15),
    "claude-haiku-5-5": (0.10, 0.125, 0.20, 0.01, 0.50),
    "claude-haiku-4-5": (1, 1.25, 2, 0.1, 5),
    # Retired at Anthropic, live on other clouds.
    "claude-opus-4-1": (15, 18.75, 30, 1.5, 75),
    "claude-opus-4": (15, 18.75, 30, 1.5, 75),
    "claude-sonnet-4": (3, 3.75, 6, 0.3, 15),
    "claude-haiku-3-5": (0.8, 1, 1.6, 0.08, 4),
}
BEFORE_4_6 = ("4-5", "4-1", "opus-4", "sonnet-4", "3-5")  # without a regional price
KINDS = ("input", "cache_write_5m", "cache_write_1h", "cache_read", "output")
# A million tokens are 100 times this, which no long-prompt tier applies to.
TOKENS = 10_000


@pytest.fixture(scope="module")
def prices() -> Prices:
    return Prices.packaged()


def costs(prices: Prices, usage: Usage, model: str, *, batch: bool = False) -> dict[str, Any]:
    cost = prices.cost(usage, model, batch=batch)
    assert cost is not None
    return {kind: pytest.approx(usd) for kind, usd in cost.items()}


@pytest.mark.parametrize("model", LIST)
def test_each_model_has_its_five_rates(prices: Prices, model: str) -> None:
    usage = Usage(**dict.fromkeys(KINDS, TOKENS))  # type: ignore[arg-type]  # counts by name
    expected = {
        kind: rate * TOKENS / MILLION for kind, rate in zip(KINDS, LIST[model], strict=True)
    }
    assert costs(prices, usage, model) == expected | {"server_tools": 0}


def test_the_list_holds_these_models_and_no_other(prices: Prices) -> None:
    assert set(prices.models) == set(LIST)
    assert prices.as_of == "2026-11"


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ({"input": 100_000}, 0.10 * 0.1),
        ({"input": 100_001}, 0.50 * 0.100001),
        ({"input": 1, "cache_read": 100_000}, 0.50 * 0.000001),
        ({"input": 1, "cache_write_5m": 60_000, "cache_write_1h": 40_000}, 0.50 * 0.000001),
        ({"input": 1, "output": 200_000}, 0.10 * 0.000001),
    ],
)
def test_a_long_prompt_changes_the_rates_of_the_whole_request(
    prices: Prices, prompt: dict[str, int], expected: float
) -> None:
    usage = Usage(**prompt)  # type: ignore[arg-type]  # counts by name
    assert costs(prices, usage, "claude-haiku-5-5")["input"] == expected


def test_a_long_prompt_has_five_rates_of_its_own(prices: Prices) -> None:
    usage = Usage(**dict.fromkeys(KINDS, MILLION))  # type: ignore[arg-type]  # counts by name
    expected = dict(zip(KINDS, (0.50, 0.625, 1.00, 0.05, 2.50), strict=True))
    assert costs(prices, usage, "claude-haiku-5-5") == expected | {"server_tools": 0}


@every_case("model", LIST.keys())
@pytest.mark.parametrize(
    ("fields", "batch", "factor"),
    [
        ({}, True, 0.5),
        ({"service_tier": "batch"}, False, 0.5),
        ({"service_tier": "batch"}, True, 0.5),
        ({"service_tier": "priority"}, False, 1),
        ({"speed": "fast"}, False, 2),
        ({"speed": "standard"}, False, 1),
        ({"inference_geo": "us"}, False, "us"),
        ({"inference_geo": "global"}, False, 1),
        ({"speed": "fast", "inference_geo": "us"}, True, "us"),
    ],
)
def test_each_factor_applies_and_they_multiply(
    prices: Prices, model: str, fields: dict[str, str], batch: bool, factor: float | str
) -> None:
    if factor == "us":
        factor = 1 if model.endswith(BEFORE_4_6) else 1.1
    usage = Usage(output=MILLION, **fields)  # type: ignore[arg-type]  # words by name
    assert costs(prices, usage, model, batch=batch)["output"] == LIST[model][-1] * float(factor)


def test_server_tools_cost_by_the_thousand_and_know_no_factors(prices: Prices) -> None:
    tools = {"web_search": 50, "web_fetch": 7, "abacus": 9}
    usage = Usage(server_tools=tools, speed="fast", inference_geo="us")
    assert costs(prices, usage, "claude-opus-5-5", batch=True)["server_tools"] == 0.5


@pytest.mark.parametrize(
    ("model", "canonical"),
    [
        ("claude-opus-5-5", "claude-opus-5-5"),
        ("claude-opus-5-5[1m]", "claude-opus-5-5"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("claude-sonnet-4-5-20250929[1m]", "claude-sonnet-4-5"),
        ("claude-fable-5-2", "claude-fable-5-2"),
        ("claude-opus-5-5-2025", "other"),
        ("claude-opus-9", "other"),
        ("us.anthropic.claude-opus-5-v1:0", "claude-opus-5"),
        ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("anthropic.claude-3-5-haiku-20241022-v1:0", "claude-haiku-3-5"),
        (
            "arn:aws:bedrock:us-east-1:000000000000:inference-profile/eu.anthropic.claude-opus-5-v1:0",
            "claude-opus-5",
        ),
        ("anthropic/claude-sonnet-5", "claude-sonnet-5"),
        ("anthropic/claude-opus-4.1:beta", "claude-opus-4-1"),
        ("anthropic/claude-3.5-haiku", "claude-haiku-3-5"),
        ("claude-opus-5@20260101", "claude-opus-5"),
        ("publishers/anthropic/models/claude-haiku-4-5@20251001", "claude-haiku-4-5"),
        ("claude-sonnet-4-20250514", "claude-sonnet-4"),
        ("claude-opus-4-0", "claude-opus-4"),
        ("claude-opus-4-1-latest", "claude-opus-4-1"),
        ("us.anthropic.claude-opus-9-v1:0", "other"),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0:200k", "claude-sonnet-4"),
        ("apac.anthropic.claude-opus-5-20260101-v1:0:1m[1m]", "claude-opus-5"),
        ("claude-opus-5-5[1M]", "claude-opus-5-5"),
        ("anthropic/claude-4-sonnet", "claude-sonnet-4"),
        ("anthropic/claude-4.5-haiku-20251001", "claude-haiku-4-5"),
        ("claude-9-opus", "other"),
        ("anthropic.claude-opus-5-v1:0:200", "other"),
        ("us.anthropic.claude-opus-5-5-v1:0", "claude-opus-5-5"),
        ("evil.example/us.anthropic.gpt-v1:0", "other"),
        ("xanthropic.claude-opus-5", "other"),
        ("CLAUDE-OPUS-5-5", "other"),
        ("", "other"),
        ("other", "other"),
    ],
)
def test_names_become_canonical_or_other(prices: Prices, model: str, canonical: str) -> None:
    assert prices.canonical(model) == canonical


@given(st.text())
def test_no_name_leaves_the_closed_set(model: str) -> None:
    prices = Prices.packaged()
    assert prices.canonical(model) in {*prices.models, *prices.unpriced, "other"}


@pytest.mark.parametrize("model", ["gpt-x", "claude-opus-9", ""])
def test_a_model_without_a_price_costs_no_number(prices: Prices, model: str) -> None:
    assert prices.cost(Usage(input=1), model) is None


# A list of the user's own


def loaded(tmp_path: Path, text: str) -> Prices:
    path = tmp_path / "my-prices.toml"
    path.write_text(text, encoding="utf-8")
    return Prices.load(path)


def test_a_file_changes_single_fields(tmp_path: Path) -> None:
    prices = loaded(
        tmp_path,
        'as_of = "2027-01"\n'
        "[defaults]\nbatch = 0.25\n"
        "[models.claude-opus-5-5]\noutput = 1\nfast = 3\n"
        "[models.claude-haiku-5-5.long_prompt]\ninput = 9\n"
        "[server_tools]\nweb_fetch = 1000\n",
    )
    usage = Usage(input=MILLION, output=MILLION, speed="fast", server_tools={"web_fetch": 2})
    cost = costs(prices, usage, "claude-opus-5-5", batch=True)
    assert (cost["input"], cost["output"], cost["server_tools"]) == (3, 0.75, 2)
    assert costs(prices, usage, "claude-haiku-5-5")["input"] == 18
    assert prices.as_of == "2027-01"
    assert set(prices.models) == set(LIST)


def test_a_file_gives_new_models_a_price(tmp_path: Path) -> None:
    rates = "input = 1\ncache_write_5m = 1\ncache_write_1h = 1\ncache_read = 1\noutput = 7\n"
    named = f'unpriced = ["claude-new", "claude-newer"]\n[models.claude-new]\n{rates}'
    prices = loaded(tmp_path, f"{named}[models.'my-gateway/claude:best']\n{rates}")
    for model in ("claude-new", "claude-new-20270101", "my-gateway/claude:best"):
        assert costs(prices, Usage(output=MILLION), model)["output"] == 7
    assert prices.unpriced == {"claude-newer"}
    assert prices.canonical("claude-newer-20270101") == "claude-newer"
    assert prices.cost(Usage(output=1), "claude-newer") is None


@pytest.mark.parametrize(
    ("as_of", "age"),
    [("2026-11", 26), ("2026-11-27", 0), ("2026-08-01", 118), ("2027-01", 0), ("soon", None)],
)
def test_a_list_is_as_old_as_its_date(tmp_path: Path, as_of: str, age: int | None) -> None:
    prices = loaded(tmp_path, f'as_of = "{as_of}"')
    assert prices.age(date(2026, 11, 27)) == age


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[models.claude-opus-5]\ninput = 'a'", ("claude-opus-5", "$.input", "`float`")),
        ("[models.claude-opus-5]\ninput = true", ("claude-opus-5", "$.input", "`float`")),
        ("[models.claude-opus-5]\ninput = -1", ("claude-opus-5", "$.input", ">= 0")),
        ("[models.claude-opus-5]\ninput = nan", ("claude-opus-5", "$.input", ">= 0")),
        ("[models.claude-opus-5]\ninput = inf", ("claude-opus-5", "$.input", "<= 100000")),
        ("[models.claude-opus-5]\ninptu = 1", ("claude-opus-5", "`inptu`", "input, ")),
        ("[models.claude-new]\ninput = 1", ("claude-new", "missing", "output")),
        (
            "[models.claude-haiku-5-5.long_prompt]\nabove = -1",
            ("claude-haiku-5-5", "above", ">= 0"),
        ),
        ("[models.claude-opus-5-20250101]", ("claude-opus-5-20250101", "without its date")),
        ("[models]\nclaude-opus-5 = 3", ("$.models", "`object`")),
        ("models = 3", ("$.models", "`object`")),
        ("[defaults]\nbatch = 'half'", ("defaults", "$.batch", "`float`")),
        ("[defaults]\nslow = 1", ("defaults", "`slow`", "batch")),
        ("[server_tools]\nweb_search = -1", ("server_tools", ">= 0")),
        ("currency = 'EUR'", ("`currency`", "as_of")),
        ("not toml", ("line 1",)),
    ],
)
def test_a_bad_file_is_refused_by_name_place_and_rule(
    tmp_path: Path, text: str, words: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError, match=r"my-prices\.toml: ") as refused:
        loaded(tmp_path, text)
    for word in words:
        assert word in str(refused.value)


def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere\.toml: No such file"):
        Prices.load(tmp_path / "nowhere.toml")


def test_a_file_that_is_not_text_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "my-prices.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"my-prices\.toml: "):
        Prices.load(path)
