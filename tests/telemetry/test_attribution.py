"""Cost by class, agent type and label: sums that agree, words that are bounded."""

import pytest
from msgspec.structs import replace

from app.anthropic.hints import Hints
from app.telemetry.recorders.attribution import AGENTS, MORE_AGENTS, VALUES
from app.telemetry.sampling.samples import Samples
from tests.telemetry.exchanges import FAILED, PLAIN, record, telemetry


def test_all_cost_is_attributed_once() -> None:
    observer = telemetry(labels=("repo",))
    hinted = replace(PLAIN, hints=Hints(request_class="subagent", agent_type="Explore"))
    record(observer, PLAIN, hinted, replace(PLAIN, labels={"repo": "acme", "team": "a"}), FAILED)
    counted = Samples(observer.collect())
    total = counted.total("cost_usd_total")
    classes = counted.by("attributed_cost_usd_total", "request_class")
    assert total > 0
    assert sum(classes.values()) == pytest.approx(total)
    assert classes["subagent"] == pytest.approx(total / 3)
    agents = counted.by("attributed_cost_usd_total", "agent_type")
    assert agents["Explore"] == pytest.approx(total / 3)
    assert counted.by("label_cost_usd_total", "value") == {"acme": pytest.approx(total / 3)}
    assert counted.by("label_cost_usd_total", "label") == {"repo": pytest.approx(total / 3)}


def test_the_words_of_clients_are_bounded() -> None:
    observer = telemetry(labels=("repo",))
    for number in range(100):
        hints = Hints(request_class=f"c{number}", agent_type=f"t{number}")
        record(observer, replace(PLAIN, hints=hints, labels={"repo": f"r{number}"}))
    counted = Samples(observer.collect())
    assert counted.by("attributed_cost_usd_total", "request_class")["other"] > 0
    agents = counted.by("attributed_cost_usd_total", "agent_type")
    assert len(agents) <= len(AGENTS) + MORE_AGENTS + 2
    assert len(counted.by("label_cost_usd_total", "value")) == VALUES + 1
    overflow = counted.by("label_overflow_total", "label")
    assert overflow["label_repo"] == 100 - VALUES
