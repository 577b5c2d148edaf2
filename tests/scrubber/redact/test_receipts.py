"""The chain of receipts: whatever is done to it shows."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.scrubber.json.paths import json_path_without
from app.scrubber.redact.receipts import Head, head_of, link, read_head, sealing_key, verify
from tests.scrubber import scrubbing

KEY, OTHER = sealing_key(b"k" * 32), sealing_key(b"o" * 32)
TOKEN = "ghp_" + "f4k3" * 9


def chain(count: int, key: bytes = KEY) -> tuple[list[bytes], Head]:
    lines, head = [], Head()
    for number in range(count):
        line, head = link({"time": f"t{number}", "hits": [{"count": number}]}, head, key)
        lines.append(line)
    return lines, head


LINES, END = chain(6)


def test_a_chain_is_as_it_was_written() -> None:
    assert verify(LINES, KEY, END) == (6, None)
    assert verify(LINES, None, None) == (6, None)
    assert verify([], KEY, None) == (0, None)
    assert head_of(LINES[-1]) == END
    assert read_head(END.as_bytes(KEY), KEY) == END


def test_receipts_of_earlier_versions_still_verify() -> None:
    """A change of this format would make all receipts so far look damaged."""
    line, head = link({"time": "t", "hits": []}, Head(), KEY)
    assert line == (
        b'{"sequence":1'
        b',"previous":"0000000000000000000000000000000000000000000000000000000000000000"'
        b',"time":"t","hits":[]'
        b',"hash":"85af05cf0b9c97f707b0bb04a36b3c23fe566e357abee363519b1e55f9d4cec5"'
        b',"seal":"df3d302610b6acb5c2e4b6181373a1f169bec88ad9cef7a6e430c8574c15f426"}\n'
    )
    assert head.as_bytes(KEY) == (
        b'{"sequence":1'
        b',"hash":"85af05cf0b9c97f707b0bb04a36b3c23fe566e357abee363519b1e55f9d4cec5"'
        b',"hash":"dac6d4f9f7b7be640bb50b0fdf21e5be14fad449b55716cbfed6a3f2cf04cc4a"'
        b',"seal":"39a04b69f16e35ab82e25252239b8c75546767d466b54a0e413dc4970a67ca17"}\n'
    )


def test_a_head_that_a_crash_left_behind_is_no_fault() -> None:
    assert verify(LINES, KEY, head_of(LINES[2])) == (6, None)


@given(st.integers(0, 5), st.data())
def test_any_changed_byte_shows(number: int, data: st.DataObject) -> None:
    line = bytearray(LINES[number])
    at = data.draw(st.integers(0, len(line) - 1))
    line[at] ^= data.draw(st.integers(1, 255))
    changed = [*LINES[:number], bytes(line), *LINES[number + 1 :]]
    assert verify(b"".join(changed).splitlines(keepends=True), KEY, END).fault is not None


@given(st.lists(st.sampled_from(LINES), max_size=7))
def test_any_deleted_repeated_or_moved_line_shows(lines: list[bytes]) -> None:
    assert (verify(lines, KEY, END).fault is None) is (lines == LINES)


@pytest.mark.parametrize("kept", range(6))
def test_lines_cut_off_at_the_end_show_against_the_head(kept: int) -> None:
    verdict = verify(LINES[:kept], KEY, END)
    assert (verdict.good, verdict.fault) == (kept, "and all after it are missing")


def test_half_a_line_shows() -> None:
    assert verify([*LINES[:5], LINES[5][:-1]], KEY, None) == (5, "is incomplete")


def test_a_chain_made_with_another_key_shows_where_the_key_is_known() -> None:
    forged, _ = chain(6, OTHER)
    assert verify(forged, None, None).fault is None
    assert verify(forged, KEY, None).fault == "was sealed with another key"
    assert read_head(END.as_bytes(OTHER), KEY) is None


def redacted(request: dict[str, Any], mode: Any = "pseudonymize") -> Any:
    scrubber = scrubbing.scrubber(mode=mode, receipts=True)
    body = json.dumps(request).encode()
    first = scrubber.redact(body, None, "POST").report.hits
    assert scrubber.redact(body, None, "POST").report.hits == first  # from the cache, too
    return first


@pytest.mark.parametrize("mode", ["pseudonymize", "detect"])
def test_a_hit_says_what_was_found_where_without_the_value(mode: str) -> None:
    content = [{"type": "text", "text": f"{TOKEN} {TOKEN}"}]
    used = {"type": "tool_use", "name": "x", "input": {"k": TOKEN, TOKEN: {"y": TOKEN}}}
    messages = [{"role": "user", "content": content}, {"role": "assistant", "content": [used]}]
    (hit,) = redacted({"messages": messages}, mode)
    assert (hit.detector, hit.placeholder, hit.count) == ("github_token", "<GITHUB_TOKEN_1>", 5)
    assert hit.paths[:3] == (
        "$.messages[0].content[0].text",
        "$.messages[0].content[0].text",
        "$.messages[1].content[0].input.k",
    )
    assert hit.paths[-1].endswith(".input.*.y")
    assert TOKEN not in repr(hit)
    assert len(hit.digest) == 64


def test_names_that_may_be_content_are_not_in_paths() -> None:
    path = (((((None, 0), "input"), "my secret name"), "pass-hunter22"), 3)
    shown = json_path_without(("messages", 1), path, ["hunter22"])
    assert shown == "$.messages[1].input.*.*[3]"


def test_damaged_lines_have_no_head() -> None:
    assert head_of(b"damaged\n") is None
    digest = hashlib.sha256(b"{oops}").hexdigest()
    sealed = b'{oops,"hash":"%s","seal":"%s"}\n' % (digest.encode(), b"0" * 64)
    assert head_of(sealed) is None  # its hash is right, and it is no JSON


def test_a_line_says_how_it_is_wrong() -> None:
    changed = LINES[1].replace(b"t1", b"t9")
    assert verify([LINES[0], changed], KEY, None) == (1, "was changed")
    assert verify([LINES[0], LINES[2]], KEY, None) == (1, "does not follow the line before it")


def test_another_line_in_the_place_that_the_head_names_shows() -> None:
    verdict = verify(LINES, KEY, Head(3, "0" * 64))
    assert (verdict.good, verdict.fault) == (3, "is not the line that the head file names")
