"""Tokens of a known shape."""

import re

from .. import validators
from ..detector import Detector, Finder
from ..edges import after

_WORD = after("A-Za-z0-9")
_DASHED = after("A-Za-z0-9_-")
_LONGER = re.compile(r",[0-9]+\}\Z")  # a gate need not tell how far a token goes


def _token(name: str, head: str, shape: str, example: str, *, dashed: bool = False) -> Detector:
    """Return the detector of ``head`` and a body of ``shape``, which is valid in RE2 and ``re``."""
    return Detector(
        name=name,
        gate=(_DASHED if dashed else _WORD) + f"({head}{_LONGER.sub('}', shape)})",
        anchors=(head.replace("\\", "").encode(),) if head else (b":AA",),
        heads=head[:1] or "0123456789",
        pattern=re.compile(f"{head}{shape}(?![A-Za-z0-9_])".encode()),
        examples=(head.replace("\\", "") + example,),
        negatives=(head.replace("\\", ""), f"x{head}{example}".replace("\\", "")),
    )


TOKENS: tuple[Detector, ...] = (
    _token("gitlab_token", "glpat-", "[A-Za-z0-9_-]{20,300}", "a1b2c3d4e5f6g7h8i9j0", dashed=True),
    _token("slack_token", "xoxb-", "[A-Za-z0-9-]{20,250}", "1234567890-abcdefghijkl", dashed=True),
    _token(
        "slack_user_token", "xoxp-", "[A-Za-z0-9-]{20,250}", "1234567890-abcdefghijkl", dashed=True
    ),
    _token("npm_token", "npm_", "[A-Za-z0-9]{36}", "a1B2" * 9),
    _token("pypi_token", "pypi-", "[A-Za-z0-9_-]{50,250}", "AgEIcHlwaS5vcmc" * 4, dashed=True),
    _token("huggingface_token", "hf_", "[A-Za-z0-9]{34,40}", "aB" * 17),
    _token("twilio_key", "SK", "[0-9a-f]{32}", "0123456789abcdef" * 2),
    _token(
        "sendgrid_key", r"SG\.", r"[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}", f"{'a1' * 11}.{'b' * 43}"
    ),
    _token("digitalocean_token", "dop_v1_", "[0-9a-f]{64}", "0123456789abcdef" * 4),
    _token("groq_key", "gsk_", "[A-Za-z0-9]{48,64}", "a1B2" * 13),
    _token("databricks_token", "dapi", "[0-9a-f]{32}", "0123456789abcdef" * 2),
    _token("linear_key", "lin_api_", "[A-Za-z0-9]{40}", "a1B2" * 10),
    _token("shopify_token", "shpat_", "[0-9a-fA-F]{32}", "0123456789abcdef" * 2),
    _token("postman_key", "PMAK-", "[0-9a-f]{24}-[0-9a-f]{34}", f"{'0a' * 12}-{'1b' * 17}"),
    _token("docker_token", "dckr_pat_", "[A-Za-z0-9_-]{27}", "a1B2c3" * 4 + "xyz", dashed=True),
    _token(
        "telegram_bot_token", "", "[0-9]{8,10}:AA[A-Za-z0-9_-]{33}", f"123456789:AA{'a1b' * 11}"
    ),
    Detector(
        name="azure_storage_key",
        finders=(Finder(b"AccountKey="),),
        pattern=re.compile(rb"AccountKey=(?P<secret>[A-Za-z0-9+/]{86}==)"),
        group="secret",
        examples=("DefaultEndpointsProtocol=https;AccountKey=" + "a1B2" * 21 + "ab==",),
        negatives=("AccountKey={storage_key}",),
    ),
)


def _is_legacy_vault(match: re.Match[bytes]) -> bool:
    body = match["body"]
    return body is None or (validators.has_both_cases(body) and validators.is_random(body))


VAULT_LEGACY_TOKEN = Detector(
    name="vault_legacy_token",
    gate=after("A-Za-z0-9._-") + r"(s\.[A-Za-z0-9]{24}|b\.AAAAAQ[A-Za-z0-9_-]{20})",
    anchor=r"s\.[A-Za-z0-9]{24}|b\.AAAAAQ",
    heads="sb",
    pattern=re.compile(
        rb"s\.(?P<body>[A-Za-z0-9]{24})(?![A-Za-z0-9_(\[=-])(?:\.[A-Za-z0-9]{5}(?![A-Za-z0-9]))?"
        rb"|b\.AAAAAQ[A-Za-z0-9_-]{20,}+"
    ),
    accepts=_is_legacy_vault,
    examples=("s." + "f3Z9kQw7LxTb2NvR8mYcJd4H", "b." + "AAAAAQ" * 6),
    negatives=(
        "s.f3Z9kQw7LxTb2NvR8mYcJd4H5",
        "s.someVeryLongPropertyName",
        "this.s.f3Z9kQw7LxTb2NvR8mYcJd4H",
        "s.getVeryLongPropertyNamed()",
    ),
)
GOOGLE_OAUTH = Detector(
    name="google_oauth",
    gate=_WORD + r"(GOCSPX-[A-Za-z0-9_-]{28}|ya29\.[A-Za-z0-9_-]{20})",
    anchors=(b"GOCSPX-", b"ya29."),
    heads="Gy",
    pattern=re.compile(rb"GOCSPX-[A-Za-z0-9_-]{28}|ya29\.[A-Za-z0-9_.-]{20,16384}(?<![.-])"),
    examples=("GOCSPX-" + "a1B2" * 7, "ya29." + "a0AfB_byC1" * 6),
    negatives=("GOCSPX-", "ya29.short"),
)
