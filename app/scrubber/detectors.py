"""The sixteen detectors, as data, in priority order: on overlap the earlier wins.

Each works on JSON-escaped bytes, in two steps. ``gate`` (RE2 syntax) finds where a match may
start: all gates run as one automaton, in linear time whatever the text. ``pattern`` is then
matched there, and ``accepts`` has the last word. A gate is wider than its pattern.

``group`` is the pattern's group that is replaced (0: all of it), ``passwords`` are groups whose
value is a secret by itself; other groups are for the validator.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from app.scrubber import blocks, validators
from app.scrubber.validators import Validator

Tier = Literal["secret", "identifier"]


class Pattern(Protocol):
    """What ``re`` and ``re2`` share: a match at one place, as if the text ended at ``end``."""

    def match(self, text: bytes, start: int, end: int, /) -> re.Match[bytes] | None:
        """Match at ``start``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """One kind of secret. ``examples`` must be found, ``negatives`` must not, in every form."""

    name: str
    tier: Tier = "secret"
    gate: str
    pattern: Pattern
    accepts: Validator | None = None
    group: int | str = 0
    passwords: tuple[str, ...] = ()
    canonical: Callable[[bytes], bytes] = bytes  # the value, of the text replaced
    shared: bool = True  # its gate begins with a boundary or a head, and runs with the others
    examples: tuple[str, ...]
    negatives: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The name as it stands in placeholders."""
        return self.name.upper()


def after(token: str) -> str:
    r"""Return the RE2 for the left boundary of a token made of the class ``token``.

    ``\b`` is wrong here: in ``\nghp_…`` the ``n`` belongs to a JSON escape, in ``%3Dghp_…`` the
    ``D`` to percent-encoding, in ``[0mghp_…`` the ``m`` to a terminal's colour (ECMA-48 SGR),
    and a ``-`` that starts a line is a diff's.
    """
    return (
        r"(?:(?:\\n|\")[+-]|\\[nrtbf]|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|%[0-9A-Fa-f]{2}|"
        rf"\[[0-9;]{{0,12}}[mK]|[^{token}])"
    )


_WORD = after("A-Za-z0-9")
_DASHED = after("A-Za-z0-9_-")
_SPACE = r"(?: |%20|\\+t)"

_SCHEMES = (
    r"(?:postgres(?:ql)?|pgsql|mysql|mariadb|mongodb|rediss?|valkey|amqps?|mssql|sqlserver|oracle|"
    r"cockroachdb|clickhouse|cassandra|neo4j|bolt|couchdb|influxdb|snowflake|redshift|db2|"
    r"firebird|trino|presto|hive|vertica|questdb|tidb|memcached|nats|ldaps?)"
)
_NOT_IN_URL = rb"\s\"'`\\<>"
_PASSWORD_CHARACTER = rb"(?:[^" + _NOT_IN_URL + rb"@]|\\u(?!00[01])[0-9a-fA-F]{4})"
_DATABASE_URL = (
    rb"(?:jdbc:)?" + _SCHEMES.encode() + rb"(?:\+[a-z0-9_+]{1,32})?://"
    # A user, and a password that is no port.
    rb"[^:@/" + _NOT_IN_URL + rb"]{0,128}+:(?![0-9]{1,5}[/?#,])(?P<password>"
    rb"" + _PASSWORD_CHARACTER + rb"{1,256}+(?:@[^@/" + _NOT_IN_URL + rb"]{1,128}+(?=@))?+)"
    # Hosts, path and query, without the sentence's punctuation.
    rb"@[^/?#" + _NOT_IN_URL + rb"][^" + _NOT_IN_URL + rb"]{0,2048}(?<![.,;:!?)\]}])"
)
_JDBC_URL = (
    rb"jdbc:[a-z][^" + _NOT_IN_URL + rb"]{1,512}?[?&;](?i:password|pwd)="
    rb"(?P<parameter>[^&;" + _NOT_IN_URL + rb"]{1,256}+)[^" + _NOT_IN_URL + rb"]{0,1024}"
    rb"(?<![.,;:!?)\]}])"
)

BUILT_IN: tuple[Detector, ...] = (
    Detector(
        name="anthropic_key",
        gate=_DASHED + r"(sk-ant-[A-Za-z0-9_-]{16})",
        pattern=re.compile(rb"sk-ant-(?:[a-z]{3,8}[0-9]{2}-)?+[A-Za-z0-9_-]{16,}+"),
        examples=("sk-ant-" + "api03-abcdefghijklmnop0123", "sk-ant-" + "x" * 24),
        negatives=("sk-ant-api03-...", "task-ant-farm-simulation-runner"),
    ),
    Detector(
        name="openai_key",
        gate=_DASHED
        + r"(sk-(?:(?:proj|svcacct|admin|service|None)-[A-Za-z0-9_-]{16}|[A-Za-z0-9]{40}))",
        pattern=re.compile(
            rb"sk-(?:(?:proj|svcacct|admin|service|None)-(?P<body>[A-Za-z0-9_-]{16,}+)"
            rb"|(?P<legacy>[A-Za-z0-9]{40,128}+)(?![A-Za-z0-9]))"
        ),
        accepts=validators.has_digit_or_capital,
        examples=("sk-" + "proj-abc123def456ghi789", "sk-" + "a1B2" * 12),
        negatives=("task-proj-abc123def456ghi789", "sk-proj-your-project-key-goes-here"),
    ),
    Detector(
        name="aws_access_key",
        gate=_WORD + r"(A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16})",
        pattern=re.compile(rb"A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
        examples=("AKIA" + "IOSFODNN7EXAMPLE", "ASIA" + "QWERTYUIOP234567"),
        negatives=("AKIA" + "IOSFODNN7EXAMPLEX", "XAKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7"),
    ),
    Detector(
        name="github_token",
        gate=_WORD
        + r"(gh[pour]_[A-Za-z0-9]{36}|ghs_[A-Za-z0-9._-]{36}|github_pat_[A-Za-z0-9_]{22})",
        pattern=re.compile(
            rb"gh[pour]_[A-Za-z0-9]{36,}+|ghs_[A-Za-z0-9._-]{36,1024}(?<![._-])"
            rb"|github_pat_[A-Za-z0-9_]{22,}+"
        ),
        examples=(
            "ghp_" + "x" * 36,
            "ghs_" + "a1B2" * 9,
            "ghs_" + "eyJhbGciOiJSUzI1NiJ9.eyJpYXQiOjE3MDAwMDB9.c2lnbmF0dXJl",
            "github_pat_" + "11ABCDEFG0" * 3 + "_" + "a1" * 20,
        ),
        negatives=("ghp_short", "high_" + "x" * 40),
    ),
    Detector(
        name="google_api_key",
        gate=after("A-Za-z0-9_+-") + r"(AIza[A-Za-z0-9_-]{35})",
        pattern=re.compile(rb"AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_+/=-])"),
        examples=("AIza" + "SyA1234567890abcdefghijklmnopqrstuv",),
        negatives=("AIza" + "S" * 36, "AIzaSy"),
    ),
    Detector(
        name="stripe_key",
        gate=_WORD + r"([sr]k_(?:live|test|prod)_[A-Za-z0-9]{14}|whsec_[A-Za-z0-9+/]{24})",
        pattern=re.compile(
            rb"[sr]k_(?:live|test|prod)_[A-Za-z0-9]{14,}+|whsec_[A-Za-z0-9+/]{24,88}+={0,2}"
        ),
        examples=(
            "sk_" + "live_abc123def456ghi789",
            "rk_" + "test_" + "x" * 24,
            "whsec_" + "a1B2" * 8,
        ),
        negatives=("desk_live_abc123def456ghi789", "pk_" + "live_abc123def456ghi789"),
    ),
    Detector(
        name="private_key",
        gate=r"(-----BEGIN[A-Z0-9 %+]{0,64}PRIVATE)",
        pattern=blocks.PRIVATE_KEY,
        canonical=blocks.without_gutter,
        examples=(
            "-----BEGIN " + "RSA PRIVATE KEY-----\nMIIEfake0FAKE1fake2FAKE3fake4\nAAAA==\n"
            "-----END RSA PRIVATE KEY-----",
            "-----BEGIN " + "OPENSSH PRIVATE KEY-----",
            "-----BEGIN " + "PGP PRIVATE KEY BLOCK-----\n\nlQVYBGfake0FAKE1fake2FAKE3fake4\n=AAAA\n"
            "-----END PGP PRIVATE KEY BLOCK-----",
        ),
        negatives=("-----BEGIN CERTIFICATE-----\nMIIC\n", "-----BEGIN PUBLIC KEY-----\nMIIB\n"),
    ),
    Detector(
        name="jwt",
        gate=_DASHED + r"(eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*\.)",
        pattern=re.compile(
            rb"(?P<header>eyJ[A-Za-z0-9_-]{6,}+)\.(?P<payload>[A-Za-z0-9_-]*+)\.[A-Za-z0-9_-]*+"
            rb"(?:\.[A-Za-z0-9_-]++){0,2}+"
        ),
        accepts=validators.is_jwt,
        examples=(
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl",
            "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..aXZpdml2.Y2lwaGVy.dGFn",
        ),
        negatives=("eyJ2ZXJzaW9uIjozLCJzb3VyY2VzIjpbXX0=", "eyJsZWdhY3k.module.name"),
    ),
    Detector(
        name="db_connection_string",
        gate=_WORD
        + rf"((?:jdbc:)?{_SCHEMES}(?:\+[a-z0-9_+]{{1,32}})?://[^\s:@/]{{0,128}}:|jdbc:[a-z])",
        pattern=re.compile(_DATABASE_URL + rb"|" + _JDBC_URL),
        accepts=validators.has_password,
        passwords=("password", "parameter"),
        examples=(
            "postgres://user:pass@host/db",
            "mongodb+srv://app:s3cr3t-pa55@cluster0.example.net/test?retryWrites=true",
            "redis://:hunter2@cache:6379/0",
            "jdbc:postgresql://host:5432/db?user=app&password=hunter2&ssl=true",
        ),
        negatives=(
            "postgres://user@host/db",
            "postgres://user:${DB_PASSWORD}@host/db",
            "postgres://{user}:{password}@{host}/db",
            "postgres://%s:%s@host/db",
            "postgres://user:***@host/db",
            "redis://localhost:6379/0",
        ),
    ),
    Detector(
        name="bearer_token",
        gate=_WORD + rf"((?i:bearer){_SPACE}+[A-Za-z0-9._~+/-]{{10}})",
        pattern=re.compile(
            rb"(?i:bearer)(?: |%20|\\+t)++(?P<secret>[A-Za-z0-9._~+/-]{10,}+(?<![.])=*+|"
            rb"[A-Za-z0-9._~+/-]{9,}[A-Za-z0-9_~+/-]=*+)"
        ),
        accepts=validators.is_bearer,
        group="secret",
        examples=("Bearer abc123def456ghi789", "authorization: bearer 0a1b2c3d-4e5f-6a7b-8c9d"),
        negatives=(
            "Bearer authentication",
            "Bearer ${ACCESS_TOKEN}",
            "Bearer YOUR_ACCESS_TOKEN_2",
            "the bearer of this letter",
            "Bearer RFC-6750-tokens",
        ),
    ),
    Detector(
        name="basic_auth",
        gate=_WORD + rf"((?i:basic){_SPACE}+[A-Za-z0-9+/]{{6}})",
        pattern=re.compile(rb"(?i:basic)(?: |%20|\\+t)++(?P<secret>[A-Za-z0-9+/]{6,}+={0,2})"),
        accepts=validators.is_basic,
        group="secret",
        examples=("Basic dXNlcjpwYXNz", "Authorization: Basic YWxhZGRpbjpvcGVuc2VzYW1l"),
        negatives=("Basic authentication", "basic understanding of things", "Basic functionality"),
    ),
    Detector(
        name="sonarqube_token",
        gate=_WORD + r"(sq[apu]_[A-Za-z0-9]{12})",
        pattern=re.compile(rb"sq[apu]_(?P<body>[A-Za-z0-9]{12,}+)"),
        accepts=validators.has_digit,
        examples=("sqp_" + "a1b2c3d4e5f6", "squ_" + "0123456789abcdef" * 2 + "01234567"),
        negatives=("sqp_initializeTable", "msqp_a1b2c3d4e5f6"),
    ),
    Detector(
        name="jenkins_api_token",
        gate=after("A-Za-z0-9_./#-") + r"(11[0-9a-f]{30})",
        pattern=re.compile(rb"11[0-9a-f]{30}(?:[0-9a-f]{2})?+(?![A-Za-z0-9_-])"),
        accepts=validators.is_no_digest,
        examples=("11" + "abcdef0123456789abcdef01234567", "11" + "0123456789abcdef" * 2),
        negatives=(
            "md5: 11abcdef0123456789abcdef01234567",
            "11abcdef0123456789abcdef01234567  file.iso",
            "11" + "0" * 30,
            "11abcdef0123456789abcdef01234567890abcde",
        ),
    ),
    Detector(
        name="ansible_vault",
        gate=r"(\$ANSIBLE_VAULT;[0-9])",
        pattern=blocks.ANSIBLE_VAULT,
        canonical=blocks.without_gutter,
        examples=(
            "$ANSIBLE_VAULT;1.1;AES256",
            "$ANSIBLE_VAULT;1.2;AES256;prod\n3161326233633464\n3565366637383930\n31",
        ),
        negatives=("$ANSIBLE_VAULT_PASSWORD_FILE",),
    ),
    Detector(
        name="hashicorp_vault_token",
        gate=after("A-Za-z0-9._-") + r"(hv[sbr]\.[A-Za-z0-9_-]{20})",
        pattern=re.compile(rb"hv[sbr]\.(?P<body>[A-Za-z0-9_-]{20,}+)"),
        accepts=validators.has_digit,
        examples=("hvs." + "ABCDEFghijklmnop123456", "hvb." + "AAAAAQ" * 12 + "7"),
        negatives=("hvs.some_method_name_of_a_module", "self.hvs.ABCDEFghijklmnop123456"),
    ),
    Detector(
        name="email",
        tier="identifier",
        gate=after("A-Za-z0-9._+-")
        + r"([A-Za-z0-9_][A-Za-z0-9._+-]{0,63}(?:@|%40)(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2})",
        pattern=re.compile(
            rb"[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}+(?:@|%40)"
            rb"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}"
            rb"(?:xn--[a-z0-9-]{1,59}|[A-Za-z]{2,24})(?![A-Za-z0-9-])"
        ),
        accepts=validators.is_person,
        examples=("user@example.com", "first.last+tag@mail.example.co.uk"),
        negatives=(
            "git@github.com:owner/name.git",
            "noreply@example.com",
            "1234+name@users.noreply.github.com",
            "icon@2x.png",
            "getty@tty1.service",
            "https://user@example.com/",
            "react@18.2.0",
        ),
    ),
)
