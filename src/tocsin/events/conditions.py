"""What filters of lists share: conditions that stand in an address or a command, and are read back from it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Self

from tocsin.networks import parse_network
from tocsin.node.errors import UsageError

_LONGEST = 200


class FilterError(UsageError):
    """Some conditions cannot be read. ``wrongs``: by the name of the field, what it takes."""

    def __init__(self, wrongs: Mapping[str, str]) -> None:
        first = next(iter(wrongs))
        super().__init__(f"{first}: {wrongs[first]}", hint="Correct that condition, or leave it out.")
        self.wrongs = dict(wrongs)


class Conditions:
    """Every given condition must hold; an empty text, or None, is no condition. A filter is a frozen data class of it.

    ``readers``: for each condition what reads its text; it raises ValueError with what the condition takes.
    """

    readers: ClassVar[Mapping[str, Callable[[str], object]]]

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Self:
        """The filter that an address or a command names; names that are no conditions are left alone.

        Raises:
            FilterError: a condition cannot be read.

        """
        values: dict[str, Any] = {}
        wrongs: dict[str, str] = {}
        for name, reader in cls.readers.items():
            if text := given.get(name, "").strip():
                try:
                    values[name] = reader(text)
                except ValueError as error:
                    wrongs[name] = str(error)
        cls._compare(values, wrongs)
        if wrongs:
            raise FilterError(wrongs)
        return cls(**values)

    @classmethod
    def read_valid(cls, given: Mapping[str, str]) -> tuple[Self, Mapping[str, str]]:
        """The filter of what can be read; beside it what is wrong with the other conditions, as of `FilterError`."""
        try:
            return cls.read(given), {}
        except FilterError as error:
            return cls.read({name: text for name, text in given.items() if name not in error.wrongs}), error.wrongs

    @classmethod
    def _compare(cls, values: dict[str, Any], wrongs: dict[str, str]) -> None:
        """Correct what conditions mean together, or say what is wrong."""

    def query(self) -> dict[str, str]:
        """The conditions as `read` takes them, those that are given."""
        given = ((name, getattr(self, name)) for name in self.readers)
        return {name: _text(value) for name, value in given if value is not None and value != ""}

    def without(self, *names: str) -> Self:
        """The same without some conditions."""
        bare = type(self)()
        return type(self)(**vars(self) | {name: getattr(bare, name) for name in names})


def _text(value: object) -> str:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)


def read_words(text: str) -> str:
    """A text as it is."""
    if len(text) > _LONGEST or not text.isprintable():
        raise ValueError(f"Write at most {_LONGEST} letters, in one line.")
    return text


def read_lower(text: str) -> str:
    """A text in small letters."""
    return read_words(text).lower()


def read_network(text: str) -> str:
    """The canonical text of an address or a prefix."""
    network = parse_network(text)
    if network is None:
        raise ValueError("Write an address or a prefix like 192.0.2.0/24.")
    return str(network)
