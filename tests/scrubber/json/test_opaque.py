"""Images and documents in base64 do not count towards the limit, whatever stands around them."""

import base64
import gzip
import json
import random
from typing import Any

import pytest

from app.scrubber.json.opaque import text_size
from app.scrubber.redact.intake import WHOLE_LIMIT
from app.scrubber.redact.scrubber import Redaction
from tests.scrubber import scrubbing

LIMIT = 10 * 2**20
IMAGE = base64.b64encode(random.Random(1).randbytes(3_000_000)).decode()
TOKEN = "ghp_" + "a" * 36
SCRUBBER = scrubbing.scrubber(limit=LIMIT)


def source(data: str, **more: Any) -> dict[str, Any]:
    return {"type": "base64", "media_type": "image/png", "data": data, **more}


def body(images: int, *texts: str) -> bytes:
    blocks: list[dict[str, Any]] = [{"type": "image", "source": source(IMAGE)}] * images
    result = {"type": "tool_result", "tool_use_id": "t", "content": blocks}
    said = [{"type": "text", "text": text} for text in texts]
    return json.dumps({"messages": [{"role": "user", "content": [*said, result]}]}).encode()


def redact(whole: bytes, encoding: str | None = None) -> Redaction:
    return SCRUBBER.redact(whole, encoding, "POST")


@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_a_secret_beside_ten_megabytes_of_screenshots_goes_and_they_stay(
    encoding: str | None,
) -> None:
    whole = body(4, f"the token is {TOKEN}", "and more")
    assert len(whole) > 15_000_000
    redaction = redact(gzip.compress(whole, 0) if encoding else whole, encoding)
    assert redaction.report.skipped is None
    assert redaction.body == whole.replace(TOKEN.encode(), b"<GITHUB_TOKEN_1>")


def test_more_text_than_the_limit_is_skipped_with_or_without_images() -> None:
    for images in (0, 1):
        assert redact(body(images, "x" * (LIMIT + 1))).report.skipped == "too_large"


@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_a_body_over_the_hard_cap_is_skipped_whatever_is_in_it(encoding: str | None) -> None:
    scrubber = scrubbing.scrubber(mode="detect", key=b"", limit=LIMIT)
    assert scrubber.whole_limit == WHOLE_LIMIT
    scrubber.whole_limit = LIMIT
    whole = body(3, TOKEN)
    made = gzip.compress(whole, 1) if encoding else whole
    assert scrubber.redact(made, encoding, "POST").report.skipped == "too_large"


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("first", ["type", "media_type", "data"])
def test_the_order_and_the_space_of_an_images_members_do_not_matter(
    first: str, indent: int | None
) -> None:
    image = source("A" * 4096)
    ordered = {first: image[first], **image}
    whole = json.dumps([{"source": ordered}], indent=indent).encode()
    assert text_size(whole) == len(whole) - 4096


@pytest.mark.parametrize(
    "other",
    [
        {"type": "text", "data": "A" * 4096},
        {"data": "A" * 4096},
        {"data": "A" * 4096, "inner": {"type": "base64"}},
        {"type": "base64", "text": "A" * 4096},
        {"text": json.dumps(source("A" * 4096))},
        {"type": "base64", "data": ["A" * 4096]},
    ],
)
def test_what_is_scanned_counts(other: dict[str, Any]) -> None:
    whole = json.dumps(other).encode()
    assert text_size(whole) == len(whole)


@pytest.mark.parametrize("text", [b'"data"', b'"data":"', b'{"type":"base64","data":"AA', b""])
def test_what_is_cut_short_counts(text: bytes) -> None:
    assert text_size(text) == len(text)
