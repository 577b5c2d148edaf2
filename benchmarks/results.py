"""The results of a comparison: the figures of every round, and what they were measured on."""

import json
import os
import platform
import re
import ssl
import statistics
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from benchmarks import peers
from benchmarks.figures import FIGURES, Figure

KEPT = Path(__file__).with_name("results.json")
PACKAGES = ("h2", "httpx", "hypercorn", "pyreqwest", "starlette", "uvloop")
Rounds = Mapping[str, Mapping[str, list[float]]]  # by figure and proxy, one value a round


@dataclass(frozen=True, slots=True)
class Results:
    """A run of the comparison."""

    date: str
    commit: str
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    rounds: Rounds

    def medians(self, figure: Figure) -> dict[str, float]:
        """Return the median of a figure by proxy; of one that is added, over the direct run."""
        values = self.rounds.get(figure.key, {})
        if not figure.added:
            return {peer: statistics.median(each) for peer, each in values.items()}
        direct = values.get(peers.DIRECT)
        if direct is None:
            return {}
        return {
            peer: statistics.median(own - base for own, base in zip(each, direct, strict=True))
            for peer, each in values.items()
            if peer != peers.DIRECT
        }

    def busy(self, figure: Figure) -> dict[str, float]:
        """Return the share of its core that each proxy used while the figure was measured."""
        values = self.rounds.get(figure.busy, {}) if figure.busy else {}
        return {peer: statistics.median(each) for peer, each in values.items()}

    @property
    def compared(self) -> list[str]:
        """The proxies of this run."""
        found = dict.fromkeys(peer for values in self.rounds.values() for peer in values)
        return [peer for peer in (*peers.PEERS, peers.DIRECT) if peer in found] + [
            peer for peer in found if peer not in (*peers.PEERS, peers.DIRECT)
        ]

    def save(self, file: Path) -> None:
        """Write the run as JSON, with the medians for those who read no rounds."""
        medians = {figure.key: _rounded(self.medians(figure)) for figure in FIGURES}
        rounds = {
            key: {peer: [float(f"{value:.5g}") for value in each] for peer, each in values.items()}
            for key, values in self.rounds.items()
        }
        shown = asdict(self) | {"rounds": rounds, "medians": medians}
        text = json.dumps(shown, indent=1, ensure_ascii=False)
        file.write_text(one_line_lists(text) + "\n")

    @classmethod
    def load(cls, file: Path) -> "Results":
        """Read a run."""
        told = json.loads(file.read_text())
        return cls(**{name: told[name] for name in cls.__slots__})


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {peer: float(f"{value:.4g}") for peer, value in values.items()}


def one_line_lists(text: str) -> str:
    """Return indented JSON with each list of numbers on one line."""
    return re.sub(
        r"\[\s+([-\d.eE+,\s]+?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text
    )


def describe(rounds: Rounds, compared: Iterable[str]) -> Results:
    """Return results measured now, here, with this source."""
    return Results(
        date=datetime.now(UTC).date().isoformat(),
        commit=_git("rev-parse", "--short", "HEAD") + ("+" if _changed() else ""),
        machine={
            "cpu": _processor(),
            "cores": str(len(os.sched_getaffinity(0))),
            "kernel": ".".join(platform.release().split(".")[:2]),
            "python": platform.python_version(),
            "openssl": ssl.OPENSSL_VERSION.split()[1],
        },
        versions={name: version(name) for name in PACKAGES if find_spec(name)}
        | {name: peers.version(name) for name in compared if name in peers.PROGRAMS},
        rounds=rounds,
    )


def _git(*arguments: str) -> str:
    told = subprocess.run(
        ("git", *arguments), cwd=peers.ROOT, capture_output=True, text=True, check=False
    )
    return told.stdout.strip() or "unknown"


def _changed() -> bool:
    return _git("status", "--porcelain", "--untracked-files=no") != "unknown"


def _processor() -> str:
    names = [
        line.partition(": ")[2]
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return names[0] if names else platform.machine()
