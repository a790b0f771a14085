"""A first mapping file for a report that nobody knows, by the names of its columns and by their values."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from tocsin.events.encoding import as_text
from tocsin.events.extra import no_number
from tocsin.events.fields import BY_NAME, FieldKind
from tocsin.events.sources.delimited import Dialect, first_records
from tocsin.events.sources.mapped.decoding import as_value_text, flattened
from tocsin.events.values import read_values
from tocsin.networks import parse_addresses

_SAMPLE: Final = 50
_SEPARATORS: Final = ",;|\t"
_LAST: Final = r"first|created|registered|expir|origin|sensor|scanner|observer|probe|local"
"""Names of when something began, not when it was seen, and of who saw it: taken where nothing better is there."""
_TIME: Final = r"@?(time|date|seen|when|timestamp|ts|(first|last).?seen|detected|created|updated)([_. (-]*utc\)?)?"
_BY_NAME: Final = {
    _TIME: "time.source",
    r"(d(e?st)?|destination|remote|server)[_. -]?(ip|addr.*)": "destination.ip",
    r"(d(e?st)?|destination|remote|server)[_. -]?port|dpt": "destination.port",
    r"(s(rc|ource)?)?ip": "source.ip",
    r"s(rc|ource)?port": "source.port",
    r"(.*[_. -])?(ip|addr(ess)?|ipv4|ipv6)([_. -]addr(ess)?)?": "source.ip",
    r"(.*[_. -])?port|spt": "source.port",
    r"(.*[_. -])?asn?([_. -]?num(ber)?)?": "source.asn",
    r"as[_. -]?name|asn[_. -]?name": "source.as_name",
    r"(.*[_. -])?(cc|country([_. -]?code)?|geo)": "source.geolocation.cc",
    r"city": "source.geolocation.city",
    r"(reverse|r)[_. -]?(dns|lookup|host(name)?)|ptr": "source.reverse_dns",
    r"ref(erence)?s?": "event_description.url",
    r"(d(e?st)?|destination|remote|server)[_. -]?(host(name)?|domain|fqdn)": "destination.fqdn",
    r"(.*[_. -])?(host(name)?|domain|fqdn)": "source.fqdn",
    r"(.*[_. -])?(url|uri|link)": "source.url",
    r"(.*[_. -])?(network|cidr|prefix)": "source.network",
    r"proto(col)?|transport": "protocol.transport",
    r"service|application": "protocol.application",
    r"(malware|family|bot([_. -]?name)?)([_. -]name)?": "malware.name",
    r"md5(_hash)?": "malware.hash.md5",
    r"sha1(_hash)?": "malware.hash.sha1",
    r"sha256(_hash)?": "malware.hash.sha256",
    r"status": "status",
    r"description|message|msg|text": "event_description.text",
}
_PLACES: Final = frozenset({"source.ip", "source.network", "source.url", "source.fqdn", "source.asn"})
_NOTHING: Final = frozenset({"-", "?", "N/A", "n/a", "NA", "None", "none", "null", "NULL", "unknown"})
_ZEROS: Final = r"\b0+\B"
_LONGEST: Final = 40
_MOST: Final = 1 << 20  # characters of what is no JSON
_Table = Mapping[str, Sequence[str]]
_OF_SOURCE: Final = r"s(rc|ource)?[_. -]?(host(name)?|domain|fqdn|url|uri)"
_PAGE: Final = r"(.*[_. -])?(perma)?link|(.*[_. -])?(virus_?total|vt|reference)([_. -]?(url|link|permalink))?"
_LOOKUPS: Final = (
    r"^https?://([\w-]+\.)*(virustotal\.com|urlscan\.io|abuse\.ch|shodan\.io|any\.run|hybrid-analysis\.com)/"
)
_OTHER_END: Final = {"source.fqdn": "destination.fqdn", "source.url": "destination.url"}
_DAY: Final = r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d"
_ADDRESS: Final = (
    r"(?:\d{1,3}\.){3}\d{1,3}|(?:[0-9a-fA-F]{1,4}:){1,7}:[0-9a-fA-F:]*|(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}"
)
_BY_VALUE: Final = ("source.ip", "source.network", "source.url", "time.source", "source.fqdn")


def suggestion(name: str, head: bytes) -> str:
    """A mapping file for a report of which the first bytes are given."""
    text = as_text(head)[0].lstrip("\ufeff").replace("\x00", "")
    start = text.lstrip()[:1]
    found = _json(text) if start in {"{", "["} else None
    text = text[:_MOST]
    lines, table = found or (_markup(text) if start == "<" else _text(text))
    if not _has_place(table) and lines[:1] != ['format = "keyvalue"'] and (logged := _log(text)):
        lines, table = logged
    return _file(name, lines, table)


def _log(text: str) -> tuple[list[str], _Table] | None:
    """A pattern for lines that have an address somewhere, as those of logs; nothing when few have one."""
    lines = [line for line in text.splitlines() if line.strip()][:_SAMPLE]
    dated = sum(bool(re.match(_DAY, line)) for line in lines) > len(lines) / 2
    pattern = (f"^(?P<time>{_DAY})" if dated else "") + rf".*?(?:^|[^\w.:])(?P<ip>{_ADDRESS})"
    fitting = [found for line in lines if (found := re.match(pattern, line))]
    if not fitting or len(fitting) <= len(lines) / 2:
        return None
    names = ["time", "ip"] if dated else ["ip"]
    table = {name: [found[name] for found in fitting] for name in names}
    return ['format = "lines"', f"pattern = '{pattern.replace('(?P<', '(?<')}'"], table


def _goals(table: _Table) -> dict[str, str]:
    """For each column the field that its name and values speak of; none twice."""
    taken: dict[str, str] = {}
    for column, values in sorted(table.items(), key=lambda one: bool(re.search(_LAST, one[0]))):
        name = column.rpartition(".")[2]
        by_name = [goal for pattern, goal in _BY_NAME.items() if re.fullmatch(pattern, name)]
        if _is_page(name, values):
            by_name = ["event_description.url"]
        goal = next(
            (
                goal
                for goal in (*by_name, *(() if by_name == ["event_description.url"] else _BY_VALUE))
                if goal not in taken.values() and _takes(goal, values)
            ),
            "",
        )
        if goal:
            taken[column] = goal
    if {"source.ip", "destination.ip"} <= set(taken.values()):  # of a connection the name is that of its other end
        taken = {
            column: goal
            if re.fullmatch(_OF_SOURCE, column.rpartition(".")[2]) or _OTHER_END.get(goal) in taken.values()
            else _OTHER_END.get(goal, goal)
            for column, goal in taken.items()
        }
    return {column: taken[column] for column in table if column in taken}


def _is_page(name: str, values: Sequence[str]) -> bool:
    """Whether URLs lead to what somebody says of the matter, and are not the matter: all on a page of look-ups."""
    said = [value for value in values if value.strip() and value not in _NOTHING]
    looked_up = sum(bool(re.match(_LOOKUPS, value)) for value in said)
    hosts = {value.split("/")[2] for value in said if value.count("/") > 2}
    return bool(said) and (
        2 * looked_up > len(said) or (bool(re.fullmatch(_PAGE, name)) and len(said) > 1 and len(hosts) == 1)
    )


def _has_place(table: _Table) -> bool:
    return bool(_PLACES & set(_goals(table).values()))


def _parted(table: _Table) -> tuple[list[str], _Table]:
    """What says that a cell has several addresses; and the table with each of them."""
    for column, values in table.items():
        for separator in ";,| ":
            parts = [part.strip() for value in values for part in value.split(separator) if part.strip()]
            several = any(separator in value for value in values) and len(parts) > len(values) / 2
            if several and _takes("source.ip", parts):
                return [f"each = {json.dumps(f'{column} split {separator}')}"], {**table, column: parts}
    return [], table


def _takes(goal: str, values: Sequence[str]) -> bool:
    said = [_unpadded(value) for value in values if value.strip() and value not in _NOTHING]
    texts = pl.Series(said, dtype=pl.String)
    if not len(texts):
        return False
    if goal == "source.fqdn" and 2 * texts.filter(texts.str.contains("[A-Z]")).len() > texts.len():
        return False  # a name with a dot, as of malware
    field = BY_NAME[goal]
    if field.kind is FieldKind.IP:
        return bool(parse_addresses(texts)[2].mean() >= 0.5)
    if field.kind is FieldKind.NETWORK and not texts.str.contains("/").any():
        return False
    return read_values(texts, field, "%Y-%m-%d %H:%M:%S")[0].null_count() <= len(texts) / 2


def _unpadded(value: str) -> str:
    """An address whose numbers are filled up to three digits, without the zeros."""
    return re.sub(_ZEROS, "", value) if re.fullmatch(r"\d{3}(\.\d{3}){3}", value) else value


def _json(text: str) -> tuple[list[str], _Table] | None:
    """The format's lines and the first records; nothing when it is no JSON."""
    records, path = _records(text)
    if not records:
        return None
    said = ['format = "json"', *([f'records = "{path}"'] if path else [])]
    table = _flat(records)
    if not _has_place(table):
        for column in table:
            items = [one for record in records[:_SAMPLE] for one in _at(record, column) if isinstance(one, dict)]
            if items and _has_place(inner := _flat(items, f"{column}.")):
                outer = {name: values for name, values in table.items() if name != column}
                return [*said, f"each = {json.dumps(column)}"], {**outer, **inner}
    return said, table


def _flat(records: Sequence[Mapping[str, object]], prefix: str = "") -> _Table:
    table: dict[str, list[str]] = {}
    for record in records[:_SAMPLE]:
        for key, value in flattened(record, prefix):
            table.setdefault(key, []).append(as_value_text(value) or "")
    return table


def _at(record: Mapping[str, object], column: str) -> list[object]:
    found = dict(flattened(record)).get(column)
    return found if isinstance(found, list) else []


def _records(text: str) -> tuple[list[dict[str, object]], str]:
    """The records, and the path of their list from the top."""
    try:
        value = json.loads(text, parse_constant=no_number)
    except (ValueError, RecursionError):
        found = [_object(line) for line in text.splitlines()[:_SAMPLE]]
        return [one for one in found if one], ""
    if isinstance(value, dict):
        for key, member in flattened(value):
            if isinstance(member, list) and member and isinstance(member[0], dict):
                return [one for one in member if isinstance(one, dict)], key
        return [value], ""
    return [one for one in value if isinstance(one, dict)], ""


def _markup(text: str) -> tuple[list[str], _Table]:
    """HTML or XML: the first table, or element that is there more than once, which names a place."""
    from tocsin.events.sources.mapped.documents import html_samples, xml_samples  # lxml: for few reports

    is_page = re.search(r"<(html|table)\b", text, re.IGNORECASE)
    samples = (html_samples if is_page else xml_samples)(text, _SAMPLE)
    found: list[tuple[str, _Table]] = [(name, _by_column(rows)) for name, rows in samples]
    name, table = next((one for one in found if _has_place(one[1])), found[0] if found else ("", {}))
    said = [f"records = {json.dumps(name)}"] if name not in {"", "0"} else []
    return [f'format = "{"html" if is_page else "xml"}"', *said], table


def _by_column(rows: Sequence[Mapping[str, str]]) -> _Table:
    return {name: [row.get(name, "") for row in rows] for name in dict.fromkeys(name for row in rows for name in row)}


def _object(line: str) -> dict[str, object]:
    try:
        value = json.loads(line, parse_constant=no_number)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(text: str) -> tuple[list[str], _Table]:
    """Lines of text: with a separator, of key=value pairs, or whole."""
    comment = next((line[0] for line in text.splitlines() if line[:1] in {"#", ";"}), "")
    lines = [line for line in text.splitlines() if line.strip() and not (comment and line.startswith(comment))][
        :_SAMPLE
    ]
    said = [f'comment = "{comment}"'] if comment else []
    pairs = [re.findall(r'(?:^|\s)([\w.-]+)=("[^"]*"|\S*)', line) for line in lines]
    if min(map(len, pairs), default=0) > 1:
        read = [{key.lower(): value.strip('"') for key, value in one} for one in pairs]
        return ['format = "keyvalue"', *said], _by_column(read)
    counts = {one: min((line.count(one) for line in lines), default=0) for one in _SEPARATORS}
    separator = max(counts, key=lambda one: counts[one])
    blank = first_records("\n".join(lines).encode(), _SAMPLE, Dialect(" ", comment)) if not counts[separator] else []
    if blank and len(set(map(len, blank))) == 1 and len(blank[0]) > 2:
        separator = " "
    elif not counts[separator]:
        return ['format = "lines"', *said], {"line": lines}
    said += [f"separator = {json.dumps(separator)}"] if separator != "," else []
    records = first_records("\n".join(lines).encode(), _SAMPLE, Dialect(separator, comment))
    names = list(records[0])
    if any(
        _takes(goal, [value])
        for value in names
        for goal in ("source.ip", "source.network", "source.url", "time.source")
    ):
        names = [f"column{place}" for place in range(1, len(names) + 1)]
        said.append(f"names = {json.dumps(names)}")
        records = records[1:] or records  # the first is read as a header, in lower case
    else:
        records = records[1:]
    rows = [row for row in records if len(row) == len(names)]
    return said, {name: [row[place] for row in rows] for place, name in enumerate(names)}


def _file(name: str, lines: Sequence[str], table: _Table) -> str:
    stem = re.sub(r"[-_.]?\d[\d._-]{2,}\d", "*", name.rpartition("/")[2])  # days and times
    each, table = _parted(table) if not any(line.startswith("each") for line in lines) else ([], table)
    goals = _goals(table)
    nothing = sorted({value for column in goals for value in table[column]} & _NOTHING)
    mapped = [f"{_quoted(column)} = {_goal(column, goal, table)}" for column, goal in goals.items()]
    others = [column for column in table if column not in goals]
    return "\n".join(
        [
            'name = "A new feed"',
            'provider = ""',
            'tlp = "AMBER"',
            f"files = [{_quoted(stem)}]",
            *lines,
            *each,
            *([f"skip = {json.dumps(nothing)}"] if nothing else []),
            "",
            "[columns]",
            *(
                mapped
                or ["# no column looks like an address, a domain or a URL: name one, such as", '"ip" = "source.ip"']
            ),
            *(f"# {_quoted(column)} = {_other(column, goals)}  # {_example(table[column])}" for column in others),
            "",
            "[constants]",
            '"classification.type" = "undetermined"  # choose: docs/fields.md',
        ]
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _goal(column: str, goal: str, table: _Table) -> str:
    if any(value != _unpadded(value) for value in table[column]):
        return f"{{ to = {json.dumps(goal)}, drop = '{_ZEROS}' }}"
    clock = [value for value in table.get("time", ()) if value.strip()]
    if goal == "time.source" and column == "date" and clock and all(re.match(r"\d\d:\d\d", one) for one in clock):
        zone = " {tz}" if "tz" in table else ""
        return f'{{ to = "time.source", template = "{{date}} {{time}}{zone}" }}'
    return json.dumps(goal)


def _other(column: str, goals: Mapping[str, str]) -> str:
    """What a column may be that no field takes: a time in a form of its own, where there is no other."""
    if re.fullmatch(_TIME, column.rpartition(".")[2]) and "time.source" not in goals.values():
        return '{ to = "time.source", time = "%d.%m.%Y %H:%M" }'
    return '"extra.NAME"'


def _example(values: Sequence[str]) -> str:
    value = next(filter(str.strip, values), "")
    return _quoted(value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…")
