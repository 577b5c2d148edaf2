"""Real source text: no body breaks, no text changes except for hits, hardly anything is found.

``make scrub-corpus`` runs more of it.
"""

import pytest

from benchmarks.scrub_corpus import GUTTERS, Found, folders, run
from tests.thorough import scaled

MEGABYTES = scaled(10, 1)  # of bodies
PER_MEGABYTE = 1.0  # of text: examples of secrets in well-known packages


@pytest.fixture(scope="module")
def found() -> Found:
    return run(MEGABYTES, folders())


def test_real_source_text_goes_through_every_gutter_unbroken(found: Found) -> None:
    assert found.bytes >= MEGABYTES * 1_000_000
    assert found.broken == []
    assert found.changed == []


def test_real_source_text_holds_no_secrets_but_examples(found: Found) -> None:
    secrets = [hit for hit in found.hits if hit[0] != "email"]
    assert len(secrets) <= PER_MEGABYTE * MEGABYTES / (2 * len(GUTTERS)), secrets
