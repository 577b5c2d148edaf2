"""A benchmark that is ended ends what it has started."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.proxying import DEADLINE

ROOT = Path(__file__).parents[2]
# Runs a program until it is ended, and prints the number of that program's process.
BENCHMARK = """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as for a shell's background job
from benchmarks.process import Command, running
program = Command((sys.executable, "-c", "import time; time.sleep(60)"), Path("."))
with running(program, None) as started:
    print(started.child.pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_what_a_benchmark_has_started(number: signal.Signals) -> None:
    with subprocess.Popen(
        (sys.executable, "-c", BENCHMARK), cwd=ROOT, stdout=subprocess.PIPE
    ) as benchmark:
        assert benchmark.stdout is not None
        started = int(benchmark.stdout.readline())
        benchmark.send_signal(number)
        assert benchmark.wait(DEADLINE) == 128 + number
    with pytest.raises(ProcessLookupError):
        os.kill(started, 0)
