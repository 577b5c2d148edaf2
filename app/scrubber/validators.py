"""What a pattern cannot say: whether a match is a secret.

A validator may look at all of the text around: it is ``match.string``, JSON-escaped bytes.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable

Validator = Callable[[re.Match[bytes]], bool]

_LETTER = re.compile(rb"[A-Za-z]")
_DIGIT = re.compile(rb"[0-9]")
_DIGIT_OR_CAPITAL = re.compile(rb"[0-9A-Z]")
_ONE_CHARACTER = re.compile(rb"(.)\1+")

# A template's hole where a password would stand.
_HOLE = re.compile(
    rb"[$%#]?\{.*|\$\(.*|\$[A-Za-z_]+|%[sdv]|%\(.*|.*%s|\*+|\.{2,}|\[.*\]|:\w+|"
    rb"(?:%7[Bb]|%24).*|(?:%3[Cc]).*",
    re.DOTALL,
)
_UPPER_SNAKE = re.compile(rb"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
# Words and small numbers joined by punctuation: `RFC-6750`, `oauth2`, `config.accessToken1`.
_PROSE = re.compile(
    rb"(?:[A-Za-z]+[0-9]{0,2}|[0-9]{1,4})(?:[-._~/+](?:[A-Za-z]+[0-9]{0,2}|[0-9]{1,4}))*"
)
_LONG_TOKEN = 20
_CAPITAL = re.compile(rb"[A-Z]")
_FEWEST_CAPITALS = 0.25  # share of capitals in random letters; names in camelCase have fewer
_JOSE = frozenset({"alg", "typ", "enc", "kid"})
_CREDENTIALS = re.compile(r"[^\x00-\x1f\x7f:]+:[^\x00-\x1f\x7f]+")

# What is said before a digest, and what stands around one in a list.
_DIGEST_BEFORE = re.compile(
    rb"(?i)(?:md5|sha-?[0-9]|e-?tag|commit|hash|digest|checksum|integrity|revision|blob|tree|"
    rb"uuid|guid|fingerprint|trace.?id|span.?id)(?:[^\\]|\\+\"){0,24}\Z"
)
_DIGEST_AFTER = re.compile(rb"(?:[ ]|%20)(?:[ *]|%20)|\.[a-z]|/")
_OTHER_DIGEST = re.compile(rb"(?<![0-9a-f])(?!11)[0-9a-f]{32}(?![0-9a-f])")
_DIGEST_CONTEXT = 64
_DIGEST_LENGTH = 32  # an MD5 digest's; the longer form of a token is no digest's length

_URL_BEFORE = re.compile(rb"://[^\s/\"]{0,80}\Z")
_NOT_PEOPLE = re.compile(
    rb"(?i)(?:git|(?:no|do-?not)[-_.]?reply)(?:@|%40).*|.*(?:@|%40)users\.noreply\.github\.com|"
    rb".*\.(?:png|jpe?g|gif|svg|webp|ico|avif|service|timer|socket|target|mount|slice|path|"
    rb"js|mjs|cjs|jsx|tsx?|css|scss|map|json|ya?ml|toml|lock|tgz|gz|zip|whl|jar|html?|py|rb|rs|"
    rb"setter|getter|deleter|internal_only)"
)


def has_digit(match: re.Match[bytes]) -> bool:
    """Whether the token holds a digit, or is a documented `xxxx`."""
    body = match["body"]
    return bool(_DIGIT.search(body) or _ONE_CHARACTER.fullmatch(body))


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
    """Whether the password is one, not a template's hole."""
    return _HOLE.fullmatch(match["password"] or match["parameter"]) is None


def is_bearer(match: re.Match[bytes]) -> bool:
    """Whether what follows `Bearer` is a token (RFC 6750 §2.1), not prose or a name."""
    token = match["secret"].rstrip(b"=")
    if _UPPER_SNAKE.fullmatch(token):
        return False
    if token.startswith(b"eyJ"):
        return True  # a JSON Web Token, cut short
    if _DIGIT.search(token) and _LETTER.search(token):
        return len(token) >= _LONG_TOKEN or _PROSE.fullmatch(token) is None
    capitals = len(_CAPITAL.findall(token)) / len(token)
    return len(token) >= _LONG_TOKEN and _FEWEST_CAPITALS < capitals < 1 - _FEWEST_CAPITALS


def is_basic(match: re.Match[bytes]) -> bool:
    """Whether what follows `Basic` decodes to `user:password` (RFC 7617 §2)."""
    try:
        decoded = _unbase64(match["secret"]).decode()
    except ValueError:
        return False
    return _CREDENTIALS.fullmatch(decoded) is not None


def is_no_digest(match: re.Match[bytes]) -> bool:
    """Whether a hexadecimal token stands where no digest would."""
    text, (start, end) = match.string, match.span()
    if not re.search(rb"[a-f]", match[0]):
        return False
    if _DIGEST_BEFORE.search(text, max(0, start - _DIGEST_CONTEXT), start):
        return False
    if end - start != _DIGEST_LENGTH:
        return True
    around = (
        text[max(0, start - _DIGEST_CONTEXT) : start] + b" " + text[end : end + _DIGEST_CONTEXT]
    )
    return not (_DIGEST_AFTER.match(text, end) or _OTHER_DIGEST.search(around))


def is_person(match: re.Match[bytes]) -> bool:
    """Whether an address is someone's, not a URL's user info, a remote or a file's name."""
    if _NOT_PEOPLE.fullmatch(match[0]):
        return False
    return _URL_BEFORE.search(match.string, max(0, match.start() - 96), match.start()) is None


def _unbase64(text: bytes, altchars: bytes = b"+/") -> bytes:
    text = text.rstrip(b"=")
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), altchars, validate=True)
    except binascii.Error as exc:
        raise ValueError(str(exc)) from exc
