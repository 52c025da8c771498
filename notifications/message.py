"""One message to one recipient, and its form on the wire."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from hashlib import sha256
from typing import Final, NamedTuple

from notifications.errors import MessageError

AUTO_SUBMITTED: Final = ("Auto-Submitted", "auto-generated")

_OWN_HEADERS: Final = (
    *("from", "to", "cc", "bcc", "sender", "subject", "date", "message-id", "references"),
    *("in-reply-to", "mime-version"),
)
_HEADER_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_MESSAGE_ID: Final = re.compile(r"<[^<>@\s]+@[^<>@\s]+>", re.ASCII)
_MAILBOX: Final = re.compile(r"(?:(?P<name>[^<>]*)<(?P<named>[^<>]*)>|(?P<bare>[^<>]*))")
_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
_DOMAIN: Final = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_PLAIN_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CONTENT_TYPE: Final = re.compile(r"[a-z]+/[A-Za-z0-9.+-]+")


class Attachment(NamedTuple):
    """A file that travels with a message."""

    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message to exactly one mailbox.

    `recipient` is the bare address that the message travels to. `shown_to` and `shown_cc` are
    what its reader sees in To and Cc, so that a copy shows whom it was meant for; empty
    `shown_to` shows the recipient. `sender`, `shown_to` and `shown_cc` are written
    `name@example.org` or `显示名 <name@example.org>`. `references` are the Message-IDs of
    earlier mails on the same matter, oldest first.

    Raises MessageError for anything that could not be sent as it stands: a control character
    or newline in a header, an address that is none or several.
    """

    sender: str
    recipient: str
    subject: str
    text: str
    html: str
    message_id: str
    shown_to: tuple[str, ...] = ()
    shown_cc: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = (AUTO_SUBMITTED,)
    attachments: tuple[Attachment, ...] = ()

    def __post_init__(self) -> None:
        _one_line("subject", self.subject)
        if not self.subject.strip():
            raise MessageError("a message needs a subject; this one is blank")
        _address("recipient", self.recipient)
        for field, mailboxes in (
            ("sender", (self.sender,)),
            ("shown_to", self.shown_to),
            ("shown_cc", self.shown_cc),
        ):
            for mailbox in mailboxes:
                _mailbox(field, mailbox)
        for message_id in (self.message_id, *self.references):
            if not _MESSAGE_ID.fullmatch(message_id):
                raise MessageError(f"not a Message-ID: {message_id!r}; expected '<name@domain>'")
        for name, value in self.headers:
            _header(name, value)
        for attachment in self.attachments:
            _attachment(attachment)
        for part, content in (("text", self.text), ("html", self.html)):
            if any(unicodedata.category(character) == "Cs" for character in content):
                raise MessageError(f"the {part} holds half a surrogate pair, which is no text")

    @property
    def sender_address(self) -> str:
        """The bare address the message travels from."""
        return _mailbox("sender", self.sender).addr_spec


def require_mailbox(field: str, text: str) -> str:
    """Return the text if it is one mailbox; MessageError says what is wrong with `field`."""
    _mailbox(field, text)
    return text


def message_id_for(notice_id: str, domain: str) -> str:
    """Return the Message-ID of a notice: the same for every attempt to send it.

    A server that took the message before we crashed gets the retry under the same id, so the
    one double we cannot avoid can be recognised. Ids that are not plain ASCII words are hashed.
    """
    if not notice_id:
        raise MessageError("a notice without an id cannot have a Message-ID")
    if not _DOMAIN.fullmatch(domain):
        raise MessageError(f"not a domain name: {domain!r}; expected one such as 'example.org'")
    plain = _PLAIN_ID.fullmatch(notice_id)
    name = f"notice.{notice_id}" if plain else f"notice-h.{sha256(notice_id.encode()).hexdigest()}"
    return f"<{name}@{domain}>"


def to_email(message: Message, *, date: datetime) -> EmailMessage:
    """Return the message as MIME: text with an HTML alternative, UTF-8, lines ended by CRLF.

    `date` becomes the Date header and must carry its zone. Everything is 7-bit on the wire,
    whatever the server can do.
    """
    if date.tzinfo is None:
        raise MessageError(f"the date of a message needs a time zone: {date.isoformat()}")
    email = EmailMessage(policy=SMTP)
    email["From"] = _mailbox("sender", message.sender)
    email["To"] = tuple(_mailbox("shown_to", m) for m in message.shown_to or (message.recipient,))
    if message.shown_cc:
        email["Cc"] = tuple(_mailbox("shown_cc", m) for m in message.shown_cc)
    email["Subject"] = message.subject.strip()
    email["Date"] = date
    email["Message-ID"] = message.message_id
    if message.references:
        email["In-Reply-To"] = message.references[-1]
        email["References"] = " ".join(message.references)
    for name, value in message.headers:
        email[name] = value
    email.set_content(message.text, charset="utf-8", cte="base64")
    email.add_alternative(message.html, subtype="html", charset="utf-8", cte="base64")
    for attachment in message.attachments:
        maintype, subtype = attachment.content_type.split("/")
        email.add_attachment(
            attachment.content, maintype=maintype, subtype=subtype, filename=attachment.filename
        )
    return email


def _one_line(field: str, value: str) -> None:
    for character in value:
        if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}:
            raise MessageError(
                f"the {field} holds {character!r}, which would end or break its header; "
                f"it must be one line of text: {value!r}"
            )


def _address(field: str, address: str) -> None:
    _one_line(field, address)
    if not _ADDRESS.fullmatch(address):
        raise MessageError(
            f"the {field} is not one plain mail address: {address!r}; "
            "expected one such as 'liaison@example.org'"
        )


def _mailbox(field: str, text: str) -> Address:
    _one_line(field, text)
    match = _MAILBOX.fullmatch(text.strip())
    if match is None:
        raise MessageError(
            f"the {field} is not one mailbox: {text!r}; expected 'name <address>' or 'address'"
        )
    address = match["bare"] if match["named"] is None else match["named"]
    _address(field, address)
    name = " ".join((match["name"] or "").split())
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = name[1:-1]
    return Address(display_name=name, addr_spec=address)


def _header(name: str, value: str) -> None:
    if not _HEADER_NAME.fullmatch(name):
        raise MessageError(f"not a header name: {name!r}")
    if name.lower() in _OWN_HEADERS or name.lower().startswith("content-"):
        raise MessageError(f"the header {name} has a field of its own and cannot be set by hand")
    _one_line(f"header {name}", value)


def _attachment(attachment: Attachment) -> None:
    _one_line("name of an attachment", attachment.filename)
    if not attachment.filename or {"/", "\\"} & set(attachment.filename):
        raise MessageError(f"not the plain name of a file: {attachment.filename!r}")
    if not _CONTENT_TYPE.fullmatch(attachment.content_type):
        raise MessageError(
            f"not a content type: {attachment.content_type!r}; expected one such as "
            "'application/pdf'"
        )
