"""What a collector is: its settings, what it finds, and the kinds that there are."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Annotated, Any, Final, Protocol

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from tocsin.node.errors import SettingError
from tocsin.node.sentences import say
from tocsin.node.setting_faults import problem_of
from tocsin.node.settings import read_secret

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def read_period(given: object) -> object:
    """A period such as ``90s``, ``15m``, ``1h`` or ``1d``; a number alone is minutes."""
    if isinstance(given, timedelta):
        return given
    match = re.fullmatch(r"\s*+(\d{1,6})\s*+([smhd]?)\s*+", str(given))
    if match is None or not int(match[1]):
        raise ValueError("it takes a period such as 90s, 15m, 1h or 1d")
    return timedelta(**{_UNITS[match[2] or "m"]: int(match[1])})


class CollectorSettings(BaseModel):
    """What every collector is told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str = Field(description="What it is: the title of this table.")
    every: Annotated[timedelta, BeforeValidator(read_period)] = Field(
        timedelta(hours=1), description="How often it looks: 90s, 15m, 1h, 1d; a number alone is minutes."
    )
    source: str = Field("", description="The feed family, when the reports do not tell.")
    feed: str = Field("", description="The feed's code, when the reports do not tell.")


@dataclass(frozen=True)
class WaitingReport:
    """One report as it waits: under which name, how large where that is known, and its bytes.

    Either ``path``, a file that stays where it is while it is taken in, or ``read``, which is called at most once.
    """

    name: str
    size: int | None = None
    path: Path | None = None
    read: Callable[[], Iterable[bytes]] = tuple


def _nothing(_refused: str) -> None:
    """Nothing is to be done at the far end."""


@dataclass(frozen=True)
class CollectedOffer:
    """One thing that a collector found, with the reports in it.

    ``key``: by which it is remembered, so that the collector leaves it out next time; empty: no need to.
    ``cursor``: what the collector wants to be given back from now on. ``refused``: why it holds no report.
    ``at_once``: it is taken in and settled before the next one is asked for, as where a server waits for that.
    ``claimed``: UUIDs of what is in it, of those of the memory. ``gone``: of what the far end took back since.
    ``settle``: what is done at the far end afterwards, with the reason where it could not be taken in, else "".
    """

    label: str
    items: Sequence[WaitingReport]
    key: str = ""
    cursor: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""
    settle: Callable[[str], None] = _nothing
    at_once: bool = False
    claimed: Collection[str] = ()
    gone: Collection[str] = ()


@dataclass(frozen=True)
class Memory:
    """What is remembered for a collector: its cursor, the keys of what it is done with, when it last succeeded.

    ``recalled``: UUIDs of what partners recalled, and may. ``claimed``: of what they recalled without being known as
    its source: it is taken in, and a person is asked (`CollectedOffer.claimed`).
    """

    now: datetime
    cursor: Mapping[str, str] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    last_success: datetime | None = None
    recalled: frozenset[str] = frozenset()
    claimed: frozenset[str] = frozenset()


class Collector(Protocol):
    """Looks at one place."""

    def look(self, memory: Memory) -> AbstractContextManager[Iterator[CollectedOffer]]:
        """What waits there and is not known yet, for as long as the context lasts; looking changes nothing.

        The items of an offer are read, if at all, before the next offer is asked for. Offers are settled later, in the
        same context.

        Raises:
            RemoteError: the place cannot be reached, or does not answer as agreed.
            SettingError: a secret or certificate that the settings name cannot be used.

        """


@dataclass(frozen=True)
class CollectorKind:
    """A kind of collector: its settings, and how one is made of them for the node in a home folder."""

    settings: type[CollectorSettings]
    open: Callable[[Any, Path], Collector]
    check: Callable[[], object] = tuple
    """Raises `SettingError` where what it needs of this machine is not here."""


OWN_KINDS: Final = {
    "folder": "tocsin.pipeline.collectors.folder:KIND",
    "https": "tocsin.pipeline.collectors.https:KIND",
    "imap": "tocsin.pipeline.collectors.imap:KIND",
    "misp": "tocsin.pipeline.collectors.misp:KIND",
    "objects": "tocsin.pipeline.collectors.objects:KIND",
    "rsync": "tocsin.pipeline.collectors.rsync:KIND",
    "shadowserver": "tocsin.pipeline.collectors.shadowserver:KIND",
    "stomp": "tocsin.pipeline.collectors.stomp:KIND",
    "stream": "tocsin.pipeline.collectors.stream:KIND",
    "taxii": "tocsin.pipeline.collectors.taxii:KIND",
}
_GROUP = "tocsin.collectors"


def kinds() -> dict[str, EntryPoint]:
    """All kinds by name. A package of somebody else adds one through the entry point group ``tocsin.collectors``."""
    own = [EntryPoint(name, value, _GROUP) for name, value in OWN_KINDS.items()]
    return {point.name: point for point in [*entry_points(group=_GROUP), *own]}


def kind_of(name: str) -> CollectorKind:
    """The kind of that name.

    Raises:
        SettingError: there is none.

    """
    # Those of others are not looked for where it is one of our own: that reads about every installed package.
    known = {name: EntryPoint(name, OWN_KINDS[name], _GROUP)} if name in OWN_KINDS else kinds()
    if name not in known:
        raise SettingError(f"There is no kind of collector '{name}'.", hint=f"Take one of: {', '.join(sorted(known))}.")
    kind: CollectorKind = known[name].load()
    return kind


def read_collectors(given: Mapping[str, Mapping[str, object]]) -> dict[str, CollectorSettings]:
    """The collectors that ``[collect.NAME]`` tables describe.

    Raises:
        SettingError: a kind is missing or unknown, or a setting does not work; names it.

    """
    return {name: _read(name, table) for name, table in given.items()}


def _read(name: str, table: Mapping[str, object]) -> CollectorSettings:
    hint = "docs/collectors.md shows each kind with an example."
    if "kind" not in table:
        raise SettingError(f"[collect.{name}] does not say its kind.", hint=f'Write kind = "…" into it; {hint}')
    try:
        return kind_of(str(table["kind"])).settings.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(["collect", name, *map(str, first["loc"])])
        said = problem_of(first)
        raise SettingError(f"Setting '{place}' in tocsin.toml does not work: {said}.", hint=hint) from error


def place(home: Path, path: str) -> Path:
    """A path of the settings; a relative one counts from the home folder."""
    return home / Path(path).expanduser()


def cannot_work(settings: CollectorSettings, home: Path) -> str:
    """Why a collector cannot work whatever the far end says, as far as this machine tells; empty: nothing is known."""
    files = {
        name: path
        for name in type(settings).model_fields
        if name.endswith("_file") and (path := getattr(settings, name))
    }
    try:
        kind_of(settings.kind).check()
        for name, path in files.items():
            if name != "ca_file":
                read_secret(str(place(home, path)), setting=name)
    except SettingError as error:
        return str(error)
    authorities = place(home, files.get("ca_file", ""))
    return "" if authorities.exists() else say("The file %(path)s is not here.", path=authorities)


def library(name: str) -> Any:
    """A module of a library that not every node has.

    Raises:
        SettingError: it is not installed.

    """
    try:
        return import_module(name)
    except ImportError as error:
        raise SettingError(
            say("This kind of collector needs a library that is not here: %(name)s.", name=name.partition(".")[0]),
            hint=say("Install it with: pip install 'tocsin[collectors]'"),
        ) from error
