"""What the readers of the documentation find: free ports, a key, and an API that is simulated."""

from app.settings import PREFIX
from tests.ports import free_port

SERVED = ("8443", "9090")  # the ports that the pages name


def ports() -> dict[str, str]:
    """Return which free ports stand for those that the pages name."""
    return {port: str(free_port()) for port in SERVED}


def variables(upstream: str, ports: dict[str, str]) -> dict[str, str]:
    """Return the variables that make the pages' commands use ``ports`` and ``upstream``."""
    return {
        "ANTHROPIC_API_KEY": "fake-key-of-the-test",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        f"{PREFIX}HOST": "127.0.0.1",
        f"{PREFIX}PORT": ports["8443"],
        f"{PREFIX}DASHBOARD_PORT": ports["9090"],
        f"{PREFIX}UPSTREAM_BASE_URL": upstream,
        f"{PREFIX}LABELS": "team",
    }
