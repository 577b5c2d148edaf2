"""The memory of conversations: what was sent last, what of it is in the cache, until when.

A conversation is an agent's in a session; without a session, one that begins with the same message.
Its last requests are remembered as chains of hashes. Requests beside it (titles,
suggestions, compactions) read and refresh the cache, and are never what the next is compared with.
"""

import math
from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from .blocks import SYSTEM, Digest, Mark
from .chain import Chain, Conversation
from .entries import Entries, Entry
from .evidence import Asked, Case, Counted, Found, evidence_of, scope_of, usual_verdict
from .minimum import name_of
from .prompt import Prompt, Template, read_prompt
from .verdict import LOOKBACK, Verdict, decide

Read = tuple[Prompt, Template | None]

CONVERSATIONS = 2_000  # the least recently used are forgotten; some 5 KB each…
BLOCKS = 1_000_000  # …and of all of them together so many blocks are remembered, 9 bytes each


class Flight(msgspec.Struct, eq=False):
    """A request under way; ``answered`` is when its answer began. State: the recorder's."""

    asked: Asked
    prompt: Prompt | None
    template: Template | None
    created: list[int] = msgspec.field(default_factory=list)  # entries that nobody else had
    answered: float = math.inf


class Recorder:
    """Judges answers. State: ``_conversations`` with ``_blocks``, and ``_entries``, all bounded.

    The order of calls is `template`, `begin`, `answered`, and `judge` or `drop`.
    """

    def __init__(self, digest: Digest = hash, conversations: int = CONVERSATIONS) -> None:
        self._digest = digest
        self._limit = conversations
        self._conversations: OrderedDict[object, Conversation] = OrderedDict()
        self._blocks = 0
        self._entries = Entries()

    def template(self, asked: Asked) -> Template | None:
        """Return what the body of a request is likely to have in common with an earlier one."""
        found = None if asked.session is None else self._conversations.get(_key(asked, None))
        return None if found is None else found.template

    def read(self, body: bytes, asked: Asked, template: Template | None) -> Read:
        """Read a body; raises `Unreadable`. It touches no state: any thread may call it."""
        alone = asked.session is None  # no next one is found
        return read_prompt(body, self._digest, asked.betas, template, alone=alone)

    def begin(self, asked: Asked, read: Read | None) -> Flight:
        """Take note of a request; ``read`` is None if its body cannot be read."""
        prompt, template = read or (None, None)
        flight = Flight(asked, prompt, template)
        if prompt is not None:
            marks = prompt.marks
            scope = scope_of(asked, name_of(prompt.model)) if marks else 0
            prefixes, start, get = prompt.blocks.prefixes, asked.start, self._entries.get
            for block, ttl, _ in marks:
                key = scope ^ prefixes[block]
                entry = get(key)
                if entry is None or entry.expires <= start:
                    flight.created.append(key)
                    self._entries.put(key, Entry(start + ttl, ttl, math.inf))
        return flight

    def answered(self, flight: Flight, now: float) -> None:
        """Take note that the answer has begun: from now on others can read what it writes."""
        flight.answered = now
        for key in flight.created:
            entry = self._entries.get(key)
            if entry is not None:
                entry.available = min(entry.available, now)

    def drop(self, flight: Flight) -> None:
        """Forget a request whose answer is none, or an error."""
        if flight.created:
            for key in flight.created:
                self._entries.drop(key)
            flight.created.clear()

    def judge(self, flight: Flight, counted: Counted, model: str | None) -> Verdict:
        """Return the verdict on an answer of ``model``, and remember what is in the cache now."""
        asked, prompt = flight.asked, flight.prompt
        if prompt is None:
            return Verdict("unknown")
        case = Case(asked, prompt, counted, name_of(model or prompt.model))
        key = _key(asked, prompt)
        conversation = self._conversations.get(key) or Conversation()
        previous = conversation.previous(prompt, asked.start, strict=asked.hinted)
        marks = prompt.marks
        scope = case.scope if marks else 0
        live, waiting = self._reachable(case, flight, marks, scope) if marks else (None, None)
        verdict = usual_verdict(case, previous, live, waiting)
        if verdict is None:
            verdict = decide(evidence_of(case, previous, live, waiting))
        entry, place = self._commit(case, flight, live, marks, scope)
        if not (asked.aside or asked.compaction):
            self._remember(key, conversation, _chain(case, entry, place), flight.template)
        return verdict

    def _remember(
        self, key: object, conversation: Conversation, chain: Chain, template: Template | None
    ) -> None:
        """Add a request to its conversation, and forget old ones beyond the limits."""
        before = conversation.blocks
        unneeded = conversation.add(chain, template)
        if unneeded is not None:
            self._entries.drop(unneeded)
        self._blocks += conversation.blocks - before
        conversations = self._conversations
        conversations[key] = conversation
        conversations.move_to_end(key)
        while self._blocks > BLOCKS or len(conversations) > self._limit:
            _, forgotten = conversations.popitem(last=False)
            self._blocks -= forgotten.blocks

    def _reachable(
        self, case: Case, flight: Flight, marks: Sequence[Mark], scope: int
    ) -> tuple[Found | None, Found | None]:
        """Return the longest prefix that can be read, and the longest that is being written."""
        live = waiting = None
        prefixes, start, get = case.prompt.blocks.prefixes, case.asked.start, self._entries.get
        for mark in reversed(marks):
            for index in range(mark.block, max(-1, mark.block - LOOKBACK), -1):
                key = scope ^ prefixes[index]
                entry = get(key)
                if entry is None or entry.expires <= start:
                    continue
                if entry.available <= start:
                    live = live or Found.of(entry, mark, case)
                    break
                if key not in flight.created:
                    waiting = waiting or Found.of(entry, mark, case)
            if live is not None:
                break
        return live, waiting

    def _commit(
        self, case: Case, flight: Flight, live: Found | None, marks: Sequence[Mark], scope: int
    ) -> tuple[Entry | None, int | None]:
        """Bring the entries up to date; return that of the last mark, and its key."""
        start, cached = case.asked.start, case.counted.cached
        if live is not None and case.counted.read:
            live.entry.refresh(start, live.entry.ttl)
        if not marks or not cached:
            self.drop(flight)
            return None, None
        prefixes, answered = case.prompt.blocks.prefixes, flight.answered
        use = self._entries.use
        last = marks[-1].block
        for block, ttl, size in marks:
            key = scope ^ prefixes[block]
            entry = use(key, start, ttl)
            entry.available = min(entry.available, answered)
            if block != last and not entry.exact:
                entry.tokens = case.tokens(size)
        entry.tokens, entry.exact = cached, True
        return entry, key


def _key(asked: Asked, prompt: Prompt | None) -> object:
    """Return what a conversation is known by."""
    if asked.session is not None:
        return asked.session, asked.agent
    return asked.credential, None if prompt is None else prompt.blocks.first


def _chain(case: Case, entry: Entry | None, key: int | None) -> Chain:
    """Return what the next request is compared with."""
    asked, prompt, blocks = case.asked, case.prompt, case.prompt.blocks
    kinds, marks = blocks.kinds, blocks.marks
    count = length = len(kinds)
    mark = marks[-1] if marks else None
    if mark is not None:
        length = mark.block + 1
    if mark is None or kinds[length - 1] <= SYSTEM:
        key = None  # that of a system prompt is shared
    return Chain(  # by position: that takes half the time
        blocks.prefixes,
        kinds,
        count,
        length,
        mark,
        entry,
        key,
        case.counted.cached,
        blocks.first,
        blocks.last,
        blocks.system,
        case.model,
        prompt.params,
        asked.credential,
        asked.start,
    )
