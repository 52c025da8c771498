"""Mail on its way: one contract over every transport, and an SMTP server in all its moods."""

import email
import mailbox
import re
import socket
import ssl
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from notifications.errors import DeliveryError
from notifications.maildir import MaildirTransport
from notifications.memory import MemoryTransport
from notifications.message import to_email
from notifications.smtp import Security, SmtpTransport
from notifications.transport import Transport, transport_from_url
from tests.mail_samples import a_message
from tests.smtp_servers import (
    Inbox,
    a_free_port,
    a_scripted_server,
    an_smtp_server,
    talk_until,
)

AT = datetime(2022, 7, 15, 9, 30, tzinfo=UTC)
TLS = Path(__file__).parents[1] / "fixtures" / "smtp-tls"  # self-signed for 127.0.0.1, tests only
PASSWORD = "p@ss/word"
PASSWORD_IN_URL = "p%40ss%2Fword"


def through(port: int, **changes: Any) -> SmtpTransport:
    return SmtpTransport("127.0.0.1", port, **({"timeout": 5.0} | changes))


def failure(transport: Transport) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        transport.send(a_message(), at=AT)
    return caught.value


# --- the contract -------------------------------------------------------------------------


@dataclass
class Case:
    """A transport, what it has delivered so far, and a way to make it fail once."""

    transport: Transport
    delivered: Callable[[], list[tuple[str, EmailMessage]]]
    break_it: Callable[[], None]


def parsed(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=SMTP)
    assert isinstance(message, EmailMessage)
    return message


@pytest.fixture(params=["memory", "maildir", "smtp"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    if request.param == "memory":
        memory = MemoryTransport()

        def remembered() -> list[tuple[str, EmailMessage]]:
            return [
                (sent.message.recipient, parsed(to_email(sent.message, date=sent.at).as_bytes()))
                for sent in memory.sent
            ]

        error = DeliveryError("told to fail", permanent=False, code=451)
        yield Case(memory, remembered, lambda: memory.fail_next(1, error))
    elif request.param == "maildir":
        directory = tmp_path / "发件箱" / "mail"

        def on_disk() -> list[tuple[str, EmailMessage]]:
            if not directory.exists():
                return []
            assert list((directory / "tmp").iterdir()) == []
            messages = [parsed(path.read_bytes()) for path in (directory / "new").iterdir()]
            return [(str(message["Delivered-To"]), message) for message in messages]

        def occupy() -> None:
            directory.parent.write_text("a file where the folder should be")

        yield Case(transport_from_url(f"maildir:{directory}"), on_disk, occupy)
    else:
        inbox = Inbox()

        def received() -> list[tuple[str, EmailMessage]]:
            return [(recipients[0], parsed(content)) for _, recipients, content in inbox.taken]

        def refuse() -> None:
            inbox.answers["DATA"] = "451 4.3.0 try again later"

        with an_smtp_server(inbox) as port:
            url = f"smtp://127.0.0.1:{port}?starttls=never&timeout=5"
            yield Case(transport_from_url(url), received, refuse)


def test_a_message_arrives_whole_and_once(case: Case) -> None:
    case.transport.send(a_message(), at=AT)
    ((recipient, mail),) = case.delivered()
    assert recipient == "liaison@edu.example.org"
    assert mail["Subject"] == a_message().subject
    assert mail["Message-ID"] == "<notice.42@example.org>"
    assert mail["Date"].datetime == AT
    assert [address.addr_spec for address in mail["Cc"].addresses] == ["deputy@edu.example.org"]
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert isinstance(text, EmailMessage) and isinstance(html, EmailMessage)
    assert text.get_content().replace("\r\n", "\n") == a_message().text
    assert html.get_content().replace("\r\n", "\n") == a_message().html
    (attached,) = mail.iter_attachments()
    assert attached.get_filename() == "名单.csv"
    assert attached.get_payload(decode=True) == a_message().attachments[0].content


def test_a_copy_goes_to_its_one_recipient_only(case: Case) -> None:
    case.transport.send(a_message(recipient="deputy@edu.example.org"), at=AT)
    ((recipient, mail),) = case.delivered()
    assert recipient == "deputy@edu.example.org"
    assert mail["To"].addresses[0].addr_spec == "liaison@edu.example.org"


def test_a_message_sent_twice_is_there_twice_under_one_id(case: Case) -> None:
    case.transport.send(a_message(), at=AT)
    case.transport.send(a_message(), at=AT)
    assert [mail["Message-ID"] for _, mail in case.delivered()] == ["<notice.42@example.org>"] * 2


def test_a_failure_is_a_delivery_error_and_delivers_nothing(case: Case) -> None:
    case.break_it()
    error = failure(case.transport)
    assert not error.permanent
    assert str(error)
    assert case.delivered() == []


def test_a_transport_has_a_name_for_tables(case: Case) -> None:
    assert case.transport.name in {"memory", "maildir", "smtp"}


# --- SMTP ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "answer", "permanent"),
    [
        ("RCPT", "550 5.1.1 no such mailbox", True),
        ("RCPT", "553 5.1.3 bad address", True),
        ("RCPT", "550 no such user here", True),
        ("RCPT", "450 4.2.1 greylisted, try later", False),
        ("RCPT", "452 4.2.2 mailbox full", False),
        ("RCPT", "550 5.7.1 relaying denied", False),
        ("RCPT", "530 5.7.0 authentication required", False),
        ("RCPT", "503 sign in first", False),
        ("DATA", "554 5.7.1 message looks like spam", True),
        ("DATA", "552 5.3.4 message too big", True),
        ("DATA", "451 4.3.0 local error", False),
        ("DATA", "452 4.3.1 disk full", False),
        ("DATA", "421 4.3.2 shutting down", False),
        ("MAIL", "552 5.3.4 message too big", True),
        ("MAIL", "550 5.1.8 sender not known here", False),
        ("MAIL", "530 5.7.0 authentication required", False),
        ("MAIL", "451 4.3.0 try later", False),
    ],
)
def test_permanent_is_what_was_said_for_good_about_message_or_recipient(
    command: str, answer: str, permanent: bool
) -> None:
    inbox = Inbox({command: answer})
    with an_smtp_server(inbox) as port:
        error = failure(through(port))
    assert (error.permanent, error.code) == (permanent, int(answer[:3]))
    assert answer in str(error)
    assert f"127.0.0.1:{port}" in str(error)
    assert inbox.taken == []


def test_refused_connections_are_temporary() -> None:
    error = failure(through(a_free_port()))
    assert (error.permanent, error.code) == (False, None)
    assert "refuses connections" in str(error)


def test_a_host_name_that_leads_nowhere_is_temporary() -> None:
    error = failure(SmtpTransport("mail..invalid", 25, timeout=5.0))
    assert not error.permanent
    assert "cannot be reached" in str(error)


@pytest.mark.parametrize("silent_at", [b"", b"RCPT", b"DATA"])
def test_a_server_that_falls_silent_is_temporary(silent_at: bytes) -> None:
    done = threading.Event()

    def silent(connection: socket.socket) -> None:
        if silent_at:
            talk_until(connection, silent_at)
        done.wait(timeout=10)

    with a_scripted_server(silent) as port:
        error = failure(through(port, timeout=0.2))
        done.set()
    assert (error.permanent, error.code) == (False, None)
    assert "did not answer within 0.2 seconds" in str(error)


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_disconnect_in_the_middle_of_the_data_is_temporary(end: str) -> None:
    def hang_up(connection: socket.socket) -> None:
        talk_until(connection, b"DATA")
        connection.sendall(b"354 go on\r\n")
        connection.recv(64)
        if end == "reset":
            linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    with a_scripted_server(hang_up) as port:
        error = failure(through(port))
    assert (error.permanent, error.code) == (False, None)
    assert re.search("broke the connection off|cannot be reached", str(error))


def test_a_server_that_is_not_ready_is_temporary() -> None:
    def busy(connection: socket.socket) -> None:
        connection.sendall(b"554 no service here\r\n")
        connection.recv(64)

    with a_scripted_server(busy) as port:
        error = failure(through(port))
    assert (error.permanent, error.code) == (False, 554)


@pytest.mark.parametrize("at_quit", ["hang up", "fall silent", "complain"])
def test_what_happens_after_the_message_was_taken_is_no_failure(at_quit: str) -> None:
    done = threading.Event()

    def take_it_and(connection: socket.socket) -> None:
        talk_until(connection, b"DATA")
        connection.sendall(b"354 go on\r\n")
        content = b""
        while not content.endswith(b"\r\n.\r\n"):
            content += connection.recv(4096)
        connection.sendall(b"250 taken\r\n")
        connection.recv(64)
        if at_quit == "complain":
            connection.sendall(b"500 what?\r\n")
        elif at_quit == "fall silent":
            done.wait(timeout=10)

    with a_scripted_server(take_it_and) as port:
        through(port, timeout=0.3).send(a_message(), at=AT)
        done.set()


def the_right_password(
    server: object, session: Session, envelope: Envelope, mechanism: str, auth: Any
) -> AuthResult:
    assert isinstance(auth, LoginPassword)
    return AuthResult(success=auth.password.decode() == PASSWORD, handled=False)


def tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(TLS / "server.crt", TLS / "server.key")
    return context


def test_mail_travels_encrypted_and_signed_in() -> None:
    inbox = Inbox()
    options = {"tls_context": tls_context(), "require_starttls": True, "auth_required": True}
    with an_smtp_server(inbox, authenticator=the_right_password, **options) as port:
        transport = transport_from_url(
            f"smtp://ducha:{PASSWORD_IN_URL}@127.0.0.1:{port}?cafile={TLS / 'server.crt'}&timeout=5"
        )
        transport.send(a_message(), at=AT)
    ((sender, recipients, content),) = inbox.taken
    assert (sender, recipients) == ("ducha@example.org", ["liaison@edu.example.org"])
    assert content.isascii()


def test_mail_travels_over_tls_from_the_first_byte() -> None:
    inbox = Inbox()
    with an_smtp_server(inbox, ssl_context=tls_context()) as port:
        url = f"smtps://127.0.0.1:{port}?cafile={TLS / 'server.crt'}&timeout=5"
        transport_from_url(url).send(a_message(), at=AT)
    assert len(inbox.taken) == 1


def test_a_certificate_nobody_vouches_for_is_temporary() -> None:
    inbox = Inbox()
    with an_smtp_server(inbox, tls_context=tls_context()) as port:
        error = failure(through(port, security=Security.REQUIRE))
    assert not error.permanent
    assert "could not agree with us on encryption" in str(error)
    assert inbox.taken == []


def test_required_encryption_that_is_not_offered_sends_nothing() -> None:
    inbox = Inbox()
    with an_smtp_server(inbox) as port:
        error = failure(through(port, security=Security.REQUIRE))
    assert not error.permanent
    assert "starttls=never" in str(error)
    assert inbox.taken == []


def test_a_wrong_password_is_temporary_and_told_to_nobody() -> None:
    options = {"tls_context": tls_context(), "authenticator": the_right_password}
    with an_smtp_server(Inbox(), **options) as port:
        transport = through(
            port,
            security=Security.REQUIRE,
            cafile=TLS / "server.crt",
            user="ducha",
            password="geheim-4711",
        )
        error = failure(transport)
    assert (error.permanent, error.code) == (False, 535)
    assert "refuses our user name or password" in str(error)
    assert "geheim-4711" not in repr(transport) + "".join(traceback.format_exception(error))


def test_a_server_that_repeats_the_password_is_not_quoted() -> None:
    def parrot(connection: socket.socket) -> None:
        connection.sendall(b"220 test\r\n")
        connection.recv(4096)
        connection.sendall(b"250-test\r\n250 AUTH PLAIN\r\n")
        said = connection.recv(4096)
        connection.sendall(b"500 not known: geheim-4711 " + said)
        connection.recv(4096)

    with a_scripted_server(parrot) as port:
        error = failure(
            through(port, security=Security.NEVER, user="ducha", password="geheim-4711")
        )
    shown = "".join(traceback.format_exception(error))
    assert "geheim-4711" not in shown
    assert "AGR1Y2hhAGdlaGVpbS00NzEx" not in shown
    assert "***" in str(error)


def test_a_sign_in_the_server_does_not_offer_is_temporary() -> None:
    with an_smtp_server(Inbox()) as port:
        error = failure(through(port, security=Security.NEVER, user="ducha", password="x"))
    assert not error.permanent
    assert "lacks what we need" in str(error)


# --- the fakes and the Maildir ------------------------------------------------------------


def test_memory_fails_as_often_as_it_is_told_and_then_works() -> None:
    transport = MemoryTransport()
    transport.fail_next(2, DeliveryError("busy", permanent=False, code=451))
    transport.fail_next(1, DeliveryError("lost answer", permanent=False), after_taking=True)
    assert [failure(transport).text for _ in range(3)] == ["busy", "busy", "lost answer"]
    assert len(transport.sent) == 1
    transport.send(a_message(), at=AT)
    assert [sent.at for sent in transport.sent] == [AT, AT]


def test_a_maildir_is_readable_with_the_standard_library(tmp_path: Path) -> None:
    MaildirTransport(tmp_path / "mail").send(a_message(), at=AT)
    (message,) = mailbox.Maildir(tmp_path / "mail", create=False)
    assert message["Delivered-To"] == "liaison@edu.example.org"
    (path,) = (tmp_path / "mail" / "new").iterdir()
    assert b"\r" not in path.read_bytes()


def test_mail_goes_into_an_empty_folder_that_is_there(tmp_path: Path) -> None:
    MaildirTransport(tmp_path).send(a_message(), at=AT)
    assert len(list((tmp_path / "new").iterdir())) == 1
