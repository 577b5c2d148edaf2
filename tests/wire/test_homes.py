"""Each rule of HTTP has one home: what names it is written in no other module."""

from pathlib import Path

import pytest

APP = Path(__file__).parents[2] / "app"
# What only the rule's home contains. The simulator is a peer of its own, which must differ.
HOMES = {
    'b"keep-alive"': "wire/headers.py",
    'b"proxy-connection"': "wire/headers.py",
    r"\0\n\v\f\r": "wire/grammar.py",
    r"!#$%&'*+\-.^_`|~": "wire/grammar.py",
    "65_535": "wire/limits.py",
    "2**31 - 1": "wire/limits.py",
    "PRI * HTTP/2.0": "wire/limits.py",
    "(H2Connection)": "wire/data_frames.py",
    '>HBBBL")': "wire/frame_head.py",
    "(FrameBuffer)": "wire/frame_reader.py",
}


@pytest.mark.parametrize("needle", HOMES)
def test_a_rule_is_written_in_its_home_only(needle: str) -> None:
    found = {
        path.relative_to(APP).as_posix()
        for path in APP.rglob("*.py")
        if needle in path.read_text(encoding="utf-8") and "simulator" not in path.parts
    }
    assert found == {HOMES[needle]}
