"""Counters that are added to at the next collection count everything once."""

from app.telemetry.instruments import Instruments


def test_what_is_counted_for_later_is_collected_once() -> None:
    instruments = Instruments()
    family = instruments.counters("seen_total", "Seen", "kind", known=[("a",), ("b",)])

    def seen(kind: str) -> float | None:
        for _ in instruments.registry.collect():  # as each scrape
            pass
        return instruments.registry.get_sample_value("anthropic_proxy_seen_total", {"kind": kind})

    family.count("a")
    family.count("a")
    family("a").inc()
    assert (seen("a"), seen("a"), seen("b")) == (3, 3, 0)
    family.count("b")
    assert (seen("a"), seen("b")) == (3, 1)
