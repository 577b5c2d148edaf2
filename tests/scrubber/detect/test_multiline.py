"""Private keys and vaults, whatever stands before and behind their lines."""

import base64
import json
import random
from collections.abc import Callable

import pytest

from tests.cases import every_case
from tests.scrubber import scrubbing

DRAW = random.Random(20261127)
BODY = base64.b64encode(DRAW.randbytes(700)).decode()
LINES = [BODY[at : at + 64] for at in range(0, len(BODY), 64)]
HEX = DRAW.randbytes(200).hex()
VAULT_LINES = [HEX[at : at + 80] for at in range(0, len(HEX), 80)]
KEY = ["-----BEGIN " + "RSA PRIVATE KEY-----", *LINES, "-----END RSA PRIVATE KEY-----"]
VAULT = ["$ANSIBLE_VAULT;1.1;AES256", *VAULT_LINES]
SCRUBBER = scrubbing.scrubber()


def redacted(*messages: str) -> list[str]:
    return list(scrubbing.redacted({"messages": messages}, SCRUBBER)["messages"])


def each(form: Callable[[int, str], str]) -> Callable[[list[str]], str]:
    return lambda lines: "\n".join(form(number, line) for number, line in enumerate(lines, 1))


FORMS: dict[str, Callable[[list[str]], str]] = {
    "plain": "\n".join,
    "carriage returns": "\r\n".join,
    "Read": each(lambda n, line: f"{n:6}→{line}"),
    "cat -n": each(lambda n, line: f"{n:6}\t{line}"),
    "cat -A": each(lambda _, line: f"{line}$"),
    "cat -A of CRLF": each(lambda _, line: f"{line}^M$"),
    "diff": each(lambda _, line: f"+{line}"),
    "diff --color": each(lambda _, line: f"\x1b[32m+\x1b[m\x1b[32m{line}\x1b[m"),
    "truecolour": each(lambda _, line: f"\x1b[38;2;1;22;133m{line}\x1b[0m"),
    "word-diff": each(lambda _, line: f"{{+{line}+}}"),
    "word-diff --color": each(lambda _, line: f"\x1b[31m[-{line}-]\x1b[m"),
    "blame": each(lambda n, line: f"^a1b2c3d4 (Jane Doe 2024-01-01 10:00:00 +0100 {n:3}) {line}"),
    "compose": each(lambda _, line: f"\x1b[36mweb-1  | \x1b[0m{line}"),
    "docker logs -t": each(lambda n, line: f"2024-01-01T10:00:00.{n:09}Z {line}"),
    "kubectl --prefix": each(lambda _, line: f"[pod/web-7d9f8c6b5-abcde/web] {line}"),
    "syslog": each(lambda _, line: f"Jan  1 10:00:00 host app[123]: {line}"),
    "CI": each(lambda _, line: f"2024-01-01T10:00:00.1234567Z   {line}"),
    "JSON log": each(lambda _, line: json.dumps({"log": line + "\n", "stream": "stderr"})),
    "array": lambda lines: "[" + ", ".join(json.dumps(line) for line in lines) + "]",
    "array over lines": lambda lines: ",\n".join("  " + json.dumps(line) for line in lines),
    "concatenated": each(lambda _, line: f'    "{line}\\n" +'),
    "SQL comment": each(lambda _, line: f"-- {line}"),
    "C comment": each(lambda _, line: f" * {line}"),
    "&#xA;": "&#xA;".join,
    "&#10;": "&#10;".join,
    "spaces": " ".join,
}


@pytest.mark.parametrize("form", FORMS)
@every_case("nested", [False, True])
def test_a_key_goes_as_a_whole(form: str, *, nested: bool) -> None:
    for lines in (KEY, KEY[:-3], KEY[:5]):  # whole, cut in the middle
        text = FORMS[form](lines) + "\nand the rest stays"
        [made] = redacted(json.dumps(text) if nested else text)
        assert not [line for line in LINES if line in made]
        assert "and the rest stays" in made
        assert "<PRIVATE_KEY_1>" in made


@pytest.mark.parametrize("form", [one for one in FORMS if one not in ("array", "spaces")])
def test_a_vault_goes_as_a_whole(form: str) -> None:
    [made] = redacted(FORMS[form](VAULT) + "\nand the rest stays")
    assert not [line for line in VAULT_LINES if line in made]
    assert "and the rest stays" in made


@pytest.mark.parametrize("lines", [KEY, VAULT], ids=["key", "vault"])
@pytest.mark.parametrize("first", ["plain", "diff --color", "compose", "Read"])
@every_case("then", ["plain", "cat -n", "truecolour", "JSON log"])
def test_the_lines_of_a_key_seen_are_known_afterwards(
    lines: list[str], first: str, then: str
) -> None:
    part = lines[2:4]
    _, made = redacted(FORMS[first](lines), FORMS[then](part))
    assert not [line for line in part if len(line) >= 64 and line in made]


@pytest.mark.parametrize(
    "text",
    [
        "looks for -----BEGIN PRIVATE KEY----- and for\ncode = read()\n" * 3,
        "if '-----BEGIN RSA PRIVATE KEY-----' in text:\n    return /usr/share/doc/python3/README\n",
        "-----BEGIN PRIVATE KEY-----\n" + "value = read()\n" * 99 + "-----END PRIVATE KEY-----",
    ],
)
def test_code_about_keys_loses_their_headers_only(text: str) -> None:
    [made] = redacted(text)
    for line in ("code = read()", "return /usr/share/doc/python3/README", "value = read()"):
        assert made.count(line) == text.count(line)


def test_a_key_is_matched_up_to_64_kb() -> None:
    body = base64.b64encode(random.Random(1).randbytes(30_000)).decode()
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    [made] = redacted("\n".join([KEY[0], *lines, KEY[-1]]))
    assert made == "<PRIVATE_KEY_1>"


@pytest.mark.parametrize("ascii_only", [True, False], ids=["ASCII", "UTF-8"])
@pytest.mark.parametrize("colour", ["", "\x1b[32m", "\x1b[38;2;1;22;133m"])
@pytest.mark.parametrize("numbered", ["outside", "inside"])
def test_a_vaults_short_last_line_goes_however_its_gutter_is_spelled(
    numbered: str, colour: str, *, ascii_only: bool
) -> None:
    end = "\x1b[0m" if colour else ""
    lines = [*VAULT, "313233343536"]
    if numbered == "outside":
        text = FORMS["Read"]([f"{colour}{line}{end}" for line in lines])
    else:
        text = "\n".join(f"{colour}{line}{end}" for line in FORMS["Read"](lines).split("\n"))
    body = json.dumps({"system": text}, ensure_ascii=ascii_only).encode()
    assert b"313233343536" not in SCRUBBER.redact(body, None, "POST").body


@pytest.mark.parametrize("ascii_only", [True, False])
def test_the_number_of_an_empty_line_behind_a_vault_is_no_part_of_it(*, ascii_only: bool) -> None:
    text = "\n".join(f"{number:6}→{line}" for number, line in enumerate([*VAULT, ""], 8))
    body = json.dumps({"messages": [text]}, ensure_ascii=ascii_only).encode()
    (made,) = json.loads(SCRUBBER.redact(body, None, "POST").body)["messages"]
    assert made == f"     8→<ANSIBLE_VAULT_1>\n{8 + len(VAULT):6}→"


@pytest.mark.parametrize("behind", ['", "size": 3}', "</td></tr>", "> and so on", "' # production"])
@pytest.mark.parametrize("nested", [False, True], ids=["text", "JSON"])
@pytest.mark.parametrize("last", ["313233343536", VAULT_LINES[-1][:40]])
def test_a_vaults_last_line_goes_whatever_stands_behind_it(
    last: str, behind: str, *, nested: bool
) -> None:
    text = "\n".join([*VAULT[:-1], last]) + behind
    [made] = redacted(json.dumps({"content": text, "size": 3}) if nested else text)
    assert last not in made
    assert behind.lstrip("\"'") in made.replace("\\", "")


def test_prose_behind_a_vault_is_no_part_of_it() -> None:
    [made] = redacted("\n".join([*VAULT, "be: careful with it"]))
    assert made == "<ANSIBLE_VAULT_1>\nbe: careful with it"


@pytest.mark.parametrize("lines", [KEY, VAULT, [*VAULT, "313233343536"]])
def test_line_feeds_may_be_spelled_as_any_character_may(lines: list[str]) -> None:
    for end in ("\\u000a", "\\u000A", "\\u000d\\u000a"):
        body = json.dumps({"messages": ["{}"]}).replace("{}", end.join(lines) + "\\nend").encode()
        [made] = json.loads(SCRUBBER.redact(body, None, "POST").body)["messages"]
        assert made in ("<PRIVATE_KEY_1>\nend", "<ANSIBLE_VAULT_1>\nend")
