"""What a reader, or a curious one with the source of a mail, finds in it."""

from __future__ import annotations

import email
import io
import zipfile
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP

from notifications.message import Message, to_email

ANY_DAY = datetime(2022, 7, 15, tzinfo=UTC)


def raw_of(message: Message) -> bytes:
    """Return the mail as it goes over the wire."""
    return to_email(message, date=ANY_DAY).as_bytes()


def parsed(raw: bytes) -> EmailMessage:
    mail = email.message_from_bytes(raw, policy=SMTP)
    assert isinstance(mail, EmailMessage)
    return mail


def all_text_of(raw: bytes) -> str:
    """Return every word of a mail: headers, both bodies, names and insides of attachments."""
    mail = parsed(raw)
    texts = []
    for part in mail.walk():
        texts += [f"{name}: {value}" for name, value in part.items()]
        if part.is_multipart():
            continue
        texts.append(part.get_filename() or "")
        content = part.get_content()
        texts.append(content if isinstance(content, str) else _inside(content))
    return "\n".join(texts)


def _inside(workbook: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(workbook)) as parts:
        return "\n".join(parts.read(name).decode() for name in parts.namelist())


def body_of(raw: bytes, subtype: str) -> str:
    """Return the plain or html body."""
    body = parsed(raw).get_body((subtype,))
    assert isinstance(body, EmailMessage)
    return str(body.get_content())
