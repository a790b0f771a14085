"""Loading a file of networks into a node, and saying what was in it."""

import json
import shutil
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from tocsin.networks.addresses import Network, UInt8s, format_address
from tocsin.networks.folders import current_folder, only_writer, switch
from tocsin.networks.formats import MAX_UNPACKED_BYTES, REGISTRIES, Format, NotedLine, NotedLines, TableFile, read_table
from tocsin.networks.intervals import (
    NONE,
    Int32s,
    Int64s,
    IntervalTable,
    flatten_cover,
    flatten_ranges,
    overlapping,
    overlay,
)
from tocsin.networks.tables import NO_AS, AddressTable, AsRegister, Networks
from tocsin.node.errors import InputError


@dataclass(frozen=True)
class LoadReport:
    """What a loaded file held and what it changed.

    ``lines == used + unused + junk``, where ``unused`` lines have nothing to tell (comments, headers, not routed,
    not allocated). ``overlaps`` are ranges that begin before another has ended (the narrower one is believed), or
    networks listed twice (the later line is believed). ``replaced`` and ``kept`` name tables by family. ``declared``
    and ``records`` are how many records a registry's file says and turns out to have; 0 for other formats.
    """

    file: str
    format: Format
    registry: str
    lines: int
    used: int
    unused: int
    junk: int
    overlaps: int
    ipv4: int
    ipv6: int
    names: int
    as_numbers: int
    declared: int
    records: int
    replaced: tuple[str, ...]
    kept: tuple[str, ...]
    junk_lines: tuple[NotedLine, ...]
    overlap_lines: tuple[NotedLine, ...]
    report: str
    seconds: float


def load_table(home: Path, path: Path, form: Format | None = None, *, limit: int = MAX_UNPACKED_BYTES) -> LoadReport:
    """What changed by putting the file's content in place of the node's own; all or nothing, also when killed.

    A file that covers one family leaves the other as it was. A registry's file lies on top of the country table and
    replaces only what the same registry said before.

    Raises:
        NotFoundError, InputError: the file cannot be used; see ``read_table``.
        ConflictError: another load is running.
        StorageError: the home folder cannot be written.

    """
    started = time.monotonic()
    content = read_table(path, form, limit=limit)
    made = tables_of(content)
    with only_writer(home):
        before_folder = current_folder(home)
        before = Networks.open_folder(before_folder)
        replaced, kept = _changes(made, before, content.aside.registry)
        report = _report(path.name, content, replaced, kept)

        def fill(folder: Path) -> None:
            _copy_sources(before_folder, folder)
            _compose(folder, before_folder, made, before, content.aside.registry).save(folder)
            (folder / _report_name(content, made)).write_text(json.dumps(asdict(report), indent=1), encoding="utf-8")

        folder = switch(home, fill)
    seconds = round(time.monotonic() - started, 3)
    return replace(report, report=str(folder / _report_name(content, made)), seconds=seconds)


def read_networks(path: Path, form: Format | None = None) -> Networks:
    """The tables that answer from this file alone, nothing stored.

    Raises:
        NotFoundError, InputError: the file cannot be used; see ``read_table``.

    """
    return tables_of(read_table(path, form))


def tables_of(content: TableFile) -> Networks:
    """The tables that a file's content makes.

    Raises:
        InputError: its ranges overlap beyond measure.

    """
    routed, placed = np.flatnonzero(content.asn != NO_AS), np.flatnonzero(content.country != NONE)
    try:
        routes = _table(content, routed, content.asn.view(np.int32)[routed])
        countries = _table(content, placed, content.country[placed])
    except ValueError as error:
        raise InputError(f"The file is no table: {error}.", hint="Check where it comes from.") from error
    return Networks(routes, countries, AsRegister.of(content.aside.names, content.aside.as_countries))


def _table(content: TableFile, rows: Int64s, values: Int32s) -> AddressTable:
    ranges = content.ranges.take(rows)
    none = np.empty(0, dtype=np.uint8)
    if content.length is None:
        return AddressTable(flatten_ranges(ranges).with_values(values), none, none)
    length = content.length[rows]
    pieces = flatten_cover(ranges.first_hi, ranges.first_lo, length).table
    return AddressTable(
        pieces.with_values(values), _lengths(pieces.v4_values, length), _lengths(pieces.v6_values, length)
    )


def _lengths(places: Int32s, length: UInt8s) -> UInt8s:
    return np.append(length, np.uint8(0))[places]  # place -1, where nothing matches, takes the last


def _compose(folder: Path, before_folder: Path, made: Networks, before: Networks, registry: str) -> Networks:
    """The whole new state; the sources of the country table are written to ``folder``."""
    has_base = (before_folder / "base-v4_starts.npy").is_file()
    base = AddressTable.open(before_folder, "base") if has_base else before.countries
    if registry:
        made.countries.save(folder, registry)
        made.register.save(folder, f"{registry}_register")
    else:
        base = made.countries.with_families_of(base)
    pieces = base.pieces
    as_countries: dict[int, str] = {}
    registries = [name for name in REGISTRIES if (folder / f"{name}-v4_starts.npy").is_file()]
    for name in registries:
        pieces = overlay(pieces, IntervalTable.open(folder, name))
        as_countries |= AsRegister.open(folder, f"{name}_register").countries_by_number()
    if registries:
        base.save(folder, "base")
    countries = AddressTable(pieces, base.v4_lengths[:0], base.v6_lengths[:0]) if registries else base
    routes = before.routes if registry else made.routes.with_families_of(before.routes)
    if not (registry or len(made.register.named)):
        return Networks(routes, countries, before.register)
    return Networks(routes, countries, AsRegister.of(before.register.names() | made.register.names(), as_countries))


def _copy_sources(before: Path, folder: Path) -> None:
    for file in before.iterdir():
        if file.suffix == ".json" or file.name.partition("-")[0].removesuffix("_register") in REGISTRIES:
            shutil.copy(file, folder / file.name)


def _changes(made: Networks, before: Networks, registry: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    replaced, kept = [], []
    tables = (("routes", made.routes, before.routes), ("countries", made.countries, before.countries))
    for name, new, old in tables:
        for family, has_new, has_old in zip(("IPv4", "IPv6"), new.families, old.families, strict=True):
            if has_new:
                replaced.append(f"{name} {family}" + (f" of {registry}" if registry else ""))
            elif has_old:
                kept.append(f"{name} {family}")
    for name, numbers in (("AS names", made.register.named), ("AS countries", made.register.placed)):
        if len(numbers):
            replaced.append(name + (f" of {registry}" if registry else ""))
    return tuple(replaced), tuple(kept)


def _report(name: str, content: TableFile, replaced: tuple[str, ...], kept: tuple[str, ...]) -> LoadReport:
    aside, overlaps = content.aside, overlaps_of(content)
    four = int(np.count_nonzero(content.ranges.first_hi == 0))
    return LoadReport(
        file=name,
        format=content.format,
        registry=content.aside.registry,
        lines=content.lines,
        used=content.lines - aside.unused - aside.junk.count,
        unused=aside.unused,
        junk=aside.junk.count,
        overlaps=overlaps.count,
        ipv4=four,
        ipv6=len(content.ranges) - four,
        names=len(aside.names),
        as_numbers=len(aside.as_countries),
        declared=aside.declared,
        records=aside.records,
        replaced=replaced,
        kept=kept,
        junk_lines=tuple(aside.junk.lines),
        overlap_lines=tuple(overlaps.lines),
        report="",
        seconds=0.0,
    )


def _report_name(content: TableFile, made: Networks) -> str:
    if content.aside.registry:
        return f"report-{content.aside.registry}.json"
    name, table = ("routes", made.routes) if any(made.routes.families) else ("countries", made.countries)
    families = [family for family, has in zip(("ipv4", "ipv6"), table.families, strict=True) if has]
    return f"report-{'-'.join([name, *families])}.json"


def overlaps_of(content: TableFile) -> NotedLines:
    """The ranges that begin inside another one, or the networks that an earlier line lists too."""
    ranges, found = content.ranges, NotedLines()
    if content.length is None:
        for row in overlapping(ranges).tolist():
            first = format_address(int(ranges.first_hi[row]), int(ranges.first_lo[row]))
            last = format_address(int(ranges.last_hi[row]), int(ranges.last_lo[row]))
            found.add(int(content.line[row]), "It begins before an earlier range has ended.", f"{first} - {last}")
        return found
    hi, lo, length = ranges.first_hi, ranges.first_lo, content.length
    order = np.lexsort((length, lo, hi))
    same = (np.diff(hi[order]) == 0) & (np.diff(lo[order]) == 0) & (np.diff(length[order]) == 0)
    for row in np.sort(order[1:][same]).tolist():
        network = Network(int(hi[row]), int(lo[row]), int(length[row]))
        found.add(int(content.line[row]), "An earlier line lists the same network.", str(network))
    return found
