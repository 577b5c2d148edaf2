"""The gauges of upstream's limits: the last word on each counts, however often it is repeated."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.anthropic.limits import read
from app.telemetry.entry import Entry
from app.telemetry.instruments import Instruments
from app.telemetry.recorders.limits import LimitGauges
from app.telemetry.sampling.samples import Samples
from tests.telemetry.exchanges import PLAIN

STATUSES = ("allowed", "allowed_warning", "rejected", "odd")
WINDOW = st.fixed_dictionaries(
    {},
    optional={
        "utilization": st.sampled_from(("0.25", "0.5", "none")),
        "status": st.sampled_from(STATUSES),
        "reset": st.sampled_from(("1790003600", "1790007200")),
    },
)
STATED = st.dictionaries(st.sampled_from(("5h", "7d", "9h", "8h")), WINDOW)


def _headers(stated: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {
        f"anthropic-ratelimit-unified-{window}-{field}": value
        for window, fields in stated.items()
        for field, value in fields.items()
    }


@given(st.lists(STATED, max_size=6))
def test_each_gauge_has_what_was_stated_last(answers: list[dict[str, dict[str, str]]]) -> None:
    instruments = Instruments()
    gauges = LimitGauges(instruments)
    for headers in map(_headers, answers):
        gauges.record(Entry(replace(PLAIN, headers=headers), "a", (), {}, limits=read(headers)))
    samples = Samples(instruments.registry.collect())
    for field, name in (
        ("utilization", "upstream_ratelimit_utilization_ratio"),
        ("reset", "upstream_ratelimit_reset_timestamp_seconds"),
    ):
        said = [
            (window, float(fields[field]))
            for stated in answers
            for window, fields in stated.items()
            if fields.get(field, "none") != "none"
        ]
        assert samples.by(name, "window") == dict(said)
    status = {
        window: fields["status"]
        for stated in answers
        for window, fields in stated.items()
        if "status" in fields
    }
    for window, word in status.items():
        shown = samples.by("upstream_ratelimit_status", "status", window=window)
        assert [name for name, value in shown.items() if value] == [
            "other" if word == "odd" else word
        ]
    odd = sum(fields.get("status") == "odd" for stated in answers for fields in stated.values())
    assert samples.total("label_overflow_total", label="limit_status") == odd
