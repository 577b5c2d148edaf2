"""Labels of requests for the repository in which ``claude`` is started."""

import re
import subprocess
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from ..ledger.labels import fitting, read_labels, write_labels
from ..wire.headers import LABELS_HEADER

GIT_TIMEOUT = 2.0  # seconds
PARTS = 2  # of a remote's path: owner and name

_SHORT = re.compile(r"(?:[^/@]+@)?[^/:@]{2,}:(?P<path>[^/].*)")  # git@example.com:acme/widgets.git
_FIELD = re.compile(rf"{LABELS_HEADER.decode()}\s*:(?P<value>.*)", re.IGNORECASE)


def labels(allowed: Collection[str]) -> dict[str, str]:
    """Return the labels of the working directory, of those that are ``allowed``."""
    found = {}
    if "repo" in allowed:
        found["repo"] = _repository(_git("config", "--get-regexp", r"^remote\..*\.url$"))
    if "branch" in allowed:
        found["branch"] = fitting(_git("branch", "--show-current"))
    return {name: value for name, value in found.items() if value is not None}


def with_labels(headers: str, found: Mapping[str, str]) -> str:
    """Add labels to lines of header fields; those that the user has set there stay."""
    lines = headers.splitlines()
    fields = [_FIELD.fullmatch(line.strip()) for line in lines]
    own = read_labels(
        field["value"].encode("utf-8", "replace") for field in fields if field is not None
    )
    kept = [line for line, field in zip(lines, fields, strict=True) if field is None]
    return "\n".join([*kept, f"{LABELS_HEADER.decode()}: {write_labels({**found, **own})}"])


def _repository(remotes: str) -> str | None:
    """Return ``owner/name`` of the remote ``origin``, or of the first one."""
    urls = dict(line.split(" ", 1) for line in remotes.splitlines() if " " in line)
    url = urls.get("remote.origin.url") or next(iter(urls.values()), "")
    return fitting(repository_name(url))


def repository_name(url: str) -> str:
    """Return owner and name, never a user, password or host; of a path here the name alone."""
    url = url.strip()
    if "://" in url:
        try:
            split = urlsplit(url)
        except ValueError:
            return ""
        path, parts = split.path, PARTS if split.scheme != "file" else 1
    elif match := _SHORT.fullmatch(url):
        path, parts = match["path"], PARTS
    else:
        path, parts = url.replace("\\", "/"), 1
    names = [name for name in path.removesuffix("/").removesuffix(".git").split("/") if name]
    return "/".join(names[-parts:])


def _git(*arguments: str) -> str:
    """Return what git prints; nothing where there is no git, no repository or no answer."""
    try:
        done = subprocess.run(  # noqa: S603 - the arguments are ours
            ["git", *arguments],  # noqa: S607 - the user's own
            capture_output=True,
            check=False,
            timeout=GIT_TIMEOUT,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else ""
