"""Reads a body; of the next one of a conversation only what stands between its two stable ends.

A client sends the conversation again with every turn. The messages before the first with a mark
stay as they are, and so does what stands behind the messages. A hash over each end shows that they
did; their blocks are then those of the body before. The last message loses its mark: how it is
written then is foreseen, and hashed too. A first body that is sent once more, as clients do after
an error, is recognized by a hash of all of it. The result is the same either way.
"""

import functools
import re

import msgspec

from .blocks import MARK_NAME, Blocks, Digest, Mark, add_message, add_system, add_tools, ttl_of
from .fill import MESSAGES
from .members import Members, Unreadable, elements, given, read_members

# Members that are no block but belong to the cache's key, by the names that users know.
PARAMS = ("tool_choice", "thinking", "effort", "speed", "context_management", "betas")

MOST_MARKS = 4  # the API refuses more
MOST_SPANS = 4  # pieces of a head with a hash each, before one hash is taken of all
_KEY = re.compile(rb'"messages"\s*:\s*\[()\s*\Z')
_KEY_REACH = 64  # bytes before the messages in which their name is searched for
_BETWEEN = re.compile(rb"\s*(?:,\s*|\])")
_NEEDLE = 256  # bytes of the messages by which they are found
_SPACE = b" \t\r\n"
# The usual marks on the last block of a message, with what ends both and stays.
_LAST_MARKS = tuple(
    b',"cache_control":{"type":"ephemeral"%b}}]}' % more for more in (b"", b',"ttl":"1h"')
)
_STAYS = b"}]}"


class _Behind(msgspec.Struct):
    """What decides on a list of messages in the members behind it."""

    messages: msgspec.Raw | None = None


_members_behind = msgspec.json.Decoder(_Behind).decode


class Prompt(msgspec.Struct, frozen=True):
    """One request: its model, its blocks, a hash for each of `PARAMS` (0: absent).

    ``automatic`` is the time to live of a mark for the whole request, if it has one. ``tools`` are
    its bytes, of a body that was read as a whole and until its answer only.
    """

    model: str
    blocks: Blocks
    params: tuple[int, ...]
    automatic: float | None = None
    tools: bytes | None = None

    def __repr__(self) -> str:
        return f"Prompt({self.model!r}, {self.blocks!r})"  # its tools are the request's text

    @property
    def marks(self) -> list[Mark]:
        """The marks, as many as the API accepts."""
        return self.blocks.marks[-MOST_MARKS:]

    @property
    def mark(self) -> Mark | None:
        """The last mark."""
        return self.blocks.marks[-1] if self.blocks.marks else None


class Stable(msgspec.Struct, frozen=True, gc=False):
    """A head: its blocks, their marks and bytes, those of messages, `Blocks.last`; where it ends.

    ``bare`` says that no message is in it.
    """

    blocks: int
    marks: int
    size: int
    messages: int
    last: int
    end: int
    bare: bool

    @classmethod
    def of(cls, blocks: Blocks, end: int, *, bare: bool = False) -> "Stable":
        """Return the head whose blocks are these."""
        messages, count = blocks.fill.get(MESSAGES, 0), len(blocks.kinds)
        return cls(count, len(blocks.marks), blocks.size, messages, blocks.last, end, bare)


class Foreseen(msgspec.Struct, frozen=True):
    """The last message, behind the head, as it is written once its mark has moved on.

    It goes on to ``end``, with this hash, and then has what ``stays``.
    """

    end: int
    hashed: int
    stays: bytes


class Template(msgspec.Struct, frozen=True):
    """What the next body may have in common with that of ``prompt``.

    ``spans`` are the ends of the pieces of its head, each with a hash; ``tail`` is the length of
    what stands behind the messages, and a hash of it; ``whole`` is the same of a first body that
    has no tools, whose names are not kept.
    """

    prompt: Prompt
    stable: Stable
    spans: tuple[tuple[int, int], ...]
    tail: tuple[int, int]
    foreseen: Foreseen | None
    whole: tuple[int, int] | None = None


def read_prompt(
    body: bytes,
    digest: Digest,
    betas: bytes = b"",
    template: Template | None = None,
    *,
    alone: bool = False,
) -> tuple[Prompt, Template | None]:
    """Read a body, and return a template for the next one; raises `Unreadable`.

    ``betas`` are the request's ``anthropic-beta`` fields, joined by commas. A body that is
    ``alone`` gets no template.
    """
    if template is not None:
        if _is_repeated(body, template, digest, betas):
            return template.prompt, template
        if _matches(view := memoryview(body), template, digest):
            foreseen = _as_foreseen(view, template, digest)
            messages = _between(body, template, foreseen)
            if messages:
                return _extended(body, template, foreseen, messages, digest, betas)
    return _whole(body, digest, betas, alone=alone)


def _whole(
    body: bytes, digest: Digest, betas: bytes, *, alone: bool
) -> tuple[Prompt, Template | None]:
    members, messages = read_members(body)
    blocks = Blocks()
    add_tools(blocks, given(members.tools), digest)
    add_system(blocks, given(members.system), digest)
    found = None if alone else _find(body, messages)
    if found is None:
        for message in messages:
            add_message(blocks, message, digest)
        return _prompt(members, blocks, digest, betas), None
    start, end = found
    stable, foreseen = _append(blocks, messages, Stable.of(blocks, start, bare=True), body, digest)
    prompt = _prompt(members, blocks, digest, betas)
    view = memoryview(body)
    spans, tail = ((stable.end, digest(view[: stable.end])),), view[end:]
    return prompt, Template(
        _kept(prompt),
        stable,
        spans,
        (len(tail), digest(tail)),
        foreseen,
        (len(body), digest(body)) if prompt.tools is None else None,
    )


def _extended(
    body: bytes,
    template: Template,
    foreseen: Foreseen | None,
    messages: list[bytes],
    digest: Digest,
    betas: bytes,
) -> tuple[Prompt, Template]:
    """Return the prompt with these ``messages`` behind what is known of it.

    That is its head, and its last message if that is as ``foreseen``.
    """
    old, head = template.prompt, template.stable
    blocks, base = _known(template) if foreseen is None else _known_whole(template, foreseen)
    stable, following = _append(blocks, messages, base, body, digest)
    if old.automatic is not None:
        blocks.mark_last(old.automatic)
    params, features = old.params, _betas(betas, digest)
    if params[-1] != features:
        params = (*params[:-1], features)
    prompt = Prompt(old.model, blocks, params, old.automatic)
    spans, end = template.spans, stable.end
    if end > head.end:
        view = memoryview(body)
        if len(spans) < MOST_SPANS:
            spans = (*spans, (end, digest(view[head.end : end])))
        else:
            spans = ((end, digest(view[:end])),)
    return prompt, Template(_kept(prompt), stable, spans, template.tail, following)


def _known(template: Template) -> tuple[Blocks, Stable]:
    """Return the blocks of the head, and where it ends."""
    head, known = template.stable, template.prompt.blocks
    count = head.blocks
    return Blocks(
        known.prefixes[:count],
        known.kinds[:count],
        known.marks[: head.marks],
        {**known.fill, MESSAGES: head.messages},
        head.size,
        0 if head.bare else known.first,
        head.last,
        known.system,
    ), head


def _known_whole(template: Template, foreseen: Foreseen) -> tuple[Blocks, Stable]:
    """Return all blocks of the prompt, the last message's without marks, and where they end."""
    known, head = template.prompt.blocks, template.stable
    blocks = Blocks(
        known.prefixes[:],
        known.kinds[:],
        known.marks[: head.marks],
        {**known.fill},
        known.size,
        known.first,
        head.last,
        known.system,
    )
    return blocks, Stable.of(blocks, foreseen.end + len(foreseen.stays))


def _kept(prompt: Prompt) -> Prompt:
    """Return a prompt without what is large, and needed for its own answer only."""
    if prompt.tools is None:
        return prompt
    return Prompt(prompt.model, prompt.blocks, prompt.params, prompt.automatic)


def _matches(body: memoryview, template: Template, digest: Digest) -> bool:
    """Return True if a body begins and ends as the template does."""
    length, tail = template.tail
    start, size = 0, len(body)
    if size < template.stable.end + length:
        return False
    for end, hashed in template.spans:
        if digest(body[start:end]) != hashed:
            return False
        start = end
    return digest(body[size - length :]) == tail


def _is_repeated(body: bytes, template: Template, digest: Digest, betas: bytes) -> bool:
    """Return True if a body is that of the template, and all of it is kept."""
    whole = template.whole
    if whole is None or len(body) != whole[0] or digest(body) != whole[1]:
        return False
    return template.prompt.params[-1] == _betas(betas, digest)


def _as_foreseen(body: memoryview, template: Template, digest: Digest) -> Foreseen | None:
    """Return how the last message was foreseen, if it is so in a body with the same head."""
    foreseen = template.foreseen
    if foreseen is None:
        return None
    end, stays = foreseen.end, foreseen.stays
    if body[end : end + len(stays)] != stays:
        return None
    return foreseen if digest(body[template.stable.end : end]) == foreseen.hashed else None


def _between(body: bytes, template: Template, foreseen: Foreseen | None) -> list[bytes] | None:
    """Return the messages between what is known and the tail; None if something else is there."""
    start, bare = template.stable.end, template.stable.bare
    if foreseen is not None:
        start, bare = foreseen.end + len(foreseen.stays), False
    middle = body[start : len(body) - template.tail[0]].lstrip(_SPACE)
    if not bare:
        if not middle.startswith(b","):
            return None
        middle = middle[1:]
    try:
        return elements(b"[" + middle)
    except Unreadable:
        return None


def _append(
    blocks: Blocks, messages: list[bytes], stable: Stable, body: bytes, digest: Digest
) -> tuple[Stable, Foreseen | None]:
    """Add messages; return what of them is stable, and what is foreseen of the last one.

    Stable are those before a mark, and not the last.
    """
    *earlier, last = messages
    end, marks = stable.end, len(blocks.marks)
    for raw in earlier:
        add_message(blocks, raw, digest)
        end = body.index(raw[:1], end) + len(raw)  # between two are a comma and blanks
        if len(blocks.marks) == marks:
            stable = Stable.of(blocks, end)
    add_message(blocks, last, digest)
    return stable, _foresee(last, stable, body, digest) if stable.end == end else None


def _foresee(last: bytes, stable: Stable, body: bytes, digest: Digest) -> Foreseen | None:
    """Return how the ``last`` message is written once it is not the last; None if nobody knows."""
    length, stays, mark = len(last), b"", last.find(MARK_NAME)
    if mark >= 0:
        ending = next((one for one in _LAST_MARKS if last.endswith(one)), b"")
        length -= len(ending)
        if mark != length + 1:  # there is another mark
            return None
        stays = _STAYS
    end = body.index(last[:1], stable.end) + length
    return Foreseen(end, digest(memoryview(body)[stable.end : end]), stays)


def _prompt(members: Members, blocks: Blocks, digest: Digest, betas: bytes) -> Prompt:
    hashed = (
        members.tool_choice,
        members.thinking,
        members.output_config,
        members.speed,
        members.context_management,
    )
    hashes = (0 if value is None else digest(value) for value in map(given, hashed))
    mark = given(members.cache_control)
    automatic = None if mark is None else ttl_of(mark)
    if automatic is not None:
        blocks.mark_last(automatic)
    params = (*hashes, _betas(betas, digest))
    return Prompt(members.model, blocks, params, automatic, given(members.tools))


@functools.lru_cache(16)
def _betas(betas: bytes, digest: Digest) -> int:
    """Return a hash of the beta features, whatever their order; a client names the same ones."""
    return digest(b",".join(sorted(betas.replace(b" ", b"").split(b",")))) if betas else 0


def _find(body: bytes, messages: list[bytes]) -> tuple[int, int] | None:
    """Return where the list of messages begins and ends; None if that is not certain.

    That is behind the opening bracket, and behind the closing one.
    """
    at = body.find(messages[0][:_NEEDLE]) if messages else -1
    key = _KEY.search(body, max(0, at - _KEY_REACH), at) if at >= 0 else None
    if key is None:
        return None
    for message in messages:
        between = _BETWEEN.match(body, at + len(message))
        if between is None or not body.startswith(message, at):
            return None
        at = between.end()
    return (key.start(1), at) if body[at - 1 : at] == b"]" and _is_read(body[at:]) else None


def _is_read(tail: bytes) -> bool:
    """Return True if a list is the one that is read: its ``tail`` ends the body, without another.

    Of members with one name the last is read (`app.cache.members`); in another object is none.
    """
    try:
        return _members_behind(b'{"":[]' + tail).messages is None
    except ValueError:
        return False
