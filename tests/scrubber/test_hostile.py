"""Text made to be slow or to break the scrubber: it takes part in no timing, only in bounds.

How long it takes beside plain text is measured by ``benchmarks/scrubber.py``. Here the steps that
cost are counted: how often a gate is found, however much there is of what it begins with.
"""

import json

import pytest

from app.scrubber.detect.scan import Scanner
from tests.scrubber.scrubbing import BUILT_IN, scrubber
from tests.thorough import scaled

RULES = BUILT_IN
SIZE = scaled(500_000, 250_000)
REPEATED = scaled(60_000, 30_000)  # characters of what begins like a secret
DEPTH = scaled(50_000, 5_000)  # above every limit of recursion
KEY = "sk-ant-" + "api03-fakefakefakefake0001"


@pytest.mark.parametrize(
    "piece",
    [
        "sk-",
        "eyJ",
        "eyJ.",
        "@",
        "://",
        "Bearer ",
        "Basic ",
        "11",
        "ghp_",
        "AKIA",
        "\\",
        "\n",
        "$ANSIBLE_VAULT",
        "<EMAIL_",
    ],
)
def test_heads_without_bodies_are_no_candidates(piece: str) -> None:
    text = json.dumps(piece * (SIZE // len(piece))).encode()
    assert len(list(Scanner(RULES.detectors).candidates(text).before(len(text)))) <= 1


@pytest.mark.parametrize(
    "piece",
    [
        "-----BEGIN RSA PRIVATE KEY----- ",
        "-----BEGIN RSA PRIVATE KEY-----\n",
        "sk-ant-",
        "sk-proj-aaaaaaaaaaaaaaaa-",
        "eyJhbGciOiJub25lIn0.",
        "eyJaaaaaa-",
        "postgres://",
        "jdbc:",
        "postgres://a:b",
        "postgres://a:b@",
        "jdbc:a?b&c;d ",
        "Bearer aaaaaaaaaaaaaaaaaaaa ",
        "Basic dXNlcjpwYXNz ",
        "$ANSIBLE_VAULT;1.1;AES256\n",
        "\\u0041\\/",
        "A" * 63 + "@",
        "md5" * 20 + " 11" + "a" * 30,
    ],
)
def test_heads_with_bodies_are_worked_off_in_one_pass(piece: str) -> None:
    body = json.dumps({"messages": [piece * (REPEATED // len(piece)) + " " + KEY]}).encode()
    redaction = scrubber().redact(body, None, "POST")
    assert redaction.report.skipped is None
    assert KEY.encode() not in redaction.body


@pytest.mark.parametrize(
    ("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"input":', "}]"), ("[ ", " ]")]
)
def test_a_very_deep_document_is_scanned(opening: str, closing: str) -> None:
    body = f'{{"messages":[{opening * DEPTH}"{KEY}"{closing * DEPTH}]}}'.encode()
    redaction = scrubber().redact(body, None, "POST")
    assert redaction.body == body.replace(KEY.encode(), b"<ANTHROPIC_KEY_1>")


@pytest.mark.parametrize(
    "text",
    [
        "9" * 10_000,
        '"\\ud800\\udc00\\udfff"',
        '"\\u0000\\u001f"',
        "NaN",
        "-Infinity",
        "1e999",
        '{"":{"":""}}',
    ],
)
def test_odd_json_is_scanned(text: str) -> None:
    body = f'{{"x":{text},"messages":["{KEY}"]}}'.encode()
    redaction = scrubber().redact(body, None, "POST")
    assert redaction.body == body.replace(KEY.encode(), b"<ANTHROPIC_KEY_1>")


@pytest.mark.parametrize("octets", [b"\xff\xfe", b"\xc3", b"\xed\xa0\x80"])
def test_invalid_utf_8_is_scanned_and_kept(octets: bytes) -> None:
    body = b'{"messages":["' + octets + b" " + KEY.encode() + b'"]}'
    redaction = scrubber().redact(body, None, "POST")
    assert redaction.body == body.replace(KEY.encode(), b"<ANTHROPIC_KEY_1>")


def test_thousands_of_different_secrets_are_replaced() -> None:
    keys = [f"{KEY}{number:06}" for number in range(scaled(3000, 1000))]
    body = json.dumps({"messages": [" ".join(keys), *keys]}).encode()
    redaction = scrubber().redact(body, None, "POST")
    assert len(redaction.placeholders) == len(keys)
    assert KEY.encode() not in redaction.body


@pytest.mark.parametrize("text", ["b", "bc1", "cb1"])
def test_values_inside_one_another_are_replaced_whatever_their_order(text: str) -> None:
    urls = [f"redis://:{'abc1' * count}{text}@h" for count in range(2, 30)]
    alone = [f"{'abc1' * count}{text}" for count in range(2, 30)]
    for order in (urls, urls[::-1]):
        body = json.dumps({"messages": [*order, *alone]}).encode()
        made = json.loads(scrubber().redact(body, None, "POST").body)["messages"]
        assert not [one for one in made if any(value in one for value in alone)]
