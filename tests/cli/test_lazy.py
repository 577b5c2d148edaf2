"""What a command does not need is not imported: counted in modules, not in seconds."""

import re
import subprocess
import sys
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.certificates import ensure
from app.cli import exits
from app.cli.commands import COMMANDS
from app.stand_ins import ANYWHERE, SERVING, StandIn
from docs.generate.endpoints import MEANINGS
from tests.cli.place import LOOPBACK, Banner, Place
from tests.processes import DEADLINE

IMPORT = re.compile(r"import time:\s+\d+ \|\s+\d+ \|\s+(\S+)")
MANY = 150  # modules: argparse and what is below it are about 70
JYTHON = {"org", "org.python", "org.python.core"}  # pickle tries them
# What a server loads only if its settings or its files ask for it, and what only tools use.
UNUSED = (
    "ahocorasick_rs",
    "app.cli.demo",
    "app.doctor",
    "app.proxy.scan_pool",
    "app.proxy.scrubbing",
    "app.scrubber.detect",
    "app.scrubber.json",
    "app.scrubber.review",
    "app.workers",
    "attr",
    "click.",  # whose own name stands there for the attempt
    "cryptography",
    "greenlet.",
    "pygments",
    "google",
    "opentelemetry",
    "re2",
    "requests",
    "rich.",
    "urllib3",
    "shtab",
    "simulator",
    "wsproto",
)


pytestmark = pytest.mark.usefixtures("unmeasured")


# Runs commands one after the other; prints what each was the first to import.
COMMANDS_IN_A_ROW = """
import sys
known = set(sys.modules)
from app.__main__ import main
for words in {words}:
    try:
        main(words)
    except SystemExit:
        pass
    print(*words, *{{*sys.modules}} - known, file=sys.stderr, sep="\\t")
    known |= {{*sys.modules}}
"""


def test_what_only_prints_imports_nothing_but_python_s_own() -> None:
    words = [["--version"], ["--help"], *([command.name, "--help"] for command in COMMANDS)]
    program = COMMANDS_IN_A_ROW.format(words=words)
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    lines = [line.split("\t") for line in ended.stderr.splitlines()]
    assert [line[: len(one)] for line, one in zip(lines, words, strict=True)] == words
    by_command = {tuple(one): {*line[len(one) :]} for line, one in zip(lines, words, strict=True)}
    assert {one: names for one in by_command if (names := _not_own(by_command[one]))} == {}
    assert sum(map(len, by_command.values())) < MANY


def _not_own(imported: set[str]) -> set[str]:
    return {
        name
        for name in imported - JYTHON
        if name.partition(".")[0] not in sys.stdlib_module_names
        and not re.fullmatch(r"app(\.cli.*|\.failures|\.imports|\.stand_ins|\.__main__)?", name)
    }


def _imported_to_serve(place: Place, **values: object) -> set[str]:
    """Return what a start imports until it announces itself."""
    options = "-X", "importtime", "-m", "app", "serve"
    with place.start_python(*options, **LOOPBACK, **values) as process:
        Banner.read(process)
        return {*IMPORT.findall(place.errors)}


def test_a_start_imports_what_it_is_asked_for_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place.within(tmp_path)
    with monkeypatch.context() as export:
        export.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
        imported = _imported_to_serve(place, SCRUB_MODE="detect")
    assert "cryptography.x509" in imported  # it makes the certificate
    assert {"opentelemetry.sdk.trace", "requests", "app.otel.exporter"} <= imported
    assert {"app.scrubber.detect", "re2"} <= imported

    imported = _imported_to_serve(place)
    assert "hypercorn" in imported
    assert {name for name in imported if name.startswith(UNUSED)} == set()
    assert imported & {*ANYWHERE, *SERVING} <= {"importlib.resources.abc"}  # by certifi, later


def test_the_scrubber_s_rules_are_read_in_time(tmp_path: Path) -> None:
    wrong = {"SCRUB_MODE": "detect", "SCRUB_DETECTORS": "none_such"}
    ended = Place.within(tmp_path).run("serve", **LOOPBACK, **wrong)
    assert (ended.stdout, ended.returncode) == ("", exits.BAD_SETTINGS)


def _printed(program: str) -> str:
    return subprocess.check_output([sys.executable, "-c", program], text=True).strip()


def test_what_was_kept_out_can_be_imported_afterwards() -> None:
    program = (
        "import sys; from app.imports import load; from app.stand_ins import *;"
        "load('server.serving'); from importlib import import_module;"
        "print([name for name in (*ABSENT, *ANYWHERE, *SERVING)"
        " if not import_module(name).__file__], {StandIn} & {*map(type, sys.modules.values())})"
    )
    assert _printed(program) == "[] set()"


def test_a_stand_in_that_is_called_calls_what_it_stands_for() -> None:
    program = (
        "from app.imports import load; load('server.serving');"
        "import httpx, structlog, starlette.middleware.errors as page;"
        "print(page.html.escape('<'), httpx.URL('http://m\xfcller.de').raw_host,"
        " httpx.Response(200, headers={'content-type': 'text/plain; charset=latin-1'}).encoding);"
        "structlog.get_logger().info('said')"
    )
    page, log = _printed(program).splitlines()
    assert page == "&lt; b'xn--mller-kva.de' latin-1"
    assert "said" in log


def test_what_a_stand_in_has_not_got_is_the_module_s_own_afterwards() -> None:
    program = (
        "from app.imports import load; load('server.serving');"
        "from starlette.exceptions import HTTPException; print(HTTPException(404).detail)"
    )
    assert _printed(program) == "Not Found"


def test_a_server_misses_nothing_of_what_is_kept_out_when_its_pages_are_asked_for(
    tmp_path: Path,
) -> None:
    """Forked servers have imported everything: only one of its own can miss a module."""
    asked = [("GET", path.replace("{session}", "x")) for path in MEANINGS]
    asked += [("GET", "/nosuch"), ("POST", "/dashboard")]
    place = Place.within(tmp_path)
    with place.start_python("-m", "app", "serve", **LOOPBACK) as process:
        port = urlsplit(Banner.read(process).pages).port
        found = {f"{method} {path}": _status(port, method, path) for method, path in asked}
        said = place.errors
    assert [
        one for one, status in found.items() if status == HTTPStatus.INTERNAL_SERVER_ERROR
    ] == []
    assert (found["GET /nosuch"], found["POST /dashboard"], found["GET /ready"]) == (404, 405, 200)
    assert '"level": "error"' not in said


def _status(port: int | None, method: str, path: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    try:
        connection.request(method, path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_what_derives_from_a_stand_in_says_so_when_it_is_made() -> None:
    class Derived(StandIn("socketserver", ("ThreadingMixIn",)).ThreadingMixIn):  # type: ignore[misc]
        pass

    with pytest.raises(TypeError, match=r"Derived derives from a stand-in of socketserver"):
        Derived()


def test_a_library_that_needs_more_than_a_stand_in_has_gets_the_module() -> None:
    program = (
        "import sys; from app import imports; imports.ANYWHERE['http.server'] = ();"
        "imports.load('pages.metrics');"
        "print(sys.modules['http.server'].__file__ is not None, 'app.pages.metrics' in sys.modules)"
    )
    assert _printed(program) == "True True"


def test_a_certificate_that_still_lasts_is_found_without_looking_into_it(tmp_path: Path) -> None:
    ensure(tmp_path, ("localhost", "127.0.0.1", "::1"))
    program = (
        "import sys; from pathlib import Path; from app.certificates import ensure;"
        f"ensure(Path({str(tmp_path)!r}), ('localhost', '127.0.0.1', '0:0:0:0:0:0:0:1'));"
        "print('cryptography' in sys.modules)"
    )

    def looks() -> str:
        return subprocess.check_output([sys.executable, "-c", program], text=True).strip()

    assert looks() == "False"
    (tmp_path / "server.crt").write_bytes((tmp_path / "ca.crt").read_bytes())
    assert looks() == "True"
    assert looks() == "False"


def test_a_pair_without_problems_is_found_sound_without_looking_into_it(tmp_path: Path) -> None:
    made = ensure(tmp_path, ("localhost",))
    program = (
        "import sys; from pathlib import Path; from app.certificates import problems;"
        f"print(problems(Path({str(made.cert_file)!r}), Path({str(made.key_file)!r})));"
        "print('cryptography' in sys.modules)"
    )
    printed = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert printed.split() == ["[]", "False"]
