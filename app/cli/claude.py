"""``claude``: starts Claude Code through the running proxy; writes no file."""

import argparse
import os
import shutil
import sys
import urllib.request
from http.client import HTTPException
from pathlib import Path

from .. import settings
from ..certificates import Certificate, kept
from ..failures import StartError
from ..network.words import words
from ..settings import Settings, variable
from ..tls import trusting
from . import client, exits, forward, hints, repository

HEALTH_TIMEOUT = 5.0  # seconds for the proxy to answer its health check
# What Claude Code does at the API's own address, and behind another one only when it is asked to.
ASKED_FOR = {
    "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1",  # who a request is for: main, subagent, compaction
    "CLAUDE_CODE_PROPAGATE_TRACEPARENT": "1",  # the trace that a request belongs to
    "ENABLE_TOOL_SEARCH": "true",  # tools are described when they are needed
}


def run(options: argparse.Namespace) -> int:
    """Become ``claude``: its exit code and the signals sent to it are its own."""
    loaded = settings.load_user()
    removed: tuple[str, ...] = ()
    if options.forward:
        environment = forward.environment(loaded)
        removed = forward.REMOVED
    else:
        environment = _through_base_url(loaded)
    if headers := _custom_headers(loaded, token=not options.forward):
        environment["ANTHROPIC_CUSTOM_HEADERS"] = headers
    if shutil.which("claude") is None:
        print(
            "claude was not found on the PATH: install it with "
            "`npm install -g @anthropic-ai/claude-code`",
            file=sys.stderr,
        )
        return exits.NOT_FOUND
    command = ["claude", *options.arguments]
    kept = {name: value for name, value in os.environ.items() if name not in removed}
    return os.execvpe("claude", command, kept | environment)  # noqa: S606, S607 - never returns


def _through_base_url(loaded: Settings) -> dict[str, str]:
    """Return the variables that lead through the proxy's own URL; raises `StartError`."""
    certificate = _certificate(loaded)
    base = client.url("https", loaded.host, loaded.port)
    environment = client.environment(base, certificate) | _asked_for()
    for name in ("NO_PROXY", "no_proxy"):  # an HTTPS_PROXY is for the way behind us
        hosts = (os.environ.get(name, ""), client.url_host(loaded.host))
        environment[name] = ",".join(filter(None, hosts))
    _check_up(base, environment["NODE_EXTRA_CA_CERTS"])
    return environment


def _custom_headers(loaded: Settings, *, token: bool) -> str:
    """Return the user's own header fields with the access token and the labels."""
    own = os.environ.get("ANTHROPIC_CUSTOM_HEADERS", "")
    if token and loaded.access_token is not None:
        shown = f"x-anthropic-proxy-token: {loaded.access_token.get_secret_value()}"
        own = "\n".join(filter(None, (own, shown)))
    found = repository.labels(loaded.label_names)
    return repository.with_labels(own, found) if found else own


def _asked_for() -> dict[str, str]:
    """Return what is asked of Claude Code, except where the user has decided."""
    return {name: value for name, value in ASKED_FOR.items() if name not in os.environ}


def _certificate(loaded: Settings) -> Certificate:
    """Return the certificate to trust; one that lies in the working directory never counts."""
    if loaded.tls_cert_file is not None and loaded.tls_key_file is not None:
        return Certificate(loaded.tls_cert_file, loaded.tls_key_file)
    return kept(loaded.state_dir)


def _check_up(base: str, ca_file: str) -> None:
    try:
        context = trusting(ca_file)
        if certificate := os.environ.get("CLAUDE_CODE_CLIENT_CERT"):
            context.load_cert_chain(certificate, os.environ.get("CLAUDE_CODE_CLIENT_KEY"))
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        opener.open(f"{base}/health", timeout=HEALTH_TIMEOUT).close()
    except (OSError, HTTPException) as exc:  # URLError and SSLError are OSErrors
        reason = getattr(exc, "reason", None) or exc
        if isinstance(exc, FileNotFoundError) and not Path(ca_file).exists():
            reason = f"there is no {ca_file}: no proxy has been started with this state directory"
        raise StartError(
            f"The proxy does not answer at {base} ({words(reason)}): start it with "
            f"`{hints.command('serve')}`, or set {variable('port')} to where it listens."
        ) from exc
