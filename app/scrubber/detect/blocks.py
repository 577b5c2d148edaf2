r"""Secrets of several lines: private keys and Ansible vaults, whatever stands between the lines.

The lines are JSON-escaped (`\n`), perhaps twice, or percent-encoded. Before and behind them may
stand anything that tools write there: line numbers, a diff's signs and colours, authors, dates and
hosts, quotes, comment signs. So a block with its end goes as a whole if what lies between is base64
for a good part; a block without takes the lines that follow as long as they end in base64.
"""

import re
from collections.abc import Callable

LINE_END = rb"(?:(?:\\+r)?\\+n|(?:%0[Dd])?%0[Aa]|&#(?:10|x0?[Aa]);|<br ?/?>)"
COLOUR = rb"(?>(?:\\+u001[bB]\[[0-?]{0,48}[ -/]{0,2}[@-~])*)"
# `     2→` (Claude Code), `2<tab>` (cat -n), `2:` and `2-` (grep -n), `2 | ` and `2 │ ` (bat),
# `file-2-` (grep -An).
NUMBER = (
    rb"(?>(?:[ ]|\\+t)*)"
    + COLOUR
    + rb"(?:[A-Za-z0-9_./~@+-]{1,200}?"
    + COLOUR
    + rb"[:-]"
    + COLOUR
    + rb"(?=[0-9]{1,7}\S{0,40}?[:-]))?"
    + rb"[0-9]{1,7}"
    + COLOUR
    + rb"(?:\xe2\x86\x92|\\+u2192|\\+t|[:-]|"
    rb"[ ]?(?:\||\xe2\x94\x82|\\+u2502)[ ]?)"
)
# From the end of a line to where the next one really starts: behind its number and a diff's sign.
NEXT_LINE = COLOUR + LINE_END + rb"(?:" + NUMBER + rb")?" + COLOUR + rb"[+-]?" + COLOUR
LINE_START = re.compile(rb"(?:\"|" + LINE_END + rb")(?:" + NUMBER + rb")?" + COLOUR + rb"[ ]*\Z")

_SPACE = rb"(?: |%20|\+)"
_KIND = rb"(?:" + _SPACE + rb"[A-Z0-9]{2,12}){0,3}?" + _SPACE + rb"PRIVATE" + _SPACE + rb"KEY"
_KIND += rb"(?:" + _SPACE + rb"BLOCK)?-----"
_HEADER = re.compile(rb"-----BEGIN" + _KIND)
_FOOTER = re.compile(rb"-----END" + _KIND)
_BASE64 = rb"(?:[A-Za-z0-9+/]|%2[BbFf]|\\+/)"
_RUN = re.compile(rb"(?>" + _BASE64 + rb"{16,})(?:=|%3[Dd]){0,2}")
_LONG_RUN = re.compile(rb"[A-Za-z0-9+/]{40,}+")
_MIXED = re.compile(rb"(?=.*[0-9])(?=.*[a-z])[^/]*+(?:/[^/]++){0,6}+\Z")
_SHARE = 5  # a block is base64 for at least one byte in so many

# What ends a line: quotes, commas, a diff's and a terminal's marks, `$` (cat -A).
_LINE_CLOSE = re.compile(
    rb"(?>(?:[ '`,;+.$|)\]}-]|\\+[\"'tr]|\\+u001[bB]\[[0-?]{0,48}[ -/]{0,2}[@-~])*)"
)
_BREAK = re.compile(LINE_END)
_PREFIXED_LINE = 1024  # bytes of a line and what stands before it
_NEAR = 64  # bytes in which a line break is looked for first
_LAST_RUN = re.compile(rb"(?>" + _BASE64 + rb"{2,})(?:=|%3[Dd]){1,2}")
_LONGEST_GAP = 256  # bytes between two lines of a key: suffix, line feed, prefix
_FULL_LINE = 60  # a token of another kind is shorter than a block's line
_RANDOM = re.compile(rb"(?=[^0-9]*[0-9])(?=[^a-z]*[a-z])[^A-Z]*[A-Z]")
_LONG, _SHORT = 40, 16
_FIELD = re.compile(rb"\b(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset): ")
_JOINED = re.compile(rb"(?>(?:(?: |%20)*(?>" + _BASE64 + rb"{40,})(?:=|%3[Dd]){0,2})+)")
_HEX_RUN = re.compile(rb"(?<![A-Za-z0-9])[0-9a-f]{16,}+(?![A-Za-z0-9])")
_LAST_HEX_RUN = re.compile(rb"(?<![A-Za-z0-9])[0-9a-f]{2,}+(?![A-Za-z0-9])")
# The last line of a vault, with something else behind it: `3133", "size": 5}`, `3133</td>`.
_FIRST_HEX_RUN = re.compile(
    rb"[^A-Za-z0-9]*+(?>(?:[0-9a-f]{2})+)(?<=[0-9a-f]{16})(?![A-Za-z0-9])"
    rb"|[^A-Za-z0-9]*+(?>(?:[0-9a-f]{2})+)(?=\\*[\"'<>`])"
)
_LONG_HEX_RUN = re.compile(rb"[0-9a-f]{40,}+")
_VAULT = re.compile(rb"\$ANSIBLE_VAULT;[0-9.]{1,5};[A-Z0-9]{1,12}(?>(?:;[A-Za-z0-9_.@-]{1,64})?)")
_LINE_NUMBER = re.compile(NUMBER)
# Escapes and colours, whose letters are no part of a line.
_BETWEEN = re.compile(rb"\\+(?:u001[bB]\[[0-?]*[ -/]*[@-~]|u[0-9a-fA-F]{4}|[nrtbf])|%0[AaDd]")
_ALL = re.compile(rb"(?s).+")


class PrivateKey:
    """Matches a private key from its header on."""

    def match(self, text: bytes, start: int, end: int) -> re.Match[bytes] | None:
        """Match at ``start``: the block, or the header and the lines that follow."""
        header = _HEADER.match(text, start, end)
        if header is None:
            return None
        body = header.end()
        stop = text.find(b"-----BEGIN", body, end)
        stop = end if stop < 0 else stop
        mark = text.find(b"-----END", body, stop)
        footer = _FOOTER.match(text, mark, stop) if mark >= 0 else None
        if footer is not None and _is_base64(text[body : footer.start()]):
            return _ALL.match(text, start, footer.end())
        joined = _JOINED.match(text, body, stop)
        last = joined.end() if joined is not None else body
        last = max(last, _last_line(text, start, body, stop, _key_line))
        return _ALL.match(text, start, max(last, _last_run(text, body, stop, _LONG_RUN)))


class Vault:
    """Matches an Ansible vault from its header on."""

    def match(self, text: bytes, start: int, end: int) -> re.Match[bytes] | None:
        """Match at ``start``: the header and the lines that follow."""
        header = _VAULT.match(text, start, end)
        if header is None:
            return None
        body = header.end()
        last = _last_line(text, start, body, end, _vault_line)
        return _ALL.match(text, start, max(last, _last_run(text, body, end, _LONG_HEX_RUN)))


PRIVATE_KEY = PrivateKey()
ANSIBLE_VAULT = Vault()


def _is_base64(body: bytes) -> bool:
    return sum(map(len, _RUN.findall(body))) * _SHARE >= len(body)


def _last_run(text: bytes, body: int, end: int, line: re.Pattern[bytes]) -> int:
    """Return where the last of the long runs of base64 ends that follow one another closely."""
    last = at = body
    while True:
        # No further than a run may start: a block that is a header alone costs no look at the rest.
        begun = line.search(text, at, min(end, last + _LONGEST_GAP + _LONG))
        run = begun and line.match(text, begun.start(), end)
        if run is None or run.start() - last > _LONGEST_GAP or len(run[0]) < _FULL_LINE:
            break
        at = run.end()
        if line is _LONG_HEX_RUN or _RANDOM.search(run[0]):
            last = at
    if last == body:
        return body
    closing = _LAST_RUN.search(text, last, min(end, last + _LONGEST_GAP))
    return last if closing is None else closing.end()


def _last_line(
    text: bytes, start: int, body: int, end: int, ends_in: Callable[[bytes], tuple[int, bool]]
) -> int:
    """Return where the lines of a block end that have no end of their own.

    ``ends_in`` tells where in a line a block's text ends (0: it has none), and whether more may
    follow.
    """
    brk = _BREAK.match(text, body + len(_close(text, body, end)), end)
    last, more, begun, blank = body, True, False, -1
    while brk is not None and more:
        following = _BREAK.search(text, brk.end(), min(end, brk.end() + _PREFIXED_LINE))
        line_end = following.start() if following else min(end, brk.end() + _PREFIXED_LINE)
        line = text[brk.end() : line_end]
        length, more = ends_in(line)
        if length:
            last, begun = brk.end() + length, True
        else:
            # Headers of the block, and the empty line behind them.
            blank = _blank(text, start) if blank < 0 and not begun else blank
            more = not begun and (len(line) <= blank or _FIELD.search(line) is not None)
        brk = following
    return last


def _blank(text: bytes, start: int) -> int:
    """Return how long an empty line may be, by what stands before the block's header."""
    for reach in (_NEAR, _PREFIXED_LINE):
        before = text[max(0, start - reach) : start]
        breaks = [found.end() for found in _BREAK.finditer(before)]
        if breaks:
            return len(before) - breaks[-1] + 2
    return len(before) - before.rfind(b'"') + 1


def _close(text: bytes, at: int, end: int) -> bytes:
    close = _LINE_CLOSE.match(text, at, end)
    return close[0] if close is not None else b""


def _key_line(line: bytes) -> tuple[int, bool]:
    for run in reversed(list(_RUN.finditer(line))):
        closed = _LINE_CLOSE.fullmatch(line, run.end()) is not None
        if closed or len(run[0]) >= _LONG:
            return run.end(), closed
    return _closing(line, _LAST_RUN)


def _vault_line(line: bytes) -> tuple[int, bool]:
    # A line's number is no part of it, nor are the letters and digits of an arrow or a colour.
    number = _LINE_NUMBER.match(line)
    if number is not None:
        line = b" " * number.end() + line[number.end() :]
    line = _BETWEEN.sub(lambda escape: b" " * len(escape[0]), line)
    for run in reversed(list(_HEX_RUN.finditer(line))):
        if _LINE_CLOSE.fullmatch(line, run.end()) is not None:
            return run.end(), True
    first = _FIRST_HEX_RUN.match(line)
    return (first.end(), False) if first is not None else _closing(line, _LAST_HEX_RUN)


def _closing(line: bytes, run: re.Pattern[bytes]) -> tuple[int, bool]:
    """Return the end of a block's last, short line."""
    for found in run.finditer(line):
        if _LINE_CLOSE.fullmatch(line, found.end()) is not None:
            return found.end(), False
    return 0, False


def key_lines(block: bytes) -> list[bytes]:
    """Return the long lines of a key, each a value by itself: base64, no path or name."""
    return [run for run in _LONG_RUN.findall(_BETWEEN.sub(b" ", block)) if _MIXED.search(run)]


def vault_lines(block: bytes) -> list[bytes]:
    """Return the long lines of a vault."""
    return _LONG_HEX_RUN.findall(_BETWEEN.sub(b" ", block))


_NUMBERED = re.compile(rb"(" + LINE_END + rb")" + NUMBER)


def without_gutter(block: bytes) -> bytes:
    """Return the block as it stands in its file: without line numbers, if its lines have them."""
    # Line by line: a search that fails would look at the whole block in one step.
    if all(_NUMBERED.match(block, brk.start()) for brk in _BREAK.finditer(block)):
        return _NUMBERED.sub(rb"\1", block)
    return block
