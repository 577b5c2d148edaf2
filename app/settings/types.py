"""The types of the settings' values, and what each allows."""

import ipaddress
import re
import ssl
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import httpx
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from ..budgets import rules as budget_rules
from ..forward.policy import rules
from ..forward.target import HTTPS, LONGEST_NAME, Target
from ..ledger.labels import MAX_LABELS
from ..ledger.labels import NAME as LABEL_NAME
from ..ledger.server import Server
from ..scrubber.restore.sinks import ToolPolicy
from ..wire.origin import LOOPBACK, UpstreamBase

HMAC_KEY = re.compile(r"[0-9a-fA-F]{64}")  # the 256 bits of HMAC-SHA256's key
MAKE_A_KEY = 'make one with: python3 -c "import secrets; print(secrets.token_hex(32))"'
HOST_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*")
MISTYPED_ADDRESS = re.compile(r".*\.\d+")  # no top-level domain is a number (RFC 3696 §2)
CERTIFIED = re.compile(rf"(?:\*\.(?=[^.]+\.))?{HOST_NAME.pattern}")  # clients refuse *.com


def _base_url(value: str) -> str:
    UpstreamBase.parse(value)
    if not _is_url(value):
        raise ValueError("must look like https://api.anthropic.com, with a valid host")
    return value.rstrip("/")


def _is_url(value: str) -> bool:
    """Return True for a URL that can be asked: requests are made from it by httpx."""
    try:
        httpx.URL(value)
    except httpx.InvalidURL:
        return False
    return True


def _host(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        if not HOST_NAME.fullmatch(value) or MISTYPED_ADDRESS.fullmatch(value):
            raise ValueError("must be an IP address or a host name") from None
    return value


def _names(value: str) -> str:
    """Check a list of names; return it in one spelling, each name once."""
    names = [name.strip().lower().removesuffix(".") for name in value.split(",")]
    return ",".join(dict.fromkeys(_certified(name) for name in names if name))


def _certified(name: str) -> str:
    """Return a name as a certificate holds it: a wildcard stands for one whole label."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        usable = CERTIFIED.fullmatch(name) and not MISTYPED_ADDRESS.fullmatch(name)
        if len(name) > LONGEST_NAME or not usable:
            raise ValueError(
                "must be host names (*.example.com, xn-- for other scripts) and IP addresses, "
                "comma-separated, without port"
            ) from None
        return name
    if address.is_unspecified or "%" in name:
        raise ValueError(
            "must not contain 0.0.0.0, :: or an address with a zone: no client can verify them"
        )
    return str(address)


def _label_names(value: str) -> str:
    """Check a list of labels; return it in one spelling, each name once."""
    names = [name.strip().lower() for name in value.split(",")]
    found = dict.fromkeys(name for name in names if name)
    if len(found) > MAX_LABELS or not all(map(LABEL_NAME.fullmatch, found)):
        raise ValueError(
            f"must be at most {MAX_LABELS} names of letters, digits and _, comma-separated"
        )
    return ",".join(found)


def _forward_hosts(value: str) -> str:
    """Check a list of hosts that a certificate is made for; return it in one spelling."""
    targets = [Target.parse(text, default=HTTPS) for text in _listed(value)]
    if not targets or any(target.address for target in targets):
        raise ValueError("must be host names, comma-separated, with or without a port")
    _names(",".join(target.host for target in targets))
    return ",".join(dict.fromkeys(target.authority for target in targets))


def _forward_rules(value: str) -> str:
    for text in _listed(value):
        try:
            rules([text])
        except ValueError:
            raise ValueError(
                f"{text!r} is not a host, a *.domain, an address or a network, with or without "
                ":port, such as git.example:8443 or 10.0.0.0/8"
            ) from None
    return ",".join(_listed(value))


def _listed(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def _budgets(value: str) -> str:
    budget_rules.parse(value)
    return value


def _webhook(value: SecretStr | None) -> SecretStr | None:
    """Check a URL that is a secret: it may go over plain HTTP on this machine only."""
    url = value and value.get_secret_value()
    if url and not (url.isascii() and url.isprintable() and " " not in url and _may_be_told(url)):
        raise ValueError(
            "must be an https:// URL without user name; http:// only to localhost, 127.0.0.1, [::1]"
        )
    return value


def _may_be_told(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError when out of range
    except ValueError:
        return False
    if "@" in parts.netloc or not parts.hostname or not _is_url(url):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def _hmac_key(value: SecretStr | None) -> SecretStr | None:
    if value is not None and not HMAC_KEY.fullmatch(value.get_secret_value()):
        raise ValueError(f"must be 64 hex digits; {MAKE_A_KEY}")
    return value


def _ledger_url(value: SecretStr | None) -> SecretStr | None:
    """Check a URL; a secret that was made from a file often ends with a line break."""
    if value is None:
        return None
    url = value.get_secret_value().strip()
    Server(url)
    return SecretStr(url)


def _existing(value: Path | None) -> Path | None:
    file = None if value is None else value.expanduser()
    if file is not None and not file.is_file():
        raise ValueError("must be a file that exists")
    return file


def _tool_patterns(value: str) -> str:
    ToolPolicy.parse(value)
    return value


def _in_a_directory(value: Path | None) -> Path | None:
    file = None if value is None else value.expanduser()
    if file is not None and (file.is_dir() or not file.parent.is_dir()):
        raise ValueError("must be a file in a directory that exists")
    return file


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _authorities(value: Path | None) -> Path | None:
    if value is not None:
        try:
            ssl.create_default_context(cafile=value)
        except OSError:  # SSLError is one
            raise ValueError("must be a PEM file with the certificates of CAs") from None
    return value


Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Delay = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Bytes = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Budgets = Annotated[str, AfterValidator(_budgets)]
Webhook = Annotated[SecretStr | None, AfterValidator(_webhook)]
Host = Annotated[str, AfterValidator(_host)]
LedgerUrl = Annotated[SecretStr | None, AfterValidator(_ledger_url)]
LabelNames = Annotated[str, AfterValidator(_label_names)]
Names = Annotated[str, AfterValidator(_names)]
ForwardHosts = Annotated[str, AfterValidator(_forward_hosts)]
ForwardRules = Annotated[str, AfterValidator(_forward_rules)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
AnyCase = BeforeValidator(_lower)  # of a word that is one of a few
HmacKey = Annotated[SecretStr | None, AfterValidator(_hmac_key)]
File = Annotated[Path | None, AfterValidator(_existing)]
CaFile = Annotated[File, AfterValidator(_authorities)]
ToolPatterns = Annotated[str, AfterValidator(_tool_patterns)]
NewFile = Annotated[Path | None, AfterValidator(_in_a_directory)]
