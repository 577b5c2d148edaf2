"""What `make release` builds: the same wheel each time, complete, and nothing called app in it."""

import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from app import __version__

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return dist/ of a clone of what is committed."""
    clone = tmp_path_factory.mktemp("release") / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    uv = shutil.which("uv") or ROOT / ".uv/bin/uv"
    subprocess.run([clone / ".ci/release", uv], cwd=clone, check=True)
    return clone / "dist"


def test_the_wheel_installs_its_packages_its_licence_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    assert wheel.name == f"anthropic_proxy-{__version__}-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    folders = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert folders == {"anthropic_proxy", "anthropic_proxy_simulator"}
    assert "anthropic_proxy/pages/static/dashboard/index.html" in names
    assert "anthropic_proxy/anthropic/prices.toml" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


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


def test_the_sbom_names_every_dependency(built: Path) -> None:
    components = json.loads((built / "sbom.cdx.json").read_text())["components"]
    assert {"h2", "hypercorn", "starlette"} <= {component["name"] for component in components}


def test_the_checksums_are_those_of_the_files(built: Path) -> None:
    lines = (built / "SHA256SUMS").read_text().splitlines()
    assert len(lines) == len(list(built.iterdir())) - 2  # itself and .gitignore
    for line in lines:
        digest, name = line.split()
        assert hashlib.sha256((built / name).read_bytes()).hexdigest() == digest
