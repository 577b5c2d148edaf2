"""Which tests run in one process, and which begin first."""

# Files and folders that share a server, a browser or a machine that takes long to start, or what
# takes long to import; or that must not run at once: a deployment opens the firewall to the
# machine's networks, and the tests' Docker engine makes some.
SHARED = {
    "tests/dashboard": "browser",
    "tests/deploy/test_role.py": "networks",
    "tests/stack/test_engine.py": "networks",
    "tests/stack/test_scaled.py": "networks",
    "tests/clients/test_sdk.py": "sdk",
    "tests/simulator/test_simulator_sdk.py": "sdk",
}
# Files that take longest: whoever begins one last keeps the others waiting for its end. Tests that
# need other programs go first, since they wait a lot: others have the cores meanwhile.
LONGEST = (
    "tests/deploy/test_role.py",
    "tests/stack/test_engine.py",  # and what shares its scope
    "tests/dashboard/test_accessibility.py",  # and what shares its scope
    "tests/listener/test_scanners.py",
    "tests/stack/test_exact_figures.py",
    "tests/docs/test_clean_machine.py",  # adds to the Debian that test_role.py makes
    "tests/test_release.py",
    "tests/clients/test_claude_code_cache.py",
    "tests/docs/test_blocks.py",
    "tests/stack/test_prometheus.py",
    "tests/workers/test_serving.py",
    "tests/proxy/test_transparency.py",
    "tests/scrubber/redact/test_turns.py",
    "tests/scrubber/json/test_crowded.py",
    "tests/scrubber/redact/test_dense.py",
    "tests/cli/test_claude.py",
    "tests/proxy/test_endurance.py",
    "tests/http2/test_cancel.py",
    "tests/http2/test_soak.py",
    "tests/telemetry/test_series.py",
    "tests/scrubber/test_hostile.py",
    "tests/wire/test_data_frames.py",  # else the last folder
    "tests/wire/test_header_frames.py",
)


def scope(nodeid: str) -> str:
    """Return the name of the scope that a test belongs to: its file, or what its file shares."""
    file = nodeid.partition("::")[0]
    return SHARED.get(file) or SHARED.get(file.rpartition("/")[0], file)


def rank(nodeid: str) -> int:
    """Return when a test's turn is, from 0 on."""
    file = nodeid.partition("::")[0]
    return LONGEST.index(file) if file in LONGEST else len(LONGEST)
