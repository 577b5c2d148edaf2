"""Exit codes, as a shell or a script sees them."""

FOUND = 1  # `scrub` found something
NOT_STARTED = 1
BAD_SETTINGS = 2
UNREADABLE = 2  # the file that `scrub`, `prices` or `receipts` was given
DIFFERENT = 1  # `reconcile`: the two totals differ
UNKNOWN = 2  # `reconcile`: cannot tell
CHANGED = 1  # the file that `receipts verify` was given
NOT_FOUND = 127  # a shell's code for a command that does not exist
INTERRUPTED = 130  # 128 + SIGINT
