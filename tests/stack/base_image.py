"""The images that the stack is made of, and a stand-in where they cannot be pulled.

The stand-in is one Debian with the packages of all of them: Python for the Dockerfile's base image,
and the servers that the compose file runs beside the proxy.
"""

import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.debian import bootstrapping, kept
from tests.stack.engine import Engine, UnavailableError
from tests.stack.tree import ROOT

PULL = 60.0  # seconds; without a way to the registry it fails at once
BOOTSTRAP = 3000.0  # seconds; idle it takes 40
SUITES = {"3.11": "bookworm", "3.13": "trixie"}  # the Debian release with that Python
PACKAGES = (
    "ca-certificates",
    "python3",
    "python3-pip",
    "python-is-python3",
    "haproxy",
    "prometheus",
    "prometheus-alertmanager",
)
NOBODY = 65534  # the user of Prometheus' images, who owns the directories of their volumes
DATA = ("prometheus", "alertmanager")
TRUSTED = Path("/etc/ssl/certs/ca-certificates.crt")


def base_image(engine: Engine, *servers: str) -> str:
    """Let ``engine`` have the base image and those of ``servers``; return the base image's name.

    One that was made is kept for the next run. Raises `UnavailableError` when one can neither be
    pulled nor made.
    """
    name = _name()
    if not _pulled(engine, name):
        suite = _suite(name)
        made_of = hashlib.sha256(repr(PACKAGES).encode() + TRUSTED.read_bytes()).hexdigest()[:8]
        archive = kept(f"image-{suite}-{made_of}.tar", functools.partial(_bootstrap, suite))
        with archive.open("rb") as file:
            engine.docker("import", "-", name, stdin=file)
        for server in servers:
            engine.docker("tag", name, server)
    return name


def _name() -> str:
    found = re.search(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert found is not None
    return found[1]


def _pulled(engine: Engine, name: str) -> bool:
    try:
        return engine.attempt("pull", "--quiet", name, timeout=PULL).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _suite(name: str) -> str:
    version = re.sub(r"^python:(\d+\.\d+)-.*$", r"\1", name)
    if version not in SUITES:
        raise UnavailableError(f"{name} cannot be pulled, and no Debian has Python {version}")
    return SUITES[version]


def _bootstrap(suite: str, archive: Path) -> None:
    """Install a minimal Debian and pack it."""
    with tempfile.TemporaryDirectory(prefix="base-", dir=archive.parent) as name:
        root = Path(name) / "root"
        _done(*bootstrapping(suite, root, PACKAGES))
        _adapt(root)
        _done("tar", "--create", f"--file={archive}", f"--directory={root}", ".")


def _adapt(root: Path) -> None:
    """Let pip install, and both pip and uv trust what this machine trusts."""
    for marker in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        marker.unlink()
    for bulk in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc"):
        shutil.rmtree(root / bulk, ignore_errors=True)
    shutil.copyfile(TRUSTED, root / TRUSTED.relative_to("/"))
    (root / "usr/bin/alertmanager").symlink_to("prometheus-alertmanager")  # as in its image
    for directory in DATA:
        (root / directory).mkdir()
        os.chown(root / directory, NOBODY, NOBODY)
    settings = root / "etc/uv/uv.toml"
    settings.parent.mkdir()
    settings.write_text("system-certs = true\n", encoding="utf-8")


def _done(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=BOOTSTRAP, check=False)
    if done.returncode != 0:
        last = (done.stdout + done.stderr).strip().splitlines()[-1:]
        raise UnavailableError(f"the base image can be neither pulled nor made: {''.join(last)}")
