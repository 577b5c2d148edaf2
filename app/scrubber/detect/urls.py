r"""URLs that carry a password, as they stand in JSON-escaped text.

A `/` may be written `\/` once more, and `&` as `\u0026`: JSON inside of JSON.
"""

import re
from collections.abc import Callable

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
_USER_INFO = 600  # bytes in which a password's `@` must stand

_PASSWORD_NAMES = (b"passw", b"pwd=", b"jdbc:oracle:")

_NOT_IN_URL = rb"\s\"'`\\<>"
# `&`, `=` and letters outside of ASCII, as JSON encoders escape them.
_ESCAPED = (
    rb"\\+u(?:0026|003[dD]|0[1-9a-fA-F][0-9a-fA-F]{2}|00[a-fA-F][0-9a-fA-F]|"
    rb"[1-9a-fA-F][0-9a-fA-F]{3})"
)
_SLASHES = rb":(?:\\*+/){2}"
_PASSWORD_CHARACTER = (
    rb"(?:[^" + _NOT_IN_URL + rb"@]|" + _ESCAPED + rb"|"
    rb"(?<=[A-Za-z0-9])'(?=[A-Za-z0-9]))"  # else a quote ends the literal the URL stands in
)
_TAIL = rb"(?:[^" + _NOT_IN_URL + rb"]|" + _ESCAPED + rb")"
_UNPUNCTUATED = rb"(?<![.,;:!?)\]}])"
_URL = (
    rb"(?:[A-Za-z]{4}:)?[A-Za-z0-9+_-]{2,48}"
    + _SLASHES
    +
    # A user, and a password that is no port.
    rb"[^:/"
    + _NOT_IN_URL
    + rb"]{0,128}+:(?![0-9]{1,5}[/?#,])(?P<password>"
    + rb"(?>"
    + _PASSWORD_CHARACTER
    + rb"{1,256})(?>(?:@[^@/"
    + _NOT_IN_URL
    + rb"]{1,128}+(?=@))?))"
    # Hosts (perhaps named in the query alone, or nowhere), path and query, without the sentence's
    # punctuation.
    rb"@(?:(?![?#])" + _TAIL + rb"{1,2048}" + _UNPUNCTUATED + rb")?"
)
_NAMED = rb"[A-Za-z_.]{0,24}(?i:passw(?:or)?d|pwd)=(?:"
_JDBC_URL = (
    rb"(?i:jdbc):[a-z0-9]" + _TAIL + rb"{1,512}?(?:"
    # As a parameter: up to the next one.
    rb"(?:[?&;]|\\+u0026)"
    + _NAMED
    + rb"(?P<braced>\{(?>(?:[^}"
    + _NOT_IN_URL
    + rb"]|\}\}){1,256})\})|"
    rb"(?P<parameter>(?>(?:(?!\\+u0026)(?:[^&;" + _NOT_IN_URL + rb"]|" + _ESCAPED + rb")){1,256})))"
    rb"(?:(?=[&;]|\\+u0026)" + _TAIL + rb"{1,1024}" + _UNPUNCTUATED + rb")?|"
    # In a list: up to a comma or the closing bracket.
    rb"[,(]" + _NAMED + rb"(?P<listed>[^,)" + _NOT_IN_URL + rb"]{1,256}+))"
    rb"(?:" + _TAIL + rb"{1,1024}" + _UNPUNCTUATED + rb")?)"
)
_ORACLE = (
    rb"(?i:jdbc:oracle):[a-z0-9]{2,8}:[^/@" + _NOT_IN_URL + rb"]{1,128}+/"
    rb"(?P<oracle>\\*+\"[^\"\\]{1,128}\\*+\"|[^@" + _NOT_IN_URL + rb"]{1,256}+)@"
    rb"(?:" + _TAIL + rb"{1,1024}" + _UNPUNCTUATED + rb")?"
)
PASSWORDS = ("password", "parameter", "braced", "listed", "oracle")

DATABASE = re.compile(_ORACLE + rb"|" + _JDBC_URL + rb"|" + _URL)
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
        jdbc = first - len(b"jdbc:")
        return jdbc if text[max(0, jdbc) : first].lower() == b"jdbc:" else first

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
    url = text[start : start + _USER_INFO].lower()
    return start if any(name in url for name in _PASSWORD_NAMES) else -1


FINDERS = (
    Finder(b"://", before(_SCHEMES)),
    Finder(b":\\\\/", before(_SCHEMES)),
    Finder(b":\\\\\\\\/", before(_SCHEMES)),
    Finder(b"jdbc:", _jdbc_start),
    Finder(b"JDBC:", _jdbc_start),
)


def names_also(url: str, password: str) -> bool:
    """Return True if a URL's password is its user, host or database too: a name, found all over."""
    return _PUNCTUATION.split(url).count(password) > 1
