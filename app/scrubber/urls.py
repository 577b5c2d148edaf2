r"""URLs that carry a database's password, as they stand in JSON-escaped text.

A `/` may be written `\/` once more: JSON inside of JSON.
"""

import re

_SCHEMES = (
    r"(?i:postgres(?:ql)?|pgsql|mysql|mariadb|mongodb|rediss?|valkey|amqps?|mssql|sqlserver|oracle|"
    r"cockroachdb|clickhouse|cassandra|neo4j|bolt|couchdb|influxdb|snowflake|redshift|db2|"
    r"firebird|trino|presto|hive|vertica|questdb|tidb|memcached|nats|ldaps?)"
    r"(?:\+[A-Za-z0-9_+]{1,32})?:(?:\\*/){2}"
)
# Where one may begin, in RE2 syntax.
GATE = rf"(?:(?i:jdbc:)?{_SCHEMES}[^\s:/]{{0,128}}:|(?i:jdbc):[a-z])"

_NOT_IN_URL = rb"\s\"'`\\<>"
_PASSWORD_CHARACTER = (
    rb"(?:[^" + _NOT_IN_URL + rb"@]|\\u(?!00[01])[0-9a-fA-F]{4}|"
    rb"(?<=[A-Za-z0-9])'(?=[A-Za-z0-9]))"  # else a quote ends the literal the URL stands in
)
_URL = (
    rb"(?i:jdbc:)?"
    + _SCHEMES.encode()
    +
    # A user, and a password that is no port.
    rb"[^:/"
    + _NOT_IN_URL
    + rb"]{0,128}+:(?![0-9]{1,5}[/?#,])(?P<password>"
    rb"(?>" + _PASSWORD_CHARACTER + rb"{1,256})(?>(?:@[^@/" + _NOT_IN_URL + rb"]{1,128}+(?=@))?))"
    # Hosts (perhaps named in the query alone), path and query, without the sentence's punctuation.
    rb"@[^?#" + _NOT_IN_URL + rb"][^" + _NOT_IN_URL + rb"]{0,2048}(?<![.,;:!?)\]}])"
)
_JDBC_URL = (
    rb"(?i:jdbc):[a-z][^" + _NOT_IN_URL + rb"]{1,512}?[?&;](?i:password|pwd)="
    rb"(?P<parameter>[^&;" + _NOT_IN_URL + rb"]{1,256}+)[^" + _NOT_IN_URL + rb"]{0,1024}"
    rb"(?<![.,;:!?)\]}])"
)

DATABASE = re.compile(_URL + rb"|" + _JDBC_URL)
_PUNCTUATION = re.compile(r"[/:@?&=;,]+")


def names_also(url: str, password: str) -> bool:
    """Whether a URL's password is its user, host or database too: a name, found all over."""
    return _PUNCTUATION.split(url).count(password) > 1
