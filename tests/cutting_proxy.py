"""A TCP proxy in front of PostgreSQL that loses connections at exact places, as networks and servers do."""

import socket
import threading
from contextlib import suppress
from typing import Final, Self

_SIZE: Final = 65_536


class CuttingProxy:
    """Forwards connections to a port until it is told to cut them."""

    def __init__(self, port: int) -> None:
        self._port: Final = port
        self._listener: Final = socket.create_server(("127.0.0.1", 0))
        self.port: Final = int(self._listener.getsockname()[1])
        self.lose_answer_to: bytes | None = None
        """The answer to a request with these bytes is lost, with the connection; once."""
        self.then_away: bool = False
        """Whether it is away from then on."""
        self.keep_server_side: bool = False
        """Whether the server does not hear that its client is gone."""
        self.away: bool = False
        """Whether nobody gets through."""
        self.refused: Final = threading.Event()
        """Set once somebody did not."""
        self._pairs: Final[list[tuple[socket.socket, socket.socket]]] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.keep_server_side = False
        self.cut()

    def cut(self) -> None:
        """Lose all connections."""
        for client, server in self._pairs:
            _close(client)
            if not self.keep_server_side:
                _close(server)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.away:
                    client.close()
                    self.refused.set()
                    continue
                server = socket.create_connection(("127.0.0.1", self._port))
                self._pairs.append((client, server))
                lost = threading.Event()
                for source, target in ((client, server), (server, client)):
                    forward = threading.Thread(
                        target=self._forward, args=(source, target, lost, source is client), daemon=True
                    )
                    forward.start()

    def _forward(
        self, source: socket.socket, target: socket.socket, lost: threading.Event, to_server: bool
    ) -> None:
        with suppress(OSError):
            while data := source.recv(_SIZE):
                if to_server and self.lose_answer_to is not None and self.lose_answer_to in data:
                    self.lose_answer_to = None
                    lost.set()
                elif not to_server and lost.is_set():
                    self.away = self.then_away
                    break
                target.sendall(data)
        if to_server and self.keep_server_side:
            return
        _close(source)
        _close(target)


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
