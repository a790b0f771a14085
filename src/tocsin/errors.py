"""Every error that Tocsin raises on purpose.

    TocsinError
    ├── UsageError          the person asked for something that cannot be asked: exit 2, HTTP 400
    │   └── SettingError    a setting is wrong: names the setting and what it takes
    ├── InputError          a file or message cannot be used as it is: exit 1, HTTP 422
    ├── NotFoundError       the named thing is not here: exit 1, HTTP 404
    ├── ConflictError       it clashes with what is stored, or another process is at work: exit 1, HTTP 409
    ├── WithheldError       the release gate said no: exit 1, HTTP 403
    ├── RemoteError         another system does not answer, or not as agreed: exit 1, HTTP 502
    └── StorageError        disk, table or database failed: exit 1, HTTP 500

A message says what happened and what the person can do. Front doors print it as it is; they never print a traceback
for one of these.
"""


class TocsinError(Exception):
    """What happened, and in ``hint`` what the person can do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    @property
    def line(self) -> str:
        """The message for a log: one line, with nothing in it that a terminal obeys (OWASP ASVS 16.4.1)."""
        return "".join(letter if letter.isprintable() else " " for letter in str(self))


class UsageError(TocsinError):
    """Asked for something that cannot be asked."""


class SettingError(UsageError):
    """A setting has a value that does not work."""


class InputError(TocsinError):
    """A file or message cannot be used as it is."""


class NotFoundError(TocsinError):
    """The named thing is not here."""


class ConflictError(TocsinError):
    """It clashes with what is stored, or another process is at work on it."""


class WithheldError(TocsinError):
    """The release gate said no; the message names the rule."""


class RemoteError(TocsinError):
    """Another system cannot be reached, or does not answer as agreed; later it may."""


class StorageError(TocsinError):
    """Disk, event table or records database failed."""
