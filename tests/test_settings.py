"""Behaviour D2: the settings, their defaults, and the message for a bad one."""

import os
import re
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import settings
from app.certificates import Certificate
from app.failures import SettingsError
from app.forward.target import Target
from app.proxy.retry import RetryPolicy
from app.settings import PREFIX, Settings, load, unknown, variable
from app.settings.model import FORWARDING
from app.wire.timeouts import Timeouts
from tests import processes
from tests.cases import every_case

ROOT = Path(__file__).parents[1]
KEY = "0123456789abcdefABCDEF" + "0" * 42

# The user's document, then what issue 2 adds.
DEFAULTS: dict[str, Any] = {
    "HOST": "0.0.0.0",  # noqa: S104 - the default asked for
    "PORT": 8443,
    "DASHBOARD_PORT": 9090,
    "SHUTDOWN_TIMEOUT": 30.0,
    "LOG_LEVEL": "info",
    "LOG_REQUESTS": False,
    "LOG_SLOW_THRESHOLD": 5.0,
    "UPSTREAM_BASE_URL": "https://api.anthropic.com",
    "UPSTREAM_CONNECT_TIMEOUT": 10.0,
    "UPSTREAM_READ_TIMEOUT": 300.0,
    "UPSTREAM_WRITE_TIMEOUT": 30.0,
    "UPSTREAM_POOL_TIMEOUT": 10.0,
    "UPSTREAM_MAX_CONNECTIONS": 20,
    "UPSTREAM_MAX_KEEPALIVE_CONNECTIONS": 10,
    "SCRUB_MODE": "off",
    "SCRUB_HMAC_KEY": None,
    "SCRUB_MAX_BODY_SIZE": 10485760,
    "TLS_CERT_FILE": None,
    "TLS_KEY_FILE": None,
    "UPSTREAM_CA_FILE": None,
    "UPSTREAM_HTTP2": True,
    "LOG_FORMAT": "auto",
    "RETRY_MAX_ATTEMPTS": 3,
    "RETRY_BASE_DELAY": 1.0,
    "RETRY_AFTER_CAP": 30.0,
    "HOLD_BUDGET": 256 * 2**20,
    "UPSTREAM_MAX_CONNECTION_AGE": 3600.0,
}


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Start in an empty directory with none of the settings set."""
    for name in os.environ:
        if name.upper().startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def _set(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(PREFIX + name, value)


@pytest.mark.parametrize(("name", "default"), DEFAULTS.items(), ids=DEFAULTS)
def test_a_setting_has_the_default_that_was_asked_for(name: str, default: object) -> None:
    value = getattr(load(), name.lower())
    assert (value, type(value)) == (default, type(default))


def test_empty_values_count_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = load().model_dump()
    for name in Settings.model_fields:
        monkeypatch.setenv(variable(name), "")
    assert load().model_dump() == defaults


@every_case("name", Settings.model_fields.keys())
def test_every_setting_says_what_it_is(name: str) -> None:
    assert Settings.model_fields[name].description


def test_settings_come_from_an_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "# comment\nANTHROPIC_PROXY_PORT=9443\nexport ANTHROPIC_PROXY_LOG_LEVEL='debug'\nOTHER=1\n"
    )
    assert (load().port, load().log_level) == (9443, "debug")


def test_the_environment_goes_before_the_env_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("ANTHROPIC_PROXY_PORT=9443\n")
    _set(monkeypatch, PORT="9444")
    assert load().port == 9444


def test_an_empty_value_leaves_the_env_file_in_force(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("ANTHROPIC_PROXY_PORT=9443\n")
    _set(monkeypatch, PORT="")
    assert load().port == 9443


def test_an_env_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"ANTHROPIC_PROXY_HOST=\xff\n")
    with pytest.raises(SettingsError, match=r"^\.env cannot be read"):
        load()


def test_an_env_file_that_is_a_directory_is_named_once(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(SettingsError, match=r"^\.env cannot be read: Is a directory$"):
        load()


BAD = [
    ("PORT", "x", "must be an integer"),
    ("PORT", "65536", "must be less than or equal to 65535"),
    ("PORT", "-1", "greater than or equal to 0"),
    ("DASHBOARD_PORT", "80.5", "integer"),
    ("HOST", "a b", "IP address or a host name"),
    ("HOST", "[::1]", "IP address or a host name"),
    ("HOST", "a..b", "IP address or a host name"),
    ("HOST", "127.0.0.256", "IP address or a host name"),
    ("HOST", "0.0.0", "IP address or a host name"),
    ("SHUTDOWN_TIMEOUT", "-1", "greater than or equal to 0"),
    ("SHUTDOWN_TIMEOUT", "nan", "finite"),
    ("UPSTREAM_READ_TIMEOUT", "0", "greater than 0"),
    ("UPSTREAM_READ_TIMEOUT", "inf", "finite"),
    ("UPSTREAM_READ_TIMEOUT", "5s", "must be a number"),
    ("UPSTREAM_MAX_CONNECTIONS", "0", "greater than or equal to 1"),
    ("UPSTREAM_BASE_URL", "api.anthropic.com", "http or https"),
    ("UPSTREAM_BASE_URL", "https://host/?a=b", "query"),
    ("UPSTREAM_BASE_URL", "https://256.256.256.256", "valid host"),
    ("UPSTREAM_HTTP2", "maybe", "true or false"),
    ("UPSTREAM_CA_FILE", "missing.pem", "file that exists"),
    ("UPSTREAM_CA_FILE", __file__, "PEM file"),
    ("TLS_CLIENT_CA_FILE", __file__, "PEM file"),
    ("TLS_CERT_FILE", "missing.crt", "file that exists"),
    ("SCRUB_RECEIPTS_FILE", "missing/receipts.jsonl", "file in a directory that exists"),
    ("SCRUB_RECEIPTS_FILE", "/", "file in a directory that exists"),
    ("LABELS", "team,a b", "names of letters, digits and _"),
    ("LABELS", ",".join(f"label{number}" for number in range(40)), "at most"),
    ("LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
    ("LOG_FORMAT", "xml", "'auto', 'console' or 'json'"),
    ("LOG_REQUESTS", "2", "true or false"),
    ("SCRUB_MODE", "on", "'off', 'detect' or 'pseudonymize'"),
    ("SCRUB_ON_SKIP", "drop", "'pass' or 'block'"),
    ("RETRY_MAX_ATTEMPTS", "11", "less than or equal to 10"),
    ("ALERT_ERROR_RATE", "10", "less than or equal to 1"),
]


@pytest.mark.parametrize(("name", "value", "allowed"), BAD)
def test_a_bad_value_is_named_with_its_variable_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    _set(monkeypatch, **{name: value})
    with pytest.raises(SettingsError) as caught:
        load()
    message = str(caught.value)
    assert message.startswith(f"{PREFIX}{name}={value!r}: ")
    assert allowed in message
    assert "\n" not in message


def test_a_bad_value_in_the_env_file_is_named_as_well(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ANTHROPIC_PROXY_PORT=x\n")
    with pytest.raises(SettingsError, match=r"^ANTHROPIC_PROXY_PORT='x': "):
        load()


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"BUDGETS": "week:3"}, "BUDGETS='week:3': must be budgets in US dollars"),
        ({"BUDGETS": "day:3", "LEDGER": "false"}, "LEDGER: must be true with ANTHROPIC_PROXY_BUDG"),
        ({"BUDGETS": "label.team=a:3", "LABELS": "repo"}, "LABELS: must name team"),
        ({"BUDGET_ENFORCE": "true"}, "BUDGETS: is needed with ANTHROPIC_PROXY_BUDGET_ENFORCE"),
        *(
            ({"BUDGET_WEBHOOK": url}, "BUDGET_WEBHOOK=(hidden): must be an https:// URL")
            for url in (
                "http://hooks.example.com/T-fake",
                "https://user:pw@hooks.example.com/T-fake",
                "https:///T-fake",
                "ftp://localhost/T-fake",
                "https://hooks.example.com:99999/T-fake",
                "https://hooks.example.com/T fake",
                "https://256.0.0.1/T-fake",
                "https://hooks.example.com/" + "T" * 70_000,
            )
        ),
    ],
)
def test_a_budget_that_cannot_be_kept_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    for name, text in variables.items():
        monkeypatch.setenv(PREFIX + name, text)
    with pytest.raises(SettingsError) as caught:
        load()
    assert said in str(caught.value)
    assert "fake" not in str(caught.value)


def test_every_bad_value_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, PORT="x", LOG_LEVEL="loud", SCRUB_HMAC_KEY="fake")
    with pytest.raises(SettingsError) as caught:
        load()
    names = [line.partition("=")[0] for line in str(caught.value).splitlines()]
    assert names == [PREFIX + name for name in ("PORT", "LOG_LEVEL", "SCRUB_HMAC_KEY")]


@pytest.mark.parametrize("key", ["fake", "z" * 64, "a" * 63, "a" * 65, "a" * 63 + " ", "à" * 64])
def test_a_bad_hmac_key_is_never_shown_and_a_good_one_is_explained(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    _set(monkeypatch, SCRUB_HMAC_KEY=key)
    with pytest.raises(SettingsError) as caught:
        load()
    assert str(caught.value).startswith(f"{PREFIX}SCRUB_HMAC_KEY=(hidden): must be 64 hex digits")
    assert "secrets.token_hex(32)" in str(caught.value)
    assert key not in str(caught.value)


@given(st.from_regex(r"\A[0-9a-fA-F]{64}\Z"))
def test_every_key_of_64_hex_digits_is_good(key: str) -> None:
    made = Settings(_env_file=None, scrub_hmac_key=key)  # type: ignore[call-arg, arg-type]
    assert made.scrub_hmac_key is not None
    assert len(bytes.fromhex(made.scrub_hmac_key.get_secret_value())) == 32


def test_pseudonymizing_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, SCRUB_MODE="pseudonymize")
    with pytest.raises(SettingsError, match=r"SCRUB_HMAC_KEY: is needed with .*token_hex"):
        load()
    _set(monkeypatch, SCRUB_HMAC_KEY=KEY)
    assert load().scrub_mode == "pseudonymize"


def test_receipts_need_a_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _set(monkeypatch, SCRUB_RECEIPTS_FILE=str(tmp_path / "receipts.jsonl"))
    with pytest.raises(SettingsError, match=r"SCRUB_HMAC_KEY: is needed with .*RECEIPTS_FILE"):
        load()


def test_detecting_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, SCRUB_MODE="detect")
    assert load().scrub_hmac_key is None


def test_a_certificate_without_its_key_is_refused(
    monkeypatch: pytest.MonkeyPatch, certificate: Certificate
) -> None:
    _set(monkeypatch, TLS_CERT_FILE=str(certificate.cert_file))
    with pytest.raises(SettingsError, match=r"TLS_CERT_FILE, .*TLS_KEY_FILE: set both"):
        load()


def test_both_ports_must_differ_unless_any_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, PORT="9090")
    with pytest.raises(SettingsError, match=r"PORT, .*DASHBOARD_PORT: both are 9090"):
        load()
    _set(monkeypatch, PORT="0", DASHBOARD_PORT="0")
    assert load().port == load().dashboard_port == 0


def test_the_forward_proxy_is_for_this_machine_unless_there_is_a_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert load().forward_port is None
    _set(monkeypatch, FORWARD_PORT="8444")
    for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"):
        _set(monkeypatch, FORWARD_HOST=host)
        assert load().forward_is_local
    for host in ("0.0.0.0", "::", "192.0.2.1", "proxy.example"):  # noqa: S104 - not bound
        _set(monkeypatch, FORWARD_HOST=host)
        with pytest.raises(SettingsError, match=r"FORWARD_HOST=.*ACCESS_TOKEN"):
            load()
    _set(monkeypatch, ACCESS_TOKEN="fake-token")
    assert not load().forward_is_local
    _set(monkeypatch, PORT="8444")
    with pytest.raises(SettingsError, match=r"PORT, .*FORWARD_PORT: both are 8444"):
        load()


def test_hosts_and_allowed_targets_of_the_forward_proxy_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert load().forward_targets == (Target("api.anthropic.com", 443),)
    _set(monkeypatch, FORWARD_HOSTS="API.anthropic.com., other.example:8443,api.anthropic.com:443")
    assert load().forward_hosts == "api.anthropic.com:443,other.example:8443"
    _set(monkeypatch, FORWARD_ALLOW=" git.example:8443 ,10.0.0.0/8,, *.corp.example")
    assert len(load().forward_rules) == 3
    for name, value in (
        ("FORWARD_HOSTS", "192.0.2.1"),
        ("FORWARD_HOSTS", "*.anthropic.com"),
        ("FORWARD_HOSTS", "https://api.anthropic.com"),
        ("FORWARD_HOSTS", ","),
        ("FORWARD_ALLOW", "10.0.0.0/33"),
        ("FORWARD_ALLOW", "git.example:0"),
        ("FORWARD_ALLOW", "http://git.example"),
        ("FORWARD_OTHERS", "drop"),
    ):
        with monkeypatch.context() as only:
            _set(only, **{name: value})
            with pytest.raises(SettingsError, match=name) as caught:
                load()
            if name == "FORWARD_ALLOW":
                assert f"{value!r} is not a host, a *.domain, an address or a network" in str(
                    caught.value
                )


def test_a_password_in_the_base_url_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _set(monkeypatch, UPSTREAM_BASE_URL="https://user:fake-password@host")
    with pytest.raises(SettingsError, match="user name") as caught:
        load()
    assert "fake-password" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("PRTO", "PORT"),
        ("DASHBORD_PORT", "DASHBOARD_PORT"),
        ("UPSTREAM_URL", "UPSTREAM_BASE_URL"),
        ("SCRUBMODE", "SCRUB_MODE"),
        ("UPSTREAM_TIMEOUT", "UPSTREAM_"),
    ],
)
def test_an_unknown_variable_is_named_with_the_nearest_one(name: str, guess: str) -> None:
    [warning] = unknown({PREFIX + name: "1", PREFIX + "PORT": "1", "PATH": "x"})
    assert warning.startswith(f"{PREFIX}{name} is not a setting")
    assert f"did you mean {PREFIX}{guess}" in warning


def test_unknown_variables_of_the_env_file_are_named_without_their_values(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ANTHROPIC_PROXY_ACESS_TOKEN=fake-token\nOTHER=1\n")
    [warning] = unknown({})
    assert "did you mean ANTHROPIC_PROXY_ACCESS_TOKEN?" in warning
    assert "fake-token" not in warning


@pytest.mark.parametrize(
    "name", ["ANTHROPIC_SCRUB_MODE", "ANTHROPIC_PROXI_SCRUB_MODE", "antropic_proxy_scrub_mode"]
)
def test_a_scrubber_setting_with_a_misspelt_prefix_stops_the_start(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "pseudonymize")
    with pytest.raises(SettingsError, match=f"did you mean {PREFIX}SCRUB_MODE"):
        load()


def test_known_variables_are_fine_in_either_case() -> None:
    assert unknown({variable(name): "" for name in Settings.model_fields}) == []
    assert unknown({"anthropic_proxy_port": "1"}) == []


def test_secrets_are_masked_where_settings_are_shown() -> None:
    made = Settings(
        _env_file=None,  # type: ignore[call-arg]
        scrub_hmac_key=KEY,  # type: ignore[arg-type]
        access_token="fake-access",  # type: ignore[arg-type]
        pages_token="fake-pages",  # type: ignore[arg-type]
    )
    shown = settings.effective(made)
    assert list(shown) == [variable(name) for name in Settings.model_fields]
    for text in (str(shown), repr(made), made.model_dump_json(), made.fingerprint):
        assert not re.search(f"{KEY}|fake-access|fake-pages", text)
    assert shown[PREFIX + "ACCESS_TOKEN"] == "********"
    assert (shown[PREFIX + "UPSTREAM_HTTP2"], shown[PREFIX + "TLS_CERT_FILE"]) == ("true", "")


def test_the_parts_get_their_own_types(certificate: Certificate) -> None:
    made = Settings(
        _env_file=None,  # type: ignore[call-arg]
        upstream_base_url="https://gateway.example:8443/a/",
        upstream_read_timeout=60,
        retry_base_delay=0.5,
        pages_allowed_hosts=" Proxy.Example, other.example,,",
        upstream_ca_file=certificate.ca_file,
    )
    assert (made.origin.host, made.origin.prefix) == (b"gateway.example:8443", b"/a")
    assert made.timeouts == Timeouts(connect=10.0, read=60.0, write=30.0, pool=10.0)
    assert made.retry == RetryPolicy(3, 0.5, 30.0)
    assert {"proxy.example", "other.example"} < made.allowed_hosts
    assert "" not in made.allowed_hosts
    assert len(made.upstream_tls.get_ca_certs()) == 1
    assert made.upstream_tls.verify_mode is ssl.CERT_REQUIRED


def test_settings_do_not_change_once_read() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().port = 1


def test_the_files_of_the_working_directory_are_found_only_as_a_pair(tmp_path: Path) -> None:
    assert load().own_certificate is None
    (tmp_path / "server.crt").touch()
    assert load().own_certificate is None
    (tmp_path / "server.key").touch()
    assert load().own_certificate == (Path("server.crt"), Path("server.key"))


def test_the_files_that_are_set_go_before_those_of_the_working_directory(
    tmp_path: Path, certificate: Certificate
) -> None:
    for name in ("server.crt", "server.key"):
        (tmp_path / name).touch()
    pair = certificate.cert_file, certificate.key_file
    assert load(tls_cert_file=pair[0], tls_key_file=pair[1]).own_certificate == pair


def _run(*arguments: str, **values: str) -> subprocess.CompletedProcess[str]:
    """Run the program in the (empty) working directory."""
    own = {PREFIX + name: value for name, value in values.items()}
    return processes.run("-m", "app", *arguments, env=os.environ | own)


@pytest.mark.parametrize("command", ["serve", "check", "claude"])
def test_a_bad_value_ends_the_program_with_2_and_one_line(command: str) -> None:
    ended = _run(command, PORT="x", SCRUB_HMAC_KEY="fake-key")
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert [line.partition("=")[0] for line in ended.stderr.splitlines()] == [
        PREFIX + "PORT",
        PREFIX + "SCRUB_HMAC_KEY",
    ]
    assert "fake-key" not in ended.stderr


@pytest.mark.parametrize(
    ("names", "content"),
    [
        (("PRICES_FILE",), "not toml"),
        (("SCRUB_RULES_FILE",), "not toml"),
        (("SCRUB_DETECTORS",), None),
        (("TLS_CERT_FILE", "TLS_KEY_FILE"), "not pem"),
    ],
    ids=str,
)
def test_a_file_that_is_of_no_use_ends_the_program_with_2(
    tmp_path: Path, names: tuple[str, ...], content: str | None
) -> None:
    file = tmp_path / "file"
    file.write_text(content or "")
    value = str(file) if content else "nonsense"
    ended = _run(PORT="0", SCRUB_MODE="detect", **dict.fromkeys(names, value))
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    [line] = ended.stderr.splitlines()
    assert all(PREFIX + name in line for name in names)
    assert value in line


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("proxy.example", ("proxy.example",)),
        (" Proxy.Example. , 192.0.2.7,,proxy.example", ("proxy.example", "192.0.2.7")),
        ("2001:DB8:0:0::7", ("2001:db8::7",)),
        ("*.team.example,proxy", ("*.team.example", "proxy")),
    ],
)
def test_names_of_the_certificate_are_taken_in_one_spelling(
    monkeypatch: pytest.MonkeyPatch, given: str, names: tuple[str, ...]
) -> None:
    _set(monkeypatch, TLS_NAMES=given)
    assert load().extra_names == names
    assert set(names) <= load().allowed_hosts


@pytest.mark.parametrize(
    "given",
    [
        "https://proxy.example",
        "proxy.example:8443",
        "[::1]",
        "a b",
        "a;b",
        "*",
        "*.example",
        "a.*.example",
        "b\u00fcro.example",
        "0.0.0.0",  # noqa: S104
        "::",
        "fe80::1%eth0",
        "192.0.2.300",
        "192.0.2",
        "a..b",
        "x" * 64 + ".example",
        ".".join(["x" * 60] * 5),
        "proxy.example/24",
    ],
)
def test_what_no_certificate_can_hold_is_named(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    _set(monkeypatch, TLS_NAMES=given)
    with pytest.raises(SettingsError, match=r"^ANTHROPIC_PROXY_TLS_NAMES="):
        load()


# What the hash of the configuration tells apart

OTHER_KEY = "f" * 64


def fingerprint(**settings: Any) -> str:
    return Settings(_env_file=None, **settings).fingerprint  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "changed",
    [
        {"scrub_mode": "pseudonymize"},
        {"scrub_hmac_key": OTHER_KEY},
        {"scrub_detectors": "email"},
        {"scrub_placeholder_style": "token"},
        {"scrub_restore": True},
        {"scrub_restore_tools": "Bash"},
        {"scrub_on_skip": "block"},
        {"scrub_max_body_size": 1000},
    ],
    ids=str,
)
def test_the_hash_differs_where_other_bodies_would_be_forwarded(changed: dict[str, Any]) -> None:
    base: dict[str, Any] = {"scrub_mode": "detect", "scrub_hmac_key": KEY, "scrub_on_skip": "pass"}
    base |= {"scrub_restore": False, "scrub_placeholder_style": "angle"}
    assert fingerprint(**base | changed) != fingerprint(**base)


def test_each_setting_of_the_scrubber_is_in_the_hash_or_known_to_change_nothing() -> None:
    of_the_scrubber = {name for name in Settings.model_fields if name.startswith("scrub_")}
    read_otherwise = {"scrub_rules_file", "scrub_hmac_key"}
    changes_nothing = {"scrub_receipts_file"}
    assert of_the_scrubber == {*FORWARDING} | read_otherwise | changes_nothing


def test_the_hash_differs_by_the_bytes_of_the_rules_and_not_by_their_place(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.toml", "b.toml", "c.toml")]
    for file, text in zip(files, ("", "", "# other"), strict=True):
        file.write_text(text)
    first, same, other = (fingerprint(scrub_rules_file=file) for file in files)
    assert first == same != other
    files[0].write_text("# later")
    assert fingerprint(scrub_rules_file=files[0]) != first


@pytest.mark.parametrize(
    "changed",
    [
        {"port": 9999},
        {"host": "127.0.0.1"},
        {"log_level": "debug"},
        {"upstream_read_timeout": 9.0},
        {"access_token": "fake-token"},
    ],
    ids=str,
)
def test_the_hash_is_the_same_where_nothing_forwarded_changes(changed: dict[str, Any]) -> None:
    assert fingerprint(**changed) == fingerprint()


def test_the_hash_is_the_same_for_one_key_in_either_case() -> None:
    assert fingerprint(scrub_hmac_key=KEY.lower()) == fingerprint(scrub_hmac_key=KEY.upper())


def test_the_hash_of_rules_that_are_gone_is_that_of_none(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text("")
    made = Settings(_env_file=None, scrub_rules_file=file)  # type: ignore[call-arg]
    file.unlink()
    assert made.fingerprint == fingerprint()


def test_a_setting_is_known_though_a_file_of_settings_is_of_no_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(f"{PREFIX}LOG_FORMAT=console\n")
    assert settings.given("log_format") == "console"
    (tmp_path / ".env").write_bytes(b"\xff")
    assert settings.given("log_format") == ""
    _set(monkeypatch, LOG_FORMAT="json")
    assert settings.given("log_format") == "json"
