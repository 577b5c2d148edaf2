"""A Debian of the tests' own: bootstrapped once, booted by systemd-nspawn, reached over SSH.

Files written while it runs are in memory and are gone afterwards. It shares the network of this
machine, and so listens on ports that are free here.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port
from tests.programs import absent, require

SUITE = "bookworm"
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
BOOTSTRAP = 600.0  # seconds
BOOT = 60.0  # seconds
COMMAND = 300.0  # seconds
CACHE = Path(tempfile.gettempdir()) / "anthropic-proxy-tests"


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
    if os.geteuid() != 0:
        absent("only root can boot a machine")
    nspawn = require("systemd-nspawn", "systemd-container")
    setpriv = require("setpriv", "util-linux")
    require("rsync", "rsync")
    base = _base(CACHE / f"debian-{SUITE}-{_fingerprint()}")
    machine = _prepare(directory)
    command = [
        # It ends with the tests, however they end.
        *(setpriv, "--pdeathsig=TERM", nspawn, "--quiet", "--boot", "--keep-unit", "--register=no"),
        *("--console=pipe", "--link-journal=no", "--resolv-conf=bind-host", "--timezone=off"),
        *(f"--directory={base}", f"--machine=anthropic-proxy-{os.getpid()}", "--volatile=overlay"),
        f"--bind-ro={directory / 'sshd.conf'}:/etc/ssh/sshd_config.d/test.conf",
        f"--bind-ro={machine.key}.pub:/etc/ssh/test_keys",
        *(f"--bind-ro={file}:{place}" for file, place in _shared()),
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


TRUSTED = "/etc/test-ca.crt"  # what this machine trusts, on the booted one


def _shared() -> list[tuple[str, str]]:
    """Return the files of this machine without which the package indexes cannot be reached."""
    shared = [("/etc/hosts", "/etc/hosts")]
    if trusted := os.environ.get("SSL_CERT_FILE"):
        shared.append((trusted, TRUSTED))
    return shared


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


def _fingerprint() -> str:
    """Return a short hash of what a base is made of."""
    return hashlib.sha256(repr((PACKAGES, IPTABLES)).encode()).hexdigest()[:8]


def _base(root: Path) -> Path:
    """Return a minimal Debian; it is made as a whole or not at all."""
    if not root.exists():
        CACHE.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as name:
            made = Path(name) / "root"
            _bootstrap(made)
            made.rename(root)
    return root


def _bootstrap(root: Path) -> None:
    command = (
        # Its mounts end with the namespace, also when it is interrupted.
        *(require("unshare", "util-linux"), "--mount", require("debootstrap", "debootstrap")),
        *("--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(root), _mirror()),
    )
    done = subprocess.run(command, capture_output=True, text=True, timeout=BOOTSTRAP, check=False)
    if done.returncode != 0:
        absent(f"no Debian can be made: {(done.stdout + done.stderr)[-500:]}")
    subprocess.run(
        ["chroot", root, "useradd", "--create-home", "--shell=/bin/bash", USER], check=True
    )
    (root / "etc/sudoers.d/test").write_text(f"{USER} ALL=(ALL) NOPASSWD: ALL\n")
    for name in ("iptables", "ip6tables", "iptables-restore", "ip6tables-restore"):
        (root / "usr/sbin" / name).write_text(IPTABLES)
        (root / "usr/sbin" / name).chmod(0o755)
    for configured in Path("/etc/apt/apt.conf.d").glob("*proxy*"):
        shutil.copy(configured, root / "etc/apt/apt.conf.d")
    (root / "etc/machine-id").write_text("")


def _mirror() -> str:
    """Return where this machine gets its Debian packages."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = [line for line in listed.stdout.splitlines() if "security" not in line]
    return found[0] if found else ""
