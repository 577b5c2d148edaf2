r"""URLs that carry a password, as they stand in JSON-escaped text.

A `/` may be written `\/` once more, and `&` as `\u0026`: JSON inside of JSON.
"""

import re
import string
from collections.abc import Callable
from typing import NamedTuple

from ..automaton import compiled
from . import validators
from .detector import Finder

_SCHEMES = frozenset(
    b"postgres postgresql pgsql postgis timescale timescaledb cockroach cockroachdb redshift "
    b"mysql mysql2 mysqlx mariadb trilogy tidb vitess percona singlestore "
    b"mongodb redis rediss redis-sentinel rediss-sentinel sentinel redis-cluster valkey valkeys "
    b"keydb amqp amqps pyamqp rabbitmq mssql mssqlms sqlserver oracle oraclegis ecto "
    b"clickhouse clickhouses cassandra scylla neo4j neo4js bolt couchdb couchdbs couchbase "
    b"couchbases influxdb snowflake db2 ibmdb2 firebird trino presto hive hive2 impala vertica "
    b"questdb memcached memcache nats stomp kafka ldap ldaps libsql surrealdb arangodb dremio "
    b"databricks teradata sybase exasol hana greenplum phoenix druid pinot "
    b"smtp smtps submission imap imaps pop3 pop3s ftp ftps sftp mqtt mqtts".split()
)
_SCHEME_REVERSED = re.compile(rb"[A-Za-z0-9+_-]{2,48}")
_LONGEST_SCHEME = 48
LONGEST = 8 * 1024  # bytes of a URL, as far as it is looked at
_USER_INFO = 4 * 1024  # bytes in which a password's `@` must stand, or what names it…
_NEAR = 512  # …and in most

_JDBC = b"jdbc:"
_PASSWORD_NAMES = (b"passw", b"pwd=", b"jdbc:oracle:")

_NOT_IN_URL = rb"\s\"'`\\<>"
# Characters outside of ASCII, `=` and `&`, as JSON encoders escape them.
ESCAPED_LETTER = (
    rb"\\+u(?:0[1-9a-fA-F][0-9a-fA-F]{2}|00[a-fA-F][0-9a-fA-F]|[1-9a-fA-F][0-9a-fA-F]{3})"
)
_OTHERS = rb"(?:\\+u003[dD]|" + ESCAPED_LETTER + rb")"
_ESCAPED = rb"(?:\\+u0026|" + _OTHERS + rb")"
_SLASHES = rb":(?:\\*+/){2}"


def run(without: bytes = b"", also: bytes = _ESCAPED) -> bytes:
    """Return the pattern of a run of a URL's characters, ``without`` some of ASCII."""
    return rb"(?>(?:[^" + _NOT_IN_URL + without + rb"]++|" + also + rb")+)"


# A quote ends the literal that the URL stands in, but not between letters.
_PASSWORD = run(rb"@", _ESCAPED + rb"|(?<=[A-Za-z0-9])'(?=[A-Za-z0-9])")
# What follows, without the sentence's punctuation.
_PUNCTUATION_MARKS = rb".,;:!?)\]}"
_PLAIN = rb"[^" + _NOT_IN_URL + _PUNCTUATION_MARKS + rb"]"
_MARKS = rb"[" + _PUNCTUATION_MARKS + rb"]++(?=" + _PLAIN + rb"|" + _ESCAPED + rb")"
_REST = rb"(?:" + run(_PUNCTUATION_MARKS, _ESCAPED + rb"|" + _MARKS) + rb")?"
# Up to the `@`: a user, and a password that is no port.
_URL = (
    rb"(?:[A-Za-z]{4}:)?[A-Za-z0-9+_-]{2,48}"
    + _SLASHES
    + (rb"(?:" + run(rb":/") + rb")?:(?![0-9]{1,5}[/?#,])(?P<password>" + _PASSWORD)
    + (rb"(?>(?:@[^@/" + _NOT_IN_URL + rb"]++(?=@))?))@")
)
_ORACLE = (
    rb"(?i:jdbc:oracle):[a-z0-9]{2,8}:" + run(rb"/@") + rb"/"
    rb"(?P<oracle>\\*+\"[^\"\\]++\\*+\"|" + run(rb"@") + rb")@"
)  # fmt: skip
# As a parameter: up to the next one. In a list: up to a comma or the closing bracket.
_PARAMETER = (
    rb"(?:(?P<braced>\{" + run(rb"}", rb"\}\}") + rb"\})|"
    rb"(?P<parameter>" + run(rb"&;", _OTHERS) + rb"))"
)  # fmt: skip
_LISTED = rb"(?P<listed>[^,)" + _NOT_IN_URL + rb"]++)"


class _Form(NamedTuple):
    """One way to write a URL: up to its password, and the whole."""

    head: re.Pattern[bytes]
    whole: re.Pattern[bytes]

    def match(self, text: bytes, start: int, end: int) -> re.Match[bytes] | None:
        """Match at ``start`` if the password is one: only then the rest is looked at."""
        head = self.head.match(text, start, end)
        if head is None or not validators.has_password(head):
            return None
        return self.whole.match(text, start, end)


def _form(head: bytes, rest: bytes = _REST) -> _Form:
    return _Form(re.compile(head), re.compile(head + rest))


# Hosts (perhaps named in the query alone, or nowhere), path and query.
_USUAL = _form(_URL, rb"(?:(?![?#])" + _REST + rb")?")
_OF_ORACLE = _form(_ORACLE)
_IN_QUERY, _IN_LIST = _form(_PARAMETER), _form(_LISTED)
_OUTSIDE, _ESCAPE = _NOT_IN_URL.decode(), _OTHERS.decode()
_NAME = r"[A-Za-z_.]{0,24}(?i:passw(?:or)?d|pwd)="
_NAMED = compiled(
    rf"(?i:jdbc):[a-z0-9](?:[^{_OUTSIDE}]|\\+u0026|{_ESCAPE})+?"
    rf"(?:(?:[?&;]|\\+u0026){_NAME}(?:[^&;{_OUTSIDE}]|{_ESCAPE})|[,(]{_NAME}[^,){_OUTSIDE}])"
)
_NAME_LETTERS = (string.ascii_letters + "_.").encode()
_LONGEST_NAME = 40


class Database:
    """Matches a URL with a password; one of JDBC from the password on, if that has a name."""

    def match(self, text: bytes, start: int, end: int) -> re.Match[bytes] | None:
        """Match the URL that starts at ``start``."""
        found = None
        if text[start : start + len(_JDBC)].lower() == _JDBC:
            found = _OF_ORACLE.match(text, start, end) or _named(text, start, end)
        return found or _USUAL.match(text, start, end)


def _named(text: bytes, start: int, end: int) -> re.Match[bytes] | None:
    named = _NAMED.match(text, start, min(end, start + _USER_INFO))
    if named is None:
        return None
    equals = text.rfind(b"=", start, named.end() - 1)
    before = text[max(0, equals - _LONGEST_NAME) : equals].rstrip(_NAME_LETTERS)
    form = _IN_LIST if before.endswith((b",", b"(")) else _IN_QUERY
    return form.match(text, equals + 1, end)


DATABASE = Database()

_PUNCTUATION = re.compile(r"[/:@?&=;,]+")


def before(schemes: frozenset[bytes]) -> Callable[[bytes, int], int]:
    """Return what tells where the URL of a `:` starts, if its scheme is one of ``schemes``."""

    def start(text: bytes, colon: int) -> int:
        run = _SCHEME_REVERSED.match(text[max(0, colon - _LONGEST_SCHEME) : colon][::-1])
        if run is None or text.find(b"@", colon, colon + _USER_INFO) < 0:
            return -1
        cut = _known_scheme(run[0][::-1].lower(), schemes)
        if cut < 0:
            return -1
        first = colon - run.end() + cut
        jdbc = first - len(_JDBC)
        return jdbc if text[max(0, jdbc) : first].lower() == _JDBC else first

    return start


def credentials_start(text: bytes, colon: int) -> int:
    """Return ``colon`` if it ends a scheme and the user info of a URL may follow, -1 otherwise."""
    if not text[max(0, colon - 1) : colon].isalnum():
        return -1
    return colon if text.find(b"@", colon, colon + _USER_INFO) >= 0 else -1


def _known_scheme(run: bytes, schemes: frozenset[bytes]) -> int:
    """Return where a known scheme starts that a run of characters ends with: `postgres+asyncpg`."""
    first = 0
    for name in run.split(b"+"):  # what stands before a `+` may be a line's start in a diff
        cut = _known_name(name, schemes)
        if cut >= 0:
            return first + cut
        first += len(name) + 1
    return -1


def _known_name(name: bytes, schemes: frozenset[bytes]) -> int:
    if name in schemes:
        return 0
    for joint in (b"-", b"_"):
        tail = name.rpartition(joint)[2]
        if tail in schemes:
            return len(name) - len(tail)
    # Letters of an escape or an encoding may be joined to it.
    return next((cut for cut in range(1, 16) if name[cut:] in schemes), -1)


def _jdbc_start(text: bytes, start: int) -> int:
    """Return ``start`` if what names a password may follow, -1 otherwise."""
    near = text[start : start + _NEAR].lower()
    if any(name in near for name in _PASSWORD_NAMES):
        return start
    far = text[start : start + _USER_INFO].lower()
    return start if any(name in far for name in _PASSWORD_NAMES) else -1


FINDERS = (
    Finder(b"://", before(_SCHEMES)),
    Finder(b":\\\\/", before(_SCHEMES)),
    Finder(b":\\\\\\\\/", before(_SCHEMES)),
    Finder(b"jdbc:", _jdbc_start, is_far=True),
    Finder(b"JDBC:", _jdbc_start, is_far=True),
)


def names_also(url: str, password: str) -> bool:
    """Return True if a URL's password is its user, host or database too: a name, found all over."""
    return _PUNCTUATION.split(url).count(password) > 1
