"""How a message travels: the port, and the URL that chooses what stands behind it."""

from datetime import datetime
from pathlib import Path
from typing import Protocol

from notifications.errors import TransportUrlError
from notifications.maildir import MaildirTransport
from notifications.memory import MemoryTransport
from notifications.message import Message
from notifications.smtp import SmtpTransport

_ALLOWED = (
    "allowed are maildir:PATH, smtp://[user:password@]host[:port][?starttls=require&timeout=30], "
    "smtps://[user:password@]host[:port] and memory:"
)


class Transport(Protocol):
    """Something that delivers one message to one recipient."""

    @property
    def name(self) -> str:
        """A word for logs and tables: `smtp`, `maildir`, `memory`."""
        ...

    def send(self, message: Message, *, at: datetime) -> None:
        """Deliver the message, or raise DeliveryError. `at` becomes its Date."""
        ...


def transport_from_url(url: str) -> Transport:
    """Return the transport that a setting names. Opens nothing, connects to nothing.

    Raises TransportUrlError saying what is allowed; it never repeats a password.
    """
    scheme, colon, rest = url.partition(":")
    match scheme.lower() if colon else "":
        case "maildir":
            return MaildirTransport(_directory(rest))
        case "smtp" | "smtps":
            return SmtpTransport.from_url(url)
        case "memory" if not rest:
            return MemoryTransport()
        case "memory":
            raise TransportUrlError("nothing may follow memory: in the URL of a transport")
        case _:
            raise TransportUrlError(f"the URL of a transport names none that there is; {_ALLOWED}")


def _directory(rest: str) -> Path:
    if rest.startswith("//"):
        if not rest.startswith("///"):
            raise TransportUrlError(
                "maildir://host/… names another machine; write maildir:relative/path, "
                "maildir:/absolute/path or maildir:///absolute/path"
            )
        rest = rest.removeprefix("//")
    if not rest or "\0" in rest:
        raise TransportUrlError("maildir: needs the path of a folder, such as maildir:outbox")
    return Path(rest)
