r"""Credentials found by the name in front of them.

The text between the two may be written as JSON, YAML, XML, INI or a shell's assignment, be escaped
once more, and hold line numbers and colours.
"""

import re

from ...automaton import compiled
from .. import validators
from ..detector import Detector, Finder
from ..edges import after
from ..urls import ESCAPED_LETTER
from .parts import BREAK, PASSWORD_WORD, QUOTE, SPACE, is_token

_WORD = after("A-Za-z0-9")
# Between a name and its value: punctuation, a tag's end, and the words that some formats put there.
_BETWEEN = (
    rb"(?>(?:"
    + SPACE
    + rb"|"
    + QUOTE
    + rb"|[:=>,|(){}\[\]]|%3[AaDd]|\\+u003[eE]|\\+u001[bB]\[[0-?]{0,48}[@-~]|"
    + BREAK
    + rb"|(?i:value|string|none|default)(?![A-Za-z0-9])|\*{4,20}){1,48})"
)
_AWS_SECRET = rb"(?P<secret>(?:[A-Za-z0-9+]|\\*/|%2[BFbf]){40})(?![A-Za-z0-9+/=_-])"


def _same(*literals: bytes) -> tuple[Finder, ...]:
    return tuple(Finder(literal) for literal in literals)


def _is_mixed(match: re.Match[bytes]) -> bool:
    """Return True for random base64: it has letters of both cases, unlike a digest or a path."""
    return validators.has_both_cases(match["secret"])


def _is_password(match: re.Match[bytes]) -> bool:
    if match["secret"].startswith(b"{"):
        return _BRACED.fullmatch(match["secret"]) is not None
    return validators.is_no_hole(match["secret"]) and _CODE.match(match["secret"]) is None


_BRACED = re.compile(rb"\{(?!\{)(?=[^}]*[0-9])(?=[^}]*[A-Za-z])[^}]{4,128}\}")  # else a hole
_CODE = re.compile(rb"(?:[A-Za-z_]\w*\.)+[A-Za-z_]\w*\Z|[A-Za-z_][\w.]*[(\[]")
_ATTRIBUTE = (
    rb"(?i:server|data(?: |%20)source|host|addr(?:ess)?|user(?: |%20)?id|uid|user|username|driver|"
    rb"dsn|database|dbname|initial(?: |%20)catalog|port|provider|endpoint|sharedaccesskeyname)"
    rb"(?: |%20)?="
)
_BESIDE = compiled(
    (
        _ATTRIBUTE
        + (rb"(?: |%20)?(?:[^;=\\\"'\s%,()]|" + ESCAPED_LETTER + rb"){1,256}(?:[; ]|%20)")
    ).decode()
)
_AFTER = re.compile(rb"(?:[; ]|%20){1,2}" + _ATTRIBUTE)
_ATTRIBUTES_REACH = 512


def _is_in_connection_string(match: re.Match[bytes]) -> bool:
    """Return True if other attributes of a connection stand beside the password."""
    text, (start, end) = match.string, match.span()
    before = max(0, start - _ATTRIBUTES_REACH)
    near = _AFTER.match(text, end) or _BESIDE.search(text, before, start)
    return near is not None and _is_password(match)


def _token_after(name: bytes, least: int) -> re.Pattern[bytes]:
    return re.compile(name + rb"(?P<secret>[A-Za-z0-9._~+/-]{%d,1024}+=*+)" % least)


_NETRC_SPACE = rb"(?:" + SPACE + rb"|" + BREAK + rb"){1,16}"
_NETRC_WORD = rb"(?>(?:[^\s\"'`\\%]++|%(?!20|0[9AaDd])|" + ESCAPED_LETTER + rb")+)"


def _field(name: bytes) -> bytes:
    return name + _NETRC_SPACE + _NETRC_WORD + _NETRC_SPACE


AWS_SECRET_KEY = Detector(
    name="aws_secret_key",
    finders=_same(
        b"ecret_access_key",
        b"ECRET_ACCESS_KEY",
        b"ecretAccessKey",
        b"ecret-access-key",
        b"ecret Access Key",
        b"ecret access key",
        b"ecret%20Access%20Key",
        b"ecret_key",
        b"ECRET_KEY",
        b"ecretKey",
        b"ecret-key",
        b"AKIA",
        b"ASIA",
    ),
    pattern=re.compile(
        rb"(?:(?i:ecret(?:[_ -]|%20)?(?:access(?:[_ -]|%20)?)?key)|A(?:KI|SI)A[A-Z0-9]{16})"
        + _BETWEEN
        + _AWS_SECRET
    ),
    accepts=_is_mixed,
    group="secret",
    examples=(
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        'AWS_SECRET_ACCESS_KEY="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"',
        '{"SecretAccessKey": "wJalrXUtnFEMI0K7MDENG0bPxRfiCYEXAMPLEKEY"}',
        "<SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY</SecretAccessKey>",
        "- name: AWS_SECRET_ACCESS_KEY\n  value: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AWS Secret Access Key [None]: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AKIA" + "IOSFODNN7EXAMPLE,wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "secret_key: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'",
    ),
    negatives=(
        "aws_secret_access_key = ${AWS_SECRET_ACCESS_KEY}",
        "aws_secret_access_key: da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY,",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ),
)
NETRC_PASSWORD = Detector(
    name="netrc_password",
    finders=_same(b"machine", b"default login", b"default%20login"),
    pattern=re.compile(
        rb"(?:"
        + _field(b"machine")
        + rb"|default"
        + _NETRC_SPACE
        + rb")(?:"
        + _field(b"(?:login|account)")
        + rb"){0,2}password"
        + _NETRC_SPACE
        + rb"(?P<secret>"
        + PASSWORD_WORD
        + rb")"
    ),
    accepts=_is_password,
    group="secret",
    examples=(
        "machine git.example login user password hunter2",
        "machine git.example\n  login user\n  password hunter2",
        "default login anonymous password user4711",
        "machine git.example password hunter2 login user",
    ),
    negatives=(
        "machine learning needs no login and no password",
        "machine git.example login user password ${PASSWORD}",
        "machine git.example login user",
    ),
)
NPM_AUTH_TOKEN = Detector(
    name="npm_auth_token",
    finders=_same(b"_authToken", b"npmAuthToken"),
    pattern=_token_after(
        rb"(?:_a|npmA)uthToken(?>(?:" + QUOTE + rb"|" + SPACE + rb"|[:=]|%3[AaDd]){1,12})", 8
    ),
    accepts=is_token,
    group="secret",
    examples=(
        "//registry.example/:_authToken=0a1b2c3d-4e5f-6a7b-8c9d-0e1f2a3b4c5d",
        'npmAuthToken: "abcdef0123456789"',
        "_authToken = deadbeefcafe0123",
    ),
    negatives=(
        "//registry.example/:_authToken=${NPM_TOKEN}",
        "this._authToken = response.token;",
        "_authToken: string",
    ),
)
CONNECTION_PASSWORD = Detector(
    name="connection_password",
    gate=_WORD + r"((?i:password|pwd|sharedaccesskey)(?: |%20)?=)",
    anchor=r"(?i:password|pwd|sharedaccesskey)(?: |%20)?=",
    heads="PpSs",
    pattern=re.compile(
        rb"(?i:password|pwd|sharedaccesskey)(?>(?: |%20)?)=(?>(?: |%20)?)"
        rb"(?:'(?=[^'\"\\]{1,128}'))?(?P<secret>" + PASSWORD_WORD + rb")"
    ),
    accepts=_is_in_connection_string,
    group="secret",
    examples=(
        "Server=db.example;Database=main;User Id=app;Password=hunter2;Encrypt=true",
        "Driver={ODBC Driver 18};Server=db.example;UID=app;PWD=hunter2",
        "Password=hunter2;User ID=app;Data Source=db.example",
        "Endpoint=sb://a.example/;SharedAccessKeyName=Root;SharedAccessKey=a1B2c3D4e5F6+/==",
        "Driver={X};Server=db.example;UID=app;PWD={hunter2}",
        "host=db.example user=app password=hunter2 dbname=main",
    ),
    negatives=(
        "Server=db.example;User Id=app;Password=${DB_PASSWORD};",
        "Server=db.example;User Id=app;Password={0};",
        "user=e;password=e.value;",
        "user = app; password = getpass()",
        "the form has password=hunter2 in it",
    ),
)
AUTHORIZATION_TOKEN = Detector(
    name="authorization_token",
    gate=_WORD
    + r"((?i:authorization)(?:[ :=,'\"]|\\+[\"'t]|%20|%3[AaDd]){1,12}(?i:token|api-?key|key)"
    r"(?: |%20|=|\\+t))",
    anchor=r"(?i:authorization)(?:[ :=,'\"]|\\+[\"'t]|%20|%3[AaDd]){1,12}(?i:token|api-?key|key)",
    heads="Aa",
    pattern=_token_after(
        rb"(?i:authorization)(?>(?:[ :=,'\"]|\\+[\"'t]|%20|%3[AaDd]){1,12})"
        rb"(?i:token|api-?key|key)(?>(?: |%20|=|\\+t)+(?:token=)?(?:\\*\"|'|%22)?)",
        8,
    ),
    accepts=is_token,
    group="secret",
    examples=(
        "Authorization: Token 0a1b2c3d4e5f60718293",
        "authorization: token abcdef0123456789",
        '{"Authorization": "Token 0a1b2c3d4e5f"}',
        'Authorization: Token token="0a1b2c3d4e5f"',
        "Authorization: ApiKey a1B2c3D4e5F6g7H8==",
    ),
    negatives=(
        "Authorization: Token <token>",
        "Authorization: Token ${TOKEN}",
        "Authorization: Token authentication",
        "Authorization: Token YOUR_TOKEN_1",
    ),
)
