import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import cli
from app.anthropic.prices import Prices
from app.settings import PREFIX
from tests.anthropic.genai_rates import RATES
from tests.thorough import scaled


def times(factor: float) -> dict[str, float]:
    return {name: rate * factor for name, rate in RATES.items()}


def tiered(name: str) -> dict[str, Any]:
    return {"base": RATES[name], "tiers": [{"start": 100_000, "price": RATES[name] * 5}]}


DATA = [
    {"id": "somebody-else", "models": [{"id": "claude-opus-5", "prices": times(9)}]},
    {
        "id": "anthropic",
        "models": [
            {
                "id": "claude-opus-5",
                "prices": [
                    {"prices": times(3)},
                    {"constraint": {"start_date": "2026-09-30"}, "prices": times(2)},
                    {"constraint": {"start_date": "2999-01-01"}, "prices": times(7)},
                ],
                "price_variants": [{"when": {"speed": "fast"}, "prices": times(6)}],
            },
            {"id": "claude-3-5-haiku-latest", "prices": RATES},
            {"id": "claude-new-9", "prices": {name: tiered(name) for name in RATES}},
            {"id": "claude-2", "prices": {"input_mtok": 8, "output_mtok": 24}},
        ],
    },
]
MODULE = """
import datetime
from decimal import Decimal
raise SystemExit("nobody runs this")
providers: list[Provider] = [
    Provider(
        id='anthropic',
        models=[
            ModelInfo(
                id='claude-opus-5',
                match=ClauseEquals(equals='claude-opus-5'),
                prices=[
                    ConditionalPrice(
                        constraint=StartDateConstraint(start_date=datetime.date(2026, 10, 14)),
                        prices=ModelPrice(
                            input_mtok=TieredPrices(
                                base=Decimal('5'), tiers=[Tier(start=100, price=Decimal('6'))]
                            ),
                            cache_write_mtok=Decimal('6.25'),
                            cache_write_1h_mtok=Decimal('10'),
                            cache_read_mtok=Decimal('0.5'),
                            output_mtok=Decimal('25'),
                        ),
                    )
                ],
            )
        ],
    )
]
"""


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep this machine's settings away."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def converted(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[str, str]:
    file = tmp_path / "data"
    file.write_text(text, encoding="utf-8")
    assert cli.main(["prices", "--from", str(file), *arguments]) == 0
    said = capsys.readouterr()
    return said.out, said.err


def test_the_table_in_force_is_printed_with_its_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["prices"]) == 0
    out = capsys.readouterr().out
    assert "as of 2026-11 (" in out
    assert "days old)" in out
    assert all(model in out for model in Prices.packaged().models)


@pytest.mark.parametrize(("as_of", "old"), [("2001-01-01", True), ("2999-01-01", False)])
def test_an_old_table_is_told(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    as_of: str,
    old: bool,
) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(f'as_of = "{as_of}"')
    monkeypatch.setenv(PREFIX + "PRICES_FILE", str(file))
    assert cli.main(["prices"]) == 0
    assert ("may be out of date" in capsys.readouterr().err) == old


def test_a_data_file_becomes_a_price_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, err = converted(json.dumps(DATA), tmp_path, capsys, "--as-of", "2026-11-20")
    made = tomllib.loads(out)
    assert (made["as_of"], made["source"]) == ("2026-11-20", "genai-prices")
    opus = made["models"]["claude-opus-5"]
    assert (opus["input"], opus["cache_write_5m"], opus["output"]) == (10, 12.5, 50)
    assert opus["fast"] == 3
    assert "claude-2: skipped, because not all five rates can be read" in err
    file = tmp_path / "prices.toml"
    file.write_text(out)
    prices = Prices.load(file)
    assert prices.models["claude-haiku-3-5"].output == 25
    long = prices.models["claude-new-9"].long_prompt
    assert long is not None
    assert (long.above, long.cache_write_1h) == (100_000, 50)
    assert prices.models["claude-sonnet-5"] == Prices.packaged().models["claude-sonnet-5"]


def test_the_module_of_the_package_is_read_and_never_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opus = tomllib.loads(converted(MODULE, tmp_path, capsys)[0])["models"]["claude-opus-5"]
    assert (opus["input"], opus["cache_write_1h"]) == (5, 10)
    assert opus["long_prompt"]["input"] == 6


def test_numbers_come_through_to_the_last_digit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = dict.fromkeys(RATES, 0.123456789012)
    tiers = {name: {"base": 1, "tiers": [{"start": 1_048_576, "price": 1e-07}]} for name in RATES}
    models = [{"id": "claude-odd-1", "prices": odd}, {"id": "claude-long-1", "prices": tiers}]
    out, _ = converted(json.dumps([{"id": "anthropic", "models": models}]), tmp_path, capsys)
    made = tomllib.loads(out)["models"]
    assert made["claude-odd-1"]["cache_read"] == 0.123456789012
    long = made["claude-long-1"]["long_prompt"]
    assert (long["above"], long["output"]) == (1_048_576, 1e-07)


def test_the_latest_price_dates_the_list_whatever_day_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    price = {"constraint": {"start_date": "2026-08-31"}, "prices": RATES}
    models = [{"id": "claude-opus-5", "prices": [price]}]
    file = tmp_path / "data"
    file.write_text(json.dumps([{"id": "anthropic", "models": models}]))
    os.utime(file, (0, 0))
    assert cli.main(["prices", "--from", str(file)]) == 0
    assert tomllib.loads(capsys.readouterr().out)["as_of"] == "2026-08-31"


def places(node: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the place of every part of a document."""
    items = enumerate(node) if isinstance(node, list) else ()
    inner = node.items() if isinstance(node, dict) else items
    return [place, *(found for key, child in inner for found in places(child, (*place, key)))]


def changed(node: Any, place: tuple[Any, ...], value: Any) -> Any:
    """Return a document with one part of it replaced."""
    if not place:
        return value
    copy = node.copy()
    copy[place[0]] = changed(node[place[0]], place[1:], value)
    return copy


JUNK = st.sampled_from(
    [None, True, -1, 10**30, float("nan"), float("inf"), "x", 'a"]\n[x', "\n", "2026-02-30"]
) | st.recursive(
    st.none() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["base", "tiers", "start", "price", "prices"]), inner)
    ),
)


@given(st.sampled_from(places(DATA)), JUNK)
@settings(
    max_examples=scaled(120, 40),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_a_data_file_holds_it_is_refused_or_becomes_a_price_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: tuple[Any, ...], junk: Any
) -> None:
    file, made = tmp_path / "data", tmp_path / "prices.toml"
    file.write_text(json.dumps(changed(DATA, place, junk)))
    code = cli.main(["prices", "--from", str(file)])
    out = capsys.readouterr().out
    made.write_text(out)
    assert code == 2 or Prices.load(made).source == "genai-prices"
    assert (code == 2) == (out == "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "7",
        "x = (",
        '{"providers": 7}',
        "[" * 99_999,
        "providers = [datetime.date(None)]",
    ],
)
def test_another_file_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    file = tmp_path / "data.json"
    file.write_text(text)
    assert cli.main(["prices", "--from", str(file)]) == 2
    assert "data.json" in capsys.readouterr().err


def test_a_missing_file_and_a_wrong_date_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["prices", "--from", "missing.json"]) == 2
    assert capsys.readouterr().err == "missing.json cannot be read: No such file or directory\n"
    with pytest.raises(SystemExit):
        cli.main(["prices", "--as-of", "2026-13-01"])
    assert "'2026-13-01' is not a date such as 2026-11-27" in capsys.readouterr().err


def test_a_date_without_data_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["prices", "--as-of", "2026-11-20"]) == 2
    assert capsys.readouterr().err == "--as-of requires --from\n"
