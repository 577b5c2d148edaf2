"""How chunks of a body go from hand to hand without a task that is woken for each.

A `Take` does at once what it can. Where something has to wait, for a client that does not read or
for a thread, it returns the `Rest`, which its caller awaits before it hands over anything more.
"""

from collections.abc import Awaitable, Callable

Rest = Callable[[], Awaitable[None]]  # nothing has begun until it is called
Take = Callable[[bytes], Rest | None]
