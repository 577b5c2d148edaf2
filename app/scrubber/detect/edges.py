r"""Where a token may begin: what stands before it, in JSON-escaped text.

``\b`` is wrong here. In ``\nghp_…`` the ``n`` belongs to a JSON escape, in ``%3Dghp_…`` and
``=3Dghp_…`` the ``D`` to an encoding, in ``ESC[38;2;1;2;3mghp_…`` the ``m`` to a terminal's control
sequence, and a ``-`` that starts a line is a diff's.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import chain

# ESC as it is written in JSON, in JSON inside of JSON, and in source code.
_ESC = r"(?:\\+(?:u001[bB]|x1[bB]|033|e)|\x1b)"
_ESCAPES = r"\\[nrtbf]|\\+u[0-9A-Fa-f]{4}|\\+U[0-9A-Fa-f]{8}|\\+x[0-9A-Fa-f]{2}|\\+[0-3][0-7]{2}"
# Control sequences (ECMA-48 §5.4).
_CONTROL = _ESC + r"\[[0-?]*[ -/]*[@-~]"
# A line number's end: `     2→` (Claude Code), a tab (cat -n), ` | ` (bat), `:2:` (grep -n).
_GUTTER = r"\xe2\x86\x92|\\+u2192|\\+t|\| ?|:[0-9]+:"
# A diff's sign, an option's, a shell's default value, grep's: no hyphen inside of a word.
_HYPHEN = (
    rf"(?:\\n|[^\\A-Za-z0-9._/+=-]|{_GUTTER}|{_CONTROL})[+-]{{1,2}}"
    r"|\.[A-Za-z][A-Za-z0-9]{0,9}-[0-9]{1,7}-"
)
_EDGES = (
    _HYPHEN,
    _ESC + r"(?:\\\\)+",  # the end of a hyperlink's target (ECMA-48 §8.3.143)
    _CONTROL,
    # Other escape sequences: ECMA-35 §13.2.
    r"(?:\\+(?:u001[bB]|x1[bB]|033)|\x1b)[ -/]*[0-Z\]^-~]",
    r"(?:\\+(?:u009|x9)[bB]|\xc2\x9b)[0-?]*[ -/]*[@-~]",
    r"\[[0-9;:]{1,48}[mKGHJ](?:\[K)?",  # a control sequence that has lost its ESC
    _ESCAPES,
    r"%(?:25)*[0-9A-Fa-f]{2}",
    r"=(?:0[9AD]|2[0-9A-F]|3[A-F]|5[B-F]|7[B-D])",  # quoted-printable (RFC 2045 §6.7)
    r"\\[^A-Za-z0-9]",
)
_ANY = "|".join(_EDGES)
_EDGE = re.compile(rf"{_ANY}|.".encode("latin-1"), re.DOTALL)
LONGEST_EDGE = 80  # bytes of an edge that `token_start` looks for
# An edge that ends inside a run of letters and digits.
_EDGE_IN_RUN = re.compile(("|".join(_EDGES[2:-1])).encode("latin-1"))
# Of what may belong to an escape or an encoding.
INTRODUCERS = re.compile(rb"[\\%=\[\x1b]")


def after(token: str) -> str:
    """Return the RE2 for the left boundary of a token made of the class ``token``."""
    return rf"(?:{_ANY}|[^\\{token}])"


_AFTER = re.compile(re.escape(after("")[:-2]) + r"([^]]*)\]\)(.*)", re.DOTALL)
_ESCAPE = "\\"
_GROUP = re.compile(r"(?<!\\)\((?!\?)")
_OCTETS = "".join(map(chr, range(256)))


def joined(gates: Iterable[str]) -> str:
    """Return the RE2 for gates that each begin with `after`, with the edges written only once.

    It matches from the same places on, but not up to the same ones. With the edges of each gate
    the automaton would have larger states, and take three times as long to build.
    """
    bodies: defaultdict[str, list[str]] = defaultdict(list)  # what follows, by the token's class
    for gate in gates:
        token, body = _split(gate)
        bodies[token].append(body)
    tokens = set().union(*map(_octets, bodies))  # what is no edge for some of them
    edge = f"(?:{_ANY}|{_class(set(_OCTETS) - tokens - set(_ESCAPE))})"
    either = [f"{edge}(?:{'|'.join(chain.from_iterable(bodies.values()))})"]
    for token, following in bodies.items():
        if others := tokens - _octets(token):
            either.append(f"{_class(others)}(?:{'|'.join(following)})")
    return "|".join(either) if bodies else ""


def behind(gate: str) -> str:
    """Return the RE2 for what follows the edge that a gate begins with."""
    return _split(gate)[1]


def _split(gate: str) -> tuple[str, str]:
    """Return the class of a gate's edge, and what follows that, without groups."""
    split = _AFTER.fullmatch(_GROUP.sub("(?:", gate))
    if split is None:
        raise ValueError(f"a gate without an edge: {gate}")
    return split[1], split[2]


def _octets(token: str) -> set[str]:
    return set(re.findall(f"[{token}]", _OCTETS))


def _class(octets: Iterable[str]) -> str:
    return "[" + "".join(rf"\x{ord(octet):02x}" for octet in sorted(octets)) + "]"


def edge_end(text: bytes, offset: int) -> int:
    """Return where the edge that starts at ``offset`` ends."""
    edge = _EDGE.match(text, offset)
    return offset if edge is None else edge.end()


def token_start(text: bytes, first: int, end: int) -> int:
    r"""Return where a run of token characters from ``first`` to ``end`` really begins.

    Its first characters may belong to what stands before it: to an escape (``\n``), an encoding
    (``%0A``) or a control sequence.
    """
    start = first
    floor = max(0, first - LONGEST_EDGE)
    if INTRODUCERS.search(text, floor, first + 1) is None:
        return start
    for edge in _EDGE_IN_RUN.finditer(text, floor, end):
        if edge.start() >= start:
            break
        start = max(start, edge.end())
    return min(start, end)
