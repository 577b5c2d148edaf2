"""How much of all request bodies is held at a time. Pure."""


class HoldBudget:
    """At most about ``limit`` bytes of bodies are held, for all requests together.

    State: ``used`` bytes are held, ``refused`` counts the bodies that found no room.
    """

    def __init__(self, limit: int) -> None:
        self.used = 0
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
        self.used += size
        return True

    def force(self, size: int) -> None:
        """Take room for ``size`` bytes that must be held."""
        self.used += size

    def give(self, size: int) -> None:
        """Give room back."""
        self.used -= size
