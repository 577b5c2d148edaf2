"""The pages for people: dashboard, sessions, history; with their own scripts, styles and charts."""

import hashlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path, PurePosixPath

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from .exact import Exact

PATH = "/dashboard"
PAGE = "index.html"
FILES = Path(__file__).parent / "static" / "dashboard"

# Only files of these types are served; notes and licences are not.
MEDIA_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}
# Browsers revalidate every time, so that after an update no old script reads new data.
CACHING = "no-cache"


def routes() -> list[Route]:
    """Return ``/dashboard``, the pages below it, and a route for each of their files, read once.

    A page's path with a slash leads to the page.
    """
    files = list(_files(FILES, PurePosixPath(PATH)))
    pages = [_public(path) for path, _ in files if path.suffix == ".html"]
    return [
        *(_route(path, file.read_bytes()) for path, file in files),
        *(Exact(f"{page}/", leading_to(page)) for page in pages),
    ]


def _files(folder: Path, path: PurePosixPath) -> Iterator[tuple[PurePosixPath, Path]]:
    """Yield the served files with their paths."""
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
        # The field may list several tags, also weak ones (RFC 9110 §13.1.2).
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=media_type, headers=headers)

    return Exact(_public(path), respond)


def leading_to(page: str) -> Callable[[Request], Awaitable[Response]]:
    """Return what sends a browser on to a page."""

    async def respond(_: Request) -> Response:
        return RedirectResponse(page)

    return respond


def _public(path: PurePosixPath) -> str:
    """Return the path that a file is served at: a page has no suffix."""
    if path.name == PAGE:
        return PATH
    return str(path.with_suffix("") if path.suffix == ".html" else path)
