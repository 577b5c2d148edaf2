"""What the doctor says about the forward proxy."""

import asyncio
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from app.certificates import Certificate
from app.doctor.forward import forward
from app.settings import Settings
from tests.forward.proxied import forwarding
from tests.ports import free_port


def settings(directory: Path, port: int | None, **more: Any) -> Settings:
    values: dict[str, Any] = {"state_dir": directory, "forward_port": port, "_env_file": None}
    return Settings(**values | more)


async def test_a_forward_proxy_is_described_as_it_is(
    certificate: Certificate, tmp_path: Path
) -> None:
    port = free_port()
    asked = settings(tmp_path, port)
    assert forward(settings(tmp_path, None)) == []
    [off] = forward(asked, {})
    assert (off.verdict, "does not run" in off.found) == ("ok", True)
    async with forwarding(
        "http://127.0.0.1:9",
        certificate,
        tmp_path,
        forward_port=port,
        access_token=SecretStr("fake-token"),
    ):
        [refused] = await asyncio.to_thread(forward, asked, {})
        assert (refused.verdict, "407" in refused.found) == ("fail", True)
        known = settings(tmp_path, port, access_token=SecretStr("fake-token"))
        [served] = await asyncio.to_thread(forward, known, {})
        assert (served.verdict, served.found.endswith("serves api.anthropic.com:443")) == (
            "ok",
            True,
        )


def test_a_no_proxy_that_leads_past_it_is_a_warning(tmp_path: Path) -> None:
    asked = settings(tmp_path, free_port())
    for name, value in (
        ("NO_PROXY", "api.anthropic.com"),
        ("NO_PROXY", "x.example, .anthropic.com"),
        ("no_proxy", "*"),
    ):
        assert [one.verdict for one in forward(asked, {name: value})] == ["ok", "warn"]
    assert [one.verdict for one in forward(asked, {"NO_PROXY": "localhost"})] == ["ok"]
