"""The private members of python-h2 that `app.wire.codec` rests on, asserted at import.

And how a package asserts its own: each class lists what is overridden or used, a method with its
parameters, an attribute by its name. Another version of a library that lacks one of them, or calls
it otherwise, ends the start with its name, instead of misbehaving under load.
"""

from collections.abc import Iterator
from importlib import import_module
from inspect import CO_VARARGS
from types import FunctionType
from typing import Any

MEMBERS: dict[str, tuple[str, ...]] = {
    "h2.connection:H2Connection": (
        "_open_streams(remainder)",
        "_prepare_for_sending(frames)",
        "_receive_frame(frame)",
        "_receive_goaway_frame(frame)",
        "_receive_headers_frame(frame)",
        "_receive_rst_stream_frame(frame)",
        "_stream_closed_by(stream_id)",
        "MAX_CLOSED_STREAMS",
        "_closed_streams",
        "_data_to_send",
        "highest_outbound_stream_id",
        "_frame_dispatch_table",
        "_inbound_flow_control_window_manager",
        "incoming_buffer",
        "max_inbound_frame_size",
        "max_outbound_frame_size",
        "outbound_flow_control_window",
        "receive_data(data)",
        "send_data(stream_id, data, end_stream, pad_length)",
        (
            "send_headers(stream_id, headers, end_stream, priority_weight, priority_depends_on, "
            "priority_exclusive)"
        ),
        "state_machine",
    ),
    "h2.frame_buffer:FrameBuffer": (
        "__next__()",
        "_data",
        "_headers_buffer",
        "_preamble_len",
        "_validate_frame_length(length)",
    ),
    "h2.stream:H2Stream": (
        "_actual_content_length",
        "_authority",
        "_expected_content_length",
        "_inbound_window_manager",
        "__init__(stream_id, config, inbound_window_size, outbound_window_size)",
        "closed_by",
        "max_outbound_frame_size",
        "outbound_flow_control_window",
        "request_method",
        "state_machine",
    ),
    "h2.stream:H2StreamStateMachine": (
        "client",
        "headers_received",
        "headers_sent",
        "process_input(input_)",
        "state",
        "stream_closed_by",
    ),
    "h2.utilities": ("authority_from_headers(headers)", "extract_method_header(headers)"),
    "hpack.hpack:Decoder": (
        "_assert_valid_table_size()",
        "_decode_indexed(data)",
        "_decode_literal(data, should_index)",
        "_update_encoding_context(data)",
        "decode(data, raw)",
        "header_table",
        "max_allowed_table_size",
        "max_header_list_size",
    ),
    "hpack.hpack:Encoder": (
        "_encode_indexed(index)",
        "_encode_indexed_literal(index, value, indexbit, huffman)",
        "_encode_literal(name, value, indexbit, huffman)",
        "_encode_table_size_change()",
        "header_table",
        "table_size_changes",
    ),
    "hpack.huffman_table": ("decode_huffman(huffman_string)",),
    "hpack.table:HeaderTable": (
        "STATIC_TABLE",
        "add(name, value)",
        "dynamic_entries",
        "get_by_index(index)",
        "resized",
        "search(name, value)",
    ),
    "hyperframe.frame:HeadersFrame": ("data", "flags", "stream_id"),
    "h2.windows:WindowManager": ("current_window_size",),
}


def missing(owner: str, members: tuple[str, ...]) -> list[str]:
    """Return those of ``members`` that ``owner`` (``module`` or ``module:class``) does not have."""
    module, _, name = owner.partition(":")
    try:
        found: Any = import_module(module)
        found = getattr(found, name) if name else found
    except (ImportError, AttributeError):
        return list(members)
    known = set(attributes(found))
    return [member for member in members if not _has(found, known, member)]


def require(members: dict[str, tuple[str, ...]], package: str) -> None:
    """Raise ImportError with every member that an installed library does not have."""
    absent = [f"{owner} {member}" for owner in members for member in missing(owner, members[owner])]
    if absent:
        raise ImportError(
            f"{package} must be revised for the installed libraries, which lack: "
            f"{'; '.join(absent)}"
        )


def check() -> None:
    """Raise ImportError with what this package misses."""
    require(MEMBERS, "app.wire")


def _has(owner: Any, known: set[str], member: str) -> bool:
    name, called, parameters = member.partition("(")
    if not called:
        return name in known
    return _parameters(getattr(owner, name, None)) == parameters.removesuffix(")")


def _parameters(function: Any) -> str | None:
    """Return a function's parameters, without ``self``; None when it is none."""
    if not isinstance(function, FunctionType):
        return None
    code = function.__code__  # `inspect.signature` takes a hundred times as long
    count = code.co_argcount + code.co_kwonlyargcount
    names = [*code.co_varnames[1 if code.co_varnames[:1] == ("self",) else 0 : count]]
    if code.co_flags & CO_VARARGS:
        names.append(f"*{code.co_varnames[count]}")
    return ", ".join(names)


def attributes(owner: Any) -> Iterator[str]:
    """Yield what a module or class has, and what its methods set on instances."""
    yield from dir(owner)
    for base in owner.__mro__[:-1] if isinstance(owner, type) else ():
        for function in vars(base).values():
            if isinstance(function, FunctionType):
                yield from function.__code__.co_names
