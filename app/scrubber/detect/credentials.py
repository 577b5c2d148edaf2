r"""Credentials without a format of their own, found by their context (the extended set).

They are found by the name in front of them. The text between the two may be written as JSON,
YAML, XML, INI or a shell's assignment, be escaped once more, and hold line numbers and colours.
"""

import re

from ..automaton import compiled
from . import validators
from .blocks import COLOUR, NEXT_LINE
from .detector import Detector, Finder
from .edges import after
from .urls import credentials_start

_WORD = after("A-Za-z0-9")
_QUOTE = rb"(?:\\*[\"']|%22|%27|`)"
_SPACE = rb"(?:[ ]|\\+t|%20|%09)"
_BREAK = rb"(?:" + NEXT_LINE + rb")"
# Between a name and its value: punctuation, a tag's end, and the words that some formats put there.
_BETWEEN = (
    rb"(?>(?:"
    + _SPACE
    + rb"|"
    + _QUOTE
    + rb"|[:=>,|(){}\[\]]|%3[AaDd]|\\+u003[eE]|\\+u001[bB]\[[0-?]{0,48}[@-~]|"
    + _BREAK
    + rb"|(?i:value|string|none|default)(?![A-Za-z0-9])|\*{4,20}){1,48})"
)
# A character of a password that ends at a space, a quote or an escape.
_PASSWORD = rb"(?:(?!%(?:20|26|0[9AaDd]))[^\s\"'`\\;,<>&]|\\\\(?![nrtbfux0-9\"'\\/]))"
_PASSWORD_WORD = rb"(?>" + _PASSWORD + rb"{1,256})"
_AWS_SECRET = rb"(?P<secret>(?:[A-Za-z0-9+]|\\*/|%2[BFbf]){40})(?![A-Za-z0-9+/=_-])"


def _same(*literals: bytes) -> tuple[Finder, ...]:
    return tuple(Finder(literal) for literal in literals)


def _curl(text: bytes, option: int) -> int:
    """Return ``option`` if it is one of a `curl` command on the same line."""
    command = text.rfind(b"curl", max(0, option - _COMMAND_REACH), option)
    if command < 0:
        return -1
    between = text[command:option]
    if b"u001b[" in between:
        between = _COLOURS.sub(b"", between)
    if b"|" in between or b";" in between or b"&&" in between:
        return -1
    return option if b"\\n" not in between or _LINE_END.search(between) is None else -1


_COMMAND_REACH = 600  # bytes between a command's name and its option
# A line feed without the backslash that continues the line.
_LINE_END = re.compile(rb"(?<!\\)\\{1,2}n")
_COLOURS = re.compile(rb"\\u001[bB]\[[0-?]{0,48}[@-~]")


def _is_mixed(match: re.Match[bytes]) -> bool:
    """Return True for random base64: it has letters of both cases, unlike a digest or a path."""
    return validators.has_both_cases(match["secret"])


def _is_token(match: re.Match[bytes]) -> bool:
    return validators.is_no_hole(match["secret"]) and validators.is_random(match["secret"])


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
_BESIDE = compiled((_ATTRIBUTE + rb"(?: |%20)?[^;=\\\"'\s%,()]{1,128}(?:[; ]|%20)").decode())
_AFTER = re.compile(rb"(?:[; ]|%20){1,2}" + _ATTRIBUTE)
_ATTRIBUTES_REACH = 256


def _is_in_connection_string(match: re.Match[bytes]) -> bool:
    """Return True if other attributes of a connection stand beside the password."""
    text, (start, end) = match.string, match.span()
    before = max(0, start - _ATTRIBUTES_REACH)
    near = _AFTER.match(text, end) or _BESIDE.search(text, before, start)
    return near is not None and _is_password(match)


def _accepts_curl(match: re.Match[bytes]) -> bool:
    return validators.is_no_hole(match["password"])


def _is_legacy_vault(match: re.Match[bytes]) -> bool:
    body = match["body"]
    return body is None or (validators.has_both_cases(body) and validators.is_random(body))


def _token_after(name: bytes, least: int) -> re.Pattern[bytes]:
    return re.compile(name + rb"(?P<secret>[A-Za-z0-9._~+/-]{%d,1024}+=*+)" % least)


_URL_USER = rb"(?P<secret>[^:/?#\s\"'`\\<>@]{0,128}+:(?P<password>[^/?#\s\"'`\\<>@]{1,256}+))@"
_NETRC_SPACE = rb"(?:" + _SPACE + rb"|" + _BREAK + rb"){1,16}"
_NETRC_WORD = rb"[^\s\"'`\\%]{1,128}"


def _field(name: bytes) -> bytes:
    return name + _NETRC_SPACE + _NETRC_WORD + _NETRC_SPACE


_URLS = (
    Finder(b"://", credentials_start),
    Finder(b":\\\\/", credentials_start),
    Finder(b":\\\\\\\\/", credentials_start),
)

CREDENTIALS: tuple[Detector, ...] = (
    Detector(
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
    ),
    Detector(
        name="url_credentials",
        finders=_URLS,
        pattern=re.compile(rb":(?:\\*+/){2}" + _URL_USER),
        accepts=_accepts_curl,
        group="secret",
        passwords=("password",),
        examples=(
            "https://user:hunter2@host.example/path",
            "git clone https://oauth2:abc123@git.example/owner/name.git",
            "HTTPS_PROXY=http://user:pa%24s@proxy.example:3128",
            "https://:hunter2@host.example",
            r"https:\/\/user:hunter2@host.example",
        ),
        negatives=(
            "https://user@host.example",
            "https://host.example:8080/@scope/name",
            "https://user:${PASSWORD}@host.example",
            "https://user:***@host.example",
            "https://{user}:{password}@host.example",
            "https://host.example/a:b@c",
        ),
    ),
    Detector(
        name="url_token",
        finders=_URLS,
        pattern=re.compile(rb":(?:\\*+/){2}(?P<secret>[A-Za-z0-9._~-]{16,256}+)@"),
        accepts=_is_token,
        group="secret",
        examples=(
            "https://0a1b2c3d4e5f60718293@git.example/owner/name.git",
            "git clone https://aB3dE5gH7jK9mN1pQ3sT@git.example/owner/name.git",
            r"https:\/\/0a1b2c3d4e5f60718293@host.example",
        ),
        negatives=(
            "https://user@host.example",
            "https://continuous-integration@host.example",
            "https://${GIT_TOKEN_4711_X}@host.example",
            "https://host.example/0a1b2c3d4e5f60718293@2x.png",
        ),
    ),
    Detector(
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
            + _PASSWORD_WORD
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
    ),
    Detector(
        name="npm_auth_token",
        finders=_same(b"_authToken", b"npmAuthToken"),
        pattern=_token_after(
            rb"(?:_a|npmA)uthToken(?>(?:" + _QUOTE + rb"|" + _SPACE + rb"|[:=]|%3[AaDd]){1,12})", 8
        ),
        accepts=_is_token,
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
    ),
    Detector(
        name="connection_password",
        gate=_WORD + r"((?i:password|pwd|sharedaccesskey)(?: |%20)?=)",
        heads="PpSs",
        pattern=re.compile(
            rb"(?i:password|pwd|sharedaccesskey)(?>(?: |%20)?)=(?>(?: |%20)?)"
            rb"(?:'(?=[^'\"\\]{1,128}'))?(?P<secret>" + _PASSWORD_WORD + rb")"
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
    ),
    Detector(
        name="authorization_token",
        gate=_WORD
        + r"((?i:authorization)(?:[ :=,'\"]|\\+[\"'t]|%20|%3[AaDd]){1,12}(?i:token|api-?key|key)"
        r"(?: |%20|=|\\+t))",
        heads="Aa",
        pattern=_token_after(
            rb"(?i:authorization)(?>(?:[ :=,'\"]|\\+[\"'t]|%20|%3[AaDd]){1,12})"
            rb"(?i:token|api-?key|key)(?>(?: |%20|=|\\+t)+(?:token=)?(?:\\*\"|'|%22)?)",
            8,
        ),
        accepts=_is_token,
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
    ),
    Detector(
        name="curl_credentials",
        finders=(
            Finder(b"-u", _curl),
            Finder(b"-U", _curl),
            Finder(b"--user", _curl),
            Finder(b"--proxy-user", _curl),
        ),
        pattern=re.compile(
            rb"(?:-[uU]|--(?:proxy-)?user)(?>(?:" + _SPACE + rb"|=|" + COLOUR + rb")*)"
            rb"(?P<quote>(?:\\*[\"'])?)(?P<secret>(?>(?:(?!%20)[^:\s\"'`\\]){1,128}):"
            rb"(?P<password>" + _PASSWORD_WORD + rb"))"
        ),
        accepts=_accepts_curl,
        group="secret",
        passwords=("password",),
        examples=(
            "curl -u user:hunter2 https://host.example",
            "curl -sS -X POST --user 'user:hunter2' https://host.example",
            'curl https://host.example \\\n  -u "user:hunter2"',
            "curl -uuser:hunter2 https://host.example",
        ),
        negatives=(
            "curl -u user https://host.example",
            "curl -u $USER:$PASSWORD https://host.example",
            "curl -u ${USER}:${PASSWORD} https://host.example",
            "curl https://host.example | sort -u key:value",
            "docker run -u 1000:1000 image",
        ),
    ),
    Detector(
        name="vault_legacy_token",
        gate=after("A-Za-z0-9._-") + r"(s\.[A-Za-z0-9]{24}|b\.AAAAAQ[A-Za-z0-9_-]{20})",
        heads="sb",
        pattern=re.compile(
            rb"s\.(?P<body>[A-Za-z0-9]{24})(?![A-Za-z0-9_(\[=-])(?:\.[A-Za-z0-9]{5}(?![A-Za-z0-9]))?"
            rb"|b\.AAAAAQ[A-Za-z0-9_-]{20,512}+"
        ),
        accepts=_is_legacy_vault,
        examples=("s." + "f3Z9kQw7LxTb2NvR8mYcJd4H", "b." + "AAAAAQ" * 6),
        negatives=(
            "s.f3Z9kQw7LxTb2NvR8mYcJd4H5",
            "s.someVeryLongPropertyName",
            "this.s.f3Z9kQw7LxTb2NvR8mYcJd4H",
            "s.getVeryLongPropertyNamed()",
        ),
    ),
    Detector(
        name="google_oauth",
        gate=_WORD + r"(GOCSPX-[A-Za-z0-9_-]{28}|ya29\.[A-Za-z0-9_-]{20})",
        heads="Gy",
        pattern=re.compile(rb"GOCSPX-[A-Za-z0-9_-]{28}|ya29\.[A-Za-z0-9_.-]{20,2048}(?<![.-])"),
        examples=("GOCSPX-" + "a1B2" * 7, "ya29." + "a0AfB_byC1" * 6),
        negatives=("GOCSPX-", "ya29.short"),
    ),
)
