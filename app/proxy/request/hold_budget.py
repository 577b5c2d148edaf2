"""How much of all request bodies is held at a time. Pure."""


class HoldBudget:
    """At most about ``limit`` bytes of bodies are held, for all requests together.

    State: ``used`` bytes are held, ``peak`` is the most since `forget_peak`; ``refused`` counts the
    bodies that found no room.
    """

    def __init__(self, limit: int) -> None:
        self.used = 0
        self.peak = 0
        self.refused = 0
        self._limit = limit

    @property
    def exhausted(self) -> bool:
        """Whether no more should be held."""
        return self.used >= self._limit

    def take(self, size: int) -> bool:
        """Take room for ``size`` bytes that may be held; False, and counted, if there is none."""
        if self.used + size > self._limit:
            self.refused += 1
            return False
        self.force(size)
        return True

    def force(self, size: int) -> None:
        """Take room for ``size`` bytes that must be held."""
        self.used += size
        self.peak = max(self.peak, self.used)

    def give(self, size: int) -> None:
        """Give room back."""
        self.used -= size

    def forget_peak(self) -> None:
        """Begin to look for the peak from now on."""
        self.peak = self.used
