"""Mail over SMTP. The only importer of smtplib, and the place that decides what is permanent.

Permanent is what the server said for good about this message or this recipient. Whatever is
wrong with the server, the network, our account or our settings is temporary: the notice waits,
and the text says what to repair.
"""

import re
import smtplib
import ssl
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from notifications.errors import DeliveryError, TransportUrlError
from notifications.message import Message, to_email

DEFAULT_TIMEOUT: Final = 30.0

# Replies about the session (command not known, order of commands, authentication needed or too
# weak), whatever command they answer: RFC 5321 §4.2.3, RFC 4954 §6.
_SESSION_CODES: Final = frozenset({500, 502, 503, 504, 530, 534, 535, 538})
# "X.7.Z" is security or policy (RFC 3463): at RCPT it says "you may not relay here".
_POLICY: Final = re.compile(r"^5\.7\.\d+")
# At MAIL only the size announced there is about the message; the rest is about our sender.
_TOO_BIG: Final = 552


class Security(StrEnum):
    """How the connection is encrypted."""

    TLS = "tls"  # from the first byte (smtps://)
    REQUIRE = "require"  # STARTTLS or no mail
    AUTO = "auto"  # STARTTLS where it is offered
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class SmtpTransport:
    """One connection per message, one recipient per message."""

    host: str
    port: int
    security: Security = Security.AUTO
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout: float = DEFAULT_TIMEOUT
    cafile: Path | None = None
    name: ClassVar[str] = "smtp"

    @classmethod
    def from_url(cls, url: str) -> "SmtpTransport":
        """Read `smtp://user:password@host:587?starttls=require&timeout=30` or `smtps://…`.

        `starttls` is `require` (default with a user), `auto` (default without) or `never`;
        `timeout` is in seconds, for each answer of the server; `cafile` names the certificate of
        an authority of one's own. Port: 587, without a user 25, for smtps 465. User and password
        are percent-encoded. Raises TransportUrlError.
        """
        parts, port = _split(url)
        tls = parts.scheme == "smtps"
        options = _options(parts.query, {"timeout", "cafile"} | (set() if tls else {"starttls"}))
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if not f"{user}{password}".isascii() or not f"{user}{password}!".isprintable():
            raise TransportUrlError("SMTP carries no user name or password beyond plain ASCII")
        if password and not user:
            raise TransportUrlError("the SMTP URL has a password but no user before its ':'")
        return cls(
            host=parts.hostname or "",
            port=port or (465 if tls else 587 if user else 25),
            security=Security.TLS if tls else _starttls(options, user),
            user=user or None,
            password=password if user else None,
            timeout=_timeout(options),
            cafile=Path(options["cafile"]) if "cafile" in options else None,
        )

    def send(self, message: Message, *, at: datetime) -> None:
        """Deliver the message to its recipient, or raise DeliveryError.

        Returns as soon as the server has taken the message: what happens to the connection
        afterwards is no reason to send it again.
        """
        content = to_email(message, date=at).as_bytes()
        client: smtplib.SMTP | None = None
        try:
            client = self._connected()
            self._signed_in(client)
            client.sendmail(message.sender_address, [message.recipient], content)
            with suppress(OSError):
                client.quit()
        except (OSError, UnicodeError) as error:
            # SMTPException is an OSError. `from None`: a server may repeat what we sent, and the
            # cause of the cause would carry it into logs.
            raise self._fault(error) from None
        finally:
            if client is not None:
                client.close()

    def _connected(self) -> smtplib.SMTP:
        if self.security is Security.TLS:
            return smtplib.SMTP_SSL(
                self.host, self.port, timeout=self.timeout, context=self._context()
            )
        return smtplib.SMTP(self.host, self.port, timeout=self.timeout)

    def _signed_in(self, client: smtplib.SMTP) -> None:
        client.ehlo_or_helo_if_needed()
        if self.security is Security.REQUIRE or (
            self.security is Security.AUTO and client.has_extn("starttls")
        ):
            client.starttls(context=self._context())
        if self.user is not None:
            client.login(self.user, self.password or "")

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.cafile)

    def _fault(self, error: OSError | UnicodeError) -> DeliveryError:
        """Return what a failure means for the notice: this is where "permanent" is decided."""
        server = f"the mail server {self.host}:{self.port}"
        match error:
            case smtplib.SMTPRecipientsRefused():
                code, reply = next(iter(error.recipients.values()))
                said, what = self._reply(code, reply), "does not take mail for this recipient"
                final = _is_final(code) and not _POLICY.match(said.partition(" ")[2])
            case smtplib.SMTPSenderRefused():
                code, said = error.smtp_code, self._reply(error.smtp_code, error.smtp_error)
                what, final = "does not take mail from our sender address", code == _TOO_BIG
            case smtplib.SMTPDataError():
                code, said = error.smtp_code, self._reply(error.smtp_code, error.smtp_error)
                what, final = "does not take this message", _is_final(code)
            case smtplib.SMTPAuthenticationError():
                code, said = error.smtp_code, self._reply(error.smtp_code, error.smtp_error)
                what, final = "refuses our user name or password; check the SMTP URL", False
            case smtplib.SMTPResponseException():
                code, said = error.smtp_code, self._reply(error.smtp_code, error.smtp_error)
                what, final = "is not ready to take mail", False
            case _:
                return DeliveryError(f"{server} {self._trouble(error)}", permanent=False)
        return DeliveryError(f"{server} {what}: {said}", permanent=final, code=code)

    def _trouble(self, error: OSError | UnicodeError) -> str:
        """Return in words why there was no answer at all."""
        said = self._without_secrets(str(error))
        match error:
            case smtplib.SMTPNotSupportedError() if "STARTTLS" in said:
                return "offers no STARTTLS; where that is accepted, say starttls=never in the URL"
            case smtplib.SMTPNotSupportedError():
                return f"lacks what we need: {said}"
            case ssl.SSLError():
                return f"could not agree with us on encryption: {said}"
            case ConnectionRefusedError():
                return "refuses connections: nothing listens there"
            case smtplib.SMTPServerDisconnected() if "timed out" not in said:
                return f"broke the connection off: {said}"
            case smtplib.SMTPServerDisconnected() | TimeoutError():
                return f"did not answer within {self.timeout:g} seconds"
            case _:
                return f"cannot be reached: {said}"

    def _reply(self, code: int, reply: bytes | str) -> str:
        text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
        return self._without_secrets(f"{code} {' '.join(text.split())}")[:300]

    def _without_secrets(self, text: str) -> str:
        """Some servers repeat the command they refuse, and that may have been AUTH."""
        if self.password:
            user, password = (self.user or "").encode(), self.password.encode()
            for secret in (
                password,
                b64encode(password),
                b64encode(b"\0%b\0%b" % (user, password)),
            ):
                text = text.replace(secret.decode(), "***")
        return text


def _is_final(code: int) -> bool:
    return 500 <= code <= 599 and code not in _SESSION_CODES


# The faults below never repeat the URL: what urlsplit takes for a port, a path or an option may
# be the rest of a password that was not percent-encoded.


def _split(url: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise TransportUrlError(
            "the SMTP URL cannot be read; a port is a number, and / ? # % in a password are "
            "written %2F %3F %23 %25"
        ) from None
    if not parts.hostname:
        raise TransportUrlError("the SMTP URL names no host: smtp://host:25")
    if parts.path not in {"", "/"} or parts.fragment:
        raise TransportUrlError(
            "the SMTP URL has something after host and port that is no option; / ? # % in a "
            "password are written %2F %3F %23 %25"
        )
    return parts, port


def _options(query: str, allowed: set[str]) -> dict[str, str]:
    options = parse_qs(query, keep_blank_values=True)
    if not set(options) <= allowed or any(len(values) > 1 for values in options.values()):
        raise TransportUrlError(
            f"the SMTP URL has an option that is unknown or given twice; allowed here: "
            f"{', '.join(sorted(allowed))}"
        )
    return {name: values[0] for name, values in options.items()}


def _starttls(options: dict[str, str], user: str) -> Security:
    # A password never crosses the network in clear unless someone wrote starttls=never.
    chosen = options.get("starttls", Security.REQUIRE if user else Security.AUTO)
    if chosen not in {Security.REQUIRE, Security.AUTO, Security.NEVER}:
        raise TransportUrlError("starttls in the SMTP URL is one of require, auto, never")
    return Security(chosen)


def _timeout(options: dict[str, str]) -> float:
    try:
        timeout = float(options.get("timeout", DEFAULT_TIMEOUT))
    except ValueError:
        timeout = 0.0
    if not 0 < timeout <= 600:
        raise TransportUrlError("timeout in the SMTP URL is a number of seconds up to 600")
    return timeout
