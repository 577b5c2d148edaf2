"""The page's files, as they are served."""

import re
from pathlib import Path

import httpx
import pytest
from starlette.routing import Route

from app.pages import dashboard
from tests.proxying import Running

PATHS = [route.path for route in dashboard.routes() if not route.path.endswith("/")]
PAGES = ["/dashboard", "/dashboard/sessions", "/dashboard/history"]
OWN_SCRIPTS = sorted(Path(str(dashboard.FILES)).glob("*.js"))
ON_LOOP = pytest.mark.asyncio(loop_scope="session")  # that of `proxy`
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", "": "text/html"}


@ON_LOOP
@pytest.mark.parametrize("port", ["main", "dashboard"])
async def test_both_ports_serve_every_file_with_its_type_and_policy(
    proxy: Running, port: str
) -> None:
    url = proxy.url if port == "main" else proxy.pages_url
    async with httpx.AsyncClient(base_url=url, verify=proxy.trust()) as client:
        for path in PATHS:
            answer = await client.get(path)
            assert answer.status_code == 200, path
            assert answer.headers["content-type"].startswith(TYPES[Path(path).suffix]), path
            assert answer.headers["cache-control"] == "no-cache"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert proxy.exchanges == []


@ON_LOOP
async def test_a_slash_too_many_leads_to_the_page(proxy: Running) -> None:
    async with httpx.AsyncClient(verify=proxy.trust()) as client:
        for url in (proxy.url, proxy.pages_url):
            for page in PAGES:
                answer = await client.get(f"{url}{page}/")
                assert (answer.status_code, answer.headers["location"]) == (307, page)
    assert proxy.exchanges == []


@ON_LOOP
@pytest.mark.parametrize("form", ['"{tag}"', 'W/"{tag}"', '"other", "{tag}"'])
async def test_a_file_that_has_not_changed_is_not_sent_again(proxy: Running, form: str) -> None:
    async with httpx.AsyncClient(base_url=proxy.pages_url) as client:
        tag = (await client.get("/dashboard/app.js")).headers["etag"].strip('"')
        again = await client.get(
            "/dashboard/app.js", headers={"if-none-match": form.format(tag=tag)}
        )
        other = await client.get("/dashboard/app.js", headers={"if-none-match": '"other"'})
    assert (again.status_code, again.content) == (304, b"")
    assert other.status_code == 200


def test_only_the_page_and_its_files_are_served() -> None:
    assert set(PAGES) <= set(PATHS)
    assert all(path.startswith("/dashboard/") for path in PATHS if path != "/dashboard")
    assert not any(path.endswith((".md", "LICENSE", ".html")) for path in PATHS)
    assert all(isinstance(route, Route) for route in dashboard.routes())


@pytest.mark.parametrize("name", [dashboard.PAGE, "sessions.html", "history.html"])
def test_no_page_has_an_inline_script_or_style(name: str) -> None:
    page = (dashboard.FILES / name).read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", page) == []
    assert re.findall(r"https?://", page) == []


@pytest.mark.parametrize("script", OWN_SCRIPTS, ids=lambda script: script.name)
def test_no_script_makes_markup_from_text(script: Path) -> None:
    code = script.read_text(encoding="utf-8")
    assert (
        re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", code) == []
    )
    assert code.count("\n") < 200


def test_the_chart_library_comes_with_its_licence_and_version() -> None:
    library = dashboard.FILES / "uplot"
    version = re.search(r"uPlot (\d+\.\d+\.\d+)", (library / "README.md").read_text("utf-8"))
    assert version is not None
    assert f"(v{version[1]})" in (library / "uPlot.esm.js").read_text("utf-8")[:500]
    assert "MIT License" in (library / "LICENSE").read_text("utf-8")
