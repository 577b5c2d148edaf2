"""Which tests run in one process, and which begin first."""

# Files that share a server or a machine that takes long to start, or what takes long to import.
SHARED = {
    "tests/stack/test_engine.py": "docker",
    "tests/stack/test_scaled.py": "docker",
    "tests/clients/test_sdk.py": "sdk",
    "tests/simulator/test_simulator_sdk.py": "sdk",
}
# Files that take longest: whoever begins one last keeps the others waiting for its end. Tests that
# need other programs go first, since they wait a lot: others have the cores meanwhile.
LONGEST = (
    "tests/stack/test_engine.py",  # and what shares its scope
    "tests/deploy/test_role.py",
    "tests/listener/test_scanners.py",
    "tests/dashboard/test_accessibility.py",
    "tests/stack/test_exact_figures.py",
    "tests/docs/test_clean_machine.py",  # adds to the Debian that test_role.py makes
    "tests/test_release.py",
    "tests/clients/test_claude_code_cache.py",
    "tests/dashboard/test_sessions.py",
    "tests/docs/test_blocks.py",
    "tests/dashboard/test_banner.py",
    "tests/workers/test_serving.py",
    "tests/proxy/test_transparency.py",
    "tests/scrubber/redact/test_turns.py",
    "tests/scrubber/json/test_crowded.py",
    "tests/scrubber/redact/test_dense.py",
    "tests/cli/test_claude.py",
    "tests/proxy/test_endurance.py",
)


def scope(nodeid: str) -> str:
    """Return the name of the scope that a test belongs to: its file, or what its file shares."""
    file = nodeid.partition("::")[0]
    return SHARED.get(file, file)


def rank(nodeid: str) -> int:
    """Return when a test's turn is, from 0 on."""
    file = nodeid.partition("::")[0]
    return LONGEST.index(file) if file in LONGEST else len(LONGEST)
