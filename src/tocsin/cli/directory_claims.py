"""``tocsin directory claim`` and ``claims``: operators say what is theirs and show it; a person here decides."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.acts import act_group, act_of, perform
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, print_table, say

if TYPE_CHECKING:
    from tocsin.directory import ContestedAssertion
    from tocsin.directory.claims import Claim, ClaimDecision


def _print_approved(done: "ClaimDecision") -> None:
    claim = done.claim
    say(f"Claim {claim.number} is approved: {_thing(claim)} belongs to {claim.team}, notified at {claim.mailbox}.")
    beaten = [effect for word in done.spoken for effect in word.effects if effect.overruled]
    for effect in beaten[:_FEW]:
        say(f"  Overruled: {effect.team}, {effect.kind} {effect.value} (source {effect.source}).")
    if any(word.overruled_by for word in done.spoken):
        say("  A decision overrules it: 'tocsin directory decide' makes a new one.")
    say(f"'tocsin directory verify {claim.team}' asks the email address to confirm, unless the code came from it.")


app = Commands()
_claims = Commands(
    cls=act_group("directory claims", {"approve": _print_approved}),
    no_args_is_help=True,
    help="Claims of operators: list, show, check, approve, refuse.",
)
app.add_typer(_claims, name="claims")

_Number = Annotated[int, typer.Argument(min=1, help="The number of a claim.")]
_FEW = 20


@_claims.command("list")
def list_(
    call: NodeInvocation,
    state: Annotated[str, typer.Option(help="Only open, proved, approved, refused or expired ones.")] = "",
) -> None:
    """List the claims, the latest first."""
    from tocsin.directory.claims import ClaimState, read_claims
    from tocsin.node.errors import UsageError

    if state and state not in set(ClaimState):
        raise UsageError(f"--state '{state}' is none of {', '.join(ClaimState)}.")
    found = [one for one in read_claims(call.database, call.now) if not state or one.state == state]

    def human() -> None:
        rows = [(one.number, one.team, _thing(one), one.state, one.proof, f"{one.made_at:%Y-%m-%d}") for one in found]
        if rows:
            print_table("claims", ("number", "team", "claims", "state", "shown by", "made"), rows, numbers=(0,))
        else:
            say("There is no claim.")

    call.emit([asdict(one) for one in found], human)


@_claims.command()
def show(call: NodeInvocation, number: _Number) -> None:
    """Show one claim, what shows it, and who else claims the same."""
    from tocsin.directory.claims import read_claim, read_rivals

    found = read_claim(call.database, number, call.now)
    rivals = read_rivals(call.database, found)

    def human() -> None:
        _print_claim(found)
        _print_rivals(rivals)

    call.emit(asdict(found) | {"rivals": [asdict(rival) for rival in rivals]}, human)


@_claims.command()
def check(
    call: NodeInvocation,
    number: _Number,
    code: Annotated[str, typer.Option(help="The code from the mail; without it, DNS is asked.")] = "",
) -> None:
    """Check whether control is shown: by the code, else by DNS. Exit 1 when it is not."""
    if code:
        found, missing = perform(call, act_of("directory claims", "prove"), {"number": number, "code": code}), []
    else:
        checked = perform(call, act_of("directory claims", "check"), {"number": number})
        found, missing = checked.claim, checked.missing

    def human() -> None:
        if not missing:
            say(f"Control of {_thing(found)} is shown: {found.evidence}")
            return
        say(f'Not shown: these names have no TXT record "{found.dns_value}":')
        for name in missing[:_FEW]:
            say(f"  {name}")
        if len(missing) > _FEW:
            say(f"  and {len(missing) - _FEW:,} more")

    call.emit(asdict(found) | {"missing": missing}, human)
    if missing:
        raise typer.Exit(1)


def _thing(claim: "Claim") -> str:
    return f"AS{claim.value}" if claim.kind == "asn" else claim.value


def show_ways(made: "Claim") -> None:
    """A claim that was made, and how it can be shown that it is right."""
    say(f"Claim {made.number}: {made.team} claims {_thing(made)}. It is open until {made.expires_at:%Y-%m-%d}.")
    say("Control is shown by one of these:")
    if made.asked:
        say(f"- the code mailed to {', '.join(made.asked)} ('tocsin deliver' sends it):")
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


def _print_rivals(rivals: "Sequence[ContestedAssertion]") -> None:
    if not rivals:
        say("No other team claims it, what it lies in, or parts of it.")
        return
    rows = [(one.team, one.value, one.source, one.as_of or "", one.overruled) for one in rivals[:_FEW]]
    print_table("others who claim it", ("team", "what", "source", "as of", "does not hold"), rows)
    if len(rivals) > _FEW:
        say(f"And {len(rivals) - _FEW:,} more; --json shows all.")
