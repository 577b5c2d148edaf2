"""The manifests: rendered by kustomize, held against the API's schemas, and what they promise."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from app.server.drain import READINESS_LAG
from app.settings import PREFIX, Settings
from deploy.kubernetes.generate import generated
from tests.programs import require, run
from tests.stack.compiled import complaints
from tests.stack.tree import DASHBOARDS, ROOT, RULES, Json, yaml_file

pytestmark = pytest.mark.external

FOLDER = ROOT / "deploy/kubernetes"
LAYERS = ("base", "overlays/monitoring", "overlays/autoscaling")
# The oldest Kubernetes that docs/kubernetes.md names, and the newest whose schemas are known.
VERSIONS = ("1.31", "1.37")
OPERATOR = "monitoring.coreos.com/v1"
OPERATED = {"PodMonitor": "port", "PrometheusRule": "expr"}  # kinds, each with a field
WRONG = "Misspelt"

every_layer = pytest.mark.parametrize("layer", LAYERS)


@cache
def _rendered(layer: str) -> tuple[Json, ...]:
    require("kubectl", "kubectl")
    text = run("kubectl", "kustomize", FOLDER / layer)
    return tuple(yaml.safe_load_all(text))


def _one(kind: str, layer: str = "overlays/autoscaling") -> Json:
    (found,) = [manifest for manifest in _rendered(layer) if manifest["kind"] == kind]
    return found


def _pod() -> tuple[Json, Json]:
    spec: Json = _one("Deployment")["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    return spec, container


@pytest.mark.parametrize("version", VERSIONS)
@every_layer
def test_the_api_s_schemas_accept_every_manifest(layer: str, version: str) -> None:
    for manifest in _rendered(layer):
        if manifest["apiVersion"] != OPERATOR:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_a_misspelt_field_would_be_noticed() -> None:
    wrong = json.loads(json.dumps(_one("Deployment")))
    wrong["spec"]["template"]["spec"]["terminationGracePeriod"] = 60
    with pytest.raises(kubernetes_validate.ValidationError, match="terminationGracePeriod"):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def _typed(manifest: Json) -> str:
    kind = manifest["kind"]
    return (
        f'import type {{ I{kind} }} from "@kubernetes-models/prometheus-operator/{OPERATOR}";\n'
        f"export const manifest: I{kind} = {json.dumps(manifest)};\n"
    )


def _misspelt(kind: str) -> str:
    field = OPERATED[kind]
    return _typed(_one(kind)).replace(f'"{field}"', f'"{field}s"', 1)


@pytest.fixture(scope="module")
def found(compiler: Path) -> dict[str, str]:
    """The compiler's complaints about the operator's manifests, and about the same misspelt."""
    files = {kind: _typed(_one(kind)) for kind in OPERATED}
    wrong = {f"{WRONG}{kind}": _misspelt(kind) for kind in OPERATED}
    return complaints(compiler, "operated", files | wrong)


def test_the_operator_s_types_accept_its_manifests(found: dict[str, str]) -> None:
    assert {kind: found[kind] for kind in OPERATED if kind in found} == {}


def test_the_operator_s_types_notice_a_misspelt_field(found: dict[str, str]) -> None:
    for kind, field in OPERATED.items():
        assert f"{field}s" in found[f"{WRONG}{kind}"]


def test_rules_and_dashboards_are_those_of_the_compose_stack() -> None:
    files = generated()
    stale = [path.name for path, content in files.items() if path.read_text("utf-8") != content]
    assert stale == [], "make kubernetes"
    kept = set((FOLDER / "overlays/monitoring/dashboards").iterdir())
    assert kept == {path for path in files if path.parent.name == "dashboards"}
    groups = [group for path in RULES for group in yaml_file(path)["groups"]]
    assert _one("PrometheusRule")["spec"]["groups"] == groups
    data = _one("ConfigMap")["data"]
    assert data == {path.name: path.read_text("utf-8") for path in DASHBOARDS}
    assert sum(map(len, data.values())) < 2**20, "a ConfigMap may hold 1 MiB"


@every_layer
def test_every_file_of_a_layer_is_used(layer: str) -> None:
    named = yaml_file(FOLDER / layer / "kustomization.yaml")["resources"]
    files = {path.name for path in (FOLDER / layer).glob("*.yaml")} - {"kustomization.yaml"}
    assert files == {name for name in named if name.endswith(".yaml")}


def test_the_pod_runs_compose_s_image_without_privileges() -> None:
    pod, container = _pod()
    assert container["image"] == yaml_file("docker-compose.yml")["services"]["proxy"]["image"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert set(container["resources"]) == {"requests", "limits"}
    assert pod["enableServiceLinks"] is False, "the service would set ANTHROPIC_PROXY_PORT"


def test_a_replica_goes_on_serving_until_it_is_out_of_the_service_and_then_drains() -> None:
    pod, container = _pod()
    command, seconds = container["lifecycle"]["preStop"]["exec"]["command"]
    assert command == "sleep"
    probe = container["readinessProbe"]
    assert probe["httpGet"]["path"] == "/ready"
    assert probe["failureThreshold"] == 1
    assert float(seconds) > probe["periodSeconds"] + READINESS_LAG
    patience = Settings.model_fields["shutdown_timeout"].default
    assert pod["terminationGracePeriodSeconds"] > patience + float(seconds) + 10
    for name in ("startupProbe", "livenessProbe"):
        assert container[name]["httpGet"]["path"] == "/health"


def test_the_container_s_variables_are_settings() -> None:
    _, container = _pod()
    known = {f"{PREFIX}{field.upper()}" for field in Settings.model_fields}
    assert {variable["name"] for variable in container["env"]} <= known


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Deployment", "spec.selector"),
        ("PodDisruptionBudget", "spec.selector"),
        ("NetworkPolicy", "spec.podSelector"),
        ("PodMonitor", "spec.selector"),
        ("Service", "spec.selector"),
    ],
)
def test_every_selector_selects_the_pods(kind: str, path: str) -> None:
    labels = _one("Deployment")["spec"]["template"]["metadata"]["labels"]
    found = [manifest for manifest in _rendered("overlays/monitoring") if manifest["kind"] == kind]
    for manifest in found:
        selector: Any = manifest
        for part in path.split("."):
            selector = selector[part]
        assert selector.get("matchLabels", selector) == labels
    assert found


def test_every_port_that_is_named_is_a_port_of_the_container() -> None:
    _, container = _pod()
    names = {port["name"] for port in container["ports"]}
    text = "\n".join(path.read_text("utf-8") for path in (FOLDER / "base").glob("*.yaml"))
    used = set(re.findall(r"(?:targetPort|port): ([a-z]+)", text))
    used |= {one["port"] for one in _one("PodMonitor")["spec"]["podMetricsEndpoints"]}
    assert used == names
    defaults = {Settings.model_fields[name].default for name in ("port", "dashboard_port")}
    assert {port["containerPort"] for port in container["ports"]} == defaults


def test_replicas_spread_over_zones_and_nodes_and_go_one_by_one() -> None:
    pod, _ = _pod()
    assert [one["topologyKey"] for one in pod["topologySpreadConstraints"]] == [
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    ]
    assert _one("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_the_pages_are_not_open_to_every_namespace() -> None:
    rules = _one("NetworkPolicy")["spec"]["ingress"]
    open_ports = [port["port"] for rule in rules if "from" not in rule for port in rule["ports"]]
    assert open_ports == ["https"]


def test_the_job_is_called_what_the_rules_expect() -> None:
    scraped = yaml_file("prometheus/prometheus.yml")["scrape_configs"][0]
    monitor = _one("PodMonitor")["spec"]
    labels = _one("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert labels[monitor["jobLabel"]] == scraped["job_name"]
    assert monitor["podMetricsEndpoints"][0]["path"] == scraped["metrics_path"]


def test_it_scales_by_a_metric_that_the_proxy_has(metric_names: frozenset[str]) -> None:
    autoscaler = _one("HorizontalPodAutoscaler")["spec"]
    (metric,) = autoscaler["metrics"]
    name = metric["pods"]["metric"]["name"]
    assert name in metric_names
    assert f'as: "{name}"' in (ROOT / "docs/kubernetes.md").read_text("utf-8")
    assert autoscaler["scaleTargetRef"]["name"] == _one("Deployment")["metadata"]["name"]
    assert "replicas" not in _one("Deployment")["spec"], "an apply would undo the autoscaler's"
    assert _one("Deployment", "base")["spec"]["replicas"] == autoscaler["minReplicas"]
