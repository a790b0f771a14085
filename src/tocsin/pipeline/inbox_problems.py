"""Problems that a person must look at, as they are contradicted or nobody answers, come into the inbox as a report."""

from typing import Annotated, Final, cast

from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy.orm import Session

from tocsin.delivery.never_held import IntakeFilter
from tocsin.directory import team_names
from tocsin.incidents.arrivals import (
    InboxState,
    ReportDoor,
    ReportForm,
    add_report,
    guess_kind,
    report_of_act,
    ticket_named,
)
from tocsin.interface import N_, Act, ActContext, OwnSurface, Wording
from tocsin.node.accounts import Permission
from tocsin.node.records import AuditAction
from tocsin.node.sentences import say_count
from tocsin.node.tokens import open_tokens
from tocsin.pipeline.stores import NodeWithStores
from tocsin.problems import ListedProblem, read_problem

MOST: Final = 100
"""Problems of one report."""

_STRIPPED: Final = StringConstraints(strip_whitespace=True)
_KEY: Final = StringConstraints(pattern=r"^[0-9a-f]{16}$")


class ProblemsForInbox(BaseModel):
    """Problems, and what is to be looked at."""

    problems: Annotated[tuple[Annotated[str, _KEY], ...], Wording(hidden=True)] = Field(
        min_length=1, max_length=MOST, title=N_("Selected problems"),
        description="Keys of problems, 16 hexadecimal digits each.",
    )  # fmt: skip
    note: Annotated[
        str,
        _STRIPPED,
        Wording(
            lacking=N_("Say what is to be looked at."),
            hint=N_("What is to be looked at: such as an answer that is contradicted."),
            lines=True,
        ),
    ] = Field(min_length=1, max_length=2_000, title=N_("Note"), description="What is to be looked at.")


def report_problems(context: ActContext, request: ProblemsForInbox) -> InboxState:
    """What they are, where, and whose: one report for all of them. The same ones twice are one report."""
    node = cast("NodeWithStores", context.node)
    keys = tuple(dict.fromkeys(request.problems))
    rows = node.problems.among([read_problem(one) for one in keys], now=context.now).rows(0, MOST)
    note = IntakeFilter(node, "inbox problem", lambda: context.now).kept_text(request.note)
    ticket = ticket_named(f"problems/{'/'.join(sorted(keys))}", open_tokens(node.home))
    with context.undoable() as session:
        report = report_of_act(session, ticket)
        if report is None:
            filed = _filed(session, rows, note, node.settings.node.language)
            report = add_report(session, ticket, filed, now=context.now, actor=context.actor)
        return InboxState.of(report)


def _filed(session: Session, rows: list[ListedProblem], note: str, language: str) -> ReportForm:
    names = team_names(session, {team for row in rows for team in row.teams})
    lines = [
        f"{_where(row)} {row.what} ({', '.join(names[team][1] for team in row.teams if team in names)})" for row in rows
    ]
    return ReportForm(
        guess_kind(rows[0].what if rows else ""), "\n".join([note, "", *lines]), rows[0].where if rows else "",
        language=language, door=ReportDoor.PROBLEM, subject=note.partition("\n")[0][:200],
    )  # fmt: skip


def _where(row: ListedProblem) -> str:
    return f"{row.where} {row.port}" if row.port else row.where


ACTS: Final = (
    Act(
        "report", "Put problems into the inbox", report_problems, noun="problems", permission=Permission.INBOX_WRITE,
        audit=(AuditAction.INBOX_RECEIVED,), command="problems report", route="/problems/report",
        page=OwnSurface("/problems/inbox"), arguments=("problems",), told="{reference} is in the inbox.", makes=True,
        undo=lambda _: say_count("%(n)s report added", "%(n)s reports added", 1), title=N_("Put into the inbox"),
    ),
)  # fmt: skip
"""What the pipeline does with problems that need a person."""
