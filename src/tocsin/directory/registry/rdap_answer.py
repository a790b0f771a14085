"""An answer over RDAP (RFC 9083), reduced to what the directory needs: whose a number is, and whom to tell.

Names, addresses and telephones of persons are not kept, nor the mailbox of a person who is only a technical contact.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from tocsin.directory import canonical
from tocsin.directory.entries import Entries, ListItem, RawTeam, RefusedEntry, take_teams

_PURPOSES: Final = {"abuse": "abuse", "technical": "general"}
"""The roles (RFC 9083, section 10.2.4) whose mailboxes are taken, with what they are for."""


@dataclass(frozen=True, slots=True)
class RdapContact:
    """Somebody in a role, by handle: mailboxes, and whether it is a person."""

    role: str
    handle: str
    mailboxes: tuple[str, ...]
    person: bool


@dataclass(frozen=True, slots=True)
class RdapAnswer:
    """What a registry says of one network, AS number or domain.

    ``what`` was asked. ``registry`` is its short name, ``handle`` its own name of the object, ``holder`` the
    organisation, ``values`` the networks or AS numbers of the object, by kind (``prefix``, ``asn``). Of a ``domain``
    holder and contacts are the registrar's, never of whoever registered it. Empty where nothing is known.
    """

    what: str
    registry: str = ""
    handle: str = ""
    holder: str = ""
    country: str = ""
    kind: str = "prefix"
    values: tuple[str, ...] = ()
    contacts: tuple[RdapContact, ...] = ()

    @property
    def source(self) -> str:
        """Who says so: the registry and its name of the object, so that each answer speaks for itself alone."""
        return f"rdap:{self.registry}:{self.handle}" if self.handle else f"rdap:{self.what}"


def reduce_answer(what: str, server: str, parsed: Mapping[str, Any]) -> RdapAnswer:
    """What is needed of an answer, as ``whoisit`` read it; ``server`` is the host that was asked."""
    people = parsed.get("entities") or {}
    domain = parsed.get("type") == "domain"
    owners = people.get("registrar" if domain else "registrant") or []
    contacts = [_contact(role, one) for role in _PURPOSES for one in people.get(role) or []]
    if domain:
        contacts = list(_of_registrar(owners, people.get("abuse") or []))
    return RdapAnswer(
        what=what,
        registry=_registry(parsed, server),
        handle=str(parsed.get("handle") or what),
        holder=next((name for one in owners if (name := _organisation(one))), ""),
        country=str(parsed.get("country") or ""),
        kind="domain" if domain else "asn" if "asn_range" in parsed else "prefix",
        values=tuple(_values(parsed)),
        contacts=tuple(dict.fromkeys(one for one in contacts if one.mailboxes or one.person)),
    )


def answer_document(answer: RdapAnswer) -> dict[str, object]:
    """The answer as JSON holds it."""
    return asdict(answer)


def read_answer(document: Mapping[str, Any]) -> RdapAnswer:
    """The answer that ``answer_document`` made."""
    contacts = (RdapContact(**one | {"mailboxes": tuple(one["mailboxes"])}) for one in document["contacts"])
    return RdapAnswer(**{**document, "values": tuple(document["values"]), "contacts": tuple(contacts)})


def answer_entries(answer: RdapAnswer) -> Entries:
    """The answer as a team with mailboxes and rules. Persons who are technical contacts are named, not taken."""
    entries = Entries(answer.source, frozenset({"mailboxes", "rules"}))
    if answer.kind == "domain":
        why = "a registrar answers for no network; take-downs use its contact"
        entries.refused.append(RefusedEntry(answer.handle or "RDAP", answer.what, why))
        return entries
    boxes: list[ListItem] = []
    for contact in answer.contacts:
        if contact.person and contact.role != "abuse":
            why = "a technical contact who is a person; only an abuse contact may be one"
            entries.refused.append(RefusedEntry(answer.handle, f"{contact.role} {contact.handle}", why))
            continue
        purpose = _PURPOSES[contact.role]
        boxes += [ListItem(answer.handle, {"value": address, "purpose": purpose}) for address in contact.mailboxes]
    if not boxes:
        why = "no abuse or technical mailbox is in the answer" if answer.handle else "no registry knows of it"
        entries.refused.append(RefusedEntry(answer.handle or "RDAP", answer.what, why))
        return entries
    abuse = [contact.handle for contact in answer.contacts if contact.role == "abuse" and contact.handle]
    fields = {
        "key": _key(answer.registry, *(abuse or [answer.handle])),
        "name": answer.holder or answer.handle,
        "organisation": answer.holder,
        "kind": "abuse",
        "country": answer.country if len(answer.country) == 2 else "",
    }
    rules = [ListItem(answer.handle, {"value": value}) for value in answer.values]
    into = "asns" if answer.kind == "asn" else "prefixes"
    take_teams(entries, [RawTeam(answer.handle, fields, {"mailboxes": boxes, into: rules})])
    return entries


def _key(registry: str, *handles: str) -> str:
    from tocsin.directory.registry.rpsl import team_key

    return team_key("rdap", registry, *sorted(handles))


def _contact(role: str, entity: Mapping[str, Any]) -> RdapContact:
    person = entity.get("kind") == "individual"
    taken = _mailboxes(entity) if role == "abuse" or not person else ()
    return RdapContact(role, str(entity.get("handle") or ""), tuple(dict.fromkeys(taken)), person)


def _of_registrar(registrars: list[Mapping[str, Any]], abuse: list[Mapping[str, Any]]) -> Iterator[RdapContact]:
    """The abuse contacts that stand inside a registrar; without one, the registrar itself."""
    handles = {str(one.get("handle")) for one in registrars}
    inside = [one for one in abuse if str(one.get("parent_handle")) in handles]
    yield from (_contact("abuse", one) for one in inside or registrars)


def _mailboxes(entity: Mapping[str, Any]) -> Iterator[str]:
    for text in entity.get("emails") or []:
        try:
            yield canonical.mailbox(str(text))
        except ValueError:
            continue


def _organisation(entity: Mapping[str, Any]) -> str:
    """The name of an organisation; a person's is not kept."""
    if entity.get("kind") == "individual":
        return ""
    return " ".join(str(entity.get("organisation") or entity.get("name") or "").split())[:500]


def _registry(parsed: Mapping[str, Any], server: str) -> str:
    """``arin`` of ``whois.arin.net``, or the host that was asked."""
    named = str(parsed.get("rir") or "")
    if named:
        return named
    labels = str(parsed.get("whois_server") or server).lower().split(".")
    return labels[-2] if len(labels) > 2 and not labels[-1].isdecimal() else ".".join(labels)


def _values(parsed: Mapping[str, Any]) -> Iterator[str]:
    if "asn_range" in parsed:
        first, last = parsed["asn_range"] or (0, -1)
        if last - first < 1_024:  # a registry's whole block is nobody's
            yield from (str(number) for number in range(first, last + 1))
        return
    yield from (str(network) for network in parsed.get("cidrs") or [])
