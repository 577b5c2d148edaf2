"""What `make release` builds: the same wheel each time, complete, and nothing called app in it."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import __version__
from app.settings import PREFIX
from tests.docs.blocks import Block, Reader
from tests.ports import free_port
from tests.programs import require, run

pytestmark = pytest.mark.timeout(3600)

ROOT = Path(__file__).parent.parent
UV = shutil.which("uv") or ROOT / ".uv/bin/uv"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return dist/ of a clone of what is committed."""
    clone = tmp_path_factory.mktemp("release") / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    subprocess.run([clone / ".ci/release", UV], cwd=clone, check=True)
    return clone / "dist"


def test_the_wheel_installs_its_packages_its_licence_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    assert wheel.name == f"anthropic_proxy-{__version__}-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    metadata = re.compile(r"anthropic_proxy-[^/]*\.(dist-info|data)/")
    folders = {name.split("/")[0] for name in names if not metadata.match(name)}
    assert folders == {"anthropic_proxy", "anthropic_proxy_simulator"}
    assert "anthropic_proxy/pages/static/dashboard/index.html" in names
    assert "anthropic_proxy/anthropic/prices.toml" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert any(name.endswith(".data/data/share/man/man1/anthropic-proxy.1") for name in names)


def test_the_wheel_runs_the_simulator_that_it_ships(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path)
    errors = tmp_path / "stderr"
    with (
        errors.open("w") as stderr,
        subprocess.Popen(
            [sys.executable, "-X", "importtime", "-m", "anthropic_proxy", "simulate", "--port=0"],
            cwd=tmp_path,  # found before what is installed
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        url = process.stdout.readline()
        process.terminate()
    assert url.startswith("http://127.0.0.1:"), errors.read_text()
    names = (line.split()[-1] for line in errors.read_text().splitlines())
    packages = {name.partition(".")[0] for name in names}
    assert {"anthropic_proxy", "anthropic_proxy_simulator"} <= packages
    assert {"app", "simulator"} & packages == set()


def test_the_wheel_knows_the_commit_that_it_was_built_from(built: Path, tmp_path: Path) -> None:
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=built.parent, text=True)
    (wheel,) = built.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path)
    command = [sys.executable, "-m", "anthropic_proxy", "--version"]
    printed = subprocess.check_output(command, cwd=tmp_path, text=True)
    assert printed == f"anthropic-proxy {__version__} ({commit[:10]})\n"


def test_the_homebrew_formula_names_what_was_built(built: Path) -> None:
    formula = (built / "anthropic-proxy.rb").read_text()
    (wheel,) = built.glob("*.whl")
    for file in (wheel, built / "requirements.txt"):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        assert re.search(
            rf'/v{__version__}/{re.escape(file.name)}".*\n.*\n? *sha256 "{digest}"', formula
        )
    assert "@" not in formula.replace("python@", "")


def test_every_dependency_is_required_by_hash(built: Path) -> None:
    lines = (built / "requirements.txt").read_text().splitlines()
    required = [line for line in lines if re.match(r"\w", line)]
    assert any(line.startswith("h2==") for line in required)
    assert all(line.endswith("\\") for line in required)


def test_the_sbom_names_every_dependency(built: Path) -> None:
    components = json.loads((built / "sbom.cdx.json").read_text())["components"]
    assert {"h2", "hypercorn", "starlette"} <= {component["name"] for component in components}


def test_the_checksums_are_those_of_the_files(built: Path) -> None:
    lines = (built / "SHA256SUMS").read_text().splitlines()
    assert len(lines) == len(list(built.iterdir())) - 2  # itself and .gitignore
    for line in lines:
        digest, name = line.split()
        assert hashlib.sha256((built / name).read_bytes()).hexdigest() == digest


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the programs of a fresh environment into which pip has installed the wheel."""
    environment = tmp_path_factory.mktemp("environment")
    (wheel,) = built.glob("*.whl")
    # Python's own venv takes seconds to install pip.
    run(UV, "venv", "--quiet", "--seed", "--clear", "--python", sys.executable, environment)
    pip = str(environment / "bin/pip"), "install", "--quiet", "--disable-pip-version-check"
    quick = "--no-compile"  # little of what it installs is imported
    run(*pip, quick, "--require-hashes", "--requirement", built / "requirements.txt")
    run(*pip, quick, "--no-deps", wheel)
    return environment / "bin"


@pytest.fixture
def reader(installed: Path, tmp_path: Path) -> Iterator[Reader]:
    """Return a user with an empty home, in the root directory."""
    ports = {"8443": str(free_port()), "9090": str(free_port())}
    environment = {
        "HOME": str(tmp_path),
        "PATH": f"{installed}:/usr/bin:/bin",
        f"{PREFIX}HOST": "127.0.0.1",
        f"{PREFIX}PORT": ports["8443"],
        f"{PREFIX}DASHBOARD_PORT": ports["9090"],
    }
    one = Reader(environment, tmp_path, ports)
    one.directory = Path("/")
    yield one
    one.stop()


@pytest.mark.external
def test_what_pip_installs_serves_and_demonstrates_from_the_root_directory(reader: Reader) -> None:
    reader.serve("anthropic-proxy")
    reader.run(Block("anthropic-proxy health"))
    reader.serve("anthropic-proxy demo")
    reader.run(Block("anthropic-proxy health\nanthropic-proxy metrics >/dev/null"))
    reader.stop()
    reader.run(Block("anthropic-proxy doctor --contract\nanthropic-proxy check >/dev/null"))
    found = Block(
        f"{PREFIX}UPSTREAM_BASE_URL=http://127.0.0.1:1 anthropic-proxy doctor", "exit 1: "
    )
    reader.run(found)


@pytest.mark.external
def test_what_pip_installs_has_a_manual_page(installed: Path) -> None:
    page = installed.parent / "share/man/man1/anthropic-proxy.1"
    shown = run(require("groff", "groff-base"), "-man", "-Tutf8", page)
    assert "anthropic-proxy" in shown
