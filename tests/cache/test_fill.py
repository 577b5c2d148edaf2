"""What fills the context: bytes by part become tokens by part."""

from hypothesis import given
from hypothesis import strategies as st

from app.cache.fill import part_of, scaled, weight

PARTS = st.sampled_from(["messages", "system", "tools", "mcp__a__"])
FILLS = st.dictionaries(PARTS, st.integers(0, 10**7))


@given(FILLS.filter(lambda fill: any(fill.values())), st.integers(0, 10**7))
def test_the_parts_have_all_tokens_each_its_share(fill: dict[str, int], tokens: int) -> None:
    shares = scaled(fill, tokens)
    assert list(shares) == list(fill)
    assert sum(shares.values()) == tokens
    total = sum(fill.values())
    for part, size in fill.items():
        assert isinstance(shares[part], int)
        assert abs(shares[part] * total - size * tokens) < total  # less than a token off


def test_a_prompt_of_no_bytes_has_no_shares() -> None:
    assert scaled({}, 10) == {}
    assert scaled({"tools": 0}, 10) == {}


def test_a_tool_belongs_to_its_server() -> None:
    assert part_of(b'{"name": "mcp__git-hub_2__search"}') == "mcp__git-hub_2__"
    assert part_of(b'{"name": "Bash", "description": "mcp__git__x"}') == "tools"


def test_a_large_image_counts_as_its_tokens() -> None:
    image = b'{"source":{"media_type":"image/png","data":"%s"}}'
    assert weight(image % (b"A" * 9000)) == 6400
    assert weight(image % (b"A" * 4000)) == len(image % (b"A" * 4000))
    limit = image % (b"A" * (8192 - len(image % b"")))
    assert weight(limit) == 8192
    text = b'{"text":"%s","media_type":"image/png"}' % (b"A" * 9000)
    assert weight(text) == len(text)
