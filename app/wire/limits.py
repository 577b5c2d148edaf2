"""The sizes of HTTP/2: those that the protocol sets, and those that this proxy chooses.

Sections are RFC 9113's. Bytes, unless something else is said.
"""

# Set by the protocol.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # what a client sends first (§3.4)
INITIAL_WINDOW = 65_535  # of every connection, whatever SETTINGS say (§6.9.2)
LAST_STREAM = 2**31 - 1  # the highest stream identifier (§5.1.1)
WIDEST_WINDOW = 2**31 - 1  # that any increment may make (§6.9.1)
FIELD_OVERHEAD = 32  # what each field adds to the size of a header list (§6.5.2)

# Chosen: what may lie unread (§6.9).
STREAM_WINDOW = 256 * 1024  # of one body, in either direction

# Chosen: header lists (§6.5.2), as they are announced.
REQUEST_FIELDS = 256 * 1024  # a larger one is answered with 431
RESPONSE_FIELDS = 1024 * 1024
# HPACK's state is lost with a list that is not decoded: beyond this the connection ends.
DECODED_REQUEST_FIELDS = 4 * REQUEST_FIELDS

CLIENT_STREAMS = 128  # that a client may have open on one connection (§5.1.2)
