"""What is done with notices: one typed in for an entity that filed it elsewhere, and our answer."""

import json
import secrets
from collections.abc import Collection, Sequence
from functools import partial
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StringConstraints

from tocsin.delivery.never_held import IntakeFilter
from tocsin.delivery.texts import check_filled
from tocsin.directory import read_team, team_numbers, teams_by_id
from tocsin.incidents.arrivals import (
    Notice,
    ReportAttachment,
    ReportDoor,
    find_report,
    person_of,
    reader_of,
    ticket_named,
)
from tocsin.incidents.notices.laws import NoticeKind, find_law, read_values
from tocsin.incidents.notices.read import find_notice
from tocsin.incidents.notices.write import (
    KINDS,
    NoticeFiling,
    NoticeOffice,
    answer_notice,
    file_notice,
    kept_values,
    waive_answer,
)
from tocsin.interface import N_, Act, ActContext, Moment, OwnSurface, RequestError, Wording
from tocsin.node.accounts import Permission
from tocsin.node.errors import UsageError
from tocsin.node.records import AuditAction
from tocsin.node.sentences import say
from tocsin.node.tokens import open_tokens

DOORS: Final = (ReportDoor.MAIL, ReportDoor.PAPER, ReportDoor.PHONE)
"""By which a notice comes that somebody types in."""


def _object(value: Any) -> Any:
    """An object, also written as JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError(N_("Write the fields as a JSON object.")) from None


def _by_hand(door: ReportDoor) -> ReportDoor:
    if door not in DOORS:
        raise ValueError(N_("Choose mail, paper or phone."))
    return door


class NewNotice(BaseModel):
    """What an entity filed by mail, on paper or by telephone."""

    team: Annotated[
        str, Wording(lacking=N_("Name a team of the directory."), hint=N_("Key of a team of the directory."))
    ] = Field(
        min_length=1, max_length=200, title=N_("Entity"),
        description="The entity: key of a team of the directory.", examples=["operator"],
    )  # fmt: skip
    law: Annotated[str, Wording(hidden=True)] = Field(
        min_length=1, max_length=60, title=N_("Act"), description="The act: nis2, dora, gdpr, cra or voluntary.",
        examples=["nis2"],
    )  # fmt: skip
    kind: Annotated[NoticeKind, Wording(choices=KINDS, hidden=True)] = Field(
        title=N_("Kind"), description="early_warning, notification, intermediate or final_report."
    )
    door: Annotated[ReportDoor, AfterValidator(_by_hand), Wording(choices="doors")] = Field(
        title=N_("Came by"), description="How it came: mail, paper or phone."
    )
    received_at: Annotated[Moment, Wording(lacking=N_("Write when it was received."))] = Field(
        title=N_("Received (UTC)"), description="When it was received.", examples=["2026-11-27 14:30"]
    )
    fields: Annotated[dict[str, Any], BeforeValidator(_object)] = Field(
        title=N_("Details"),
        description="What it says, by the id of the field; see `tocsin notices fields`.",
        examples=[{"what": "Ransomware"}],
    )
    after: Annotated[str, Wording(hidden=True)] = Field(
        "", max_length=40, title=N_("Earlier notice"),
        description="The reference of an earlier notice of the same incident.",
    )  # fmt: skip
    corrects: Annotated[str, Wording(hidden=True)] = Field(
        "", max_length=40, title=N_("Corrected notice"), description="The reference of the notice that it corrects."
    )
    once: str = Field(
        "", max_length=100, title="Key of this request",
        description="A name for this notice: the same twice is kept once.",
    )  # fmt: skip


class NoticeNamed(BaseModel):
    """Which notice."""

    reference: Annotated[str, StringConstraints(min_length=1, max_length=40)] = Field(
        title=N_("Reference"), description="The reference of a notice.", examples=["0000-0000"]
    )


class NoticeAnswer(NoticeNamed):
    """What is answered."""

    text: Annotated[str, Wording(lacking=N_("Write something, in at most 10,000 characters."), lines=True)] = Field(
        min_length=1, max_length=10_000, title=N_("Text"),
        description="The answer: feedback and, where it was asked for, guidance.",
    )  # fmt: skip
    once: str = Field(
        "", max_length=100, title="Key of this request",
        description="A name for this answer: the same twice is kept once.",
    )  # fmt: skip


class NoticeWaiver(NoticeNamed):
    """Why a notice needs no answer."""

    reason: Annotated[
        str,
        Wording(lacking=N_("Say why."), hint=N_("It stays as a note; the deadline of our answer does not apply then.")),
    ] = Field(min_length=1, max_length=1_000, title=N_("Reason"), description="Why; the entity does not see it.")


class NoticeResult(BaseModel):
    """A notice. ``chain``: the reference of the first of the same incident."""

    reference: str
    law: str
    kind: NoticeKind
    version: int
    chain: str
    answered: bool


def add(context: ActContext, request: NewNotice) -> NoticeResult:
    """The entity gets a receipt with the time."""
    return add_with_files(context, request, ())


def add_with_files(context: ActContext, request: NewNotice, files: Sequence[ReportAttachment]) -> NoticeResult:
    """As `add`, with files that passed the filter of what must never be held.

    Raises:
        RequestError: a field is missing or not as it must be.
        UsageError: it came in the future, or what it follows is another entity's, or of another act.

    """
    node, law = context.node, find_law(request.law)
    values, wrongs = read_values(law, request.kind, request.fields)
    if wrongs:
        said = [("fields", say("%(field)s: %(wrong)s", field=name, wrong=wrong)) for name, wrong in wrongs]
        raise RequestError(said, say("'tocsin notices fields' lists the fields of each form."))
    if request.received_at > context.now:
        raise UsageError(say("That is in the future."))
    intake = IntakeFilter(node, f"notice {request.door}", lambda: context.now)
    team, _ = read_team(context.database, request.team)
    numbers = team_numbers(context.database, team.key)
    once = f"{context.actor}/{request.once}" if request.once else secrets.token_hex(16)
    ticket = ticket_named(f"notice/{once}", open_tokens(node.home))
    kept = [(file, node.inbox.put(file.content)) for file in files]
    with context.undoable() as session:
        found = {
            name: find_notice(session, reader_of(context), named).notice if named else None
            for name, named in (("after", request.after), ("corrects", request.corrects))
        }
        for one in found.values():
            check_chain(one, numbers, law.id)
        filing = NoticeFiling(
            law, request.kind, team, kept_values(values, intake.kept_text), request.door, request.received_at,
            mailbox=next(iter(team.mailboxes), ""), sender=team.name, language=team.language, files=kept, **found,
        )  # fmt: skip
        made = file_notice(session, _office(context), filing, ticket)
        report = find_report(session, reader_of(context), ticket.reference)
        return result_of(made, report.reference)


def answer(context: ActContext, request: NoticeAnswer) -> NoticeResult:
    """By email, and in the portal of the entity. It ends the deadline of our answer.

    Raises:
        ConflictError: the gate says no.
        RequestError: the template that it was made of has a gap that nobody filled in.

    """
    check_filled(context.node.home, text=request.text)
    teams = teams_by_id(context.database)
    with context.undoable() as session:
        found = find_notice(session, reader_of(context), request.reference)
        team = teams[found.notice.team_id]
        text = IntakeFilter(context.node, "notices", lambda: context.now).kept_text(request.text)
        once = f"notice-answer/{context.actor}/{request.once}" if request.once else None
        person = person_of(session, context)
        answer_notice(session, _office(context), found, team, text, person=person, once=once)
        return result_of(found.notice, found.report.reference)


def waive(context: ActContext, request: NoticeWaiver) -> NoticeResult:
    """The reason stays as a note. The deadline of our answer does not apply then.

    Raises:
        ConflictError: it waits for no answer.

    """
    with context.undoable() as session:
        found = find_notice(session, reader_of(context), request.reference)
        reason = IntakeFilter(context.node, "notices", lambda: context.now).kept_text(request.reason)
        waive_answer(session, _office(context), found, reason, person=person_of(session, context))
        return result_of(found.notice, found.report.reference)


def _office(context: ActContext) -> NoticeOffice:
    return NoticeOffice(context.node, context.say, context.actor, context.now, context.not_before)


def check_chain(earlier: Notice | None, teams: Collection[int], law: str) -> None:
    """Whether a notice of an entity (all its numbers) may follow an earlier one.

    Raises:
        UsageError: that is of another entity, or of another act.

    """
    if earlier is not None and not (earlier.team_id in teams and earlier.law == law):
        raise UsageError(say("The earlier notice is of another entity or under another act."))


def result_of(notice: Notice, reference: str) -> NoticeResult:
    """How a notice is."""
    return NoticeResult(
        reference=reference, law=notice.law, kind=NoticeKind(notice.kind), version=notice.version, chain=notice.chain,
        answered=notice.answered_at is not None,
    )  # fmt: skip


_BESIDE: Final = "It is a part of the page of the notice."
_act = partial(
    Act,
    noun="notice",
    permission=Permission.INBOX_WRITE,
    told="{reference}: {law} {kind}, version {version}.",
    signed=("--as", "Whose account it is, by email address or number; needed."),
)

ACTS: Final = (
    _act(
        "add", "Add a notice that an entity filed by mail, on paper or by telephone", add,
        audit=(AuditAction.INBOX_RECEIVED,), command="notices add", route="/notices",
        page=OwnSurface("/notices/new", "Its fields are those of the law that is chosen, in the words of the law."),
        makes=True, signed=("", ""), undo=lambda _: say("Notice added"),
        title=N_("New notice"), button=N_("Add notice"),
    ),
    _act(
        "answer", "Answer the early warning or another notice", answer,
        audit=(AuditAction.INBOX_ANSWERED, AuditAction.INBOX_TAKEN, AuditAction.INBOX_MOVED),
        command="notices answer", route="/notices/{reference}/answer", arguments=("reference",),
        page=OwnSurface("/notices/{reference}/answer", _BESIDE), undo=lambda _: say("Answer sent"),
        title=N_("Send answer"),
    ),
    _act(
        "waive", "Say that a notice needs no answer", waive, audit=(AuditAction.INBOX_NOTED, AuditAction.INBOX_TAKEN),
        command="notices no-answer", route="/notices/{reference}/no-answer", arguments=("reference",),
        page=OwnSurface("/notices/{reference}/no-answer", _BESIDE), undo=lambda _: say("No answer needed"),
        title=N_("No answer needed"),
    ),
)  # fmt: skip
"""What can be done with notices."""
