"""Who started the program: the Makefile and the image say so in a variable.

Their users do not type what others type, and those of a container cannot name its files.
"""

import os

CALLED_AS = "CALLED_AS"


def made() -> bool:
    """Return True under ``make``."""
    return os.environ.get(CALLED_AS) == "make"


def contained() -> bool:
    """Return True in a container of the image."""
    return os.environ.get(CALLED_AS) == "container"
