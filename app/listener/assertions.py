"""The members of Hypercorn, python-h2 and h11 that this package rests on, asserted at import.

None of them is a public interface. Each class lists what is overridden or used: a method with its
parameters, an attribute by its name. Another version of a library that lacks one of them, or calls
it otherwise, ends the start here with its name, instead of misbehaving under load. Why a method is
overridden says the docstring of the override; a test named ``canary`` shows the stock fault.
"""

from collections.abc import Iterator
from importlib import import_module
from inspect import CO_VARARGS
from types import FunctionType
from typing import Any

MEMBERS: dict[str, tuple[str, ...]] = {
    "hypercorn.asyncio.tcp_server:TCPServer": (
        "__init__(app, loop, config, context, state, reader, writer)",
        "run()",
        "protocol_send(event)",
        "_read_data()",
        "_close()",
        "_idle_timeout()",
        "app",
        "config",
        "context",
        "idle_task",
        "loop",
        "protocol",
        "state",
        "writer",
        "_task_group",
    ),
    "hypercorn.asyncio.task_group:TaskGroup": (
        "__init__(loop)",
        "spawn(func, *args)",
        "spawn_app(app, config, scope, send)",
    ),
    "hypercorn.asyncio.worker_context:EventWrapper": ("__init__()", "wait()", "_event"),
    "hypercorn.asyncio.worker_context:WorkerContext": (
        "__init__(max_requests)",
        "event_class",
        "terminated",
    ),
    "hypercorn.asyncio.worker_context:AsyncioSingleTask": ("restart(task_group, action)", "stop()"),
    "hypercorn.asyncio.lifespan:Lifespan": (
        "__init__(app, config, loop, lifespan_state)",
        "handle_lifespan()",
        "wait_for_startup()",
        "wait_for_shutdown()",
    ),
    "hypercorn.protocol.h11:H11Protocol": (
        "__init__(app, config, context, task_group, connection_state, ssl, client, server, send)",
        "handle(event)",
        "initiate()",
        "_check_protocol(event)",
        "_close_stream()",
        "_create_stream(request)",
        "_maybe_recycle()",
        "_send_error_response(status_code)",
        "_send_h11_event(event)",
        "app",
        "can_read",
        "client",
        "config",
        "connection",
        "connection_state",
        "context",
        "keep_alive_requests",
        "send",
        "server",
        "ssl",
        "stream",
        "stream_send",
        "task_group",
    ),
    "hypercorn.protocol.h2:H2Protocol": (
        "__init__(app, config, context, task_group, connection_state, ssl, client, server, send)",
        "handle(event)",
        "initiate(headers, settings)",
        "stream_send(event)",
        "_close_stream(stream_id)",
        "_create_stream(request)",
        "_flush()",
        "_handle_events(events)",
        "_send_data(stream_id)",
        "app",
        "client",
        "closed",
        "config",
        "connection",
        "connection_state",
        "context",
        "priority",
        "server",
        "ssl",
        "stream_buffers",
        "streams",
        "task_group",
    ),
    "hypercorn.protocol.h2:StreamBuffer": (
        "__init__(event_class)",
        "close()",
        "drain()",
        "pop(max_length)",
        "push(data)",
        "buffer",
        "complete",
        "_complete",
        "_is_empty",
        "_paused",
    ),
    "hypercorn.protocol.http_stream:HTTPStream": (
        "__init__(app, config, context, task_group, ssl, client, server, send, stream_id)",
        "handle(event)",
        "app_send(message)",
        "app",
        "app_put",
        "client",
        "closed",
        "config",
        "scheme",
        "scope",
        "send",
        "server",
        "start_time",
        "state",
        "stream_id",
        "task_group",
    ),
    "hypercorn.utils": (
        "filter_pseudo_headers(headers)",
        "parse_socket_addr(family, address)",
        "wrap_app(app, wsgi_max_body_size, mode)",
    ),
    "hypercorn.protocol.h2": ("BUFFER_HIGH_WATER", "BUFFER_LOW_WATER", "BufferCompleteError"),
    "hypercorn.protocol.h11": ("STREAM_ID",),
    "h2.connection:H2Connection": (
        "_prepare_for_sending(frames)",
        "_receive_data_frame(frame)",
        "_receive_frame(frame)",
        "_receive_goaway_frame(frame)",
        "_receive_headers_frame(frame)",
    ),
    "h11:Connection": ("_receive_buffer",),
    "h11._receivebuffer:ReceiveBuffer": (
        "__init__()",
        "maybe_extract_lines()",
        "_extract(count)",
        "_data",
        "_multiple_lines_search",
    ),
    "priority.priority:PriorityTree": (
        "block(stream_id)",
        "insert_stream(stream_id, depends_on, weight, exclusive)",
        "remove_stream(stream_id)",
    ),
}


def missing(owner: str, members: tuple[str, ...]) -> list[str]:
    """Return those of ``members`` that ``owner`` (``module`` or ``module:class``) does not have."""
    module, _, name = owner.partition(":")
    try:
        found: Any = import_module(module)
        found = getattr(found, name) if name else found
    except (ImportError, AttributeError):
        return list(members)
    known = set(_attributes(found))
    return [member for member in members if not _has(found, known, member)]


def check() -> None:
    """Raise ImportError with every member that an installed library does not have."""
    absent = [f"{owner} {member}" for owner in MEMBERS for member in missing(owner, MEMBERS[owner])]
    if absent:
        raise ImportError(
            "app.listener must be revised for the installed Hypercorn, h2, h11 or priority, which "
            f"lack: {'; '.join(absent)}"
        )


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


def _attributes(owner: Any) -> Iterator[str]:
    """Yield what a module or class has, and what its methods set on instances."""
    yield from dir(owner)
    for base in owner.__mro__[:-1] if isinstance(owner, type) else ():
        for function in vars(base).values():
            if isinstance(function, FunctionType):
                yield from function.__code__.co_names
