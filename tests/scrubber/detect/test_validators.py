"""Whether what looks like a secret is one, by what stands around it."""

from app.scrubber.detect.detectors import BUILT_IN
from app.scrubber.detect.hits import hit_at
from tests.cases import every_case

JENKINS = next(one for one in BUILT_IN if one.name == "jenkins_api_token")
TOKEN = b"11" + b"0123456789abcdef" * 2
DIGEST = b"11" + b"abcdef0123456789abcdef01234567"
OTHER = b"0123456789abcdef" * 2


@every_case(
    "before, token, after, found",
    {
        "alone": (b'"', DIGEST, b'"', True),
        "a list of digests, as md5sum prints it": (rb"\n", DIGEST, b"  README", False),
        "behind another word, nothing is a list": (b"key ", DIGEST, b"  README", True),
        "a file's name needs no list": (b"key ", DIGEST, b"  notes.txt", False),
        "a comment is no file": (rb"\n", DIGEST, b"  # mine", True),
        "beside another digest": (b'"', DIGEST, b" " + OTHER, False),
        "the length of no digest": (rb"\n", TOKEN, b"  README", True),
        "behind the word digest": (b"digest: ", TOKEN, b'"', False),
        "digits alone": (b'"', b"11" + b"0123456789" * 3, b'"', False),
    },
)
def test_a_digest_is_told_from_a_token_by_what_stands_around_it(
    before: bytes, token: bytes, after: bytes, found: bool
) -> None:
    text = before + token + after
    hit = hit_at(text, len(before), len(text), JENKINS)
    assert (hit is not None) == found
