"""A transport that keeps its messages: for tests and dry runs, and it can be told to fail."""

from datetime import datetime
from typing import ClassVar, NamedTuple

from notifications.errors import DeliveryError
from notifications.message import Message, to_email


class Sent(NamedTuple):
    """A message that was taken, and when."""

    message: Message
    at: datetime


class MemoryTransport:
    """Takes every message into `sent`, in order, unless it was told to fail."""

    name: ClassVar[str] = "memory"

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self._failures: list[tuple[DeliveryError, bool]] = []

    def fail_next(self, times: int, error: DeliveryError, *, after_taking: bool = False) -> None:
        """Raise `error` on the next sendings, after failures that were asked for before.

        With `after_taking` the message is in `sent` all the same: the server took it, and the
        answer was lost on its way back.
        """
        self._failures.extend([(error, after_taking)] * times)

    def send(self, message: Message, *, at: datetime) -> None:
        """Take the message. Raises the DeliveryError that was asked for, if any."""
        to_email(message, date=at)  # what could not be sent for real cannot be sent here
        error, taken = self._failures.pop(0) if self._failures else (None, True)
        if taken:
            self.sent.append(Sent(message, at))
        if error is not None:
            raise error
