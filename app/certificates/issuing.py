"""Issues: a small local CA, and a leaf that it signs.

The CA may sign for the proxy's names only, so that whoever steals its key can pose as nobody else.
"""

import ipaddress
import secrets
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .files import Certificate, kept, recorded, write
from .inspection import names_of
from .validity import RENEWAL, Checked, plain

CA_LIFETIME = timedelta(days=3650)
LEAF_LIFETIME = timedelta(days=397)  # the longest that browsers accept of a leaf
LOOPBACK = "localhost"  # that every CA for this machine may sign for
ALL_ADDRESSES = tuple(map(ipaddress.ip_network, ("0.0.0.0/0", "::/0")))
MOST_NAMES = 32  # that a leaf keeps: containers have a new host name at every start
BACKDATED = timedelta(hours=1)  # clocks differ

Key = ec.EllipticCurvePrivateKey

log = structlog.get_logger(__name__)


def renew(
    directory: Path, names: tuple[str, ...], added: tuple[str, ...], now: datetime
) -> Checked:
    """Issue what is missing, damaged or about to expire; the directory is locked.

    See `ensuring.ensure` for ``names`` and ``added``.
    """
    made = kept(directory)
    ca, ca_key = _authority(directory, names, added, now)
    wanted = _permitted(ca, tuple(dict.fromkeys((*names, *added))))
    if uncovered := sorted({*names} - {*wanted}):
        log.warning(
            "certificate lacks these names: add them to ANTHROPIC_PROXY_TLS_NAMES",
            names=uncovered,
        )
    found = _read(made.cert_file, made.key_file)
    record = directory / "server.names"
    before = recorded(record)
    if found is not None and before == added and _serves(found[0], ca, wanted, now):
        leaf = found[0]
    else:
        covered = names_of(found[0]) if found is not None else ()
        others = [name for name in _permitted(ca, covered) if name not in {*wanted, *before}]
        kept_names = (*wanted, *others[: max(0, MOST_NAMES - len(wanted))])
        leaf = _issue(made, kept_names, ca, ca_key, now)
        if added != before:
            write(record, "\n".join(added).encode(), 0o644)
    end = min(ca.not_valid_after_utc, leaf.not_valid_after_utc)
    return Checked(end - RENEWAL, frozenset(map(plain, names_of(leaf))))


def _authority(
    directory: Path, names: tuple[str, ...], added: tuple[str, ...], now: datetime
) -> tuple[x509.Certificate, Key]:
    """Return the CA that is kept, as long as it lasts and may sign for ``added``; else a new one.

    Clients must get a new one, so a host name in ``names`` that changed makes none. A CA
    made before there were constraints may sign for everything and is kept.
    """
    cert_file, key_file = directory / "ca.crt", directory / "ca.key"
    found = _read(cert_file, key_file)
    if found is not None and found[0].not_valid_after_utc - now > RENEWAL:
        refused = sorted({*added} - {*_permitted(found[0], added)})
        if not refused:
            return found
        log.warning(
            "new CA: the previous one may not sign for all names; clients must trust the new file",
            names=refused,
            file=str(cert_file),
        )
        names = (*names, *_constraints(found[0]))
    names = (*names, *added)
    key = ec.generate_private_key(ec.SECP256R1())
    # Trust stores tell CAs apart by name: no two CAs of the proxy may share one.
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
    write(key_file, _pem(key), 0o600)
    write(cert_file, ca.public_bytes(serialization.Encoding.PEM), 0o644)
    return ca, key


def _constraining(names: tuple[str, ...]) -> x509.NameConstraints:
    """Return what lets a CA sign for the host names among ``names`` and localhost only.

    A name permits its subdomains (RFC 5280 §4.2.1.10). Addresses stay unconstrained: BoringSSL, and
    so Claude Code, refuses a certificate with an address when its CA constrains addresses
    (UNSUPPORTED_CONSTRAINT_TYPE). A CA for hosts elsewhere needs neither them nor localhost.
    """
    hosts = [_constraint(name) for name in names if not _is_address(name)]
    elsewhere = LOOPBACK not in names and len(hosts) == len(names)
    permitted = hosts if elsewhere else [LOOPBACK, *hosts]
    return x509.NameConstraints(
        permitted_subtrees=[x509.DNSName(name) for name in dict.fromkeys(permitted)],
        excluded_subtrees=[*map(x509.IPAddress, ALL_ADDRESSES)] if elsewhere else None,
    )


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
    return tuple(
        name
        for name in names
        if not constraints
        or (not _excludes_addresses(ca) if _is_address(name) else _permits(constraints, name))
    )


def _excludes_addresses(ca: x509.Certificate) -> bool:
    found = ca.extensions.get_extension_for_class(x509.NameConstraints).value
    return bool(found.excluded_subtrees)


def _permits(constraints: tuple[str, ...], name: str) -> bool:
    domain = _constraint(name).lower()
    return any(domain == each or domain.endswith(f".{each}") for each in constraints)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _issue(
    made: Certificate, names: tuple[str, ...], ca: x509.Certificate, ca_key: Key, now: datetime
) -> x509.Certificate:
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
    write(made.key_file, _pem(key), 0o600)
    write(made.cert_file, leaf.public_bytes(serialization.Encoding.PEM), 0o644)
    return leaf


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
