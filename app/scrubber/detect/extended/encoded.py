r"""Secrets in base64 (the extended set): they are decoded, and what comes out is judged.

Three kinds. The values under ``data:`` of a Kubernetes ``Secret``, whatever they are. A private
key, wherever its base64 stands (``client-key-data``). And what stands under a name like ``auth`` or
``token`` if it decodes to ``user:password``, or to something that a built-in detector finds.
"""

import base64
import binascii
import json
import re
import string
from collections.abc import Iterator

from ...json.spans import Span
from .. import validators
from ..blocks import COLOUR, LINE_END, NEXT_LINE
from ..detector import Detector, Finder
from ..detectors import BUILT_IN
from ..edges import after, token_start
from ..scan import Scanner

_SPACE = rb"(?:[ ]|%20)"
_QUOTE = rb"(?:\\*\"|')?"
# Bytes between `data:` and the `kind: Secret` it belongs to, on either side.
_BEFORE, _AFTER = 4 * 1024, 16 * 1024
_KIND = re.compile(
    rb"kind" + _QUOTE + rb":" + _SPACE + rb"*" + _QUOTE + rb"Secret(?![A-Za-z0-9_-])"
)
_DATA = re.compile(
    rb"(?:data|stringData)"
    + _QUOTE
    + rb":"
    + COLOUR
    + rb"(?:(?P<yaml>(?="
    + LINE_END
    + rb"))|"
    + _SPACE
    + rb"*\{)"
)
_ENTRY = re.compile(
    rb"(?:(?:" + NEXT_LINE + rb")(?P<indent>" + _SPACE + rb"*)|" + _SPACE + rb"*)(?P<name>" + _QUOTE
    + rb"[A-Za-z0-9._-]{1,253})" + _QUOTE + rb":" + _SPACE + rb"*" + COLOUR + _QUOTE
    + rb"(?P<value>(?>[A-Za-z0-9+/]*)=*)" + _QUOTE + COLOUR + rb",?"
)  # fmt: skip
# A value in clear: a word, or a text in quotes.
_CLEAR = rb"(?:(?!%(?:0[AaDd]|20|22|27))[^\s\"'\\{}|>&]){1,512}"
_PLAIN_ENTRY = re.compile(
    rb"(?:(?:" + NEXT_LINE + rb")(?P<indent>" + _SPACE + rb"*)|" + _SPACE + rb"*)(?P<name>" + _QUOTE
    + rb"[A-Za-z0-9._-]{1,253})" + _QUOTE + rb":" + _SPACE + rb"*" + COLOUR + _QUOTE
    + rb"(?P<value>(?>(?:" + _CLEAR + rb"(?:[ ](?=[^ #]))?){0,16}))" + _QUOTE + COLOUR + rb",?"
)  # fmt: skip
_HEADER = re.compile(rb"(?:[A-Za-z0-9+/]{4}){4,16}")  # holds a private key's first line
_LONGEST_INDENT = 200
_LONGEST_NAME = 80
_LETTERS = string.ascii_letters.encode()
_VALUE = re.compile(rb"[A-Za-z0-9+/]{2,}+={0,2}")
_LEAST_DECODED = 8  # characters that are looked for in clear, too
_SCANNER = Scanner(BUILT_IN)


def _secret_values(text: bytes, offset: int, shape: re.Pattern[bytes] = _ENTRY) -> Iterator[int]:
    """Yield where the values under the `data:` of a Kubernetes Secret start, -1 if it is none."""
    data = _DATA.match(text, offset)
    entry = shape.match(text, data.end()) if data is not None else None
    margin = _indent(text, offset) if data is not None and data["yaml"] is not None else -1
    if entry is None or _depth(entry) <= margin:
        return
    if not (_is_word(text, offset) and _in_secret(text, offset)):
        yield -1
        return
    while entry is not None and _depth(entry) > margin:
        if entry["value"]:
            yield entry.start("value")
        entry = shape.match(text, entry.end())


def _plain_values(text: bytes, offset: int) -> Iterator[int]:
    """Yield where those under its `stringData:` start."""
    return _secret_values(text, offset, _PLAIN_ENTRY)


def _is_plain_value(match: re.Match[bytes]) -> bool:
    return validators.is_no_hole(match[0])


def _depth(entry: re.Match[bytes]) -> int:
    return _width(entry["indent"] or b"")


def _is_word(text: bytes, offset: int) -> bool:
    """Return True if no letter is joined to what starts at ``offset`` (`metadata`)."""
    before = text[max(0, offset - _LONGEST_NAME) : offset]
    first = offset - len(before) + len(before.rstrip(_LETTERS))
    return token_start(text, first, offset) == offset


def _in_secret(text: bytes, offset: int) -> bool:
    start, end = max(0, offset - _BEFORE), offset + _AFTER
    return text.find(b"Secret", start, end) >= 0 and _KIND.search(text, start, end) is not None


def _indent(text: bytes, offset: int) -> int:
    before = text[max(0, offset - _LONGEST_INDENT) : offset].rstrip(b"\\\"'")
    return _width(before[len(before.rstrip(b" %20")) :])


def _width(indent: bytes) -> int:
    return indent.count(b" ") + indent.count(b"%20")


def _decoded(encoded: bytes) -> bytes:
    """Return the text of base64, of either alphabet; empty if it is none."""
    encoded = encoded.replace(b"\\", b"").rstrip(b"=").translate(_STANDARD)
    try:
        return base64.b64decode(encoded + b"=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        return b""


_STANDARD = bytes.maketrans(b"-_", b"+/")


def _values(encoded: bytes) -> list[bytes]:
    """Return a value in clear: once seen encoded, it is looked for decoded."""
    decoded = _decoded(encoded)
    if len(decoded) < _LEAST_DECODED or not decoded.isascii() or not decoded.isalnum():
        return []
    return [decoded] if validators.is_random(decoded) else []


def _private_key(text: bytes, offset: int) -> int:
    header = _HEADER.match(text, offset)
    return offset if header and b"PRIVATE KEY" in _decoded(header[0]) else -1


def _is_secret(match: re.Match[bytes]) -> bool:
    """Return True for `user:password`, or what a built-in detector finds in the text."""
    decoded = _decoded(match["secret"])
    if match["auth"] is not None and validators.is_pair(decoded):
        return True
    if match["password"] is not None and validators.is_printable(decoded):
        return True
    text = json.dumps(decoded.decode("utf-8", "replace")).encode()
    return any(
        hit.detector.tier == "secret"
        for hit in _SCANNER.hits(text, _SCANNER.candidates(text), Span(1, len(text) - 1))
    )


ENCODED: tuple[Detector, ...] = (
    Detector(
        name="kubernetes_secret",
        finders=(Finder(b"data", starts=_secret_values),),
        pattern=_VALUE,
        parts=_values,
        examples=(
            "apiVersion: v1\ndata:\n  password: aHVudGVyMg==\n  user: YXBw\nkind: Secret\n",
            "kind: Secret\nmetadata:\n  name: a\ndata:\n  password: aHVudGVyMg==\n",
            '{"kind": "Secret", "data": {"password": "aHVudGVyMg=="}}',
            "items:\n- apiVersion: v1\n  data:\n    key: aHVudGVyMg==\n  kind: Secret\n",
        ),
        negatives=(
            "kind: ConfigMap\ndata:\n  password: aHVudGVyMg==\n",
            "kind: Secret\nmetadata:\n  name: password\n",
            "kind: Secret\nstringData:\n  empty: ''\n",
            "kind: Secret\ndata: {}\n",
            "kind: SecretStore\ndata:\n  password: aHVudGVyMg==\n",
        ),
    ),
    Detector(
        name="kubernetes_string_data",
        finders=(Finder(b"stringData", starts=_plain_values),),
        pattern=re.compile(rb"(?>(?:" + _CLEAR + rb"(?:[ ](?=[^ #]))?){1,16})(?!\{)"),
        accepts=_is_plain_value,
        examples=(
            "kind: Secret\nstringData:\n  password: hunter2\n  user: app\n",
            "apiVersion: v1\nstringData:\n  password: 'hunter2'\nkind: Secret\n",
            '{"kind": "Secret", "stringData": {"password": "hunter2"}}',
        ),
        negatives=(
            "kind: ConfigMap\nstringData:\n  password: hunter2\n",
            "kind: Secret\nstringData:\n  password: ${PASSWORD}\n",
            "kind: Secret\nstringData:\n  password: '{{ .Values.password }}'\n",
            "kind: Secret\nstringData: {}\n",
        ),
    ),
    Detector(
        name="encoded_private_key",
        finders=(Finder(b"LS0tLS1CRUdJTi", _private_key),),
        pattern=re.compile(rb"LS0tLS1CRUdJTi(?>(?:[A-Za-z0-9+/]|\\+/|%2[BbFf])+)={0,2}"),
        examples=(
            "client-key-data: LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpmYWtlZmFrZQo=",
            "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCmZha2VmYWtlCg==",
        ),
        negatives=(
            "certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCmZha2UK",
            "LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0KZmFrZQo=",
        ),
    ),
    Detector(
        name="encoded_credentials",
        gate=after("A-Za-z0-9")
        + r"((?i:_?auth|_?password|token|credentials?|secret|api_?key|key)(?:\\*\"|'|%22)?"
        r"(?: |%20)*(?:[:=]|%3[AaDd])(?: |%20)*(?:\\*\"|'|%22)?[A-Za-z0-9+/]{8})",
        anchor=r"(?i:auth|password|token|credentials?|secret|api_?key|key)(?:\\*\"|'|%22)?"
        r"(?: |%20)*(?:[:=]|%3[AaDd])(?: |%20)*(?:\\*\"|'|%22)?[A-Za-z0-9+/]{8}",
        heads="_aApPtTcCsSkK",
        pattern=re.compile(
            rb"(?i:(?P<auth>_?auth)|(?P<password>_password)|password|token|credentials?|secret|"
            rb"api_?key|key)(?:\\*\"|'|%22)?(?>(?: |%20)*)(?:[:=]|%3[AaDd])(?>(?: |%20)*)"
            rb"(?:\\*\"|'|%22)?(?P<secret>(?>(?:[A-Za-z0-9+/]|\\/){8,16384})={0,2})"
        ),
        accepts=_is_secret,
        group="secret",
        examples=(
            '{"auths": {"registry.example": {"auth": "dXNlcjpodW50ZXIy"}}}',
            "//registry.example/:_auth=dXNlcjpodW50ZXIy",
            "//registry.example/:_password=aHVudGVyMjIy",
            "token: " + base64.b64encode(b"ghp_" + b"a1B2" * 9).decode(),
        ),
        negatives=(
            '{"auth": "required"}',
            "token: abcdefgh12345678",
            "_password = password",
            "auth: Authorization",
        ),
    ),
)
