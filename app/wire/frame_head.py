"""The head of an HTTP/2 frame, for those who read it without python-h2 (RFC 9113 §4.1, §6)."""

import struct

HEAD = struct.Struct(">HBBBL")  # length (24 bits, in two parts), type, flags, stream

INCREMENT = struct.Struct(">L")  # all that a WINDOW_UPDATE holds (§6.9)

DATA, HEADERS, WINDOW_UPDATE, CONTINUATION = 0x0, 0x1, 0x8, 0x9
END_STREAM, END_HEADERS, PADDED = 0x1, 0x4, 0x8
