"""The formats by name: a file checked, and the same in another format."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Final, Protocol, cast, runtime_checkable

from tocsin.exchange.formats import Fault, Verdict
from tocsin.exchange.formats.json_documents import parse_json
from tocsin.exchange.formats.losses import losses
from tocsin.exchange.formats.model import Collection
from tocsin.node.confined import confined
from tocsin.node.errors import InputError, TocsinError, UsageError

_NAMES: Final = ("stix", "stix-pattern", "misp", "csaf", "iodef", "idea", "xarf")

_COMPARED: Final = frozenset({"stix", "misp"})
"""Formats of which every value is looked for in what was made of it."""


class Format(Protocol):
    """The module of a format that can be converted; one that can only be checked lacks the last two."""

    def check(self, data: bytes) -> Iterator[Verdict]:
        """One for each document of the file."""

    def read(self, data: bytes) -> Collection:
        """What it says.

        Raises:
            InputError: it cannot be read.

        """

    def write(self, collection: Collection) -> tuple[bytes, tuple[str, ...]]:
        """The file, and what could not be said in it.

        Raises:
            InputError: nothing of it can be said, or a marking would get wider.

        """


@runtime_checkable
class NamingFormat(Protocol):
    """The module of a format whose files have names that it prescribes."""

    NAMES_FILES: bool

    def check(self, data: bytes, name: str = "") -> Iterator[Verdict]:
        """As `Format.check`, with the name of the file."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """The other file; ``lost``: what was not understood, and what could not be said, a line each."""

    data: bytes
    lost: tuple[str, ...]


def format_names() -> tuple[str, ...]:
    """The formats that are offered."""
    return tuple(name for name in _NAMES if find_spec(_module(name)) is not None)


def check_document(name: str, data: bytes, file_name: str = "") -> Iterator[Verdict]:
    """What the format's own validator says of each document of a file; ``file_name``: of CSAF that is checked too.

    Raises:
        UsageError: there is no such format.

    """
    try:
        module = _format(name)
        yield from module.check(data, file_name) if isinstance(module, NamingFormat) else module.check(data)
    except InputError as error:
        yield Verdict("", valid=False, faults=(Fault("", "", str(error)),))
    except UsageError:
        raise
    except Exception as error:  # noqa: BLE001 (a boundary: validators by others fail at what their authors never saw)
        yield Verdict("", valid=None, faults=(Fault("", "", f"Not checked: the validator failed ({error!r})."),))


def convert_document(data: bytes, source: str, target: str) -> Conversion:
    """The file in another format. Nothing is stored, so nothing passes the filter of what is never held.

    Raises:
        UsageError: one of them cannot be converted.
        InputError: it cannot be read, or not be said there.

    """
    reader, writer = _format(source), _format(target)
    for name, module in ((source, reader), (target, writer)):
        if not hasattr(module, "read"):
            raise UsageError(f"{name} can be checked, and not be converted.")
    try:
        collection = reader.read(data)
        written, unsaid = writer.write(collection)
    except (TocsinError, MemoryError):
        raise
    except Exception as error:
        raise InputError(f"It cannot be converted: its structure is not that of {source} ({error!r}).") from error
    missed = [line for one in (collection, *collection.parts) for line in one.not_understood]
    if {source, target} <= _COMPARED and written != data:
        unsaid = (*unsaid, *losses(parse_json(data), parse_json(written)))
    return Conversion(written, tuple(dict.fromkeys((*missed, *unsaid))))


@confined(seconds=60, megabytes=2_000, loads=("tocsin.exchange.formats.stix", "tocsin.exchange.formats.misp"))
def misp_of_stix(data: bytes) -> bytes:
    """What a server sent as STIX as events of MISP; as `convert_document`, in a confined process."""
    return convert_document(data, "stix", "misp").data


def _module(name: str) -> str:
    return f"tocsin.exchange.formats.{name.replace('-', '_')}"


def _format(name: str) -> Format:
    names = format_names()
    if name not in names:
        raise UsageError(f"There is no format {name}.", hint=f"Formats: {', '.join(names)}.")
    return cast("Format", import_module(_module(name)))
