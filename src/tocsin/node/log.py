"""Where the lines of the log go, and how each looks: ``key=value`` for people, or a JSON object for programs.

Lines of other loggers (of the server, of faults) go the same way. Of an error they have its kind and where it was
raised, and not its message: libraries put into that what they were given.
"""

import json
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from logging import INFO, WARNING, Formatter, Handler, LogRecord, StreamHandler, getLogger
from logging.handlers import WatchedFileHandler
from pathlib import Path
from traceback import extract_tb
from typing import Any, Final

from tocsin.node.errors import SettingError
from tocsin.node.log_settings import LogSettings
from tocsin.node.trace import LOGGER, trace_id

_LOGGERS: Final = ("tocsin", "uvicorn")
_FRAMES: Final = 8  # of an error: the last ones
_WORD: Final = re.compile(r"[^\s<>\"'(),;:]+")
_PLAIN: Final = re.compile(r"[!#-<>-\[\]-~]+")  # what needs no quotes: visible, without quotes, = and \


class LineFormatter(Formatter):
    """A record as one line."""

    def __init__(self, *, as_json: bool = False) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: LogRecord) -> str:
        """The line, without its end."""
        at = f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S}.{int(record.msecs):03d}Z"
        given = getattr(record, "fields", None)
        event = record.levelname.lower() if given is None else record.msg
        fields = {"id": trace_id()} | (_said(record) if given is None else given)
        fields = {name: _clean(value) for name, value in fields.items() if value not in (None, "", (), [])}
        if self._as_json:
            return json.dumps({"at": at, "event": event, **fields}, ensure_ascii=False)
        return " ".join([at, event, *(f"{name}={_text(value)}" for name, value in fields.items())])


def _said(record: LogRecord) -> dict[str, Any]:
    """What another logger says."""
    error = record.exc_info[1] if record.exc_info else None
    return {"message": _WORD.sub(_without_mailbox, record.getMessage()), "error": _place(error) if error else ""}


def _without_mailbox(word: re.Match[str]) -> str:
    return "(address)" if "@" in word[0].strip("@") else word[0]


def _place(error: BaseException | None) -> str:
    """What was raised, by what, and the last lines of the program that led there."""
    kinds: list[str] = []
    frames = extract_tb(error.__traceback__ if error else None)[-_FRAMES:]
    while error is not None and len(kinds) < _FRAMES:
        kinds.append(type(error).__name__)
        error = error.__cause__ or error.__context__
    return " < ".join([" of ".join(kinds), *(f"{Path(one.filename).name}:{one.lineno}" for one in reversed(frames))])


def _clean(value: object) -> object:
    """The value with nothing in it that ends a line or that a terminal obeys (OWASP ASVS 16.4.1)."""
    if isinstance(value, list | tuple):
        return [_clean(one) for one in value]
    if isinstance(value, int | float):
        return value
    return "".join(sign if sign.isprintable() else " " for sign in str(value))


def _text(value: object) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


class _Unfailing(Handler):
    """A log that cannot be written stops nothing."""

    def handleError(self, record: LogRecord) -> None:  # noqa: N802 (logging's name)
        """Go on."""


class _ToFile(_Unfailing, WatchedFileHandler):
    """Lines added to a file, which is opened again where it was moved away."""


class _ToStream(_Unfailing, StreamHandler[Any]):
    """Lines on stderr."""


def open_log(settings: LogSettings, *, command: bool = False) -> None:
    """Write lines as the settings say, until `close_log`. ``command``: only where there is a file for them.

    Raises:
        SettingError: the file cannot be written.

    """
    close_log()
    if command and not settings.file:
        return
    try:
        handler: Handler = _ToFile(settings.file, encoding="utf-8") if settings.file else _ToStream(sys.stderr)
    except OSError as error:
        raise SettingError(
            f"The log {settings.file} cannot be written: {error.strerror}.", hint="Correct [log] file."
        ) from error
    handler.setFormatter(LineFormatter(as_json=settings.form == "json"))
    for name in _LOGGERS[:1] if command else _LOGGERS:
        getLogger(name).addHandler(handler)
    getLogger(LOGGER).setLevel(WARNING if settings.form == "off" else INFO)


def close_log() -> None:
    """Write no more."""
    getLogger(LOGGER).setLevel(WARNING)
    for name in _LOGGERS:
        for handler in _ours(getLogger(name).handlers):
            getLogger(name).removeHandler(handler)
            handler.close()


def _ours(handlers: Iterable[Handler]) -> list[Handler]:
    return [one for one in handlers if isinstance(one, _Unfailing)]
