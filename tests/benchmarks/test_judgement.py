"""What the benchmarks conclude from figures."""

from pathlib import Path

import pytest

from benchmarks import curves, insight, ledger_latency, report, slopes, tracing, workers
from benchmarks.check import TOLERANCE, again, changes, lines
from benchmarks.figures import FIGURES, Figure, met
from benchmarks.peers import DIRECT, NAIVE, OURS
from benchmarks.results import Results

BY_KEY = {figure.key: figure for figure in FIGURES}


def _results(**rounds: dict[str, list[float]]) -> Results:
    machine = dict.fromkeys(("cpu", "cores", "kernel", "python", "openssl"), "1")
    return Results("2026-01-01", "abc", machine, {"nginx": "1"}, rounds)


def _cpu(ours: float, naive: float = 2.0) -> Results:
    return _results(cpu_ms_per_request={OURS: [ours], NAIVE: [naive]})


def _speed(ours: float, naive: float = 100.0) -> Results:
    return _results(requests_per_s={OURS: [ours], NAIVE: [naive]})


def test_the_same_ratio_on_another_machine_is_good() -> None:
    assert [change.good for change in changes(_speed(300, 100), _speed(900, 300))] == [True]
    assert [change.good for change in changes(_cpu(1.0, 2.0), _cpu(3.0, 6.0))] == [True]


def test_more_processor_time_counts_from_the_tolerance_on() -> None:
    within, beyond = 1 + TOLERANCE - 0.001, 1 + TOLERANCE + 0.001
    assert [change.good for change in changes(_cpu(1.0), _cpu(within))] == [True]
    assert [change.good for change in changes(_cpu(1.0), _cpu(beyond))] == [False]
    assert [change.good for change in changes(_cpu(1.0), _cpu(0.2))] == [True]


def test_fewer_requests_a_second_count_from_the_tolerance_on() -> None:
    within, beyond = 1 - TOLERANCE + 0.001, 1 - TOLERANCE - 0.001
    assert [change.good for change in changes(_speed(300), _speed(300 * within))] == [True]
    assert [change.good for change in changes(_speed(300), _speed(300 * beyond))] == [False]
    assert [change.good for change in changes(_speed(300), _speed(900))] == [True]


def test_a_naive_proxy_that_got_faster_does_not_hide_that_ours_did_not() -> None:
    assert [change.good for change in changes(_speed(300, 100), _speed(300, 200))] == [False]


def test_a_figure_that_only_one_run_has_is_not_compared() -> None:
    assert changes(_cpu(1.0), _speed(300)) == []
    assert changes(_cpu(1.0), _results(cpu_ms_per_request={OURS: [9.0]})) == []


def test_the_workloads_of_what_became_worse_are_measured_again() -> None:
    assert again(changes(_cpu(1.0), _cpu(2.0))) == ["requests"]
    assert again(changes(_cpu(1.0), _cpu(1.0))) == []


def test_a_change_is_told_with_both_ratios() -> None:
    [line] = lines(changes(_cpu(1.0), _cpu(1.2)))
    assert line.startswith("BAD  CPU per 50 KB request")
    assert line.endswith("0.600 x naive, kept 0.500 (worse by 20%)")


def _met(key: str, **values: float) -> bool | None:
    return met(BY_KEY[key], values, OURS, NAIVE, DIRECT)


def test_a_goal_is_a_ratio_a_bound_or_what_is_added_to_the_direct_run() -> None:
    assert _met("cpu_us_per_event", ours=30, naive=100)
    assert not _met("cpu_us_per_event", ours=31, naive=100)
    assert _met("requests_per_s", ours=300, naive=100)
    assert not _met("requests_per_s", ours=299, naive=100)
    assert _met("rss_idle_mb", ours=60)
    assert not _met("rss_idle_mb", ours=61)
    assert _met("relay_p50", ours=0.4, direct=0.3)
    assert not _met("relay_p50", ours=0.5, direct=0.3)


def test_a_goal_that_lacks_what_it_is_compared_with_is_neither_met_nor_missed() -> None:
    assert _met("relay_p99", ours=1.0) is None
    assert _met("cpu_us_per_event", ours=30) is None
    assert _met("relay_p50", ours=0.4) is None


def test_added_latency_is_over_the_direct_run_of_the_same_round() -> None:
    results = _results(json_50k={OURS: [3.0, 9.0, 5.0], DIRECT: [1.0, 8.0, 2.0]})
    assert results.medians(BY_KEY["json_50k"]) == {OURS: 2.0}


def test_results_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    results = _results(requests_per_s={OURS: [1.0, 2.5], NAIVE: [3.0, 4.0]}, ready_s={OURS: [0.5]})
    results.save(tmp_path / "results.json")
    assert Results.load(tmp_path / "results.json") == results


def test_the_table_says_what_is_met_and_where_the_load_was_the_limit() -> None:
    results = _results(
        requests_per_s={OURS: [300.0], NAIVE: [100.0], DIRECT: [4000.0]},
        requests_busy={OURS: [1.0], NAIVE: [0.5], DIRECT: [1.0]},
    )
    head, row = report.rows(results)
    assert head == ("", OURS, NAIVE, DIRECT, "ours / naive", "goal", "")
    assert row[1:] == ("300", "≥ 100", "4,000", "3.00", "≥ 3 x naive", "met")


def test_the_short_table_has_the_figures_whose_goal_is_a_ratio() -> None:
    results = _results(
        cpu_ms_per_request={OURS: [1.0], NAIVE: [4.0]}, rss_idle_mb={OURS: [60.0], NAIVE: [50.0]}
    )
    assert report.short(results)[1:] == [("CPU per 50 KB request, ms", "1.00", "4.00", "0.25")]


def test_what_the_proxy_costs_is_told_with_what_it_adds_to_the_direct_run() -> None:
    results = _results(
        relay_p50={OURS: [0.6], DIRECT: [0.2]},
        rss_idle_mb={OURS: [60.2]},
        rss_200_mb={OURS: [88.0]},
        idle_cpu_percent={OURS: [0.05]},
    )
    assert report.spent(results) == (
        "An event reaches the client 0.4 ms later than without the proxy (median, 2,500 events a "
        "second). Idle, it uses 0.05 % of a core and 60 MB; with 200 open streams, 88 MB."
    )


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.key)
def test_every_figure_has_a_title(figure: Figure) -> None:
    assert figure.title


def test_a_line_through_points_has_a_base_and_a_cost_of_each() -> None:
    assert slopes.line([(0, 5.0), (10, 25.0), (20, 45.0)]) == slopes.Line(5.0, 2.0)


COUNTS = (1, 10, 50, 100, 200, 500, 1000, 2000)


def test_costs_of_all_are_flat_if_each_unit_costs_no_more_among_many() -> None:
    assert slopes.flat_sums([(count, 70 + 0.3 * count) for count in COUNTS])
    assert not slopes.flat_sums([(count, 70 + 0.3 * count**2) for count in COUNTS])


def test_costs_of_one_are_flat_if_they_do_not_grow() -> None:
    assert slopes.flat_units([(count, 80.0 + count / 200) for count in COUNTS])
    assert not slopes.flat_units([(count, 80.0 + count / 20) for count in COUNTS])


def test_a_count_that_was_measured_twice_counts_once() -> None:
    points = [(float(count), 70 + 0.3 * count) for count in COUNTS]
    assert slopes.flat_sums([*points, points[-1]])


def test_curves_that_were_not_measured_again_stay_in_the_file(tmp_path: Path) -> None:
    old = [slopes.Curve(name, "x", "y", [(1, 1.0), (2, 2.0)]) for name in ("one", "two")]
    new = slopes.Curve("two", "x", "y", [(1, 3.0), (2, 6.0)])
    curves.save(old, tmp_path / "curves.json")
    curves.save([new], tmp_path / "curves.json")
    assert curves.load(tmp_path / "curves.json") == [old[0], new]


def test_too_few_points_show_no_shape() -> None:
    with pytest.raises(ValueError, match="3 points"):
        slopes.flat_sums([(1, 1.0), (2, 2.0), (3, 3.0), (3, 3.1)])


def test_workers_are_held_against_what_the_cores_allow_beside_the_load() -> None:
    figures = {"cpu_ms_per_request": 1.0, "load_ms_per_request": 0.25}
    assert workers.most(1, figures, 2) == 1_000  # one worker uses one core
    assert workers.most(2, figures, 2) == 1_600  # two share theirs with the load
    assert workers.most(2, figures, 4) == 2_000


def test_the_cost_of_tracing_is_against_both_proxies_without_it_and_noise_between_them() -> None:
    cost, noise = tracing.ratios(
        [
            {tracing.OFF: 1.0, tracing.AGAIN: 1.2, tracing.ON: 1.1 * slower}
            for slower in (1.0, 1.1, 1.2)
        ]
    )
    assert (cost.lower, cost.median, cost.upper) == pytest.approx((1.05, 1.1, 1.15))
    assert (noise.lower, noise.median, noise.upper) == pytest.approx((1.2, 1.2, 1.2))
    assert tracing.Spread.of([1.0]) == tracing.Spread(1.0, 1.0, 1.0)


def test_the_cost_of_ledger_and_recorder_is_judged_by_start_against_both_proxies_without() -> None:
    starts = [
        {insight.OFF: slow * 0.9, insight.AGAIN: slow * 1.1, insight.BOTH: slow * cost}
        for slow, cost in ((1.0, 1.02), (2.0, 1.04))
    ]
    found = insight.ratio(starts, insight.BOTH)
    assert found.mean == pytest.approx(1.03, abs=1e-3)
    assert (found.least, found.most) == pytest.approx((1.02, 1.04))
    assert found.error == pytest.approx(12.71 * 0.0097, rel=0.01)
    assert insight.ratio(starts, insight.OFF).error == pytest.approx(0.0)


def test_a_machine_that_gets_slower_favours_neither_with_nor_without_a_ledger() -> None:
    drift = [1.0, 1.01, 1.02, 1.03]
    through = [slow * cost for slow, cost in zip(drift, (1.05, 1, 1, 1.05), strict=True)]
    block = ledger_latency.Block([ledger_latency.Turn(1 + one, one) for one in through], 1.0)
    assert block.added == block.cpu == pytest.approx(1.05, rel=1e-3)
    assert block.whole == pytest.approx(1.025, rel=1e-3)
    assert block.again == pytest.approx(0.995, rel=1e-3)


@pytest.mark.parametrize(("ratio", "code"), [(1.01, 0), (1.02, 2), (1.03, 1)])
def test_what_is_not_certain_is_not_decided(ratio: float, code: int) -> None:
    found = ledger_latency.Ratio.of([ratio + off for off in (-0.004, 0.0, 0.004) * 5])
    assert ledger_latency.verdict(found) == code
