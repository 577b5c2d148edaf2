"""What tests of several packages share: imported by name, as fixtures are found."""

from collections.abc import Iterator

import pytest

from tests.otel.receiver import Receiver, receiving


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Return a receiver to which whatever starts from now on exports at once."""
    with receiving() as made:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
        yield made
