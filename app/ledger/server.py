"""Which PostgreSQL keeps a ledger. The URL may hold a password, so it is never shown."""

import re

import msgspec

# "@" separates the password and nothing else, so that no part of one is taken for a host's name
# and shown in an error: https://www.postgresql.org/docs/current/libpq-connect.html (34.1.1.2).
_URL = re.compile(
    r"postgres(?:ql)?://(?:[^@/]*@)?(?P<where>[^@/?]*(?:/[^@?]*)?)(?:\?[^@]*)?", re.ASCII
)
_UNREADABLE = re.compile(r"%(?![0-9A-Fa-f]{2})|%00|[\s\x00-\x1f\x7f]")


class Server(msgspec.Struct, frozen=True):
    """A database; what ``url`` leaves out comes from libpq's environment and files."""

    url: str

    def __post_init__(self) -> None:
        if not _URL.fullmatch(self.url) or _UNREADABLE.search(self.url):
            raise ValueError(
                "must be postgresql://user:password@host/database, with percent-encoding for what "
                "is no letter, digit or one of -._~ in the user name and the password"
            )

    def __repr__(self) -> str:
        return f"Server({str(self)!r})"

    def __str__(self) -> str:
        found = _URL.fullmatch(self.url)
        return f"postgresql://{found['where'] if found else ''}"
