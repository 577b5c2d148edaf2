"""The two sides of HTTP/2 that this proxy takes: a client of upstream, a server of its clients."""

from collections.abc import Mapping

import msgspec
from h2.settings import SettingCodes

from .limits import (
    CLIENT_STREAMS,
    DECODED_REQUEST_FIELDS,
    REQUEST_FIELDS,
    RESPONSE_FIELDS,
    STREAM_WINDOW,
)


class Role(msgspec.Struct, frozen=True):
    """How one side begins: its SETTINGS, its window and its limit for decoded fields, in bytes."""

    client_side: bool
    settings: Mapping[SettingCodes, int]
    window: int
    decoded_fields: int


def client(streams: int) -> Role:
    """Return the role towards upstream, with at most ``streams`` at a time.

    All of them together may lie unread without blocking one another. The window is twice that,
    since python-h2 gives the credit for DATA on cancelled streams back in halves.
    """
    return Role(
        client_side=True,
        settings={
            SettingCodes.ENABLE_PUSH: 0,
            SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
            SettingCodes.MAX_HEADER_LIST_SIZE: RESPONSE_FIELDS,
        },
        window=2 * (streams + 1) * STREAM_WINDOW,
        decoded_fields=RESPONSE_FIELDS,
    )


SERVER = Role(
    client_side=False,
    settings={
        SettingCodes.MAX_CONCURRENT_STREAMS: CLIENT_STREAMS,
        SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
        SettingCodes.MAX_HEADER_LIST_SIZE: REQUEST_FIELDS,
    },
    window=CLIENT_STREAMS * STREAM_WINDOW,  # so that unread bodies never block the others
    decoded_fields=DECODED_REQUEST_FIELDS,
)
