"""A small TCP proxy in front of a server: it can refuse connections, or swallow every answer."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable


class Proxy:
    """Forwards one loopback port to another until told otherwise."""

    def __init__(self, to_port: int) -> None:
        self._to = to_port
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        self.port = 0
        self.swallow = False
        #: Asked with each answer; true swallows it and all later ones.
        self.swallow_when: Callable[[bytes], bool] | None = None
        self.start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        if self._listener is None:
            listener = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
            self.port = int(listener.getsockname()[1])
            self._listener = listener
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def refuse(self) -> None:
        """Refuse connections and drop those that are open."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._guard:
            for each in self._open:
                _hang_up(each)
            self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._to))
            with self._guard:
                self._open |= {client, server}
            for source, sink, answering in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pump, args=(source, sink, answering), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, answering: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if answering and self.swallow_when is not None and self.swallow_when(data):
                    self.swallow = True
                if answering and self.swallow:
                    break
                sink.sendall(data)
        with self._guard:
            self._open -= {source, sink}
        _hang_up(source)
        _hang_up(sink)


def _hang_up(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
