"""Request bodies as Claude Code writes them, with texts of so many tokens (4 bytes each)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]

MODEL = "claude-opus-5-5"
SHORT: Json = {"type": "ephemeral"}
LONG: Json = {"type": "ephemeral", "ttl": "1h"}


def text(label: str, tokens: int) -> str:
    """Return a text of so many tokens that differs from that of every other label."""
    word = f"{label:_<3}"[:3] + " "
    return word * tokens


def tool(name: str, tokens: int, **more: Any) -> Json:
    return {
        "name": name,
        "description": text(name[-3:], tokens),
        "input_schema": {"type": "object"},
    } | more


def block(label: str, tokens: int) -> Json:
    return {"type": "text", "text": text(label, tokens)}


def user(label: str, tokens: int = 500) -> Json:
    return {"role": "user", "content": [block(label, tokens)]}


def assistant(label: str, tokens: int = 500) -> Json:
    return {"role": "assistant", "content": [block(label, tokens)]}


def calls(label: str, count: int) -> list[Json]:
    """Return a turn of parallel tool calls and the message with their results."""
    ids = [f"toolu_{label}{number}" for number in range(count)]
    asked = [{"type": "tool_use", "id": one, "name": "Read", "input": {"path": one}} for one in ids]
    found = [{"tool_use_id": one, "type": "tool_result", "content": text(label, 20)} for one in ids]
    return [{"role": "assistant", "content": asked}, {"role": "user", "content": found}]


TOOLS = tuple(tool(name, 2000) for name in ("Bash", "Edit", "Read"))
ATTRIBUTION: Json = {
    "type": "text",
    "text": "x-anthropic-billing-header: cc_version=2.1.332.fake; cc_entrypoint=cli;",
}
SYSTEM = (ATTRIBUTION, block("Who", 500), block("How", 3500))


def body(
    *messages: Json,
    model: str = MODEL,
    tools: Sequence[Json] = TOOLS,
    system: Sequence[Json] | str = SYSTEM,
    mark: Json | None = SHORT,
    system_mark: Json | None = SHORT,
    plain: bool = True,
    **params: Any,
) -> bytes:
    """Return a body with marks on the system's last two blocks and on the last block of all.

    With ``plain`` a single text of earlier system messages is a string, as the client has it.
    """
    *earlier, last = messages
    shown = [_plain(one) if plain and one["role"] == "system" else one for one in earlier]
    document: Json = {
        "model": model,
        "messages": [*shown, last if mark is None else _marked(last, mark)],
        "system": _marked_system(system, system_mark),
        "tools": list(tools),
        "max_tokens": 32_000,
        **params,
        "stream": True,
    }
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def _marked_system(system: Sequence[Json] | str, mark: Json | None) -> Any:
    if isinstance(system, str) or mark is None:
        return system if isinstance(system, str) else list(system)
    return [*system[:-2], *(one | {"cache_control": mark} for one in system[-2:])]


def _plain(message: Json) -> Json:
    content = message["content"]
    single = isinstance(content, list) and len(content) == 1 and set(content[0]) == {"type", "text"}
    return {**message, "content": content[0]["text"]} if single else message


def _marked(message: Json, mark: Mapping[str, Any]) -> Json:
    content = message["content"]
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    return {**message, "content": [*content[:-1], {**content[-1], "cache_control": dict(mark)}]}
