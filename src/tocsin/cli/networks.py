"""``tocsin networks``: what is known of an address, and loading newer tables."""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, note, print_json, print_table, say

if TYPE_CHECKING:
    import polars as pl

    from tocsin.networks import LoadReport, NetworkLookup, Networks

app = Commands(no_args_is_help=True, help="What is known of an address, and loading newer tables.")

FormatName = Literal["auto", "ip-location", "iptoasn", "pyasn", "delegated"]
_COLUMNS = ("address", "prefix", "asn", "as_name", "country")
_BLOCK_BYTES = 1 << 23
_FEW_LINES = 1_000


@app.command()
def lookup(
    call: NodeInvocation,
    addresses: Annotated[list[str], typer.Argument(help="IP addresses; '-' reads them from standard input.")],
    table: Annotated[Path | None, typer.Option(help="Answer from this file instead of the node's tables.")] = None,
    form: Annotated[FormatName, typer.Option("--format", help="The format of --table.")] = "auto",
) -> None:
    """Show network, AS and country of addresses, one line each; integers are addresses too."""
    from tocsin.networks import Networks, read_networks

    networks = read_networks(table, None if form == "auto" else form) if table else Networks.open(call.home)
    bad = _BadLines()
    if addresses == ["-"]:
        first = 1
        for lines in _stdin_lines():
            _answer_lines(networks, lines, first, bad, as_json=call.json)
            first += len(lines)
    else:
        _answer_words(networks, addresses, bad, as_json=call.json)
    bad.tell()


@app.command()
def load(
    call: NodeInvocation,
    file: Annotated[Path, typer.Argument(help="A table file, plain or packed with gzip.")],
    form: Annotated[FormatName, typer.Option("--format", help="Its format; 'auto' recognises it.")] = "auto",
) -> None:
    """Put a file of networks in place of what the node knew, all or nothing."""
    from tocsin.networks import load_table
    from tocsin.node.records import AuditAction, audit

    report = load_table(call.home, file, None if form == "auto" else form)
    with call.database.begin() as session:
        now, subject = call.now, f"networks:{file.name}"
        audit(session, AuditAction.NETWORKS_LOADED, at=now, actor="command line", subject=subject)
    shown = asdict(report)
    shown["junk_lines"], shown["overlap_lines"] = shown["junk_lines"][:20], shown["overlap_lines"][:20]
    call.emit(shown, lambda: _print_report(report))


class _BadLines:
    """The inputs that are no addresses: how many, and the first of them."""

    def __init__(self) -> None:
        self.count = 0
        self.first = ""

    def add(self, count: int, where: str, text: str) -> None:
        self.first = self.first or f"{where}{text[:80]!r}"
        self.count += count

    def tell(self) -> None:
        if self.count:
            note(f"tocsin: {self.count} of the inputs are not IP addresses; the first: {self.first}.")
            raise typer.Exit(1)


def _stdin_lines() -> Iterator[list[str]]:
    rest = b""
    while block := sys.stdin.buffer.read(_BLOCK_BYTES):
        *whole, rest = (rest + block).split(b"\n")
        yield [line.decode("utf-8", "replace") for line in whole]
    if rest:
        yield [rest.decode("utf-8", "replace")]


def _answer_words(networks: "Networks", words: list[str], bad: _BadLines, *, as_json: bool) -> None:
    answers = networks.lookup(words)
    for answer in answers:
        if answer.error:
            bad.add(1, "", answer.address)
        if as_json:
            print_json(_document(answer))
    if not as_json:
        print_table("", ("address", "network", "AS", "AS name", "country"), [_cells(answer) for answer in answers])


def _answer_lines(networks: "Networks", lines: list[str], first: int, bad: _BadLines, *, as_json: bool) -> None:
    if len(lines) > _FEW_LINES:
        _answer_many(networks, lines, first, bad, as_json=as_json)
        return
    for number, line in enumerate(lines, first):
        if not line.strip():
            continue
        answer = networks.answer(line)
        if answer.error:
            bad.add(1, f"line {number} ", answer.address)
        if as_json:
            print_json(_document(answer))
        else:
            say("\t".join(_cells(answer)))


def _answer_many(networks: "Networks", lines: list[str], first: int, bad: _BadLines, *, as_json: bool) -> None:
    """The same as line by line, for a batch: a hundred times as fast, but it needs Polars loaded."""
    import polars as pl

    texts = pl.DataFrame({"text": lines}).with_row_index("line", first)
    texts = texts.with_columns(pl.col("text").str.strip_chars()).filter(pl.col("text") != "")
    frame, ok = _frame(networks, texts["text"])
    if not ok.all():
        wrong = texts.filter(~ok)
        bad.add(len(wrong), f"line {wrong['line'][0]} ", wrong["text"][0])
    if as_json:
        sys.stdout.write(frame.write_ndjson())
    else:
        shown = frame.with_columns(pl.col(pl.String).str.replace_all(r"[\p{C}\p{Z}--\x20]", "?"))
        sys.stdout.write(shown.write_csv(include_header=False, separator="\t", quote_style="never"))


def _frame(networks: "Networks", texts: "pl.Series") -> tuple["pl.DataFrame", "pl.Series"]:
    import polars as pl

    from tocsin.networks import format_addresses, parse_addresses, parse_integers

    hi, lo, ok = parse_addresses(texts)
    if not ok.all():
        rest = (~ok).nonzero()[0]
        hi[rest], lo[rest], ok[rest] = parse_integers(texts.gather(rest))
    good = pl.Series(ok)
    found = networks.enrich(hi, lo).with_columns(good=good)
    answers = found.select(pl.when("good").then(pl.col(name)).alias(name) for name in _COLUMNS[1:])
    return answers.insert_column(0, format_addresses(hi, lo).zip_with(good, texts).alias("address")), good


def _document(answer: "NetworkLookup") -> dict[str, object]:
    return {name: getattr(answer, name) for name in _COLUMNS}


def _cells(answer: "NetworkLookup") -> list[str]:
    cells = ("" if cell is None else str(cell) for cell in _document(answer).values())
    return ["".join(letter if letter.isprintable() else "?" for letter in cell) for cell in cells]


def _print_report(report: "LoadReport") -> None:
    what = f"{report.format} of {report.registry}" if report.registry else report.format
    counts = f"{report.lines:,} lines, {report.used:,} used, {report.unused:,} with nothing to tell"
    say(f"{report.file} ({what}): {counts}, {report.junk:,} unreadable.")
    say(f"{report.ipv4:,} IPv4 and {report.ipv6:,} IPv6 entries, {report.overlaps:,} overlaps.")
    say("Replaced: " + ", ".join(report.replaced) + ".")
    if report.kept:
        say("Kept as it was: " + ", ".join(report.kept) + ".")
    if report.declared and report.declared != report.records:
        say(f"The file says it has {report.declared:,} records, but has {report.records:,}: it may be cut short.")
    for title, lines in (("Unreadable lines", report.junk_lines), ("Overlaps", report.overlap_lines)):
        if lines:
            rows = [(line.number, line.reason, line.text) for line in lines[:10]]
            print_table(title, ("line", "what", "text"), rows, numbers=[0])
    say(f"Full report: {report.report}")
