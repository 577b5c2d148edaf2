"""``docker compose --profile scaled up --scale proxy=3``: healthy, balanced, drained, scraped.

Skipped, saying why, where no engine can be started.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from tests.proxying import STREAM
from tests.stack.engine import Engine, compose_is_installed
from tests.stack.project import PAGES_PORT, Project, project
from tests.stack.servers import Prometheus, wait

pytestmark = pytest.mark.timeout(3600)

REPLICAS = 3
TOKEN = "fake-pages-token"
CLIENTS = 12  # of the load: each with a stream open at all times
UPSTREAM = "upstream"
# A stream of a good second, so that those that run when a replica drains must outlive the drain.
SIMULATE = '{"deltas": ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"], "gap": 0.1}'
SETTINGS = {
    "ANTHROPIC_PROXY_UPSTREAM_BASE_URL": f"http://{UPSTREAM}:8700",
    "ANTHROPIC_PROXY_PAGES_TOKEN": TOKEN,
    "ANTHROPIC_PROXY_TLS_NAMES": "proxy.team.example",
    "ANTHROPIC_PROXY_SHUTDOWN_TIMEOUT": "20",
}


@dataclass
class Load:
    """Streams through the balancer, one after another by each client; counts how they ended."""

    url: str
    trust: ssl.SSLContext
    whole: int = 0
    failed: list[str] = field(default_factory=list)

    async def run(self, until: asyncio.Event) -> None:
        """Keep `CLIENTS` streams open until the event; half of the clients keep connections."""
        await asyncio.gather(*(self._client(until, keep=n % 2 == 0) for n in range(CLIENTS)))

    async def _client(self, until: asyncio.Event, *, keep: bool) -> None:
        while not until.is_set():
            async with httpx.AsyncClient(verify=self.trust, trust_env=False, timeout=240) as client:
                await self._stream(client)
                while keep and not until.is_set() and not self.failed:
                    await self._stream(client)

    async def _stream(self, client: httpx.AsyncClient) -> None:
        try:
            answer = await client.post(self.url, json=STREAM, headers={"x-simulate": SIMULATE})
        except httpx.TransportError as exc:
            self.failed.append(repr(exc))
            return
        if answer.status_code == 200 and "message_stop" in answer.text:
            self.whole += 1
        else:
            self.failed.append(f"{answer.status_code}: {answer.text[-200:]}")


@pytest.fixture(scope="module")
def stack(built: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Three replicas, healthy, in front of a simulated upstream."""
    if not compose_is_installed():
        pytest.skip("no `docker compose` here")
    with project(built, tmp_path_factory.mktemp("scaled"), SETTINGS) as made:
        _scale(made, REPLICAS)
        image = built.docker("inspect", "--format={{.Config.Image}}", made.containers("proxy")[0])
        simulate = ("simulate", "--host=0.0.0.0", "--port=8700")
        network = "--network=anthropic-proxy_default"
        built.docker("run", "--detach", f"--name={UPSTREAM}", network, image, *simulate)
        try:
            _wait_until_healthy(made)
            yield made
        finally:
            built.docker("rm", "--force", UPSTREAM)


def _scale(stack: Project, replicas: int) -> None:
    """Start as the README says, without Grafana, whose image no Debian package can stand in for."""
    stack.up(
        f"--scale=proxy={replicas}",
        *("certificate", "proxy", "balancer", "prometheus", "alertmanager"),
        options=("--profile=scaled",),
    )


def _wait_until_healthy(stack: Project) -> None:
    """Wait until all replicas are."""
    wait(lambda: _healthy(stack) == REPLICAS, pause=0.5)


def _healthy(stack: Project) -> int:
    """Return how many replicas are healthy."""
    shown = "--format={{.State.Health.Status}}"
    return (
        stack.engine.docker("inspect", shown, *stack.containers("proxy")).split().count("healthy")
    )


def _pages(stack: Project) -> str:
    return f"http://127.0.0.1:{stack.ports[PAGES_PORT]}"


def _load(stack: Project) -> Load:
    """Return a load that trusts the CA that any client can fetch."""
    ca = httpx.get(f"{_pages(stack)}/ca.crt", trust_env=False).text
    url = f"https://localhost:{stack.ports['ANTHROPIC_PROXY_PORT']}/v1/messages"
    return Load(url, ssl.create_default_context(cadata=ca))


async def _loaded(stack: Project, act: Callable[[Load], None]) -> Load:
    """Run the load around ``act``, which runs on a thread; return how it went."""
    load, until = _load(stack), asyncio.Event()
    running = asyncio.create_task(load.run(until))
    try:
        await asyncio.to_thread(act, load)
    finally:
        until.set()
        await running
    return load


def _more(load: Load, count: int) -> None:
    """Wait until ``count`` more streams have ended well, or one has failed."""
    enough = load.whole + count
    wait(lambda: load.whole >= enough or bool(load.failed))


def _served(stack: Project) -> int:
    """Return how many replicas have served something, as Prometheus has it."""
    server = Prometheus(f"http://127.0.0.1:{stack.ports['PROMETHEUS_PORT']}")
    return len(server.query("sum by (instance) (anthropic_proxy_requests_total) > 0"))


async def test_three_replicas_are_healthy_and_share_the_requests(stack: Project) -> None:
    load = await _loaded(stack, lambda load: _more(load, 10 * REPLICAS))
    assert load.failed == []
    # Prometheus scrapes every 15 s.
    await asyncio.to_thread(wait, lambda: _served(stack) == REPLICAS)


async def test_one_is_stopped_and_drains_without_a_failed_request(stack: Project) -> None:
    stopped = stack.containers("proxy")[0]

    def act(load: Load) -> None:
        _more(load, CLIENTS)
        stack.engine.docker("stop", stopped)
        _more(load, 3 * CLIENTS)
        stack.engine.docker("start", stopped)
        _wait_until_healthy(stack)
        _more(load, 3 * CLIENTS)

    load = await _loaded(stack, act)
    (balancer,) = stack.containers("balancer")
    told = stack.engine.docker("logs", "--tail=20", balancer)
    assert load.failed == [], f"beside {load.whole} that ended well. The balancer: {told}"
    assert stack.engine.docker("inspect", "--format={{.RestartCount}}", stopped) == "0"


async def test_one_that_dies_takes_only_its_own_streams(stack: Project) -> None:
    killed = stack.containers("proxy")[1]

    def act(load: Load) -> None:
        _more(load, CLIENTS)
        stack.engine.docker("kill", killed)
        enough = load.whole + 3 * CLIENTS
        wait(lambda: load.whole >= enough)  # those of the dead one have ended, its clients are back
        load.failed.clear()
        _more(load, 3 * CLIENTS)

    load = await _loaded(stack, act)
    assert load.failed == []
    stack.engine.docker("start", killed)
    _wait_until_healthy(stack)


def test_the_replicas_share_one_certificate_of_one_ca(stack: Project) -> None:
    found = {
        stack.engine.docker("exec", name, "anthropic-proxy", "certificate")
        for name in stack.containers("proxy")
    }
    assert len(found) == 1
    assert "proxy.team.example" in found.pop()


def test_the_pages_want_their_token_and_prometheus_has_it(stack: Project) -> None:
    answer = httpx.get(f"{_pages(stack)}/metrics", trust_env=False)
    assert answer.status_code == 401
    shown = {"authorization": f"Bearer {TOKEN}"}
    assert httpx.get(f"{_pages(stack)}/metrics", headers=shown, trust_env=False).is_success
    (prometheus,) = stack.containers("prometheus")
    token = "/tmp/prometheus/pages_token"  # noqa: S108 - in the container
    mode = stack.engine.docker("exec", prometheus, "stat", "-c", "%a", token)
    assert mode == "600"


def test_somebody_sees_the_alerts(stack: Project) -> None:
    server = Prometheus(f"http://127.0.0.1:{stack.ports['PROMETHEUS_PORT']}")
    known = httpx.get(f"{server.url}/api/v1/alertmanagers", trust_env=False).json()
    assert [one["url"] for one in known["data"]["activeAlertmanagers"]] == [
        "http://alertmanager:9093/api/v2/alerts"
    ]
    url = f"http://127.0.0.1:{stack.ports['ALERTMANAGER_PORT']}/api/v2/status"
    assert httpx.get(url, trust_env=False).json()["config"]["original"].count("severity") == 2


def test_every_container_has_its_limits(stack: Project) -> None:
    for service in ("proxy", "balancer", "prometheus", "alertmanager"):
        for name in stack.containers(service):
            limits = "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}"
            memory, pids = stack.engine.docker("inspect", f"--format={limits}", name).split()
            assert 0 < int(memory) <= 2**30
            assert 0 < int(pids) <= 256
