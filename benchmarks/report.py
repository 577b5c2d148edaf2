"""Tables of results, for people: on a terminal and in the documentation. Pure."""

from collections.abc import Mapping

from benchmarks import peers
from benchmarks.figures import FIGURES, SATURATED, Figure, Goal, met, ratio
from benchmarks.results import Results

Row = tuple[str, ...]


def shown(value: float) -> str:
    """Return a figure with about three digits."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _cell(values: Mapping[str, float], busy: Mapping[str, float], peer: str) -> str:
    if peer not in values:
        return "-"
    limited = peer in busy and busy[peer] < SATURATED
    return ("≥ " if limited else "") + shown(values[peer])


def _goal(figure: Figure) -> str:
    sign = "≥" if figure.more else "≤"
    if figure.goal is None:
        return ""
    if figure.goal is Goal.RATIO:
        return f"{sign} {figure.limit:g} x naive"
    if figure.goal is Goal.ADDED:
        return f"{sign} direct + {figure.limit:g}"
    return f"{sign} {figure.limit:g}"


def _ratio(values: Mapping[str, float], peer: str) -> str:
    found = ratio(values, peer, peers.NAIVE)
    return "" if found is None else f"{found:.2f}"


VERDICTS = {None: "", True: "met", False: "not met"}


def rows(results: Results) -> list[Row]:
    """Return the table: a head, then a row for each figure that was measured."""
    compared = results.compared
    table: list[Row] = [("", *compared, "ours / naive", "goal", "")]
    for figure in FIGURES:
        values = results.medians(figure)
        if not values:
            continue
        busy = results.busy(figure)
        verdict = met(figure, values, peers.OURS, peers.NAIVE, peers.DIRECT)
        table.append(
            (
                _title(figure),
                *(_cell(values, busy, peer) for peer in compared),
                _ratio(values, peers.OURS),
                _goal(figure),
                VERDICTS[verdict],
            )
        )
    return table


def plain(table: list[Row]) -> str:
    """Return a table for a terminal."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    )


def short(results: Results) -> list[Row]:
    """Return the table without notes: figure, ours, naive, and the ratio."""
    table: list[Row] = [("", "this proxy", "naive", "ratio")]
    for figure in FIGURES:
        values = results.medians(figure)
        if figure.goal is Goal.RATIO and peers.OURS in values and peers.NAIVE in values:
            cells = (shown(values[peer]) for peer in (peers.OURS, peers.NAIVE))
            table.append((_title(figure), *cells, _ratio(values, peers.OURS)))
    return table


def spent(results: Results) -> str:
    """Return a sentence or two: what the proxy costs in time, processor and memory."""
    ours = {
        figure.key: values[peers.OURS]
        for figure in FIGURES
        if peers.OURS in (values := results.medians(figure))
    }
    [relay] = [results.medians(figure) for figure in FIGURES if figure.key == "relay_p50"]
    later = relay[peers.OURS] - relay[peers.DIRECT]
    return (
        f"An event reaches the client {later:.1f} ms later than without the proxy (median, 2,500 "
        f"events a second). Idle, it uses {ours['idle_cpu_percent']:.2f} % of a core and "
        f"{ours['rss_idle_mb']:.0f} MB; with 200 open streams, {ours['rss_200_mb']:.0f} MB."
    )


def _title(figure: Figure) -> str:
    return figure.title + (f", {figure.unit}" if figure.unit else "")


def measured_on(results: Results) -> str:
    """Return a sentence about machine, versions, date and source."""
    machine, versions = results.machine, results.versions
    named = ", ".join(f"{name} {number}" for name, number in versions.items())
    rounds = max(len(each) for values in results.rounds.values() for each in values.values())
    return (
        f"Measured on {results.date} at commit {results.commit}: {machine['cores']} cores of "
        f"{machine['cpu']}, Linux {machine['kernel']}, Python {machine['python']}, OpenSSL "
        f"{machine['openssl']}; {named}; medians of {rounds} rounds."
    )
