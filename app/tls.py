"""TLS contexts of server and clients; a server's certificate follows its files.

Whoever renews a certificate replaces the files; nobody has to restart the proxy. Every handshake
looks whether the files have changed (a few ``stat`` calls) and takes the newest pair that can be
used. A pair that cannot be used is warned about once, and the one before stays.
"""

import os
import ssl
from pathlib import Path
from typing import Any, cast

import structlog

from . import certificates
from .certificates import Certificate
from .wire.assertions import require

log = structlog.get_logger(__name__)

# Authenticated encryption and forward secrecy only (RFC 9325 §4.2): CBC suites are open to LUCKY13.
# TLS 1.3 has no others, and its own list.
TLS12_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"

require({"ssl:SSLObject": ("_create", "_sslobj")}, "app.tls")

Version = tuple[int, int, int]  # inode, time of change, size: what tells two files apart


class DirectTls(ssl.SSLObject):
    """The standard library's, with OpenSSL's own functions where it only hands on a call.

    A context makes it if it is the context's ``sslobject_class``. An event of a stream takes four
    such calls.
    """

    read: Any
    write: Any
    pending: Any

    @classmethod
    def _create(cls, *args: Any, **kwargs: Any) -> "DirectTls":
        made: Any = super()._create(*args, **kwargs)  # type: ignore[misc] # not in typeshed
        inner = made._sslobj  # noqa: SLF001 - its own
        made.read, made.write, made.pending = inner.read, inner.write, inner.pending
        return cast("DirectTls", made)


def tls_context(certificate: Certificate, client_ca: Path | None) -> ssl.SSLContext:
    """Return a server's TLS context: 1.2 or newer, HTTP/2 or HTTP/1.1 by ALPN."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslobject_class = DirectTls
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(TLS12_CIPHERS)
    context.set_alpn_protocols(["h2", "http/1.1"])
    certificates.load(context, certificate)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def trusting(file: Path | str) -> ssl.SSLContext:
    """Return a client's context that also trusts ``file``; a leaf may be all there is to trust."""
    context = ssl.create_default_context()
    context.load_verify_locations(file)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def following_context(certificate: Certificate, client_ca: Path | None) -> ssl.SSLContext:
    """Return `tls_context` that serves new connections with what its files hold by then."""
    newest = _Newest(certificate, client_ca)
    context = newest.context
    context.sni_callback = newest.choose  # asked in every handshake, with a server name or without
    return context


class _Newest:
    """The newest usable context. State: ``context``, ``_tried`` (the files it was made from)."""

    def __init__(self, certificate: Certificate, client_ca: Path | None) -> None:
        self._certificate = certificate
        self._client_ca = client_ca
        self._tried = self._versions()  # before they are read: a change in between is seen later
        self.context = tls_context(certificate, client_ca)

    def choose(self, connection: ssl.SSLObject, _name: str | None, _: ssl.SSLContext) -> None:
        """Let a handshake go on with the newest usable certificate."""
        versions = self._versions()
        if versions != self._tried:
            self._tried = versions
            self._reload()
        connection.context = self.context

    def _reload(self) -> None:
        """Make a context of its own: one that fails halfway would have lost its old key."""
        cert_file, key_file = self._certificate.cert_file, self._certificate.key_file
        try:
            problems = certificates.problems(cert_file, key_file)
            self.context = tls_context(self._certificate, self._client_ca)
        except (OSError, ValueError) as exc:  # SSLError is an OSError
            log.warning("certificate not reloaded: the previous one is still used", reason=str(exc))
            return
        log.info("certificate reloaded", file=str(cert_file))
        for problem in problems:
            log.warning("certificate", problem=problem)

    def _versions(self) -> tuple[Version | None, ...]:
        files = (self._certificate.cert_file, self._certificate.key_file, self._client_ca)
        return tuple(_version(file) for file in files if file is not None)


def _version(file: Path) -> Version | None:
    try:
        found = os.stat(file)  # noqa: PTH116 - in every handshake
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
