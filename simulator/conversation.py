"""A conversation with the API, as Claude Code has it: its bodies grow and are cached. Pure."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

PROSE = "The proxy relays each event at once and counts what it costs on the way. "
_TOOLS = [
    {
        "name": name,
        "description": f"{name}s in the working directory. " * 60,
        "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}},
    }
    for name in (
        *("Read", "Edit", "Write", "Bash", "Grep", "Glob", "Task", "WebSearch"),
        *("mcp__github__search_issues", "mcp__github__get_file"),
    )
]
_IDENTITY = "You are a simulated coding assistant."
_INSTRUCTIONS = "Answer what is asked, and run the tests before you say that it works. " * 90


@dataclass(slots=True)
class Conversation:
    """One agent's conversation; ``ids`` are the headers that say whose it is.

    State: ``_messages`` so far, and how many ``_calls`` of tools there were.
    """

    model: str
    ids: dict[str, str]
    lasting: bool = False  # cached for an hour
    _messages: list[dict[str, Any]] = field(default_factory=list)
    _calls: int = 0

    def ask(self, text: str) -> None:
        """Let the user say something."""
        self._messages.append({"role": "user", "content": text})

    def answered(self) -> None:
        """Let the assistant have answered with a tool call."""
        self._calls += 1
        call = {"path": f"app/module_{self._calls}.py"}
        self._messages.append(
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": PROSE * 2},
                    {"type": "tool_use", "id": self._call_id, "name": "Read", "input": call},
                ],
            }
        )

    def result(self, text: str) -> None:
        """Let the tool have answered with ``text``."""
        result = {"type": "tool_result", "tool_use_id": self._call_id, "content": text}
        self._messages.append({"role": "user", "content": [result]})

    def shows(self, texts: tuple[str, ...]) -> bool:
        """Return True if the newest tool result begins with one of ``texts``."""
        content = self._messages[-1]["content"]
        return isinstance(content, list) and str(content[-1].get("content")).startswith(texts)

    def body(self) -> bytes:
        """Return the request: three marks, the last on the newest block."""
        mark = {"type": "ephemeral", "ttl": "1h"} if self.lasting else {"type": "ephemeral"}
        *earlier, last = self._messages
        system = [
            {"type": "text", "text": text, "cache_control": mark}
            for text in (_IDENTITY, _INSTRUCTIONS)
        ]
        document = {
            "model": self.model,
            "messages": [*earlier, {**last, "content": _marked(last["content"], mark)}],
            "system": system,
            "tools": _TOOLS,
            "max_tokens": 32_000,
            "stream": True,
        }
        return msgspec.json.encode(document)

    @property
    def _call_id(self) -> str:
        return f"toolu_demo{self._calls:06}"


def short(model: str, text: str) -> bytes:
    """Return a request without a history and without tools, not streamed."""
    message = {"role": "user", "content": text}
    return msgspec.json.encode({"model": model, "max_tokens": 512, "messages": [message]})


def _marked(content: str | list[dict[str, Any]], mark: dict[str, str]) -> list[dict[str, Any]]:
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [*blocks[:-1], {**blocks[-1], "cache_control": mark}]
