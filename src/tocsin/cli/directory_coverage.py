"""``tocsin directory coverage``: for how many AS numbers, and addresses, a contact is known."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tocsin.cli.files_out import csv_text, put
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, note, print_json, print_table, say, visible
from tocsin.node.errors import UsageError

if TYPE_CHECKING:
    from tocsin.directory.coverage import Coverage

app = Commands()

Form = Literal["table", "csv", "map"]
_Row = dict[str, object]
_SHOWN = 40
_FEW = 20
_NAME = 12  # letters of a country's name


@app.command()
def coverage(
    call: NodeInvocation,
    country: Annotated[str, typer.Option(help="Only this country, with each of its AS numbers; two letters.")] = "",
    as_of: Annotated[str, typer.Option(help="The day, YYYY-MM-DD, as it was known at its end; empty: now.")] = "",
    form: Annotated[Form, typer.Option("--format", help="How it is shown; csv has all columns.")] = "table",
    out: Annotated[Path | None, typer.Option(help="The file to write; of a map .svg, .html, .pdf or .xlsx.")] = None,
) -> None:
    """Show for how many AS numbers of each country a contact is registered, confirmed, and answers."""
    code = read_country(country)
    found = _read(call, as_of)
    rows = [row for row in found.countries.to_dicts() if not code or row["country"] == code]
    if form == "map":
        from tocsin.cli.directory_maps import coverage_map, put_map

        put_map(coverage_map(found, made_on=call.now.date()), out)
    elif call.json:
        print_json(document(found, rows, code))
    elif form == "csv":
        put(csv_text(rows if code else [*rows, {"country": "all", **found.total}]), out)
    else:
        _print(found, rows, code)


def read_country(text: str) -> str:
    """A country's two letters in capitals, or an empty text. Raises UsageError where it is none."""
    from tocsin.networks import country_names

    code = text.strip().upper()
    if code and code not in country_names():
        raise UsageError(f"'{text}' is no country.", hint="Give its two letters of ISO 3166-1, such as MU.")
    return code


def read_day(text: str, now: datetime) -> "datetime":
    """The end of a day, or now where the text is empty or the day is not over. Raises UsageError."""
    from tocsin.directory.coverage import end_of

    if not text:
        return now
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise UsageError(f"'{text}' is no day.", hint="Write it as YYYY-MM-DD.") from None
    if day > now.date():
        raise UsageError(f"{day} is still to come.")
    return end_of(day, now) or now


def document(found: "Coverage", rows: list[_Row], code: str) -> dict[str, object]:
    """Coverage as JSON has it; with a country also each of its AS numbers."""
    made: dict[str, object] = {
        "as_of": found.day,
        "denominator": [asdict(file) for file in found.files],
        "compared_with": [asdict(file) for file in found.former_files],
        "weights": found.tables,
        "countries": rows,
        "total": found.total,
        "not_given": found.not_given,
    }
    return made | ({"as_numbers": _numbers(found, code)} if code else {})


def _read(call: NodeInvocation, as_of: str) -> "Coverage":
    from tocsin.directory.contacts import terms_of
    from tocsin.directory.coverage import read_coverage

    now, terms = call.now, terms_of(call.settings)
    with call.database.begin() as session:
        return read_coverage(session, call.home, at=read_day(as_of, now), now=now, terms=terms)


def _numbers(found: "Coverage", code: str) -> list[_Row]:
    import polars as pl

    return found.numbers.filter(pl.col("country") == code).to_dicts()


def _print(found: "Coverage", rows: list[_Row], code: str) -> None:
    from tocsin.networks import country_names

    total = found.total
    shown = sorted(rows, key=lambda row: -int(str(row["as_numbers"])))[:_SHOWN]
    sums: list[_Row] = [] if code else [{"country": "all", **total}]
    print_table(
        _finding(total if not code else rows[0] if rows else {}, code),
        ("country", "AS", "nobody", "abuse", "security", "confirmed", "answers", "IPv4"),
        [_cells(row, country_names()) for row in [*shown, *sums]],
        numbers=range(1, 8),
    )
    if len(rows) > _SHOWN:
        say(f"And {len(rows) - _SHOWN:,} more countries; --json and --format csv show all. The last line is of all.")
    _print_moved(found, code)
    for file in found.files:
        say(f"AS numbers: {visible(file.file)} of {file.as_of} ({file.rir}, SHA-256 {file.sha256[:12]}).")
    say(f"Addresses: {visible(', '.join(found.tables))}, as loaded now.")
    note("nobody: no email address is known; abuse, security: such an address is registered; confirmed, answers: a")
    note("security contact does, by a person; IPv4: the share of the addresses announced by those that answer.")


def _finding(counts: Mapping[str, object], code: str) -> str:
    where = code or "All countries"
    if not counts or not counts["as_numbers"]:
        return f"{where}: no AS number is given to it"
    answers, numbers = int(str(counts["security_answering"])), int(str(counts["as_numbers"]))
    return f"{where}: {answers:,} of {numbers:,} AS numbers have a security contact that answers"


def _cells(row: _Row, names: Mapping[str, str]) -> tuple[object, ...]:
    code = row["country"]
    name = names.get(str(code), "no country is said" if code is None else "")
    counts = (row[name] for name in ("as_numbers", "without", "abuse", "security"))
    known = (row[f"security{end}"] for end in ("_verified", "_answering"))
    share = percent(row["ipv4_security_answering"], row["ipv4"])
    return (f"{code or '-'} {name[:_NAME]}".strip(), *counts, *known, share)


def percent(part: object, whole: object) -> str:
    """A share in words: ``12.5 %``, or that it is not known."""
    if whole is None or part is None:
        return "not known"
    return f"{float(str(part)) / float(str(whole)):.1%}" if whole else "-"


def _print_moved(found: "Coverage", code: str) -> None:
    import polars as pl

    numbers = found.numbers.filter(pl.col("country") == code) if code else found.numbers
    moved = numbers.filter("moved")["asn"].to_list()
    several = int((numbers["countries"].list.len() > 1).sum())
    silent = int((~numbers["announced"]).sum())
    if moved:
        say(f"Moved between registries or countries, each counted once where it is now: {_few(moved)}.")
    if several:
        say(f"Announce networks in more than one country, each counted once in its own: {several:,} AS numbers.")
    if silent:
        say(f"Announce nothing, and so have no weight among the addresses: {silent:,} AS numbers.")
    if found.not_given and not code:
        say(f"Named by teams, though no registry gave them away; not counted: {_few(found.not_given)}.")


def _few(numbers: "list[int] | tuple[int, ...]") -> str:
    more = f" and {len(numbers) - _FEW:,} more" if len(numbers) > _FEW else ""
    return ", ".join(f"AS{number}" for number in numbers[:_FEW]) + more
