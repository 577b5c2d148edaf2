"""A minimal Debian in a directory: bootstrapped once, kept for the next run, entered by nspawn.

The tests write into memory above it, so that it stays as it is.
"""

import fcntl
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.programs import absent, require

SUITE = "bookworm"
BOOTSTRAP = 3000.0  # seconds
CACHE = Path(tempfile.gettempdir()) / "anthropic-proxy-tests"
TRUSTED = "/etc/test-ca.crt"  # what this machine trusts, inside
# Before the fixture that keeps it out of the tests.
CAS = os.environ.get("SSL_CERT_FILE")


def kept(name: str, make: Callable[[Path], None]) -> Path:
    """Return the tree or file ``name`` of the cache; ``make`` makes it, whole or not at all."""
    root = CACHE / name
    CACHE.mkdir(mode=0o700, exist_ok=True)
    with _locked(CACHE / f"{name}.lock"):
        if not root.exists():
            with tempfile.TemporaryDirectory(dir=CACHE) as directory:
                made = Path(directory) / "root"
                make(made)
                made.rename(root)
    return root


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold a lock: two workers may want the same tree."""
    with file.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def bootstrap(root: Path, packages: Sequence[str]) -> None:
    """Install a minimal Debian with these packages."""
    done = subprocess.run(
        bootstrapping(SUITE, root, packages, _mirror()),
        capture_output=True,
        text=True,
        timeout=BOOTSTRAP,
        check=False,
    )
    if done.returncode != 0:
        absent(f"no Debian can be made: {(done.stdout + done.stderr)[-500:]}")


def bootstrapping(
    suite: str, root: Path, packages: Sequence[str], mirror: str = ""
) -> list[str | Path]:
    """Return the command that installs a minimal Debian: debootstrap takes twice the CPU time."""
    return [
        # Its mounts end with the namespace, also when it is interrupted.
        *(require("unshare", "util-linux"), "--mount", require("mmdebstrap", "mmdebstrap")),
        *("--quiet", "--variant=minbase", f"--include={','.join(packages)}"),
        *(f"--aptopt={file}" for file in Path("/etc/apt/apt.conf.d").glob("*proxy*")),
        *(suite, root),
        *([mirror] if mirror else []),
    ]


def nspawn(root: Path, name: str, *, volatile: bool = True) -> list[str]:
    """Return a command line, to be continued, that enters a tree.

    The tree shares the network of this machine. If ``volatile``, its changes are forgotten.
    """
    if os.geteuid() != 0:
        absent("only root can enter a Debian of the tests")
    return [
        # It ends with the tests, however they end.
        *(require("setpriv", "util-linux"), "--pdeathsig=TERM"),
        *(require("systemd-nspawn", "systemd-container"), "--quiet", "--keep-unit"),
        *("--register=no", "--link-journal=no", "--resolv-conf=bind-host", "--timezone=off"),
        *(f"--directory={root}", f"--machine={name}-{os.getpid()}"),
        f"--volatile={'overlay' if volatile else 'no'}",
        *(f"--bind-ro={file}:{place}" for file, place in _shared()),
    ]


def _shared() -> list[tuple[str, str]]:
    """Return the files of this machine without which the package indexes cannot be reached."""
    shared = [("/etc/hosts", "/etc/hosts")]
    if CAS:
        shared.append((CAS, TRUSTED))
    return shared


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
