"""Mail into a Maildir on disk: the embedded default, readable with any mail program."""

import mailbox
from dataclasses import dataclass
from datetime import datetime
from email.policy import SMTP
from pathlib import Path
from typing import ClassVar

from notifications.errors import DeliveryError
from notifications.message import Message, to_email


@dataclass(frozen=True, slots=True)
class MaildirTransport:
    """Delivers everything into one Maildir, made when the first message comes.

    Delivered-To says whom a message was for. A message delivered twice is kept twice, with the
    same Message-ID: nothing is named away.
    """

    directory: Path
    name: ClassVar[str] = "maildir"

    def send(self, message: Message, *, at: datetime) -> None:
        """Write the message, whole or not at all, and onto the disk before this returns.

        Raises DeliveryError, never a permanent one: a full or missing disk is repaired.
        """
        email = to_email(message, date=at)
        email["Delivered-To"] = message.recipient
        # A Maildir holds files of this system: lines end in a plain newline.
        content = email.as_bytes(policy=SMTP.clone(linesep="\n"))
        try:
            for folder in ("tmp", "new", "cur"):
                (self.directory / folder).mkdir(parents=True, exist_ok=True)
            mailbox.Maildir(self.directory, create=False).add(content)
        except OSError as error:
            reason = error.strerror or str(error)
            raise DeliveryError(
                f"cannot write to the Maildir {self.directory}: {reason}", permanent=False
            ) from error
