"""The last requests of a conversation, as the next one is compared with them."""

from array import array
from collections.abc import Sequence

import msgspec

from .blocks import KINDS, SYSTEM, TOOL, Mark
from .entries import Entry
from .prompt import Prompt, Template
from .verdict import Difference

KEPT = 3  # requests of a conversation


class Chain(msgspec.Struct, eq=False):
    """A request. ``tokens`` are those up to its last mark, ``entry`` is what they are cached as.

    ``prefixes`` and ``kinds`` may be those of a later request that goes on from it: ``count`` of
    them are its own. ``length`` are those up to the last mark, all if there is none. ``first``,
    ``last`` and ``system`` are those of `Blocks`.
    """

    prefixes: "array[int]"
    kinds: bytearray
    count: int
    length: int
    mark: Mark | None
    entry: Entry | None
    key: int | None
    tokens: int
    first: int
    last: int
    system: int
    model: str
    params: tuple[int, ...]
    credential: int
    start: float

    def common(self, prompt: Prompt) -> int:
        """Return how many of its blocks up to the mark a prompt begins with."""
        mine, other = self.prefixes, prompt.blocks.prefixes
        low, high = 0, min(self.length, len(other))
        if high and mine[high - 1] == other[high - 1]:
            return high
        while low < high:
            middle = (low + high) // 2
            if mine[middle] == other[middle]:
                low = middle + 1
            else:
                high = middle
        return low

    def is_continued(self, prompt: Prompt) -> bool:
        """Return True if a prompt begins with all of its blocks up to the mark."""
        length, other = self.length, prompt.blocks.prefixes
        return length <= len(other) and (
            not length or self.prefixes[length - 1] == other[length - 1]
        )

    def difference(self, prompt: Prompt) -> Difference | None:
        """Return the first block up to the mark that a prompt does not have."""
        index = self.common(prompt)
        if index == self.length:
            return None
        kinds = (*prompt.blocks.kinds[index : index + 1], self.kinds[index])
        for kind in (TOOL, SYSTEM):
            if kind in kinds:
                return Difference(index, KINDS[kind])
        return Difference(index, KINDS[kinds[0]])

    def goes_on(self, prompt: Prompt) -> bool:
        """Return True if a prompt goes on from it, changed or not, instead of going back.

        One that went back may have the last block too, if it stood earlier already ("continue").
        """
        length = len(prompt.blocks.kinds) if prompt.mark is None else prompt.mark.block + 1
        longer = length - _leading(prompt.blocks.kinds) > self.length - _leading(self.kinds)
        common = self.common(prompt)
        return longer or common == self.length or prompt.blocks.has(self.last, common)

    def relates_to(self, prompt: Prompt) -> bool:
        """Return True if a prompt has anything in common with it."""
        blocks = prompt.blocks
        return (
            self.common(prompt) > 0
            or self.first == blocks.first
            or (self.system != 0 and self.system == blocks.system)
            or blocks.has(self.last, 0)
        )


class Conversation(msgspec.Struct):
    """Its last requests, the newest last, and what the next body is likely to look like.

    It remembers so many ``blocks``; chains that go on from each other share them.
    """

    chains: list[Chain] = msgspec.field(default_factory=list)
    template: Template | None = None
    blocks: int = 0

    def previous(self, prompt: Prompt, start: float, *, strict: bool) -> Chain | None:
        """Return the request that a prompt follows, None if it is the first of its kind.

        Unless ``strict``, some of them may be no turns of the conversation: those that have
        nothing in common with the prompt are not, and one that it continues unchanged is preferred.
        """
        newest = None
        for chain in reversed(self.chains):
            if chain.start > start:
                continue
            if strict or (
                chain.is_continued(prompt) and (chain.length or chain.relates_to(prompt))
            ):
                return chain
            if newest is None and chain.relates_to(prompt):
                newest = chain
        return newest

    def add(self, chain: Chain, template: Template | None) -> int | None:
        """Keep a request; return the key of an entry that need not be remembered any more."""
        chains, prefixes, count = self.chains, chain.prefixes, chain.count
        unneeded = chains.pop(0).key if len(chains) == KEPT else None
        apart = False
        for one in chains:
            before, end = one.prefixes, one.count - 1
            if before is prefixes:
                continue
            if 0 <= end < count and before[end] == prefixes[end]:
                one.prefixes, one.kinds = prefixes, chain.kinds
            else:
                apart = True
        chains.append(chain)
        if unneeded is not None and unneeded in [one.key for one in chains]:
            unneeded = None
        self.template = template or self.template
        self.blocks = _distinct(chains) if apart else len(prefixes)
        return unneeded


def _distinct(chains: Sequence[Chain]) -> int:
    """Return how many blocks are remembered for them all."""
    return sum({id(one.prefixes): len(one.prefixes) for one in chains}.values())


def _leading(kinds: bytearray) -> int:
    """Return how many blocks stand before the messages."""
    return kinds.count(TOOL) + kinds.count(SYSTEM)
