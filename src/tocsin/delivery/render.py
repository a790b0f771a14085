"""Digests from events: asked at the gate once more, surveyed in bulk, written out one by one."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import cache
from uuid import UUID

import numpy as np
import polars as pl

from tocsin.delivery.attachments import Files, PackingPlan, files_of, readable
from tocsin.delivery.compose import Frame, body_of, compose, subject_of
from tocsin.delivery.corrections import DigestCorrection, correction_block, read_corrections
from tocsin.delivery.digest_notes import DigestNote, ReleasedNote, released_notes
from tocsin.delivery.digest_summary import DELIVERY, SEVERITIES, DigestSummary, GoneProblem, digest_summaries
from tocsin.delivery.direction import right_to_left
from tocsin.delivery.mime import Attachment, Envelope, assemble, plain
from tocsin.delivery.outbox import OwedDigest
from tocsin.delivery.release_check import matching, through_the_gate
from tocsin.delivery.sealing import CannotSealError, Protection, Seals
from tocsin.delivery.texts import DigestText, TextFolders, Texts, texts_for
from tocsin.delivery.xarf_report import XarfSender
from tocsin.directory import AttachmentFormat, Team
from tocsin.events import TOLD_IN
from tocsin.node.errors import TocsinError
from tocsin.node.sentences import say
from tocsin.node.settings import Settings
from tocsin.sharing.gate import GateVerdict, Marking, highest
from tocsin.sharing.rules import NO_RULES, Rules

NO_EVENTS = "no-events"
NOT_WRITTEN = "not-written"
CANNOT_SEAL = "cannot-seal"
_ARMOR = 1.4  # bytes of an encrypted mail for a byte of the mail in it

Annotate = Callable[[pl.DataFrame], pl.DataFrame]
GoneOf = Callable[[Collection[int]], Mapping[int, Sequence[GoneProblem]]]
NotesOf = Callable[[pl.DataFrame], Mapping[int, Sequence[DigestNote]]]


def no_notes(_events: pl.DataFrame) -> Mapping[int, Sequence[DigestNote]]:
    """No texts of incidents."""
    return {}


@dataclass(frozen=True, slots=True)
class Mail:
    """A finished mail. ``part`` counts from 1; ``folder`` is the day that it belongs to.

    ``sender``: where bounces go (RFC 5321, 4.1.1.2), which need not be the address in From. ``critical``: it tells of
    something critical.
    """

    reference: str
    part: int
    parts: int
    message_id: str
    sender: str
    recipients: tuple[str, ...]
    folder: str
    content: bytes
    critical: bool = False


@dataclass(frozen=True, slots=True)
class RenderedDigest:
    """A digest as its mails, or with none of them the reason why nothing can go.

    ``protection``: how they are signed and encrypted, in words. ``remark``: what else is to be known of them.
    ``asked_days``: see `MailedRequest.days`.
    """

    owed: OwedDigest
    subject: str
    mails: tuple[Mail, ...]
    counts: dict[str, int]
    refusal: GateVerdict | None = None
    protection: str = ""
    remark: str = ""
    asked_days: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Facts:
    """What other rooms know of the problems that are told, see `deliver`."""

    annotate: Annotate
    gone_of: GoneOf
    notes_of: NotesOf = no_notes


@dataclass(frozen=True)
class Sender:
    """What a digest says of the sender: this node's identity, its own teams, its settings.

    ``link``: where the digest of a reference is answered without an account; ``reply_to``: the address that replies to
    its mails go to, which proves that it is answered by who got it. An empty text where there is none. ``mark``: a last
    line of its mails that proves the same, where that address cannot. ``seals``: how mails are signed and encrypted;
    without any, what must be encrypted does not leave. ``shelf``: the texts of mails. ``rules``: what the node keeps
    back beyond the table of the gate. ``file``: a mail that was made before, by its SHA-256.
    """

    uuid: UUID
    settings: Settings
    own: Collection[str] = ()
    link: Callable[[str], str] = lambda _: ""
    reply_to: Callable[[str], str] = lambda _: ""
    mark: Callable[[str], str] = lambda _: ""
    seals: Seals = field(default_factory=Seals)
    shelf: TextFolders = field(default_factory=TextFolders)
    rules: Rules = NO_RULES
    file: Callable[[str], bytes] = lambda _: b""


def render(
    bundle: Sequence[tuple[OwedDigest, pl.DataFrame]],
    teams: Mapping[int, Team],
    facts: Facts,
    node: Sender,
    executor: Executor,
) -> Iterator[RenderedDigest]:
    """The digests of a bundle, in its order.

    Frames: columns of `schema.COLUMNS`, as `digest_summaries` takes them; events of other ingests than a
    digest tells of are left out.
    """
    gone = facts.gone_of({owed.team_id for owed, _ in bundle})
    events = facts.annotate(_of_digests(bundle))
    events, gates = through_the_gate(events, {owed.id: teams[owed.team_id] for owed, _ in bundle}, node.own, node.rules)
    surveys, notes = digest_summaries(events), facts.notes_of(events)
    objects = any(form is not AttachmentFormat.CSV for owed, _ in bundle for form in teams[owed.team_id].formats)
    texts = cache(lambda language: texts_for(language, node.shelf))  # else each digest looks through its folders
    rows = readable(events, node.uuid, objects=objects).partition_by(DELIVERY, as_dict=True, include_key=False)

    def one(pair: tuple[OwedDigest, pl.DataFrame]) -> RenderedDigest:
        owed, _ = pair
        gate, team = gates[owed.id], teams[owed.team_id]
        corrections = read_corrections(owed.corrections)
        if gate.marking is None and corrections:
            return _only_corrections(owed, team, corrections, node, texts(team.language))
        if gate.marking is None:
            refusal = gate.refusal or GateVerdict(False, NO_EVENTS, say("None of its events is in the event table."))
            return RenderedDigest(owed, "", (), _counts(owed, None, gate.withheld), refusal)
        found = surveys[owed.id]
        found.gone = gone.get(owed.team_id, ())
        try:
            protection = node.seals.require(team)
            said = released_notes(notes.get(owed.id, ()), team, node.own, node.settings.node.language)
            marking = highest([gate.marking, *(note.marking for note in said), *(one.marking for one in corrections)])
            draft = _Draft(owed, team, found, marking, node, texts(team.language), protection, said, corrections)
            return _write(draft, rows[owed.id,], gate.withheld)
        except TocsinError as error:
            rule = CANNOT_SEAL if isinstance(error, CannotSealError) else NOT_WRITTEN
            return RenderedDigest(
                owed, "", (), _counts(owed, None, gate.withheld), GateVerdict(False, rule, str(error))
            )

    return iter(executor.map(one, bundle))


def _of_digests(bundle: Sequence[tuple[OwedDigest, pl.DataFrame]]) -> pl.DataFrame:
    """The events of all digests in one frame, marked with ``_delivery``; only of the ingests and runs of each."""
    frames = [frame for _, frame in bundle]
    alike = all(frame.columns == frames[0].columns for frame in frames)
    events = pl.concat(frames, how="vertical" if alike else "diagonal")
    ids = np.repeat([owed.id for owed, _ in bundle], [frame.height for _, frame in bundle])
    pairs = [(owed.id, ingest) for owed, _ in bundle for ingest in owed.ingests]
    wanted = pl.DataFrame(pairs, schema={DELIVERY: pl.Int64, "_told_in": pl.Int64}, orient="row")
    marked = events.with_columns(pl.Series(DELIVERY, ids, dtype=pl.Int64), TOLD_IN.alias("_told_in"))
    return matching(marked.rechunk(), wanted).drop("_told_in")


@dataclass(frozen=True, slots=True)
class _Draft:
    """All that one digest is written from, beside its rows."""

    owed: OwedDigest
    team: Team
    found: DigestSummary
    marking: Marking
    node: Sender
    texts: Texts
    protection: Protection
    notes: tuple[ReleasedNote, ...]
    corrections: tuple[DigestCorrection, ...] = ()


def _write(draft: _Draft, rows: pl.DataFrame, withheld: int) -> RenderedDigest:
    owed, settings = draft.owed, draft.node.settings
    sender = plain(settings.node.name)
    frame = Frame(
        owed.reference,
        draft.marking,
        plain(draft.team.name),
        sender,
        settings.node.contact,
        owed.created_at,
        draft.node.link(owed.reference),
        bool(draft.node.reply_to(owed.reference)),
        repeats=owed.repeats[0],
        notes=draft.notes,
        corrections=correction_block(draft.corrections, draft.team, draft.node.own, draft.texts),
        asked_at=owed.asked_at,
        asked_days=owed.asked_days,
    )
    packing = PackingPlan(
        owed.reference,
        draft.team.formats,
        owed.created_at,
        XarfSender(sender, settings.node.contact),
        int(settings.mail.max_bytes / _ARMOR) if draft.protection.keys else settings.mail.max_bytes,
    )
    text = compose(draft.found, frame, draft.texts)
    parts = files_of(rows, packing)
    said = [
        replace(text, part=number, parts=len(parts), files=_file_lines(files, draft.texts))
        for number, files in enumerate(parts, start=1)
    ]
    subjects = [subject_of(one, draft.texts) for one in said]
    mails = tuple(_mail(draft, *each) for each in zip(said, subjects, parts, strict=True))
    counts, protection = _counts(owed, draft.found, withheld, len(mails)), draft.protection
    asked_days = owed.asked_days
    if asked_days is None:  # what was rendered once stays, whatever comes of the rules before it leaves
        asked_days = {one.topic.name: one.asked_days for one in draft.found.topics if one.asked}
    return RenderedDigest(
        owed, subjects[0], mails, counts, protection=protection.words, remark=protection.remark, asked_days=asked_days
    )


def _only_corrections(
    owed: OwedDigest, team: Team, corrections: Sequence[DigestCorrection], node: Sender, texts: Texts
) -> RenderedDigest:
    """A digest that tells nothing new."""
    counts = _counts(owed, None, 0, 1)
    try:
        protection = node.seals.require(team)
        marking = highest(one.marking for one in corrections)
        labels, sender, contact = "  ".join(marking.labels), plain(node.settings.node.name), node.settings.node.contact
        block = correction_block(corrections, team, node.own, texts)
        body = f"{labels}  {owed.reference}\n\n{block}\n\n--{' '}\n{sender}, {contact}\n"
        body = right_to_left(body) if texts.mirrored else body
        subject = f"[TLP:{marking.tlp}] {texts.words['correction_subject']} [{owed.reference}]"
        mail = _assembled(owed, node, protection, marking, subject=subject, body=body)
    except TocsinError as error:
        rule = CANNOT_SEAL if isinstance(error, CannotSealError) else NOT_WRITTEN
        return RenderedDigest(owed, "", (), counts, GateVerdict(False, rule, str(error)))
    return RenderedDigest(
        owed, subject, (mail,), counts, protection=protection.words, remark=protection.remark, asked_days={}
    )


def _mail(draft: _Draft, text: DigestText, subject: str, files: Files) -> Mail:
    return _assembled(
        draft.owed,
        draft.node,
        draft.protection,
        draft.marking,
        subject=subject,
        body=body_of(text, draft.texts),
        attachments=files.attachments,
        part=text.part,
        parts=text.parts,
        critical=any(topic.severity == SEVERITIES[-1] for topic in draft.found.topics),
    )


def _assembled(
    owed: OwedDigest,
    sender: Sender,
    protection: Protection,
    marking: Marking,
    *,
    subject: str,
    body: str,
    attachments: Sequence[Attachment] = (),
    part: int = 1,
    parts: int = 1,
    critical: bool = False,
) -> Mail:
    node = sender.settings.node
    identity = owed.message_id if part == 1 else owed.message_id.replace("@", f".{part}@")
    envelope = Envelope(
        subject=subject,
        sender_name=node.name,
        sender=node.contact,
        recipients=protection.mailboxes,
        at=owed.created_at,
        message_id=identity,
        answers=owed.repeats[1] if part == 1 else owed.message_id,
        reply_to=sender.reply_to(owed.reference),
    )
    # Outside an encrypted mail stands what tickets need, and nothing of what it tells.
    seal = sender.seals.seal(protection, f"[TLP:{marking.tlp}] [{owed.reference}]")
    mark = sender.mark(owed.reference)
    body += f"\n{mark}\n" if mark else ""
    content = assemble(envelope, body, attachments, f"=_{owed.reference}_{part}", seal)
    return Mail(
        owed.reference,
        part,
        parts,
        identity,
        envelope.reply_to or node.contact,
        protection.mailboxes,
        f"{owed.created_at:%Y-%m-%d}",
        content,
        critical=critical,
    )


def _file_lines(files: Files, texts: Texts) -> list[str]:
    return [
        texts.words["zip_file" if file.name.endswith(".zip") else "events_file"].format(
            name=file.name, events=files.events
        )
        for file in files.attachments
    ]


def _counts(owed: OwedDigest, found: DigestSummary | None, withheld: int, mails: int = 0) -> dict[str, int]:
    counts = {"owed": owed.events, "withheld": withheld, "mails": mails}
    if found is None:
        return {**counts, "events": 0}
    counts |= {"events": found.events, "problems": found.problems, "gone": len(found.gone)}
    if found.new is not None:
        counts |= {"new": found.new, "continuing": found.problems - found.new}
    return counts
