"""The text before a token: escapes, encodings and control sequences are no part of it."""

import json

import pytest

from app.scrubber.detect.detector import Detector
from app.scrubber.detect.detectors import BUILT_IN
from app.scrubber.detect.examples import found
from app.scrubber.detect.extended import EXTENDED
from app.scrubber.detect.scan import Scanner
from tests.cases import every_case

ESC = "\x1b"
SEQUENCES = (
    f"{ESC}[m",
    f"{ESC}[0;1m",
    f"{ESC}[38;2;166;226;46m",
    f"{ESC}[38:2::166:226:46m",
    f"{ESC}[48;5;200m",
    f"{ESC}[?25l",
    f"{ESC}[2K",
    f"{ESC}[10;20H",
    f"{ESC}[3 q",
    f"{ESC}[!p",
    f"{ESC}[>4;2m",
    f"{ESC}[200~",
    f"{ESC}(B",
    f"{ESC}7",
    f"{ESC}]8;;https://host.example/x\x07",
    f"{ESC}]8;;https://host.example/x{ESC}\\",
    "\x9b31m",
)
WRITTEN = (
    *("\\x1b[1;31m", "\\e[1m", "\\033[38;5;1m", "\\u001b[0m", "[0;32m", "[01;31m[K"),
    *("\\x1b(B", "\\0337", "\\x9b1m", "\\U0001F511"),
)
HYPHENS = ("${KEY:-", "<!--", "[-", "git rm --", "src/main.py-12-", " -")
ENCODED = ("=3D", "a=3D", "=0A", "%3D", "%0A", "%253D", "\\n", "\\t", "\\u000a", "\\x0a", "&#39;")


@pytest.mark.parametrize("detector", [*BUILT_IN, *EXTENDED], ids=lambda one: one.name)
def test_a_secret_is_found_behind_them(detector: Detector) -> None:
    scanner = Scanner([detector])
    hyphens = HYPHENS if detector.tier == "secret" else ()  # an address may hold one
    for before in (*SEQUENCES, *WRITTEN, *ENCODED, *hyphens):
        example = detector.examples[0]
        text = f"{before}{example}{ESC}[0m"
        alone = found(scanner, f" {example} ")
        assert found(scanner, text) == alone, before
        assert found(scanner, f"first\n{text}") == alone, before
        if detector.name != "private_key":
            assert len(found(scanner, json.dumps(text))) == len(alone), before


@every_case("after", ["-->", "-]", " -", "--"])
@pytest.mark.parametrize("detector", BUILT_IN, ids=lambda one: one.name)
def test_a_hyphen_behind_a_secret_hides_nothing(detector: Detector, after: str) -> None:
    assert found(Scanner([detector]), f" {detector.examples[0]}{after}")


@every_case("sign", ["+", "-"])
@every_case(
    "gutter", ["     2→", "     2\t", "  2 | ", "main.py:2:", f"     2→{ESC}[32m", f"{ESC}[32m"]
)
@pytest.mark.parametrize("detector", BUILT_IN, ids=lambda one: one.name)
def test_a_diffs_sign_behind_a_line_number_hides_nothing(
    detector: Detector, gutter: str, sign: str
) -> None:
    scanner = Scanner([detector])
    example = detector.examples[0]
    assert found(scanner, f"first\n{gutter}{sign}{example}") == found(scanner, f" {example} ")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("josé@example.com", "josé@example.com"),
        ("o'brien@example.com", "o'brien@example.com"),
        ("d'angelo.x@example.com", "d'angelo.x@example.com"),
        ("mail: 'bob@example.com'", "bob@example.com"),
        ("f'bob@example.com'", "bob@example.com"),
        ("user@bücher.example", "user@bücher.example"),
        ("联系user@example.com。", "user@example.com"),
        ("→user@example.com", "user@example.com"),
        ("-user@example.com", "user@example.com"),
        ("alice%40example.com", "alice%40example.com"),
        ("\nnancy@example.com", "nancy@example.com"),
        ("ESC\x1b[32mmary@example.com", "mary@example.com"),
        ("a@b@example.com", "b@example.com"),
    ],
)
def test_an_address_is_read_backwards_to_its_first_letter(text: str, address: str) -> None:
    scanner = Scanner([one for one in BUILT_IN if one.name == "email"])
    assert found(scanner, text) == [address]


@pytest.mark.parametrize("text", ["x @pytest.fixture", "7→@a.bc", "f-5-@pytest.fixture", "@a.bc"])
def test_a_decorator_is_no_address(text: str) -> None:
    scanner = Scanner([one for one in BUILT_IN if one.name == "email"])
    assert found(scanner, text) == []
