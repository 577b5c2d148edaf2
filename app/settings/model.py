"""The settings: ``ANTHROPIC_PROXY_*`` from the environment or a ``.env`` file, read once.

docs/configuration.md shows each field's description. An empty value counts as unset.
"""

import hashlib
import hmac
import ipaddress
import os
import socket
import ssl
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ..budgets.rules import Budget
from ..budgets.rules import parse as parse_budgets
from ..env_file import PREFIX, base_directory
from ..forward.policy import Rule, rules
from ..forward.target import Target
from ..proxy.retry import RetryPolicy
from ..wire.origin import UpstreamBase
from ..wire.timeouts import Timeouts
from .types import (
    MAKE_A_KEY,
    AnyCase,
    BaseUrl,
    Budgets,
    Bytes,
    CaFile,
    Count,
    Delay,
    File,
    ForwardHosts,
    ForwardRules,
    HmacKey,
    Host,
    LabelNames,
    LedgerUrl,
    Names,
    NewFile,
    Port,
    Seconds,
    ToolPatterns,
    Webhook,
)

# With the rules file's bytes and the key, these decide what is forwarded.
FORWARDING = (
    "scrub_mode",
    "scrub_detectors",
    "scrub_placeholder_style",
    "scrub_restore",
    "scrub_restore_tools",
    "scrub_on_skip",
    "scrub_max_body_size",
    "scrub_time_limit",
)


def _state_directory() -> Path:
    return base_directory("XDG_STATE_HOME", ".local/state") / "anthropic-proxy"


class _Environment(PydanticBaseSettingsSource):
    """What the environment says, an empty value being none.

    pydantic's own source asks of every type whether its values are JSON, which takes 5 ms.
    """

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        self._given = {name.upper(): text for name, text in os.environ.items() if text}

    def get_field_value(self, _: Any, field_name: str) -> tuple[str | None, str, bool]:
        """Return the text of one field, None if there is none."""
        return self._given.get(variable(field_name)), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the texts, by field."""
        fields = self.settings_cls.model_fields
        texts = {field: self.get_field_value(info, field)[0] for field, info in fields.items()}
        return {field: text for field, text in texts.items() if text is not None}


class Settings(BaseSettings):
    """Every setting, with its default. Durations in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    # The server
    host: Host = Field("0.0.0.0", description="Address to listen on")  # noqa: S104 - the default asked for
    port: Port = Field(8443, description="HTTPS port of the proxy")
    dashboard_port: Port = Field(9090, description="Plain HTTP port of the dashboard")
    shutdown_timeout: Delay = Field(
        30.0, description="Maximum seconds for running requests to finish at shutdown"
    )
    workers: Annotated[int, Field(ge=1, le=256)] = Field(
        1, description="Number of processes that serve; each one uses one core"
    )
    max_body_size: Bytes = Field(
        512 * 2**20, description="Maximum size of a request body, in bytes"
    )
    max_active_requests: Count = Field(4000, description="Maximum concurrent requests")
    max_connections: Count = Field(4096, description="Maximum connections to the HTTPS port")
    peer_share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.25,
        description="Share of both limits that one address may use; 1 behind a load balancer",
    )
    body_timeout: Seconds = Field(
        60.0, description="Seconds without data after which a request body is refused (408)"
    )
    write_idle: Seconds = Field(
        300.0,
        description="Seconds after which a client that reads none of its response is disconnected",
    )

    # Certificates
    tls_cert_file: File = Field(
        None,
        description="Certificate chain (PEM); default: ./server.crt, else one made at first start",
    )
    tls_key_file: File = Field(None, description="Its private key (PEM); default: ./server.key")
    tls_client_ca_file: CaFile = Field(
        None, description="CA file (PEM); clients must present a certificate that it signed"
    )
    tls_names: Names = Field(
        "",
        description="More host names and addresses for the created certificate, comma-separated",
    )
    state_dir: Annotated[Path, AfterValidator(Path.expanduser)] = Field(
        default_factory=_state_directory,
        description="Directory of the created certificate and of the ledger",
    )

    # Logging
    log_level: Annotated[Literal["debug", "info", "warning", "error"], AnyCase] = Field(
        "info", description="Lowest level to log: debug, info, warning or error"
    )
    log_format: Annotated[Literal["auto", "console", "json"], AnyCase] = Field(
        "auto", description="console or json; auto: console on a terminal, else json"
    )
    log_requests: bool = Field(False, description="Log every request when it ends")
    log_slow_threshold: Delay = Field(
        5.0, description="Seconds after which a request is logged at WARNING"
    )

    # Upstream
    upstream_base_url: BaseUrl = Field(
        "https://api.anthropic.com", description="URL of the API to forward requests to"
    )
    upstream_connect_timeout: Seconds = Field(
        10.0, description="Maximum seconds to connect to upstream"
    )
    upstream_read_timeout: Seconds = Field(
        300.0, description="Maximum seconds without data from upstream"
    )
    upstream_write_timeout: Seconds = Field(
        30.0, description="Maximum seconds that an upload may make no progress"
    )
    upstream_pool_timeout: Seconds = Field(
        10.0, description="Maximum seconds to wait for a connection to upstream"
    )
    upstream_max_connections: Count = Field(
        20,
        description="Maximum HTTP/2 connections to upstream",
    )
    upstream_max_keepalive_connections: Bytes = Field(
        10, description="Maximum idle connections to upstream that are kept open"
    )
    upstream_ca_file: CaFile = Field(
        None, description="CA file (PEM) to verify upstream with, instead of the usual CAs"
    )
    upstream_http2: bool = Field(True, description="Use HTTP/2 to upstream; false: HTTP/1.1")
    upstream_max_streams_per_connection: Annotated[int, Field(ge=1, le=1000)] = Field(
        100,
        description="Maximum requests on one HTTP/2 connection; upstream may allow fewer",
    )
    upstream_ping_interval: Seconds = Field(
        15.0,
        description="Seconds of silence after which a busy HTTP/2 connection is probed with a PING",
    )

    upstream_max_connection_age: Seconds = Field(
        3600.0,
        description="Approximate seconds until a connection is replaced; its streams may finish",
    )

    # Retries of 529
    retry_max_attempts: Annotated[int, Field(ge=0, le=10)] = Field(
        3, description="Maximum retries of an overloaded (529) response; 0: none"
    )
    retry_base_delay: Delay = Field(
        1.0, description="Seconds before the first retry; doubled for each further one"
    )
    retry_after_cap: Delay = Field(
        30.0, description="Maximum seconds to wait for a retry-after header"
    )

    hold_budget: Bytes = Field(
        256 * 2**20,
        description="Maximum bytes of request bodies kept for retries; beyond it, no retry",
    )

    # The scrubber
    scrub_mode: Annotated[Literal["off", "detect", "pseudonymize"], AnyCase] = Field(
        "off", description="Secret scrubber: off, detect (count only) or pseudonymize"
    )
    scrub_hmac_key: HmacKey = Field(
        None, description="64 hex digits; required for pseudonymize and for leak receipts"
    )
    scrub_max_body_size: Bytes = Field(
        10485760, description="Maximum bytes of a body that is scrubbed, images not counted"
    )
    scrub_time_limit: Seconds = Field(
        5.0, description="Maximum CPU seconds to scan a body, plus 1 per megabyte"
    )
    scrub_on_skip: Annotated[Literal["pass", "block"], AnyCase] = Field(
        "pass", description="What to do with a body that cannot be scrubbed: pass it or block it"
    )
    scrub_restore: bool = Field(True, description="Restore the values of placeholders in responses")
    scrub_restore_tools: ToolPatterns = Field(
        "",
        description="Tools whose inputs are restored beyond local ones: mcp__kubernetes__*,-Bash",
    )
    scrub_receipts_file: NewFile = Field(
        None, description="File to append leak receipts to; empty: none"
    )
    scrub_detectors: str = Field(
        "", description="Detectors to use, comma-separated; empty: all built-in ones"
    )
    scrub_rules_file: File = Field(
        None, description="TOML file with your own rules and an allow-list"
    )
    scrub_placeholder_style: Annotated[Literal["angle", "token"], AnyCase] = Field(
        "angle",
        description="Form of placeholders: angle (<ANTHROPIC_KEY_1>) or token (ANTHROPIC-KEY-0001)",
    )

    # The ledger
    ledger: bool = Field(
        True, description="Keep a row per request, never its content, in the state directory"
    )
    ledger_days: Count = Field(90, description="Days to keep a row of the ledger")
    ledger_url: LedgerUrl = Field(
        None,
        description="PostgreSQL to keep the ledger in, instead of a file: postgresql://user:password"
        "@host/database; needs the extra postgres",
    )
    ledger_max_size: Annotated[int, Field(ge=2**20)] = Field(
        2**30,
        description="Maximum bytes of the ledger's file; the oldest rows are deleted first",
    )

    labels: LabelNames = Field(
        "", description="Labels of requests to keep in the ledger, comma-separated: repo,team"
    )

    # Budgets
    budgets: Budgets = Field(
        "",
        description="Budgets in US dollars at list price: day:30,session:5,label.repo=acme:40",
    )
    budget_webhook: Webhook = Field(
        None, description="URL to notify when 50, 80 and 100 % of a budget are used; a secret"
    )
    budget_enforce: bool = Field(
        False, description="Refuse new requests over a budget (429 billing_error)"
    )

    # Access
    access_token: SecretStr | None = Field(
        None, description="Token that clients must send in the header x-anthropic-proxy-token"
    )
    pages_token: SecretStr | None = Field(
        None, description="Token that the pages require, as bearer token or basic password"
    )
    pages_allowed_hosts: str = Field(
        "", description="Additional host names of the pages, comma-separated"
    )

    # Forward-proxy mode
    forward_port: Port | None = Field(
        None, description="Port of the forward proxy (CONNECT, for HTTPS_PROXY); empty: none"
    )
    forward_host: Host = Field(
        "127.0.0.1",
        description="Address of the forward proxy; any other than loopback requires a token",
    )
    forward_hosts: ForwardHosts = Field(
        "api.anthropic.com:443",
        description="Hosts whose tunnels are served by this proxy, comma-separated",
    )
    forward_others: Annotated[Literal["tunnel", "refuse"], AnyCase] = Field(
        "tunnel", description="What to do with tunnels to other hosts: tunnel (blindly) or refuse"
    )
    forward_allow: ForwardRules = Field(
        "",
        description="Local hosts, networks and ports that may be tunnelled to: git.example:8443",
    )
    forward_max_tunnels: Count = Field(1000, description="Maximum open blind tunnels")
    forward_idle: Seconds = Field(
        900.0, description="Seconds without a byte after which a blind tunnel is closed"
    )

    # Prices and alerts
    prices_file: File = Field(
        None, description="TOML file with prices that override the packaged ones"
    )
    alert_error_rate: Annotated[float, Field(gt=0, le=1)] = Field(
        0.1, description="Error rate above which the dashboard shows a banner"
    )
    alert_active: Count = Field(
        10, description="Concurrent requests above which the dashboard shows a banner"
    )

    @classmethod
    def settings_customise_sources(  # type: ignore[override] # pydantic gives the sources by name
        cls, _: type[BaseSettings], **sources: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Leave out files where there are none: a source takes 3 ms to look for every setting."""
        files = [one for one in (sources["dotenv_settings"],) if one.env_file]
        return sources["init_settings"], _Environment(cls), *files

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        if self.scrub_mode == "pseudonymize" and self.scrub_hmac_key is None:
            raise ValueError(
                f"{PREFIX}SCRUB_HMAC_KEY: is needed with {PREFIX}SCRUB_MODE=pseudonymize; "
                f"{MAKE_A_KEY}"
            )
        if self.scrub_receipts_file is not None and self.scrub_hmac_key is None:
            raise ValueError(
                f"{PREFIX}SCRUB_HMAC_KEY: is needed with {PREFIX}SCRUB_RECEIPTS_FILE; {MAKE_A_KEY}"
            )
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError(
                f"{PREFIX}TLS_CERT_FILE, {PREFIX}TLS_KEY_FILE: set both of them, or none"
            )
        self._check_ports()
        self._check_budgets()
        if self.forward_port is not None and not self.forward_is_local and not self.access_token:
            raise ValueError(
                f"{PREFIX}FORWARD_HOST={self.forward_host}: needs {PREFIX}ACCESS_TOKEN, because "
                "other machines could use the forward proxy"
            )
        return self

    def _check_ports(self) -> None:
        names = ("port", "dashboard_port", "forward_port")
        for one, other in combinations(names, 2):
            number = getattr(self, one)
            if number and number == getattr(self, other):
                raise ValueError(
                    f"{PREFIX}{one.upper()}, {PREFIX}{other.upper()}: both are {number}; they must "
                    "differ"
                )

    def _check_budgets(self) -> None:
        if not self.budget_rules:
            if self.budget_enforce:
                raise ValueError(f"{PREFIX}BUDGETS: is needed with {PREFIX}BUDGET_ENFORCE=true")
            return
        if not self.ledger:
            raise ValueError(
                f"{PREFIX}LEDGER: must be true with {PREFIX}BUDGETS: budgets are read from it"
            )
        labels = {budget.label[0] for budget in self.budget_rules if budget.label is not None}
        if missing := sorted(labels - set(self.label_names)):
            raise ValueError(
                f"{PREFIX}LABELS: must name {','.join(missing)}, which {PREFIX}BUDGETS uses"
            )

    @property
    def origin(self) -> UpstreamBase:
        """Where requests go."""
        return UpstreamBase.parse(self.upstream_base_url)

    @property
    def timeouts(self) -> Timeouts:
        """The four upstream time-outs."""
        return Timeouts(
            connect=self.upstream_connect_timeout,
            read=self.upstream_read_timeout,
            write=self.upstream_write_timeout,
            pool=self.upstream_pool_timeout,
        )

    @property
    def own_certificate(self) -> tuple[Path, Path] | None:
        """The user's chain and key: those set, else those in the working directory, if any."""
        if self.tls_cert_file is not None and self.tls_key_file is not None:
            return self.tls_cert_file, self.tls_key_file
        found = Path("server.crt"), Path("server.key")
        return found if all(file.is_file() for file in found) else None

    @property
    def extra_names(self) -> tuple[str, ...]:
        """The names that the user asks the made certificate to cover."""
        return tuple(self.tls_names.split(",")) if self.tls_names else ()

    @property
    def forward_targets(self) -> tuple[Target, ...]:
        """The hosts whose tunnels are served by this proxy."""
        return tuple(map(Target.parse, self.forward_hosts.split(",")))

    @property
    def forward_rules(self) -> tuple[Rule, ...]:
        """What else tunnels may lead to."""
        return rules(filter(None, self.forward_allow.split(",")))

    @property
    def forward_directory(self) -> Path:
        """Where the certificate and the CA of intercepted hosts are kept."""
        return self.state_dir / "forward"

    @property
    def forward_is_local(self) -> bool:
        """Whether only this machine reaches the forward proxy."""
        try:
            return ipaddress.ip_address(self.forward_host).is_loopback
        except ValueError:
            return self.forward_host.lower() == "localhost"

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of the labels that the ledger keeps."""
        return tuple(self.labels.split(",")) if self.labels else ()

    @property
    def budget_rules(self) -> tuple[Budget, ...]:
        """The budgets."""
        return parse_budgets(self.budgets)

    @property
    def upstream_tls(self) -> ssl.SSLContext:
        """What upstream's certificate is checked with; ``SSL_CERT_FILE`` counts, too."""
        if self.upstream_ca_file is None:
            return httpx.create_ssl_context()
        return ssl.create_default_context(cafile=self.upstream_ca_file)

    @property
    def fingerprint(self) -> str:
        """A short hash of what changes the bodies that are forwarded, and of nothing else.

        Replicas with the same one forward alike. The key takes part through an HMAC of it, so
        that the hash tells nothing about it.
        """
        chosen = {name: getattr(self, name) for name in FORWARDING}
        parts = (chosen, _digest(self.scrub_rules_file), _mark(self.scrub_hmac_key))
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """Host names, lower case, under which the pages may be opened."""
        named = {name.strip().lower() for name in self.pages_allowed_hosts.split(",")}
        return frozenset(
            named - {""} | set(self.extra_names) | {self.host.lower(), socket.gethostname().lower()}
        )

    @property
    def scrub_key(self) -> bytes:
        """The scrubber's key, empty without one."""
        return bytes.fromhex(revealed(self.scrub_hmac_key) or "")

    @property
    def scrub_blocks(self) -> bool:
        """Whether a body that cannot be scrubbed is refused.

        Whoever only counts is promised that every body is forwarded untouched.
        """
        return self.scrub_on_skip == "block" and self.scrub_mode == "pseudonymize"

    @property
    def retry(self) -> RetryPolicy:
        """When a 529 is tried again."""
        return RetryPolicy(self.retry_max_attempts, self.retry_base_delay, self.retry_after_cap)


def _digest(file: Path | None) -> str | None:
    """Return the hash of a file, None when there is none to read: that is told elsewhere."""
    try:
        return None if file is None else hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return None


def _mark(key: SecretStr | None) -> str | None:
    """Return a mark of a hexadecimal key that only who has it can make."""
    if key is None:
        return None
    secret = bytes.fromhex(key.get_secret_value())
    return hmac.new(secret, b"anthropic-proxy configuration", hashlib.sha256).hexdigest()


def revealed(secret: SecretStr | None) -> str | None:
    """Return the text of a secret, None without one."""
    return None if secret is None else secret.get_secret_value()


def variable(field: str) -> str:
    """Return the environment variable of a field."""
    return PREFIX + field.upper()


def default(field: str) -> Any:
    """Return the default of a field."""
    return Settings.model_fields[field].get_default(call_default_factory=True)


def effective(settings: Settings) -> dict[str, str]:
    """Return each variable's value as text, secrets masked."""
    return {variable(name): _shown(getattr(settings, name)) for name in Settings.model_fields}


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return "********"
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
