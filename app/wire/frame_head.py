"""The head of an HTTP/2 frame, for those who read it without python-h2 (RFC 9113 §4.1, §6)."""

import struct

HEAD = struct.Struct(">HBBBL")  # length (24 bits, in two parts), type, flags, stream

DATA, HEADERS, CONTINUATION = 0x0, 0x1, 0x9
