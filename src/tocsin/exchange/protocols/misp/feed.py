"""A MISP feed: static files that any web server can serve, signed, of what anyone or the community may have.

Format: ``manifest.json``, ``UUID.json`` and ``hashes.csv`` (MD5 of each value, UUID), as MISP's own feeds have them.
The folder is the memory: what was in it and may not go any more stays listed, and all in it is marked as deleted.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal
from uuid import uuid4

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from tocsin.delivery import sends_nothing
from tocsin.delivery.never_held import class_table
from tocsin.directory.profile import sign_beside
from tocsin.exchange.partners import own_key
from tocsin.exchange.protocols.misp.incident_events import is_withdrawn, package_event, package_for
from tocsin.exchange.protocols.misp.shapes import read_uuid
from tocsin.exchange.sharing import PackagePolicy
from tocsin.incidents import IncidentReader, shareable_incidents
from tocsin.interface import Absence, Act, ActContext, NoUndo
from tocsin.node.accounts import Permission
from tocsin.node.errors import ConflictError, InputError, UsageError
from tocsin.node.records import AuditAction, audit, node_uuid
from tocsin.node.sentences import say
from tocsin.sharing.gate import Audience, Recipient
from tocsin.sharing.rules import rules_in_force

Json = dict[str, Any]

_AUDIENCES: Final = {"CLEAR": Audience.PUBLIC, "GREEN": Audience.COMMUNITY}
_MANIFEST: Final = "manifest.json"
_NAMED: Final = ("info", "date", "analysis", "threat_level_id", "timestamp", "Orgc", "Tag")


class MispFeed(BaseModel):
    """Where a feed is written, and for whom."""

    folder: str = Field(
        min_length=1, max_length=1_000, title="Folder", description="The folder; it keeps what was written before."
    )
    tlp: Literal["CLEAR", "GREEN"] = Field(
        "CLEAR",
        title="Marking",
        description="CLEAR: for anyone; GREEN: for the community, behind a sign-in of your web server.",
    )


class MispFeedResult(BaseModel):
    """A feed after it was written. ``events``: in it; ``written``: new or changed ones; ``withdrawn``: taken back."""

    folder: str
    events: int
    written: int
    withdrawn: int


def write_feed(context: ActContext, request: MispFeed) -> MispFeedResult:
    """What has changed since is written again. Who gets it is in the audit log before it leaves.

    Raises:
        ConflictError: this node sends nothing now.
        NotFoundError: it has no key to sign with.
        UsageError, InputError: the folder cannot be written, or holds something else.

    """
    folder = Path(request.folder)
    signer = own_key(context.node, context.now).signer
    before = _read(folder)
    with context.database.reading() as session:
        if sends_nothing(session, context.node.settings.tell.mode):
            raise ConflictError(say("Sending is stopped."))
        now = _events(session, context, Recipient(_AUDIENCES[request.tlp]))
    seconds = int(context.now.timestamp())
    after = {uuid: _with_deleted(event, before.get(uuid)) for uuid, event in now.items()}
    gone = {uuid: _withdrawn(event, seconds) for uuid, event in before.items() if uuid not in now}
    after |= gone
    changed = {uuid: event for uuid, event in after.items() if before.get(uuid) != event}
    with context.database.begin() as session:
        for uuid in sorted(changed.keys() - gone.keys()):
            _note(session, context, changed[uuid], request)
    for uuid, event in changed.items():
        _write(folder / f"{uuid}.json", _bytes({"Event": event}), signer)
    if changed or not (folder / _MANIFEST).exists():
        hashes = "".join(f"{digest},{uuid}\n" for uuid, event in after.items() for digest in _hashes(event))
        _write(folder / "hashes.csv", hashes.encode(), signer)
        manifest = {uuid: {name: event.get(name) for name in _NAMED} for uuid, event in after.items()}
        _write(folder / _MANIFEST, _bytes(manifest), signer)
    fresh = sum(before[uuid] != event for uuid, event in gone.items())
    return MispFeedResult(folder=str(folder), events=len(now), written=len(changed) - fresh, withdrawn=fresh)


def _events(session: Session, context: ActContext, recipient: Recipient) -> dict[str, Json]:
    """What the gate lets go now, by UUID."""
    node, reader = context.node, IncidentReader(None, context.now)
    own, rules = node_uuid(node.database), rules_in_force(session)
    always = (rule.local for rule in rules.sharing.document.rules if not rule.when)  # the others are about events
    policy = PackagePolicy(
        local=tuple(one for one in always if one is not None), transfers=rules.transfers,
        never_held=class_table(node.settings.never_held),
    )  # fmt: skip
    creator = {"Orgc": {"name": node.settings.node.name, "uuid": str(own)}}
    found: dict[str, Json] = {}
    for incident in shareable_incidents(session, reader, None, since=None, only=None):
        if is_withdrawn(session, (own, incident.uuid)):
            continue
        _, package = package_for(session, reader, recipient, policy, incident.reference, us=own)
        event = package_event(incident, package)
        if event is not None:
            published = {"published": True, "publish_timestamp": event["timestamp"]}
            found[str(incident.uuid)] = {**event, **creator, **published}
    return found


def _with_deleted(event: Json, before: Json | None) -> Json:
    """An event with what was in it before and is not now, marked as deleted."""
    ours = {one["uuid"] for one in event["Attribute"]}
    gone = [one for one in (before or {}).get("Attribute", ()) if one["uuid"] not in ours]
    found = {**event, "Attribute": [*event["Attribute"], *({**one, "deleted": True} for one in gone)]}
    same = before is not None and {**found, "timestamp": "", "publish_timestamp": ""} == {
        **before, "timestamp": "", "publish_timestamp": "",
    }  # fmt: skip
    return before if same and before is not None else found


def _withdrawn(event: Json, seconds: int) -> Json:
    """An event that was taken back: nothing of it counts any more, and its title is gone."""
    if event["info"] == "Withdrawn":
        return event
    attributes = [{**one, "deleted": True} for one in event["Attribute"]]
    times = {"timestamp": str(seconds), "publish_timestamp": str(seconds)}
    return {**event, **times, "info": "Withdrawn", "Attribute": attributes}


def _note(session: Session, context: ActContext, event: Json, request: MispFeed) -> None:
    """Who fetches it nobody knows, so no recall is sent: the feed itself says what was withdrawn."""
    detail: dict[str, object] = {
        "node": event["Orgc"]["uuid"], "item": event["uuid"], "to": "misp-feed", "way": "misp-feed",
        "marking": f"TLP:{request.tlp}", "attributes": len(event["Attribute"]),
    }  # fmt: skip
    reference = event["info"].partition(":")[0]
    audit(
        session, AuditAction.ITEM_SENT, at=context.now, actor=context.actor, subject=f"incident:{reference}",
        detail=detail,
    )  # fmt: skip


def _read(folder: Path) -> dict[str, Json]:
    """The events that were written before."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / _MANIFEST).exists():
            if any(folder.iterdir()):
                raise UsageError(say("%(name)s is not empty, and no feed.", name=str(folder)))
            return {}
        names = json.loads((folder / _MANIFEST).read_bytes())
        known = [str(uuid) for name in names if (uuid := read_uuid(name))]
        return {uuid: json.loads((folder / f"{uuid}.json").read_bytes())["Event"] for uuid in known}
    except OSError as error:
        raise UsageError(say("%(name)s cannot be written.", name=str(folder))) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(say("What is in %(name)s cannot be read.", name=str(folder))) from error


def _hashes(event: Mapping[str, Any]) -> list[str]:
    """The MD5 of each value, and of each part of a pair; MISP finds events of feeds by them."""
    values = [one["value"] for one in event["Attribute"] if not one.get("deleted")]
    parts = [part for one in values for part in (one.split("|") if "|" in one else [one])]
    return [hashlib.md5(one.encode(), usedforsecurity=False).hexdigest() for one in dict.fromkeys(parts)]


def _bytes(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8", "replace") + b"\n"


def _write(path: Path, content: bytes, signer: Any) -> None:
    """A file and its signature; each is whole at every moment."""
    for target, data in ((path, content), (path.with_name(f"{path.name}.asc"), sign_beside(content, signer))):
        new = target.with_name(f".{target.name}.{uuid4().hex}")
        try:
            new.write_bytes(data)
            new.replace(target)
        except OSError as error:
            raise UsageError(say("%(name)s cannot be written.", name=str(target))) from error


ACTS: Final = (
    Act(
        "feed", "Write a MISP feed", write_feed, noun="MISP feed", permission=Permission.INCIDENTS_WRITE,
        audit=(AuditAction.ITEM_SENT,), command="exchange feed", arguments=("folder",),
        route=Absence("It writes files on this machine."), page=Absence("It writes files on this machine."),
        told="{folder}: {events} events, {written} written, {withdrawn} withdrawn.",
        undo=NoUndo("Others may have fetched it; what may not go any more is marked as deleted the next time."),
    ),
)  # fmt: skip
"""What is done with feeds."""
