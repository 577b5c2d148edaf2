"""A late class is the one that it would have been at once, whoever looks at it first."""

import dataclasses
import inspect
import json
import re
import shlex
import subprocess
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.certificates import Certificate
from app.late_classes import PACKAGES, dataclass, making_later
from simulator import Simulator
from tests.proxy_process import running
from tests.proxying import STREAM

ADDRESS = re.compile(r"0x[0-9a-f]+")
LATE = f"{PACKAGES[0]}.made_up"

# What somebody may be the first to do with a class, told by values that can be compared.
USES: dict[str, Callable[[Any], Any]] = {
    "make": lambda cls: cls(*range(len(cls.__annotations__))),
    "make by default": lambda cls: cls(),
    "make of too much": lambda cls: cls(*range(9)),
    "compare": lambda cls: (cls(1) == cls(1), cls(1) == cls(2), cls(1) < cls(2)),
    "hash": lambda cls: hash(cls(1)) == hash(cls(1)),
    "change": lambda cls: setattr(cls(1), "a", 2),
    "list fields": lambda cls: [(one.name, one.default) for one in dataclasses.fields(cls)],
    "ask": lambda cls: (dataclasses.is_dataclass(cls), cls.__dataclass_params__),
    "match": lambda cls: cls.__match_args__,
    "sign": lambda cls: str(inspect.signature(cls)),
    "replace": lambda cls: dataclasses.replace(cls(1), a=3),
    "derive": lambda cls: type("Derived", (cls,), {})(1),
    "derive a dataclass": lambda cls: _derived(cls)(1, z=3),
    "derive and call": lambda cls: type("Calling", (cls,), {"__init__": _call})(1),
}


def _declared(names: list[str], members: dict[str, Any], module: str = LATE) -> Any:
    own = {"__module__": module, "__annotations__": dict.fromkeys(names, int)}
    return type("Declared", (), own | members)


def _derived(cls: Any) -> Any:
    own = {"__module__": LATE, "__annotations__": {"z": int}, "z": 0}
    return dataclass(type("Derived", (cls,), own), frozen=cls.is_frozen)


def _call(self: Any, value: int) -> None:
    super(type(self), self).__init__(value)


def _told(call: Callable[[Any], Any], cls: Any) -> str:
    """Return what a call returns or raises, without addresses."""
    try:
        told = repr(call(cls))
    except Exception as exc:  # noqa: BLE001 - whichever
        told = repr(exc)
    return ADDRESS.sub("", told)


@given(
    names=st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True),
    defaults=st.integers(0, 4),
    options=st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("frozen", "order", "eq", "repr", "kw_only"), st.booleans())
    ),
    uses=st.lists(st.sampled_from([*USES]), min_size=1, max_size=4),
)
def test_a_late_dataclass_is_the_one_it_would_have_been(
    names: list[str], defaults: int, options: dict[str, bool], uses: list[str]
) -> None:
    assume(options.get("eq", True) or not options.get("order"))
    members = dict.fromkeys(names[-defaults:] if defaults else [], 7)
    members["is_frozen"] = options.get("frozen", False)
    real = dataclasses.dataclass(**options)(_declared(names, members))
    late = dataclass(**options)(_declared(names, members))
    assert "__eq__" not in vars(late)
    for use in uses:
        assert _told(USES[use], late) == _told(USES[use], real), use


@pytest.mark.parametrize(
    ("module", "members", "options"),
    [
        ("msgspec", {}, {}),
        (LATE, {"__init__": _call}, {}),
        (LATE, {}, {"init": False}),
        (LATE, {}, {"match_args": False}),
    ],
    ids=["another package", "a method of its own", "none at all", "an option that is not known"],
)
def test_other_dataclasses_are_made_at_once(
    module: str, members: dict[str, Any], options: dict[str, bool]
) -> None:
    made = dataclass(_declared(["a"], members, module), **options)
    assert "__eq__" in vars(made)


def test_typed_dictionaries_are_late_in_the_same_packages_only() -> None:
    before = typing.TypedDict
    source = "class Keys(TypedDict, total=False):\n    a: int\nclass More(Keys):\n    b: int\n"
    made: dict[str, dict[str, Any]] = {}
    with making_later():
        for module in (LATE, "msgspec"):
            made[module] = {"TypedDict": typing.TypedDict, "__name__": module}
            exec(source, made[module])  # noqa: S102 - the text above
    assert typing.TypedDict is before
    late, real = made[LATE], made["msgspec"]
    assert late["More"](a=1) == real["More"](a=1) == {"a": 1}
    assert (typing.is_typeddict(late["More"]), typing.is_typeddict(real["More"])) == (False, True)
    assert typing.get_type_hints(real["More"]) == {"a": int, "b": int}


# Prints what every dataclass of the packages is, as far as a program can tell.
TELL = """
import dataclasses, inspect, json, sys
from importlib import import_module
{load}
told = {{}}
for module in {modules} or [*sys.modules]:
    if module.partition(".")[0] in {packages}:
        for name, one in sorted(vars(import_module(module)).items()):
            own = isinstance(one, type) and one.__module__ == module
            if own and dataclasses.is_dataclass(one):
                fields = [(each.name, str(each.type)) for each in dataclasses.fields(one)]
                told[f"{{module}}.{{name}}"] = (
                    str(inspect.signature(one)), fields, one.__hash__ is None, one.__match_args__,
                    repr(one.__dataclass_params__).replace("slots=True", "slots=False"),
                )
print(json.dumps(told))
"""


def test_those_of_a_server_s_libraries_are_the_same() -> None:
    def told(load: str, modules: list[str]) -> Any:
        program = TELL.format(load=load, modules=modules, packages=PACKAGES)
        printed = subprocess.check_output([sys.executable, "-c", program], text=True)
        return json.loads(ADDRESS.sub("", printed))

    late = told("from app.imports import load; load('cli.serve'); load('server.alone')", [])
    modules = sorted({name.rpartition(".")[0] for name in late})
    assert len(late) > 60
    assert late == told("", modules)


# Serves, and states for each dataclass of the packages whether the main thread made it.
WATCHED = """
import dataclasses, json, sys, threading
real = dataclasses.dataclass
def watched(declared=None, /, **options):
    if declared is not None:
        here = threading.current_thread() is threading.main_thread()
        made = {"event": "made", "name": declared.__module__, "main": here}
        print(json.dumps(made), file=sys.stderr, flush=True)
    return real(declared, **options)
dataclasses.dataclass = watched
from app.cli.program import main
sys.exit(main(["serve"]))
"""


@pytest.mark.slow
async def test_the_threads_of_a_server_make_none(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    """Two that made the same one at once would disturb each other."""
    settings: dict[str, Any] = {
        "state_dir": tmp_path,
        "scrub_mode": "pseudonymize",
        "scrub_hmac_key": "0f" * 32,
        "scrub_receipts_file": tmp_path / "receipts.jsonl",
        "budgets": "day:1000",
    }
    program = f"-c {shlex.quote(WATCHED)}"
    async with running(upstream, certificate, program=program, **settings) as proxy:
        await proxy.started()
        async with proxy.client(http2=True) as client, proxy.pages() as pages:
            secret = {"role": "user", "content": "ghp_" + "0aB1" * 9}
            for _ in range(3):
                await client.post("/v1/messages", json=STREAM | {"messages": [secret]})
            for page in ("dashboard", "metrics", "prometheus", "ledger/days", "ca.crt"):
                await pages.get(f"/{page}")
        proxy.process.terminate()
        code, logged = await proxy.ended()
    made = [line for line in logged if line["event"] == "made"]
    late = [line for line in made if line["name"].partition(".")[0] in PACKAGES]
    assert (code, len(upstream.received)) == (0, 3)
    assert len(late) > 10
    assert [line for line in late if not line["main"]] == []
