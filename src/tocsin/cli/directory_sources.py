"""``tocsin directory import-ti``, ``import-security-txt`` and ``rdap``: contacts that others publish."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.directory_import import end_import, print_import
from tocsin.cli.directory_records import renew_router
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, print_table
from tocsin.node.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from tocsin.directory import ImportFile
    from tocsin.directory.registry import RdapResult
    from tocsin.node.records import Database
    from tocsin.sharing.gate import GateVerdict

app = Commands()

_DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, change nothing.")]
_Yes = Annotated[bool, typer.Option("--yes", help="Take it though much of what its source said would go.")]
_Pap = Annotated[str, typer.Option("--pap", help="The PAP label of what makes you ask; without one AMBER is taken.")]


@app.command("import-ti")
def import_ti(
    call: NodeInvocation,
    file: Annotated[Path, typer.Argument(help="A list of teams as JSON.")],
    source: Annotated[str, typer.Option(help="Who says so; the list's own name when not given.")] = "",
    dry_run: _DryRun = False,
    yes: _Yes = False,
) -> None:
    """Bring CSIRTs with their networks and status from Trusted Introducer's list, now or of 2012, or Certopedia's."""
    from tocsin.directory.registry import read_team_list

    found = read_team_list(file, source)
    most_gone = None if yes else call.settings.directory.most_gone
    _bring(call, found, dry_run=dry_run, most_gone=most_gone)


@app.command("import-security-txt")
def import_security_txt(
    call: NodeInvocation,
    file: Annotated[Path | None, typer.Argument(help="A security.txt file.")] = None,
    domain: Annotated[str, typer.Option(help="Fetch it from this domain instead, over https.")] = "",
    of: Annotated[str, typer.Option("--of", help="Whose file it is, where it does not say.")] = "",
    team: Annotated[str, typer.Option(help="The team in the directory whose contacts these are.")] = "",
    pap: _Pap = "",
    dry_run: _DryRun = False,
) -> None:
    """Bring the security contact of a domain from its security.txt (RFC 9116); one that expired is withdrawn."""
    from tocsin.directory.registry import read_security_txt

    if (file is None) == (not domain):
        raise UsageError("A file or a domain is needed.", hint="Give FILE, or --domain example.org to fetch it.")
    keys = partial(_openpgp_keys, call.database)
    if file is None:
        found = _fetched(call, domain, team, pap, keys)
    else:
        found = read_security_txt(file, domain=of, team=team, keys=keys, now=call.now)
    _bring(call, found, dry_run=dry_run, most_gone=None)


@app.command()
def rdap(
    call: NodeInvocation,
    what: Annotated[str, typer.Argument(help="An address, a network, an AS number or a domain.")],
    pap: _Pap = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Ask and keep the answer, but leave the directory as it is.")
    ] = False,
) -> None:
    """Ask its registry over RDAP whom to tell of a network or an AS number, and bring the answer into the directory.

    Of a domain, it says who the registrar is.
    """
    from tocsin.directory.registry import RdapSettings, look_up

    settings = call.settings.directory
    if not settings.rdap:
        raise UsageError(
            "This node does not ask registries over RDAP.", hint="Write 'rdap = true' under [directory] in tocsin.toml."
        )
    how = RdapSettings(settings.rdap_server, settings.rdap_days, settings.rdap_pause)
    looked = look_up(
        call.database,
        call.home,
        what,
        how,
        _permission(pap),
        actor=call.actor,
        now=call.now,
        dry_run=dry_run,
    )
    if not dry_run:
        renew_router(call.home, call.database)
    call.emit(asdict(looked), lambda: _print_looked(looked))
    if looked.imported.failed:
        raise typer.Exit(1)


def _permission(pap: str) -> "GateVerdict":
    from tocsin.sharing.gate import ReleaseAction, may_act, read_pap

    return may_act(read_pap(pap), ReleaseAction.LOOKUP)


def _openpgp_keys(database: "Database", team: str) -> list[bytes]:
    from tocsin.directory import read_team
    from tocsin.directory.keys import KeyFormat, team_keys

    try:
        found, _ = read_team(database, team)
    except NotFoundError:
        return []
    return [key.content for key in team_keys(database, [found.id]) if key.facts.format is KeyFormat.OPENPGP]


def _fetched(
    call: NodeInvocation, domain: str, team: str, pap: str, keys: "Callable[[str], Sequence[bytes]]"
) -> "ImportFile":
    import httpx

    from tocsin.directory.registry import fetch_security_txt

    with httpx.Client() as client:
        return fetch_security_txt(domain, client, _permission(pap), team=team, keys=keys, now=call.now)


def _bring(call: NodeInvocation, file: "ImportFile", *, dry_run: bool, most_gone: int | None) -> None:
    from tocsin.directory import import_entries

    done = import_entries(call.database, file, actor=call.actor, now=call.now, dry_run=dry_run, most_gone=most_gone)
    end_import(call, done)


def _print_looked(looked: "RdapResult") -> None:
    answer = looked.answer
    when = f"{looked.asked_at:%Y-%m-%d %H:%M} UTC" + (", kept since" if looked.kept else "")
    facts = [
        ("registry", answer.registry),
        ("its name for it", answer.handle),
        ("numbers", ", ".join(("AS" * (answer.kind == "asn")) + value for value in answer.values)),
        ("holder", answer.holder),
        ("country", answer.country),
        *((one.role, f"{', '.join(one.mailboxes)} ({one.handle})") for one in answer.contacts if one.mailboxes),
    ]
    if answer.handle:
        print_table(f"{answer.what}, asked {when}", ("", ""), [fact for fact in facts if fact[1]])
    print_import(looked.imported)
