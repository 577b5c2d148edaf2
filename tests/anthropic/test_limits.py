import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.anthropic.limits import WINDOW_LIMIT, Limit, Limits, Window, read

RESET = 1_793_700_000.0  # 2026-11-03T10:00:00Z


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("anthropic-ratelimit-requests", "requests"),
        ("anthropic-ratelimit-tokens", "tokens"),
        ("anthropic-ratelimit-input-tokens", "input-tokens"),
        ("anthropic-ratelimit-output-tokens", "output-tokens"),
        ("anthropic-priority-input-tokens", "priority-input-tokens"),
        ("anthropic-priority-output-tokens", "priority-output-tokens"),
        ("anthropic-fast-input-tokens", "fast-input-tokens"),
        ("anthropic-fast-output-tokens", "fast-output-tokens"),
    ],
)
def test_each_kind_of_limit_is_read(header: str, kind: str) -> None:
    headers = {
        f"{header}-limit": "4000000",
        f"{header}-remaining": "3999000",
        f"{header}-reset": "2026-11-03T10:00:00Z",
    }
    assert read(headers).kinds == {kind: Limit(4_000_000, 3_999_000, RESET)}


@pytest.mark.parametrize(
    ("reset", "expected"),
    [
        ("1793700000", RESET),
        (" 1793700000.5 ", RESET + 0.5),
        ("2026-11-03T10:00:00Z", RESET),
        ("2026-11-03T12:00:00.5+02:00", RESET + 0.5),
        ("2026-11-03T10:00:00", RESET),
        ("2026-11-03t10:00:00z", RESET),
        ("1.7937e9", RESET),
    ],
)
def test_a_reset_is_read_as_epoch_or_date(reset: str, expected: float) -> None:
    assert read({"anthropic-ratelimit-unified-5h-reset": reset}).windows["5h"].reset == expected


@pytest.mark.parametrize("reset", ["", "soon", "-1", "nan", "inf", "1e99", "1_0", "٣", ".", "e9"])
def test_a_reset_that_makes_no_sense_is_passed_over(reset: str) -> None:
    assert read({"anthropic-ratelimit-unified-5h-reset": reset}) == Limits()


@given(st.floats(0, 1e6))
def test_a_utilization_is_read_as_any_program_prints_it(used: float) -> None:
    for printed in (repr(used), f"{used:.17g}", f"{used:e}", repr(used).removeprefix("0") or "0"):
        window = read({"anthropic-ratelimit-unified-5h-utilization": printed}).windows["5h"]
        assert window.utilization == float(printed)


def test_a_subscription_is_read() -> None:
    unified = "anthropic-ratelimit-unified"
    headers = {
        f"{unified}-status": "allowed_warning",
        f"{unified}-reset": "1793700000",
        f"{unified}-representative-claim": "five_hour",
        f"{unified}-5h-utilization": "1.25",
        f"{unified}-5h-status": "allowed_warning",
        f"{unified}-5h-surpassed-threshold": "0.9",
        f"{unified}-7d_opus-utilization": "0.5",
        f"{unified}-overage-status": "rejected",
        f"{unified}-overage-in-use": "false",
        f"{unified}-fallback-percentage": "0.5",
        "request-id": "req_1",
    }
    assert read(headers) == Limits(
        windows={
            "5h": Window(utilization=1.25, status="allowed_warning"),
            "7d_opus": Window(utilization=0.5),
        },
        overage=Window(status="rejected"),
        status="allowed_warning",
        reset=RESET,
    )


def test_new_windows_are_kept_up_to_a_number() -> None:
    names = [f"{n}h" for n in range(100)]
    headers = {f"anthropic-ratelimit-unified-{name}-utilization": "0.1" for name in names}
    assert list(read(headers).windows) == names[:WINDOW_LIMIT]


@pytest.mark.parametrize(
    "name",
    ["slow", "slow-budget", "grace", "overage-period-monthly", "fallback", "7y", "d", "5h-x"],
)
def test_what_is_no_window_takes_no_window_place(name: str) -> None:
    unified = "anthropic-ratelimit-unified"
    headers = {f"{unified}-{name}-{field}": "0.99" for field in ("utilization", "status")}
    assert read(headers) == Limits()


@pytest.mark.parametrize("name", ["5h", "7d", "7d_opus", "7d_sonnet", "7d_oi", "30d", "1h_new"])
def test_the_windows_of_the_client_are_read(name: str) -> None:
    headers = {f"anthropic-ratelimit-unified-{name}-utilization": "0.5"}
    assert read(headers).windows == {name: Window(utilization=0.5)}


PARTS = st.sampled_from(
    ["anthropic", "ratelimit", "unified", "tokens", "5h", "status", "reset", "limit", "in-use"]
)
NAMES = st.lists(PARTS, max_size=6).map("-".join)
VALUES = st.text() | st.floats().map(str) | st.datetimes().map(lambda instant: instant.isoformat())


@given(st.dictionaries(NAMES | st.text(), VALUES))
def test_no_header_is_too_strange(headers: dict[str, str]) -> None:
    assert len(read(headers).windows) <= WINDOW_LIMIT
