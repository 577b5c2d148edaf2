"""Follow a page of the documentation: ``python3 -m tests.docs.follow README.md 8443=18443``.

Runs its shell blocks one after the other, as a reader would, with other ports where they are given,
and prints each. It needs nothing but Python.
"""

import os
import sys
from pathlib import Path

from tests.docs.blocks import Reader, blocks


def main(page: str, *ports: str) -> None:
    """Run the blocks; raises `AssertionError` with the output of one that fails."""
    reader = Reader(dict(os.environ), Path.cwd(), dict(port.split("=") for port in ports))
    try:
        for block in blocks(Path(page).read_text("utf-8")):
            if block.reason is None:
                sys.stdout.write(block.text)
                reader.run(block)
    finally:
        reader.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
