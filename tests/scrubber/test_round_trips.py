"""What the model wrote around a placeholder comes back as the bytes that it wrote."""

import json
from typing import Any

import pytest

from app.scrubber.detect.detector import Detector
from app.scrubber.detect.detectors import BUILT_IN
from app.scrubber.placeholders import Placeholders
from tests.cases import every_case
from tests.scrubber import scrubbing

KEY = "sk-ant-" + "api03-fakefakefakefake0001"
WAYS = (
    "{}",
    '"{}"',
    "'{}'",
    "`{}`",
    "({})",
    "[{}]",
    "<b>{}</b>",
    "TOKEN={}\nNEXT=1",
    "token: {}.",
    "{}, and so on;",
    "{}?sslmode=require",
    "{}/path/to#part",
    "https://host.example/?key={}&other=1",
    "export A='{}' # {}",
    "prefix-{}-suffix",
    "{}{}",
    "{}_backup",
    "{}s",
    "\x1b[32m{}\x1b[0m",
    "-{}\n+{}x",
    "curl -H 'Authorization: Bearer {}'",
    "{}@host",
)


SCRUBBER = scrubbing.scrubber()


def redacted(messages: list[Any]) -> tuple[list[Any], Placeholders]:
    redaction = scrubbing.redact({"messages": messages}, SCRUBBER)
    return json.loads(redaction.body)["messages"], redaction.placeholders


def turns(said: str, block: Any) -> list[Any]:
    return [
        {"role": "user", "content": said},
        {"role": "assistant", "content": [block]},
    ]


def restored(text: str, placeholders: Placeholders) -> str:
    for shown, hidden in placeholders.items():
        text = text.replace(shown, hidden.value)
    return text


@every_case("way", WAYS)
@pytest.mark.parametrize("detector", BUILT_IN, ids=lambda one: one.name)
def test_the_second_turn_has_what_the_model_wrote(detector: Detector, way: str) -> None:
    for example in detector.examples:
        said = f"here: {example}\n"
        _, placeholders = redacted([{"role": "user", "content": said}])
        for shown in placeholders:
            wrote = way.replace("{}", shown)
            for block in (
                {"type": "text", "text": wrote},
                {"type": "tool_use", "id": "t", "name": "x", "input": {"metadata": [wrote]}},
            ):
                got = json.loads(
                    restored(
                        json.dumps(block),
                        {
                            name: hidden.__class__(hidden.detector, json.dumps(hidden.value)[1:-1])
                            for name, hidden in placeholders.items()
                        },
                    )
                )
                made, _ = redacted(turns(said, got))
                assert made[1]["content"][0] == block


@pytest.mark.parametrize("role", ["user", "assistant"])
@pytest.mark.parametrize("rest", ["ZQ3Z9x8Kq1", "-ZQ3Z9x8Kq1", "_a1B2c3D4e5"])
def test_a_longer_key_that_begins_like_a_known_one_leaves_nothing(role: str, rest: str) -> None:
    messages = [{"role": "user", "content": KEY}, {"role": role, "content": f"{KEY}{rest}"}]
    made, _ = redacted(messages)
    assert made[1]["content"] == "<ANTHROPIC_KEY_2>"


def test_another_password_of_a_known_url_is_hidden() -> None:
    known = "postgres://app@db.example.net:fake1fake@h"
    contents = [known, f"{known}/x?password=hunter2", "redis://:fake1fake@other:6379/1"]
    made, _ = redacted([{"role": "user", "content": one} for one in contents])
    assert "hunter2" not in json.dumps(made)
    assert "fake1fake" not in json.dumps(made)
