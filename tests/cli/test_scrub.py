"""``scrub``: what the secret scrubber would replace in a file."""

import hashlib
import hmac

import pytest

from tests.cli.place import Place


@pytest.mark.parametrize(
    ("set_here", "placeholder"),
    [
        ({}, "<EMAIL_HMAC:"),
        ({"SCRUB_HMAC_KEY": "0f" * 32}, "<EMAIL_HMAC:"),
        ({"SCRUB_HMAC_KEY": "0f" * 32, "SCRUB_PLACEHOLDER_STYLE": "token"}, "EMAIL-HMAC-"),
    ],
)
def test_scrub_shows_what_the_proxy_would_replace(
    place: Place, set_here: dict[str, str], placeholder: str
) -> None:
    key = bytes.fromhex(set_here.get("SCRUB_HMAC_KEY", ""))
    digits = hmac.new(key, b"ada@example.org", hashlib.sha256).hexdigest()[:8].upper()
    (place.directory / "body.json").write_text(
        '{"messages":[{"role":"user","content":"mail ada@example.org"}]}'
    )
    ended = place.run("scrub", "body.json", **set_here)
    assert ended.returncode == 1
    assert "email" in ended.stdout
    assert f"{placeholder}{digits}" in ended.stdout
    assert ("SCRUB_HMAC_KEY is not set" in ended.stderr) == (not set_here)
    assert "ada@example.org" not in ended.stdout


def test_scrub_of_a_harmless_file_ends_with_0(place: Place) -> None:
    (place.directory / "body.json").write_text("{}")
    ended = place.run("scrub", "body.json")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "nothing found\n")


@pytest.mark.parametrize("name", ["missing.json", ".", "missing/body.json"])
def test_scrub_names_a_file_that_cannot_be_read(place: Place, name: str) -> None:
    ended = place.run("scrub", name)
    assert (ended.returncode, ended.stdout) == (2, "")
    [line] = ended.stderr.splitlines()
    assert line.startswith(f"{name} cannot be read: ")
