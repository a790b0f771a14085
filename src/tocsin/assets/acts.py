"""What can be done with the register of critical assets: on pages alone, since nothing of it has another way out.

What an operator says of its own assets waits for a person of the CSIRT. The audit log gets numbers only.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from tocsin.assets.register import (
    ASSET_KINDS,
    NEED,
    Asset,
    AssetChange,
    AssetKind,
    AssetTouch,
    ChangeState,
    as_lines,
    find_asset,
    names,
    numbers_by_name,
    read_contacts,
    read_identifiers,
    read_needs,
)
from tocsin.delivery.never_held import IntakeFilter
from tocsin.directory import find_team, teams_by_id
from tocsin.incidents import SEVERITIES, IncidentReader, SeverityLevel, references_by_number
from tocsin.interface import N_, Absence, Act, ActContext, OwnSurface, Wording
from tocsin.node.accounts import Permission
from tocsin.node.errors import ConflictError, NotFoundError, UsageError
from tocsin.node.node import Node
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say

_LINE: Final = r"^[^\x00-\x1f\x7f]*$"
_Number = Annotated[int, Field(ge=1, le=2**31 - 1)]
_AssetNumber = Annotated[_Number, Field(title=N_("Asset"))]
_Lines = Annotated[str, Field(max_length=20_000), Wording(lines=True)]
Once = Annotated[str, Field(max_length=100, title="Key of this request")]
"""What the same request is known by when it comes twice; pages make one for each form."""
_TEXTS: Final = ("name", "sector", "site", "product", "identifiers", "needs", "contacts", "note")
NO_ROUTE: Final = Absence("Nothing of the register leaves by the API.")
_BESIDE: Final = "It is a part of the page of what it changes, beside what a person decides by."
NO_COMMAND: Final = Absence("A command has no person, whose right to the register could be asked.")


class AssetFields(BaseModel):
    """What is said of an asset; only its name is needed."""

    name: Annotated[str, Wording(lacking=N_("Write a name."))] = Field(
        min_length=1, max_length=200, pattern=_LINE, title=N_("Name")
    )
    kind: Annotated[AssetKind, Wording(choices=ASSET_KINDS)] = Field(AssetKind.SERVICE, title=N_("Kind"))
    team: Annotated[str, Wording(choices="operators", nothing=N_("No team"))] = Field(
        "", max_length=200, title=N_("Operator"), description="Key of the operator in the directory."
    )
    sector: str = Field("", max_length=100, pattern=_LINE, title=N_("Sector"))
    site: str = Field("", max_length=300, pattern=_LINE, title=N_("Place"))
    product: str = Field("", max_length=200, pattern=_LINE, title=N_("Product and version"))
    identifiers: Annotated[
        _Lines, Wording(hint=N_("One on each line, such as 192.0.2.0/24, AS64500 or pay.example."))
    ] = Field("", title=N_("Networks, AS numbers, domains, CPE names, purls"))
    needs: Annotated[
        _Lines, Wording(hint=N_("One on each line: name; kind; since. Such as: Harbour power; electricity; 2019"))
    ] = Field("", title=N_("Depends on"))
    contacts: Annotated[
        _Lines,
        Wording(hint=N_("One on each line: name; phone; email; hours; language. The first one is called first.")),
    ] = Field("", title=N_("Contacts"))
    impact: Annotated[SeverityLevel, Wording(choices=SEVERITIES)] = Field(
        SeverityLevel.UNKNOWN, title=N_("Impact if lost")
    )
    note: _Lines = Field("", title=N_("Note"))


class NewAsset(AssetFields):
    """A new asset."""

    once: Once = ""


class ChangedAsset(AssetFields):
    """An asset, and what is said of it now."""

    asset: _AssetNumber
    once: Once = ""


class AssetNamed(BaseModel):
    """Which asset."""

    asset: _AssetNumber


class AssetsNamed(BaseModel):
    """Which assets."""

    asset: Annotated[tuple[_Number, ...], Wording(lacking=N_("Select at least one."))] = Field(
        min_length=1, max_length=1_000, title=N_("Assets")
    )


class ChangeDecision(BaseModel):
    """What becomes of a change that an operator sent."""

    change: Annotated[_Number, Field(title=N_("Change"))]
    approve: bool = Field(default=False, title=N_("Approve"))
    reason: str = Field("", max_length=500, pattern=_LINE, title=N_("Reason, if you refuse"))


class AssetResult(BaseModel):
    """The number of the asset; None where a person of the CSIRT decides first."""

    asset: int | None


def check_enabled(node: Node) -> None:
    """Raises NotFoundError where the register is off."""
    if not node.settings.assets.enabled:
        raise NotFoundError(say("There is no register of critical assets here."))


def add(context: ActContext, request: NewAsset) -> AssetResult:
    """What an operator adds waits for a person of the CSIRT."""
    check_enabled(context.node)
    said, once = _kept(context, request), context.key_of(request)
    if not context.reach.everything:
        return _send(context, None, said, once)
    with context.undoable() as session:
        if once and (known := session.scalar(select(Asset.id).where(Asset.once == once))) is not None:
            return AssetResult(asset=known)
        return AssetResult(asset=_new(session, context, said, once))


def change(context: ActContext, request: ChangedAsset) -> AssetResult:
    """What an operator changes waits for a person of the CSIRT. Changing it confirms it."""
    check_enabled(context.node)
    said, once = _kept(context, request), context.key_of(request)
    if not context.reach.everything:
        return _send(context, request.asset, said, once)
    with context.undoable() as session:
        asset = find_asset(session, context.reach, request.asset, lock=True)
        _fill_from(session, context, asset, said)
        _note(session, context, AuditAction.ASSET_CHANGED, asset.id)
        return AssetResult(asset=asset.id)


def remove(context: ActContext, request: AssetNamed) -> AssetResult:
    """What depends on it does so no more."""
    check_enabled(context.node)
    with context.undoable() as session:
        asset = find_asset(session, context.reach, request.asset, lock=True)
        for other in session.scalars(select(Asset).where(Asset.id != asset.id)):
            if any(one["on"] == asset.id for one in other.needs):
                other.needs = [one for one in other.needs if one["on"] != asset.id]
        for touch in session.scalars(select(AssetTouch).where(AssetTouch.asset_id == asset.id)):
            session.delete(touch)
        session.flush()
        session.delete(asset)
        _note(session, context, AuditAction.ASSET_REMOVED, asset.id)
        return AssetResult(asset=None)


def confirm(context: ActContext, request: AssetsNamed) -> list[AssetResult]:
    """Say that all that is said of them is so still; an operator says it of its own."""
    check_enabled(context.node)
    with context.undoable() as session:
        for number in request.asset:
            asset = find_asset(session, context.reach, number, lock=True)
            asset.confirmed_at, asset.confirmed_by = context.now, context.actor
            _note(session, context, AuditAction.ASSET_CONFIRMED, asset.id)
    return [AssetResult(asset=number) for number in request.asset]


def acknowledge(context: ActContext, request: AssetNamed) -> AssetResult:
    """Of what touched it: events, and incidents that the person may read."""
    check_enabled(context.node)
    with context.undoable() as session:
        asset = find_asset(session, context.reach, request.asset)
        query = select(AssetTouch).where(AssetTouch.asset_id == asset.id, AssetTouch.seen_at.is_(None))
        found = session.scalars(query).all()
        reader = IncidentReader(context.person, context.now)
        readable = references_by_number(session, reader, [one.incident_id for one in found])
        seen = [one for one in found if one.incident_id is None or one.incident_id in readable]
        for touch in seen:
            touch.seen_at, touch.seen_by = context.now, context.actor
        if seen:
            _note(session, context, AuditAction.ASSET_ACKNOWLEDGED, asset.id)
    return AssetResult(asset=request.asset)


def decide(context: ActContext, request: ChangeDecision) -> AssetResult:
    """Approve it, and it is so; or refuse it, with a reason that its operator reads.

    Raises:
        ConflictError: it was decided already.

    """
    check_enabled(context.node)
    reason = _filter(context)(request.reason)
    with context.undoable(None if request.approve else lambda _: say("Change refused")) as session:
        sent = session.get(AssetChange, request.change, with_for_update=True)
        if sent is None:
            raise NotFoundError(say("There is no such change."))
        if sent.state != ChangeState.OPEN:
            raise ConflictError(say("This was decided already."), hint=say("Load the page again."))
        if not request.approve and not reason:
            raise UsageError(say("Say why."))
        sent.state = (ChangeState.APPROVED if request.approve else ChangeState.REFUSED).value
        sent.reason, sent.decided_at, sent.decided_by = reason, context.now, context.actor
        detail: dict[str, object] = {"state": sent.state, "asset": sent.asset_id}
        _note(session, context, AuditAction.ASSET_DECIDED, sent.id, noun="asset-change", detail=detail)
        said = AssetFields(**sent.said)
        sent.said = {"name": said.name}  # all that is kept of it
        if not request.approve:
            return AssetResult(asset=sent.asset_id)
        if sent.asset_id is None:
            sent.asset_id = _new(session, context, said, None)
        else:
            asset = find_asset(session, context.reach, sent.asset_id, lock=True)
            unseen = _needs_of_others(session, asset, sent.team_id)
            _fill_from(session, context, asset, said)
            asset.needs = [*asset.needs, *unseen]
            _note(session, context, AuditAction.ASSET_CHANGED, asset.id)
        return AssetResult(asset=sent.asset_id)


def new_asset(context: ActContext, once: str | None = None) -> Asset:
    """A new one, of which nothing is said yet."""
    return Asset(made_at=context.now, once=once, confirmed_at=None, confirmed_by="")


def fill(asset: Asset, said: AssetFields, team: int | None, numbers: Mapping[str, int]) -> None:
    """Let an asset be as somebody says. ``team``: the number of its operator; ``numbers``: as `read_needs` takes them.

    Raises:
        InputError: a line of a field cannot be read.

    """
    for name in ("name", "sector", "site", "product", "note"):
        setattr(asset, name, getattr(said, name))
    asset.kind, asset.impact, asset.team_id = said.kind.value, said.impact.value, team
    asset.identifiers, asset.contacts = read_identifiers(said.identifiers), read_contacts(said.contacts)
    asset.needs = [one for one in read_needs(said.needs, numbers) if one["on"] != asset.id]


def _new(session: Session, context: ActContext, said: AssetFields, once: str | None) -> int:
    asset = new_asset(context, once)
    _fill_from(session, context, asset, said)
    session.add(asset)
    session.flush()
    _note(session, context, AuditAction.ASSET_CHANGED, asset.id)
    return asset.id


def _fill_from(session: Session, context: ActContext, asset: Asset, said: AssetFields) -> None:
    """Whoever says it knows that it is so now."""
    team = find_team(session, said.team) if said.team else None
    fill(asset, said, team, numbers_by_name(names(session, context.reach)))
    asset.confirmed_at, asset.confirmed_by = context.now, context.actor


def _send(context: ActContext, asset: int | None, said: AssetFields, once: str | None) -> AssetResult:
    """Keep what an operator says until a person decides."""
    own = {team.key: team.id for number, team in teams_by_id(context.database).items() if number in context.reach.teams}
    if not own:
        raise NotFoundError(say("There is no such team."))
    read_identifiers(said.identifiers), read_contacts(said.contacts)
    with context.undoable(lambda _: say("Sent for review")) as session:
        known = None if asset is None else find_asset(session, context.reach, asset)
        if said.team not in own:
            mine = (key for key, number in own.items() if known is not None and number == known.team_id)
            said.team = next(mine, next(iter(own)))
        needs = read_needs(said.needs, numbers_by_name(names(session, context.reach)))
        said.needs = as_lines([{**one, "name": f"#{one['on']}"} for one in needs], NEED)
        if once and session.scalar(select(AssetChange.id).where(AssetChange.once == once)) is not None:
            return AssetResult(asset=None)
        sent = AssetChange(
            asset_id=asset, team_id=own[said.team], said=said.model_dump(mode="json"), state=ChangeState.OPEN.value,
            reason="", made_at=context.now, made_by=context.actor, decided_at=None, decided_by="", once=once,
        )  # fmt: skip
        session.add(sent)
        session.flush()
        _note(session, context, AuditAction.ASSET_SENT, sent.id, noun="asset-change", detail={"asset": asset})
    return AssetResult(asset=None)


def _needs_of_others(session: Session, asset: Asset, team: int) -> list[dict[str, Any]]:
    """What an asset needs of other operators: its own does not see these, so it says nothing of them."""
    query = select(Asset.id).where(or_(Asset.team_id.is_(None), Asset.team_id != team))
    others = set(session.scalars(query))
    return [one for one in asset.needs if one["on"] in others]


def _kept(context: ActContext, request: AssetFields) -> AssetFields:
    """The same without what must never be held."""
    keep = _filter(context)
    said = {name: getattr(request, name) for name in AssetFields.model_fields}
    return AssetFields(**said | {name: keep(said[name]) for name in _TEXTS})


def _filter(context: ActContext) -> Callable[[str], str]:
    intake = IntakeFilter(context.node, "assets")
    return lambda text: intake.kept_text(text) if text else ""


def _note(
    session: Session,
    context: ActContext,
    word: AuditAction,
    number: int,
    *,
    noun: str = "asset",
    detail: dict[str, object] | None = None,
) -> None:
    audit(session, word, at=context.now, actor=context.actor, subject=f"{noun}:{number}", detail=detail)


def asset_act(
    name: str, summary: str, function: Callable[..., Any], path: str, words: Iterable[AuditAction], **more: Any
) -> Act:
    """An act on the register."""
    defaults = {
        "noun": "asset", "permission": Permission.ASSETS_WRITE, "command": NO_COMMAND, "route": NO_ROUTE,
        "page": OwnSurface(f"/assets/{path}", _BESIDE), "audit": tuple(words),
    }  # fmt: skip
    return Act(name, summary, function, **{**defaults, **more})


_CHANGED: Final = (AuditAction.ASSET_CHANGED, AuditAction.ASSET_SENT)
ACTS: Final = (
    asset_act(
        "add", "Add a critical asset", add, "new", _CHANGED, everything=False, makes=True,
        undo=lambda _: say("Asset added"), title=N_("New critical asset"), button=N_("Save"),
        page="/assets/new",
    ),
    asset_act(
        "change", "Edit a critical asset", change, "{asset}/change", _CHANGED, everything=False,
        undo=lambda _: say("Asset saved"), title=N_("Edit critical asset"), button=N_("Save"),
        page="/assets/{asset}/change",
    ),
    asset_act(
        "remove", "Remove a critical asset", remove, "{asset}/remove", [AuditAction.ASSET_REMOVED],
        undo=lambda _: say("Asset removed"), title=N_("Remove this asset"),
    ),
    asset_act(
        "confirm", "Confirm critical assets", confirm, "confirm", [AuditAction.ASSET_CONFIRMED], everything=False,
        undo=lambda _: say("Assets confirmed"), title=N_("Confirm"),
    ),
    asset_act(
        "acknowledge", "Acknowledge what touched a critical asset", acknowledge, "{asset}/acknowledge",
        [AuditAction.ASSET_ACKNOWLEDGED], permission=Permission.ASSETS_READ, undo=lambda _: say("Acknowledged"),
        title=N_("Acknowledge"),
    ),
    asset_act(
        "decide", "Decide a change of an operator", decide, "changes/{change}",
        [AuditAction.ASSET_DECIDED, AuditAction.ASSET_CHANGED], noun="change of asset",
        undo=lambda _: say("Change approved"),
    ),
)  # fmt: skip
"""What can be done with assets."""
