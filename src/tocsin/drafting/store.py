"""Where texts and their histories are kept and added to; the one place of this room that saves."""

import re
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from urllib.parse import quote
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from tocsin.drafting.acts import Act, Import
from tocsin.drafting.bundle import MergePreview, merged
from tocsin.drafting.draft import TextState
from tocsin.drafting.history import HistoryStep, Signer, extended, replayed
from tocsin.drafting.model import NegotiatedText
from tocsin.drafting.models import DraftStep, DraftText
from tocsin.drafting.stored_text import StoredText
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.records import AuditAction, Database, audit, from_row
from tocsin.node.sentences import say


def stored_texts(database: Database) -> list[tuple[str, str, str, str]]:
    """(name, title, source, id) of every text, by name."""
    with database.reading() as session:
        query = select(DraftText.name, DraftText.title, DraftText.source_name, DraftText.id).order_by(DraftText.name)
        return [(name, title, source, identity) for name, title, source, identity in session.execute(query)]


def load(database: Database, name: str) -> StoredText:
    """The text called ``name`` (or with that id).

    Raises:
        NotFoundError: there is none.

    """
    with database.reading() as session:
        return _stored(session, _row(session, name))


def source_of(database: Database, name: str) -> bytes:
    """The bytes that a text was imported from."""
    with database.reading() as session:
        return _row(session, name).source


def add_text(
    database: Database,
    text: NegotiatedText,
    source: bytes,
    *,
    actor: str,
    at: datetime,
    name: str | None = None,
    account: str = "",
) -> tuple[StoredText, bool]:
    """The text in the store, and whether it is new: the same bytes under the same name are one text.

    ``actor``, ``account``: as in `append`.

    Raises:
        ConflictError: another text has that name.

    """
    wanted = name or _name_of(text)
    with database.begin() as session:
        there = session.scalar(select(DraftText).where(DraftText.name == wanted).options(defer(DraftText.source)))
        if there is not None:
            if there.source_sha256 != text.source.sha256:
                raise ConflictError(
                    say("Another text is called '%(name)s'.", name=wanted),
                    hint="Give this one a name of its own with --name.",
                )
            return _load(session, wanted), False
        identity = str(uuid4())
        session.add(_text_row(identity, wanted, text, source))
        step, _ = extended([], Import(text), actor=actor, at=at)
        session.flush()
        session.add(_step_row(identity, step))
        audit(
            session,
            AuditAction.DRAFT_IMPORTED,
            at=at,
            actor=account or actor,
            subject=_subject(identity),
            detail={"hash": step.hash},
        )
        return StoredText(identity, wanted, text.title, text.source.name, text.source.sha256, (step,)), True


def add_copy(database: Database, stored: StoredText, source: bytes, *, actor: str, at: datetime) -> None:
    """Keep a copy of a text from another node, history and identity unchanged."""
    with database.begin() as session:
        if session.get(DraftText, stored.id) is not None:
            raise ConflictError(
                f"The text '{stored.name}' is here already.", hint="Use merge-bundle to take in what was added to it."
            )
        if session.scalar(select(DraftText.id).where(DraftText.name == stored.name)) is not None:
            raise ConflictError(
                say("Another text is called '%(name)s'.", name=stored.name), hint="Give this one another --name."
            )
        first = stored.steps[0].act()
        if not isinstance(first, Import):
            raise ConflictError("The history does not begin with an import.")
        session.add(_text_row(stored.id, stored.name, first.text, source))
        session.flush()
        session.add_all(_step_row(stored.id, step) for step in stored.steps)
        audit(
            session, AuditAction.DRAFT_IMPORTED, at=at, actor=actor, subject=_subject(stored.id), detail={"copy": True}
        )


def append(
    database: Database,
    name: str,
    decide: Callable[[StoredText, TextState], Sequence[Act]],
    *,
    actor: str,
    at: datetime,
    signer: Signer | None = None,
    account: str = "",
) -> tuple[tuple[HistoryStep, ...], TextState]:
    """The steps added and the draft after them; ``decide`` says from the text as it is which acts to do.

    All or none of the acts are added. ``actor``: the name in the history; ``account``: how the audit log names
    whoever it is, where that is another.
    """
    with database.begin() as session:
        stored = _load(session, name)
        steps = list(stored.steps)
        draft = replayed(steps)
        for act in decide(stored, draft):
            step, draft = extended(steps, act, actor=actor, at=at, signer=signer, draft=draft)
            steps.append(step)
        added = tuple(steps[len(stored.steps) :])
        save_steps(session, stored.id, added, actor=account or actor, at=at)
        return added, draft


def take_in(database: Database, theirs: StoredText, *, actor: str, at: datetime) -> MergePreview:
    """Add to a text what a copy of it brings back, and say what was left aside and what stands side by side now."""
    with database.begin() as session:
        ours = _load(session, theirs.id)
        result = merged(ours, theirs)
        save_steps(session, ours.id, result.steps, actor=actor, at=at)
        return result


def save_steps(session: Session, text_id: str, steps: Sequence[HistoryStep], *, actor: str, at: datetime) -> None:
    """Add steps to a history in the caller's transaction, each with its audit entry."""
    for step in steps:
        session.add(_step_row(text_id, step))
        act = step.act()
        detail: dict[str, object] = {"seq": step.seq, "act": act.act, "hash": step.hash}
        if isinstance(place := getattr(act, "provision", None), str):
            detail["provision"] = place
        audit(session, AuditAction.DRAFT_CHANGED, at=at, actor=actor, subject=_subject(text_id), detail=detail)


def subject_names(session: Session, subjects: Collection[str]) -> dict[str, tuple[str, str]]:
    """Title and path of those texts that the audit log names (``text:ID``; entries of before have the id alone)."""
    by_id = {subject.removeprefix("text:"): subject for subject in subjects}
    query = select(DraftText.id, DraftText.title, DraftText.name).where(DraftText.id.in_(by_id))
    return {
        by_id[identity]: (title or name, f"/drafting/{quote(name, safe='')}")
        for identity, title, name in session.execute(query)
    }


def _subject(text_id: str) -> str:
    """How the audit log names a text."""
    return f"text:{text_id}"


def _row(session: Session, name: str, *, changes: bool = False) -> DraftText:
    """The text's row; who changes it is alone with it."""
    query = select(DraftText).where((DraftText.name == name) | (DraftText.id == name)).options(defer(DraftText.source))
    row = session.scalar(query.with_for_update() if changes else query)
    if row is None:
        raise NotFoundError(f"There is no text called '{name}'.", hint="'tocsin drafting list' shows what is here.")
    return row


def _load(session: Session, name: str) -> StoredText:
    """The text called so, to be changed."""
    return _stored(session, _row(session, name, changes=True))


def _stored(session: Session, row: DraftText) -> StoredText:
    rows = session.scalars(select(DraftStep).where(DraftStep.text_id == row.id).order_by(DraftStep.seq))
    return from_row(StoredText, row, steps=tuple(from_row(HistoryStep, step) for step in rows))


def _text_row(identity: str, name: str, text: NegotiatedText, source: bytes) -> DraftText:
    return DraftText(
        id=identity,
        name=name,
        title=text.title,
        source_name=text.source.name,
        source_sha256=text.source.sha256,
        source=source,
    )


def _step_row(text_id: str, step: HistoryStep) -> DraftStep:
    return DraftStep(text_id=text_id, **vars(step))


def _name_of(text: NegotiatedText) -> str:
    stem = text.source.name.rsplit(".", 1)[0].casefold()
    return re.sub(r"[^\w]+", "-", stem).strip("-") or "text"
