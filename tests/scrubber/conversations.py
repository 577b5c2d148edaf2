"""Generated requests like Claude Code's, as values and as their bytes."""

import json
import string
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

# Clearly made up, in every length and shape; built here so that no scanner takes them for real.
SECRETS = (
    "sk-ant-" + "api03-fakefakefakefake0001",
    "ghp_" + "f4k3" * 9,
    "AKIA" + "FAKEFAKEFAKE2345",
    "postgres://app:hunter2@db.example.net/main",
    "mysql://root:p\u00e4ssw0rt@localhost/x",
    "Bearer fake0fake1fake2fake3fake4",
    "hvs." + "FAKEfakeFAKEfakeFAKE123",
    "alice@example.com",
    "-----BEGIN " + "PRIVATE KEY-----\nMIIEfakefakefakefakefake\nfake==\n-----END PRIVATE KEY-----",
)
TEXT = st.text(st.characters(exclude_categories=[]), max_size=20)  # lone surrogates, too
WORD = st.text(string.ascii_letters, min_size=1, max_size=8)


PIECES = st.one_of(TEXT, st.sampled_from((*SECRETS, "hunter2", "<GITHUB_TOKEN_1>")))
PROSE = st.lists(PIECES, max_size=4).map(" ".join)  # with or without secrets, each between spaces


ANY_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), PROSE),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(WORD, TEXT), inner, max_size=3)
    ),
    max_leaves=5,
)


def of_type(kind: str, **members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.just(kind), **members})


PLAIN_BLOCKS = st.one_of(
    of_type("text", text=PROSE),
    of_type("image", source=of_type("base64", media_type=st.just("image/png"), data=PROSE)),
    of_type("document", source=of_type("text", media_type=st.just("text/plain"), data=PROSE)),
)
BLOCKS = st.one_of(
    PLAIN_BLOCKS,
    of_type("tool_use", id=st.just("toolu_1"), name=st.just("Bash"), input=ANY_JSON),
    of_type(
        "tool_result",
        tool_use_id=st.just("toolu_1"),
        content=st.one_of(PROSE, st.lists(PLAIN_BLOCKS, max_size=2)),
    ),
    of_type("thinking", thinking=PROSE, signature=st.just("c2lnbmF0dXJl")),
    of_type("redacted_thinking", data=PROSE),
    of_type(
        "server_tool_use", id=st.just("srvtoolu_1"), name=st.just("web_search"), input=ANY_JSON
    ),
    of_type("web_search_tool_result", content=st.lists(ANY_JSON, max_size=2)),
    of_type("mcp_tool_use", server_name=st.just("files"), input=ANY_JSON),
    of_type("from_the_future", payload=ANY_JSON),
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "assistant"]),
            "content": st.one_of(PROSE, st.lists(BLOCKS, max_size=3)),
        }
    ),
    max_size=4,
)
TOOLS = st.lists(
    st.fixed_dictionaries(
        {"name": WORD, "description": PROSE, "input_schema": ANY_JSON, "input_examples": ANY_JSON}
    ),
    max_size=2,
)
SYSTEM = st.one_of(PROSE, st.lists(of_type("text", text=PROSE), max_size=2))
REQUESTS = st.fixed_dictionaries(
    {"model": st.just("claude"), "messages": MESSAGES, "system": SYSTEM, "tools": TOOLS},
    optional={"metadata": ANY_JSON, "stream": st.booleans(), "novelty": ANY_JSON},
)


def spelled_oddly(text: str) -> str:
    """Return JSON in another spelling: `/` and every `k` escaped."""
    return text.replace("/", "\\/").replace("k", "\\u006b").replace("@", "\\u0040")


SPELLINGS: tuple[Callable[[Any], bytes], ...] = (
    lambda request: json.dumps(request).encode(),
    lambda request: json.dumps(request, indent=1, separators=(" ,", " : ")).encode(),
    lambda request: json.dumps(request, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    ),
    lambda request: spelled_oddly(json.dumps(request)).encode(),
)
ENCODINGS = st.sampled_from(SPELLINGS)
