"""What a verdict says beyond its reason."""

from app.cache.verdict import LOOKBACK, TOLERANCE, Difference, Evidence, Verdict, decide, is_short
from tests.cases import every_case

LOST = Evidence(read=0, written=9_000, total=10_000, expected=8_000, known=True)
TOOL = Difference(3, "tool")


@every_case(
    "evidence, verdict",
    {
        "too many blocks": (
            LOST._replace(blocks=LOOKBACK),
            Verdict("lookback", 8_000, 8_000, blocks=LOOKBACK),
        ),
        "one block less": (LOST._replace(blocks=LOOKBACK - 1), Verdict("upstream", 8_000, 8_000)),
        "a part was read": (LOST._replace(read=2_000), Verdict("upstream", 8_000, 6_000)),
        "a tool changed": (
            LOST._replace(difference=TOOL),
            Verdict("tools_changed", 8_000, 8_000, index=3, kind="tool"),
        ),
        "a tool changed, of another model": (
            LOST._replace(difference=TOOL, same_model=False),
            Verdict("model_changed", 8_000, 8_000),
        ),
        "all was read": (LOST._replace(read=8_000), Verdict("hit", 8_000)),
        "no more than that was there": (
            LOST._replace(expected=0, blocks=LOOKBACK),
            Verdict("first", 0),
        ),
    },
)
def test_a_verdict_has_what_was_missed_and_where(evidence: Evidence, verdict: Verdict) -> None:
    assert decide(evidence) == verdict


def test_a_little_less_than_there_was_is_not_short() -> None:
    assert not is_short(0, TOLERANCE, estimated=False)
    assert is_short(0, TOLERANCE + 1, estimated=False)
    assert not is_short(9_900, 10_000, estimated=False)
    assert is_short(9_899, 10_000, estimated=False)
    assert not is_short(8_750, 10_000, estimated=True)
    assert is_short(8_749, 10_000, estimated=True)
