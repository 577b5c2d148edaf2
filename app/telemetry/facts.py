"""Facts shown next to the figures: the proxy's identity and configuration."""

import shlex
from pathlib import Path

import msgspec

from ..caller import contained


class ScrubFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Configuration of the secret scrubber; ``detectors`` are the names of the active ones."""

    mode: str = "off"
    detectors: tuple[str, ...] = ()
    restore: bool = False


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """``host`` is this machine's name; ``simulated`` is True if upstream is a simulated API."""

    host: str = ""
    simulated: bool = False
    scrub: ScrubFacts = ScrubFacts()


class Listening(msgspec.Struct, frozen=True):
    """The proxy's port, and the CA file that its clients must trust, as a shell word.

    ``contained`` is True in a container, whose files its users cannot name.
    """

    port: int
    ca_file: str
    contained: bool = False

    @classmethod
    def at(cls, port: int, ca_file: Path) -> "Listening":
        """Return it with the home directory, which names the user, written as ``~``."""
        file, home = ca_file.resolve(), Path.home()
        word = shlex.quote(str(file))
        if file.is_relative_to(home):
            word = "~/" + shlex.quote(str(file.relative_to(home)))
        return cls(port, word, contained())
