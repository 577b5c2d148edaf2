"""``make logs``: which hosts are followed, how they are reached, and what is printed."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.stack.tree import ROOT

SCRIPT = ROOT / "deploy/ansible/follow.py"
INVENTORY = {
    "anthropic_proxy": {"hosts": ["one"], "children": ["more"]},
    "more": {"hosts": ["two", "one"]},
    "others": {"hosts": ["three"]},
    "_meta": {"hostvars": {"one": {"ansible_host": "192.0.2.1", "ansible_port": 2222}}},
}


@pytest.fixture(scope="module")
def follow() -> ModuleType:
    spec = importlib.util.spec_from_file_location("follow", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_hosts_of_the_group_and_of_its_children_are_followed(follow: ModuleType) -> None:
    assert follow.hosts(INVENTORY) == ["one", "two"]


def test_a_host_is_reached_as_ansible_reaches_it(follow: ModuleType) -> None:
    variables = {
        "ansible_host": "192.0.2.1",
        "ansible_port": 2222,
        "ansible_user": "deploy",
        "ansible_ssh_private_key_file": "/a key",
        "ansible_ssh_common_args": "-J 'jump host'",
    }
    *options, address, remote = follow.ssh("one", variables)
    assert address == "192.0.2.1"
    for option, value in (("-p", "2222"), ("-l", "deploy"), ("-i", "/a key"), ("-J", "jump host")):
        assert options[options.index(option) + 1] == value
    assert "journalctl" in remote
    assert "--follow" in remote


@pytest.mark.parametrize(("code", "ended"), [(0, 0), (255, 1)])
def test_lines_carry_their_host_and_a_failure_is_one(tmp_path: Path, code: int, ended: int) -> None:
    programs = {
        "ansible-inventory": f"echo '{json.dumps(INVENTORY)}'",
        "ssh": f'echo "a line"; exit {code}',
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        [sys.executable, SCRIPT, "hosts.ini"],
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert sorted(done.stdout.splitlines()) == ["one | a line", "two | a line"]
    assert done.returncode == ended
