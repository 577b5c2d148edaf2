"""What certificates say, and what is wrong with a pair that a user brings."""

import os
import ssl
import stat
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization

from .validity import RENEWAL


class Description(msgspec.Struct, frozen=True):
    """What people compare: the names covered, the end, and the SHA-256 fingerprint, in pairs."""

    names: tuple[str, ...]
    valid_until: datetime
    fingerprint: str


def describe(file: Path) -> Description:
    """Return what a certificate (PEM) says; raises OSError or ValueError."""
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    return Description(
        names_of(certificate),
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
    """Return the certificate of a pair; raises ValueError with the reason it cannot be used."""
    whole = f"{cert_file} and {key_file} cannot be used"
    chain, secret = _content(cert_file, whole), _content(key_file, whole)
    try:
        certificate = x509.load_pem_x509_certificate(chain)
        public = certificate.public_key()
    except (ValueError, x509.InvalidVersion) as exc:
        raise ValueError(f"{whole}: {cert_file} holds no certificate (PEM)") from exc
    except UnsupportedAlgorithm as exc:
        raise ValueError(f"{whole}: the key in {cert_file} is of an unknown type") from exc
    try:
        key = serialization.load_pem_private_key(secret, None)
    except TypeError as exc:  # what it raises for a key with a password
        raise ValueError(
            f"{whole}: {key_file} is encrypted with a password; decrypt it: "
            f"openssl pkey -in {key_file} -out NEW_FILE"
        ) from exc
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise ValueError(f"{whole}: {key_file} holds no private key (PEM)") from exc
    if key.public_key() != public:
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


def names_of(leaf: x509.Certificate) -> tuple[str, ...]:
    """Return the names that a certificate covers."""
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(str(name.value) for name in found)
