"""``make logs``: follow the service's log on every host of the inventory, a line per line.

Ansible collects output until a command ends, so each host gets an ssh of its own here, started as
Ansible would start it. Ends with Ctrl-C, or with 1 when a host cannot be followed.
"""

import json
import shlex
import subprocess
import sys
import threading
from typing import Any

GROUP = "anthropic_proxy"
# Whoever may not read the journal asks sudo; without a terminal there is nobody to type a password.
JOURNAL = "journalctl --unit=anthropic-proxy --lines=100 --follow --no-pager --output=cat"
REMOTE = f'if [ "$(id -u)" = 0 ]; then exec {JOURNAL}; else exec sudo -n {JOURNAL}; fi'
# What Ansible calls it, and ssh's option for it.
OPTIONS = {
    "ansible_port": "-p",
    "ansible_ssh_port": "-p",
    "ansible_user": "-l",
    "ansible_ssh_user": "-l",
    "ansible_ssh_private_key_file": "-i",
    "ansible_private_key_file": "-i",
}
ARGUMENTS = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")


def hosts(inventory: dict[str, Any], group: str = GROUP) -> list[str]:
    """Return the hosts of a group and of its children, as `ansible-inventory --list` has them."""
    found = list(inventory.get(group, {}).get("hosts", []))
    for child in inventory.get(group, {}).get("children", []):
        found += hosts(inventory, child)
    return list(dict.fromkeys(found))


def ssh(host: str, variables: dict[str, Any]) -> list[str]:
    """Return the command that follows a host's log."""
    command = ["ssh", "-o", "BatchMode=yes", "-o", "ServerAliveInterval=15"]
    for name, option in OPTIONS.items():
        if name in variables:
            command += [option, str(variables[name])]
    for name in ARGUMENTS:
        command += shlex.split(str(variables.get(name, "")))
    address = variables.get("ansible_host") or variables.get("ansible_ssh_host") or host
    return [*command, str(address), REMOTE]


def follow(host: str, process: "subprocess.Popen[str]") -> None:
    """Print each line of a host as it comes."""
    for line in process.stdout or ():
        print(f"{host} | {line}", end="", flush=True)


def main(inventory_file: str) -> int:
    """Follow every host until all have ended; return 1 when one failed."""
    listed = subprocess.run(
        ["ansible-inventory", "-i", inventory_file, "--list"], stdout=subprocess.PIPE, check=True
    )
    inventory = json.loads(listed.stdout)
    variables = inventory.get("_meta", {}).get("hostvars", {})
    running = {
        host: subprocess.Popen(
            ssh(host, variables.get(host, {})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        for host in hosts(inventory)
    }
    if not running:
        print(f"{inventory_file} has no host in the group {GROUP}", file=sys.stderr)
        return 1
    threads = [threading.Thread(target=follow, args=pair, daemon=True) for pair in running.items()]
    for thread in threads:
        thread.start()
    try:
        codes = [process.wait() for process in running.values()]
    except KeyboardInterrupt:
        for process in running.values():
            process.terminate()
        return 130
    for thread in threads:
        thread.join()
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
