"""A team that a person enters by hand, as an import of its own that says just that."""

import hashlib
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from tocsin.directory import canonical
from tocsin.directory.entries import Entries, ListItem, RawTeam, take_teams
from tocsin.directory.files import ImportFile
from tocsin.directory.importing import import_entries
from tocsin.directory.queries import own_number
from tocsin.networks import parse_network
from tocsin.node.errors import ConflictError, InputError, NotFoundError, UsageError
from tocsin.node.records import Database
from tocsin.node.sentences import say


def enter_team(
    database: Database,
    fields: Mapping[str, str],
    mailboxes: Sequence[str],
    networks: Sequence[str] = (),
    *,
    said_by: str,
    actor: str,
    now: datetime,
) -> str:
    """Enter a team that is not in the directory yet; its key.

    ``fields``: as an import file has them, ``key`` and ``name`` among them. ``networks``: networks, AS numbers as
    ``AS64500``, and domains that it answers for. What is entered has the source
    ``entered:KEY``; later words and imports stand to it as to any import.

    Raises:
        UsageError: the key or the name is missing or cannot be taken.
        ConflictError: a team has this key, also one that was merged into another.
        InputError: something else of it cannot be taken; the message names it.

    """
    try:
        key = canonical.key(fields.get("key", ""))
        canonical.name(fields.get("name", ""))
    except ValueError as error:
        raise UsageError(say("A team needs a key and a name: %(error)s.", error=error)) from None
    _refuse_known(database, key)
    entries = Entries(f"entered:{key}", frozenset())
    basis = {"as_of": now.date().isoformat(), "said_by": said_by}
    lists: dict[str, list[ListItem]] = defaultdict(list)
    for name, value in [*(("mailboxes", box) for box in mailboxes), *((_list_of(one), one) for one in networks)]:
        lists[name].append(ListItem(name, {"value": value, **basis}))
    take_teams(entries, [RawTeam("the form", dict(fields), lists)])
    if entries.refused:
        first = entries.refused[0]
        raise InputError(say("%(what)s: %(why)s.", what=first.what, why=first.why))
    content = json.dumps([dict(fields), list(mailboxes), list(networks)], sort_keys=True).encode()
    file = ImportFile(f"entered:{key}", hashlib.sha256(content).hexdigest(), entries)
    import_entries(database, file, actor=actor, now=now)
    return key


def key_from(name: str) -> str:
    """A key for a team of this name: its letters a-z and digits, or where it has none, one of its own."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    made = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:64].strip("-")
    return made or f"team-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _list_of(value: str) -> str:
    """The list of an import file that takes a value, by how it looks."""
    if parse_network(value) is not None:
        return "prefixes"
    return "asns" if value.upper().removeprefix("AS").isdecimal() else "domains"


def _refuse_known(database: Database, key: str) -> None:
    with database.reading() as session:
        try:
            own_number(session, key)
        except NotFoundError:
            return
    raise ConflictError(
        say("A team has the key '%(key)s' already.", key=key), hint=say("Choose another key, or change that team.")
    )
