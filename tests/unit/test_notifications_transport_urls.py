"""The URL of a transport: what it may say, and that a password never shows."""

import traceback
from pathlib import Path

import pytest

from notifications.errors import TransportUrlError
from notifications.maildir import MaildirTransport
from notifications.memory import MemoryTransport
from notifications.smtp import Security, SmtpTransport
from notifications.transport import transport_from_url


@pytest.mark.parametrize(
    ("url", "directory"),
    [
        ("maildir:outbox", "outbox"),
        ("maildir:发件箱/mail", "发件箱/mail"),
        ("maildir:/var/mail/outbox", "/var/mail/outbox"),
        ("maildir:///var/mail/outbox", "/var/mail/outbox"),
        ("MAILDIR:a b", "a b"),
    ],
)
def test_a_maildir_url_names_a_folder(url: str, directory: str) -> None:
    assert transport_from_url(url) == MaildirTransport(Path(directory))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example.org", SmtpTransport("mail.example.org", 25)),
        (
            "smtp://ducha%40example.org:p%40ss%2Fword@mail.example.org?timeout=5",
            SmtpTransport(
                "mail.example.org",
                587,
                Security.REQUIRE,
                "ducha@example.org",
                "p@ss/word",
                timeout=5,
            ),
        ),
        (
            "smtp://u:p@mail.example.org:2525?starttls=never",
            SmtpTransport("mail.example.org", 2525, Security.NEVER, "u", "p"),
        ),
        (
            "smtps://u:p@mail.example.org?cafile=/etc/ca.pem",
            SmtpTransport(
                "mail.example.org", 465, Security.TLS, "u", "p", cafile=Path("/etc/ca.pem")
            ),
        ),
        ("smtp://[::1]:25/", SmtpTransport("::1", 25)),
    ],
)
def test_an_smtp_url_says_everything_once(url: str, expected: SmtpTransport) -> None:
    assert transport_from_url(url) == expected


def test_memory_is_a_transport_of_its_own() -> None:
    assert isinstance(transport_from_url("memory:"), MemoryTransport)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "allowed are maildir:PATH"),
        ("outbox", "allowed are maildir:PATH"),
        ("ftp://example.org", "allowed are maildir:PATH"),
        ("maildir:", "needs the path of a folder"),
        ("maildir://host/outbox", "names another machine"),
        ("memory:x", "nothing may follow"),
        ("smtp:", "names no host"),
        ("smtp://", "names no host"),
        ("smtp://:25", "names no host"),
        ("smtp://host:port", "a port is a number"),
        ("smtp://host:99999", "a port is a number"),
        ("smtp://host?timeout=soon", "timeout in the SMTP URL"),
        ("smtp://host?timeout=nan", "timeout in the SMTP URL"),
        ("smtp://host?timeout=0", "timeout in the SMTP URL"),
        ("smtp://host?starttls=maybe", "starttls in the SMTP URL"),
        ("smtp://host?starttls=tls", "starttls in the SMTP URL"),
        ("smtps://host?starttls=require", "unknown or given twice"),
        ("smtp://host?verify=no", "allowed here: cafile, starttls, timeout"),
        ("smtp://host?timeout=1&timeout=2", "unknown or given twice"),
        ("smtp://host/path", "that is no option"),
        ("smtp://:geheim@host", "no user"),
        ("smtp://用户:geheim@host", "plain ASCII"),
        ("smtp://u:geheim%0A@host", "plain ASCII"),
        ("smtp://u:geheim/4711@host", "a port is a number"),
        ("smtp://u:4711/geheim@host", "that is no option"),
        ("smtp://u:4711?geheim@host", "unknown or given twice"),
        ("smtp://u:4711#geheim@host", "that is no option"),
        ("smtp://u:[geheim@host", "cannot be read"),
    ],
)
def test_a_faulty_url_says_what_is_allowed_and_no_password(url: str, complaint: str) -> None:
    with pytest.raises(TransportUrlError) as caught:
        transport_from_url(url)
    assert complaint in str(caught.value)
    assert "geheim" not in "".join(traceback.format_exception(caught.value))
    assert isinstance(caught.value, ValueError)


def test_a_password_never_shows() -> None:
    transport = transport_from_url("smtp://ducha:geheim-4711@mail.example.org")
    assert "geheim" not in repr(transport)
    assert "ducha" in repr(transport)


def test_a_transport_does_nothing_before_it_sends(tmp_path: Path) -> None:
    transport_from_url(f"maildir:{tmp_path / 'mail'}")
    assert list(tmp_path.iterdir()) == []
