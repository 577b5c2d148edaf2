r"""A user and a password in one word: in URLs, and in options of `curl`."""

import re

from .. import validators
from ..blocks import COLOUR
from ..detector import Detector, Finder
from ..urls import ESCAPED_LETTER, LONGEST, credentials_start, run
from .parts import PASSWORD_WORD, SPACE, is_token


def _curl(text: bytes, option: int) -> int:
    """Return ``option`` if it is one of a `curl` command on the same line."""
    command = text.rfind(b"curl", max(0, option - _COMMAND_REACH), option)
    if command < 0:
        return -1
    between = text[command:option]
    if b"u001b[" in between:
        between = _COLOURS.sub(b"", between)
    if b"|" in between or b";" in between or b"&&" in between:
        return -1
    return option if b"\\n" not in between or _LINE_END.search(between) is None else -1


_COMMAND_REACH = 600  # bytes between a command's name and its option
# A line feed without the backslash that continues the line.
_LINE_END = re.compile(rb"(?<!\\)\\{1,2}n")
_COLOURS = re.compile(rb"\\u001[bB]\[[0-?]{0,48}[@-~]")


def _accepts_curl(match: re.Match[bytes]) -> bool:
    return validators.is_no_hole(match["password"])


_URL_USER = (
    rb"(?P<secret>(?:" + run(rb":/?#@", ESCAPED_LETTER) + rb")?:"
    rb"(?P<password>" + run(rb"/?#@", ESCAPED_LETTER) + rb"))@"
)  # fmt: skip
_URLS = (
    Finder(b"://", credentials_start),
    Finder(b":\\\\/", credentials_start),
    Finder(b":\\\\\\\\/", credentials_start),
)

URL_CREDENTIALS = Detector(
    name="url_credentials",
    finders=_URLS,
    pattern=re.compile(rb":(?:\\*+/){2}" + _URL_USER),
    accepts=_accepts_curl,
    group="secret",
    passwords=("password",),
    longest=LONGEST,
    examples=(
        "https://user:hunter2@host.example/path",
        "git clone https://oauth2:abc123@git.example/owner/name.git",
        "HTTPS_PROXY=http://user:pa%24s@proxy.example:3128",
        "https://:hunter2@host.example",
        r"https:\/\/user:hunter2@host.example",
    ),
    negatives=(
        "https://user@host.example",
        "https://host.example:8080/@scope/name",
        "https://user:${PASSWORD}@host.example",
        "https://user:***@host.example",
        "https://{user}:{password}@host.example",
        "https://host.example/a:b@c",
    ),
)
URL_TOKEN = Detector(
    name="url_token",
    finders=_URLS,
    pattern=re.compile(rb":(?:\\*+/){2}(?P<secret>[A-Za-z0-9._~-]{16,}+)@"),
    accepts=is_token,
    group="secret",
    longest=LONGEST,
    examples=(
        "https://0a1b2c3d4e5f60718293@git.example/owner/name.git",
        "git clone https://aB3dE5gH7jK9mN1pQ3sT@git.example/owner/name.git",
        r"https:\/\/0a1b2c3d4e5f60718293@host.example",
    ),
    negatives=(
        "https://user@host.example",
        "https://continuous-integration@host.example",
        "https://${GIT_TOKEN_4711_X}@host.example",
        "https://host.example/0a1b2c3d4e5f60718293@2x.png",
    ),
)
CURL_CREDENTIALS = Detector(
    name="curl_credentials",
    finders=(
        Finder(b"-u", _curl),
        Finder(b"-U", _curl),
        Finder(b"--user", _curl),
        Finder(b"--proxy-user", _curl),
    ),
    pattern=re.compile(
        rb"(?:-[uU]|--(?:proxy-)?user)(?>(?:" + SPACE + rb"|=|" + COLOUR + rb")*)"
        rb"(?P<quote>(?:\\*[\"'])?)(?P<secret>(?>(?:[^:\s\"'`\\%]++|%(?!20)|"
        + ESCAPED_LETTER
        + rb")+):"
        rb"(?P<password>" + PASSWORD_WORD + rb"))"
    ),
    accepts=_accepts_curl,
    group="secret",
    passwords=("password",),
    longest=LONGEST,
    examples=(
        "curl -u user:hunter2 https://host.example",
        "curl -sS -X POST --user 'user:hunter2' https://host.example",
        'curl https://host.example \\\n  -u "user:hunter2"',
        "curl -uuser:hunter2 https://host.example",
    ),
    negatives=(
        "curl -u user https://host.example",
        "curl -u $USER:$PASSWORD https://host.example",
        "curl -u ${USER}:${PASSWORD} https://host.example",
        "curl https://host.example | sort -u key:value",
        "docker run -u 1000:1000 image",
    ),
)
