"""``make deploy`` from a fresh clone onto a fresh, booted Debian, and what an operator does next.

One machine for the module: its tests run in the order of its life.
"""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app import certificates
from tests.debian import TRUSTED
from tests.deploy.machine import Machine, booted
from tests.ports import free_port
from tests.stack.tree import ROOT

pytestmark = [pytest.mark.system, pytest.mark.timeout(3600)]

# As it is before the fixture that keeps it out of the tests.
ENVIRONMENT = dict(os.environ)
HOME = "/opt/anthropic-proxy"
DEADLINE = 3000.0  # seconds
NEWER_LEDGER = (
    "import sqlite3; ledger = sqlite3.connect('/var/lib/anthropic-proxy/ledger.sqlite'); "
    "ledger.execute('PRAGMA user_version = 99')"
)
EXPOSURE = 1.5  # of 10: what `systemd-analyze security` may say at most
RULES = """
[[rule]]
name = "acme_token"
tier = "secret"
pattern = 'acme_[a-z0-9]{20}'
examples = ["acme_0123456789abcdefghij"]
"""


@dataclass(frozen=True)
class Operator:
    """A fresh clone, a machine, and the variables that are set for it."""

    clone: Path
    machine: Machine
    variables: dict[str, Any]

    def make(
        self, target: str, *arguments: str, **variables: Any
    ) -> "subprocess.CompletedProcess[str]":
        """Run a target of the Makefile, with further variables of the role."""
        given = json.dumps(self.variables | variables)
        values = [f"INVENTORY={self.machine.inventory}"]
        if target in ("deploy", "rollback"):
            values.append(f"ARGS={' '.join(arguments)} -e '{given}'")
        return subprocess.run(
            ["make", target, *values],
            cwd=self.clone,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )

    def deploy(self, *arguments: str, **variables: Any) -> int:
        """Deploy to a good end; return how many tasks changed something."""
        return _changed(self.make("deploy", *arguments, **variables))

    def releases(self) -> tuple[str, str]:
        """Return which release is in force, and which one is kept."""
        found = self.machine.run(f"readlink {HOME}/current; readlink {HOME}/previous || true")
        current, _, previous = found.partition("\n")
        return current, previous

    def fetch(self, path: str) -> Any:
        """Return a page as JSON."""
        port = self.variables["anthropic_proxy_dashboard_port"]
        program = "import sys,urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())"
        url = f"http://127.0.0.1:{port}{path}"
        return json.loads(self.machine.run(f"python3 -c '{program}' {url}"))

    def process(self) -> str:
        """Return the service's process: another one after a restart."""
        return self.machine.run("systemctl show --value --property=MainPID anthropic-proxy")


def _changed(done: "subprocess.CompletedProcess[str]") -> int:
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    [count] = re.findall(r"^tested .*\bchanged=(\d+)", done.stdout, re.MULTILINE)
    return int(count)


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    clone = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name)  # with the times that make compares
    # What a clone fetches is shown by test_clean_machine.py: this one has what its origin has,
    # fetched there first, since programs name the place where they were installed.
    fetching = ["make", "deploy", "ARGS=--version"]
    subprocess.run(fetching, cwd=ROOT, env=ENVIRONMENT, capture_output=True, check=True)
    (clone / ".uv").symlink_to(ROOT / ".uv")
    with booted(tmp_path_factory.mktemp("machine")) as machine:
        yield Operator(clone, machine, _variables())


def _variables() -> dict[str, Any]:
    """Return the role's variables: free ports, and this machine's way to the package index."""
    found = {
        "anthropic_proxy_port": free_port(),
        "anthropic_proxy_dashboard_port": free_port(),
        "anthropic_proxy_shutdown_timeout": 2,
        "anthropic_proxy_https_proxy": ENVIRONMENT.get("HTTPS_PROXY", ""),
        "anthropic_proxy_no_proxy": ENVIRONMENT.get("NO_PROXY", ""),
        "anthropic_proxy_ssl_cert_file": TRUSTED if ENVIRONMENT.get("SSL_CERT_FILE") else "",
        "anthropic_proxy_index_url": ENVIRONMENT.get("UV_DEFAULT_INDEX", ""),
    }
    return {name: value for name, value in found.items() if value}


@pytest.fixture(scope="module")
def deployed(operator: Operator) -> Operator:
    """A machine after its first deployment."""
    done = operator.make("deploy")
    assert _changed(done) > 0
    assert (
        f"serves at https://127.0.0.1:{operator.variables['anthropic_proxy_port']}." in done.stdout
    )
    return operator


def test_a_fresh_machine_serves_after_the_first_deployment(deployed: Operator) -> None:
    assert deployed.fetch("/health") == {"status": "ok"}
    current, previous = deployed.releases()
    assert current.startswith(f"{HOME}/releases/")
    assert previous == ""
    assert "app" in deployed.machine.run(f"ls {HOME}/app/")
    assert deployed.machine.run("systemctl is-enabled anthropic-proxy") == "enabled"


def test_where_there_is_no_other_release_a_roll_back_says_so(deployed: Operator) -> None:
    before = deployed.releases(), deployed.process()
    refused = deployed.make("rollback")
    assert refused.returncode != 0
    assert "There is no previous release on this host." in refused.stdout
    assert (deployed.releases(), deployed.process()) == before


def test_a_command_on_the_host_has_the_settings_and_the_ledger_of_the_service(
    deployed: Operator,
) -> None:
    port = deployed.variables["anthropic_proxy_dashboard_port"]
    assert json.loads(deployed.machine.run("anthropic-proxy health")) == {"status": "ok"}
    assert f"ANTHROPIC_PROXY_DASHBOARD_PORT={port}" in deployed.machine.run("anthropic-proxy check")
    assert deployed.machine.run("anthropic-proxy report --json") == "[]"
    refused = deployed.machine.attempt("anthropic-proxy report --since never")
    assert refused.returncode == 2, "the exit code is the program's own"


def test_the_service_is_hardened(deployed: Operator) -> None:
    for unit in ("anthropic-proxy.service", "anthropic-proxy@8444.service"):
        said = deployed.machine.run(f"systemd-analyze security --no-pager {unit}")
        [exposure] = re.findall(r"Overall exposure level for \S+: ([\d.]+)", said)
        assert float(exposure) <= EXPOSURE, said


def test_settings_and_keys_are_closed_to_other_users(deployed: Operator) -> None:
    looked = deployed.machine.attempt(f"setpriv --reuid=65534 --clear-groups ls {HOME}/releases")
    assert looked.returncode != 0
    assert deployed.machine.run(f"stat -c '%a %U' {HOME}/current/.env") == "600 root"


def test_the_ports_are_open_to_the_local_networks_only(deployed: Operator) -> None:
    rules = deployed.machine.run("ufw show added")
    networks = deployed.machine.run("ip -4 -o route show scope link").splitlines()
    for network in (line.split()[0] for line in networks):
        for port in ("anthropic_proxy_port", "anthropic_proxy_dashboard_port"):
            assert f"from {network} to any port {deployed.variables[port]} proto tcp" in rules
    assert not re.search(r"allow \d+/tcp", rules)


def test_a_second_deployment_changes_nothing(deployed: Operator) -> None:
    before = deployed.process()
    assert deployed.deploy() == 0
    assert deployed.process() == before


def test_check_mode_says_what_would_change_and_changes_nothing(deployed: Operator) -> None:
    before = deployed.releases(), deployed.process()
    settings = {"log_requests": True}
    assert deployed.deploy("--check", anthropic_proxy_settings=settings) > 0
    assert (deployed.releases(), deployed.process()) == before


def test_bad_settings_are_refused_while_the_service_goes_on(deployed: Operator) -> None:
    before = deployed.releases(), deployed.process()
    refused = deployed.make("deploy", anthropic_proxy_settings={"log_level": "loud"})
    assert refused.returncode != 0
    assert "ANTHROPIC_PROXY_LOG_LEVEL='loud': " in refused.stdout
    assert (deployed.releases(), deployed.process()) == before
    assert deployed.fetch("/health") == {"status": "ok"}


def test_a_release_that_does_not_become_healthy_is_taken_back(deployed: Operator) -> None:
    before = deployed.releases()
    taken = deployed.machine.port  # sshd listens there: no check of settings can know
    failed = deployed.make("deploy", anthropic_proxy_settings={"port": taken, "host": "127.0.0.1"})
    assert failed.returncode != 0
    assert "The one before it serves again." in failed.stdout
    assert f"port {taken} on 127.0.0.1 is taken" in failed.stdout
    assert deployed.releases() == before
    assert deployed.fetch("/health") == {"status": "ok"}


def test_an_upgrade_brings_new_code_and_files_and_a_roll_back_the_old_ones(
    deployed: Operator, tmp_path: Path
) -> None:
    old, _ = deployed.releases()
    pair = certificates.ensure(tmp_path / "pair", ("localhost", "proxy.example"))
    (tmp_path / "rules.toml").write_text(RULES)
    version = deployed.clone / "app/__init__.py"
    text = version.read_text()
    version.write_text(re.sub(r'__version__ = "[^"]+"', '__version__ = "9.9.9"', text))
    elsewhere = {"anthropic_proxy_dashboard_port": free_port()}
    changed = deployed.deploy(
        **elsewhere,
        anthropic_proxy_tls_cert_file=str(pair.cert_file),
        anthropic_proxy_tls_key_file=str(pair.key_file),
        anthropic_proxy_scrub_rules_file=str(tmp_path / "rules.toml"),
        anthropic_proxy_prices_file=str(deployed.clone / "app/anthropic/prices.toml"),
        anthropic_proxy_settings={"scrub_mode": "detect"},
        anthropic_proxy_allow_from="198.51.100.0/24",
    )
    assert changed > 0
    new, previous = deployed.releases()
    assert (new != old, previous) == (True, old)
    assert deployed.machine.run(f"{HOME}/app/.venv/bin/anthropic-proxy --version").endswith("9.9.9")
    port = deployed.variables["anthropic_proxy_port"]
    got = "import ssl; print(ssl.get_server_certificate(('127.0.0.1', {})))"
    served = deployed.machine.run(f'python3 -c "{got.format(port)}"')
    assert served in pair.cert_file.read_text()
    rules = deployed.machine.run("ufw show added")
    sources = set(re.findall(r"^ufw allow from (\S+)", rules, re.MULTILINE))
    assert sources == {"198.51.100.0/24"}

    deployed.machine.run(f'python3 -c "{NEWER_LEDGER}"')
    back = deployed.make("rollback", **elsewhere)  # the inventory still has the new port
    assert _changed(back) > 0
    assert f"Another rollback returns to {new.rpartition('/')[2]}." in back.stdout
    assert "and begin a new one: reports and budgets start at zero" in back.stdout
    assert deployed.releases() == (old, new)
    assert "9.9.9" not in deployed.machine.run(f"{HOME}/app/.venv/bin/anthropic-proxy --version")
    assert deployed.machine.run(f'python3 -c "{got.format(port)}"') != served
    assert deployed.fetch("/health") == {"status": "ok"}


def test_the_log_is_followed_in_plain_lines_with_their_host(deployed: Operator) -> None:
    command = ["make", "logs", f"INVENTORY={deployed.machine.inventory}"]
    with subprocess.Popen(
        command,
        cwd=deployed.clone,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as following:
        assert following.stdout is not None
        try:
            first = following.stdout.readline()
            deployed.machine.run("systemctl restart anthropic-proxy")  # something new to follow
            stopped = next(line for line in following.stdout if "Stopped anthropic-proxy" in line)
        finally:
            os.killpg(following.pid, signal.SIGINT)
    assert first.startswith("tested | ")
    assert stopped.startswith("tested | ")


def test_status_shows_the_service_of_each_host(deployed: Operator) -> None:
    shown = deployed.make("status")
    assert shown.returncode == 0, shown.stderr
    assert "tested" in shown.stdout
    assert "Active: active (running)" in shown.stdout
