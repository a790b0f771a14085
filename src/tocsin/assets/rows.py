"""A register from a CSV file: what each row says, what is new, what changes; nothing is stored while a row is wrong.

The columns are the fields of an asset, in any order; only ``name`` is needed. A cell with several lines has them apart
by line breaks or ``|``. A row whose name and kind are known changes that asset.
"""

import csv
from collections.abc import Iterator
from io import StringIO
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.assets.acts import AssetFields, asset_act, check_enabled, fill, new_asset
from tocsin.assets.register import Asset, numbers_by_name, read_contacts, read_identifiers, read_needs
from tocsin.delivery.never_held import IntakeFilter
from tocsin.directory import teams_by_id
from tocsin.interface import N_, ActContext, OwnSurface, Wording
from tocsin.node.errors import InputError, TocsinError
from tocsin.node.records import AuditAction, audit, take_turns
from tocsin.node.sentences import say

_MOST: Final = 20_000
_SEVERAL: Final = ("identifiers", "needs", "contacts", "note")


class AssetRows(BaseModel):
    """A CSV file as text. ``dry_run``: only count."""

    text: Annotated[str, Wording(lacking=N_("Choose a file."), lines=True)] = Field(
        min_length=1, max_length=5_000_000, title=N_("Rows")
    )
    dry_run: bool = Field(default=False, title=N_("Preview"))


class RowCounts(BaseModel):
    """How many assets are new, changed and as they were; the lines that are wrong, and why: then nothing is stored."""

    new: int = 0
    changed: int = 0
    same: int = 0
    wrong: list[tuple[int, str]] = Field(default_factory=list)


def import_rows(context: ActContext, request: AssetRows) -> RowCounts:
    """Nothing is removed. What is new is confirmed by a person later."""
    check_enabled(context.node)
    text = IntakeFilter(context.node, "assets").kept_text(request.text)
    with context.undoable() as session:
        take_turns(session, "rows")
        counts, known, rows = RowCounts(), _known(session), []
        teams = {team.key for team in teams_by_id(context.database).values()}
        for line, row in _read(text):
            try:
                rows.append((line, _fields(row, teams)))
            except TocsinError as error:
                counts.wrong.append((line, str(error)))
        numbers = numbers_by_name([*((one.id, one.name) for one in known.values()), *_new_names(rows, known)])
        counts.wrong += _wrong_needs(rows, numbers)
        if counts.wrong:
            return counts
        for _, said in rows:
            asset = known.get(_key(said))
            which = "new" if asset is None else "same" if _says(asset, said, numbers) else "changed"
            setattr(counts, which, getattr(counts, which) + 1)
        if not request.dry_run:
            _store(session, context, [said for _, said in rows], known)
            detail: dict[str, object] = {"new": counts.new, "changed": counts.changed}
            audit(
                session,
                AuditAction.ASSETS_IMPORTED,
                subject="assets",
                detail=detail,
                at=context.now,
                actor=context.actor,
            )
    return counts


def _store(session: Session, context: ActContext, rows: list[AssetFields], known: dict[tuple[str, str], Asset]) -> None:
    """First all assets, then what they need, which may be in a later row."""
    teams = {team.key: team.id for team in teams_by_id(context.database).values()}
    for said in rows:
        if (key := _key(said)) not in known:
            known[key] = new_asset(context)
            fill(known[key], said.model_copy(update={"needs": ""}), teams.get(said.team), {})
            session.add(known[key])
    session.flush()
    numbers = numbers_by_name([(one.id, one.name) for one in known.values()])
    for said in rows:
        fill(known[_key(said)], said, teams.get(said.team), numbers)


def _read(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row with its line.

    Raises:
        InputError: it is no CSV file with these columns, or too long.

    """
    head = text.partition("\n")[0]
    comma = max(",;\t", key=head.count)  # as spreadsheets of several countries write it
    reader = csv.DictReader(StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=comma, strict=True)
    try:
        columns = [one.strip().lower() for one in reader.fieldnames or ()]
        reader.fieldnames = columns
        unknown = [one for one in columns if one not in AssetFields.model_fields]
        if "name" not in columns or unknown or len(set(columns)) < len(columns):
            raise InputError(
                say("The first line must name columns: %(columns)s.", columns=", ".join(AssetFields.model_fields))
            )
        for place, row in enumerate(reader):
            if place >= _MOST:
                raise InputError(say("At most %(n)s rows.", n=_MOST))
            yield reader.line_num, {name: value or "" for name, value in row.items() if name}
    except csv.Error:
        raise InputError(say("Line %(n)s was not understood. %(why)s", n=reader.line_num, why="")) from None


def _fields(row: dict[str, str], teams: set[str]) -> AssetFields:
    """What a row says, checked; texts of errors name columns and no values."""
    said: dict[str, Any] = {name: value.strip() for name, value in row.items() if value.strip()}
    for name in _SEVERAL:
        if name in said:
            said[name] = "\n".join(part.strip() for part in said[name].replace("|", "\n").splitlines())
    for name in ("kind", "impact"):
        if name in said:
            said[name] = said[name].lower()
    try:
        fields = AssetFields(**said)
    except ValidationError as error:
        raise InputError(say("The column '%(name)s' is not as it must be.", name=error.errors()[0]["loc"][0])) from None
    if fields.team and fields.team not in teams:
        raise InputError(say("The column '%(name)s' is not as it must be.", name="team"))
    read_identifiers(fields.identifiers), read_contacts(fields.contacts)
    return fields


def _wrong_needs(rows: list[tuple[int, AssetFields]], numbers: dict[str, int]) -> Iterator[tuple[int, str]]:
    for line, said in rows:
        try:
            read_needs(said.needs, numbers)
        except InputError as error:
            yield line, str(error)


def _known(session: Session) -> dict[tuple[str, str], Asset]:
    return {(one.name.casefold(), one.kind): one for one in session.scalars(select(Asset).order_by(Asset.id.desc()))}


def _key(said: AssetFields) -> tuple[str, str]:
    return said.name.casefold(), said.kind.value


def _new_names(rows: list[tuple[int, AssetFields]], known: dict[tuple[str, str], Asset]) -> Iterator[tuple[int, str]]:
    """Names of the file that are not in the register, with numbers that none has there."""
    new = {key: said.name for _, said in rows if (key := _key(said)) not in known}
    yield from ((2**31 + place, name) for place, name in enumerate(new.values()))


def _says(asset: Asset, said: AssetFields, numbers: dict[str, int]) -> bool:
    """Whether an asset is as a row says, its operator aside."""
    same = all(getattr(asset, name) == getattr(said, name) for name in ("sector", "site", "product", "note"))
    lists = (read_identifiers(said.identifiers), read_contacts(said.contacts), read_needs(said.needs, numbers))
    return same and asset.impact == said.impact and lists == (asset.identifiers, asset.contacts, asset.needs)


ACTS: Final = (
    asset_act(
        "import", "Import critical assets", import_rows, "import", [AuditAction.ASSETS_IMPORTED], noun="assets",
        page=OwnSurface("/assets/import", "It shows what would be new before anything is stored."),
        command=OwnSurface("assets import"), makes=True, undo=lambda _: say("Assets imported"),
    ),
)  # fmt: skip
"""What can be done with many assets."""
