"""The proxies that are compared: their command lines and configurations.

All have TLS on both sides. nginx speaks HTTP/1.1 to upstream, the others HTTP/2. Each is one
process with one thread for its connections. ``direct`` is no proxy: the load goes to upstream.
"""

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from app.certificates import Certificate
from benchmarks.process import Command

ROOT = Path(__file__).parents[1]
OURS, NAIVE, RUST, NGINX, HAPROXY = "ours", "naive", "naive-rust", "nginx", "haproxy"
DIRECT = "direct"
PLAIN, LEDGER = "plain", "ledger"  # this proxy without its cache recorder, and its ledger
SWITCHED = "switched"  # this proxy, in which signals turn both on and off

NGINX_CONF = """
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log stderr;
worker_rlimit_nofile 8192;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {directory}/nginx-body;
  proxy_temp_path {directory}/nginx-proxy;
  fastcgi_temp_path {directory}/nginx-fastcgi;
  uwsgi_temp_path {directory}/nginx-uwsgi;
  scgi_temp_path {directory}/nginx-scgi;
  client_max_body_size 0;
  upstream api {{ server 127.0.0.1:{upstream}; keepalive 2048; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port} ssl backlog=4096;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    keepalive_requests 100000000;
    location / {{
      proxy_pass https://api;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host localhost;
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_read_timeout 600s;
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate {authority};
      proxy_ssl_name localhost;
      proxy_ssl_server_name on;
    }}
  }}
}}
"""
HAPROXY_CONF = """
global
  nbthread 1
  maxconn 8000
defaults
  mode http
  option http-no-delay
  timeout connect 10s
  timeout client 600s
  timeout server 600s
frontend clients
  bind 127.0.0.1:{port} ssl crt {both} alpn http/1.1 backlog 4096
  default_backend api
backend api
  http-reuse always
  server api 127.0.0.1:{upstream} ssl verify required ca-file {authority} sni str(localhost) alpn h2
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a proxy runs: its port, upstream's, the certificate, a directory of its own."""

    port: int
    upstream: int
    certificate: Certificate
    directory: Path

    def fill(self, text: str) -> str:
        """Return a configuration with this place filled in."""
        return text.format(
            port=self.port,
            upstream=self.upstream,
            directory=self.directory,
            certificate=self.certificate.cert_file,
            key=self.certificate.key_file,
            authority=self.certificate.ca_file,
            both=self.directory / "both.pem",
        )


def free_port(other: int = 0) -> int:
    """Return a port that nobody listens on, and that is none ``other``."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port if port != other else free_port(other)  # this one is held meanwhile


def ours(place: Place, root: Path = ROOT, **settings: str) -> Command:
    """Return this proxy as it comes; ``root`` has its source, ``settings`` differ from default."""
    chosen = {
        "HOST": "127.0.0.1",
        "PORT": str(place.port),
        "DASHBOARD_PORT": str(free_port(place.port)),
        "UPSTREAM_BASE_URL": f"https://localhost:{place.upstream}",
        "UPSTREAM_CA_FILE": str(place.certificate.ca_file),
        "TLS_CERT_FILE": str(place.certificate.cert_file),
        "TLS_KEY_FILE": str(place.certificate.key_file),
        "STATE_DIR": str(place.directory),
        "LOG_FORMAT": "json",
        "PEER_SHARE": "1",  # all clients come from one address
    } | settings
    environment = {f"ANTHROPIC_PROXY_{name}": value for name, value in chosen.items()}
    return Command(
        (sys.executable, "-m", "app", "serve"),
        place.directory,
        environment | {"PYTHONPATH": str(root)},
    )


def _ours_by(module: str, place: Place, *, ledger: str = "true") -> Command:
    """Return this proxy as a module of the benchmarks starts it."""
    arguments = (sys.executable, "-m", f"benchmarks.{module}", "serve")
    return replace(ours(place, LEDGER=ledger), arguments=arguments)


def _naive(place: Place, module: str = "naive") -> Command:
    certificate = place.certificate
    return Command(
        (
            *(sys.executable, "-m", f"benchmarks.{module}", str(place.port)),
            *(f"https://localhost:{place.upstream}", str(certificate.ca_file)),
            *(str(certificate.cert_file), str(certificate.key_file)),
        ),
        place.directory,
        {"PYTHONPATH": str(ROOT)},
    )


def _nginx(place: Place) -> Command:
    file = place.directory / "nginx.conf"
    file.write_text(place.fill(NGINX_CONF))
    return Command(("nginx", "-p", str(place.directory), "-c", str(file)), place.directory)


def _haproxy(place: Place) -> Command:
    both = place.directory / "both.pem"
    certificate = place.certificate
    both.write_bytes(certificate.cert_file.read_bytes() + certificate.key_file.read_bytes())
    file = place.directory / "haproxy.cfg"
    file.write_text(place.fill(HAPROXY_CONF))
    return Command(("haproxy", "-db", "-f", str(file)), place.directory)


PEERS: Mapping[str, Callable[[Place], Command]] = {
    OURS: ours,
    NAIVE: _naive,
    RUST: partial(_naive, module="naive_rust"),
    NGINX: _nginx,
    HAPROXY: _haproxy,
}
VARIANTS: Mapping[str, Callable[[Place], Command]] = {
    PLAIN: partial(_ours_by, "without_recorder", ledger="false"),
    LEDGER: partial(_ours_by, "without_recorder"),
    SWITCHED: partial(_ours_by, "switched"),
}
PROGRAMS = {NGINX: ("nginx", "-v"), HAPROXY: ("haproxy", "-v")}


def missing() -> list[str]:
    """Return the peers whose programs or packages this machine lacks."""
    lacking = [peer for peer, (program, _) in PROGRAMS.items() if shutil.which(program) is None]
    return lacking if find_spec("pyreqwest") else [RUST, *lacking]


def version(peer: str) -> str:
    """Return the version of a peer's program."""
    told = subprocess.run(PROGRAMS[peer], capture_output=True, text=True, check=True)
    found = re.search(r"\d+(\.\d+)+", told.stdout + told.stderr)
    return found[0] if found else "unknown"
