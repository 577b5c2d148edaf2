"""The compose file: hardened, pinned, on loopback, and without clashes."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import __version__
from app.settings import Settings
from tests.stack.engine import compose_is_installed
from tests.stack.tree import ROOT, Json, yaml_file

COMPOSE = yaml_file("docker-compose.yml")
SERVICES: dict[str, Json] = COMPOSE["services"]
OURS = {"proxy", "demo-certificate", "proxy-demo", "simulator"}
DEMO = OURS - {"proxy"}
PUBLISHED = re.compile(r"127\.0\.0\.1:(?:\$\{\w+:-)?(\d+)\}?:(\d+)")

every_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


@every_service
def test_no_service_can_write_to_its_image_or_gain_privileges(service: Json) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges=true"]
    assert service["tmpfs"] == ["/tmp"]  # noqa: S108 - the container's own
    assert "privileged" not in service


@every_service
def test_images_are_pinned_to_a_version(service: Json) -> None:
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+", service["image"])


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


def test_ports_are_on_loopback_and_do_not_clash() -> None:
    published = dict(_published())
    assert published == {
        8443: ("proxy", 8443),
        9090: ("proxy", 9090),
        9091: ("prometheus", 9090),
        3000: ("grafana", 3000),
        9092: ("proxy-demo", 9090),
    }


def test_the_demo_starts_only_when_asked_for_and_needs_no_key() -> None:
    assert {name for name, service in SERVICES.items() if service.get("profiles")} == DEMO
    assert not any("env_file" in SERVICES[name] for name in DEMO)


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


def test_docker_compose_reads_the_file_as_it_is_meant() -> None:
    """Needs the docker command with its compose plugin, but no running engine."""
    if not compose_is_installed():
        pytest.skip("no `docker compose` here: the file was checked as YAML only")
    done = subprocess.run(
        ["docker", "compose", "--profile", "demo", "config", "--format", "json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["services"]) == set(SERVICES)


def _published() -> Iterator[tuple[int, tuple[str, int]]]:
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            match = PUBLISHED.fullmatch(port)
            assert match is not None, f"{name} publishes {port} beyond loopback"
            yield int(match[1]), (name, int(match[2]))
