"""The sixteen detectors, as data, in priority order: on overlap the earlier wins."""

import re

from . import addresses, blocks, urls, validators
from .detector import Detector, Finder, cased
from .edges import after

_WORD = after("A-Za-z0-9")
_SPACE = r"(?: |%20|\\+t)"

BUILT_IN: tuple[Detector, ...] = (
    Detector(
        name="anthropic_key",
        gate=_WORD + r"(sk-ant-[A-Za-z0-9_-]{16})",
        anchors=(b"sk-ant-",),
        heads="s",
        pattern=re.compile(rb"sk-ant-(?>(?:[a-z]{3,8}[0-9]{2}-)?)[A-Za-z0-9_-]{16,}+"),
        examples=(
            "sk-ant-" + "api03-abcdefghijklmnop0123",
            "sk-ant-" + "x" * 24,
            "_sk-ant-" + "api03-abcdefghijklmnopqrstuv_",
            "key-sk-ant-" + "api03-abcdefghijklmnop0123",
        ),
        negatives=("sk-ant-api03-...", "task-ant-farm-simulation-runner"),
    ),
    Detector(
        name="openai_key",
        gate=_WORD
        + r"(sk-(?:(?:proj|svcacct|admin|service|None)-[A-Za-z0-9_-]{16}|[A-Za-z0-9]{40}))",
        anchors=(b"sk-",),
        heads="s",
        pattern=re.compile(
            rb"sk-(?:(?:proj|svcacct|admin|service|None)-(?P<body>[A-Za-z0-9_-]{16,}+)"
            rb"|(?P<legacy>[A-Za-z0-9]{40,128}+)(?![A-Za-z0-9]))"
        ),
        accepts=validators.has_digit_or_capital,
        examples=("sk-" + "proj-abc123def456ghi789", "sk-" + "a1B2" * 12, "_sk-" + "a1B2" * 12),
        negatives=("task-proj-abc123def456ghi789", "sk-proj-your-project-key-goes-here"),
    ),
    Detector(
        name="aws_access_key",
        gate=_WORD + r"(A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16})",
        anchors=(
            b"AKIA",
            b"ASIA",
            b"ABIA",
            b"ACCA",
        ),
        heads="A",
        pattern=re.compile(rb"A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
        examples=("AKIA" + "IOSFODNN7EXAMPLE", "ASIA" + "QWERTYUIOP234567"),
        negatives=("AKIA" + "IOSFODNN7EXAMPLEX", "XAKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7"),
    ),
    Detector(
        name="github_token",
        gate=_WORD
        + r"(gh[pour]_[A-Za-z0-9]{36}|ghs_[A-Za-z0-9._-]{36}|github_pat_[A-Za-z0-9_]{22})",
        anchors=(
            b"ghp_",
            b"gho_",
            b"ghu_",
            b"ghr_",
            b"ghs_",
            b"github_pat_",
        ),
        heads="g",
        pattern=re.compile(
            rb"gh[pour]_[A-Za-z0-9]{36,}+|ghs_[A-Za-z0-9._-]{36,16384}(?<![._-])"
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
        gate=after("A-Za-z0-9+-") + r"(AIza[A-Za-z0-9_-]{35})",
        anchors=(b"AIza",),
        heads="A",
        pattern=re.compile(rb"AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9+/=]|-[A-Za-z0-9_])"),
        examples=(
            "AIza" + "SyA1234567890abcdefghijklmnopqrstuv",
            "__AIza" + "SyA1234567890abcdefghijklmnopqrstuv__",
        ),
        negatives=("AIza" + "S" * 36, "AIzaSy"),
    ),
    Detector(
        name="stripe_key",
        gate=_WORD + r"([sr]k_(?:live|test|prod)_[A-Za-z0-9]{14}|whsec_[A-Za-z0-9+/]{24})",
        anchors=(
            b"k_live_",
            b"k_test_",
            b"k_prod_",
            b"whsec_",
        ),
        heads="srw",
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
        steps=16,
        finders=(Finder(b"-----BEGIN"),),
        pattern=blocks.PRIVATE_KEY,
        canonical=blocks.without_gutter,
        parts=blocks.key_lines,
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
        gate=_WORD + r"(e(?:yJ|wo)[A-Za-z0-9_-]{6})",
        anchors=(
            b"eyJ",
            b"ewo",
        ),
        heads="e",
        pattern=re.compile(
            rb"(?P<header>e(?:yJ|wo)[A-Za-z0-9_-]{6,16384}+)\.(?P<payload>[A-Za-z0-9_-]{0,16384}+)"
            rb"\.[A-Za-z0-9_-]{0,16384}+(?>(?:\.[A-Za-z0-9_-]{1,16384}+){0,2})"
        ),
        run=re.compile(rb"[A-Za-z0-9_-]++"),
        accepts=validators.is_jwt,
        examples=(
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl",
            "_eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl_",
            "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..aXZpdml2.Y2lwaGVy.dGFn",
        ),
        negatives=("eyJ2ZXJzaW9uIjozLCJzb3VyY2VzIjpbXX0=", "eyJsZWdhY3k.module.name"),
    ),
    Detector(
        name="db_connection_string",
        steps=4,
        finders=urls.FINDERS,
        pattern=urls.DATABASE,
        passwords=validators.URL_PASSWORDS,
        longest=urls.LONGEST,
        examples=(
            "postgres://user:pass@host/db",
            "mongodb+srv://app:s3cr3t-pa55@cluster0.example.net/test?retryWrites=true",
            "redis://:hunter2@cache:6379/0",
            "jdbc:postgresql://host:5432/db?user=app&password=hunter2&ssl=true",
            "POSTGRES://user:pass@host/db",
            "postgres://user:pass@/db?host=/var/run/postgresql",
            "postgres://joe@server:pass@host/db",
            r"postgres:\/\/user:pass@host\/db",
            "postgres://user:it's1secret@host/db",
            "postgres://user:%24ecretPa55@host/db",
        ),
        negatives=(
            "postgres://user@host/db",
            "postgres://user:${DB_PASSWORD}@host/db",
            "postgres://{user}:{password}@{host}/db",
            "postgres://%s:%s@host/db",
            "postgres://user:%24%7BDB_PASSWORD%7D@host/db",
            "'postgres://user:'+password+'@host/db'",
            "postgres://user:***@host/db",
            "redis://localhost:6379/0",
        ),
    ),
    Detector(
        name="bearer_token",
        gate=_WORD + rf"((?i:bearer){_SPACE}+(?:[0-9]{{1,10}}\|)?[A-Za-z0-9._~+/:-]{{10}})",
        anchors=cased("bear"),
        heads="bB",
        pattern=re.compile(
            rb"(?i:bearer)(?>(?: |%20|\\+t)+)(?P<secret>(?>(?:[0-9]{1,10}\|)?)"
            rb"(?:[A-Za-z0-9._~+/-]|:(?!/)){9,}[A-Za-z0-9_~+/-]=*+)"
        ),
        accepts=validators.is_bearer,
        group="secret",
        examples=(
            "Bearer abc123def456ghi789",
            "authorization: bearer 0a1b2c3d-4e5f-6a7b-8c9d",
            "Bearer secrettoken1",
            "Bearer my-token-12",
            "Bearer aBcdefghijklmnopqrstuvwxyz",
            "Bearer 12|abcdefABCDEF0123456789",
            "Bearer abc123:def456ghi789",
            "Authorization: Bearer abcdefghijklmnopqrstuvwxyz",
            'curl -H "authorization: bearer 01234567890123456789"',
        ),
        negatives=(
            "Bearer authentication",
            "a bearer internationalisation",
            "Authorization: Bearer authentication",
            "Bearer ${ACCESS_TOKEN}",
            "Bearer YOUR_ACCESS_TOKEN_2",
            "the bearer of this letter",
            "Bearer RFC-6750-tokens",
            "Bearer config.apiKeys.production1",
            "Bearer process.env.API_KEY_2",
            "Bearer response.data.access_token_v2",
            "Bearer https://host.example/path2",
        ),
    ),
    Detector(
        name="basic_auth",
        gate=_WORD + rf"((?i:basic){_SPACE}+[A-Za-z0-9+/_-]{{6}})",
        anchors=cased("basi"),
        heads="bB",
        pattern=re.compile(rb"(?i:basic)(?>(?: |%20|\\+t)+)(?P<secret>[A-Za-z0-9+/_-]{6,}+={0,2})"),
        accepts=validators.is_basic,
        group="secret",
        examples=(
            "Basic dXNlcjpwYXNz",
            "Authorization: Basic YWxhZGRpbjpvcGVuc2VzYW1l",
            "_Basic dXNlcjpwYXNz_",
            "Basic OmZha2UtdG9rZW4=",  # no user
            "Basic c3F1X2ZhazA6",  # no password
            "Basic dXNlcjpw5Hc_d29ydA==",  # Latin-1, in the alphabet for URLs
        ),
        negatives=(
            "Basic Operations",
            "Basic authentication",
            "basic understanding of things",
            "Basic functionality",
        ),
    ),
    Detector(
        name="sonarqube_token",
        gate=_WORD + r"(sq[apu]_[A-Za-z0-9]{12})",
        anchors=(
            b"sqa_",
            b"sqp_",
            b"squ_",
        ),
        heads="s",
        pattern=re.compile(rb"sq[apu]_(?P<body>[A-Za-z0-9]{12,}+)"),
        accepts=validators.has_digit,
        examples=("sqp_" + "a1b2c3d4e5f6", "squ_" + "0123456789abcdef" * 2 + "01234567"),
        negatives=("sqp_initializeTable", "msqp_a1b2c3d4e5f6"),
    ),
    Detector(
        name="jenkins_api_token",
        gate=after("A-Za-z0-9./#-") + r"(11[0-9a-f]{30})",
        anchor=r"11[0-9a-f]{30}",
        heads="1",
        pattern=re.compile(rb"11[0-9a-f]{30}(?>(?:[0-9a-f]{2})?)(?![A-Za-z0-9]|-[A-Za-z0-9])"),
        accepts=validators.is_no_digest,
        examples=(
            "11" + "abcdef0123456789abcdef01234567",
            "11" + "0123456789abcdef" * 2,
            "JENKINS_TOKEN_11" + "abcdef0123456789abcdef01234567_",
            "token: 11" + "abcdef0123456789abcdef01234567  # of the build",
        ),
        negatives=(
            "md5: 11abcdef0123456789abcdef01234567",
            "11abcdef0123456789abcdef01234567  file.iso",
            "11" + "0" * 30,
            "11abcdef0123456789abcdef01234567890abcde",
        ),
    ),
    Detector(
        name="ansible_vault",
        steps=16,
        finders=(Finder(b"$ANSIBLE_VAULT;"),),
        pattern=blocks.ANSIBLE_VAULT,
        canonical=blocks.without_gutter,
        parts=blocks.vault_lines,
        examples=(
            "$ANSIBLE_VAULT;1.1;AES256",
            "$ANSIBLE_VAULT;1.2;AES256;prod\n3161326233633464\n3565366637383930\n31",
        ),
        negatives=("$ANSIBLE_VAULT_PASSWORD_FILE",),
    ),
    Detector(
        name="hashicorp_vault_token",
        gate=after("A-Za-z0-9._-") + r"(hv[sbr]\.[A-Za-z0-9_-]{20})",
        anchors=(
            b"hvs.",
            b"hvb.",
            b"hvr.",
        ),
        heads="h",
        pattern=re.compile(rb"hv[sbr]\.(?P<body>[A-Za-z0-9_-]{20,}+)"),
        accepts=validators.is_vault_token,
        examples=(
            "hvs." + "ABCDEFghijklmnop123456",
            "hvb." + "AAAAAQ" * 12 + "7",
            "hvs." + "CaESaKfTgBhNdRmX" * 2,
        ),
        negatives=(
            "hvs.some_method_name_of_a_module",
            "hvs.someMethodNameOfThatModule",
            "self.hvs.ABCDEFghijklmnop123456",
        ),
    ),
    Detector(
        name="email",
        tier="identifier",
        finders=addresses.FINDERS,
        pattern=addresses.ADDRESS,
        accepts=validators.is_person,
        examples=(
            "user@example.com",
            "first.last+tag@mail.example.co.uk",
            "user@example.rs",
            "user@example.com-",
            "https://host.example\nuser@example.com",
            "https://host.example,user@example.com",
        ),
        negatives=(
            "git@github.com:owner/name.git",
            "noreply@example.com",
            "1234+name@users.noreply.github.com",
            "icon@2x.png",
            "getty@tty1.service",
            "https://user@example.com/",
            "react@18.2.0",
            "react@18.2.0.zip",
            "q@k.transpose(0, 1)",
            "aes256-gcm@openssh.com,chacha20-poly1305@openssh.com",
            "sk-ssh-ed25519-cert-v01@openssh.com",
            "sk-ecdsa-sha2-nistp256@openssh.com",
            "rijndael-cbc@lysator.liu.se",
            "curve25519-sha256@libssh.org",
            "sd_IN@devanagari.UTF-8",
            "Message-ID: <abc.def@mail.example.com>",
            "References: <abc.1@mail.example.com> <def.2@mail.example.com>",
            "<20261127101112.GA4711@host.example.com>",
        ),
    ),
)
