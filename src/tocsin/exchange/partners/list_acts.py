"""What lists say of partners, as claims with their source: no known partner is changed, and no key is pinned."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery.never_held import IntakeFilter
from tocsin.directory.keys import KeyFormat
from tocsin.exchange.partners.key_acts import NO_ROUTE, check_new_key, claim_key, new_partner, read_key
from tocsin.exchange.partners.lists import CEREBRATE, ListedPerson, ListEntry, read_list
from tocsin.exchange.partners.models import Partner, PartnerKey, PartnerListing
from tocsin.interface import N_, Act, ActContext, OwnSurface, Wording
from tocsin.node.accounts import Permission
from tocsin.node.errors import ConflictError, InputError
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say

__all__ = ("ACTS", "CEREBRATE", "LIST")
LIST: Final = "list"
"""The source of a key that came with a list."""


def _pairs(value: Any) -> Any:
    """``name=Team`` a line, as pairs."""
    lines = value.splitlines() if isinstance(value, str) else value
    found = [one.partition("=") if isinstance(one, str) else one for one in lines if one]
    return tuple((one[0].strip(), one[-1].strip()) for one in found)


class PartnerList(BaseModel):
    """A list of teams, and whose it is."""

    model_config = ConfigDict(ser_json_bytes="base64")

    source: Annotated[
        str,
        Wording(
            lacking=N_("Say whose list it is."),
            hint=N_("Such as FIRST, Trusted Introducer, AfricaCERT, APCERT, LAC4."),
        ),
    ] = Field(
        min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f]*$", title=N_("Publisher of the list"),
        description="Whose list it is, such as FIRST or APCERT. The same again replaces what it said.",
    )  # fmt: skip
    content: Annotated[
        bytes,
        Wording(
            lacking=N_("Choose a file."),
            hint=N_("CSV or JSON. It makes claims: no key in it counts before it is confirmed."),
            file=50_000_000,
        ),
    ] = Field(min_length=1, title=N_("File"), description="The file.")
    columns: Annotated[tuple[tuple[str, str], ...], BeforeValidator(_pairs), Wording(hidden=True)] = Field(
        (), max_length=20, title=N_("Columns"),
        description="Where columns have other names than usual: what it is, and its column.",
    )  # fmt: skip


class ListResult(BaseModel):
    """What a list brought. ``new``: partners; ``known``: that were here; ``gone``: that it names no more."""

    source: str
    new: int
    known: int
    gone: int
    keys: int
    left: list[str]


def import_list(context: ActContext, request: PartnerList) -> ListResult:
    """Each team is a partner with what the list says of it beside. A key in it verifies nothing before it is confirmed.

    A team is the same as a partner with its UUID in this list, its name, or its email address.

    Raises:
        InputError: it is no list, or has what must never be held.

    """
    text = request.content.decode("utf-8-sig", "replace")
    if IntakeFilter(context.node, "partners").kept_text(text) != text:
        raise InputError(say("A part of it must not be kept here."))
    found = read_list(request.content, dict(request.columns))
    digest = hashlib.sha256(request.content).hexdigest()
    source = " ".join(request.source.split())
    with context.undoable() as session:
        known = _PartnerLookup(session, source)
        rows = {row.id: row for row in known.listings.values()}
        done = {"new": 0, "known": 0, "keys": 0}
        for entry in found.entries:
            partner = known.partner(entry)
            done["known" if partner else "new"] += 1
            if partner is None:
                partner = _added(session, context, entry)
                known.add(partner)
            row = known.listings.get(partner.id)
            if row is None:
                row = known.listings[partner.id] = PartnerListing(partner_id=partner.id, source=source)
                session.add(row)
            _say(row, context, entry, digest)
            row.people = [_person(one, entry, found.left) for one in entry.people]
            session.flush()
            rows.pop(row.id, None)
            done["keys"] += _keys(session, context, partner, entry, found.left)
        gone = [row for row in rows.values() if row.gone_at is None]
        for row in gone:
            row.gone_at, row.people = context.now, []
        detail = {"source": source, "sha256": digest, **done, "gone": len(gone)}
        audit(
            session, AuditAction.PARTNERS_LISTED, at=context.now, actor=context.actor, subject="partners",
            detail=detail,
        )  # fmt: skip
        return ListResult(source=source, gone=len(gone), left=found.left[:1_000], **done)


class _PartnerLookup:
    """The partners that are here, by what a list may name them."""

    def __init__(self, session: Session, source: str) -> None:
        self.partners = {one.id: one for one in session.scalars(select(Partner))}
        self.names = {one.name.casefold(): one for one in self.partners.values()}
        self.mailboxes = {one.mailbox.casefold(): one for one in self.partners.values() if one.mailbox}
        rows = session.scalars(select(PartnerListing).where(PartnerListing.source == source))
        self.listings: dict[int, PartnerListing] = {one.partner_id: one for one in rows}
        self.uuids: dict[UUID, int] = {one.uuid: one.partner_id for one in self.listings.values() if one.uuid}

    def partner(self, entry: ListEntry) -> Partner | None:
        """Which of them an entry is."""
        if entry.uuid is not None and entry.uuid in self.uuids:
            return self.partners[self.uuids[entry.uuid]]
        by_name = self.names.get(entry.name.casefold())
        return by_name or (self.mailboxes.get(entry.mailbox.casefold()) if entry.mailbox else None)

    def add(self, partner: Partner) -> None:
        """One that is new."""
        self.partners[partner.id] = partner
        self.names[partner.name.casefold()] = partner
        if partner.mailbox:
            self.mailboxes.setdefault(partner.mailbox.casefold(), partner)


def _added(session: Session, context: ActContext, entry: ListEntry) -> Partner:
    partner = new_partner(context)
    partner.name, partner.mailbox, partner.countries = entry.name, entry.mailbox, ", ".join(entry.countries)
    session.add(partner)
    session.flush()
    return partner


def _say(row: PartnerListing, context: ActContext, entry: ListEntry, digest: str) -> None:
    """Let a row have what the list says now."""
    values: Mapping[str, Any] = {
        "name": entry.name, "mailbox": entry.mailbox, "countries": ", ".join(entry.countries),
        "website": entry.website, "uuid": entry.uuid, "fingerprints": "\n".join(entry.fingerprints),
        "groups": "\n".join(entry.groups), "sha256": digest, "came_at": context.now, "came_by": context.actor,
        "gone_at": None,
    }  # fmt: skip
    for name, value in values.items():
        setattr(row, name, value)


def _person(one: ListedPerson, entry: ListEntry, left: list[str]) -> dict[str, Any]:
    """Somebody of a team, with the fingerprints of the person's keys: no mail here is written to one person."""
    fingerprints = []
    for key in one.keys[:10]:
        try:
            fingerprints.append(read_key(key, KeyFormat.SMIME)[0].fingerprint)
        except InputError as error:
            left.append(f"{entry.name}, {one.name}: {error}")
    return {"name": one.name, "role": one.role, "mailbox": one.mailbox, "fingerprints": fingerprints}


def _keys(session: Session, context: ActContext, partner: Partner, entry: ListEntry, left: list[str]) -> int:
    """How many keys of an entry are new here; each is a claim."""
    new = 0
    for armored in entry.keys[:10]:
        try:
            facts, content = read_key(armored)
            check_new_key(session, context, partner, facts)
        except (InputError, ConflictError) as error:
            left.append(f"{entry.name}: {error} {error.hint}".rstrip())
            continue
        of = select(PartnerKey.id).where(PartnerKey.fingerprint == facts.fingerprint)
        if session.scalar(of.limit(1)) is None:
            claim_key(session, context, partner, facts, content, source=LIST)
            new += 1
    return new


ACTS: Final = (
    Act(
        "import-list", "Import a list of teams", import_list, noun="partner", permission=Permission.PARTNERS_WRITE,
        route=NO_ROUTE, told="{source}: {new} partners are new, {known} were known.",
        audit=(AuditAction.PARTNERS_LISTED,), command=OwnSurface("partners import"),
        page="/partners/import", arguments=("source",), makes=True, undo=lambda _: say("List imported"),
        title=N_("Import a list"), button=N_("Import"),
    ),
)  # fmt: skip
"""What can be done with lists of partners."""
