"""``tocsin directory import-delegations``, ``transfers`` and ``import-rpsl``: what the regional registries say."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tocsin.cli.directory_import import print_counts
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, note, note_error, print_table, say, visible
from tocsin.node.errors import TocsinError, UsageError

if TYPE_CHECKING:
    import polars as pl

    from tocsin.directory.registry import DelegationsImported, RegistryImported, Transfers

app = Commands()

Rir = Literal["afrinic", "apnic", "arin", "lacnic", "ripencc"]
_FEW = 20
_MANY = 200

_Files = Annotated[list[Path], typer.Argument(help="The files, plain or packed with gzip, in any order.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, change nothing.")]
_AsOf = Annotated[str, typer.Option(help="The day of the files, YYYY-MM-DD.")]


@app.command("import-delegations")
def import_delegations(
    call: NodeInvocation,
    files: Annotated[list[Path], typer.Argument(help="Delegation files of regional registries, plain or as .gz.")],
    rir: Annotated[Rir | None, typer.Option(help="Take only the records of this registry.")] = None,
    as_of: Annotated[str, typer.Option(help="The day of files that name none, YYYY-MM-DD.")] = "",
    dry_run: _DryRun = False,
) -> None:
    """Keep which addresses and AS numbers each country was given, as the registries' delegation files say."""
    from tocsin.directory.registry import import_delegations as keep

    day = _day(as_of)
    done: list[DelegationsImported] = []
    failed: list[tuple[Path, TocsinError]] = []
    take = partial(keep, call.database, call.home, actor=call.actor, rir=rir or "", as_of=day)
    for path in files:
        note(f"{path.name} …")
        try:
            done += take(path, now=call.now, dry_run=dry_run)
        except TocsinError as error:  # the others are worth having
            failed.append((path, error))
    document: dict[str, object] = {"files": [asdict(one) for one in done]}
    document["failed"] = [{"path": path, "reason": str(reason)} for path, reason in failed]
    call.emit(document, lambda: _print_delegations(done))
    for path, reason in failed:
        note_error(f"{path} was not taken", reason)
    if failed:
        raise typer.Exit(1)


@app.command()
def transfers(
    call: NodeInvocation,
    before: Annotated[str, typer.Option("--from", help="The earlier day, YYYY-MM-DD.")],
    after: Annotated[str, typer.Option("--to", help="The later day, YYYY-MM-DD.")],
    country: Annotated[str, typer.Option(help="Only what this country had or has; two letters.")] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Also list what was newly given, and what was given back.")
    ] = False,
) -> None:
    """Show which addresses and AS numbers changed country, registry or holder between two days."""
    from tocsin.directory.registry import transfers as compare

    found = compare(call.home, _day(before) or date.min, _day(after) or date.max)
    rows = _shown(found, country.upper(), everything=everything)
    document = {
        "from": [asdict(file) for file in found.before],
        "to": [asdict(file) for file in found.after],
        "left_out": found.left_out,
        "counts": _counts(found, country.upper()),
        "changes": rows,
    }
    call.emit(document, lambda: _print_transfers(found, rows, _counts(found, country.upper())))


@app.command("import-rpsl")
def import_rpsl(
    call: NodeInvocation,
    files: _Files,
    source: Annotated[str, typer.Option(help="The short name of the registry, such as ripe or afrinic.")],
    as_of: _AsOf = "",
    country: Annotated[
        list[str] | None, typer.Option(help="Take only what is of this country; may be given several times.")
    ] = None,
    dry_run: _DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", help="Take it though much of what its source said would go.")] = False,
) -> None:
    """Bring abuse and security contacts of networks and AS numbers from a registry's RPSL dumps.

    Give all dumps of one registry at once: contacts are in other files than the networks.
    """
    from tocsin.directory.registry import import_rpsl as bring

    most_gone = None if yes else call.settings.directory.most_gone
    done = bring(
        call.database,
        call.home,
        files,
        source=source,
        actor=call.actor,
        now=call.now,
        as_of=_day(as_of),
        countries=country or (),
        dry_run=dry_run,
        most_gone=most_gone,
        tell=note,
    )
    call.emit(asdict(done), lambda: _print_registry(done))
    if done.failed:
        raise typer.Exit(1)


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"'{text}' is no day.", hint="Write it as YYYY-MM-DD.") from None


def _print_delegations(every: "Sequence[DelegationsImported]") -> None:
    for done in every:
        _print_delegation_file(done)


def _print_delegation_file(done: "DelegationsImported") -> None:
    dry = " (dry run, nothing was changed)" if done.dry_run else ""
    states = {"new": "kept", "as before": "here already, nothing changed", "replaced": "kept in place of another file"}
    say(f"{done.rir}, {done.as_of}, from {visible(done.file)}: {states[done.state]}{dry}")
    statuses = sorted({status for counts in done.counts.values() for status in counts})
    rows = [
        (kind, *(counts.get(status, 0) for status in statuses), sum(counts.values()))
        for kind, counts in done.counts.items()
    ]
    print_table("", ("records", *statuses, "all"), rows, numbers=range(1, len(statuses) + 2))
    if done.compared_with:
        changes = ", ".join(f"{word} {count:,}" for word, count in done.changes.items())
        say(f"Ranges that changed since {done.compared_with}: {changes or 'none'}.")
    for remark in done.remarks:
        note(f"The file contradicts itself: {remark}")
    _print_few("Records that overlap others of the file", done.overlaps)
    _print_few("Given away by another registry too", done.claimed_twice)
    _print_few("Lines not taken", [f"{one.where}: {one.what}: {one.why}" for one in done.not_taken], done.broken)


def _print_few(title: str, lines: Sequence[str], count: int = 0) -> None:
    if lines:
        note(f"{title}: {max(count, len(lines)):,}")
        for line in lines[:_FEW]:
            note(f"  {line}")
        if max(count, len(lines)) > _FEW:
            note(f"  and {max(count, len(lines)) - _FEW:,} more; --json shows more of them.")


def _shown(found: "Transfers", country: str, *, everything: bool) -> list[dict[str, object]]:
    """The changes to list, without the numbers that stand in ``what`` already."""
    import polars as pl

    frame = _of_country(found, country)
    if not everything:
        moved = pl.lit(["registry", "country", "holder"])
        frame = frame.filter(pl.col("change").list.set_intersection(moved).list.len() > 0)
    return frame.drop("first", "last").to_dicts()


def _counts(found: "Transfers", country: str) -> dict[str, dict[str, int]]:
    """Ranges by kind of number and kind of change."""
    rows = _of_country(found, country).explode("change").group_by("kind", "change").len().sort("kind", "change").rows()
    return {
        kind: {change: count for of, change, count in rows if of == kind} for kind in dict.fromkeys(r[0] for r in rows)
    }


def _of_country(found: "Transfers", country: str) -> "pl.DataFrame":
    import polars as pl

    if not country:
        return found.frame
    return found.frame.filter((pl.col("country_before") == country) | (pl.col("country_after") == country))


def _print_transfers(found: "Transfers", rows: list[dict[str, object]], counts: dict[str, dict[str, int]]) -> None:
    for before, after in zip(found.before, found.after, strict=True):
        say(f"{before.rir}: {before.as_of} ({visible(before.file)}) with {after.as_of} ({visible(after.file)})")
    for rir in found.left_out:
        note(f"{rir} is left out: one of the two days has no file of it.")
    columns = ("what", "change", "country", "registry", "holder")
    cells = [
        (
            row["what"],
            ", ".join(row["change"]) if isinstance(row["change"], list) else "",
            *(_step(row, name) for name in ("country", "rir", "holder")),
        )
        for row in rows[:_MANY]
    ]
    print_table(f"{len(rows):,} ranges changed hands", columns, cells)
    if len(rows) > _MANY:
        note(f"and {len(rows) - _MANY:,} more; --json shows all.")
    for kind, words in counts.items():
        say(f"{kind}: " + ", ".join(f"{word} {count:,}" for word, count in words.items()))


def _step(row: dict[str, object], name: str) -> str:
    before, after = row[f"{name}_before"] or "-", row[f"{name}_after"] or "-"
    return str(before) if before == after else f"{before} → {after}"


def _print_registry(done: "RegistryImported") -> None:
    print_counts(done, ", ".join(done.files), "rules", "mailboxes")
    read = ", ".join(f"{name} {count:,}" for name, count in done.objects.items())
    say(f"Read: {read}.")
    if done.silent:
        quiet = ", ".join(f"{name} {count:,}" for name, count in done.silent.items())
        say(f"Name no contact, and so belong to whatever network they lie in: {quiet}.")
    if done.elsewhere:
        others = ", ".join(f"{name} {count:,}" for name, count in done.elsewhere.items())
        say(f"Of other countries, and so left out: {others}.")
    if done.rules_same or done.rules_withdrawn:
        for sign, lines in (("+", done.new), ("-", done.withdrawn)):
            for line in lines[:_FEW]:
                say(visible(f"  {sign} {line}"))
    if done.shrinks:
        note(f"Of what this source said, {done.shrinks} would go. It is taken only with --yes.")
    if done.reasons:
        note(f"Not taken: {sum(done.reasons.values()):,}; each with its reason in {done.refusals}")
        for why, count in list(done.reasons.items())[:_FEW]:
            note(f"  {count:,}: {why}")
    if done.kept:
        note(f"Not withdrawn, since something of them is wrong in these files or missing: {done.kept:,}")
