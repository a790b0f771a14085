"""`tocsin todo`: what asks a person to act, who has it, and comments on anything."""

from functools import partial
from typing import Annotated, Any

import typer

from tocsin.cli.acts import act_group
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, print_table

app = Commands(
    cls=act_group("todo"), help="To-do items: list, take, assign, snooze; comments on anything.", no_args_is_help=True
)


@app.command("list")
def list_(
    call: NodeInvocation,
    *,
    snoozed: Annotated[bool, typer.Option(help="Those that are snoozed, too.")] = False,
) -> None:
    """List what asks a person to act, by when it is due."""
    from tocsin.pipeline.to_do import KINDS, every_item

    found = [one for one in every_item(call.node, call.now) if snoozed or not one.is_snoozed(call.now)]
    documents: list[dict[str, Any]] = [
        {
            "kind": one.kind.value, "subject": one.subject, "title": str(KINDS[one.kind].title(one)),
            "count": one.count, "since": one.since, "due": one.due, "owner": one.owner[1] if one.owner else None,
            "snoozed_until": one.snoozed_until, "endings": [of.act for of in KINDS[one.kind].endings if of.act],
        }
        for one in found
    ]  # fmt: skip
    names = ("title", "due", "owner", "kind", "subject")
    rows = [[_text(one[name]) for name in names] for one in documents]
    call.emit(documents, partial(print_table, "", names, rows) if rows else "Nothing waits.")


@app.command()
def comments(
    call: NodeInvocation,
    subject: Annotated[str, typer.Argument(help="What they are about, as the audit log names it.")],
) -> None:
    """List the comments on a thing, the oldest first."""
    from dataclasses import asdict

    from tocsin.node.accounts import AccountRole, Principal
    from tocsin.pipeline.comments import read_comments

    with call.database.reading() as session:
        found = read_comments(session, subject, Principal(AccountRole.ADMINISTRATOR))
    rows = [(one.number, f"{one.at:%Y-%m-%d %H:%M}", one.by, one.text) for one in found]
    shown = partial(print_table, "", ("number", "at (UTC)", "by", "text"), rows)
    call.emit([asdict(one) for one in found], shown if rows else "No comments.")


def _text(value: Any) -> str:
    return f"{value:%Y-%m-%d %H:%M}" if hasattr(value, "strftime") else str(value or "")
