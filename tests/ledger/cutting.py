"""A TCP proxy in front of a database, which cuts connections around a COMMIT, or falls silent."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

Cut = Literal["before the commit", "after the commit", "after its answer"]
COMMIT = b"COMMIT"
TIME_OUT = 60.0


class Cutter:
    """Forwards to ``port``. ``cuts`` are for the next commits, one each; later ones pass.

    A connection hangs from a statement on that has the words ``hangs_at``.
    """

    def __init__(self, port: int, *cuts: Cut) -> None:
        self.cuts = list(cuts)
        self.hangs_at: bytes | None = None
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def run(self) -> None:
        """Serve until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Take no further connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._target)) as server:
            client.settimeout(TIME_OUT)
            server.settimeout(TIME_OUT)
            back = threading.Thread(target=self._back, args=(server, client), daemon=True)
            back.start()
            with suppress(OSError):
                while data := client.recv(65_536):
                    if self.hangs_at is not None and self.hangs_at in data:
                        while client.recv(65_536):
                            pass
                        break
                    cut = self.cuts[0] if COMMIT in data and self.cuts else None
                    if cut == "before the commit":
                        break
                    server.sendall(data)
                    if cut == "after the commit":
                        break
            if COMMIT in data and self.cuts:
                self.cuts.pop(0)
            for end in (client, server):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            back.join(TIME_OUT)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65_536):
                if COMMIT in data and self.cuts[:1] == ["after its answer"]:
                    self.cuts.pop(0)
                    break
                client.sendall(data)
        for end in (client, server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def cutting(port: int, *cuts: Cut) -> Iterator[Cutter]:
    """Run the proxy in a thread."""
    one = Cutter(port, *cuts)
    thread = threading.Thread(target=one.run, daemon=True)
    thread.start()
    try:
        yield one
    finally:
        one.close()
        thread.join(TIME_OUT)
