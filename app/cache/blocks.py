"""A Messages request as the prompt cache sees it: blocks in the order tools, system, messages.

What a client moves about from turn to turn does not change a hash: ``cache_control`` marks, a text
alone in a list, the attribution (the client's billing header), tools whose loading is deferred.
"""

import itertools
import re
from array import array
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from .fill import MESSAGES, SERVERS, TOOLS, Fill, part_of, weight
from .fill import SYSTEM as SYSTEM_PART
from .members import Unreadable, elements, read_message, read_tool_name

Digest = Callable[[bytes | memoryview], int]  # a keyed hash of 64 bits

SHORT_TTL, LONG_TTL = 300.0, 3600.0  # seconds
MOST_BLOCKS = 8192  # a prompt of a million tokens has about 4,000
KINDS = ("tool", "system", "user", "assistant", "other")  # of a block: a message's by its role
TOOL, SYSTEM, OTHER = 0, 1, len(KINDS) - 1
_ROLES = {"user": 2, "assistant": 3}

# A quote inside a string is escaped, so these find members only, not what a text quotes.
MARK_NAME, _DEFERRED_NAME = b'"cache_control"', b'"defer_loading"'
_MARK = re.compile(rb'"cache_control"\s*:\s*(\{[^{}]*\}|null)(\s*,)?')
_USUAL_MARK = b',"cache_control":{"type":"ephemeral"}}'  # at the end of a block
_MOST_MARKS = 16  # in one block, nested ones included: each is cut out of a copy
_HOUR = re.compile(rb'"ttl"\s*:\s*"1h"')
_DEFERRED = re.compile(rb'"defer_loading"\s*:\s*true')
_TEXT = b'{"type":"text","text":'
_ATTRIBUTION = re.compile(rb'[^"]{0,8}(?:"[^"]{0,16}"[^"]{0,4}){0,3}"x-anthropic-billing-header:')


class Mark(NamedTuple):
    """A ``cache_control`` mark: the place of its block, seconds to live, and bytes up to there."""

    block: int
    ttl: float
    size: int


class Blocks(msgspec.Struct):
    """The blocks so far, in cache order.

    ``prefixes`` has a hash of all blocks up to each one, ``kinds`` an index of `KINDS` for each.
    ``first`` is the hash of the first block of a message alone, ``last`` of the last one with a
    mark, ``system`` one of the whole system prompt, ``newest`` of the last block.
    """

    prefixes: "array[int]" = msgspec.field(default_factory=lambda: array("q"))
    kinds: bytearray = msgspec.field(default_factory=bytearray)
    marks: list[Mark] = msgspec.field(default_factory=list)
    fill: Fill = msgspec.field(default_factory=dict)
    size: int = 0
    first: int = 0
    last: int = 0
    system: int = 0
    newest: int = 0

    def add(self, kind: int, own: int, size: int, ttl: float | None) -> None:
        """Append a block of ``size`` bytes; raises `Unreadable` if there are too many."""
        kinds, prefixes = self.kinds, self.prefixes
        place = len(kinds)
        if place >= MOST_BLOCKS:
            raise Unreadable("the prompt has too many blocks")
        self.newest = own = hash((kind, own))
        prefixes.append(hash((prefixes[-1] if place else 0, own)))
        kinds.append(kind)
        self.size += size
        if kind == SYSTEM:
            self.system = hash((self.system, own))
        elif kind != TOOL and not self.first:
            self.first = own
        if ttl is not None:
            self.marks.append(Mark(place, ttl, self.size))
            self.last = own

    def has(self, own: int, start: int) -> bool:
        """Return True if one of the blocks from ``start`` on has this hash."""
        before = self.prefixes[start - 1] if start else 0
        for prefix in self.prefixes[start:]:
            if hash((before, own)) == prefix:
                return True
            before = prefix
        return False

    def mark_last(self, ttl: float) -> None:
        """Mark the last block, unless it has a mark."""
        index = len(self.kinds) - 1
        if index >= 0 and not (self.marks and self.marks[-1].block == index):
            self.marks.append(Mark(index, ttl, self.size))
            self.last = self.newest


def ttl_of(mark: bytes) -> float | None:
    """Return the seconds that a ``cache_control`` gives, None if it is no mark."""
    if b'"ephemeral"' not in mark:
        return None
    return LONG_TTL if _HOUR.search(mark) else SHORT_TTL


def without_marks(raw: bytes) -> tuple[bytes, float | None]:
    """Return a block without the members that are marks, and the seconds that it lives."""
    ttl, at = None, raw.find(MARK_NAME)
    if raw.endswith(_USUAL_MARK) and at == len(raw) - len(_USUAL_MARK) + 1:
        return raw[: at - 1] + b"}", SHORT_TTL
    for _ in range(_MOST_MARKS):
        if at < 0:
            return raw, ttl
        match = _MARK.match(raw, at)
        if match is None:
            at = raw.find(MARK_NAME, at + 1)
            continue
        ttl = ttl_of(match[1]) or ttl
        before, behind = raw[:at], raw[match.end() :]
        if match[2] is None:  # the last member: its comma is before it
            before = before.rstrip().removesuffix(b",")
        else:
            behind = behind.lstrip()
        raw = before + behind
        at = raw.find(MARK_NAME, len(before))
    raise Unreadable("a block has too many marks")


def add_tools(blocks: Blocks, tools: bytes | None, digest: Digest) -> None:
    """Append the tools, except for those that are not loaded yet."""
    for raw in _loaded(tools):
        part = part_of(raw)
        if part not in blocks.fill and len(blocks.fill) > SERVERS:
            part = TOOLS
        _add(blocks, TOOL, part, raw, digest)


def tool_name(tools: bytes | None, index: int) -> str | None:
    """Return the name of the tool at a place among the blocks; None where there is none."""
    raw = next(itertools.islice(_loaded(tools), index, None), None)
    return None if raw is None else read_tool_name(raw)


def _loaded(tools: bytes | None) -> Iterator[bytes]:
    """Yield the tools, except for those that are not loaded yet."""
    for raw in elements(tools) if tools is not None else ():
        if raw.rfind(_DEFERRED_NAME) < 0 or not _DEFERRED.search(raw):
            yield raw


def add_system(blocks: Blocks, system: bytes | None, digest: Digest) -> None:
    """Append the system prompt, a string or blocks, without the attribution."""
    if system is None or system == b'""':
        return
    for raw in elements(system) if system.startswith(b"[") else [system]:
        if not _ATTRIBUTION.match(raw):
            _add(blocks, SYSTEM, SYSTEM_PART, raw, digest)


def add_message(blocks: Blocks, raw: bytes, digest: Digest) -> None:
    """Append the blocks of a message; one without any counts as an empty one."""
    role, found, config = read_message(raw)
    kind = _ROLES.get(role, OTHER)
    salt = digest(config) if config is not None else 0
    for block in found or [b""]:
        _add(blocks, kind, MESSAGES, block, digest, salt)


def _add(blocks: Blocks, kind: int, part: str, raw: bytes, digest: Digest, salt: int = 0) -> None:
    ttl, plain = None, raw
    if raw.rfind(MARK_NAME) >= 0:  # several times faster than `in`
        plain, ttl = without_marks(raw)
    size, fill = weight(plain), blocks.fill
    fill[part] = fill.get(part, 0) + size
    if plain.startswith(_TEXT):
        plain = plain[len(_TEXT) : -1]  # the same as the text alone
    own = digest(plain)
    blocks.add(kind, hash((own, salt)) if salt else own, size, ttl)
