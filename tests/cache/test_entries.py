"""How long a cached prefix lives, and which ones are forgotten."""

import math

import pytest

from app.cache.entries import Entries, Entry


@pytest.mark.parametrize(
    ("start", "ttl", "left"),
    [
        (250.0, 300.0, (550.0, 300.0)),
        (250.0, 3600.0, (3850.0, 3600.0)),  # the longer one counts from now on
        (299.0, 60.0, (599.0, 300.0)),  # as long as it lives
        (300.0, 60.0, (360.0, 60.0)),  # it was over
        (300.0, 0.5, (300.5, 0.5)),
        (-400.0, 300.0, (300.0, 300.0)),  # an older request does not shorten it
    ],
)
def test_a_use_lets_an_entry_live_on(start: float, ttl: float, left: tuple[float, float]) -> None:
    entry = Entry(expires=300.0, ttl=300.0, available=0.0)
    entry.refresh(start, ttl)
    assert (entry.expires, entry.ttl) == left


def test_the_least_recently_put_entry_is_forgotten_first() -> None:
    entries = Entries(limit=2)
    made = [Entry(expires=1.0, ttl=1.0, available=0.0) for _ in range(4)]
    for key, entry in zip((1, 2, 1, 3), made, strict=True):
        entries.put(key, entry)
    assert len(entries) == 2
    assert [entries.get(key) for key in (1, 2, 3)] == [made[2], None, made[3]]
    entries.drop(1)
    entries.drop(1)
    assert (len(entries), entries.get(1)) == (1, None)


def test_an_entry_that_is_used_is_the_newest_and_lives_on_and_a_new_one_is_made() -> None:
    entries = Entries(limit=2)
    made = [entries.use(key, start, 300.0) for key, start in ((1, 0.0), (2, 1.0), (1, 2.0))]
    assert made[0] is made[2]
    assert (made[0].expires, made[1].expires) == (302.0, 301.0)
    assert made[1].available == math.inf
    entries.use(3, 3.0, 300.0)
    assert [entries.get(key) is not None for key in (1, 2, 3)] == [True, False, True]
