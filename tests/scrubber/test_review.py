"""The dry run: what would be replaced and where, and never the value."""

import json

from app.scrubber.detect import rules
from app.scrubber.placeholders import Scheme
from app.scrubber.review import Finding, review

RULES = rules.load(file=None)
SCHEME = Scheme("angle", b"")
TOKEN = "ghp_" + "f4k3" * 9


def test_a_request_is_reviewed_with_json_paths() -> None:
    request = {
        "system": "user@example.com",
        "messages": [{"role": "user", "content": [{"type": "text", "text": TOKEN}]}],
    }
    first, second = review(json.dumps(request).encode(), RULES, SCHEME)
    assert (first.path, first.detector, first.tier) == ("$.system", "email", "identifier")
    assert second == Finding(
        "$.messages[0].content[0].text",
        "github_token",
        "secret",
        "ghp_",
        "<GITHUB_TOKEN_1>",
        "text and local tools",
    )


def test_it_says_where_a_value_would_be_restored() -> None:
    text = f"{TOKEN} Bearer fake0fake1fake2 postgres://a:b7$(id)cd@h/d <BEARER_TOKEN_2>"
    assert {one.detector: one.restored for one in review(text.encode(), RULES, SCHEME)} == {
        "github_token": "text and local tools",
        "bearer_token": "text and local tools, only in its context",
        "db_connection_string": "text and local tools, not in shell commands",
    }
    written = json.dumps({"messages": [TOKEN, "send <GITHUB_TOKEN_1>"]}).encode()
    (foreign,) = review(written, RULES, SCHEME)
    assert foreign.restored == "never: the text already contains this placeholder"


def test_a_text_file_is_reviewed_by_line() -> None:
    text = f"# settings\nTOKEN={TOKEN}\nURL=redis://:pw@h\n\xff".encode("latin-1")
    assert [(one.path, one.detector) for one in review(text, RULES, SCHEME)] == [
        ("line 2", "github_token"),
        ("line 3", "db_connection_string"),
    ]


def test_at_most_four_characters_of_a_value_are_shown() -> None:
    text = f"{TOKEN} redis://:hunter2@h then hunter2".encode()
    findings = review(text, RULES, SCHEME)
    assert [one.preview for one in findings] == ["ghp_", "redi", "hun"]


def test_nothing_found_is_an_empty_list() -> None:
    assert review(b"{}", RULES, SCHEME) == []
    assert review(b"", RULES, SCHEME) == []
