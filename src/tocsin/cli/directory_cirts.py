"""``tocsin directory cirts``: which states have a national CIRT, by two rules side by side."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tocsin.cli.directory_coverage import read_country, read_day
from tocsin.cli.files_out import csv_text, put
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, print_json, print_table, say

if TYPE_CHECKING:
    from tocsin.directory.states import CirtAssessment, CirtVerdict, StateSet

app = Commands()

Form = Literal["table", "csv", "map"]
_SHOWN = 60
_TITLES = {"": "all", "ldc": "least developed", "lldc": "landlocked developing", "sids": "small islands"}


@app.command()
def cirts(
    call: NodeInvocation,
    country: Annotated[str, typer.Option(help="Only this state, with all evidence; two letters.")] = "",
    as_of: Annotated[str, typer.Option(help="The day, YYYY-MM-DD, as it was known at its end; empty: now.")] = "",
    states: Annotated[Path | None, typer.Option(help="The file of states; empty: that of the settings.")] = None,
    form: Annotated[Form, typer.Option("--format", help="How it is shown; csv has all columns.")] = "table",
    out: Annotated[Path | None, typer.Option(help="The file to write; of a map .svg, .html, .pdf or .xlsx.")] = None,
) -> None:
    """Show which states have a national CIRT: whether one exists, and whether it works with others."""
    code, now = read_country(country), call.now
    at = read_day(as_of, now)
    among, found = read(call, states, at, now)
    found = [one for one in found if not code or one.state.code == code]
    if form == "map":
        from tocsin.cli.directory_maps import cirt_map, put_map

        put_map(cirt_map(among, found, at.date(), made_on=call.now.date()), out)
    elif call.json:
        print_json(_document(among, found, at))
    elif form == "csv":
        put(csv_text([_flat(one) for one in found]), out)
    else:
        _print(among, found, code)


def read(
    call: NodeInvocation, states: Path | None, at: datetime, now: datetime
) -> "tuple[StateSet, list[CirtAssessment]]":
    """The set of states that counts, and what both rules say of each."""
    from tocsin.directory.contacts import terms_of
    from tocsin.directory.states import read_bodies, read_cirts, read_states
    from tocsin.exchange.partners import link_proofs, measured_links

    named = call.settings.directory
    among = read_states(states or (call.home / named.states if named.states else None))
    bodies = read_bodies(call.home / named.bodies if named.bodies else None)
    with call.database.begin() as session:
        return among, read_cirts(
            session, among.states, bodies, at=at, now=now, terms=terms_of(call.settings),
            proofs=link_proofs(measured_links(session, at)), contact=call.settings.node.contact,
        )  # fmt: skip


def _document(among: "StateSet", found: "Sequence[CirtAssessment]", at: datetime) -> dict[str, object]:
    from tocsin.directory.states import GROUPS, count_answers

    return {
        "as_of": at.date(),
        "states": {**fields(among, "title as_of source"), "number": len(among.states)},
        "counts": {group or "all": count_answers(found, group) for group in ("", *GROUPS)},
        "cirts": [
            {
                **fields(one.state, "code name"),
                "groups": sorted(one.state.groups),
                "structure": _verdict(one.structure),
                "cooperating": _verdict(one.cooperating),
                "links": [
                    {"team": link.team, "body": link.body, "reach": link.reach or None, "last_used": link.used}
                    | {"counts": bool(link.reach and link.used) and not link.why_not, "why_not": link.why_not}
                    | {"measured": link.measured, "source": link.source}
                    for link in one.links
                ],
            }
            for one in found
        ],
    }


def _verdict(verdict: "CirtVerdict") -> dict[str, object]:
    return fields(verdict, "answer reason evidence")


def _flat(one: "CirtAssessment") -> dict[str, object]:
    flat: dict[str, object] = {**fields(one.state, "code name"), "groups": sorted(one.state.groups)}
    for rule, verdict in (("structure", one.structure), ("cooperating", one.cooperating)):
        flat |= {rule: verdict.answer.value, f"{rule}_reason": verdict.reason}
        flat[f"{rule}_evidence"] = "; ".join(verdict.evidence)
    return flat


def finding(found: "Sequence[CirtAssessment]") -> str:
    """What is found, in one sentence."""
    from tocsin.directory.states import count_answers

    counts = count_answers(found)
    has, works = counts["structure"], counts["cooperating"]
    return (
        f"{has['yes']} of {len(found)} states have a national or governmental CIRT; of {has['not computable']}"
        f" this node cannot tell. {works['yes']} have a national one with links to others."
    )


def _print(among: "StateSet", found: "Sequence[CirtAssessment]", code: str) -> None:
    from tocsin.directory.states import GROUPS, CirtStatus, count_answers

    if code:
        for one in found:
            _print_one(one)
        if not found:
            say(f"{code} is not among the states: {among.title}, {among.as_of}.")
        return
    rows = []
    for group in ("", *GROUPS):
        counts, number = count_answers(found, group), sum(not group or group in one.state.groups for one in found)
        rows.append((_TITLES[group], number, *(counts[rule][answer] for rule in counts for answer in CirtStatus)))
    columns = ("states", "", "a CIRT: yes", "no", "open", "links: yes", "no", "open")
    print_table(finding(found), columns, rows, numbers=range(1, 8))
    known = [one for one in found if one.structure.answer is not CirtStatus.OPEN]
    cells = [
        (
            f"{one.state.code} {one.state.name[:20]}",
            one.structure.answer,
            one.cooperating.answer,
            one.cooperating.reason,
        )
        for one in known[:_SHOWN]
    ]
    print_table("", ("state", "a CIRT", "links", "why"), cells)
    if len(known) > _SHOWN:
        say(f"And {len(known) - _SHOWN:,} more; --json and --format csv show all.")
    say(f"States: {among.title}, {among.as_of}. 'open': not computable, since this node has no evidence.")


def _print_one(one: "CirtAssessment") -> None:
    say(f"{one.state.code} {one.state.name}")
    rules = {"A structure or a CIRT exists": one.structure}
    rules["A national CIRT with a regional and an international link in use"] = one.cooperating
    for title, verdict in rules.items():
        say(f"{title}: {verdict.answer}, {verdict.reason}.")
        for line in verdict.evidence:
            say(f"  {line}")
