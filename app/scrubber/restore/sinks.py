"""Where in an answer a value may be restored.

Restoring puts a secret where the model said, and the model can be told by anyone whose text it
reads. So the place decides:

- text that a person reads, and the inputs of tools that work on this machine: yes;
- the inputs of every other tool (WebFetch, WebSearch, MCP, tools nobody here has heard of): only
  if ``ANTHROPIC_PROXY_SCRUB_RESTORE_TOOLS`` names them;
- blocks that upstream made or runs itself (server tools, their results, citations): never.
"""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal, NamedTuple, get_args

import msgspec

Refusal = Literal["ambiguous", "tool", "upstream_block", "shell_syntax", "not_found_again"]
REFUSALS: tuple[Refusal, ...] = get_args(Refusal)

# Claude Code's tools that read, write and run things here, and the API's own client tools.
_LOCAL = """
    Agent AskUserQuestion Bash BashOutput Edit EnterPlanMode ExitPlanMode Glob Grep KillShell LS
    LSP Monitor MultiEdit NotebookEdit NotebookRead PowerShell Read Skill SlashCommand
    StructuredOutput Task TaskCreate TaskOutput TaskStop TaskUpdate TodoWrite Write
    bash memory str_replace_based_edit_tool str_replace_editor
"""
LOCAL_TOOLS = frozenset(_LOCAL.split())
_RUNS_COMMANDS = re.compile("bash|shell|exec|command|terminal|monitor|ssh", re.IGNORECASE)
_SHELL_SYNTAX = re.compile(r"\$[({\[]|`|[<>]\(")  # substitutions and expansions of POSIX and bash
_ENTRY = re.compile(r"([+-]?)([A-Za-z0-9_.*?:/\[\]!-]*[A-Za-z0-9_*?\]])")


class Sink(NamedTuple):
    """A place in an answer; ``refusal`` says why nothing is restored in it."""

    name: str  # a tool's, or what kind of text
    refusal: Refusal | None = None
    shell: bool = False  # a shell reads it


TEXT = Sink("text")
UPSTREAM = Sink("upstream", "upstream_block")


class ToolPolicy(msgspec.Struct, frozen=True):
    """Which tools' inputs are restored: `LOCAL_TOOLS`, then each entry adds or removes.

    An entry is (adds, pattern); the last that matches wins.
    """

    entries: tuple[tuple[bool, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> "ToolPolicy":
        """Read ``mcp__kubernetes__*,-Bash``; raises ValueError."""
        entries = []
        for word in filter(None, map(str.strip, text.split(","))):
            entry = _ENTRY.fullmatch(word)
            if entry is None:
                raise ValueError(
                    f"{word!r} is not a pattern of tool names, such as mcp__kubernetes__* or -Bash"
                )
            entries.append((entry[1] != "-", entry[2]))
        return cls(tuple(entries))

    def sink(self, tool: str) -> Sink:
        """Return what a tool's input is."""
        allowed = tool in LOCAL_TOOLS
        for adds, pattern in self.entries:
            if fnmatchcase(tool, pattern):
                allowed = adds
        return Sink(tool, None if allowed else "tool", _RUNS_COMMANDS.search(tool) is not None)

    def of_block(self, block: Any) -> Sink:
        """Return what the deltas of a content block are, by its start."""
        kind, name = (
            (block.get("type"), block.get("name")) if isinstance(block, dict) else (None, None)
        )
        if kind == "tool_use" and isinstance(name, str):
            return self.sink(name)
        return TEXT if kind == "text" else UPSTREAM

    def at(self, document: Any, names: Sequence[str | int]) -> Sink:
        """Return what the string at a path in a JSON answer is.

        A content block is an element of a ``content`` array, or a ``content_block``. Outside of
        them only an error's own words, and a completion, are for a person.
        """
        node, before = document, ""
        for depth, name in enumerate(names):
            if before == "content_block" or (before == "content" and isinstance(name, int)):
                at = depth + isinstance(name, int)
                block = _member(node, name) if isinstance(name, int) else node
                return self._in_block(block, names[at:])
            if name in ("error", "completion"):
                return TEXT
            node, before = _member(node, name), str(name)
        return UPSTREAM

    def _in_block(self, block: Any, names: Sequence[str | int]) -> Sink:
        sink = self.of_block(block)
        member = names[0] if names else ""
        if sink is TEXT:
            return sink if member == "text" else UPSTREAM
        return sink if member == "input" else UPSTREAM


def has_shell_syntax(value: str) -> bool:
    """Return True if a shell would run or expand a part of ``value``, even in double quotes."""
    return _SHELL_SYNTAX.search(value) is not None


def _member(node: Any, name: str | int) -> Any:
    try:
        return node[name]
    except (LookupError, TypeError):
        return None
