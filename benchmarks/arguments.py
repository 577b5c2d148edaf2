"""What the command lines of the benchmarks have in common."""

import argparse


def parser(program: str, text: str | None) -> argparse.ArgumentParser:
    """Return a command line of ``program`` that shows ``text`` as it stands."""
    return argparse.ArgumentParser(
        prog=f"python -m {program}",
        description=text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_rounds(to: argparse.ArgumentParser, default: int) -> None:
    """Let the number of rounds be chosen."""
    to.add_argument("--rounds", type=positive, default=default, help=f"default: {default}")


def positive(text: str) -> int:
    """Read a number of at least 1."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number
