"""``tocsin directory claim`` and ``claims``: operators say what is theirs and show it; a person here decides."""

import getpass
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.directory_records import records, renew_router
from tocsin.interface.output import Invocation, emit, print_table, say

if TYPE_CHECKING:
    from tocsin.directory import ContestedClaim
    from tocsin.directory.claims import Claim, ClaimDecision

app = typer.Typer()
_claims = typer.Typer(no_args_is_help=True, help="Claims of operators: list, show, check, approve, refuse.")
app.add_typer(_claims, name="claims")

_Number = Annotated[int, typer.Argument(min=1, help="The number of a claim.")]
_SaidBy = Annotated[str, typer.Option("--said-by", help="Who decides; needed.")]
_FEW = 20


@app.command()
def claim(
    ctx: typer.Context,
    value: Annotated[str, typer.Argument(help="The network, AS number or domain that is claimed.")],
    team: Annotated[str, typer.Option(help="The key or UUID of the team that claims it; needed.")] = "",
    mailbox: Annotated[str, typer.Option(help="The mailbox that is to be told; needed.")] = "",
    by: Annotated[str, typer.Option("--by", help="Who says so, such as a name or a ticket.")] = "",
) -> None:
    """Note that a team claims something, and say how it can show that it is theirs."""
    from tocsin.directory.claims import make_claim
    from tocsin.node.errors import UsageError
    from tocsin.node.settings import load_settings

    invocation: Invocation = ctx.obj
    if not team or not mailbox:
        raise UsageError("Whose is it?", hint="Add --team KEY and --mailbox ADDRESS.")
    sender = load_settings(invocation.home).node
    with records(invocation.home) as database:
        made = make_claim(
            database, value, team=team, mailbox=mailbox, claimed_by=by, sender=sender, now=datetime.now(UTC)
        )
    emit(invocation, asdict(made), lambda: _print_ways(made))


@_claims.command("list")
def list_(
    ctx: typer.Context,
    state: Annotated[str, typer.Option(help="Only open, proved, approved, refused or expired ones.")] = "",
) -> None:
    """List the claims, the latest first."""
    from tocsin.directory.claims import ClaimState, read_claims
    from tocsin.node.errors import UsageError

    if state and state not in set(ClaimState):
        raise UsageError(f"--state '{state}' is none of {', '.join(ClaimState)}.")
    invocation: Invocation = ctx.obj
    with records(invocation.home) as database:
        found = [one for one in read_claims(database, datetime.now(UTC)) if not state or one.state == state]

    def human() -> None:
        rows = [(one.number, one.team, _thing(one), one.state, one.proof, f"{one.made_at:%Y-%m-%d}") for one in found]
        if rows:
            print_table("claims", ("number", "team", "claims", "state", "shown by", "made"), rows, numbers=(0,))
        else:
            say("There is no claim.")

    emit(invocation, [asdict(one) for one in found], human)


@_claims.command()
def show(ctx: typer.Context, number: _Number) -> None:
    """Show one claim, what shows it, and who else claims the same."""
    from tocsin.directory.claims import read_claim, read_rivals

    invocation: Invocation = ctx.obj
    with records(invocation.home) as database:
        found = read_claim(database, number, datetime.now(UTC))
        rivals = read_rivals(database, found)

    def human() -> None:
        _print_claim(found)
        _print_rivals(rivals)

    emit(invocation, asdict(found) | {"rivals": [asdict(rival) for rival in rivals]}, human)


@_claims.command()
def check(
    ctx: typer.Context,
    number: _Number,
    code: Annotated[str, typer.Option(help="The code from the letter; without it, DNS is asked.")] = "",
) -> None:
    """Check whether control is shown: by the code, else by DNS. Exit 1 when it is not."""
    from tocsin.directory.claims import show_code, show_dns
    from tocsin.node.settings import load_settings

    invocation: Invocation = ctx.obj
    now, missing = datetime.now(UTC), list[str]()
    with records(invocation.home) as database:
        if code:
            found = show_code(database, number, code, now=now)
        else:
            resolver = load_settings(invocation.home).directory.resolver
            found, missing = show_dns(database, number, resolver=resolver, now=now)

    def human() -> None:
        if not missing:
            say(f"Control of {_thing(found)} is shown: {found.evidence}")
            return
        say(f'Not shown: these names have no TXT record "{found.dns_value}":')
        for name in missing[:_FEW]:
            say(f"  {name}")
        if len(missing) > _FEW:
            say(f"  and {len(missing) - _FEW:,} more")

    emit(invocation, asdict(found) | {"missing": missing}, human)
    if missing:
        raise typer.Exit(1)


@_claims.command()
def approve(
    ctx: typer.Context,
    number: _Number,
    said_by: _SaidBy = "",
    reason: Annotated[str, typer.Option(help="Why; needed where neither mail nor DNS shows control.")] = "",
    over: Annotated[
        bool, typer.Option("--over", help="Imports that say otherwise are overruled; else they stand beside it.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Also where others claim the same.")] = False,
) -> None:
    """Approve a claim: it becomes your word in the directory, with its evidence."""
    from tocsin.directory.claims import approve_claim, read_claim, read_rivals
    from tocsin.node.errors import ConflictError

    invocation: Invocation = ctx.obj
    with records(invocation.home) as database:
        found = read_claim(database, number, datetime.now(UTC))
        rivals = read_rivals(database, found)
        if rivals and not yes:
            if not invocation.json:
                _print_rivals(rivals)
            count = f"{len(rivals):,} {'claim' if len(rivals) == 1 else 'claims'}"
            raise ConflictError(
                f"Other teams have {count} on {_thing(found)}, what it lies in, or parts of it.",
                hint=f"Look: tocsin directory claims show {number}. To approve it all the same, add --yes.",
            )
        done = approve_claim(
            database,
            number,
            said_by=said_by,
            reason=reason,
            over=over,
            actor=getpass.getuser(),
            now=datetime.now(UTC),
        )
        renew_router(invocation.home, database)
    emit(invocation, asdict(done) | {"rivals": [asdict(rival) for rival in rivals]}, lambda: _print_approved(done))


@_claims.command()
def refuse(
    ctx: typer.Context,
    number: _Number,
    said_by: _SaidBy = "",
    reason: Annotated[str, typer.Option(help="Why, in one line; needed.")] = "",
) -> None:
    """Refuse a claim, with a reason."""
    from tocsin.directory.claims import refuse_claim

    invocation: Invocation = ctx.obj
    with records(invocation.home) as database:
        done = refuse_claim(
            database, number, said_by=said_by, reason=reason, actor=getpass.getuser(), now=datetime.now(UTC)
        )
    text = f"Claim {number} is refused: {done.claim.reason}."
    emit(invocation, asdict(done), lambda: say(text))


def _thing(claim: "Claim") -> str:
    return f"AS{claim.value}" if claim.kind == "asn" else claim.value


def _print_ways(made: "Claim") -> None:
    say(f"Claim {made.number}: {made.team} claims {_thing(made)}. It is open until {made.expires_at:%Y-%m-%d}.")
    say("Control is shown by one of these:")
    if made.asked:
        say(f"- the code that a letter brings to {', '.join(made.asked)} ('tocsin deliver' sends it):")
        say(f"    tocsin directory claims check {made.number} --code CODE")
    if made.dns_names:
        more = f", and at {len(made.dns_names) - 1:,} names more" if len(made.dns_names) > 1 else ""
        say(f"- a TXT record in DNS at {made.dns_names[0]}{more}:")
        say(f'    {made.dns_names[0]}. IN TXT "{made.dns_value}"')
        say(f"    tocsin directory claims check {made.number}")
    say("- the judgement of a person here:")
    say(f"    tocsin directory claims approve {made.number} --said-by NAME --reason TEXT")


def _print_claim(found: "Claim") -> None:
    rows = [
        ("team", found.team),
        ("claims", _thing(found)),
        ("mailbox", found.mailbox),
        ("said by", found.claimed_by),
        ("state", found.state),
        ("made", f"{found.made_at:%Y-%m-%d %H:%M} UTC"),
        ("open until", f"{found.expires_at:%Y-%m-%d}"),
        ("code sent to", ", ".join(found.asked)),
        ("TXT record", f'"{found.dns_value}"' if found.dns_names else ""),
        ("at", ", ".join(found.dns_names[:3]) + (" …" if len(found.dns_names) > 3 else "")),
        ("shown by", found.evidence or found.proof),
        ("decided by", f"{found.decided_by}: {found.reason}" if found.decided_by else ""),
    ]
    print_table(f"claim {found.number}", ("", ""), [row for row in rows if row[1]])


def _print_rivals(rivals: "Sequence[ContestedClaim]") -> None:
    if not rivals:
        say("No other team claims it, what it lies in, or parts of it.")
        return
    rows = [(one.team, one.value, one.source, one.as_of or "", one.overruled) for one in rivals[:_FEW]]
    print_table("others who claim it", ("team", "what", "source", "as of", "does not hold"), rows)
    if len(rivals) > _FEW:
        say(f"And {len(rivals) - _FEW:,} more; --json shows all.")


def _print_approved(done: "ClaimDecision") -> None:
    claim = done.claim
    say(f"Claim {claim.number} is approved: {_thing(claim)} is of {claim.team}, told at {claim.mailbox}.")
    beaten = [effect for word in done.spoken for effect in word.effects if effect.overruled]
    for effect in beaten[:_FEW]:
        say(f"  Overruled: {effect.team}, {effect.kind} {effect.value} (source {effect.source}).")
    if any(word.overruled_by for word in done.spoken):
        say("  A decision stands against it: 'tocsin directory decide' makes a new one.")
    say(f"'tocsin directory verify {claim.team}' asks the mailbox to confirm, unless the code came from it.")
