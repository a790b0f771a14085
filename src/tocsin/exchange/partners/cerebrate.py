"""Our partners in the shape of a Cerebrate, for its users to read. UUIDs name them; numbers are of these files."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy.orm import Session

from tocsin import __version__
from tocsin.exchange.partners.models import Partner
from tocsin.exchange.partners.profiles import own_key
from tocsin.exchange.partners.read import ListedPartner, list_partners
from tocsin.exchange.partners.states import PartnerKeyState
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.node import Node
from tocsin.node.records import node_uuid


def cerebrate_files(
    node: Node, session: Session, groups: Mapping[str, tuple[str, list[UUID]]], now: datetime
) -> dict[str, bytes]:
    """The files by their paths: what this node knows of partners, with confirmed keys alone, and no people.

    ``groups``: agreements in force by UUID, with the title and the nodes that are bound.
    """
    settings, us = node.settings.node, node_uuid(node.database)
    own = {
        "id": 1,
        "uuid": str(us),
        "name": settings.name,
        "nationality": settings.country,
        "contacts": settings.contact,
    }
    found = list_partners(session, now)
    organisations = [own, *(_organisation(one.partner, number, us) for number, one in enumerate(found, 2))]
    keys = [_key(number, 1, armored) for number, armored in enumerate(_own_keys(node, now), 1)]
    for owner, one in enumerate(found, 2):
        keys += [_key(len(keys) + 1, owner, armored) for armored in _keys(one, now)]
    uuids = {one.partner.node: organisations[number] for number, one in enumerate(found, 1) if one.partner.node}
    members = {us: own, **uuids}
    shared = [
        {
            "id": number, "uuid": uuid, "name": title, "active": True, "organisation_id": 1,
            "sharing_group_orgs": [
                {"id": members[node]["id"], "uuid": members[node]["uuid"], "name": members[node]["name"]}
                for node in nodes
                if node in members
            ],
        }
        for number, (uuid, (title, nodes)) in enumerate(sorted(groups.items()), 1)
    ]  # fmt: skip
    files: dict[str, Any] = {
        "instance/status.json": {"version": __version__, "application": "Tocsin", "user": None},
        "organisations/index.json": organisations, "encryptionKeys/index.json": keys,
        "individuals/index.json": [], "sharingGroups/index.json": shared,
    }  # fmt: skip
    files |= {f"organisations/view/{one['uuid']}.json": one for one in organisations}
    return {path: json.dumps(one, ensure_ascii=False, indent=1).encode() for path, one in files.items()}


def _organisation(partner: Partner, number: int, us: UUID) -> dict[str, Any]:
    uuid = partner.node or uuid5(NAMESPACE_URL, f"urn:uuid:{us}/partners/{partner.id}")
    return {
        "id": number, "uuid": str(uuid), "name": partner.name, "url": "", "nationality": partner.countries,
        "sector": "", "type": "CSIRT", "contacts": partner.mailbox,
    }  # fmt: skip


def _own_keys(node: Node, now: datetime) -> list[str]:
    try:
        return [own_key(node, now).public]
    except (NotFoundError, ConflictError):
        return []


def _keys(one: ListedPartner, now: datetime) -> list[str]:
    return [key.content for key in one.in_state(PartnerKeyState.PINNED, now)]


def _key(number: int, owner: int, armored: str) -> dict[str, Any]:
    kind = "smime" if armored.startswith("-----BEGIN CERT") else "pgp"
    return {
        "id": number, "uuid": str(uuid5(NAMESPACE_URL, armored)), "type": kind, "encryption_key": armored,
        "revoked": False, "owner_model": "organisation", "owner_id": owner,
    }  # fmt: skip
