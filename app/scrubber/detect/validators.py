"""What a pattern cannot say: whether a match is a secret.

A validator may look at all of the text around: it is ``match.string``, JSON-escaped bytes.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable

from .blocks import LINE_START
from .lookalikes import is_something_else

Validator = Callable[[re.Match[bytes]], bool]

_LETTER = re.compile(rb"[A-Za-z]")
_DIGIT = re.compile(rb"[0-9]")
_DIGIT_OR_CAPITAL = re.compile(rb"[0-9A-Z]")
_ONE_CHARACTER = re.compile(rb"(.)\1+")

# A template's hole where a password would stand.
_HOLE = re.compile(
    rb"[$%#]?\{.*|\$\(.*|\$[A-Za-z_]+|%[sdv]|%\(.*|.*%s|\*+|\.{2,}|\[.*\]|:\w+|"
    rb"(?:%24)?%7[Bb].*%7[Dd]|%3[Cc].*%3[Ee]",
    re.DOTALL,
)
_NAME_IN_BRACES = re.compile(rb"\{[{ ]*[A-Za-z_.]+[0-9]?[} ]*\}|\{[$#%].*")
URL_PASSWORDS = ("password", "parameter", "braced", "listed", "oracle")
_UPPER_SNAKE = re.compile(rb"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
# A name in a program: `config.apiKeys.production1`.
_MEMBER = re.compile(rb"(?:[A-Za-z_]+[0-9]{0,2}\.)+[A-Za-z_]+[0-9]{0,2}")
_STANDARD = re.compile(rb"(?i:rfc|iso|oauth|openid|http|jwt|tls|section|version)[-._/]?[0-9].*")
# Words, run together or joined: `accessTokenAuthentication`, `tokens/cookies`.
_WORDS = re.compile(
    rb"[a-z]{0,17}(?>(?:[-._~+/:]++[a-z]{1,17}|[-._~+/:]*+[A-Z]{1,6}[a-z]{1,17}|[-._~+/:]*+[A-Z]{2,})*)"
    rb"[-._~+/:]*+"
)
_LONG_TOKEN = 20
_HEADER = re.compile(rb"(?i:authorization)(?:[ '`:=,]|\\+[\"'t]|\"|%20|%3[AaDd]){1,12}\Z")
_HEADER_REACH = 48
_CAPITAL = re.compile(rb"[A-Z]")
_FEWEST_CAPITALS = 0.25  # share of capitals in random letters; words in camelCase have fewer
_STANDARD_ALPHABET = bytes.maketrans(b"-_", b"+/")  # of base64 (RFC 4648 §5)
_JOSE = frozenset({"alg", "typ", "enc", "kid"})
# A user and a password, one of them perhaps empty.
_CREDENTIALS = re.compile(r"(?!:\Z)[^\x00-\x1f\x7f:]*:[^\x00-\x1f\x7f]*")
_LATIN_1_CREDENTIALS = re.compile(rb"[!-9;-~]+:[^\x00-\x1f\x7f]+")

# What is said before a digest, and what stands around one in a list.
_DIGEST_BEFORE = re.compile(
    rb"(?i)(?:md5|sha-?[0-9]|e-?tag|commit|hash|digest|checksum|integrity|revision|blob|tree|"
    rb"uuid|guid|fingerprint|trace.?id|span.?id)(?:[^\\]|\\+\"){0,24}\Z"
)
_GAP = rb"(?: |%20)(?:[ *]|%20)"  # in the output of md5sum
_FILE_AFTER = re.compile(_GAP + rb"[A-Za-z0-9_~-]*[./][A-Za-z0-9_]|\.[a-z]|/")
_LISTED_AFTER = re.compile(_GAP + rb"(?!#)")
_OTHER_DIGEST = re.compile(rb"(?<![0-9a-f])(?!11)[0-9a-f]{32}(?![0-9a-f])")
_DIGEST_CONTEXT = 64
_DIGEST_LENGTH = 32  # an MD5 digest's; the longer form of a token is no digest's length

_URL_BEFORE = re.compile(rb"://(?:[^\s/\"\\,;<>()\[\]?#|%]|%(?!0[AaDd]|20)){0,80}\Z")
_URL_REACH = 96
_NOBODY = re.compile(rb"(?i:git|(?:no|do-?not)[-_.]?reply)")
# What a "domain" of code or of a file's name ends in.
_NO_DOMAINS = frozenset(
    b"png jpg jpeg gif svg webp ico avif service timer socket target mount slice path js mjs cjs "
    b"jsx ts tsx css scss map json yaml yml toml lock tgz gz whl jar htm html rb setter getter "
    b"deleter internal_only fixture mark parametrize".split()
)
_VERSION = re.compile(rb"v?[0-9][0-9.x-]*\.(?:zip|rs|py)")  # else these are domains like others


def has_digit(match: re.Match[bytes]) -> bool:
    """Whether the token holds a digit, or is a documented `xxxx`."""
    body = match["body"]
    return bool(_DIGIT.search(body) or _ONE_CHARACTER.fullmatch(body))


def is_vault_token(match: re.Match[bytes]) -> bool:
    """Return True if the token holds a digit, or letters of both cases as no name does."""
    return has_digit(match) or _is_token(match["body"])


def has_digit_or_capital(match: re.Match[bytes]) -> bool:
    """Whether the token is more than lower-case words."""
    return _DIGIT_OR_CAPITAL.search(match[match.lastgroup or 0]) is not None


def is_jwt(match: re.Match[bytes]) -> bool:
    """Whether the payload is an object, or the header names what a JOSE header does (RFC 7515)."""
    if match["payload"].startswith((b"eyJ", b"ewo")):
        return True
    try:
        header = json.loads(_unbase64(match["header"], altchars=b"-_"))
    except (ValueError, RecursionError):
        return False
    return isinstance(header, dict) and not _JOSE.isdisjoint(header)


def has_password(match: re.Match[bytes]) -> bool:
    """Return True if the password is one, not a template's hole."""
    groups = match.groupdict()
    password = next(filter(None, map(groups.get, URL_PASSWORDS)), b"")
    if groups.get("password") is None and password.startswith(b"{"):
        return _NAME_IN_BRACES.fullmatch(password) is None
    return _HOLE.fullmatch(password) is None


def is_bearer(match: re.Match[bytes]) -> bool:
    """Whether what follows `Bearer` is a token (RFC 6750 §2.1), not prose or a name."""
    token = match["secret"].rstrip(b"=")
    if _UPPER_SNAKE.fullmatch(token) or _MEMBER.fullmatch(token) or _STANDARD.fullmatch(token):
        return False
    if token.startswith(b"eyJ"):
        return True  # a JSON Web Token, cut short
    return _is_token(token) or _is_in_header(match, token)


def _is_in_header(match: re.Match[bytes], token: bytes) -> bool:
    """Return True for a long run of letters or digits in a header, where no prose stands."""
    if len(token) < _LONG_TOKEN or not token.isalnum():
        return False
    before = max(0, match.start() - _HEADER_REACH)
    return _HEADER.search(match.string, before, match.start()) is not None


def _is_token(token: bytes) -> bool:
    if _DIGIT.search(token) and _LETTER.search(token):
        return True
    capitals = len(_CAPITAL.findall(token)) / len(token)
    if len(token) < _LONG_TOKEN or capitals in (0, 1):
        return False
    return _FEWEST_CAPITALS < capitals < 1 - _FEWEST_CAPITALS or _WORDS.fullmatch(token) is None


def has_both_cases(text: bytes) -> bool:
    """Return True if there are capitals and small letters."""
    return text.upper() != text != text.lower()


def is_no_hole(value: bytes) -> bool:
    """Return True if a value is no template's hole and no name of a variable."""
    return _HOLE.fullmatch(value) is None and _UPPER_SNAKE.fullmatch(value) is None


def is_random(token: bytes) -> bool:
    """Return True for what no words make: letters with digits, or a long mixture of cases."""
    return _MEMBER.fullmatch(token) is None and _is_token(token.rstrip(b"="))


def is_printable(decoded: bytes) -> bool:
    """Return True for text without control characters."""
    try:
        text = decoded.decode()
    except UnicodeDecodeError:
        return False
    return bool(text) and text.isprintable()


def is_pair(decoded: bytes) -> bool:
    """Return True for `user:password` (RFC 7617 §2)."""
    try:
        return _CREDENTIALS.fullmatch(decoded.decode()) is not None
    except UnicodeDecodeError:
        return _LATIN_1_CREDENTIALS.fullmatch(decoded) is not None


def is_basic(match: re.Match[bytes]) -> bool:
    """Whether what follows `Basic` decodes to `user:password` (RFC 7617 §2)."""
    encoded = match["secret"].translate(_STANDARD_ALPHABET)
    return any(map(_is_credentials, {encoded, match["secret"].rstrip(b"-_=")}))


def _is_credentials(encoded: bytes) -> bool:
    """Whether it is a pair, in UTF-8 or in an older encoding; an empty user is no proof then."""
    try:
        return is_pair(_unbase64(encoded))
    except ValueError:
        return False


def is_no_digest(match: re.Match[bytes]) -> bool:
    """Whether a hexadecimal token stands where no digest would."""
    text, (start, end) = match.string, match.span()
    if not re.search(rb"[a-f]", match[0]):
        return False
    context = max(0, start - _DIGEST_CONTEXT)
    if _DIGEST_BEFORE.search(text, context, start):
        return False
    if end - start != _DIGEST_LENGTH:
        return True
    if _FILE_AFTER.match(text, end):
        return False
    if _LISTED_AFTER.match(text, end) and LINE_START.search(text, context, start):
        return False
    around = text[context:start] + b" " + text[end : end + _DIGEST_CONTEXT]
    return _OTHER_DIGEST.search(around) is None


def is_person(match: re.Match[bytes]) -> bool:
    """Return True for someone's address: no URL's user info, remote, file's name or code."""
    domain, text = match["domain"], match.string
    if domain.rpartition(b".")[2].lower() in _NO_DOMAINS or _NOBODY.fullmatch(match["local"]):
        return False
    if domain.lower() == b"users.noreply.github.com" or _VERSION.fullmatch(domain):
        return False
    if text.startswith(b"(", match.end()) or is_something_else(match):
        return False
    start = match.start()
    if text.rfind(b"://", max(0, start - _URL_REACH), start) < 0:
        return True
    return _URL_BEFORE.search(text, max(0, start - _URL_REACH), start) is None


def _unbase64(text: bytes, altchars: bytes = b"+/") -> bytes:
    text = text.rstrip(b"=")
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), altchars, validate=True)
    except binascii.Error as exc:
        raise ValueError(str(exc)) from exc
