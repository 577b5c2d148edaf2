"""Text so dense with secrets that it is hidden by stretches: more than need be, never less."""

import base64
import json
import re
from typing import Any

import pytest

from app.scrubber import placeholders, review
from app.scrubber.detect import dense as limits
from app.scrubber.detect.dense import BYTES_PER_STEP, CHECK
from app.scrubber.redact.scrubber import Redaction, Scrubber
from tests.scrubber import scrubbing
from tests.thorough import scaled

FEWER = scaled(1, 4)  # times fewer steps than a request has, and as much less text
BURST = limits.BURST // FEWER
TIMES = BURST // (1 + CHECK) * 4 // 3  # of what takes so many steps: more than there are
BEFORE = [16_000, 32_000, 44_000][: scaled(3, 1)]
RULES = scrubbing.EXTENDED
KEY = "sk-ant-" + "api03-fakefakefakefake0001"
PEM = "-----BEGIN " + "RSA PRIVATE KEY-----\n" + "MIIEfake0FAKE1fake2FAKE3fake4/fake5+FAKE6\n" * 40
PEM += "-----END RSA PRIVATE KEY-----"
# What is written so often that no step is left, and what a secret among it looks like.
PIECES = ["a@b.cc ", "-eyJ", "a@a", "jdbc:a", "://", "%25a@b.cc", "AKIA" + "IOSFODNN7EXAMPLE\n"]
PIECES = PIECES[: scaled(7, 2)]
SECRETS = [
    KEY,
    "Bearer abc123def456ghi789",
    "postgres://user:hunter2@db.example/main",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0." + "c2ln" * 300,
    PEM,
    "machine git.example login user password hunter2x",
]
VALUES = ["fakefakefake", "ghi789", "hunter2", "c2ln" * 3, "FAKE3fake4/fake5"]


@pytest.fixture(autouse=True)
def _burst(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BURST", BURST)


def redact(body: dict[str, Any], used: Scrubber | None = None) -> Redaction:
    return scrubbing.redact(body, used or scrubber())


def scrubber() -> Scrubber:
    return scrubbing.scrubber(rules=RULES)


def conversation(*contents: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": one} for one in contents]}


def dense(piece: str, times: int = 2 * TIMES) -> str:
    return piece * times


@pytest.mark.parametrize("piece", PIECES)
def test_no_secret_in_dense_text_is_left(piece: str) -> None:
    parts = [dense(piece, BURST * 3 // 2)]
    for number in range(24):
        apart = (997, 5_003, 20_011)[number % 3]
        parts += dense(piece, apart // len(piece)), f"\n{SECRETS[number % len(SECRETS)]}\n"
    made = redact(conversation("".join(parts))).body.decode()
    assert "<DENSE_TEXT_" in made
    assert not [value for value in VALUES if value in made]


@pytest.mark.slow
def test_dense_strings_are_hidden_one_by_one() -> None:
    strings = ["a@b.cc", "plain words", "", KEY] * TIMES
    made = json.loads(redact(conversation([{"type": "x", "text": strings}])).body)
    texts = made["messages"][0]["content"][0]["text"]
    assert len(texts) == len(strings)
    assert made["messages"][0]["content"][0]["type"] == "x"
    assert not [text for text in texts if "@" in text or "fake" in text]


def test_names_stay_in_a_dense_array_and_known_values_do_not() -> None:
    known, count = "postgres://user:hunter2xQ9@db.example/main", 3 * TIMES
    strings = [*(["a@b.cc"] * count), "a_name", "hunter2xQ9", "x y", KEY, *(["a@b.cc"] * 99)]
    body = conversation(known, [{"type": "tool_use", "input": strings}])
    redaction = redact(body)
    made = json.loads(redaction.body)["messages"][1]["content"][0]["input"]
    hidden = made[-1]
    assert hidden.startswith("<DENSE_TEXT_")
    assert made[count:] == ["a_name", "<DB_CONNECTION_STRING_2>", *[hidden] * 101]
    assert redaction.report.matches["dense_text"] == made.count(hidden)


@pytest.mark.slow
def test_a_string_is_hidden_as_far_as_the_stretch_goes_that_it_begins_in() -> None:
    strings = [dense("a@b.cc "), f"{'plain words ' * 20_000}{KEY}"]
    body = conversation([{"type": "tool_use", "input": strings}])
    made = json.loads(redact(body).body)["messages"][0]["content"][0]["input"]
    hidden, rest = made[1].split(">", 1)
    assert hidden.startswith("<DENSE_TEXT_")
    assert rest.endswith("plain words <ANTHROPIC_KEY_1>")


def test_an_escape_in_a_dense_array_changes_no_other_byte() -> None:
    strings = ", ".join(['"a@b.cc"', '"a_name"', '"\\/"'] * 2 * TIMES)
    body = f'{{"messages":[{{"role":"user","content":[{{"type":"x","y":[{strings}]}}]}}]}}'
    made = scrubber().redact(body.encode(), None, "POST").body.decode()
    shown = re.sub(r"<(?:EMAIL_HMAC|DENSE_TEXT)[^>]*>", "a@b.cc", made)
    assert re.sub(r'"a@b.cc"(?=, "a@|])', '"\\/"', shown) == body


@pytest.mark.slow
def test_what_the_api_reads_is_kept_in_dense_text() -> None:
    blocks = [
        {"type": "text", "text": "a@b.cc " * 9, "id": "a@b.cc", "media_type": "image/png"}
        for _ in range(TIMES // 4)
    ]
    made = json.loads(redact(conversation(blocks)).body)["messages"][0]["content"]
    assert {tuple(block) for block in made} == {("type", "text", "id", "media_type")}
    assert {block["id"] for block in made} == {"a@b.cc"}
    assert {block["media_type"] for block in made} == {"image/png"}
    assert not [block for block in made if "@" in block["text"]]


def test_dense_text_is_hidden_the_same_whatever_follows() -> None:
    texts = [dense("a@b.cc "), f"then {KEY} and c@d.ee ", dense("-eyJ", 9_000 // FEWER)]
    short = json.loads(redact(conversation(*texts)).body)["messages"]
    longer = json.loads(redact(conversation(*texts, dense("AKIA"))).body)["messages"]
    assert longer[: len(short)] == short


def test_a_repeated_turn_hides_the_same() -> None:
    used, body = (
        scrubber(),
        conversation(dense("a@b.cc "), f"{KEY} " + dense("a@b.cc ", 9_000 // FEWER)),
    )
    assert redact(body, used).body == redact(body, used).body == redact(body).body


def test_many_texts_use_up_the_steps_of_their_request_together() -> None:
    texts = [dense("a@b.cc ", 3_000 // FEWER) for _ in range(20)]
    made = json.loads(redact(conversation(*texts)).body)["messages"]
    assert "<DENSE_TEXT_" not in made[0]["content"]
    assert "<DENSE_TEXT_" in made[-1]["content"]


def test_dense_text_is_not_looked_at_once_the_steps_are_used_up() -> None:
    texts = [dense("a@b.cc ", 3_000 // FEWER) for _ in range(20)]
    texts += [" ".join(f"u{number}@ex.com" for number in range(150))] * 3
    made = json.loads(redact(conversation(*texts)).body)["messages"]
    for message in made[20:]:
        assert message["content"].endswith("<DENSE_TEXT_10001>")
        assert len(re.findall("<EMAIL_", message["content"])) <= 1  # the one at which it begins


def test_lists_of_addresses_are_not_dense() -> None:
    rows = [
        f"{number},First Last,first.last{number}@mail.example.com,+00 000 {number}\n"
        for number in range(4_000 // FEWER)
    ]
    made = redact(conversation("".join(rows))).body.decode()
    assert len(re.findall("<EMAIL_HMAC:[0-9A-F]{8}>", made)) == len(rows)
    assert "DENSE" not in made


def test_sparse_secrets_are_distinguished_however_long_the_text() -> None:
    keys = [f"{KEY}{number:05}" for number in range(3_000 // FEWER)]
    text = ("x" * (9 * BYTES_PER_STEP) + " ").join(keys)
    redaction = redact(conversation(dense("a@b.cc ", TIMES) + "\n" * (200_000 // FEWER) + text))
    assert len([one for one in redaction.placeholders if "ANTHROPIC" in one]) == len(keys)


def test_dense_text_of_the_models_own_is_hidden_too() -> None:
    body = conversation(dense("a@b.cc ") + KEY)
    body["messages"].append({"role": "assistant", "content": dense("a@b.cc ") + KEY})
    made = redact(body).body.decode()
    assert "fake" not in made
    assert "@" not in made


@pytest.mark.slow
def test_a_review_says_that_dense_text_is_not_restored() -> None:
    text = dense("a@b.cc ").encode()
    found = review.review(text, RULES, placeholders.Scheme("angle", b"k"))
    assert {one.restored for one in found if one.detector == "dense_text"} == {
        "never: this text is too dense to tell secrets apart"
    }


@pytest.mark.parametrize("before", BEFORE)
def test_values_of_a_list_that_begins_in_dense_text_are_replaced(before: int) -> None:
    values = [
        base64.b64encode(f"{number:04} secret".encode() * 15).decode() for number in range(150)
    ]
    entries = "".join(f"  data{number}: {value}\n" for number, value in enumerate(values))
    first = "\nkind: Secret\ndata:\n  a: aHVudGVyMg==\n---\n"
    secret = f"{first}kind: Secret\nmetadata:\n  x: y\ndata:\n{entries}"
    text = dense("a@b.cc ") + dense("a@b.cc ", before // 7) + secret + " plain" * 9_000
    made = redact(conversation(text)).body.decode()
    assert not [value for value in values if value in made]


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["a@b.cc ", "-eyJ", "%25a@b.cc", "jdbc:a", "://"])
def test_short_dense_messages_use_up_the_steps_and_are_hidden_whole_then(piece: str) -> None:
    short = piece * (2_400 // len(piece))
    plain = f"plain words of user@example.com {'and more ' * 20}"
    messages = [*[short] * 400, f"{plain}{KEY}", f"{short}{KEY} {short}"]
    made = json.loads(redact(conversation(*messages)).body)["messages"]
    contents = [message["content"] for message in made]
    assert contents[-1] == contents[-3] == "<DENSE_TEXT_10001>"
    assert contents[-2].startswith("plain words of <EMAIL_HMAC:")
    assert contents[-2].endswith("and more <ANTHROPIC_KEY_1>")
    again = json.loads(redact(conversation(*messages, short, plain)).body)["messages"]
    assert again[:-2] == made


def test_a_key_alone_in_a_message_is_replaced_when_no_step_is_left() -> None:
    line, end = PEM.split("\n")[1], "-----END RSA PRIVATE KEY-----"
    key = f"{PEM[:31]}\n{line}\n{end}"
    made = json.loads(redact(conversation(dense("a@b.cc "), key, f"words {line}")).body)
    assert [one["content"] for one in made["messages"][1:]] == [
        "<PRIVATE_KEY_1>",
        "words <PRIVATE_KEY_2>",
    ]
