"""What the user of the real Claude Code sees when a budget is used up."""

from pathlib import Path

import pytest

from app.certificates import Certificate
from simulator import Simulator, Step
from simulator.usage import Usage
from tests.clients.claude_code import HINTED, claude
from tests.proxying import proxying

pytestmark = pytest.mark.external


async def test_the_user_is_told_at_once_which_budget_is_used_up_and_what_to_do(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    async with proxying(
        upstream.url, certificate, budgets="day:1", budget_enforce=True, state_dir=tmp_path
    ) as proxy:
        upstream.script(Step(usage=Usage(output=1_000_000), text="an expensive answer"))
        await claude(proxy, home, "-p", "spend it all", environment=HINTED)
        asked = len(upstream.received)
        said = await claude(proxy, home, "-p", "one more", environment=HINTED, code=1)
        refused = [one for one in await proxy.quiet() if one.status == 429]
        assert [one.client_retry for one in refused] == [0]  # asked once
        assert [one.path for one in upstream.received[asked:] if one.path == b"/v1/messages"] == []
    assert (said["is_error"], said["api_error_type"]) == (True, "billing_error")
    assert "spend limit reached · resets at 00:00" in said["result"]
    assert "this proxy's budget for today is used up" in said["result"]
    assert "ANTHROPIC_PROXY_BUDGETS" in said["result"]
