"""The settings of one worker of several."""

from pathlib import Path

import pytest

from app.settings import Settings, revealed
from app.workers.messages import Assignment, Envelope, decode, encode
from app.workers.shares import DIVIDED, settings_of, share_of

KEY = "ab" * 32


def _sent(settings: Settings) -> Settings:
    """Return the settings that a worker gets over its channel."""
    frame = encode(Envelope(1, True, Assignment(0, share_of(settings))))
    body = decode(frame[4:]).body
    assert isinstance(body, Assignment)
    return settings_of(body.settings)


def test_every_setting_reaches_a_worker_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(
        f"ANTHROPIC_PROXY_SCRUB_HMAC_KEY={KEY}\nANTHROPIC_PROXY_ACCESS_TOKEN=fake-token\n"
        "ANTHROPIC_PROXY_LABELS=repo,team\nANTHROPIC_PROXY_LOG_SLOW_THRESHOLD=2.5\n"
    )
    given = Settings(_env_file=tmp_path / ".env", workers=1, scrub_mode="detect")  # type: ignore[call-arg]
    (tmp_path / ".env").write_text("")
    monkeypatch.chdir(tmp_path)
    sent = _sent(given)
    assert sent == given
    assert revealed(sent.access_token) == "fake-token"
    assert sent.fingerprint == given.fingerprint


def test_limits_are_divided_so_that_all_workers_keep_to_them() -> None:
    given = Settings(_env_file=None, workers=3, max_connections=10)  # type: ignore[call-arg]
    sent = _sent(given)
    assert sent.max_connections == 4
    for name in Settings.model_fields:
        part, whole = getattr(sent, name), getattr(given, name)
        assert part == whole or (name in DIVIDED and whole <= 3 * part < whole + 3), name
    assert {name for name in DIVIDED if getattr(sent, name) == getattr(given, name)} == set()


def test_no_limit_becomes_nothing() -> None:
    given = Settings(_env_file=None, workers=8, max_active_requests=1)  # type: ignore[call-arg]
    assert _sent(given).max_active_requests == 1
