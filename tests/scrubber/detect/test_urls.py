"""Passwords in URLs: whatever the scheme, the form and what follows them."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.scrubber.redact.scrubber import Scrubber
from tests.cases import every_case
from tests.scrubber import scrubbing

PASSWORD = "Hunter2xQ"
SCHEMES = [
    *["postgres", "postgresql", "mysql", "mysql2", "trilogy", "mariadb", "ecto", "postgis"],
    *["timescale", "mssqlms", "oraclegis", "pyamqp", "amqps", "sentinel", "redis-sentinel"],
    *["rediss", "clickhouses", "couchbase", "couchbases", "libsql", "surrealdb", "smtp", "smtps"],
    *["ftp", "POSTGRES", "postgresql+asyncpg", "mongodb+srv"],
]
ENDS = ("", *"!.,;:?)]}", "!).", " then", '"', "'")
FORMS = (
    "jdbc:postgresql://db/app?user=app&password={}",
    "jdbc:postgresql://db/app?password={}&user=app",
    "jdbc:postgresql://db/app?user=app\\u0026password={}\\u0026ssl=true",
    "jdbc:postgresql://db/app?user=app&amp;password={}&amp;ssl=true",
    "jdbc:oracle:thin:scott/{}@//h:1521/svc",
    "jdbc:oracle:thin:scott/{}@h:1521:sid",
    "jdbc:oracle:thin:scott/{}@",
    "jdbc:oracle:oci8:scott/{}@h",
    "JDBC:ORACLE:thin:scott/{}@h",
    "jdbc:mysql://(host=h,port=1,user=u,password={})/db",
    "jdbc:mysql://address=(host=h)(user=u)(password={})/db",
    "jdbc:sqlserver://h;user=sa;password={{{}}};encrypt=true",
    "jdbc:sqlserver://h;user=sa;password={{{};x}}",
    "jdbc:sqlserver://h;user=sa;Password={};encrypt=true",
    "jdbc:db2://h:50000/db:user=u;password={};",
)
LONG = st.integers(0, 400)
LONG_FORMS = (
    "postgres://{user}:{password}@{host}/{name}",
    "jdbc:postgresql://{host}/{name}?user={user}&password={password}",
    "jdbc:mysql://{host}/{name}?password={password}&user={user}",
    "jdbc:sqlserver://{host};databaseName={name};user={user};Password={password};encrypt=true",
    "jdbc:mysql://(host={host},user={user},password={password})/{name}",
    "jdbc:oracle:thin:{user}/{password}@//{host}/{name}",
)
LONG_EXTENDED = (
    "https://{user}:{password}@{host}/{name}",
    "https://{password}-0aB10aB10aB1@{host}/{name}",
    "curl -u {user}:{password} https://{host}/{name}",
    "machine {host} login {user} password {password}",
    "Server={host};Database={name};User Id=app;Password={password};Encrypt=true",
)
HOLES = (
    "jdbc:postgresql://db/app?password=${DB_PASSWORD}",
    "jdbc:sqlserver://h;password={password}",
    "jdbc:sqlserver://h;password={db.password}",
    "jdbc:oracle:thin:@//h:1521/svc",
    "jdbc:postgresql://db/app?user=app",
    "redis://cache:6379,user@host",
    "https://user:pass@host.example/",
    "http://localhost:8080/x?y=a@b",
)
SCRUBBER = scrubbing.scrubber()


EXTENDED = scrubbing.scrubber(rules=scrubbing.EXTENDED)


def redacted(text: str, scrubber: Scrubber = SCRUBBER) -> str:
    return str(scrubbing.redacted({"system": text}, scrubber)["system"])


@pytest.mark.parametrize("form", [f"{scheme}://user:{{}}@h/db" for scheme in SCHEMES])
def test_a_password_is_found_in_a_url_of_every_scheme(form: str) -> None:
    url = form.format(PASSWORD)
    for text in (url, f"({url})", json.dumps({"url": url}), f"\n{url}\n", f"x={url};"):
        for each in (text, json.dumps(text)):
            assert PASSWORD not in redacted(each)
            assert "<DB_CONNECTION_STRING_1>" in redacted(each)


@every_case("end", ENDS)
@pytest.mark.parametrize("form", [form for form in FORMS if form.endswith("}")])
def test_a_password_is_found_whatever_follows_it(form: str, end: str) -> None:
    text = form.format(PASSWORD) + end
    assert PASSWORD not in redacted(text)
    assert PASSWORD not in redacted(json.dumps(text))


@pytest.mark.parametrize("end", [*"!.,;:?)]}", "@x"])
def test_a_password_may_end_in_punctuation(end: str) -> None:
    for form in ("redis://:{}@h", "smtp://user:{}@", *FORMS):
        assert PASSWORD not in redacted(form.format(PASSWORD + end))


@pytest.mark.parametrize("scrubber", [SCRUBBER, EXTENDED], ids=["usual", "extended"])
@settings(max_examples=25)
@given(LONG, LONG, LONG, LONG, st.sampled_from(("a", "\u00e9", "%41")))
def test_a_password_is_found_however_long_the_parts_of_its_url_are(
    scrubber: Scrubber, user: int, host: int, name: int, password: int, letter: str
) -> None:
    parts = {"user": "u" + letter * user, "host": "h" * (host + 1), "name": letter * (name // 3)}
    secret = PASSWORD + "-0aB1" * (password // 5)
    for form in LONG_EXTENDED if scrubber is EXTENDED else LONG_FORMS:
        text = form.format(password=secret, **parts)
        assert PASSWORD not in redacted(text, scrubber), form
        assert "-0aB1" not in redacted(text, scrubber), form


@pytest.mark.parametrize("text", HOLES)
def test_a_url_without_a_password_stays(text: str) -> None:
    assert redacted(text) == text
    assert redacted(json.dumps(text)) == json.dumps(text)


def test_the_users_terminal_text_is_redacted_and_its_colours_stay() -> None:
    token = "ghp_" + "0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX"
    text = (
        f"\x1b[38;2;166;226;46m{token}\x1b[0m\n"
        "spring.datasource.url=jdbc:postgresql://db/app?user=app&password=Hunter2x!"
    )
    assert redacted(text) == (
        "\x1b[38;2;166;226;46m<GITHUB_TOKEN_1>\x1b[0m\n"
        "spring.datasource.url=<DB_CONNECTION_STRING_1>"
    )
