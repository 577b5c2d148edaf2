"""What the codec rests on in python-h2 is listed, and each override has its canary."""

import ast
import inspect
from pathlib import Path

import pytest
from h2.connection import H2Connection

from app.wire import assertions
from app.wire.assertions import MEMBERS
from app.wire.codec import Codec

TESTS = Path(__file__).parents[1]
# Every method that is overridden, and the test that shows why.
CANARIES = {
    "_prepare_for_sending": "test_canary_python_h2_answers_data_in_flight_with_resets",
    "_receive_frame": "test_canary_h2_takes_any_first_frame",
    "_receive_goaway_frame": "test_canary_python_h2_closes_on_goaway",
    "_receive_headers_frame": "test_canary_python_h2_lets_a_server_begin_a_stream",
    "_receive_rst_stream_frame": "test_canary_python_h2_passes_over_resets_of_idle_streams",
    "initiate_connection": None,  # only opens a wider window, by the public interface
}


def test_the_installed_python_h2_has_every_member() -> None:
    assertions.check()


def test_every_override_is_listed_and_has_a_canary() -> None:
    overridden = {
        name
        for name, member in vars(Codec).items()
        if inspect.isfunction(member) and name in vars(H2Connection) and name != "__init__"
    }
    assert overridden == CANARIES.keys()
    listed = {member.partition("(")[0] for member in MEMBERS["h2.connection:H2Connection"]}
    assert {name for name in overridden if name.startswith("_")} <= listed
    tests = "".join(file.read_text(encoding="utf-8") for file in TESTS.rglob("test_*.py"))
    for canary in filter(None, CANARIES.values()):
        assert f"def {canary}(" in tests, canary


def test_every_private_member_that_the_codec_uses_is_listed() -> None:
    used = {
        node.attr
        for node in ast.walk(ast.parse(inspect.getsource(Codec)))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("self", "super()")
    }
    private = {name for name in vars(H2Connection) if name.startswith("_") and name[1] != "_"}
    listed = {member.partition("(")[0] for member in MEMBERS["h2.connection:H2Connection"]}
    assert used & private <= listed


@pytest.mark.parametrize(
    ("owner", "member"),
    [
        ("h2.connection:H2Connection", "_receive_frames(frame)"),
        ("h2.connection:H2Connection", "_receive_frame(frames)"),
        ("h2.connection:H2Connection", "incoming_buffer()"),
        ("h2.connection:H3Connection", "streams"),
        ("h2.connections", "streams"),
    ],
)
def test_a_member_that_is_gone_or_called_otherwise_is_named(owner: str, member: str) -> None:
    with pytest.raises(ImportError, match="must be revised") as raised:
        assertions.require({owner: (member,)}, "app.wire")
    assert f"{owner} {member}" in str(raised.value)
