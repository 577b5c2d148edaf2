"""The compose file: hardened, pinned, on loopback, and without clashes."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import __version__
from app.server.drain import READINESS_LAG
from app.settings import Settings
from tests.programs import TIME_OUT, require, run
from tests.stack.engine import compose_is_installed
from tests.stack.project import PORTS
from tests.stack.tree import ROOT, Json, yaml_file

COMPOSE = yaml_file("docker-compose.yml")
SERVICES: dict[str, Json] = COMPOSE["services"]
OURS = {"proxy", "certificate", "proxy-demo"}
PROFILES = {
    "scaled": {"certificate"},
    "demo": {"proxy-demo"},
    "tracing": {"collector", "tempo"},
    "postgres": {"postgres"},
}
DEMO = PROFILES["demo"]
PUBLISHED = re.compile(r"127\.0\.0\.1:\$\{(\w+):-(\d+)\}:(\d+)")
PINNED = re.compile(r"[a-z/-]+:v?\d+\.\d+\.\d+|postgres:\d+\.\d+")  # PostgreSQL has two numbers
POSTGRES_SOCKETS = "/var/run/postgresql"
OLDEST = re.compile(r"Docker Compose (\d+)\.(\d+) or newer")

every_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


@every_service
def test_no_service_can_write_to_its_image_or_gain_privileges(service: Json) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges=true"]
    assert service["tmpfs"] in (["/tmp"], ["/tmp", POSTGRES_SOCKETS])  # noqa: S108 - the container's own
    assert "privileged" not in service


@every_service
def test_images_are_pinned_to_a_version(service: Json) -> None:
    assert PINNED.fullmatch(service["image"])


@every_service
def test_logs_are_bounded(service: Json) -> None:
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}


@every_service
def test_mounts_are_files_of_this_tree_read_only_or_named_volumes(service: Json) -> None:
    for mount in service["volumes"]:
        source, _, rest = mount.partition(":")
        if source.startswith("."):
            assert (ROOT / source).exists()
            assert rest.endswith(":ro")
        else:
            assert source in COMPOSE["volumes"]


@pytest.mark.parametrize("command", ["chmod -R go+rX", "chcon -R -t container_file_t"])
def test_what_containers_read_is_named_where_they_may_not(command: str) -> None:
    text = (ROOT / "docs/docker.md").read_text(encoding="utf-8")
    named = {Path(name) for name in re.findall(rf"{re.escape(command)} ([^`]+)`", text)[0].split()}
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", ())]
    for mount in mounts:
        if mount.startswith("."):
            source = Path(mount.partition(":")[0])
            assert named & {source, *source.parents}, source


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_image_is_built_here_and_named_for_this_version(name: str) -> None:
    assert SERVICES[name]["image"] == f"anthropic-proxy:{__version__}"
    assert SERVICES[name]["pull_policy"] == "build"


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_containers_run_as_the_image_s_user(name: str) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert f"USER {SERVICES[name]['user']}\n" in dockerfile


@pytest.mark.parametrize("name", sorted(OURS))
def test_docker_waits_longer_than_running_streams_may_take(name: str) -> None:
    patience = Settings.model_fields["shutdown_timeout"].default
    assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) > patience + 10


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_container_s_settings_are_settings(name: str) -> None:
    known = {f"ANTHROPIC_PROXY_{field.upper()}" for field in Settings.model_fields}
    assert set(SERVICES[name].get("environment", {})) <= known


def test_every_port_can_be_set_is_on_loopback_and_clashes_with_no_other() -> None:
    published = list(_published())
    assert {default: target for _, default, target in published} == {
        8443: ("balancer", 8443),
        9090: ("balancer", 9090),
        9091: ("prometheus", 9090),
        9093: ("alertmanager", 9093),
        3000: ("grafana", 3000),
        9092: ("proxy-demo", 9090),
        4318: ("collector", 4318),
    }
    variables = [variable for variable, _, _ in published]
    assert sorted(variables) == sorted(PORTS)
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    docs = (ROOT / "docs/docker.md").read_text(encoding="utf-8")
    for variable, default, _ in published:
        assert f"\n#{variable}={default}\n" in example
        assert f"| `{variable}` |" in docs


def test_the_proxy_can_be_scaled() -> None:
    """A port of the host, a name or a fixed address can be one container's only."""
    assert not {"ports", "container_name", "network_mode"} & set(SERVICES["proxy"])


def test_replicas_end_earlier_than_the_balancer_that_their_streams_go_through() -> None:
    assert "balancer" in SERVICES["proxy"]["depends_on"]
    assert SERVICES["balancer"]["stop_signal"] == "SIGUSR1"  # HAProxy's graceful end


def test_the_balancer_notices_a_drain_before_the_replica_refuses() -> None:
    config = (ROOT / "deploy/haproxy/haproxy.cfg").read_text(encoding="utf-8")
    (interval, fall) = map(int, re.findall(r"inter (\d+)ms fall (\d+)", config)[0])
    assert interval * (fall + 1) / 1000 < READINESS_LAG
    assert config.count("option httpchk GET /ready") == 2
    (slots,) = set(re.findall(r"server-template replica- (\d+) proxy:", config))
    assert int(slots) == 16
    assert "sixteen" in (ROOT / "docs/docker.md").read_text(encoding="utf-8")


@pytest.mark.external
def test_haproxy_accepts_its_configuration() -> None:
    run(require("haproxy", "haproxy"), "-c", "-f", ROOT / "deploy/haproxy/haproxy.cfg")


@pytest.mark.external
def test_alertmanager_accepts_its_configuration() -> None:
    require("amtool", "prometheus-alertmanager")
    run("amtool", "check-config", ROOT / "alertmanager/alertmanager.yml")


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_adds_only_its_own_services(profile: str) -> None:
    named = {name for name, one in SERVICES.items() if profile in one.get("profiles", ())}
    assert named == PROFILES[profile]


def test_the_demo_needs_no_key() -> None:
    assert not any("env_file" in SERVICES[name] for name in DEMO)


@every_service
def test_no_service_can_take_the_machine_s_memory_or_processes(service: Json) -> None:
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert 0 < service["pids_limit"] <= 256


def test_files_of_one_s_own_are_mounted_where_the_documents_say() -> None:
    assert "./config:/config:ro" in SERVICES["proxy"]["volumes"]
    named = re.findall(r"`(ANTHROPIC_PROXY_\w+)=/config/", (ROOT / "config/README.md").read_text())
    assert {"ANTHROPIC_PROXY_TLS_KEY_FILE", "ANTHROPIC_PROXY_SCRUB_RULES_FILE"} <= set(named)
    assert set(named) <= {f"ANTHROPIC_PROXY_{field.upper()}" for field in Settings.model_fields}


def test_git_ignores_what_is_put_into_config() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert ignored[ignored.index("/config/*") + 1 :] == ["!/config/README.md"]


def test_no_token_is_kept_in_the_tree() -> None:
    assert (ROOT / "prometheus/pages_token").read_bytes() == b""


@pytest.mark.external
def test_the_oldest_compose_is_stated_once_and_the_one_here_is_no_older() -> None:
    stated = {
        OLDEST.findall((ROOT / name).read_text(encoding="utf-8"))[0]
        for name in ("docker-compose.yml", "README.md", "docs/docker.md")
    }
    assert len(stated) == 1
    if not compose_is_installed():
        pytest.skip("no `docker compose` here")
    shown = run("docker", "compose", "version", "--short").lstrip("v")
    assert tuple(map(int, shown.split(".")[:2])) >= tuple(map(int, stated.pop()))


def test_grafana_lets_anyone_look_and_nobody_in() -> None:
    environment = SERVICES["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "true"
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    home = Path(environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (ROOT / "grafana/dashboards" / home.name).is_file()


def test_prometheus_remembers_longer_than_the_error_budget_looks_back() -> None:
    retention = next(word for word in SERVICES["prometheus"]["command"] if "retention" in word)
    assert int(retention.partition("=")[2].removesuffix("d")) > 30


def test_every_volume_is_used() -> None:
    mounted = {mount.split(":")[0] for service in SERVICES.values() for mount in service["volumes"]}
    assert set(COMPOSE["volumes"]) <= mounted


@pytest.mark.external
def test_docker_compose_reads_the_file_as_it_is_meant() -> None:
    """Needs the docker command with its compose plugin, but no running engine."""
    if not compose_is_installed():
        pytest.skip("no `docker compose` here: the file was checked as YAML only")
    done = subprocess.run(
        ["docker", "compose", "--profile", "*", "config", "--format", "json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIME_OUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["services"]) == set(SERVICES)


@pytest.mark.external
def test_the_ledger_s_password_is_written_once_in_env(tmp_path: Path) -> None:
    if not compose_is_installed():
        pytest.skip("no `docker compose` here: the file was checked as YAML only")
    secret = "fake0password"
    docs = (ROOT / "docs/docker.md").read_text(encoding="utf-8")
    (url,) = re.findall(r"^(ANTHROPIC_PROXY_LEDGER_URL=.*POSTGRES_PASSWORD.*)$", docs, re.MULTILINE)
    (tmp_path / ".env").write_text(f"POSTGRES_PASSWORD={secret}\n{url}\n", encoding="utf-8")
    found = _config(tmp_path, "--profile=postgres")
    database = found["postgres"]["environment"]
    server = f"postgresql://{database['POSTGRES_USER']}:{secret}@postgres/{database['POSTGRES_DB']}"
    assert found["proxy"]["environment"]["ANTHROPIC_PROXY_LEDGER_URL"] == server
    assert database["POSTGRES_PASSWORD"] == secret
    assert found["proxy"]["depends_on"]["postgres"]["required"] is False
    assert "ports" not in found["postgres"]
    assert "postgres" not in _config(tmp_path)


def test_the_database_outlives_a_restart_and_is_stopped_in_order() -> None:
    service = SERVICES["postgres"]
    assert service["volumes"] == ["postgres-data:/var/lib/postgresql/data"]
    assert "pg_isready" in service["healthcheck"]["test"]
    assert "postgres" in SERVICES["proxy"]["depends_on"]


def _config(directory: Path, *options: str) -> dict[str, Json]:
    """Return the services as compose starts them for the ``.env`` in ``directory``."""
    shown = run(
        "docker", "compose", f"--file={ROOT / 'docker-compose.yml'}",
        f"--project-directory={directory}", *options, "config", "--format=json",
    )  # fmt: skip
    services: dict[str, Json] = json.loads(shown)["services"]
    return services


def _published() -> Iterator[tuple[str, int, tuple[str, int]]]:
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            match = PUBLISHED.fullmatch(port)
            assert match is not None, (
                f"{name} publishes {port} beyond loopback, or it cannot be set"
            )
            yield match[1], int(match[2]), (name, int(match[3]))
