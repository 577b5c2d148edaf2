"""The Ansible role and its systemd units, read; tests/deploy runs them."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jinja2
import pytest

from app.settings import Settings
from tests.programs import TIME_OUT
from tests.stack.tree import ROOT, Json, yaml_file

ROLE = Path("deploy/ansible/roles/anthropic_proxy")
TASKS: list[Json] = [
    task
    for file in ("prepare", "version", "release", "check", "activate", "switch", "firewall")
    for task in yaml_file(ROLE / f"tasks/{file}.yml")
]
PATIENCE = Settings.model_fields["shutdown_timeout"].default
REPLICA = pytest.mark.parametrize("replica", [False, True])


def _module(name: str) -> list[Json]:
    return [task[name] for task in TASKS if name in task]


def _unit(*, replica: bool, port: int = 8443) -> str:
    """Return the text of a unit as the role writes it."""
    environment = jinja2.Environment(trim_blocks=True, autoescape=False)  # noqa: S701 - no HTML
    environment.filters["basename"] = os.path.basename  # Ansible's
    template = environment.from_string((ROOT / ROLE / "templates/unit.service.j2").read_text())
    effective = {"port": port, "dashboard_port": 9090, "shutdown_timeout": PATIENCE}
    values: dict[str, Any] = {
        "ansible_managed": "managed",
        "anthropic_proxy_user": "nobody",
        "anthropic_proxy_home": "/srv",
        "anthropic_proxy_state": "/var/lib/anthropic-proxy",
        "anthropic_proxy_effective": effective,
        "item": {"replica": replica},
    }
    return template.render(values)


def test_settings_are_neither_logged_nor_readable_by_others() -> None:
    [task] = [
        task for task in TASKS if task.get("ansible.builtin.template", {}).get("src") == "env.j2"
    ]
    assert task["no_log"] is True
    assert task["diff"] is False
    assert task["ansible.builtin.template"]["mode"] == "0600"


def test_the_defaults_are_the_proxy_s() -> None:
    defaults = yaml_file(ROLE / "defaults/main.yml")
    for field in ("port", "dashboard_port", "shutdown_timeout"):
        assert defaults[f"anthropic_proxy_{field}"] == Settings.model_fields[field].default


def test_what_is_copied_exists() -> None:
    [synchronized] = _module("ansible.posix.synchronize")
    included = [
        option.removeprefix("--include=/")
        for option in synchronized["rsync_opts"]
        if option.startswith("--include=/")
    ]
    assert included
    for name in [*included, *yaml_file(ROLE / "vars/main.yml")["anthropic_proxy_source_files"]]:
        assert (ROOT / name.removesuffix("***")).exists(), name


def test_no_option_of_rsync_holds_a_blank() -> None:
    """Ansible would split it there."""
    [synchronized] = _module("ansible.posix.synchronize")
    assert not [option for option in synchronized["rsync_opts"] if " " in option]


def test_every_variable_of_the_role_is_explained() -> None:
    text = (ROOT / "docs/deployment.md").read_text(encoding="utf-8")
    missing = [name for name in yaml_file(ROLE / "defaults/main.yml") if f"`{name}`" not in text]
    assert missing == []


def test_every_variable_that_is_explained_has_a_default() -> None:
    text = (ROOT / "docs/deployment.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `(anthropic_proxy_\w+)` \|", text, re.MULTILINE))
    assert named == set(yaml_file(ROLE / "defaults/main.yml"))


def test_the_collections_are_pinned() -> None:
    used = {
        name.rpartition(".")[0]
        for task in TASKS
        for name in task
        if name.count(".") == 2 and not name.startswith("ansible.builtin.")
    }
    collections = yaml_file("deploy/ansible/requirements.yml")["collections"]
    assert used <= {one["name"] for one in collections}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", one["version"]) for one in collections)


@REPLICA
def test_a_unit_is_hardened(*, replica: bool) -> None:
    lines = set(_unit(replica=replica).splitlines())
    assert {
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateTmp=yes",
        "PrivateUsers=yes",
        "CapabilityBoundingSet=",
        "AmbientCapabilities=",
        "KillSignal=SIGTERM",
        "LimitNOFILE=65536",
        "RestartPreventExitStatus=2",
        f"TimeoutStopSec={int(PATIENCE) + 15}",
    } <= lines


def test_a_low_port_gets_its_capability_and_nothing_else() -> None:
    usual, low = (_unit(replica=False, port=port).splitlines() for port in (8443, 443))
    assert [line for line in low if line not in usual and not line.startswith("#")] == [
        "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
        "AmbientCapabilities=CAP_NET_BIND_SERVICE",
    ]
    assert [line for line in usual if line not in low] == [
        "CapabilityBoundingSet=",
        "AmbientCapabilities=",
        # A capability in a user namespace of its own opens no port of the host's.
        "PrivateUsers=yes",
    ]


@REPLICA
def test_a_unit_does_not_run_where_certificates_are_made(*, replica: bool) -> None:
    """The next start would take them for the user's own and never renew them."""
    assert "WorkingDirectory=" not in _unit(replica=replica)


@pytest.mark.external
@pytest.mark.parametrize("port", [8443, 443])
@REPLICA
def test_systemd_knows_every_directive(port: int, tmp_path: Path, *, replica: bool) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    text = _unit(replica=replica, port=port)
    # Its program is not installed here.
    text = re.sub(r"^ExecStart=.*$", "ExecStart=/bin/true", text, flags=re.MULTILINE)
    text = re.sub(r"^(PartOf|Documentation)=.*\n", "", text, flags=re.MULTILINE)
    file = tmp_path / ("anthropic-proxy@.service" if replica else "anthropic-proxy.service")
    file.write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", file],
        capture_output=True,
        text=True,
        timeout=TIME_OUT,
        check=False,
    )
    assert "Unknown" not in done.stderr
    assert done.returncode == 0, done.stderr
