"""An exact route does what a route of Starlette does."""

import itertools
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.testclient import TestClient

from app.pages.exact import Exact
from tests.cases import every_case

PATHS = ("/a.b", "/a.b/", "/axb", "/", "", "/pages/a.b", "/pagesa.b")
METHODS = ("GET", "HEAD", "POST")
ROOTS = ("", "/", "/pages")


async def _page(_: Request) -> Response:
    return Response("page")


def _scope(method: str, path: str, root: str) -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "root_path": root}


@every_case("method, path, root", [*itertools.product(METHODS, PATHS, ROOTS)])
def test_it_matches_what_a_pattern_would(method: str, path: str, root: str) -> None:
    exact, pattern = Exact("/a.b", _page), Route("/a.b", _page)
    scope = _scope(method, path, root)
    assert exact.matches(scope) == pattern.matches(scope)


def test_a_line_feed_at_the_end_is_a_part_of_the_path() -> None:
    assert Exact("/a.b", _page).matches(_scope("GET", "/a.b\n", ""))[0] is Match.NONE


def test_it_is_for_requests_over_http_only() -> None:
    assert Exact("/a.b", _page).matches({"type": "websocket", "path": "/a.b"})[0] is Match.NONE


@every_case("method", METHODS)
def test_it_answers_as_a_route_does(method: str) -> None:
    answers = [
        TestClient(route).request(method, "/a.b")
        for route in (Exact("/a.b", _page), Route("/a.b", _page))
    ]
    assert answers[0].status_code == answers[1].status_code
    assert answers[0].content == answers[1].content
