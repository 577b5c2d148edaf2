"""What the listener rests on in other libraries is listed, and each override has its canary."""

import ast
import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from app.listener import (
    app_queue,
    assertions,
    connection,
    h1,
    h2,
    reader,
    send_buffer,
    server_codec,
    stream,
    tls,
)
from app.listener.assertions import MEMBERS
from app.wire.assertions import attributes

HERE = Path(__file__).parent
OURS = [
    connection.ServerConnection,
    h1.H1,
    h1._CanRead,
    h1._StrictBuffer,
    server_codec.ServerCodec,
    send_buffer.BoundedBuffer,
    h2.H2,
    app_queue.TaskGroup,
    stream.RequestStream,
    tls.SharedBufferTls,
    reader.PieceReader,
]
# Every method that is overridden, and the test that shows why. `None`: it only passes arguments on,
# or makes our own objects instead of the stock ones, which the other canaries show.
CANARIES: dict[str, str | None] = {
    "ServerConnection._close": (
        "test_canary_stock_waits_for_a_client_that_takes_nothing_when_it_closes"
    ),
    "ServerConnection._read_data": (
        "test_a_request_that_was_read_is_not_kept_while_it_is_answered"
    ),
    "ServerConnection.protocol_send": "test_canary_stock_forgets_bytes_when_a_sender_is_cancelled",
    "ServerConnection.run": None,
    "H1._check_protocol": "test_canary_stock_upgrades_to_h2c_on_tls",
    "H1._create_stream": "test_canary_stock_accepts_what_is_ambiguous",
    "H1.handle": "test_heads_are_read_alike_in_whatever_pieces",
    "H1._maybe_recycle": "test_canary_stock_resets_the_upload_of_a_request_answered_early",
    "H1._send_h11_event": "test_what_is_sent_in_one_turn_with_the_head_is_written_with_it",
    "H1._send_error_response": "test_canary_stock_answers_a_malformed_request_without_a_body",
    "H2._close_stream": "test_canary_stock_is_blocked_by_an_upload_that_nobody_reads",
    "H2._create_stream": "test_canary_stock_loses_the_connection_to_a_path_that_is_not_ascii",
    "H2._handle_events": "test_canary_stock_starts_requests_that_were_reset",
    "H2._send_data": "test_canary_stock_holds_no_application_back",
    "H2.handle": "test_canary_stock_leaves_the_application_of_a_lost_connection_waiting",
    "H2.stream_send": "test_canary_stock_leaves_the_client_of_a_cut_response_waiting",
    "RequestStream.app_send": "test_canary_stock_leaves_the_client_of_a_cut_response_waiting",
    "RequestStream._send_closed": "test_ordinary_responses_take_the_short_way",
    "RequestStream.handle": "test_canary_stock_loses_the_connection_to_a_path_that_is_not_ascii",
    "ServerCodec._process_event": "test_a_request_is_read_alike_however_its_body_comes",
    "ServerCodec.start_next_cycle": "test_heads_are_read_alike_in_whatever_pieces",
    "ServerCodec.receive_data": "test_a_piece_of_a_body_is_not_copied",
    "ServerCodec.next_event": (
        "test_a_request_behind_an_answer_that_ends_the_connection_keeps_nobody"
    ),
    "SharedBufferTls.buffer_updated": (
        "test_openssl_gets_a_record_at_a_time_because_its_buffer_never_shrinks"
    ),
    "SharedBufferTls._do_read": "test_what_comes_is_read_as_the_standard_library_reads_it",
    "SharedBufferTls._do_read__copied": "test_what_comes_is_read_as_the_standard_library_reads_it",
    "SharedBufferTls._on_handshake_complete": (
        "test_canary_stock_does_not_say_why_a_handshake_fails"
    ),
    "SharedBufferTls._control_ssl_reading": "test_what_nobody_reads_stays_in_the_socket",
    "SharedBufferTls._pause_reading": "test_what_nobody_reads_stays_in_the_socket",
    "SharedBufferTls.get_buffer": ("test_more_is_read_at_a_time_while_much_comes_and_is_wanted"),
    "PieceReader.feed_data": "test_a_piece_that_came_whole_is_not_copied",
    "PieceReader.read": "test_a_piece_that_came_whole_is_not_copied",
    "TaskGroup.spawn_app": "test_canary_stock_is_blocked_by_an_upload_that_nobody_reads",
    "BoundedBuffer.drain": "test_canary_stock_leaves_the_application_of_a_lost_connection_waiting",
    "BoundedBuffer.pop": "test_canary_stock_holds_no_application_back",
    "BoundedBuffer.push": "test_canary_stock_holds_no_application_back",
    "_CanRead.wait": "test_canary_stock_does_not_notice_a_client_that_leaves_behind_a_request",
    "_StrictBuffer.__bool__": "test_canary_stock_answers_what_is_behind_a_request_that_ends_it",
    "_StrictBuffer.is_next_line_obviously_invalid_request_line": (
        "test_canary_stock_takes_an_empty_line_for_another_protocol"
    ),
    "_StrictBuffer.maybe_extract_next_line": "test_canary_stock_accepts_what_is_ambiguous",
    "_StrictBuffer.maybe_extract_lines": "test_canary_stock_accepts_what_is_ambiguous",
}


def _listed(owner: type) -> dict[str, set[str]]:
    """Return the listed members of a class's stock ancestors, by ``module:class``."""
    return {
        entry: {member.partition("(")[0] for member in MEMBERS[entry]}
        for entry in MEMBERS
        if ":" in entry and _found(entry) in owner.__mro__[1:]
    }


def _found(entry: str) -> Any:
    module, _, name = entry.partition(":")
    return getattr(import_module(module), name)


def _overridden(ours: type) -> set[str]:
    stock = [base for base in ours.__mro__[1:-1] if not base.__module__.startswith("app.")]
    return {
        name
        for name, member in vars(ours).items()
        if inspect.isfunction(member)
        and name != "__init__"
        and any(name in vars(base) for base in stock)
    }


def test_the_installed_libraries_have_every_member() -> None:
    assertions.check()


@pytest.mark.parametrize("ours", OURS, ids=lambda ours: ours.__name__)
def test_every_override_is_listed_and_has_a_canary(ours: type) -> None:
    private = _overridden(ours)
    listed = set().union(*_listed(ours).values())
    assert private <= listed
    assert {f"{ours.__name__}.{name}" for name in _overridden(ours)} <= CANARIES.keys()


@pytest.mark.parametrize("ours", OURS, ids=lambda ours: ours.__name__)
def test_every_member_that_is_used_is_listed(ours: type) -> None:
    """Each of our ``self.x`` and ``super().x`` that the stock class sets or defines."""
    tree = ast.parse(inspect.getsource(ours))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("self", "super()")
    }
    own = {name for name, member in vars(ours).items() if inspect.isfunction(member)}
    for entry, listed in _listed(ours).items():
        stock = set(attributes(_found(entry)))
        made = {name for name in used & stock if name not in own}
        assert {name for name in made if not name.startswith("__")} <= listed, entry


def test_every_canary_exists() -> None:
    tests = "".join(file.read_text(encoding="utf-8") for file in HERE.glob("test_*.py"))
    for canary in filter(None, CANARIES.values()):
        assert f"def {canary}(" in tests, canary
    names = {f"{ours.__name__}.{name}" for ours in OURS for name in _overridden(ours)}
    assert names == CANARIES.keys()


@pytest.mark.parametrize(
    ("owner", "member"),
    [
        ("hypercorn.protocol.h2:H2Protocol", "_flushed()"),
        ("hypercorn.protocol.h2:H2Protocol", "_send_data(stream)"),
        ("hypercorn.protocol.h2:H2Protocol", "streams()"),
        ("hypercorn.protocol.h2:H3Protocol", "streams"),
        ("hypercorn.protocol.h2", "BUFFER_SIZE"),
        ("hypercorn.protocol.h4", "STREAM_ID"),
    ],
)
def test_a_member_that_is_gone_or_called_otherwise_is_named(
    monkeypatch: pytest.MonkeyPatch, owner: str, member: str
) -> None:
    monkeypatch.setitem(MEMBERS, owner, (member,))
    with pytest.raises(ImportError, match="must be revised") as raised:
        assertions.check()
    assert f"{owner} {member}" in str(raised.value)
