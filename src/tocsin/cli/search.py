"""``tocsin search``: what is known of an address, a reference, a name or words, or of many lines."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.cli import remote
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import print_json, say, visible
from tocsin.node.errors import UsageError

if TYPE_CHECKING:
    from tocsin.pipeline.search import Searcher


def search(
    call: NodeInvocation,
    text: Annotated[
        str,
        typer.Argument(
            help="An address, network, AS, domain, URL, email address, reference, hash, CVE or words; "
            "- for many lines from standard input."
        ),
    ],
) -> None:
    """Show what is known of something: contacts, open problems, events and notifications, or what has these words."""
    if text == "-":
        _many(call)
        return
    if call.server:
        with remote.client_of(call) as client:
            found = client.search(text)
    else:
        from tocsin.pipeline.search import answer_document

        found = answer_document(_searcher(call).answer(text))
    call.emit(found, lambda: _print(found))


def _searcher(call: NodeInvocation) -> "Searcher":
    from tocsin.node.accounts import AccountRole, Principal
    from tocsin.pipeline.search import Searcher
    from tocsin.sharing.lookup import ResponsibilityLookup

    guide = ResponsibilityLookup(call.node, lambda: call.now)
    guide.renew()
    guide.settle()
    return Searcher(call.node, guide, Principal(AccountRole.ADMINISTRATOR), lambda: call.now)


def _many(call: NodeInvocation) -> None:
    if call.server:
        raise UsageError("Many lines are searched on the node itself.", hint="Leave out --server, or ask line by line.")
    from tocsin.node.spreadsheet import csv_text
    from tocsin.pipeline.search import COLUMNS, answer_lines, line_document, lines_of, row_of

    found = answer_lines(_searcher(call), lines_of(sys.stdin.read()))
    if call.json:
        print_json([line_document(one) for one in found])
        return
    rows = ([visible(str(cell)) for cell in row_of(one)] for one in found)
    sys.stdout.write(csv_text([COLUMNS, *rows], end="\n"))


def _print(found: dict[str, Any]) -> None:
    contact, events = found["contact"], found["events"]
    if found["page"]:
        say(f"{found['kind']} {found['query']}: {found['page']}")
    elif contact:
        _print_contact(found, contact)
    elif not found["results"]:
        say(f"No matches for '{found['query']}'.")
    if found["problems"]:
        say(f"\nOpen problems: {found['problems']['open']}")
        for one in found["problems"]["newest"]:
            say(f"  {one['where']} {one['port']} {one['what']}: {one['state']}, last seen {one['last_seen']}")
    for one in found["lists"]:
        more = "".join(f", {name} {value}" for name, value in one["said"].items())
        said = f"{one['entry']}{more}, since {one['since'][:10]}, as of {one['as_of']}"
        say(f"\nContext list: {one['name']} ({one['provider']}): {said}")
    if events:
        say(f"\nEvents in 30 days: {events['count']:,}")
    for title, hits in (("Notifications", found["notifications"]), ("Found", found["results"])):
        if hits:
            say("\n".join([f"\n{title}:", *(f"  {hit['kind']:<14} {hit['name']}  {hit['detail']}" for hit in hits)]))


def _print_contact(found: dict[str, Any], contact: dict[str, Any]) -> None:
    say(f"{found['query']}: {found['kind']}")
    for team in contact["teams"]:
        fate = "notified" if team["told"] else "not notified"
        say(f"  {team['team']:<20} {team['role']}, {team['rule']}; {fate}")
    if contact["nobody"]:
        say(f"  No contact would be notified. {contact['nobody']}")
