"""Lists of teams as others keep them: FIRST, Trusted Introducer, AfricaCERT, APCERT, LAC4, Cerebrate: claims.

CSV with a head, or JSON: a list of objects, also inside an object. Columns are found by their usual names, or named by
whoever imports. Of Cerebrate the answers of ``organisations``, ``encryptionKeys``, ``sharingGroups`` and
``individuals``: its numbers count within one answer alone, elsewhere a UUID.
"""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from tocsin.directory import canonical
from tocsin.networks import country_names
from tocsin.node.errors import InputError
from tocsin.node.sentences import say

Record = Mapping[str, Any]

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "name": (
        "name", "short_name", "short team name", "team", "team name", "title", "team-shortname", "official_name",
        "official team name", "organisation", "organization",
    ),
    "mailbox": ("mailbox", "email", "e-mail", "mail", "emails", "email address", "team email", "contact", "contacts"),
    "countries": ("countries", "country", "country code", "cc", "nationality", "economy"),
    "website": ("website", "url", "web", "www", "homepage"),
    "fingerprint": ("fingerprint", "pgp fingerprint", "pgp_keys", "pgpkey", "pgp", "key fingerprint"),
    "uuid": ("uuid",),
}  # fmt: skip
"""What is read, and how the columns are usually called."""

CEREBRATE: Final = ("organisations", "encryptionKeys", "sharingGroups", "individuals")
_INSIDE: Final = ("code", "fingerprint", "address", "email", "number", "value", "name")
_USUAL: Final = {"south korea": "KR", "united kingdom": "GB", "united states": "US", "uk": "GB", "usa": "US"}
_MOST: Final = 20_000  # rows of a list
_PEOPLE: Final = 50  # of an organisation


@dataclass(frozen=True)
class ListedPerson:
    """Somebody of a team, as a list says. ``role``: what the person is there; ``keys``: OpenPGP or certificates."""

    name: str
    role: str
    mailbox: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class ListEntry:
    """What a list says of a team. ``keys``: OpenPGP keys, armored; ``groups``: sharing groups that it is in."""

    name: str
    mailbox: str = ""
    countries: tuple[str, ...] = ()
    website: str = ""
    uuid: UUID | None = None
    fingerprints: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    people: tuple[ListedPerson, ...] = ()


@dataclass
class TeamList:
    """The teams of a list, and which rows were left and why."""

    entries: list[ListEntry] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def read_list(content: bytes, columns: Mapping[str, str]) -> TeamList:
    """What a file says. ``columns``: names of columns by what they hold, where they are not the usual ones.

    Raises:
        InputError: it is no list, or has no column with a name.

    """
    text = content.decode("utf-8-sig", "replace")
    document = _json(text) if text.lstrip()[:1] in {"[", "{"} else None
    if isinstance(document, dict) and document.keys() & {*CEREBRATE}:
        return _cerebrate(document)
    records = _records(document) if document is not None else _rows(text)
    if len(records) > _MOST:
        raise InputError(say("The list has more than %(n)s rows.", n=f"{_MOST:,}"))
    made, named = TeamList(), _named(records, columns)
    if "name" not in named:
        raise InputError(
            say("No column has the names of teams."), hint=say("Name it: --column name='NAME OF THE COLUMN'.")
        )
    for number, record in enumerate(records, 1):
        values = {what: list(_texts(_at(record, column))) for what, column in named.items()}
        _add(made, number, values)
    return made


def _add(made: TeamList, number: int, values: Mapping[str, list[str]], **more: tuple[Any, ...]) -> None:
    """One team more, or why it is left."""
    name = " ".join(next(iter(values.get("name", [])), "").split())[:200]
    if not name:
        made.left.append(f"row {number}: it has no name")
        return
    countries = tuple(sorted({code for one in values.get("countries", []) if (code := _country(one))}))
    fingerprints = tuple(filter(None, map(_fingerprint, values.get("fingerprint", []))))
    made.entries.append(
        ListEntry(
            name,
            next(filter(None, map(_mailbox, values.get("mailbox", []))), ""),
            countries,
            next(iter(values.get("website", [])), "")[:500],
            next(filter(None, map(_uuid, values.get("uuid", []))), None),
            fingerprints,
            **more,
        )
    )


def _cerebrate(document: Record) -> TeamList:
    """The organisations of a Cerebrate with their keys, sharing groups and people."""
    made, groups = TeamList(), defaultdict[Any, list[str]](list)
    keys, people = _keys(document, "organisation", {"pgp", "openpgp"}), _people(document)
    for group in _records(document.get("sharingGroups") or []):
        for member in group.get("sharing_group_orgs") or group.get("organisations") or []:
            if isinstance(member, dict):
                groups[str(member.get("uuid"))].append(str(group.get("name") or group.get("uuid") or ""))
    for number, record in enumerate(_records(document.get("organisations") or []), 1):
        if _uuid(str(record.get("uuid"))) is None:
            made.left.append(f"organisation {number}: it has no UUID")
            continue
        values = {what: list(_texts(record.get(name))) for what, name in _ORGANISATION.items()}
        uuid = str(record["uuid"])
        _add(
            made, number, values, keys=_keys_of(record, keys), groups=tuple(dict.fromkeys(groups[uuid])),
            people=tuple(people[uuid.lower()][:_PEOPLE]),
        )  # fmt: skip
    return made


def _keys(document: Record, owner: str, kinds: frozenset[str] | set[str]) -> dict[str, list[str]]:
    """The keys that are not revoked, by the number of who owns them: organisations, or people."""
    found = defaultdict[str, list[str]](list)
    for key in _records(document.get("encryptionKeys") or []):
        of = key.get("owner_model") or key.get("owner_type")
        if of == owner and not key.get("revoked") and str(key.get("type", "pgp")).lower() in kinds:
            found[str(key.get("owner_id"))].append(str(key.get("encryption_key") or ""))
    return found


def _keys_of(record: Record, keys: Mapping[str, list[str]]) -> tuple[str, ...]:
    """The keys of a record: those of its number, and those inside it."""
    inside = record.get("encryption_keys")
    own = [one for one in inside if isinstance(one, dict)] if isinstance(inside, list) else []
    texts = (str(one.get("encryption_key") or "") for one in own if not one.get("revoked"))
    return tuple(dict.fromkeys(filter(None, [*keys.get(str(record.get("id")), ()), *texts])))


def _people(document: Record) -> dict[str, list[ListedPerson]]:
    """Who is aligned with an organisation there, by its UUID in small letters."""
    found, keys = defaultdict[str, list[ListedPerson]](list), _keys(document, "individual", {"pgp", "openpgp", "smime"})
    for record in _records(document.get("individuals") or [])[:_MOST]:
        mailbox = _mailbox(str(record.get("email") or ""))
        name = " ".join(f"{record.get('first_name') or ''} {record.get('last_name') or ''}".split())[:200]
        alignments = record.get("alignments")
        for one in alignments if isinstance(alignments, list) and (name or mailbox) else ():
            organisation = one.get("organisation") if isinstance(one, dict) else None
            if isinstance(organisation, dict):
                role = str(one.get("type") or record.get("position") or "")[:200]
                person = ListedPerson(name or mailbox, role, mailbox, _keys_of(record, keys))
                found[str(organisation.get("uuid")).lower()].append(person)
    return found


_ORGANISATION: Final = {
    "name": "name", "mailbox": "contacts", "countries": "nationality", "website": "url", "uuid": "uuid",
}  # fmt: skip


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(say("This is no list: %(why)s", why=str(error))) from error


def _rows(text: str) -> list[Record]:
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    try:
        return list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
    except csv.Error as error:
        raise InputError(say("This is no list: %(why)s", why=str(error))) from error


def _records(document: Any) -> list[Record]:
    """The objects of a list; of an object, those of its first list."""
    if isinstance(document, dict):
        document = next((one for one in document.values() if isinstance(one, list)), [document])
    return [one for one in document if isinstance(one, dict)] if isinstance(document, list) else []


def _named(records: Iterable[Record], columns: Mapping[str, str]) -> dict[str, str]:
    """Which column holds what."""
    if unknown := columns.keys() - COLUMNS.keys():
        raise InputError(say("'%(name)s' is nothing that is read.", name=min(unknown)), hint=", ".join(COLUMNS))
    there = {str(name).strip().casefold(): str(name) for record in records for name in record if name is not None}
    usual = {
        what: there[name] for what, names in COLUMNS.items() for name in reversed(names) if name in there
    }  # fmt: skip
    return usual | dict(columns)


def _at(record: Record, column: str) -> Any:
    """A value; ``country.code`` is one inside another."""
    if column in record:
        return record[column]
    value: Any = record
    for name in column.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _texts(value: Any) -> Iterator[str]:
    """The texts in a value: of a list each, of an object what identifies it."""
    if isinstance(value, list):
        for one in value[:100]:
            yield from _texts(one)
    elif isinstance(value, dict):
        yield from _texts(next((value[name] for name in _INSIDE if value.get(name)), ""))
    elif value not in {None, ""} and not isinstance(value, bool):
        yield str(value).strip()


def _country(text: str) -> str:
    names = country_names()
    if len(text) == 2 and text.upper() in names:
        return text.upper()
    return _USUAL.get(text.casefold()) or next(
        (code for code, name in names.items() if name.casefold() == text.casefold()), ""
    )


def _mailbox(text: str) -> str:
    for word in text.replace("<", " ").replace(">", " ").replace(",", " ").replace(";", " ").split():
        if "@" in word:
            try:
                return canonical.mailbox(word.removeprefix("mailto:").strip("."))
            except ValueError:
                continue
    return ""


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _fingerprint(text: str) -> str:
    digits = "".join(text.split()).removeprefix("0x").lower()
    return digits if len(digits) in {40, 64} and not set(digits) - set("0123456789abcdef") else ""
