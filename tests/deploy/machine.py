"""A Debian of the tests' own: bootstrapped once, booted by systemd-nspawn, reached over SSH.

Files written while it runs are in memory and are gone afterwards. It shares the network of this
machine, and so listens on ports that are free here.
"""

import hashlib
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import debian
from tests.ports import free_port
from tests.programs import absent, require

# A small server as it is after the installation. Everything else is for the role to install.
PACKAGES = (
    *("systemd-sysv", "dbus", "openssh-server", "iproute2"),
    *("python3", "sudo", "ca-certificates"),
)
# The machine may not touch the firewall of this one, whose network it shares: UFW is shown an empty
# network each time, and keeps its rules in files.
IPTABLES = """#!/bin/sh
exec unshare --user --map-root-user --net /usr/sbin/xtables-nft-multi "$(basename "$0")" "$@"
"""
USER = "deploy"
_MADE_OF = hashlib.sha256(repr((PACKAGES, IPTABLES)).encode()).hexdigest()[:8]
BASE = f"debian-{debian.SUITE}-{_MADE_OF}"  # the name of its tree
BOOT = 240.0  # seconds
COMMAND = 900.0  # seconds


@dataclass(frozen=True)
class Machine:
    """A booted machine; ``inventory`` leads Ansible to it as an unprivileged user with sudo."""

    port: int
    key: Path
    inventory: Path

    @property
    def ssh_options(self) -> list[str]:
        """What ssh needs to reach it."""
        return [
            *("-i", str(self.key), "-o", "StrictHostKeyChecking=no"),
            *("-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"),
        ]

    def attempt(self, command: str, timeout: float = COMMAND) -> "subprocess.CompletedProcess[str]":
        """Run a command as root; it may fail."""
        target = [f"-p{self.port}", f"{USER}@127.0.0.1", f"sudo sh -c {_quoted(command)}"]
        return subprocess.run(
            ["ssh", *self.ssh_options, *target],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def run(self, command: str) -> str:
        """Run a command as root to a good end; return what it printed."""
        done = self.attempt(command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()


def _quoted(command: str) -> str:
    return "'" + command.replace("'", "'\\''") + "'"


@contextmanager
def booted(directory: Path) -> Iterator[Machine]:
    """Boot a machine; its key, inventory and console's output are kept in ``directory``."""
    require("rsync", "rsync")
    machine = _prepare(directory)
    command = [
        *debian.nspawn(base(), "anthropic-proxy"),
        *("--boot", "--console=pipe"),
        f"--bind-ro={directory / 'sshd.conf'}:/etc/ssh/sshd_config.d/test.conf",
        f"--bind-ro={machine.key}.pub:/etc/ssh/test_keys",
    ]
    with (directory / "console").open("w") as console:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=console, stderr=console
        )
        try:
            _wait(machine, process, directory / "console")
            yield machine
        finally:
            process.terminate()  # an orderly shutdown
            try:
                process.wait(BOOT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _prepare(directory: Path) -> Machine:
    port, key = free_port(), directory / "key"
    subprocess.run(
        [require("ssh-keygen", "openssh-client"), "-q", "-t", "ed25519", "-N", "", "-f", key],
        check=True,
    )
    (directory / "sshd.conf").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nAuthorizedKeysFile /etc/ssh/test_keys\n"
        "StrictModes no\n"
    )
    machine = Machine(port, key, directory / "inventory.ini")
    machine.inventory.write_text(
        f"[anthropic_proxy]\ntested ansible_host=127.0.0.1 ansible_port={port} "
        f"ansible_user={USER} ansible_ssh_private_key_file={key} "
        "ansible_ssh_common_args='-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "
        "-o LogLevel=ERROR'\n"
    )
    return machine


def _wait(machine: Machine, process: "subprocess.Popen[bytes]", console: Path) -> None:
    end = time.monotonic() + BOOT
    while machine.attempt("systemctl is-system-running --wait", BOOT).returncode != 0:
        if process.poll() is not None or time.monotonic() > end:
            absent("the machine does not boot: " + console.read_text(errors="replace")[-500:])
        time.sleep(0.5)


def base() -> Path:
    """Return the tree of the machine."""
    return debian.kept(BASE, _install)


def _install(root: Path) -> None:
    debian.bootstrap(root, PACKAGES)
    subprocess.run(
        ["chroot", root, "useradd", "--create-home", "--shell=/bin/bash", USER], check=True
    )
    (root / "etc/sudoers.d/test").write_text(f"{USER} ALL=(ALL) NOPASSWD: ALL\n")
    for name in ("iptables", "ip6tables", "iptables-restore", "ip6tables-restore"):
        (root / "usr/sbin" / name).write_text(IPTABLES)
        (root / "usr/sbin" / name).chmod(0o755)
    (root / "etc/machine-id").write_text("")
