"""How thoroughly the tests search: quickly in `make test`, fully in `make test-all`."""

from hypothesis import HealthCheck, Phase, settings

FULL, FAST = 30, 10  # examples of a property in each profile


def register() -> None:
    """Register the two profiles; without ``--hypothesis-profile`` the full one is used.

    Neither has a time limit: a busy machine makes no test fail. Neither explains a failure by
    tracing each line: a test of large examples would take minutes to say what it found.
    """
    phases = [phase for phase in Phase if phase is not Phase.explain]
    for name, examples in (("fast", FAST), ("full", FULL)):
        settings.register_profile(
            name,
            max_examples=examples,
            deadline=None,
            phases=phases,
            suppress_health_check=[HealthCheck.too_slow],
        )
    settings.load_profile("full")


def scaled(full: int, fast: int) -> int:
    """Return how many examples or repetitions there are: ``fast`` in the fast profile."""
    return full if settings().max_examples >= FULL else fast
