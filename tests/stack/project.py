"""The compose file as a project of the tests' own: its files, its ports, its ``.env``."""

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port
from tests.stack.engine import NOTHING, Engine
from tests.stack.tree import ROOT

PAGES_PORT = "ANTHROPIC_PROXY_DASHBOARD_PORT"
PORTS = (
    "ANTHROPIC_PROXY_PORT",
    PAGES_PORT,
    "PROMETHEUS_PORT",
    "ALERTMANAGER_PORT",
    "GRAFANA_PORT",
    "DEMO_DASHBOARD_PORT",
    "OTLP_PORT",
)
# What the services mount.
FILES = ("alertmanager", "config", "deploy/haproxy", "deploy/tracing", "prometheus")
# At the pace of a test: checks of health, each a process, and scrapes.
PACE = "services: {proxy: {healthcheck: {interval: 3s}}}\n"
SCRAPING = re.compile(r"(scrape_interval|scrape_timeout|refresh_interval): \d+s")


@dataclass(frozen=True)
class Project:
    """A project: ``ports`` are those on this machine, by their variable."""

    engine: Engine
    directory: Path
    ports: Mapping[str, int]

    def compose(self, *command: str) -> str:
        """Run a compose command to a good end; return what it printed."""
        ports = {name: str(port) for name, port in self.ports.items()}
        files = (
            f"--file={file}" for file in (ROOT / "docker-compose.yml", self.directory / "pace.yml")
        )
        directory = f"--project-directory={self.directory}"
        return self.engine.docker("compose", *files, directory, *command, environment=ports)

    def up(self, *services: str, options: tuple[str, ...] = ()) -> None:
        """Start services with the image that is there."""
        self.compose(*options, "up", "--detach", "--no-build", *services)

    def containers(self, service: str) -> list[str]:
        """Return the ids of a service's running containers."""
        of = f"--filter=label=com.docker.compose.service={service}"  # Compose itself takes longer
        return self.engine.docker("ps", "--quiet", of).split()


@contextmanager
def project(
    engine: Engine, directory: Path, settings: Mapping[str, str] = NOTHING
) -> Iterator[Project]:
    """Make a project, without the ``.env`` of this tree; at the end all of it is gone."""
    for name in FILES:
        shutil.copytree(ROOT / name, directory / name)
    (directory / "pace.yml").write_text(PACE, encoding="utf-8")
    scraping = directory / "prometheus/prometheus.yml"
    text, changed = SCRAPING.subn(r"\1: 2s", scraping.read_text(encoding="utf-8"))
    assert changed
    scraping.write_text(text, encoding="utf-8")
    lines = [f"{name}={value}\n" for name, value in settings.items()]
    (directory / ".env").write_text("".join(lines), encoding="utf-8")
    made = Project(engine, directory, {name: free_port() for name in PORTS})
    try:
        yield made
    finally:
        made.compose("--profile=*", "down", "--volumes", "--timeout=5")
