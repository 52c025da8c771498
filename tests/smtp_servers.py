"""SMTP servers for tests: a decent one that keeps what it takes, and one that misbehaves."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope, Session


@dataclass
class Inbox:
    """An SMTP handler that keeps what it takes and answers as it is told."""

    answers: dict[str, str] = field(default_factory=dict)
    taken: list[tuple[str, list[str], bytes]] = field(default_factory=list)

    async def handle_MAIL(  # noqa: N802 aiosmtpd looks for this name
        self,
        server: object,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        envelope.mail_from = address
        return self.answers.get("MAIL", "250 OK")

    async def handle_RCPT(  # noqa: N802 aiosmtpd looks for this name
        self,
        server: object,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        if "RCPT" not in self.answers:
            envelope.rcpt_tos.append(address)
        return self.answers.get("RCPT", "250 OK")

    async def handle_DATA(  # noqa: N802 aiosmtpd looks for this name
        self, server: object, session: Session, envelope: Envelope
    ) -> str:
        if "DATA" not in self.answers:
            content = envelope.original_content or b""
            self.taken.append((envelope.mail_from or "", list(envelope.rcpt_tos), content))
        return self.answers.get("DATA", "250 OK")


def a_free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def an_smtp_server(inbox: Inbox, **options: Any) -> Iterator[int]:
    controller = Controller(inbox, hostname="127.0.0.1", port=a_free_port(), **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@contextmanager
def a_scripted_server(script: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server for what no decent server does: `script` speaks on its one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                script(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(timeout=10)
        assert not thread.is_alive()


def talk_until(connection: socket.socket, command: bytes) -> None:
    """Greet and say yes to everything, up to and not including the answer to `command`."""
    connection.sendall(b"220 test\r\n")
    while not (received := connection.recv(4096)).upper().startswith(command):
        assert received, "the client hung up"
        connection.sendall(b"250 OK\r\n")
