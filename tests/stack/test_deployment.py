"""The Ansible role and the systemd units."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from app.settings import Settings
from tests.stack.tree import ROOT, Json, yaml_file

ROLE = Path("deploy/ansible/roles/anthropic_proxy")
TASKS: list[Json] = yaml_file(ROLE / "tasks/main.yml")
UNIT = ROOT / ROLE / "templates/anthropic-proxy.service.j2"
REPLICA = ROOT / "deploy/systemd/anthropic-proxy@.service"
UNITS = pytest.mark.parametrize("path", [UNIT, REPLICA], ids=lambda path: path.name)
PATIENCE = Settings.model_fields["shutdown_timeout"].default


def _unit(path: Path, *, low_port: bool = False) -> str:
    """Return the text of a unit, for a port below 1024 or not."""
    branch = r"\1" if low_port else r"\2"
    choice = re.compile(r"\{% if .*? %\}\n(.*?)\{% else %\}\n(.*?)\{% endif %\}\n", re.DOTALL)
    return choice.sub(branch, path.read_text(encoding="utf-8"))


def test_the_role_does_what_the_readme_promises_in_that_order() -> None:
    modules = [next(key for key in task if "." in key) for task in TASKS]
    promised = [
        "ansible.builtin.user",
        "ansible.posix.synchronize",
        "ansible.builtin.pip",
        "ansible.builtin.command",
        "ansible.builtin.template",
        "community.general.ufw",
        "ansible.builtin.systemd_service",
        "ansible.builtin.uri",
    ]
    assert [name for name in dict.fromkeys(modules) if name in promised] == promised


def test_settings_are_neither_logged_nor_readable_by_others() -> None:
    (task,) = [
        task for task in TASKS if task.get("ansible.builtin.template", {}).get("src") == ".env.j2"
    ]
    assert task["no_log"] is True
    assert task["diff"] is False
    assert task["ansible.builtin.template"]["mode"] == "0600"


def test_both_ports_are_opened() -> None:
    (task,) = [task for task in TASKS if "community.general.ufw" in task]
    assert [item["port"] for item in task["loop"]] == [
        "{{ anthropic_proxy_port }}",
        "{{ anthropic_proxy_dashboard_port }}",
    ]


def test_the_defaults_are_the_proxy_s() -> None:
    defaults = yaml_file(ROLE / "defaults/main.yml")
    for field in ("port", "dashboard_port", "shutdown_timeout"):
        assert defaults[f"anthropic_proxy_{field}"] == Settings.model_fields[field].default


def test_what_is_copied_exists() -> None:
    (task,) = [task for task in TASKS if "ansible.posix.synchronize" in task]
    options = task["ansible.posix.synchronize"]["rsync_opts"]
    for option in options:
        included = option.removeprefix("--include=/")
        assert included == option or (ROOT / included.removesuffix("***")).exists()


def test_every_variable_of_the_role_has_a_default() -> None:
    defaults = set(yaml_file(ROLE / "defaults/main.yml"))
    registered = {task["register"] for task in TASKS if "register" in task}
    texts = [path.read_text("utf-8") for path in (ROOT / ROLE).rglob("*") if path.is_file()]
    used = {name for text in texts for name in re.findall(r"\banthropic_proxy_\w+", text)}
    assert used <= defaults | registered


@UNITS
def test_a_unit_is_hardened(path: Path) -> None:
    lines = set(_unit(path).splitlines())
    assert {
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateTmp=yes",
        "CapabilityBoundingSet=",
        "AmbientCapabilities=",
        "KillSignal=SIGTERM",
        "LimitNOFILE=65536",
        "RestartPreventExitStatus=2",
    } <= lines


def test_both_units_have_the_same_hardening() -> None:
    ours, theirs = (
        {
            line
            for line in _unit(path).splitlines()
            if re.match(r"(Protect|Private|Restrict|System|NoNew|Cap|Ambient)", line)
        }
        for path in (UNIT, REPLICA)
    )
    assert ours == theirs


def test_the_role_grants_a_low_port_its_capability_and_nothing_else() -> None:
    usual, low = (_unit(UNIT, low_port=low).splitlines() for low in (False, True))
    assert [line for line in low if line not in usual and not line.startswith("#")] == [
        "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
        "AmbientCapabilities=CAP_NET_BIND_SERVICE",
    ]
    (condition,) = re.findall(r"\{% if (.*) %\}", UNIT.read_text("utf-8"))
    assert condition.endswith("| min < 1024")
    assert re.findall(r"anthropic_proxy_\w*port", condition) == [
        "anthropic_proxy_port",
        "anthropic_proxy_dashboard_port",
    ]


def test_systemd_waits_longer_than_running_streams_may_take() -> None:
    assert "TimeoutStopSec={{ anthropic_proxy_shutdown_timeout + 15 }}" in UNIT.read_text("utf-8")
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", REPLICA.read_text("utf-8"), re.MULTILINE)
    assert int(seconds) > PATIENCE


@UNITS
def test_a_unit_does_not_run_where_certificates_are_made(path: Path) -> None:
    """The next start would take them for the user's own and never renew them."""
    assert "WorkingDirectory=" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("low_port", [False, True])
@UNITS
def test_systemd_knows_every_directive(path: Path, tmp_path: Path, *, low_port: bool) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    text = _unit(path, low_port=low_port)
    # Values of the role's variables do not matter here, and its programs are not installed.
    text = re.sub(r"\{\{ \w+ \+ 15 \}\}", "45", text)
    text = re.sub(r"\{\{ anthropic_proxy_(?:home|state) \}\}", "/srv", text)
    text = re.sub(r"\{\{[^}]*\}\}", "nobody", text)
    text = re.sub(r"^ExecStart=.*$", "ExecStart=/bin/true", text, flags=re.MULTILINE)
    (tmp_path / path.name.removesuffix(".j2")).write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / path.name.removesuffix(".j2")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Unknown" not in done.stderr
    assert done.returncode == 0, done.stderr
