"""RE2 on bytes: linear time, and the interpreter's lock is released meanwhile."""

import re2

_MEMORY = 64 * 2**20  # bytes an automaton may use before it starts again

BadPattern = re2.error


def compiled(pattern: str) -> "re2._Regexp":
    """Compile RE2 syntax for bytes; raises `BadPattern`."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = _MEMORY
    options.log_errors = False
    return re2.compile(pattern.encode(), options)
