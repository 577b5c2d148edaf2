"""The contract: a proxy keeps it, and each clause notices one that does not."""

import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from app import cli
from app.certificates import Certificate
from app.doctor.contract import check
from app.doctor.contract.clauses import CLAUSES, Broken
from app.doctor.contract.party import Answer, Arrived, Fields, Party
from app.doctor.contract.place import parties, started
from app.settings import Settings
from simulator import Simulator
from tests.cases import every_case
from tests.proxying import Running, proxying

KEY = "ab" * 32
Seen = tuple[Answer, list[Arrived]]
NAMES = [clause.name for clause in CLAUSES]


def settings(tmp_path: Path, **values: Any) -> Settings:
    values |= {"state_dir": tmp_path / "state", "host": "127.0.0.1"}
    return Settings(_env_file=None, **values)  # type: ignore[call-arg]


async def test_the_proxy_of_the_check_takes_no_port_of_the_user_s(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        used = taken.getsockname()[1]
        for name in ("port", "dashboard_port", "forward_port"):
            async with started(settings(tmp_path, **{name: used}), Simulator) as at:
                assert used not in {at.port, at.dashboard_port, at.forward_port}


@pytest.mark.slow
async def test_what_the_user_forbids_to_pass_unscanned_is_not_checked(tmp_path: Path) -> None:
    values = {"scrub_mode": "pseudonymize", "scrub_hmac_key": KEY, "scrub_on_skip": "block"}
    place, *found = await check(
        settings(tmp_path, access_token="fake-token", upstream_http2=False, **values), Simulator
    )
    assert place.found.startswith("a proxy with your settings")
    assert {one.check: one.verdict for one in found if one.verdict != "ok"} == {
        "request bodies": "warn"
    }
    assert [one.check for one in found] == NAMES


@pytest.mark.slow
async def test_a_setting_that_forbids_a_request_is_named_by_its_reason(tmp_path: Path) -> None:
    found = await check(settings(tmp_path, max_body_size=1000), Simulator)
    assert {one.check: one.found for one in found if one.verdict != "ok"} == {
        "request bodies": "the proxy refused a request: body_too_large"
    }


@pytest.mark.slow
async def test_the_running_proxy_is_asked_where_its_upstream_is_the_simulator(
    tmp_path: Path, upstream: Simulator, certificate: Certificate
) -> None:
    async with proxying(upstream.url, certificate, access_token="fake-token") as proxy:
        loaded = settings(
            tmp_path,
            port=proxy.at.port,
            access_token="fake-token",
            tls_cert_file=certificate.cert_file,
            tls_key_file=certificate.key_file,
        )
        place, *findings = await check(loaded, Simulator)
    assert place.found.startswith("the running proxy at")
    assert {finding.verdict for finding in findings} == {"ok"}


@pytest.mark.parametrize("keep", [0, 2**20])
async def test_a_simulator_that_remembers_no_bodies_cannot_say_what_arrived(
    certificate: Certificate, keep: int
) -> None:
    async with (
        Simulator(keep=keep) as upstream,
        proxying(upstream.url, certificate) as proxy,
        parties(proxy.url, Path(proxy.ca_file), None) as both,
    ):
        assert await both[0].is_recorded() is (keep > 0)


@pytest.fixture
async def party(proxy: Running) -> AsyncIterator[Party]:
    async with parties(proxy.url, Path(proxy.ca_file), None) as both:
        yield both[1]


class Tampering(Party, frozen=True):
    """A client that sees something else than it was."""

    async def ask(self, *arguments: Any, **options: Any) -> Seen:
        answer, arrived = await Party.ask(self, *arguments, **options)
        return await seen(self, answer, arrived)

    async def arrived(self, mark: str) -> list[Arrived]:
        found = await Party.arrived(self, mark)
        return [replace(one, ended="complete") for one in found]


async def seen(party: Party, answer: Answer, arrived: list[Arrived]) -> Seen:
    return tampered[party.url](answer, arrived)


tampered: dict[str, Callable[[Answer, list[Arrived]], Seen]] = {}


def with_field(fields: Fields) -> Fields:
    return [*fields, (b"via", b"1.1 somebody")]


def on_arrival(**changes: Any) -> Callable[[Answer, list[Arrived]], Seen]:
    return lambda answer, arrived: (answer, [replace(one, **changes) for one in arrived])


def on_answer(**changes: Any) -> Callable[[Answer, list[Arrived]], Seen]:
    return lambda answer, arrived: (replace(answer, **changes), arrived)


TAMPERING: dict[str, Callable[[Answer, list[Arrived]], Seen]] = {
    "request headers": lambda answer, arrived: (
        answer,
        [replace(one, fields=with_field(one.fields)) for one in arrived],
    ),
    "request bodies": on_arrival(body=b"{}"),
    "targets": on_arrival(target=b"/v1/messages"),
    "methods": on_arrival(method="GET"),
    "response headers": lambda answer, arrived: (
        replace(answer, fields=with_field(answer.fields)),
        arrived,
    ),
    "encodings": on_answer(pieces=(b"decoded",)),
    "streaming": lambda answer, arrived: (replace(answer, pieces=(answer.body,)), arrived),
    "error bodies": on_answer(status=500),
    "redirects": lambda answer, arrived: (answer, [*arrived, *arrived]),
    "cut responses": on_answer(cut=False),
    "a client that leaves": lambda answer, arrived: (answer, arrived),
}


@every_case("clause", dict(zip(NAMES, CLAUSES, strict=True)))
async def test_each_clause_notices_a_proxy_that_breaks_it(
    party: Party, clause: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await clause.check(party)
    monkeypatch.setitem(tampered, party.url, TAMPERING[clause.name])
    with pytest.raises(Broken):
        await clause.check(Tampering(party.url, party.transport, party.token))


def test_the_command_prints_the_table_and_says_whether_all_is_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert cli.main(["doctor", "--contract"]) == 0
    printed = capsys.readouterr().out
    assert all(f"\n{name}" in printed for name in NAMES)
    assert not (tmp_path / "state").exists()
