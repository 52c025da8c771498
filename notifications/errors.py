"""What can go wrong with a message: four faults, each saying what was found and what to do."""


class NotificationError(Exception):
    """Any fault of this package."""


class MessageError(NotificationError, ValueError):
    """A message that must not be sent as it stands: a bad address, a newline in a header."""


class TransportUrlError(NotificationError, ValueError):
    """A transport URL that cannot be understood. Its text never repeats a password."""


class RenderError(NotificationError):
    """A template that could not be rendered: which one, at which line, what was missing.

    `template` is the path below the templates folder, or the beginning of a one-line message;
    `line` counts from 1 and is None where no line is to blame (a template that is not there).
    """

    def __init__(self, template: str, line: int | None, text: str) -> None:
        super().__init__(template, line, text)
        self.template = template
        self.line = line
        self.text = text

    def __str__(self) -> str:
        place = self.template if self.line is None else f"{self.template}:{self.line}"
        return f"{place}: {self.text}"


class DeliveryError(NotificationError):
    """A message that was not delivered.

    `permanent` means that trying this message again is useless; it is decided once, by the
    transport. `code` is the server's three-digit reply where there was one.
    """

    def __init__(self, text: str, permanent: bool, code: int | None = None) -> None:
        super().__init__(text, permanent, code)
        self.text = text
        self.permanent = permanent
        self.code = code

    def __str__(self) -> str:
        return self.text
