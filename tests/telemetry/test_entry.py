"""What an attempt is charged: its tokens by type, and their prices."""

import pytest

from app.anthropic.usage import Attempt, Usage
from app.telemetry.entry import Charge
from tests.telemetry.exchanges import PRICES


@pytest.mark.parametrize(("model", "priced"), [("claude-opus-5-5", True), ("unheard-of", False)])
def test_estimated_output_has_its_own_type_whether_or_not_it_has_a_price(
    model: str, priced: bool
) -> None:
    usage = Usage(input=10, output=20)
    final = Charge.of(Attempt(model=model, usage=usage), PRICES)
    estimated = Charge.of(Attempt(model=model, usage=usage, estimated=True), PRICES)
    assert (final.tokens["output"], estimated.tokens["output"]) == (20, 0)
    assert estimated.tokens["estimated"] == 20
    assert (estimated.total is not None) == priced
    assert estimated.total == final.total
