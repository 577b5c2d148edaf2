"""A certificate for this machine, made once: a small local CA and a leaf that it signs.

Clients are told to trust the CA file; it outlives the leaf, which is renewed on its own. It may
sign for the proxy's names only, so that whoever steals its key can pose as nobody else. Private
keys are 0600 and never leave the state directory. Several proxies may share the directory.
"""

import errno
import fcntl
import ipaddress
import os
import secrets
import socket
import ssl
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_LIFETIME = timedelta(days=3650)
LEAF_LIFETIME = timedelta(days=397)  # the longest that browsers accept of a leaf
WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - addresses that no client can use
RENEWAL = timedelta(days=30)  # before the end
LOOPBACK = "localhost"  # that every CA of ours may sign for
LOCK_LIMIT = 10.0  # seconds to wait for another proxy that shares the directory
LOCK_RETRY = 0.05  # seconds
LOCK_MODE = 0o600
MOST_NAMES = 32  # that a leaf keeps: containers have a new host name at every start
BACKDATED = timedelta(hours=1)  # clocks differ

Key = ec.EllipticCurvePrivateKey

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files of the server's certificate chain and key; ``ca_file`` is what clients trust."""

    cert_file: Path
    key_file: Path
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """What people compare: the names covered, the end, and the SHA-256 fingerprint, in pairs."""

    names: tuple[str, ...]
    valid_until: datetime
    fingerprint: str


def local_names(host: str | None = None) -> tuple[str, ...]:
    """Return the names that a client may use: of this machine, and the ``host`` listened on."""
    names = ("localhost", "127.0.0.1", "::1", socket.gethostname().lower(), (host or "").lower())
    return tuple(dict.fromkeys(name for name in names if name not in ("", *WILDCARDS)))


def ensure(
    directory: Path,
    names: tuple[str, ...],
    now: datetime | None = None,
    *,
    added: tuple[str, ...] = (),
) -> Certificate:
    """Return a certificate for ``names`` that is good for `RENEWAL` at least, made if need be.

    ``added`` are the names that the user asked for: one that is asked for no longer goes, while
    replicas that share the directory keep each other's ``names``, as far as the CA permits them.

    Raises OSError when ``directory`` cannot be written.
    """
    now = now or datetime.now(UTC)
    made = kept(directory)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(directory / "lock"):
        ca, ca_key = _authority(directory, names, added, now)
        wanted = _permitted(ca, tuple(dict.fromkeys((*names, *added))))
        if uncovered := sorted({*names} - {*wanted}):
            log.warning("the certificate does not cover a name: TLS_NAMES adds it", names=uncovered)
        leaf = _read(made.cert_file, made.key_file)
        record = directory / "server.names"
        before = _recorded(record)
        if leaf is None or before != added or not _serves(leaf[0], ca, wanted, now):
            covered = _names(leaf[0]) if leaf is not None else ()
            others = [name for name in _permitted(ca, covered) if name not in {*wanted, *before}]
            _issue(made, (*wanted, *others[: max(0, MOST_NAMES - len(wanted))]), ca, ca_key, now)
            if added != before:
                _write(record, "\n".join(added).encode(), 0o644)
    return made


def load(context: ssl.SSLContext, certificate: Certificate) -> None:
    """Load a certificate and its key, while nobody replaces one of them."""
    made = certificate.ca_file is not None
    lock = _locked(certificate.cert_file.parent / "lock") if made else nullcontext()
    with lock:
        # An encrypted key fails with the empty password instead of asking the terminal for one.
        context.load_cert_chain(certificate.cert_file, certificate.key_file, password="")


def describe(file: Path) -> Description:
    """Return what a certificate (PEM) says; raises OSError or ValueError."""
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    return Description(
        _names(certificate),
        certificate.not_valid_after_utc,
        certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
    )


def authority(directory: Path) -> bytes | None:
    """Return the CA's certificate (PEM) and nothing else of its file; None when there is none."""
    try:
        certificate = x509.load_pem_x509_certificate((directory / "ca.crt").read_bytes())
    except (OSError, ValueError):
        return None
    return certificate.public_bytes(serialization.Encoding.PEM)


def kept(directory: Path) -> Certificate:
    """Return the files that `ensure` keeps in ``directory``, whether they exist or not."""
    return Certificate(directory / "server.crt", directory / "server.key", directory / "ca.crt")


def problems(cert_file: Path, key_file: Path, now: datetime | None = None) -> list[str]:
    """Return what is questionable about a usable pair of files.

    Raises ValueError when they cannot be used at all, with the reason.
    """
    certificate = _usable(cert_file, key_file)
    found = []
    if key_file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        found.append(f"{key_file} can be read by others: chmod 600 {key_file}")
    left = certificate.not_valid_after_utc - (now or datetime.now(UTC))
    if refused := out_of_date(cert_file, now):
        found.append(refused)
    elif left < RENEWAL:
        end = f"at {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
        when = f"in {left.days} days" if left.days > 1 else end
        found.append(f"{cert_file} expires {when}")
    return found


def out_of_date(cert_file: Path, now: datetime | None = None) -> str | None:
    """Return why every client refuses a certificate (PEM) today, or None."""
    certificate = x509.load_pem_x509_certificate(cert_file.read_bytes())
    now = now or datetime.now(UTC)
    if certificate.not_valid_after_utc < now:
        return f"{cert_file} has expired"
    if now < certificate.not_valid_before_utc:
        return (
            f"{cert_file} is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        )
    return None


def _usable(cert_file: Path, key_file: Path) -> x509.Certificate:
    """Return the certificate of a pair; raises ValueError with the reason it is of no use."""
    whole = f"{cert_file} and {key_file} cannot be used"
    chain, secret = _content(cert_file, whole), _content(key_file, whole)
    try:
        certificate = x509.load_pem_x509_certificate(chain)
    except ValueError as exc:
        raise ValueError(f"{whole}: {cert_file} holds no certificate (PEM)") from exc
    try:
        key = serialization.load_pem_private_key(secret, None)
    except TypeError as exc:  # what it raises for a key with a password
        raise ValueError(
            f"{whole}: {key_file} is encrypted with a password; decrypt it: "
            f"openssl pkey -in {key_file} -out NEW_FILE"
        ) from exc
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise ValueError(f"{whole}: {key_file} holds no private key (PEM)") from exc
    if key.public_key() != certificate.public_key():
        raise ValueError(f"{whole}: the key is not that of the certificate")
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert_file, key_file, password="")
    except (OSError, ValueError) as exc:  # SSLError is an OSError
        raise ValueError(f"{whole}: {exc}") from exc
    return certificate


def _content(file: Path, whole: str) -> bytes:
    try:
        return file.read_bytes()
    except PermissionError as exc:
        raise ValueError(
            f"{whole}: {file} may not be read by the user that the proxy runs as (uid "
            f"{os.geteuid()})"
        ) from exc
    except OSError as exc:
        raise ValueError(f"{whole}: {file} cannot be read: {exc.strerror or exc}") from exc


def _authority(
    directory: Path, names: tuple[str, ...], added: tuple[str, ...], now: datetime
) -> tuple[x509.Certificate, Key]:
    """Return the CA that is kept, as long as it lasts and may sign for ``added``; else a new one.

    Clients have to be told of a new one, so a host name in ``names`` that changed makes none. A CA
    made before there were constraints may sign for everything and is kept.
    """
    cert_file, key_file = directory / "ca.crt", directory / "ca.key"
    found = _read(cert_file, key_file)
    if found is not None and found[0].not_valid_after_utc - now > RENEWAL:
        refused = sorted({*added} - {*_permitted(found[0], added)})
        if not refused:
            return found
        log.warning(
            "new CA: the one before may not sign for all names; clients must trust the new file",
            names=refused,
            file=str(cert_file),
        )
        names = (*names, *_constraints(found[0]))
    names = (*names, *added)
    key = ec.generate_private_key(ec.SECP256R1())
    # Trust stores tell CAs apart by name: no two of ours may share one.
    common = f"anthropic-proxy local CA {secrets.token_hex(4)}"
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    ca = (
        _builder(name, name, key, now, CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(_constraining(names), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(key_file, _pem(key), 0o600)
    _write(cert_file, ca.public_bytes(serialization.Encoding.PEM), 0o644)
    return ca, key


def _constraining(names: tuple[str, ...]) -> x509.NameConstraints:
    """Return what lets a CA sign for the host names among ``names`` and localhost only.

    A name permits its subdomains (RFC 5280 §4.2.1.10). Addresses stay unconstrained: BoringSSL, and
    so Claude Code, refuses a certificate with an address when its CA constrains addresses
    (UNSUPPORTED_CONSTRAINT_TYPE).
    """
    hosts = [_constraint(name) for name in names if not _is_address(name)]
    permitted = [x509.DNSName(name) for name in dict.fromkeys((LOOPBACK, *hosts))]
    return x509.NameConstraints(permitted_subtrees=permitted, excluded_subtrees=None)


def _constraint(name: str) -> str:
    """Return what permits ``name``: a wildcard is permitted by the domain it stands in."""
    return name.removeprefix("*.")


def _constraints(ca: x509.Certificate) -> tuple[str, ...]:
    """Return what a CA may sign for; nothing when it may sign for everything."""
    try:
        found = ca.extensions.get_extension_for_class(x509.NameConstraints).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(str(name.value) for name in found.permitted_subtrees or ())


def _permitted(ca: x509.Certificate, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of ``names`` that a CA may sign for."""
    constraints = _constraints(ca)
    return tuple(name for name in names if not constraints or _permits(constraints, name))


def _permits(constraints: tuple[str, ...], name: str) -> bool:
    domain = _constraint(name).lower()
    return _is_address(name) or any(
        domain == each or domain.endswith(f".{each}") for each in constraints
    )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _issue(
    made: Certificate, names: tuple[str, ...], ca: x509.Certificate, ca_key: Key, now: datetime
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    leaf = (
        _builder(subject, ca.subject, key, now, LEAF_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_general(names)), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()),
            critical=False,
        )
        .sign(ca_key, hashes.SHA256())
    )
    _write(made.key_file, _pem(key), 0o600)
    _write(made.cert_file, leaf.public_bytes(serialization.Encoding.PEM), 0o644)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Key, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + lifetime)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general(names: tuple[str, ...]) -> list[x509.GeneralName]:
    return [_general_name(name) for name in names]


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(str(name.value) for name in found)


def _recorded(file: Path) -> tuple[str, ...]:
    try:
        return tuple(file.read_text(encoding="utf-8").split())
    except (FileNotFoundError, UnicodeDecodeError):
        return ()


def _serves(
    leaf: x509.Certificate, ca: x509.Certificate, names: tuple[str, ...], now: datetime
) -> bool:
    try:
        leaf.verify_directly_issued_by(ca)
        covered = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # noqa: BLE001 - whatever is wrong with it, a new leaf is made
        return False
    return set(_general(names)) <= set(covered) and leaf.not_valid_after_utc - now > RENEWAL


def _read(cert_file: Path, key_file: Path) -> tuple[x509.Certificate, Key] | None:
    """Return a pair of files that belong together, or None: a start may have died between them."""
    try:
        certificate = x509.load_pem_x509_certificate(cert_file.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    except (FileNotFoundError, ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, Key) or key.public_key() != certificate.public_key():
        return None
    return certificate, key


def _pem(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(file: Path, content: bytes, mode: int) -> None:
    """Replace ``file`` as a whole; it never exists with a wider mode or half its content."""
    temporary = file.with_name(f"{file.name}.tmp")
    temporary.unlink(missing_ok=True)  # of a start that died
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
    temporary.replace(file)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold the lock of a state directory; raises TimeoutError naming it after `LOCK_LIMIT`."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b"):
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != LOCK_MODE:
            with suppress(PermissionError):  # a file that another user made
                os.fchmod(descriptor, LOCK_MODE)
        _wait_for(descriptor, file)
        yield


def _wait_for(descriptor: int, file: Path) -> None:
    """Lock; whoever holds it works for milliseconds, unless it is stuck."""
    deadline = time.monotonic() + LOCK_LIMIT
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise TimeoutError(
                    errno.ETIMEDOUT,
                    f"another process has held {file} for {LOCK_LIMIT:g} seconds: stop it",
                ) from None
        time.sleep(LOCK_RETRY)
