"""WCAG 2.2 contrast of the theme's colours, those behind bars included, which axe cannot judge."""

import re

import pytest

from app.pages.dashboard import FILES

THEME = (FILES / "theme.css").read_text(encoding="utf-8")
LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
    for block in re.findall(r":root \{([^}]*)\}", THEME)
)
GROUNDS = ("ground", "panel", "bar", "bad-ground", "warn-ground", "ok-ground")
TEXTS = ("text", "muted")  # ordinary text: 4.5:1 (1.4.3)
SHAPES = ("ok", "warn", "bad", "blue", "teal", "amber", "orange", "violet")  # 3:1 (1.4.11)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("ground", GROUNDS)
def test_text_stands_out_from_every_ground(theme: dict[str, str], text: str, ground: str) -> None:
    assert contrast(theme[text], theme[ground]) >= 4.5


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_and_lines_stand_out_from_panels_and_bars(theme: dict[str, str], shape: str) -> None:
    assert contrast(theme[shape], theme["panel"]) >= 3
    assert contrast(theme[shape], theme["bar"]) >= 3


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio (WCAG 2.2, "contrast ratio")."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: str) -> float:
    """Return the relative luminance (WCAG 2.2, "relative luminance")."""
    shares = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return sum(w * part for w, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
