"""The scrubber's contract: which text is replaced, and the report."""

import gzip
import hashlib
import hmac
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import pytest

from app.scrubber.redact.scrubber import Scrubber
from tests.cases import every_case
from tests.scrubber import scrubbing

RULES = scrubbing.BUILT_IN
KEY = "sk-ant-" + "api03-fakefakefakefake0001"
PEM = "-----BEGIN " + "RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----"
BASE64 = ["MIIE" + "fake" * 15, "FAKE" * 16, "fake=="]


def scrubber(
    mode: Literal["detect", "pseudonymize"] = "pseudonymize", limit: int = 10_000, **more: Any
) -> Scrubber:
    ticks = iter(range(1000))
    return scrubbing.scrubber(mode=mode, clock=lambda: next(ticks), limit=limit, **more)


def redacted(request: Any) -> Any:
    return scrubbing.redacted(request, scrubber())


def in_message(block: Any) -> Any:
    return redacted({"messages": [{"role": "user", "content": [block]}]})["messages"][0]["content"][
        0
    ]


# The examples of the user's own table.
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("AKIA" + "IOSFODNN7EXAMPLE", "<AWS_ACCESS_KEY_1>"),
        ("ghp_" + "x" * 36, "<GITHUB_TOKEN_1>"),
        ("AIza" + "SyA1234567890abcdefghijklmnopqrstuv", "<GOOGLE_API_KEY_1>"),
        ("sk_" + "live_abc123def456ghi789", "<STRIPE_KEY_1>"),
        ("-----BEGIN " + "RSA PRIVATE KEY-----", "<PRIVATE_KEY_1>"),
        ("postgres://user:pass@host/db", "<DB_CONNECTION_STRING_1>"),
        ("Bearer eyJhbGciOiJIUz", "Bearer <BEARER_TOKEN_1>"),
        ("Basic dXNlcjpwYXNz", "Basic <BASIC_AUTH_1>"),
        ("sqp_" + "a1b2c3d4e5f6", "<SONARQUBE_TOKEN_1>"),
        ("11abcdef0123456789abcdef01234567", "<JENKINS_API_TOKEN_1>"),
        ("$ANSIBLE_VAULT;1.1;AES256", "<ANSIBLE_VAULT_1>"),
        ("hvs." + "ABCDEFghijklmnop123456", "<HASHICORP_VAULT_TOKEN_1>"),
        ("user@example.com", "<EMAIL_HMAC:"),
    ],
)
def test_the_documented_examples_are_replaced(text: str, shown: str) -> None:
    assert redacted({"messages": [text]})["messages"][0].startswith(shown)


def test_an_identifier_carries_the_hmac_of_its_value() -> None:
    digest = hmac.new(b"k" * 32, b"user@example.com", hashlib.sha256).hexdigest()[:8].upper()
    assert redacted({"system": "user@example.com"}) == {"system": f"<EMAIL_HMAC:{digest}>"}


def test_the_same_value_keeps_its_number_and_another_gets_the_next() -> None:
    other = KEY + "x"
    assert redacted({"system": f"{KEY} {other} {KEY}"}) == {
        "system": "<ANTHROPIC_KEY_1> <ANTHROPIC_KEY_2> <ANTHROPIC_KEY_1>"
    }


@pytest.mark.parametrize(
    "text",
    [
        "curl -H 'Authorization: Bearer GITHUB-TOKEN-0001'",
        "postgres://app:GITHUB-TOKEN-0001@db.example.net/main",
        "Bearer HASHICORP-VAULT-TOKEN-0003",
    ],
)
def test_a_placeholder_in_token_style_is_no_secret_itself(text: str) -> None:
    body = json.dumps({"messages": [{"role": "assistant", "content": text}]}).encode()
    assert scrubber(style="token").redact(body, None, "POST").body is body


def test_the_token_style_looks_like_a_value() -> None:
    body = json.dumps({"system": KEY}).encode()
    redaction = scrubber(style="token").redact(body, None, "POST")
    assert redaction.body == b'{"system": "ANTHROPIC-KEY-0001"}'


@pytest.mark.parametrize(
    "member",
    ["model", "metadata", "stop_sequences", "stream", "mcp_id", "id"],
)
def test_the_apis_own_members_are_left_alone(member: str) -> None:
    request = {member: [KEY, {"inner": KEY}]}
    assert redacted(request) == request


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "source": {"type": "base64", "data": KEY}},
        {"type": "thinking", "thinking": KEY, "signature": KEY},
        {"type": "redacted_thinking", "data": KEY},
        {"type": "web_search_result", "encrypted_content": KEY},
        {"type": "tool_result", "tool_use_id": KEY, "content": []},
        {"type": "text", "cache_control": {"type": KEY}},
    ],
)
def test_blocks_that_must_come_back_unchanged_do(block: Any) -> None:
    assert in_message(block) == block


@pytest.mark.parametrize(
    "block",
    [
        {"type": "text", "text": KEY},
        {"type": "document", "source": {"type": "text", "data": KEY}},
        {"type": "tool_use", "input": {"aws_access_key_id": KEY, "signature": [KEY]}},
        {"type": "tool_result", "content": [{"type": "text", "text": KEY}]},
        {"type": "from_the_future", "payload": {KEY: [KEY]}},
        {"name": KEY, "description": KEY},
        {"tools": [{"name": KEY, "description": KEY}]},
    ],
)
def test_everything_else_is_scanned(block: Any) -> None:
    assert KEY not in json.dumps(in_message(block))


# Every name that is skipped where it is the API's.
SKIPPED_NAMES = [
    *["model", "role", "type", "stop_sequences", "temperature", "top_p", "max_tokens", "top_k"],
    *["stream", "metadata", "input_schema", "id", "tool_use_id", "cache_control", "signature"],
    *["authorization_token", "thinking", "encrypted_content", "name", "description", "data"],
]


@pytest.mark.parametrize("kind", ["tool_use", "server_tool_use", "mcp_tool_use"])
@every_case("name", SKIPPED_NAMES)
def test_no_name_in_a_tools_input_is_the_apis(kind: str, name: str) -> None:
    for value in (KEY, [KEY], {"type": "base64", "data": KEY}, {name: {"metadata": [{"x": KEY}]}}):
        block = {"type": kind, "id": "toolu_1", "name": "apply", "input": {name: value}}
        assert KEY not in json.dumps(in_message(block))


@pytest.mark.parametrize("name", ["metadata", "model", "role", "stream", "input_schema"])
def test_a_tools_result_is_the_tools_except_for_ids_types_and_images(name: str) -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": KEY}}
    content = [{"type": "text", "text": "x", name: {"inner": KEY}}, image]
    block = {"type": "tool_result", "tool_use_id": KEY, "content": content}
    made = in_message(block)
    assert KEY not in json.dumps(made["content"][0])
    assert made["content"][1] == image
    assert made["tool_use_id"] == KEY


def test_a_tools_name_description_and_schema_are_left_alone_and_nothing_else_is() -> None:
    tool = {"name": KEY, "description": KEY, "input_schema": {"default": KEY}, "examples": [KEY]}
    assert redacted({"tools": [tool]})["tools"] == [tool | {"examples": ["<ANTHROPIC_KEY_1>"]}]


def test_an_mcp_servers_own_token_is_left_alone() -> None:
    request = {"mcp_servers": [{"authorization_token": KEY, "url": "https://host.example"}]}
    assert redacted(request) == request


def test_numbers_follow_the_order_of_the_cache_not_of_the_text() -> None:
    request = {"messages": [KEY], "system": KEY + "2", "tools": [{"note": KEY + "3"}]}
    assert redacted(request) == {
        "messages": ["<ANTHROPIC_KEY_3>"],
        "system": "<ANTHROPIC_KEY_2>",
        "tools": [{"note": "<ANTHROPIC_KEY_1>"}],
    }


@pytest.mark.parametrize(
    ("before", "line"),
    [
        ("", "{}"),
        ("gutter", "{number:6}→{}"),
        ("cat -n", "{number:6}\t{}"),
        ("grep -n", "{number}:{}"),
        ("indent", "    {}"),
        ("quotes", '"{}\\n" +'),
        ("comment", "# {}"),
        ("diff", "+{}"),
    ],
)
def test_a_private_key_is_replaced_whole_through_what_starts_its_lines(
    before: str, line: str
) -> None:
    del before
    lines = PEM.format("\n".join(BASE64)).split("\n")
    text = "\n".join(line.replace("{}", one).format(number=n) for n, one in enumerate(lines, 8))
    made = redacted({"system": f"{text}\n9 lines follow"})["system"]
    assert "<PRIVATE_KEY_1>" in made
    assert not [one for one in lines if one in made]
    assert made.endswith("9 lines follow")


@pytest.mark.parametrize(
    "text",
    [
        "p.pem-1-{}\np.pem-2-{}\np.pem-3-{}\nother",
        "{} {} {}\nother",
        "{}<br>{}<br>{}\nother",
        "{}{}{}\nother",
        "{}%0A{}%2F%0A{}\nother",
    ],
)
def test_the_lines_of_a_key_without_its_end_are_known_however_they_are_joined(text: str) -> None:
    header = PEM.partition("\n")[0]
    made = redacted({"system": text.format(header, *BASE64[:2])})["system"]
    assert made.endswith("<PRIVATE_KEY_1>\nother")


def test_code_between_the_marks_of_a_key_stays() -> None:
    text = PEM.format("\n".join(["value = read()"] * 400))
    assert redacted({"system": text})["system"] == text.replace(
        text.partition("\n")[0], "<PRIVATE_KEY_1>"
    )


def test_a_password_is_known_as_it_is_once_it_was_seen_percent_encoded() -> None:
    text = "postgres://user:p%40ssw0rd%2F1@host/db and p@ssw0rd/1"
    assert redacted({"system": text})["system"] == (
        "<DB_CONNECTION_STRING_1> and <DB_CONNECTION_STRING_2>"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://:hunter2@h then hunter2, xhunter2 and hunter25", "xhunter2 and hunter25"),
        ("postgres://keycloak:keycloak@h/db of keycloak", "of keycloak"),
        ("postgres://app:warehouse9@h/warehouse9 at warehouse9", "at warehouse9"),
    ],
)
def test_a_short_password_is_known_where_it_stands_alone_and_is_no_name(
    text: str, shown: str
) -> None:
    made = redacted({"system": text})["system"]
    assert "hunter2," not in made
    assert made.endswith(shown)


def test_a_private_key_cut_short_takes_its_lines_along_and_no_prose() -> None:
    text = PEM.format("\n".join(BASE64)).partition("\n-----END")[0]
    assert redacted({"system": f"{text}\nand so on"})["system"] == "<PRIVATE_KEY_1>\nand so on"


def test_a_key_read_through_a_gutter_is_the_key_in_its_file() -> None:
    plain = PEM.format("\n".join(BASE64))
    seen = "\n".join(f"{n:6}→{one}" for n, one in enumerate(plain.split("\n"), 1))
    redaction = scrubber().redact(json.dumps({"system": [seen, plain]}).encode(), None, "POST")
    assert [hidden.value for hidden in redaction.placeholders.values()] == [plain]


@pytest.mark.parametrize(
    ("body", "coding", "method", "reason"),
    [
        (b"{}", None, "GET", "not_post"),
        (b"no json", None, "POST", "not_json"),
        (b'{"cut', None, "POST", "not_json"),
        (b'{"a":"' + b"x" * 10_000 + b'"}', None, "POST", "too_large"),
        (gzip.compress(b'{"a":"' + b"x" * 10_000 + b'"}', mtime=0), "gzip", "POST", "too_large"),
        (b"{}", "gzip", "POST", "encoding"),
        (gzip.compress(b'{"a":"b"}', mtime=0)[:-9], "gzip", "POST", "encoding"),
        (b"{}", "snappy", "POST", "encoding"),
    ],
)
def test_what_is_not_scanned_passes_unchanged_and_says_why(
    body: bytes, coding: str | None, method: str, reason: str
) -> None:
    redaction = scrubber().redact(body, coding, method)
    assert redaction.body is body
    assert redaction.report.skipped == reason


def test_a_defect_is_reported_and_never_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    used = scrubber()
    monkeypatch.setattr(used, "_cache", None)
    body = json.dumps({"messages": [KEY]}).encode()
    redaction = used.redact(body, None, "POST")
    assert (redaction.body, redaction.report.skipped) == (body, "error")


def test_a_compressed_body_is_sent_on_decoded_if_and_only_if_something_was_replaced() -> None:
    body = json.dumps({"system": KEY}).encode()
    redaction = scrubber().redact(gzip.compress(body, mtime=0), "gzip", "POST")
    assert redaction.decoded
    assert redaction.body == b'{"system": "<ANTHROPIC_KEY_1>"}'
    clean = gzip.compress(b"{}", mtime=0)
    redaction = scrubber().redact(clean, "gzip", "POST")
    assert redaction.body is clean
    assert not redaction.decoded


def test_detecting_counts_and_changes_nothing() -> None:
    body = json.dumps({"system": f"{KEY} user@example.com {KEY}"}).encode()
    redaction = scrubber("detect").redact(body, None, "POST")
    assert redaction.body is body
    assert redaction.placeholders == {}
    assert redaction.report.matches == {"anthropic_key": 2, "email": 1}
    assert not redaction.report.modified


def test_pseudonymizing_needs_a_key() -> None:
    with pytest.raises(ValueError, match="HMAC"):
        scrubbing.scrubber(key=b"", limit=1)


def test_threads_share_a_scrubber() -> None:
    used = scrubber(limit=1 << 20)
    bodies = [
        json.dumps({"messages": [f"{KEY}{number % 7}{n}" for n in range(20)]}).encode()
        for number in range(40)
    ]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda body: used.redact(body, None, "POST").body, bodies))
    assert made == [scrubber(limit=1 << 20).redact(body, None, "POST").body for body in bodies]


TOKEN = "ghp_" + "0aB" * 12


@every_case(
    "url, later",
    [
        (f"postgres://{TOKEN}:p%40ssw0rd@db/x", ["p%40ssw0rd", "p@ssw0rd"]),
        (f"postgres://user:p%40ssw0rd!@db/x?token={TOKEN}", ["p@ssw0rd!", "p%40ssw0rd"]),
        (f"amqp://user:hunter22.{TOKEN}.tail@db/x", ["hunter22.", f"hunter22.{TOKEN}.tail"]),
        (
            f"amqp://user:a%24c.{TOKEN}.hunter22@db/x",
            [f"a%24c.{TOKEN}.hunter22", f"a$c.{TOKEN}.hunter22"],
        ),
        (f"amqp://user:hun%24ter22.{TOKEN}@db/x", [f"hun$ter22.{TOKEN}"]),
    ],
)
def test_the_password_of_a_url_that_gives_way_to_a_token_is_found_alone(
    url: str, later: list[str]
) -> None:
    said = redacted({"messages": [{"role": "user", "content": " | ".join([url, *later])}]})
    first, *rest = said["messages"][0]["content"].split(" | ")
    assert TOKEN not in first
    assert all(one[0] == "<" and one[-1] in ">." for one in rest), rest
    assert not any(letter in one for one in rest for letter in ("hunter", "ssw0rd", "hun$"))


def test_a_placeholder_beside_a_token_in_a_password_stays() -> None:
    text = f"amqp://user:<GITHUB_TOKEN_1>.{TOKEN}@db/x"
    said = redacted({"messages": [{"role": "user", "content": text}]})
    expected = "amqp://user:<GITHUB_TOKEN_1>.<GITHUB_TOKEN_2>@db/x"
    assert said["messages"][0]["content"] == expected
