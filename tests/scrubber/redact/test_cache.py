"""The memory of redacted units: exact, bounded, and of one mind where threads race."""

from app.scrubber.redact.cache import Cache, Key, Outcome

NOTHING = Outcome(None, {}, ())


def key(number: int) -> Key:
    return Key(b"", "api", b"%1000d" % number)


def test_the_cache_stays_within_its_bytes() -> None:
    cache = Cache(100_000)
    for number in range(1000):
        cache.put(key(number), NOTHING)
    assert cache.size <= 100_000
    assert cache.get(key(999)) is not None
    assert cache.get(key(0)) is None


def test_a_unit_that_two_threads_have_redacted_is_kept_once() -> None:
    cache = Cache(100_000)
    cache.put(key(1), NOTHING)
    size = cache.size
    cache.put(key(1), Outcome(None, {}, ()))
    assert cache.size == size
    assert cache.get(key(1)) is NOTHING


def test_the_unit_used_last_goes_last() -> None:
    cache = Cache(4 * (1000 + NOTHING.size))
    for number in range(4):
        cache.put(key(number), NOTHING)
    assert cache.get(key(0)) is NOTHING
    cache.put(key(4), NOTHING)
    assert [cache.get(key(number)) is not None for number in range(5)] == [True, False, *[True] * 3]


def test_a_unit_that_would_take_the_place_of_most_others_is_not_kept() -> None:
    cache = Cache(4 * (1000 + NOTHING.size) - 1)
    cache.put(key(1), NOTHING)
    assert cache.get(key(1)) is None
    assert cache.size == 0
