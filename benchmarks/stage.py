"""Where programs are measured: upstream on the core of the load, proxies on the other."""

import ssl
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app import certificates
from benchmarks import peers, process
from benchmarks.process import Command, Cores, Process

BESIDE = "beside"  # another source tree of this proxy


@dataclass(frozen=True, slots=True)
class Stage:
    """Upstream, and where proxies in front of it are started."""

    directory: Path
    certificate: certificates.Certificate
    trusted: ssl.SSLContext
    cores: Cores
    upstream: Process
    upstream_port: int

    def command(self, name: str, beside: Path | None = None) -> tuple[Command, int]:
        """Return the command line of a proxy, and the port it will listen on."""
        port = peers.free_port()
        directory = Path(tempfile.mkdtemp(prefix=name, dir=self.directory))
        place = peers.Place(port, self.upstream_port, self.certificate, directory)
        if name == BESIDE:
            assert beside is not None
            return peers.ours(place, beside.resolve()), port
        return {**peers.VARIANTS, **peers.PEERS}[name](place), port

    @property
    def log(self) -> Path:
        """What the programs print."""
        return self.directory / "log"


@contextmanager
def stage(*, pinned: bool = True) -> Iterator[Stage]:
    """Start upstream, on a core of the load if ``pinned``."""
    cores = Cores.of_this_machine()
    process.allow_descriptors()
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as name:
        directory = Path(name)
        certificate = certificates.ensure(directory, ("localhost", "127.0.0.1"))
        upstream = Command(
            (
                *(sys.executable, "-m", "benchmarks.raw_upstream"),
                *(str(certificate.cert_file), str(certificate.key_file)),
            ),
            peers.ROOT,
        )
        with process.running(upstream, cores.load if pinned else None) as running:
            yield Stage(
                directory,
                certificate,
                ssl.create_default_context(cafile=certificate.ca_file),
                cores,
                running,
                int(running.line()),
            )
