"""A model's own words come back to it: every detector, every way of writing a placeholder."""

import json
import random
from typing import Any

import pytest

from app.scrubber.detect.detectors import BUILT_IN
from app.scrubber.placeholders import Hidden
from app.scrubber.restore.table import Plan
from tests.cases import every_case
from tests.scrubber import scrubbing
from tests.scrubber.dialogues import PLACEHOLDER, WRITTEN, assembled, streamed
from tests.scrubber.restore.answering import Answering

SCRUBBER = scrubbing.scrubber()


def redacted(*messages: dict[str, Any]) -> tuple[list[Any], dict[str, Hidden]]:
    redaction = scrubbing.redact({"messages": list(messages)}, SCRUBBER)
    return json.loads(redaction.body)["messages"], dict(redaction.placeholders)


@every_case("shape", WRITTEN)
@pytest.mark.parametrize("detector", BUILT_IN, ids=lambda detector: detector.name)
def test_what_a_model_wrote_is_what_it_reads_on_the_next_turn(detector: Any, shape: str) -> None:
    for example in detector.examples[:2]:
        first = {"role": "user", "content": f"here: {example}\nend"}
        _, values = redacted(first)
        shown = next(iter(values))
        words = f"It is {shape.format(shown)} then."
        blocks: list[dict[str, Any]] = [
            {"type": "text", "text": words},
            {"type": "tool_use", "id": "t", "name": "Write", "input": {"content": words}},
        ]
        restorer = Answering(Plan(values, SCRUBBER.recognizer), "text/event-stream", None)
        answer = streamed(blocks, random.Random(len(words)))
        restored = assembled(restorer.pass_on(answer) + restorer.close())

        second, _ = redacted(first, {"role": "assistant", "content": restored})
        assert second[1]["content"] == blocks

        fresh, _ = redacted({"role": "user", "content": json.dumps(restored)})
        for hidden in values.values():
            assert hidden.value not in fresh[0]["content"]
        assert PLACEHOLDER.search(fresh[0]["content"])
