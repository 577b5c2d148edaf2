"""Text that has the form of an e-mail address but is none.

Algorithms of SSH (RFC 4251 §6), locales with a modifier, and message identifiers (RFC 5322 §3.6.4).
"""

import re

from ..automaton import compiled

_ALGORITHM = re.compile(
    rb"(?:sk-)?(?:aes|sha|hmac|umac|ssh|ecdsa|rsa|dsa|eddsa|ed25519|ed448|chacha20|curve25519|"
    rb"curve448|ecdh|diffie|kex|mlkem[0-9]*|sntrup[0-9]*|rijndael|camellia|twofish|serpent|zlib|gss)"
    rb"[0-9]*(?:[-.][a-z0-9]+)+"
)
_ALGORITHM_DOMAINS = frozenset((b"openssh.com", b"libssh.org"))
_PROTOCOL_NAME = re.compile(rb"[a-z0-9-]+")
_LOCALE = re.compile(rb"[a-z]{2,3}_[A-Z]{2}")
_CODED_CHARACTERS = re.compile(rb".*\.(?i:utf|iso|cp|koi|euc|gb|big|shift|latin)", re.DOTALL)
_MESSAGE_FIELD = compiled(
    r"(?i:message-?_?id|in-?_?reply-?_?to|references|content-?_?id|cid)"
    r"(?:[ \"':=(,]|%20|%0[9AaDd]|\\+[ntr\"]|<[^<>\s]+>)*<?\z"
)
_MESSAGE_ID = re.compile(rb"[0-9]{8,}[.-].*|CA[A-Za-z0-9+_=-]{40,}", re.DOTALL)
_FIELD_REACH = 400
# Read backwards: what no field's name ends with. This nearly always decides.
_NEAR = 48
_NO_FIELD = re.compile(
    rb"<?+(?>(?:[\"ntr]\\++|[ \"':=(,])*)(?![\"ntr]\\|[ \"':=(,<>]|02%|[9AaDd]0%|"
    rb"(?i:di_?-?(?:egassem|tnetnoc|c)|ot_?-?|secnerefer)).{12}",
    re.DOTALL,
)


def is_something_else(match: re.Match[bytes]) -> bool:
    """Return True if what reads like an address is the name of an algorithm, locale or message."""
    local, domain = match["local"], match["domain"]
    if domain.lower() in _ALGORITHM_DOMAINS and _PROTOCOL_NAME.fullmatch(local):
        return True
    if _ALGORITHM.fullmatch(local) or _MESSAGE_ID.fullmatch(local):
        return True
    if _LOCALE.fullmatch(local) and _CODED_CHARACTERS.fullmatch(domain):
        return True
    text, start = match.string, match.start()
    if _NO_FIELD.match(text[max(0, start - _NEAR) : start][::-1]) is not None:
        return False
    return _MESSAGE_FIELD.search(text[max(0, start - _FIELD_REACH) : start]) is not None
