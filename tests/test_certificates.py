"""Behaviour E5: a certificate made once, keys that only we can read, a pair that is checked."""

import asyncio
import fcntl
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from app import certificates
from app.certificates import Certificate, ensure, files, inspection, issuing, problems
from app.certificates.issuing import CA_LIFETIME, LEAF_LIFETIME
from app.certificates.validity import RENEWAL, seconds
from app.failures import SettingsError
from app.server.certificate import certificate_of
from app.settings import Settings
from app.tls import tls_context
from tests.programs import require
from tests.thorough import scaled

NAMES = ("localhost", "127.0.0.1", "::1")
STARTS = scaled(6, 3)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PEM_END = "-----END CERTIFICATE-----"


def _files(made: Certificate) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(made.cert_file.parent.iterdir())}


def _load(file: Path | None) -> x509.Certificate:
    assert file is not None
    return x509.load_pem_x509_certificate(file.read_bytes())


def _handshake(made: Certificate, name: str, ca_file: Path | None) -> None:
    """Do a whole handshake in memory, as a client that trusts ``ca_file`` and wants ``name``."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made.cert_file, made.key_file)
    client = ssl.create_default_context(cafile=ca_file)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for end in ends * 3:
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue


def test_a_certificate_is_made_once(tmp_path: Path) -> None:
    first = ensure(tmp_path / "a" / "state", NAMES)
    content = _files(first)
    assert ensure(tmp_path / "a" / "state", NAMES) == first
    assert _files(first) == content
    pair = ["server.crt", "server.key"]
    assert sorted(content) == ["ca.crt", "ca.key", "lock", "server.checked", *pair]


def test_keys_are_ours_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = ensure(tmp_path / "state", NAMES)
    finally:
        os.umask(before)
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    for name in ("ca.key", "server.key"):
        assert (tmp_path / "state" / name).stat().st_mode & 0o777 == 0o600
    assert problems(made.cert_file, made.key_file) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_client_that_trusts_the_ca_accepts_every_name(tmp_path: Path, name: str) -> None:
    made = ensure(tmp_path, NAMES)
    _handshake(made, name, made.ca_file)


def test_no_other_name_and_no_other_ca_is_accepted(tmp_path: Path) -> None:
    made, other = ensure(tmp_path / "a", NAMES), ensure(tmp_path / "b", NAMES)
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(made, "evil.example", made.ca_file)
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(made, "localhost", other.ca_file)


def test_the_names_of_this_machine_are_covered() -> None:
    names = certificates.local_names()
    assert set(names) >= {"localhost", "127.0.0.1", "::1", socket.gethostname().lower()}
    assert len(set(names)) == len(names)


def test_the_leaf_signs_nothing_and_the_ca_no_further_ca(tmp_path: Path) -> None:
    made = ensure(tmp_path, NAMES)
    kinds = [
        _load(file).extensions.get_extension_for_class(x509.BasicConstraints).value
        for file in (made.cert_file, made.ca_file)
    ]
    assert [(kind.ca, kind.path_length) for kind in kinds] == [(False, None), (True, 0)]


def test_the_leaf_is_renewed_in_time_by_the_same_ca(tmp_path: Path) -> None:
    first = _files(ensure(tmp_path, NAMES, NOW))
    assert _files(ensure(tmp_path, NAMES, NOW + LEAF_LIFETIME - RENEWAL - DAY)) == first
    renewed_at = NOW + LEAF_LIFETIME - RENEWAL + DAY
    made = ensure(tmp_path, NAMES, renewed_at)
    renewed = _files(made)
    changed = {name for name in first if renewed[name] != first[name]}
    assert changed == {"server.crt", "server.key", "server.checked"}
    assert _load(made.cert_file).not_valid_after_utc == renewed_at + LEAF_LIFETIME
    _load(made.cert_file).verify_directly_issued_by(_load(made.ca_file))


def test_the_ca_is_renewed_with_a_name_of_its_own(tmp_path: Path) -> None:
    old = _load(ensure(tmp_path, NAMES, NOW).ca_file)
    made = ensure(tmp_path, NAMES, NOW + CA_LIFETIME - RENEWAL + DAY)
    new = _load(made.ca_file)
    assert new.subject != old.subject
    _load(made.cert_file).verify_directly_issued_by(new)


def test_a_changed_host_name_is_left_out_and_the_ca_stays(tmp_path: Path) -> None:
    first = _files(ensure(tmp_path, (*NAMES, "before.example")))
    structlog.reset_defaults()
    with capture_logs() as logged:
        made = ensure(tmp_path, (*NAMES, "renamed.example"))
    assert _files(made) == first
    assert [line["names"] for line in logged] == [["renamed.example"]]


def _added(directory: Path, *added: str, names: tuple[str, ...] = NAMES) -> Certificate:
    return ensure(directory, names, added=added)


def _covered(made: Certificate) -> set[str]:
    return set(inspection.describe(made.cert_file).names)


@pytest.mark.parametrize(
    "name", ["proxy.team.example", "192.0.2.7", "2001:db8::7", "*.team.example"]
)
def test_names_that_the_user_adds_are_covered(tmp_path: Path, name: str) -> None:
    ensure(tmp_path, NAMES)
    made = _added(tmp_path, name)
    for covered in (*NAMES, name.replace("*", "any")):
        _handshake(made, covered, made.ca_file)


def test_a_changed_list_brings_a_new_leaf_once_and_what_was_taken_off_goes(tmp_path: Path) -> None:
    replica = "replica.example"
    _added(tmp_path, "old.example", "kept.example", names=(*NAMES, replica))
    made = _added(tmp_path, "kept.example", "new.example")
    assert _covered(made) == {*NAMES, replica, "kept.example", "new.example"}
    content = _files(made)
    assert _files(_added(tmp_path, "kept.example", "new.example")) == content
    assert _covered(_added(tmp_path)) == {*NAMES, replica}


def test_more_names_than_a_leaf_keeps_are_all_covered_and_it_is_made_once(tmp_path: Path) -> None:
    many = tuple(f"host-{number}.example" for number in range(2 * issuing.MOST_NAMES))
    content = _files(made := _added(tmp_path, *many))
    assert _covered(made) == {*NAMES, *many}
    assert _files(_added(tmp_path, *many)) == content


def test_the_ca_is_handed_out_without_what_else_its_file_may_hold(tmp_path: Path) -> None:
    assert inspection.authority(tmp_path) is None
    made = ensure(tmp_path, NAMES)
    assert made.ca_file is not None
    plain = made.ca_file.read_bytes()
    key = (tmp_path / "ca.key").read_bytes()
    for content in (plain, key + plain, plain + key):
        made.ca_file.write_bytes(content)
        assert inspection.authority(tmp_path) == plain
    made.ca_file.write_bytes(key)
    assert inspection.authority(tmp_path) is None


DAMAGE: dict[str, bytes | None] = {
    "gone": None,
    "empty": b"",
    "garbage": b"-----BEGIN garbage",
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["ca.crt", "ca.key", "server.crt", "server.key"])
def test_a_damaged_file_is_made_again(tmp_path: Path, name: str, damage: str) -> None:
    ensure(tmp_path, NAMES)
    content = DAMAGE[damage]
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    made = ensure(tmp_path, NAMES)
    _handshake(made, "localhost", made.ca_file)


@pytest.mark.parametrize("name", ["ca", "server"])
def test_a_start_that_died_between_key_and_certificate_is_repaired(
    tmp_path: Path, name: str
) -> None:
    made, other = ensure(tmp_path / "a", NAMES), ensure(tmp_path / "b", NAMES)
    (other.key_file.parent / f"{name}.key").replace(made.key_file.parent / f"{name}.key")
    (tmp_path / "a" / f"{name}.key.tmp").write_bytes(b"half a k")
    made = ensure(tmp_path / "a", NAMES)
    _handshake(made, "localhost", made.ca_file)


_START = """
import sys
from pathlib import Path
from app import certificates
made = certificates.ensure(Path(sys.argv[1]), ("localhost", "127.0.0.1", "::1"))
print(made.ca_file.read_text() + made.cert_file.read_text())
"""


def test_first_starts_at_the_same_time_agree(tmp_path: Path) -> None:
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", _START, tmp_path / "state"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(STARTS)
    ]
    ended = [start.communicate(timeout=60) for start in starts]
    assert [errors for _, errors in ended] == [""] * STARTS
    assert len({output for output, _ in ended}) == 1
    made = certificates.kept(tmp_path / "state")
    _handshake(made, "localhost", made.ca_file)


def test_a_pair_that_does_not_belong_together_is_of_no_use(tmp_path: Path) -> None:
    made, other = ensure(tmp_path / "a", NAMES), ensure(tmp_path / "b", NAMES)
    with pytest.raises(ValueError, match=r"a/server.crt and .*b/server.key cannot be used"):
        problems(made.cert_file, other.key_file)


def test_files_that_hold_something_else_are_of_no_use(tmp_path: Path) -> None:
    made = ensure(tmp_path, NAMES)
    with pytest.raises(ValueError, match="cannot be used"):
        problems(made.key_file, made.key_file)
    with pytest.raises(ValueError, match="cannot be used"):
        problems(made.cert_file, tmp_path / "missing.key")


@pytest.mark.parametrize(
    ("whole", "damaged", "problem"),
    [
        (b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x22", "holds no certificate"),  # its version
        (b"\x2a\x86\x48\xce\x3d\x02\x01", b"\x2a\x86\x48\xce\x3d\x02\x09", "of an unknown type"),
    ],
    ids=["version", "key"],
)
def test_a_certificate_that_nobody_can_read_is_explained(
    tmp_path: Path, whole: bytes, damaged: bytes, problem: str
) -> None:
    made = ensure(tmp_path, NAMES)
    der = ssl.PEM_cert_to_DER_cert(made.cert_file.read_text().partition(PEM_END)[0] + PEM_END)
    assert whole in der
    made.cert_file.write_text(ssl.DER_cert_to_PEM_cert(der.replace(whole, damaged, 1)))
    with pytest.raises(ValueError, match=problem):
        inspection.problems(made.cert_file, made.key_file)


def test_the_short_check_agrees_with_the_library_on_every_layout(tmp_path: Path) -> None:
    made, other = ensure(tmp_path / "a", NAMES), ensure(tmp_path / "b", NAMES)
    assert made.ca_file is not None
    chain, key = made.cert_file.read_bytes(), made.key_file.read_bytes()
    stranger, authority = other.cert_file.read_bytes(), made.ca_file.read_bytes()
    leaf = chain.partition(PEM_END.encode())[0] + PEM_END.encode() + b"\n"
    today = datetime.now(UTC)
    layouts = {
        "leaf": leaf,
        "chain": leaf + authority,
        "reversed": authority + leaf,
        "twice": leaf * 2,
        "another first": stranger + leaf,
        "another second": leaf + stranger,
        "CRLF": leaf.replace(b"\n", b"\r\n"),
        "CR": leaf.replace(b"\n", b"\r"),
        "comments": b"# Ex\xc3\xa4mple\nsubject=x\n" + leaf + b"# more\n" + authority,
        "bag": b"Bag Attributes\n    friendlyName: \xff\n" + leaf,
        "byte order mark": b"\xef\xbb\xbf" + leaf,
        "no last line end": leaf.rstrip(),
        "NUL": leaf + b"\0",
        "cut": leaf[:-40],
        "damaged second": leaf + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "with its key": key + leaf,
        "key behind": leaf + key,
        "DER": ssl.PEM_cert_to_DER_cert(leaf.decode()),
        "none": b"",
    }
    pairs = [(content, made.key_file, timedelta()) for content in layouts.values()]
    pairs += [(layouts[name], other.key_file, timedelta()) for name in ("leaf", "another first")]
    pairs += [(chain, made.key_file, LEAF_LIFETIME + days * DAY) for days in (-31, -5, 1)]
    for content, key_file, age in pairs:
        made.cert_file.write_bytes(content)
        short, whole = (
            verdict(check, made.cert_file, key_file, today + age)
            for check in (problems, inspection.problems)
        )
        assert short == whole


def verdict(
    check: Callable[[Path, Path, datetime], list[str]], cert: Path, key: Path, now: datetime
) -> list[str] | str:
    """Return what a check finds, or why the pair cannot be used."""
    try:
        return check(cert, key, now)
    except ValueError as exc:
        return str(exc)


def test_an_encrypted_key_is_of_no_use_and_nobody_is_asked_for_its_password(
    tmp_path: Path,
) -> None:
    made = ensure(tmp_path, NAMES)
    key = serialization.load_pem_private_key(made.key_file.read_bytes(), None)
    assert isinstance(key, issuing.Key)
    made.key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"fake-password"),
        )
    )
    with pytest.raises(ValueError, match="cannot be used"):
        problems(made.cert_file, made.key_file)


@pytest.mark.parametrize(
    ("age", "problem"),
    [
        (timedelta(), None),
        (LEAF_LIFETIME - 5 * DAY, "expires in 5 days"),
        (LEAF_LIFETIME - DAY / 2, f"expires at {NOW + LEAF_LIFETIME:%Y-%m-%d %H:%M} UTC"),
        (LEAF_LIFETIME + DAY, "has expired"),
    ],
)
def test_the_age_of_a_pair_is_told(tmp_path: Path, age: timedelta, problem: str | None) -> None:
    made = ensure(tmp_path, NAMES, NOW)
    found = problems(made.cert_file, made.key_file, NOW + age)
    assert found == ([] if problem is None else [f"{made.cert_file} {problem}"])


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_warned_about(tmp_path: Path, mode: int) -> None:
    made = ensure(tmp_path, NAMES)
    made.key_file.chmod(mode)
    [problem] = problems(made.cert_file, made.key_file)
    assert problem == f"{made.key_file} can be read by others: chmod 600 {made.key_file}"


def _settings(**values: object) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[call-arg, arg-type]


def test_the_pair_of_the_working_directory_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure(tmp_path / "own", NAMES)
    monkeypatch.chdir(tmp_path / "own")
    used = certificate_of(_settings(state_dir=tmp_path / "state"))
    assert used == Certificate(Path("server.crt"), Path("server.key"))
    assert not (tmp_path / "state").exists()


def test_one_is_made_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    used = certificate_of(_settings(state_dir=tmp_path / "state"))
    assert used == certificates.kept(tmp_path / "state")
    _handshake(used, "localhost", used.ca_file)


def test_a_pair_of_no_use_is_named_with_its_variables(tmp_path: Path) -> None:
    made, other = ensure(tmp_path / "a", NAMES), ensure(tmp_path / "b", NAMES)
    chosen = _settings(tls_cert_file=made.cert_file, tls_key_file=other.key_file)
    with pytest.raises(SettingsError, match=r"^ANTHROPIC_PROXY_TLS_CERT_FILE, .*TLS_KEY_FILE: "):
        certificate_of(chosen)


def test_a_pair_of_no_use_is_explained(tmp_path: Path) -> None:
    made = ensure(tmp_path / "made", NAMES, NOW)
    other = ensure(tmp_path / "other", NAMES, NOW)
    encrypted = tmp_path / "encrypted.key"
    key = serialization.load_pem_private_key(made.key_file.read_bytes(), None)
    encrypted.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"fake-password"),
        )
    )
    reasons = {
        (made.cert_file, encrypted): "is encrypted with a password; decrypt it: openssl pkey",
        (made.cert_file, other.key_file): "the key is not that of the certificate",
        (made.key_file, made.key_file): "holds no certificate",
        (made.cert_file, made.cert_file): "holds no private key",
        (made.cert_file, tmp_path): "cannot be read",
    }
    for pair, reason in reasons.items():
        with pytest.raises(ValueError, match=f"cannot be used: .*{reason}"):
            problems(*pair)


def test_a_key_of_another_user_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ensure(tmp_path, NAMES, NOW)
    read_bytes = Path.read_bytes

    def refuse(file: Path) -> bytes:  # the tests may run as root, who reads everything
        if file == made.key_file:
            raise PermissionError(13, "Permission denied")
        return read_bytes(file)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ValueError, match="may not be read by the user that the proxy runs as"):
        inspection.problems(made.cert_file, made.key_file)


def test_a_certificate_of_the_future_is_told(tmp_path: Path) -> None:
    made = ensure(tmp_path, NAMES, NOW)
    [problem] = problems(made.cert_file, made.key_file, NOW - DAY)
    assert problem == f"{made.cert_file} is not valid before 2025-12-31 23:00 UTC"


def _permits(made: Certificate) -> set[str]:
    constraints = _load(made.ca_file).extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert constraints.value.excluded_subtrees is None
    return {str(subtree.value) for subtree in constraints.value.permitted_subtrees or ()}


def test_the_ca_may_sign_for_localhost_and_the_names_it_was_made_for_only(tmp_path: Path) -> None:
    assert _permits(ensure(tmp_path / "a", NAMES)) == {"localhost"}
    made = ensure(
        tmp_path / "b",
        ("localhost", "host-1"),
        added=("*.team.example", "192.0.2.7", "2001:db8::7"),
    )
    assert _permits(made) == {"localhost", "host-1", "team.example"}


@pytest.mark.parametrize("name", ["evil.example", "api.anthropic.com", "localhost.example"])
def test_what_the_stolen_key_of_a_ca_signs_for_other_names_is_refused(
    tmp_path: Path, name: str
) -> None:
    made = ensure(tmp_path, NAMES)
    pair = issuing._read(tmp_path / "ca.crt", tmp_path / "ca.key")
    assert pair is not None
    issuing._issue(made, (name,), *pair, datetime.now(UTC))
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        _handshake(made, name, made.ca_file)


def test_a_name_that_the_ca_does_not_permit_brings_a_new_one_for_all_and_says_so(
    tmp_path: Path,
) -> None:
    before = _files(_added(tmp_path, "old.example"))
    structlog.reset_defaults()
    with capture_logs() as logged:
        made = _added(tmp_path, "old.example", "new.example", "10.1.2.3")
    assert _files(made)["ca.crt"] != before["ca.crt"]
    assert _permits(made) >= {"localhost", "old.example", "new.example"}
    assert [line["names"] for line in logged] == [["new.example"]]
    _handshake(made, "new.example", made.ca_file)
    content = _files(made)
    assert _files(_added(tmp_path, "new.example")) != content  # a new leaf
    assert _files(_added(tmp_path, "new.example"))["ca.crt"] == content["ca.crt"]


def test_an_address_needs_no_new_ca(tmp_path: Path) -> None:
    before = _files(_added(tmp_path, "team.example"))
    made = _added(tmp_path, "team.example", "192.0.2.7")
    assert _files(made)["ca.crt"] == before["ca.crt"]
    _handshake(made, "192.0.2.7", made.ca_file)


def test_a_subdomain_of_a_permitted_name_needs_no_new_ca(tmp_path: Path) -> None:
    before = _files(_added(tmp_path, "team.example"))
    made = _added(tmp_path, "proxy.team.example", "*.team.example")
    assert _files(made)["ca.crt"] == before["ca.crt"]
    _handshake(made, "proxy.team.example", made.ca_file)


def test_a_ca_without_constraints_of_an_earlier_version_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = x509.CertificateBuilder.add_extension

    def unconstrained(
        builder: x509.CertificateBuilder, extension: x509.ExtensionType, critical: bool
    ) -> x509.CertificateBuilder:
        if isinstance(extension, x509.NameConstraints):
            return builder
        return add(builder, extension, critical)

    with monkeypatch.context() as patched:
        patched.setattr(x509.CertificateBuilder, "add_extension", unconstrained)
        before = _files(ensure(tmp_path, NAMES))
    made = _added(tmp_path, "any.example")
    assert _files(made)["ca.crt"] == before["ca.crt"]
    _handshake(made, "any.example", made.ca_file)


@pytest.mark.external
@pytest.mark.parametrize("client", ["curl", "node"])
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "other.invalid"])
async def test_curl_and_node_honour_the_constraints(tmp_path: Path, client: str, name: str) -> None:
    program = require(client, {"curl": "curl", "node": "nodejs"}[client])
    made = ensure(tmp_path, NAMES)
    if name not in NAMES:
        pair = issuing._read(tmp_path / "ca.crt", tmp_path / "ca.key")
        assert pair is not None
        issuing._issue(made, (name,), *pair, datetime.now(UTC))
    server = await asyncio.start_server(
        _respond, "127.0.0.1", 0, ssl=tls_context(made, None), ssl_shutdown_timeout=0.2
    )
    async with server:
        port = server.sockets[0].getsockname()[1]
        commands = {
            "curl": [
                *(
                    "--silent",
                    "--show-error",
                    "--http1.1",
                    "--noproxy",
                    "*",
                    "--resolve",
                    f"{name}:{port}:127.0.0.1",
                ),
                *("--cacert", str(made.ca_file), f"https://{name}:{port}/"),
            ],
            "node": ["-e", _NODE, str(port), name],
        }
        process = await asyncio.create_subprocess_exec(
            program,
            *commands[client],
            env=os.environ | {"NODE_EXTRA_CA_CERTS": str(made.ca_file)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
    expected = (True, b"ok") if name in NAMES else (False, b"")
    assert (process.returncode == 0, output) == expected, errors


_NODE = """
const [port, name] = process.argv.slice(1);
require("https").get({host: "127.0.0.1", port, servername: name === "127.0.0.1" ? "" : name,
  headers: {host: name}, checkServerIdentity: () => undefined}, (r) => r.pipe(process.stdout))
  .on("error", () => process.exit(1));
"""


async def _respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, asyncio.IncompleteReadError):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
        await writer.drain()
    writer.close()


def test_the_lock_is_ours_alone_even_if_an_earlier_version_made_it_otherwise(
    tmp_path: Path,
) -> None:
    (tmp_path / "lock").touch(0o644)
    ensure(tmp_path, NAMES)
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600


def test_a_lock_that_is_never_released_ends_the_start_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LOCK_LIMIT", 0.1)
    with (tmp_path / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(TimeoutError, match=f"another process has held {tmp_path}/lock"):
            ensure(tmp_path, NAMES)
    ensure(tmp_path, NAMES)


def test_a_ca_for_hosts_elsewhere_signs_for_these_alone(tmp_path: Path) -> None:
    made = ensure(tmp_path, (), added=("api.anthropic.com",))
    constraints = _load(made.ca_file).extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    permitted = constraints.value.permitted_subtrees or []
    excluded = constraints.value.excluded_subtrees or []
    assert [str(name.value) for name in permitted] == ["api.anthropic.com"]
    assert [str(name.value) for name in excluded] == ["0.0.0.0/0", "::/0"]
    _handshake(made, "api.anthropic.com", made.ca_file)
    content = _files(made)
    with capture_logs() as lines:
        more = ensure(tmp_path, (), added=("api.anthropic.com", "api.example"))
    assert [line["names"] for line in lines] == [["api.example"]]  # clients must trust a new CA
    assert _files(more)["ca.crt"] != content["ca.crt"]
    for name in ("api.anthropic.com", "api.example"):
        _handshake(more, name, more.ca_file)


@given(st.datetimes(datetime(1950, 1, 1), datetime(9999, 12, 31)))  # noqa: DTZ001 - X.509's range
def test_a_date_of_openssl_is_read_as_python_reads_it(at: datetime) -> None:
    text = f"{at:%b} {at.day:2} {at:%H:%M:%S} {at.year:04} GMT"
    assert seconds(text) == ssl.cert_time_to_seconds(text)
