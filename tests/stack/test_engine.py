"""The image in a real Docker engine: built, healthy, unprivileged, restarted.

Skipped, saying why, where no engine can be started.
"""

import json
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.ports import free_port
from tests.stack.engine import Engine, compose_is_installed
from tests.stack.project import PAGES_PORT, project
from tests.stack.servers import wait
from tests.stack.tree import yaml_file

# Making the base image and building take their time.
pytestmark = pytest.mark.timeout(3600)

SERVICE = yaml_file("docker-compose.yml")["services"]["proxy"]
USER = SERVICE["user"].split(":")[0]
STATE = "/var/lib/anthropic-proxy"
PAUSE = 0.5  # seconds between two looks at the health


@dataclass(frozen=True)
class Container:
    """The proxy's container and its ports on this machine."""

    engine: Engine
    name: str
    port: int
    pages_port: int

    def state(self, field: str) -> str:
        """Return a field of the container's state."""
        return self.engine.docker("inspect", f"--format={{{{.State.{field}}}}}", self.name)

    def healthy(self) -> bool:
        """Tell what its own check says; fails when it has ended."""
        shown = "--format={{.State.Running}} {{.State.Health.Status}}"
        running, health = self.engine.docker("inspect", shown, self.name).split()
        assert running == "true", self.engine.docker("logs", self.name)
        return health == "healthy"

    def read(self, file: str) -> str:
        """Return a file's content."""
        return self.engine.docker("exec", self.name, "cat", file)


@contextmanager
def _run(built: Engine, _: Path) -> Iterator[Container]:
    """Run it with the compose file's options, on the machine's network."""
    made = Container(built, "proxy", free_port(), free_port())
    environment = SERVICE["environment"] | {
        "ANTHROPIC_PROXY_PORT": made.port,
        "ANTHROPIC_PROXY_DASHBOARD_PORT": made.pages_port,
    }
    options = [
        *(["--read-only"] if SERVICE["read_only"] else []),
        *(f"--cap-drop={capability}" for capability in SERVICE["cap_drop"]),
        *(f"--security-opt={option}" for option in SERVICE["security_opt"]),
        *(f"--tmpfs={path}" for path in SERVICE["tmpfs"]),
        *(f"--volume={volume}" for volume in SERVICE["volumes"] if not volume.startswith(".")),
        *(f"--env={name}={value}" for name, value in environment.items()),
        f"--user={SERVICE['user']}",
        "--health-interval=2s",  # so that it is soon known to be healthy
        f"--name={made.name}",
        "--network=host",
    ]
    built.docker("run", "--detach", *options, SERVICE["image"])
    try:
        yield made
    finally:
        built.docker("rm", "--force", made.name)


@contextmanager
def _compose(built: Engine, directory: Path) -> Iterator[Container]:
    """Let ``docker compose`` run it, without the ``.env`` of this tree."""
    if not compose_is_installed():
        pytest.skip("no `docker compose` here: the image is run without it")
    with project(built, directory) as stack:
        stack.up("proxy")
        ports = (stack.ports[name] for name in ("ANTHROPIC_PROXY_PORT", PAGES_PORT))
        yield Container(built, "anthropic-proxy-proxy-1", *ports)


@pytest.fixture(scope="module", params=[_run, _compose], ids=["run", "compose"])
def container(
    request: pytest.FixtureRequest, built: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Container]:
    """The container, healthy."""
    way: Callable[[Engine, Path], AbstractContextManager[Container]] = request.param
    with way(built, tmp_path_factory.mktemp("project")) as made:
        wait(made.healthy, pause=PAUSE)
        yield made


def test_it_answers_on_both_ports(container: Container) -> None:
    trust = ssl.create_default_context(cadata=container.read(f"{STATE}/ca.crt"))
    for base in (
        f"https://127.0.0.1:{container.port}",
        f"http://127.0.0.1:{container.pages_port}",
    ):
        answer = httpx.get(f"{base}/health", verify=trust, trust_env=False)
        assert answer.json() == {"status": "ok"}


def test_its_process_has_no_privileges(container: Container) -> None:
    status = Path(f"/proc/{container.state('Pid')}/status").read_text(encoding="utf-8")
    fields = dict(re.findall(r"^(\w+):\t(.*)$", status, re.MULTILINE))
    assert set(fields["Uid"].split()) == set(fields["Gid"].split()) == {USER}
    assert {int(fields[name], 16) for name in fields if name.startswith("Cap")} == {0}
    assert fields["NoNewPrivs"] == "1"


def test_not_even_root_could_write_to_its_file_system(container: Container) -> None:
    written = container.engine.attempt(
        "exec", "--user=0", container.name, "touch", "/opt/anthropic-proxy/written"
    )
    assert "Read-only file system" in written.stderr


def test_the_keys_in_the_volume_are_its_own(container: Container) -> None:
    listed = container.engine.docker(
        "exec", container.name, "find", STATE, "-type", "f", "-printf", "%f %m %U\n"
    )
    assert {f"{name}.key 600 {USER}" for name in ("ca", "server")} <= set(listed.splitlines())


def test_it_exits_cleanly_and_starts_again_with_its_certificate(container: Container) -> None:
    before = container.read(f"{STATE}/ca.crt")
    container.engine.docker("stop", container.name)
    assert container.state("ExitCode") == "0"
    container.engine.docker("start", container.name)
    wait(container.healthy, pause=PAUSE)
    assert container.read(f"{STATE}/ca.crt") == before
    logs = container.engine.docker("logs", container.name)
    assert re.findall(r"NODE_EXTRA_CA_CERTS=(\S+)", logs) == ["$PWD/ca.crt"] * 2


def test_the_image_has_only_what_it_needs(built: Engine) -> None:
    config = json.loads(built.docker("inspect", "--format={{json .Config}}", SERVICE["image"]))
    assert config["User"] == SERVICE["user"]
    listed = built.docker("run", "--rm", "--entrypoint=ls", SERVICE["image"], "/", "/opt")
    assert not {"src", "app", "uv.lock"} & set(listed.split())
