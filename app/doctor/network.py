"""Checks of the way to upstream: names, addresses, proxy, TLS, HTTP/2, and one request."""

import asyncio
import ssl
import time
from collections.abc import Callable
from contextlib import suppress

import httpx
import msgspec
from aiohappyeyeballs import AddrInfoType
from cryptography import x509

from ..http2 import ProxyEnvironment, Transport
from ..network.connect import OtherProtocol, Spoken, connect, offer
from ..network.dial import Resolver, dial, resolve
from ..network.proxies import address, proxy_port
from ..network.words import words
from ..settings import Settings, variable
from ..wire.origin import LOOPBACK, Origin
from . import answer
from .finding import Finding
from .probe import Probe

STEP = 4.0  # seconds that a step may take
ANSWER_LIMIT = 64 * 1024  # bytes of an answer that are read
PATH = "/v1/models"

# OpenSSL's codes (x509_vfy.h) of a failed check, and what to do; by default the CA is unknown.
_VERIFY_ADVICE = {
    9: "It is not valid yet: check this machine's clock.",
    10: "It has expired: check this machine's clock, or ask for a new one.",
    62: f"It is for another name: check {variable('upstream_base_url')}.",
}
_TRUST = (
    f"Behind a private CA or an inspecting firewall, name its CA file (PEM) in "
    f"{variable('upstream_ca_file')} or SSL_CERT_FILE."
)


class Way(msgspec.Struct, frozen=True):
    """The way to upstream: what the service would use, and the seams for tests."""

    settings: Settings
    proxies: ProxyEnvironment = msgspec.field(default_factory=ProxyEnvironment)
    resolver: Resolver = resolve
    wall: Callable[[], float] = time.time

    @property
    def origin(self) -> Origin:
        """Return upstream's origin."""
        return Origin.of(httpx.URL(self.settings.origin.url))

    @property
    def proxy(self) -> httpx.Proxy | None:
        """Return the proxy on the way, if any; raises `httpx.ProxyError` for a bad URL."""
        return self.proxies.proxy_for(self.origin)

    @property
    def proxy_variable(self) -> str:
        """Return the variable that names the proxy."""
        return f"{self.origin.scheme.upper()}_PROXY"


async def reach(way: Way) -> list[Finding]:
    """Check that upstream, or the proxy before it, accepts TCP connections."""
    try:
        proxy = way.proxy
    except httpx.ProxyError as exc:
        return [Finding("proxy", "fail", str(exc), f"Correct {way.proxy_variable}.")]
    if proxy is None:
        return await _addresses(way)
    return [await _proxy(way, proxy)]


async def _proxy(way: Way, proxy: httpx.Proxy) -> Finding:
    started = time.monotonic()
    try:
        async with asyncio.timeout(STEP):
            (await dial(proxy.url.host, proxy_port(proxy), way.resolver)).close()
    except (OSError, TimeoutError) as exc:
        return Finding(
            "proxy",
            "fail",
            f"no connection to the proxy {address(proxy)}: {_words(exc)}",
            f"Check {way.proxy_variable}, or name {way.origin.host} in NO_PROXY.",
        )
    return Finding("proxy", "ok", f"{address(proxy)} answers, TCP {_ms(started)}")


async def _addresses(way: Way) -> list[Finding]:
    """Resolve upstream's name and connect to every address of it."""
    origin = way.origin
    try:
        async with asyncio.timeout(STEP):
            found = await way.resolver(origin.host, origin.port)
    except (OSError, TimeoutError) as exc:
        text = f"{origin.host}: {_words(exc)}"
        advice = f"Check the name server, the network and {variable('upstream_base_url')}."
        return [Finding("dns", "fail", text, advice)]
    found = list({info[4][:2]: info for info in found}.values())
    tried = await asyncio.gather(*(_tcp(origin, info) for info in found))
    failed = [said for said, reached in tried if not reached]
    names = ", ".join(str(info[4][0]) for info in found)
    text = "; ".join(said for said, _ in tried)
    dns = Finding("dns", "ok" if found else "fail", f"{origin.host} is {names or 'nothing'}")
    if len(failed) == len(tried):
        advice = "Check the network and the firewall; behind a proxy, set HTTPS_PROXY."
        return [dns, Finding("tcp", "fail", text, advice)]
    advice = "The other addresses are used. Check IPv6, or the route to these." if failed else ""
    return [dns, Finding("tcp", "warn" if failed else "ok", text, advice)]


async def _tcp(origin: Origin, info: AddrInfoType) -> tuple[str, bool]:
    """Return what came of connecting to one address, and whether it was reached."""

    async def only(_host: str, _port: int) -> list[AddrInfoType]:
        return [info]

    where, started = Origin("tcp", str(info[4][0]), origin.port).authority, time.monotonic()
    try:
        async with asyncio.timeout(STEP):
            (await dial(origin.host, origin.port, only)).close()
    except (OSError, TimeoutError) as exc:
        return f"{where} {_words(exc)}", False
    return f"{where} {_ms(started)}", True


async def secure(way: Way) -> list[Finding]:
    """Check TLS, ALPN and HTTP/2's SETTINGS; nothing of HTTP is sent to an untrusted peer."""
    if way.origin.scheme == "http":
        return [_plain(way.origin)]
    started = time.monotonic()
    try:
        context = way.settings.upstream_tls
    except OSError as exc:  # SSLError is one, too
        text = f"the trusted certificates cannot be read: {_words(exc)}"
        return [Finding("tls", "fail", text, "Check SSL_CERT_FILE and SSL_CERT_DIR.")]
    try:
        async with asyncio.timeout(STEP):
            probe = await _connected(way, context)
    except (httpx.TransportError, TimeoutError) as exc:
        return [await _untrusted(way, exc)]
    try:
        return [_session(probe, started), await _settings(way, probe)]
    finally:
        probe.close()


def _plain(origin: Origin) -> Finding:
    if origin.host in LOOPBACK:
        return Finding("tls", "ok", "none: the upstream is http:// on this machine")
    text = "none: the upstream is http://, keys go out unencrypted"
    return Finding("tls", "warn", text, "Use an https:// upstream.")


async def _connected(way: Way, context: ssl.SSLContext) -> Probe:
    """Connect as the service does; the probe knows what ALPN chose."""
    made: list[Probe] = []

    def make() -> Probe:
        made.append(Probe())
        return made[-1]

    wanted: Spoken = "h2" if way.settings.upstream_http2 else "http/1.1"
    offer(context, http2=way.settings.upstream_http2)
    with suppress(OtherProtocol):  # its choice is on the probe
        await connect(way.origin, way.proxy, context, make, way.resolver, spoken=wanted)
    return made[-1]


def _session(probe: Probe, started: float) -> Finding:
    tls = probe.tls
    if tls is None:  # never with https
        return Finding("tls", "fail", "no TLS")
    leaf = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")
    chosen = tls.selected_alpn_protocol() or "none, so HTTP/1.1"
    text = (
        f"{tls.version()}, ALPN {chosen}, certificate of {_common(leaf.issuer)} until "
        f"{leaf.not_valid_after_utc:%Y-%m-%d}; connected in {_ms(started)}"
    )
    return Finding("tls", "ok", text)


async def _settings(way: Way, probe: Probe) -> Finding:
    chosen = probe.tls.selected_alpn_protocol() if probe.tls is not None else None
    if chosen != "h2":
        off = not way.settings.upstream_http2
        why = f"off ({variable('upstream_http2')})" if off else "not offered by upstream"
        text = f"{why}: HTTP/1.1, one connection per running stream"
        return Finding("http/2", "ok" if off else "warn", text)
    try:
        async with asyncio.timeout(STEP):
            rtt = await probe.greet()
    except (OSError, TimeoutError) as exc:
        advice = f"Set {variable('upstream_http2')}=false if something in between breaks HTTP/2."
        return Finding("http/2", "fail", f"no SETTINGS or PING: {_words(exc)}", advice)
    said = ", ".join(f"{name} {value:,}" for name, value in probe.settings.items())
    return Finding("http/2", "ok", f"{said or 'the defaults'}; round trip {rtt * 1e3:.0f} ms")


async def _untrusted(way: Way, exc: Exception) -> Finding:
    """Say why there is no TLS; a certificate that fails its check is named with its issuer."""
    cause = exc.__cause__
    if not isinstance(cause, ssl.SSLCertVerificationError):
        kind = "proxy" if isinstance(exc, httpx.ProxyError) else "tls"
        blocked = "Something in between may block TLS."
        advice = f"Check {way.proxy_variable}." if kind == "proxy" else blocked
        return Finding(kind, "fail", _words(exc), advice)
    issuer = await _issuer(way)
    text = f"{cause.verify_message}; the certificate's issuer is {issuer}"
    return Finding("tls", "fail", text, _VERIFY_ADVICE.get(cause.verify_code, _TRUST))


async def _issuer(way: Way) -> str:
    """Shake hands again without a check, only to read the certificate; nothing is sent."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(STEP):
            probe = await _connected(way, context)
    except (httpx.TransportError, TimeoutError):
        return "not known"
    probe.close()
    der = probe.tls.getpeercert(binary_form=True) if probe.tls is not None else None
    return "not known" if not der else x509.load_der_x509_certificate(der).issuer.rfc4514_string()


async def ask(way: Way) -> list[Finding]:
    """Send a request without a key, by the service's own transport; compare the clocks."""
    transport = Transport(
        ssl_context=way.settings.upstream_tls,
        http2=way.settings.upstream_http2,
        proxies=way.proxies,
        resolver=way.resolver,
    )
    origin = way.settings.origin
    path = origin.prefix.decode() + PATH
    request = httpx.Request(
        "GET",
        origin.url,
        headers=[(b"host", origin.host), (b"anthropic-version", b"2023-06-01")],
        extensions={"target": path.encode(), "timeout": {}},
    )
    started = time.monotonic()
    try:
        async with asyncio.timeout(STEP):
            response = await transport.handle_async_request(request)
            body = await _start_of(response)
            now = way.wall()
    except (httpx.TransportError, TimeoutError) as exc:
        advice = (
            "Try again. If it fails again, check the firewalls and proxies on the way to upstream."
        )
        return [Finding("request", "fail", f"GET {path}: {_words(exc)}", advice)]
    finally:
        await transport.aclose()
    judged = answer.judge(response.status_code, body, path)
    timed = Finding("request", judged.verdict, f"{judged.found}; {_ms(started)}", judged.advice)
    return [timed, answer.clock(response.headers.get("date"), now)]


async def _start_of(response: httpx.Response) -> bytes:
    body = b""
    try:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > ANSWER_LIMIT:
                break
    finally:
        await response.aclose()
    return body


def _words(exc: BaseException) -> str:
    if isinstance(exc, TimeoutError) and not str(exc):
        return f"no answer within {STEP:.0f} s"
    return words(exc)


def _ms(started: float) -> str:
    return f"{(time.monotonic() - started) * 1e3:.0f} ms"


def _common(name: x509.Name) -> str:
    """Return the common name, or the whole one."""
    common = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(common[0].value) if common else name.rfc4514_string()
