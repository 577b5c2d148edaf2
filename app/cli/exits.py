"""Exit codes, as a shell or a script sees them."""

from ..failures import SettingsError, StartError

FOUND = 1  # `scrub` found something
NOT_STARTED = 1
BAD_SETTINGS = 2
UNREADABLE = 2  # a file that the command was given, or the ledger
DIFFERENT = 1  # `reconcile`: the two totals differ; `doctor --parity`: two ways do
UNKNOWN = 2  # `reconcile`: cannot tell
NOT_WRITTEN = 1  # the output: the disk is full
CHANGED = 1  # the file that `receipts verify` was given
NOT_FOUND = 127  # a shell's code for a command that does not exist
INTERRUPTED = 130  # 128 + SIGINT
PIPE_CLOSED = 141  # 128 + SIGPIPE

FAILURES = (SettingsError, StartError)  # what keeps a command from running


def code_of(failure: SettingsError | StartError) -> int:
    """Return the exit code of a command that did not run."""
    return BAD_SETTINGS if isinstance(failure, SettingsError) else NOT_STARTED
