"""What a proxy is and how it is set up: what people want to know beside the figures."""

import shlex
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrubFacts:
    """How the secret scrubber is set up; ``detectors`` are the names of those that run."""

    mode: str = "off"
    detectors: tuple[str, ...] = ()
    restore: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """``host`` is this machine's name; ``simulated`` says that no answer is a real one."""

    host: str = ""
    simulated: bool = False
    scrub: ScrubFacts = ScrubFacts()


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the proxy listens, and the file that its clients have to trust, as a shell word."""

    port: int
    ca_file: str

    @classmethod
    def at(cls, port: int, ca_file: Path) -> "Listening":
        """Return it with the home directory, which names the user, written as ``~``."""
        file, home = ca_file.resolve(), Path.home()
        if file.is_relative_to(home):
            return cls(port, "~/" + shlex.quote(str(file.relative_to(home))))
        return cls(port, shlex.quote(str(file)))
