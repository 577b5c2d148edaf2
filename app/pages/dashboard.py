"""The live dashboard: a page with its own scripts, styles and chart library, as packaged files."""

import hashlib
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PATH = "/dashboard"
PAGE = "index.html"
FILES = resources.files(__package__) / "static" / "dashboard"

# Served are files of these types only: notes and licences beside them are for readers of the tree.
MEDIA_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}
# Kept, but asked for again every time: after an update no old script meets new data.
CACHING = "no-cache"


def routes() -> list[Route]:
    """Return ``/dashboard`` and a route for each of its files, read once."""
    return [_route(path, file.read_bytes()) for path, file in _files(FILES, PurePosixPath(PATH))]


def _files(folder: Traversable, path: PurePosixPath) -> Iterator[tuple[PurePosixPath, Traversable]]:
    """Yield what is served, with the path that names it."""
    for file in folder.iterdir():
        if file.is_dir():
            yield from _files(file, path / file.name)
        elif PurePosixPath(file.name).suffix in MEDIA_TYPES:
            yield path / file.name, file


def _route(path: PurePosixPath, content: bytes) -> Route:
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    media_type = MEDIA_TYPES[path.suffix]
    headers = {"etag": tag, "cache-control": CACHING}

    async def respond(request: Request) -> Response:
        # A list of tags, weak ones too, may hold it (RFC 9110 §13.1.2); quotes keep it whole.
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=media_type, headers=headers)

    return Route(PATH if path.name == PAGE else str(path), respond)
