"""security.txt (RFC 9116): where an organisation wants to hear of flaws in its systems.

A file is a statement of a domain about itself. It becomes a team with that domain, its mailboxes for security, and
channels. A file that has expired says nothing any more; what it said before is withdrawn.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import unquote, urlsplit

from tocsin.directory import canonical
from tocsin.directory.entries import Entries, ListItem, RawTeam, RefusedEntry, take_teams
from tocsin.directory.fact_schema import phone, url
from tocsin.directory.files import ImportFile
from tocsin.directory.registry.query_permission import QueryPermission, ask_first
from tocsin.networks import host_address
from tocsin.node.confined import confined
from tocsin.node.errors import InputError, NotFoundError, RemoteError, UsageError

if TYPE_CHECKING:
    import httpx

MAX_BYTES: Final = 100_000
_FIELDS: Final = {
    "acknowledgments": "Acknowledgments",
    "canonical": "Canonical",
    "contact": "Contact",
    "encryption": "Encryption",
    "expires": "Expires",
    "hiring": "Hiring",
    "policy": "Policy",
    "preferred-languages": "Preferred-Languages",
    "csaf": "CSAF",
}
_ONCE: Final = ("expires", "preferred-languages")  # sections 2.5.5 and 2.5.8
_SPEAKS: Final = frozenset({"mailboxes", "rules", "channels", "languages"})
_SIGNED: Final = "-----BEGIN PGP SIGNED MESSAGE-----"
_SIGNATURE: Final = "-----BEGIN PGP SIGNATURE-----"
_TIMEOUT_SECONDS: Final = 20


Keys: TypeAlias = Callable[[str], Sequence[bytes]]
Address: TypeAlias = Callable[[str], str]
"""Where the host of a URL is; raises a `TocsinError` where it is nowhere that this node may connect to."""


def public_address(place: str) -> str:
    """The address of the host of a URL, which is one of the internet. Raises RemoteError, SettingError."""
    return host_address(place, (), "Do not use it.")


def no_keys(_team: str) -> Sequence[bytes]:
    """No team has a key."""
    return ()


@dataclass
class SecurityTxt:
    """What a file says: values by field in lower case, in the file's order, with their lines.

    ``signed``: it has an OpenPGP cleartext signature (section 2.3), which is not checked here. ``refused`` are lines
    that are no field.
    """

    values: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    signed: bool = False
    refused: list[RefusedEntry] = field(default_factory=list)

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return [text for _, text in self.values.get(name, [])]

    @property
    def expires(self) -> datetime | None:
        """The time after which the file is not to be used (section 2.5.5), None where it names no time."""
        try:
            found = datetime.fromisoformat(self.all("expires")[0].upper())
        except (ValueError, IndexError):
            return None
        return found.astimezone(UTC) if found.tzinfo else None


def parse_security_txt(text: str, name: str = "security.txt") -> SecurityTxt:
    """The fields of a file; lines that are none are named. A signature around the text is taken off, not checked."""
    found = SecurityTxt()
    lines = list(enumerate(re.split(r"\r?\n", text.removeprefix("\ufeff")), 1))
    first = next((place for place, (_, line) in enumerate(lines) if line.strip()), 0)
    if lines[first][1].strip() == _SIGNED:
        found.signed = True
        blank = next((place for place, (_, line) in enumerate(lines) if place > first and not line.strip()), first)
        end = next((place for place, (_, line) in enumerate(lines) if line.strip() == _SIGNATURE), len(lines))
        lines = [(number, line.removeprefix("- ")) for number, line in lines[blank:end]]
    for number, line in lines:
        _take_line(found, f"{name}, line {number}", number, line.strip())
    return found


def _take_line(found: SecurityTxt, where: str, number: int, line: str) -> None:
    if not line or line.startswith("#"):
        return
    word, colon, value = line.partition(":")
    known = word.strip().lower()
    if not colon or known not in _FIELDS:
        found.refused.append(RefusedEntry(where, line[:200], "not a field of RFC 9116"))
    elif known in _ONCE and known in found.values:
        found.refused.append(
            RefusedEntry(where, line[:200], f"{_FIELDS[known]} must stand there once; the first is used")
        )
    else:
        found.values.setdefault(known, []).append((number, value.strip()))


def read_security_txt(
    path: Path, *, domain: str = "", team: str = "", keys: Keys = no_keys, now: datetime
) -> ImportFile:
    """What a file says as a team; ``domain`` is whose it is, if its Canonical field does not say.

    ``team`` is the key of a team in the directory that these contacts are of; otherwise the domain gets one of its own.
    ``keys`` gives the OpenPGP keys of a team by its key: where there are any, the file's signature must be of one.

    Raises:
        NotFoundError: there is no such file.
        InputError: it cannot be read or is too long.
        UsageError: it does not say whose it is.

    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotFoundError(f"There is no file {path}.", hint="Check the name.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    return entries_of(content, path.name, domain=domain, team=team, keys=keys, now=now)


def entries_of(
    content: bytes,
    name: str,
    *,
    domain: str = "",
    team: str = "",
    place: str = "",
    keys: Keys = no_keys,
    now: datetime,
) -> ImportFile:
    """The same for the bytes of a file; ``place`` is the URL that it was fetched from."""
    if len(content) > MAX_BYTES:
        raise InputError(f"{name} is longer than {MAX_BYTES:,} bytes.", hint="No security.txt is.")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{name} is not UTF-8 text.", hint="RFC 9116, section 3, asks for UTF-8.") from None
    found = parse_security_txt(text, name)
    owner = _owner(found, domain, name)
    entries = Entries(f"security.txt:{owner}", _SPEAKS)
    entries.refused += found.refused
    known = keys(team or _key(owner)) if found.signed else ()
    why = why_not(found, place, now=now) or why_no_signature(content, known)
    if why:
        entries.refused.append(RefusedEntry(name, f"security.txt of {owner}", why))
    else:
        take_teams(entries, [_team(found, owner, team, name, entries)])
        if found.signed and not known:
            what = "its signature is not checked, since no OpenPGP key of the team is in the directory"
            entries.refused.append(RefusedEntry(name, f"security.txt of {owner}", what))
    return ImportFile(name, hashlib.sha256(content).hexdigest(), entries)


def why_not(found: SecurityTxt, place: str, *, now: datetime) -> str:
    """Why a file is not to be used, or an empty text (RFC 9116, sections 2.5.2, 2.5.3 and 2.5.5)."""
    pages = found.all("canonical")
    if not found.all("contact"):
        return "it has no Contact field, which RFC 9116 asks for"
    if found.expires is None:
        return "it has no Expires field with a time and its offset, which RFC 9116 asks for"
    if found.expires <= now:
        return f"it expired on {found.expires:%Y-%m-%d %H:%M} UTC"
    if place and pages and place not in pages:
        return f"it was fetched from {place}, and its Canonical fields name other places only"
    return ""


@confined(seconds=5, loads=("pysequoia",))
def why_no_signature(content: bytes, keys: Sequence[bytes]) -> str:
    """Why a signed file is not to be used, by the OpenPGP keys of its team; an empty text where there are none."""
    import pysequoia

    if not keys:
        return ""
    certs = [pysequoia.Cert.from_bytes(key) for key in keys]
    try:
        pysequoia.verify(content, store=lambda _: certs)
    except RuntimeError:
        return "its signature is of no key that the team has in the directory, or does not hold"
    return ""


def _owner(found: SecurityTxt, domain: str, name: str) -> str:
    hosts = {urlsplit(page).hostname or "" for page in found.all("canonical")} - {""}
    try:
        if domain:
            return canonical.host(domain)
        if len(hosts) == 1:
            return canonical.host(hosts.pop().removeprefix("www."))
    except ValueError as error:
        raise UsageError(f"'{domain}' is no domain: {error}.", hint="Give it with --of.") from None
    raise UsageError(f"{name} does not say whose it is.", hint="Give the domain with --of example.org.")


def _team(found: SecurityTxt, owner: str, key: str, name: str, entries: Entries) -> RawTeam:
    """The team that a domain's file makes, or what it adds to the team of this key."""
    made = {"key": _key(owner), "name": f"security contact of {owner}", "kind": "product"}
    lists: dict[str, list[ListItem]] = {"domains": [ListItem(name, {"value": owner})]}
    for number, text in found.values["contact"]:
        where = f"{name}, line {number}"
        try:
            into, item = _contact(text)
        except ValueError as error:
            entries.refused.append(RefusedEntry(where, f"Contact '{text}'", str(error)))
        else:
            lists.setdefault(into, []).append(ListItem(where, item))
    words = (word.strip() for word in ",".join(found.all("preferred-languages")).split(","))
    lists["languages"] = [ListItem(name, {"value": word}) for word in words if word]
    lists.setdefault("channels", []).extend(
        ListItem(name, {"value": page, "kind": "website"}) for page in found.all("policy")
    )
    for number, text in found.values.get("encryption", []):
        why = "a key is not fetched; bring it in as a key of the team"
        entries.refused.append(RefusedEntry(f"{name}, line {number}", f"Encryption '{text}'", why))
    return RawTeam(name, {"key": key} if key else made, lists)


def _key(owner: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", f"security-{owner}")[:64].strip("-")


def _contact(text: str) -> tuple[str, dict[str, str]]:
    """The list that a contact belongs to, and its item."""
    read = _CONTACTS.get(urlsplit(text).scheme.lower())
    if read is None:
        raise ValueError("not a mailto:, tel: or https: address")
    return read(text)


def _mailto(text: str) -> tuple[str, dict[str, str]]:
    address = unquote(urlsplit(text).path)
    return "mailboxes", {"value": canonical.mailbox(address), "purpose": "security"}


def _tel(text: str) -> tuple[str, dict[str, str]]:
    return "channels", {"value": phone(text.replace("-", " ")), "kind": "phone", "purpose": "security"}


def _https(text: str) -> tuple[str, dict[str, str]]:
    return "channels", {"value": url(text), "kind": "form", "purpose": "vulnerability"}


_CONTACTS: Final[Mapping[str, Callable[[str], tuple[str, dict[str, str]]]]] = {
    "mailto": _mailto,
    "tel": _tel,
    "https": _https,
}


def fetch_security_txt(
    domain: str,
    client: "httpx.Client",
    permission: QueryPermission,
    *,
    team: str = "",
    keys: Keys = no_keys,
    now: datetime,
    address: Address = public_address,
) -> ImportFile:
    """What a domain's own file says, fetched over https from its well-known place, then from its root (section 3).

    Raises:
        WithheldError: the marking of what made us ask forbids it.
        UsageError: it is no domain.
        RemoteError: the place does not answer, or has no such file.
        SettingError: it, or where it redirects to, is at no public address.
        InputError: what is there is no security.txt.

    """
    import httpx

    ask_first(permission, domain)
    try:
        host = canonical.host(domain)
    except ValueError as error:
        raise UsageError(f"'{domain}' is no domain: {error}.") from None
    for path in ("/.well-known/security.txt", "/security.txt"):
        place = f"https://{host}{path}"
        try:
            content = _get(client, place, address)
        except httpx.HTTPError as error:
            raise RemoteError(f"{place} cannot be fetched: {error}.", hint="Try again later.") from error
        if content is not None:
            return entries_of(content, place, domain=host, team=team, place=place, keys=keys, now=now)
    raise RemoteError(f"{host} has no security.txt.", hint="Ask the organisation; RFC 9116 says where it belongs.")


def _get(client: "httpx.Client", place: str, address: Address) -> bytes | None:
    """The bytes at a place, as far as they are read; None where there is nothing of that name.

    A redirect is followed within https only (section 3): who redirects may change the contact. Each host is asked for
    its address once and reached at that one, so that nobody leads this node to what is inside.
    """
    import httpx

    for _ in range(4):
        url = httpx.URL(place)
        there, named = url.copy_with(host=address(place)), {"Host": url.netloc.decode("ascii")}
        sni = {"sni_hostname": url.raw_host.decode("ascii")}
        with client.stream(
            "GET", there, headers=named, extensions=sni, follow_redirects=False, timeout=_TIMEOUT_SECONDS
        ) as answer:
            if answer.is_redirect:
                place = str(url.join(answer.headers["location"]))
                if not place.startswith("https://"):
                    raise RemoteError(f"The place redirects to {place}, which is not https.", hint="Do not use it.")
                continue
            if answer.status_code in {404, 410}:
                return None
            answer.raise_for_status()
            content = b""
            for part in answer.iter_bytes(8_192):
                content += part
                if len(content) > MAX_BYTES:
                    break
            return content
    raise RemoteError(f"{place} redirects too often.", hint="Do not use it.")
