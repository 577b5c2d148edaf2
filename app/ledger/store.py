"""What the thread that writes needs of a ledger, whichever database keeps it."""

from typing import Protocol

from .batch import Batch


class Unavailable(Exception):
    """The ledger cannot be written now, through no fault of the rows; the message says why."""


class Store(Protocol):
    """An open ledger, used by one thread.

    Every method raises `Unavailable`; anything else that it raises is a fault of the rows.
    """

    @property
    def usable(self) -> bool:
        """Whether it is worth another try; otherwise it has to be opened again."""
        ...

    @property
    def oldest(self) -> int | None:
        """When the oldest exchange began."""
        ...

    def write(self, batch: Batch, number: int | None = None) -> None:
        """Add rows and bring the totals up to date, all or nothing.

        A batch whose ``number`` was written already, by a commit whose answer was lost, is not
        written again. The numbers of a writer's batches rise.
        """
        ...

    def now(self, wall: float) -> float:
        """Return the time that old rows are judged by, given this machine's; seconds."""
        ...

    def remove_before(self, cutoff: int) -> int:
        """Delete some of the exchanges of the quarter hours before ``cutoff``; return how many."""
        ...

    def remove_excess(self, limit: float) -> int:
        """Delete some of the oldest exchanges if there are more than ``limit`` bytes."""
        ...

    def sum_up(self) -> bool:
        """Sum up some exchanges, if there are enough since the last time; return whether it did."""
        ...

    def tidy(self) -> None:
        """Delete what belongs to deleted exchanges only."""
        ...

    def close(self) -> None:
        """Close it; raises nothing."""
        ...
