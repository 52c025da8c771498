"""Settings: the only reader of the environment (`SUPERVISION_…`)."""

from __future__ import annotations

import re
from datetime import datetime, time
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from notifications.message import message_id_for, require_mailbox
from supervision.errors import ConfigurationError


class Settings(BaseSettings):
    """Every setting, with its default; `supervision doctor` checks them against the world."""

    model_config = SettingsConfigDict(env_prefix="SUPERVISION_", frozen=True, extra="ignore")

    database_url: Annotated[
        str, Field(description="SQLite or PostgreSQL (`postgresql+psycopg://…`)")
    ] = "sqlite:///supervision.db"
    mail_url: Annotated[
        str, Field(description="where mail goes: `maildir:FOLDER`, `smtp://…`, `smtps://…`")
    ] = "maildir:mails"
    smtp_url: Annotated[
        SecretStr | None, Field(description="an SMTP server; takes the place of MAIL_URL")
    ] = None
    mail_from: Annotated[
        str, Field(description="sender of all mail: an address, or `name <address>`")
    ] = "督查室 <supervision@example.org>"
    mail_domain: Annotated[str, Field(description="right-hand side of Message-IDs")] = "example.org"
    language: Annotated[str, Field(description="of mails and pages: zh-CN or en")] = "zh-CN"
    identity_key: Annotated[
        SecretStr, Field(description="key under which identity numbers are hashed; keep it secret")
    ] = SecretStr("change-me")
    evaluate_at: Annotated[
        time, Field(description="when `supervision work` evaluates, on working days")
    ] = time(8, 0)
    deliver_every: Annotated[
        int, Field(ge=1, description="seconds between deliveries of `supervision work`")
    ] = 60
    mail_opens: Annotated[time, Field(description="mail leaves from this time …")] = time(9, 0)
    mail_closes: Annotated[time, Field(description="… to this one, on working days")] = time(17, 30)
    max_findings: Annotated[
        int, Field(ge=0, description="a run that opens more is held for release")
    ] = 10_000
    max_notices: Annotated[
        int, Field(ge=0, description="a run that plans more is held for release")
    ] = 5_000
    workers: Annotated[
        int, Field(ge=0, description="processes for the rule engine; 0: one for each core")
    ] = 0
    clock: Annotated[
        datetime | None, Field(description="rehearse: the clock starts at this instant")
    ] = None

    @field_validator("clock")
    @classmethod
    def _zoned(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("needs a zone, such as 2022-07-15T17:30:00+08:00")
        return value

    @field_validator("language")
    @classmethod
    def _known_language(cls, value: str) -> str:
        if value not in ("zh-CN", "en"):
            raise ValueError("is zh-CN or en")
        return value

    @field_validator("mail_closes")
    @classmethod
    def _after_it_opens(cls, value: time, info: ValidationInfo) -> time:
        opens = info.data.get("mail_opens")
        if opens is not None and value <= opens:
            raise ValueError(f"is not later than SUPERVISION_MAIL_OPENS ({opens:%H:%M})")
        return value

    @field_validator("identity_key")
    @classmethod
    def _not_empty(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value():
            raise ValueError("is empty: identity numbers would be hashed without a key")
        return value

    @field_validator("mail_from")
    @classmethod
    def _one_mailbox(cls, value: str) -> str:
        return require_mailbox("sender", value)

    @field_validator("mail_domain")
    @classmethod
    def _a_domain(cls, value: str) -> str:
        message_id_for("1", value)
        return value

    @property
    def transport_url(self) -> str:
        """Where mail goes; may hold a password, so never print it."""
        return self.smtp_url.get_secret_value() if self.smtp_url else self.mail_url


def load_settings(*, directory: Path | None = None) -> Settings:
    """Return the settings of the environment; ConfigurationError names every faulty variable.

    With `directory`, the database and the Maildir lie there unless the environment says otherwise.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        faults = "; ".join(
            f"SUPERVISION_{str(fault['loc'][0]).upper()}: "
            f"{fault['msg'].removeprefix('Value error, ')}, found {str(fault['input'])!r}"
            for fault in error.errors()
        )
        raise ConfigurationError(f"a setting in the environment is wrong: {faults}") from None
    if directory is None:
        return settings
    placed: dict[str, str] = {}
    if "database_url" not in settings.model_fields_set:
        placed["database_url"] = f"sqlite:///{directory / 'supervision.db'}"
    if "mail_url" not in settings.model_fields_set:
        placed["mail_url"] = f"maildir:{directory / 'mails'}"
    return settings.model_copy(update=placed)


def without_password(url: str) -> str:
    """Return a URL as it may be shown."""
    return re.sub(r"(//[^:/@]*):.*@", r"\1:…@", url)
