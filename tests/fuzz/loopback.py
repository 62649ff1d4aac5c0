"""A server on loopback that answers every connection with the same bytes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def answering(data: bytes) -> Iterator[int]:
    """Answer each connection with `data` once the client has sent something, and close it. Yields the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve, args=(server, data), daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(server: socket.socket, data: bytes) -> None:
    with suppress(OSError):
        while True:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.settimeout(5)
                connection.recv(1 << 16)
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(0.05)  # a client may keep an answer that it refuses
                while connection.recv(1 << 16):
                    pass
