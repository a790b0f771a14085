"""Lists of CSIRTs as JSON: Trusted Introducer's as it is, as it was in 2012, and the list of Certopedia.

=============  ===================================================================================
``current``    ``official_name``, ``short_name``, ``constituency``, ``emails`` … (Trusted Introducer)
``2012``       ``Official Team Name``, ``Internet Addresses``, ``TI Level`` … (Trusted Introducer's pages)
``certopedia`` ``name``, ``fullName``, ``sector``, ``email``, ``pgpKey`` …
=============  ===================================================================================

People, coordinates and pictures are not read. A PGP fingerprint is no key and is not read either. What a team says of
its networks, and cannot be taken, is named with the reason; prose among networks is no slip, so it keeps nothing from
being withdrawn.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from tocsin.directory import canonical
from tocsin.directory.entries import Entries, ListItem, RawTeam, RefusedEntry, take_teams
from tocsin.directory.fact_schema import SHAPES, phone, url
from tocsin.directory.files import ImportFile
from tocsin.directory.hours import read_hours
from tocsin.directory.registry.constituency_text import ConstituencyItem, read_asn, read_domain, read_network, read_text
from tocsin.networks import country_names
from tocsin.node.errors import InputError, NotFoundError

Record: TypeAlias = Mapping[str, Any]

_MAX_BYTES = 50_000_000
_BODY: Final = "Trusted Introducer"
_SOURCES: Final = {"current": "trusted-introducer", "2012": "trusted-introducer", "certopedia": "certopedia"}
_KEYS: Final = {"trusted-introducer": "ti"}
_SPEAKS: Final = frozenset({"mailboxes", "rules", *SHAPES} - {"authority", "services", "statements", "languages"})

# What a constituency is called, in the order in which one word decides for a team that has several.
_KINDS: Final = (
    ("national", "national"),
    ("government", "governmental"),
    ("military", "governmental"),
    ("law enforcement", "governmental"),
    ("ciip", "sectoral"),
    ("energy", "sectoral"),
    ("financial", "sectoral"),
    ("health", "sectoral"),
    ("research", "sectoral"),
    ("vendor", "product"),
    ("customer base", "operator"),
)
_STATUSES: Final = {"listed": "listed", "accredited": "accredited", "certified": "certified"}
_USUAL_NAMES: Final = {"south korea": "KR", "united kingdom": "GB", "united states": "US", "uk": "GB"}
_WEEK = re.compile(r"(\d{1,2}[:.]\d{2}) ?(?:to|till|-) ?(\d{1,2}[:.]\d{2}),? *\(?Monday (?:to|-) Friday", re.IGNORECASE)


@dataclass
class _TeamRecord:
    """A team being put together from a record: fields and lists as an import file would have them, and refusals."""

    where: str
    name: str
    fields: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[ListItem]] = field(default_factory=dict)
    as_of: str = ""
    prose: list[RefusedEntry] = field(default_factory=list)

    def add(self, name: str, value: str, **detail: str) -> None:
        """One more item of a list."""
        said = {"as_of": self.as_of} if self.as_of else {}
        items = self.lists.setdefault(name, [])
        item = ListItem(self.where, {"value": value} | {word: text for word, text in detail.items() if text} | said)
        if item not in items:
            items.append(item)

    def note(self, what: str, why: str) -> None:
        """Something of it that is not taken, without doubt of the rest."""
        self.prose.append(RefusedEntry(self.where, f"{self.name}, {what}", why))

    def networks(self, what: str, found: Iterable[ConstituencyItem]) -> None:
        """What of its constituency was found, each in its list."""
        for one in found:
            if one.into is not None:
                self.add(one.into, one.value)
            else:
                self.note(f"{what} '{one.value}'", one.why)


def read_team_list(path: Path, source: str = "") -> ImportFile:
    """The teams of a list as JSON; ``source`` instead of the list's own.

    Raises:
        NotFoundError: there is no such file.
        InputError: it is no JSON, or in none of the shapes.

    """
    content = _content(path)
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path.name} is not JSON: {error}.", hint="Fetch it again.") from error
    records = (
        next((one for one in document.values() if isinstance(one, list)), document)
        if isinstance(document, dict)
        else document
    )
    shape = _shape(records)
    if shape is None:
        raise InputError(
            f"{path.name} is no list of teams that is known here.", hint="docs/registries.md shows the three shapes."
        )
    source = source.strip() or _SOURCES[shape]
    entries = Entries(source, _SPEAKS)
    teams = [_read(number, record, shape, source, entries) for number, record in enumerate(records, 1)]
    take_teams(entries, (RawTeam(one.where, one.fields, one.lists) for one in teams if one))
    for one in filter(None, teams):
        entries.refused += one.prose
    return ImportFile(path.name, hashlib.sha256(content).hexdigest(), entries)


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{path.name} is larger than {_MAX_BYTES:,} bytes.", hint="No list of teams is.")
        return path.read_bytes()
    except FileNotFoundError:
        raise NotFoundError(f"There is no file {path}.", hint="Check the name.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error


def _shape(records: object) -> str | None:
    if not isinstance(records, list):
        return None
    for record in records:
        if isinstance(record, dict):
            marks = {"official_name": "current", "Official Team Name": "2012", "fullName": "certopedia"}
            for mark, shape in marks.items():
                if mark in record:
                    return shape
    return None


def _read(number: int, record: object, shape: str, source: str, entries: Entries) -> _TeamRecord | None:
    """A record as a team, or None after its reason was noted."""
    names = {"current": ("short_name", "official_name"), "2012": ("title", "Official Team Name")}
    where = f"record {number}"
    if not isinstance(record, dict):
        entries.refused.append(RefusedEntry(where, str(record)[:80], "a record is a table of fields"))
        return None
    short, full = (_text(record.get(name)) for name in names.get(shape, ("name", "fullName")))
    if not (short or full):
        entries.refused.append(RefusedEntry(where, "the record", "it names no team"))
        return None
    if why := _inactive(record):
        entries.refused.append(RefusedEntry(where, short or full, why))
        return None
    team = _TeamRecord(where, short or full)
    key = re.sub(r"[^a-z0-9]+", "-", f"{_KEYS.get(source, source)} {short or full}".lower()).strip("-")
    team.fields = {"key": key[:64].rstrip("-"), "name": full or short}
    try:
        _SHAPES[shape](team, record)
    except (AttributeError, TypeError) as error:
        entries.refused.append(RefusedEntry(where, team.name, f"a field of it is not as it should be: {error}"))
        entries.unsure.add(team.fields["key"])
        return None
    return team


def _inactive(record: Record) -> str:
    level = _text(record.get("TI Level")) or _text(record.get("Operating Status"))
    operating = level.lower() not in {"not operational", "no op"}
    return "" if operating else "the list says that this team is not operational"


def _current(team: _TeamRecord, record: Record) -> None:
    scope: Record = record.get("constituency") or {}
    _kind(team, " ".join(scope.get("types") or []))
    team.fields["organisation"] = _line(record.get("host_organisation"))
    _country(team, [_text((record.get("country") or {}).get("code"))])
    for box in record.get("emails") or []:
        _mailbox(team, _text(box.get("address")))
    for asn in scope.get("asns") or []:
        team.networks("AS", read_asn(str(asn)))
    for network in scope.get("ipranges") or []:
        team.networks("network", read_network(str(network)))
    for name in scope.get("domains") or []:
        team.networks("domain", read_domain(str(name)))
    _constituents(team, [_text(one.get("code")) for one in scope.get("countries") or []])
    standing: Record = record.get("classification") or {}
    _membership(team, _text(standing.get("name")), _text(standing.get("since")))
    for one in record.get("phones") or []:
        usage = one.get("usage") or []
        _phone(team, _text(one.get("number")), fax="fax" in usage, emergency="emergency" in usage)
    _established(team, _text(record.get("established")))
    _address(team, _text(record.get("postal_address")))
    _hours(team, _text(record.get("business_hours")), _text(record.get("business_hours_timezone")))


def _of_2012(team: _TeamRecord, record: Record) -> None:
    team.as_of = _day(record.get("Last changed"))
    _kind(team, _text(record.get("-Type of Constituency")))
    _country(team, _parts(record.get("Country")))
    for address in _parts(record.get("Email")):
        _mailbox(team, address)
    team.networks("address", read_text(_text(record.get("Internet Addresses"))))
    _constituents(team, _parts(record.get("Country of Constituents")))
    _membership(team, _text(record.get("TI Level")), _day(record.get("First entered")))
    if _text(record.get("FIRST Membership")) == "Full Member":
        team.add("memberships", "", body="FIRST", status="member")
    for name, fax, emergency in (
        ("Telephone", False, False),
        ("Emergency Phone", False, True),
        ("Telefax", True, False),
    ):
        for number in _parts(record.get(name)):
            _phone(team, number, fax=fax, emergency=emergency)
    for page in _parts(record.get("WWW")):
        _website(team, page)
    _established(team, _text(record.get("Date of Establishment")))
    _address(team, "\n".join(_parts(record.get("Address"))))
    _hours(team, _text(record.get("-Business Hours")), "")


def _of_certopedia(team: _TeamRecord, record: Record) -> None:
    team.as_of = _day(record.get("lastUpdated"))
    _kind(team, _text(record.get("sector")))
    _country(team, [_text(record.get("country"))])
    _mailbox(team, _text(record.get("email")))
    _constituents(team, [team.fields.get("country", "")])
    _phone(team, _text(record.get("emergencyContact")), fax=False, emergency=True)
    _website(team, _text(record.get("website")))


_SHAPES: Final[dict[str, Callable[[_TeamRecord, Record], None]]] = {
    "current": _current,
    "2012": _of_2012,
    "certopedia": _of_certopedia,
}


def _kind(team: _TeamRecord, words: str) -> None:
    lower = words.lower()
    found = (kind for word, kind in _KINDS if word in lower)
    team.fields["kind"] = next(found, "organisation")


def _country(team: _TeamRecord, names: Iterable[str]) -> None:
    """Where the team is, if the list says one country; others of several are named."""
    codes = {code: name for name in names if (code := _code(team, "country", name))}
    if len(codes) == 1:
        team.fields["country"] = next(iter(codes))
    elif codes:
        team.note(f"country '{', '.join(codes.values())}'", "it is in several countries; a team here has one or none")


def _constituents(team: _TeamRecord, names: Iterable[str]) -> None:
    """A country is a national team's constituency; others have only constituents in it."""
    for name in filter(None, names):
        code = _code(team, "country of constituents", name)
        if code and team.fields["kind"] == "national":
            team.add("countries", code)
        elif code:
            team.note(f"country of constituents '{name}'", "this team does not answer for the whole country")


def _code(team: _TeamRecord, what: str, name: str) -> str:
    """The ISO 3166-1 code of a country that is named by its code or its name; empty, and noted, where there is none."""
    text = name.strip()
    code = _USUAL_NAMES.get(text.lower()) or _codes().get(text.lower(), "")
    if text and not code:
        team.note(f"{what} '{text}'", "not a country of ISO 3166-1")
    return code


@cache
def _codes() -> dict[str, str]:
    names = country_names()
    return {name.lower(): code for code, name in names.items()} | {code.lower(): code for code in names} | {"eu": "EU"}


def _mailbox(team: _TeamRecord, address: str) -> None:
    if address:
        team.add("mailboxes", address, purpose="security")


def _membership(team: _TeamRecord, level: str, since: str) -> None:
    status = _STATUSES.get(level.lower())
    if status is None:
        if level:
            team.note(f"level '{level}'", f"none of {', '.join(_STATUSES)}")
        return
    team.add("memberships", "", body=_BODY, status=status, since=since)


def _phone(team: _TeamRecord, number: str, *, fax: bool, emergency: bool) -> None:
    if number and number.lower() != "n/a":
        kind, purpose = ("fax", "") if fax else ("phone", "emergency" if emergency else "")
        _taken(team, "channels", "telephone", phone, number, kind=kind, purpose=purpose)


def _website(team: _TeamRecord, page: str) -> None:
    if page:
        _taken(team, "channels", "page", url, page, kind="website")


def _taken(team: _TeamRecord, into: str, what: str, read: Callable[[str], str], text: str, **detail: str) -> None:
    """Add what can be read; a telephone number that cannot is no reason to doubt the networks."""
    try:
        team.add(into, read(text), **detail)
    except ValueError as error:
        team.note(f"{what} '{text[:80]}'", str(error))


def _established(team: _TeamRecord, text: str) -> None:
    if text:
        _taken(team, "established", "established", lambda day: canonical.day(day).isoformat(), text)


def _address(team: _TeamRecord, text: str) -> None:
    if text:
        _taken(team, "address", "address", SHAPES["address"].read, text)


def _hours(team: _TeamRecord, text: str, zone: str) -> None:
    """Working hours, where they are one span on weekdays or always; and their time zone, where it is one of IANA's."""
    words = text.partition(". - Timezone GMT")[0].strip(" .")
    if zone:
        _field(team, "timezone", canonical.timezone, zone)
    if not words:
        return
    span = _WEEK.match(words)
    always = words.lower().startswith(("24/7", "24x7", "24 hours 7 days"))
    written = "24x7" if always else f"mon-fri {span[1]}-{span[2]}" if span else words
    try:
        team.add("hours", "", hours=read_hours(written))
    except ValueError:
        team.note(f"hours '{words[:80]}'", "not hours such as 08:00 to 17:00 Monday to Friday")


def _field(team: _TeamRecord, name: str, read: Callable[[str], str], text: str) -> None:
    try:
        team.fields[name] = read(text)
    except ValueError as error:
        team.note(f"{name} '{text}'", str(error))


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _line(value: object) -> str:
    return " ".join(_text(value).split())[:500]


def _day(value: object) -> str:
    """A day that is one, else nothing: it is only since when something is said."""
    try:
        return canonical.day(_text(value)).isoformat()
    except ValueError:
        return ""


def _parts(value: object) -> Iterator[str]:
    yield from (part.strip() for part in re.split(r"(?:\.|(?<!\s))\s++-\s++", _text(value)) if part.strip())
