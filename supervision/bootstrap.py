"""The composition root: settings in, a working application out; nothing is opened before use."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from pathlib import Path

from notifications.render import Renderer
from notifications.transport import Transport, transport_from_url
from rules.pool import InferencePool
from supervision.clock import Clock, rehearsal_clock, system_clock
from supervision.config import Settings
from supervision.errors import ConfigurationError
from supervision.services.deliver import Postman
from supervision.services.evaluation import Tools
from supervision.services.judge import Inference
from supervision.services.load_rules import TEMPLATES
from supervision.services.rulesets import Rulesets
from supervision.store import schema
from supervision.store.session import Database


class App:
    """What every entry point works with.  Use as a context manager, or call `close`."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        transport: Transport | None = None,
        inference: Inference | None = None,
        templates: Path = TEMPLATES,
    ) -> None:
        self.settings = settings
        if clock is None:
            clock = rehearsal_clock(settings.clock) if settings.clock else system_clock
        self.clock = clock
        self._transport = transport
        self._inference = inference
        self.renderer = Renderer(templates)
        self.rulesets = Rulesets()

    def __enter__(self) -> App:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """End worker processes and connections."""
        if "_pool" in self.__dict__:
            self._pool.close()
        if "database" in self.__dict__:
            self.database.close()

    @property
    def now(self) -> datetime:
        return self.clock()

    @cached_property
    def database(self) -> Database:
        """The database with its schema: made when empty, refused when of another version."""
        database = Database(self.settings.database_url)
        schema.require(database)
        return database

    @cached_property
    def transport(self) -> Transport:
        if self._transport is not None:
            return self._transport
        try:
            return transport_from_url(self.settings.transport_url)
        except ValueError as error:
            raise ConfigurationError(f"where mail goes is set wrong: {error}") from None

    @cached_property
    def _pool(self) -> InferencePool:
        return InferencePool(workers=self.settings.workers or None)

    @property
    def inference(self) -> Inference:
        return self._inference if self._inference is not None else self._pool

    @property
    def postman(self) -> Postman:
        """What delivery works with."""
        return Postman(
            transport=self.transport,
            renderer=self.renderer,
            sender=self.settings.mail_from,
            language=self.settings.language,
            opens=self.settings.mail_opens,
            closes=self.settings.mail_closes,
        )

    @property
    def tools(self) -> Tools:
        """What an evaluation works with."""
        return Tools(
            inference=self.inference,
            renderer=self.renderer,
            rulesets=self.rulesets,
            opens=self.settings.mail_opens,
            closes=self.settings.mail_closes,
            mail_domain=self.settings.mail_domain,
            max_findings=self.settings.max_findings,
            max_notices=self.settings.max_notices,
        )
