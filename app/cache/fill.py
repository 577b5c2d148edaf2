"""What fills the context: the tokens of a prompt, shared out among the parts of its body."""

import re
from collections.abc import Mapping

MESSAGES, SYSTEM, TOOLS = "messages", "system", "tools"
SERVERS = 32  # MCP servers with a part of their own; the tools of further ones are `TOOLS`

Fill = dict[str, int]  # bytes by part: one of the above, or ``mcp__NAME__``

_SERVER = re.compile(rb'"name"\s*:\s*"(mcp__[A-Za-z0-9](?:[A-Za-z0-9-]|_(?!_)){0,63}__)')
_IMAGE = re.compile(rb'"media_type"\s*:\s*"image/')
_IMAGE_WEIGHT = 6_400  # bytes: an image has some 1,600 tokens, however long its base64 is
_LARGE = 8_192  # bytes, below which no image is looked for
_HEAD = 512  # bytes in which its media type stands


def part_of(tool: bytes) -> str:
    """Return the part that a tool's definition belongs to: that of its MCP server, if any."""
    match = _SERVER.search(tool)
    return match[1].decode("ascii") if match else TOOLS


def weight(block: bytes) -> int:
    """Return how many bytes of text a block stands for."""
    if len(block) > _LARGE and _IMAGE.search(block, 0, _HEAD):
        return _IMAGE_WEIGHT
    return len(block)


def scaled(fill: Mapping[str, int], tokens: int) -> dict[str, int]:
    """Return ``tokens`` shared out by bytes; the parts add up to exactly as many."""
    total = sum(fill.values())
    if not total:
        return {}
    shares: dict[str, int] = {}
    size = given = 0
    for part, part_size in fill.items():
        size += part_size
        shares[part] = size * tokens // total - given
        given += shares[part]
    return shares
