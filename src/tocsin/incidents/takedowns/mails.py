"""Mails to who can take something down: one for each, with all that it shall remove, in its language.

A recipient becomes a party of the incident, so what it answers is its thread, and the release gate has its word.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from tocsin.delivery.texts import texts_for
from tocsin.incidents.act_parts import OpenIncident
from tocsin.incidents.models import Party
from tocsin.incidents.observables import defang
from tocsin.incidents.read import merged_family, parties_of
from tocsin.incidents.states import IncidentEntryKind, PartyRole
from tocsin.incidents.takedowns.models import TakedownRecipient, TakedownSighting
from tocsin.incidents.takedowns.read import TakedownRow
from tocsin.incidents.takedowns.states import ContentState, TakedownRole
from tocsin.incidents.threads import (
    PartyMail,
    PartyPost,
    PartyThread,
    check_mail,
    filled,
    send_to_party,
    thread_of,
)
from tocsin.incidents.write import add_party
from tocsin.sharing.gate import highest, read_marking

REQUEST: Final = "take-down"
REMINDER: Final = "take-down-reminder"
_ROLES: Final = {TakedownRole.CSIRT: PartyRole.COORDINATOR, TakedownRole.BROWSER_LIST: PartyRole.OTHER}
"""As what a recipient takes part; all others are hosts in the sense of a `PartyRole`."""

_CEILING: Final = "AMBER"


def send_mails(
    opened: OpenIncident,
    post: PartyPost,
    chosen: Iterable[tuple[TakedownRow, TakedownRecipient]],
    sightings: Mapping[int, Sequence[TakedownSighting]],
    *,
    template: str,
    tlp: str,
) -> list[tuple[Party, list[TakedownRow]]]:
    """One mail for each recipient, in the transaction of the act; to whom, and about what. All leave, or none.

    Raises:
        RequestError: the gate says no, or something in the text is not filled in.
        ConflictError: the mail cannot be encrypted, or the recipient left.

    """
    groups: dict[int, tuple[Party, list[TakedownRow]]] = {}
    for row, recipient in chosen:
        party = _party(opened, post, recipient)
        recipient.party_id, recipient.asked_at = party.id, opened.context.now
        groups.setdefault(party.id, (party, []))[1].append(row)
    family = {one.id: one for one in merged_family(opened.session, opened.reader, opened.incident)}
    threads = [
        (PartyThread(family[one.incident_id], one, thread_of(opened.session, opened.reader, one, lock=True)), rows)
        for one, rows in groups.values()
    ]
    mails = [(found, _mail(post, found, rows, sightings, (template, tlp))) for found, rows in threads]
    for found, mail in mails:
        check_mail(opened.session, post, found, mail)
    for found, mail in mails:
        send_to_party(opened.session, post, found, mail)
    return [*groups.values()]


def _party(opened: OpenIncident, post: PartyPost, recipient: TakedownRecipient) -> Party:
    """Who takes part already with this team or address; else a new party."""
    for one in parties_of(opened.session, opened.reader, opened.family()):
        same = one.team_id == recipient.team_id if recipient.team_id else one.mailbox == recipient.mailbox
        if same and one.left_at is None and one.role in {PartyRole.HOST, *_ROLES.values()}:
            return one
    role = _ROLES.get(TakedownRole(recipient.role), PartyRole.HOST)
    party = add_party(
        opened.session, opened.incident, role=role.value, team=recipient.team_id, name=recipient.name,
        mailbox=recipient.mailbox, phone="", language=recipient.language or post.context.node.settings.node.language,
        ceiling=_CEILING, now=opened.context.now,
    )  # fmt: skip
    data = {"act": "joined", "role": role.value, "name": recipient.name}
    opened.enter(IncidentEntryKind.PARTY, data=data, party=party)
    return party


def _mail(
    post: PartyPost,
    found: PartyThread,
    rows: Sequence[TakedownRow],
    sightings: Mapping[int, Sequence[TakedownSighting]],
    kind: tuple[str, str],
) -> PartyMail:
    """The mail. What a person typed for it is meant for outsiders, so that two mails share it is no quotation.

    Where nobody chose its marking, it has the highest of the incident and of all that it names.
    """
    say = texts_for(found.party.language, post.folders).say
    template, tlp = kind
    text = post.templates(found.party.language)[template]
    asked = min((row.takedown.asked_at for row in rows if row.takedown.asked_at), default=None)
    values = post.values(found.incident, found.party, ()) | {
        "observables": "\n".join(f"  {defang(row.observable.value)}" for row in rows),
        "ground": _each(say(f"ground_{row.takedown.ground}".replace("-", "_")) for row in rows),
        "basis": _each(row.takedown.basis for row in rows),
        "necessity": _each(row.takedown.necessity for row in rows),
        "seen": _each(_seen(sightings.get(row.takedown.id, ())) for row in rows),
        "asked": f"{asked:%Y-%m-%d}" if asked else "",
    }
    named = [found.incident.tlp, *(of.observable.tlp for of in rows)]
    tlp = tlp or highest(read_marking(one, None) for one in named).tlp
    return PartyMail(filled(text.subject, values), filled(text.text, values), tlp=tlp, quotes_checked=True)


def _seen(sightings: Sequence[TakedownSighting]) -> str:
    """When and how it was last seen there; the sightings come newest first."""
    for one in sightings:
        if one.seen in {ContentState.UP, ContentState.CHANGED}:
            return f"{one.at:%Y-%m-%d %H:%M} UTC ({one.how})"
    return ""


def _each(texts: Iterable[str]) -> str:
    return "; ".join(filter(None, dict.fromkeys(texts)))
