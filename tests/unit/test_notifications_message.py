"""What a message holds, what it refuses, and that it survives the journey through MIME."""

import email
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.errors import MessageError
from notifications.message import Attachment, Message, message_id_for, to_email
from tests.mail_samples import a_message

AT = datetime(2022, 7, 15, 17, 30, tzinfo=UTC)

# Letters of any script, punctuation, emoji; what ends a line is refused and tested apart.
LINES = st.one_of(
    st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=200),
    st.text(
        st.sampled_from("【逾期催办】区教育局：“第二季度”\"'，,;@=?_=?utf-8?b?😀👨‍👩‍👧 A1"),
        max_size=200,
    ),
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)


def read_back(message: Message) -> EmailMessage:
    parsed = email.message_from_bytes(to_email(message, date=AT).as_bytes(), policy=SMTP)
    assert isinstance(parsed, EmailMessage)
    return parsed


def lines_of(text: str) -> list[str]:
    """The lines as mail knows them, without the break that ends a body."""
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


def body(parsed: EmailMessage, kind: str) -> str:
    part = parsed.get_body((kind,))
    assert isinstance(part, EmailMessage)
    content = part.get_content()
    assert isinstance(content, str)
    return content


@given(subject=LINES.filter(lambda line: line.strip()), text=TEXTS, html=TEXTS)
def test_any_subject_and_body_survive_the_journey(subject: str, text: str, html: str) -> None:
    parsed = read_back(a_message(subject=subject, text=text, html=html))
    assert parsed["Subject"] == subject.strip()
    assert lines_of(body(parsed, "plain")) == lines_of(text)
    assert lines_of(body(parsed, "html")) == lines_of(html)


@given(name=LINES)
def test_any_display_name_leaves_the_address_alone(name: str) -> None:
    name = name.translate({ord(c): None for c in '<>"\\'})
    raw = to_email(a_message(sender=f"{name} <ducha@example.org>"), date=AT).as_bytes()
    header = email.message_from_bytes(raw)["From"].replace("\r\n", "")
    shown, address = parseaddr(header)
    assert address == "ducha@example.org"
    # Python folds some blanks beside encoded words away; nothing else may be lost.
    assert "".join(str(make_header(decode_header(shown))).split()) == "".join(name.split())
    assert raw.isascii()


@given(line=LINES, breaker=st.sampled_from("\r\n\x00\x0b\x0c\x1b\x85\u2028\u2029"), tail=LINES)
def test_a_line_break_in_a_subject_is_refused(line: str, breaker: str, tail: str) -> None:
    with pytest.raises(MessageError, match="the subject holds"):
        a_message(subject=f"催办{line}{breaker}{tail}")


@pytest.mark.parametrize(
    "changes",
    [
        {"recipient": "a@example.org\nBcc: b@example.org"},
        {"sender": "督查室\r\nBcc: b@example.org <a@example.org>"},
        {"shown_to": ("a@example.org", "b@example.org\nX: y")},
        {"shown_cc": ("分管领导\n <a@example.org>",)},
        {"headers": (("Reply-To", "a@example.org\nBcc: b@example.org"),)},
        {"headers": (("X-Note\nBcc", "b@example.org"),)},
        {"message_id": "<a@b>\nBcc: b@example.org"},
        {"references": ("<a@b>", "<c@d> <e@f>")},
        {"attachments": (Attachment("a\nb.pdf", "application/pdf", b""),)},
        {"attachments": (Attachment("a.pdf", "application/pdf\nX: y", b""),)},
    ],
)
def test_no_field_lets_a_header_in(changes: dict[str, Any]) -> None:
    with pytest.raises(MessageError):
        a_message(**changes)


@pytest.mark.parametrize(
    "recipient",
    [
        "",
        "liaison",
        "a@example.org, b@example.org",
        "a@example.org b@example.org",
        "联络员 <a@example.org>",
        "a@@example.org",
        "a@example.org.",
        "联络员@example.org",
        "a@-example.org",
    ],
)
def test_a_recipient_is_exactly_one_bare_address(recipient: str) -> None:
    with pytest.raises(MessageError, match="the recipient is not one plain mail address"):
        a_message(recipient=recipient)


@pytest.mark.parametrize("name", ["To", "BCC", "subject", "Date", "Content-Type", "message-id"])
def test_a_header_with_a_field_of_its_own_cannot_be_set_by_hand(name: str) -> None:
    with pytest.raises(MessageError, match="has a field of its own"):
        a_message(headers=((name, "x"),))


def test_a_blank_subject_is_refused() -> None:
    with pytest.raises(MessageError, match="blank"):
        a_message(subject="　 ")


def test_half_a_surrogate_pair_in_a_body_is_refused() -> None:
    with pytest.raises(MessageError, match="the text holds half a surrogate pair"):
        a_message(text="\ud83d")


def test_an_attachment_with_a_folder_in_its_name_is_refused() -> None:
    with pytest.raises(MessageError, match="plain name of a file"):
        a_message(attachments=(Attachment("../名单.xlsx", "application/zip", b""),))


def test_the_headers_say_who_when_and_that_a_machine_wrote() -> None:
    parsed = read_back(
        a_message(
            shown_to=("区教育局联络员 <liaison@edu.example.org>", "b@example.org"),
            shown_cc=("区教育局分管领导 <deputy@edu.example.org>",),
            references=("<first@example.org>", "<second@example.org>"),
        )
    )
    assert parsed["From"].addresses[0].addr_spec == "ducha@example.org"
    assert [a.display_name for a in parsed["To"].addresses] == ["区教育局联络员", ""]
    assert [a.addr_spec for a in parsed["Cc"].addresses] == ["deputy@edu.example.org"]
    assert parsed["Date"].datetime == AT
    assert parsed["Message-ID"] == "<notice.42@example.org>"
    assert parsed["References"] == "<first@example.org> <second@example.org>"
    assert parsed["In-Reply-To"] == "<second@example.org>"
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert "Bcc" not in parsed


def test_a_message_shown_to_nobody_is_shown_to_its_recipient() -> None:
    assert read_back(a_message(shown_to=()))["To"] == "liaison@edu.example.org"


def test_an_attachment_travels_with_its_chinese_name() -> None:
    workbook = Attachment("重点关注名单.xlsx", "application/vnd.ms-excel", b"\x00\xff\r\n")
    parsed = read_back(a_message(attachments=(workbook,)))
    (attached,) = parsed.iter_attachments()
    assert attached.get_filename() == "重点关注名单.xlsx"
    assert attached.get_content() == b"\x00\xff\r\n"
    assert body(parsed, "plain").startswith("区教育局联络员同志")


def test_a_date_without_a_zone_is_refused() -> None:
    with pytest.raises(MessageError, match="time zone"):
        to_email(a_message(), date=datetime(2022, 7, 15))  # noqa: DTZ001 the fault under test


def test_a_message_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        a_message().subject = "x"  # type: ignore[misc]


def test_the_message_id_of_a_notice_is_always_the_same() -> None:
    assert message_id_for("42", "example.org") == "<notice.42@example.org>"


@given(first=st.text(min_size=1, max_size=80), second=st.text(min_size=1, max_size=80))
def test_two_notices_never_share_a_message_id(first: str, second: str) -> None:
    same = message_id_for(first, "example.org") == message_id_for(second, "example.org")
    assert same == (first == second)
    a_message(message_id=message_id_for(first, "example.org"))


@pytest.mark.parametrize(("notice", "domain"), [("", "example.org"), ("1", ""), ("1", "a b\n.org")])
def test_a_message_id_needs_a_notice_and_a_domain(notice: str, domain: str) -> None:
    with pytest.raises(MessageError):
        message_id_for(notice, domain)
