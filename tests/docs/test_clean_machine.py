"""The README works where there is nothing but Python, make and git: on a Debian of the tests' own.

Claude Code, which one of its lines starts, is shown to that Debian as one file.
"""

import os
import subprocess
from pathlib import Path

import pytest

from tests import debian
from tests.deploy import machine
from tests.docs import surroundings
from tests.docs.blocks import blocks
from tests.programs import require, run

pytestmark = [pytest.mark.system, pytest.mark.timeout(3600)]

ROOT = Path(__file__).parents[2]
CLAUDE = ROOT / "tests/clients/node_modules/.bin/claude"
PACKAGES = ("curl", "git", "make", "python3-venv")
USER = "reader"
BUNDLE = "/srv/anthropic-proxy.bundle"
DEADLINE = 3000.0  # seconds
FOLLOW = f"""
cd && git clone --quiet {BUNDLE} anthropic-proxy && cd anthropic-proxy
exec python3 -m tests.docs.follow README.md
"""


def test_the_readme_is_followed_with_only_python_and_make(upstream: str, tmp_path: Path) -> None:
    ports = surroundings.ports()
    variables = surroundings.variables(upstream, ports) | _network()
    run(require("git", "git"), "bundle", "create", tmp_path / "bundle", "HEAD", cwd=ROOT)
    done = subprocess.run(
        [
            *debian.nspawn(debian.kept(f"reader-{machine.BASE}", _install), "reader"),
            *(f"--setenv={name}={value}" for name, value in variables.items()),
            *(f"--bind-ro={tmp_path / 'bundle'}:{BUNDLE}", f"--user={USER}", "--console=pipe"),
            f"--bind-ro={CLAUDE.resolve()}:/usr/local/bin/claude",
            *("sh", "-euc", FOLLOW.strip() + "".join(f" {a}={b}" for a, b in ports.items())),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for block in blocks((ROOT / "README.md").read_text("utf-8")):
        assert block.reason or block.text in done.stdout


def _network() -> dict[str, str]:
    """Return how the package index is reached."""
    names = [name for name in os.environ if name.upper().endswith("_PROXY")]
    trust = dict.fromkeys(("SSL_CERT_FILE", "PIP_CERT"), debian.TRUSTED)
    return {name: os.environ[name] for name in names} | (trust if debian.CAS else {})


def _install(root: Path) -> None:
    """Add what the README asks for to the Debian that others boot."""
    run("cp", "--archive", machine.base(), root)
    packages = (
        f"apt-get update -qq && apt-get install -qq --no-install-recommends {' '.join(PACKAGES)}"
    )
    run(*debian.nspawn(root, "install", volatile=False), "--console=pipe", "sh", "-euc", packages)
    run("chroot", root, "useradd", "--create-home", USER)
