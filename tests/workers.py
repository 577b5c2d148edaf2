"""Which tests run in one worker: those that share what is expensive to start."""

from xdist.scheduler import LoadScopeScheduling

# Files whose fixtures start servers and machines: a file stays together, and these two do.
TOGETHER = ("tests/deploy/", "tests/stack/", "tests/test_release.py")
DOCKER = ("tests/stack/test_engine.py", "tests/stack/test_scaled.py")


class Workers(LoadScopeScheduling):  # type: ignore[misc] # it has no types
    """Gives each free worker the next test, or all tests of the next scope."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)


def scope(nodeid: str) -> str:
    """Return the name of the scope that a test belongs to: most are alone in theirs."""
    file = nodeid.partition("::")[0]
    if file in DOCKER:
        return "docker"
    return file if file.startswith(TOGETHER) else nodeid
