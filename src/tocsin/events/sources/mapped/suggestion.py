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
_BY_NAME: Final = {
    r"(time|date|seen|when|timestamp|ts|first.?seen|last.?seen|detected|created)": "time.source",
    r"(d(e?st)?|destination|remote|server)[_. -]?(ip|addr.*)": "destination.ip",
    r"(d(e?st)?|destination|remote|server)[_. -]?port|dpt": "destination.port",
    r"(.*[_. -])?(ip|addr(ess)?|ipv4|ipv6)([_. -]addr(ess)?)?": "source.ip",
    r"(.*[_. -])?port|spt": "source.port",
    r"(.*[_. -])?asn?([_. -]?num(ber)?)?": "source.asn",
    r"as[_. -]?name|asn[_. -]?name": "source.as_name",
    r"(.*[_. -])?(cc|country([_. -]?code)?|geo)": "source.geolocation.cc",
    r"city": "source.geolocation.city",
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
_DAY: Final = r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d"
_ADDRESS: Final = r"(?:\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F]{1,4}:[0-9a-fA-F:]*:[0-9a-fA-F.:]*"
_BY_VALUE: Final = ("source.ip", "source.network", "source.url", "time.source", "source.fqdn")


def suggestion(name: str, head: bytes) -> str:
    """A mapping file for a report of which the first bytes are given."""
    text = as_text(head)[0].lstrip("\ufeff")
    start = text.lstrip()[:1]
    if start in {"{", "["} and (found := _json(text)):
        lines, table = found
    elif start == "<":
        return _file(name, ['format = "html"'], {"name of a column": "source.ip"})
    else:
        lines, table = _text(text)
        if not _PLACES & set(_goals(table).values()) and (found := _log(text)):
            lines, table = found
    return _file(name, lines, _goals(table))


def _log(text: str) -> tuple[list[str], Mapping[str, list[str]]] | None:
    """A pattern for lines that have an address somewhere, as those of logs; nothing when few have one."""
    lines = [line for line in text.splitlines() if line.strip()][:_SAMPLE]
    dated = sum(bool(re.match(_DAY, line)) for line in lines) > len(lines) / 2
    pattern = (f"^(?P<time>{_DAY})" if dated else "") + rf".*?(?:^|[^\w.:])(?P<ip>{_ADDRESS})"
    fitting = [found for line in lines if (found := re.search(pattern, line))]
    if not fitting or len(fitting) <= len(lines) / 2:
        return None
    names = ["time", "ip"] if dated else ["ip"]
    table = {name: [found[name] for found in fitting] for name in names}
    return ['format = "lines"', f"pattern = '{pattern.replace('(?P<', '(?<')}'"], table


def _goals(table: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """For each column the field that its name and values speak of; none twice."""
    taken: dict[str, str] = {}
    for column, values in table.items():
        by_name = [goal for pattern, goal in _BY_NAME.items() if re.fullmatch(pattern, column.rpartition(".")[2])]
        goal = next(
            (goal for goal in (*by_name, *_BY_VALUE) if goal not in taken.values() and _takes(goal, values)), ""
        )
        if goal:
            taken[column] = goal
    return taken


def _takes(goal: str, values: Sequence[str]) -> bool:
    texts = pl.Series([value for value in values if value.strip()], dtype=pl.String)
    if not len(texts):
        return False
    field = BY_NAME[goal]
    if field.kind is FieldKind.IP:
        return bool(parse_addresses(texts)[2].mean() >= 0.5)
    if field.kind is FieldKind.NETWORK and not texts.str.contains("/").any():
        return False
    return read_values(texts, field, "%Y-%m-%d %H:%M:%S")[0].null_count() <= len(texts) / 2


def _json(text: str) -> tuple[list[str], Mapping[str, list[str]]] | None:
    """The format's lines and the first records; nothing when it is no JSON."""
    records, path = _records(text)
    if not records:
        return None
    table: dict[str, list[str]] = {}
    for record in records[:_SAMPLE]:
        for key, value in flattened(record):
            table.setdefault(key, []).append(as_value_text(value) or "")
    return ['format = "json"', *([f'records = "{path}"'] if path else [])], table


def _records(text: str) -> tuple[list[dict[str, object]], str]:
    try:
        value = json.loads(text, parse_constant=no_number)
    except (ValueError, RecursionError):
        found = [_object(line) for line in text.splitlines()[:_SAMPLE]]
        return [one for one in found if one], ""
    if isinstance(value, dict):
        for key, member in value.items():
            if isinstance(member, list) and member and isinstance(member[0], dict):
                return [one for one in member if isinstance(one, dict)], key
        return [value], ""
    return [one for one in value if isinstance(one, dict)], ""


def _object(line: str) -> dict[str, object]:
    try:
        value = json.loads(line, parse_constant=no_number)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(text: str) -> tuple[list[str], Mapping[str, list[str]]]:
    """Lines of text: with a separator, of key=value pairs, or whole."""
    comment = next((line[0] for line in text.splitlines() if line[:1] in {"#", ";"}), "")
    lines = [line for line in text.splitlines() if line.strip() and not (comment and line.startswith(comment))][
        :_SAMPLE
    ]
    said = [f'comment = "{comment}"'] if comment else []
    separator = max(_SEPARATORS, key=lambda one: min((line.count(one) for line in lines), default=0))
    if not lines or not lines[0].count(separator):
        if lines and len(re.findall(r"\w=\S", lines[0])) > 1:
            pairs = [re.findall(r'([\w.-]+)=("[^"]*"|\S*)', line) for line in lines]
            keys = dict.fromkeys(key.lower() for one in pairs for key, _ in one)
            table = {name: [v.strip('"') for one in pairs for key, v in one if key.lower() == name] for name in keys}
            return ['format = "keyvalue"', *said], table
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
    else:
        records = records[1:]
    rows = [row for row in records if len(row) == len(names)]
    return said, {name: [row[place] for row in rows] for place, name in enumerate(names)}


def _file(name: str, lines: Sequence[str], goals: Mapping[str, str]) -> str:
    stem = re.sub(r"[-_.]?\d[\d._-]{2,}\d", "*", name.rpartition("/")[2])  # days and times
    mapped = [f"{json.dumps(column, ensure_ascii=False)} = {json.dumps(goal)}" for column, goal in goals.items()]
    return "\n".join(
        [
            'name = "A new feed"',
            'provider = ""',
            'tlp = "AMBER"',
            f"files = [{json.dumps(stem, ensure_ascii=False)}]",
            *lines,
            "",
            "[columns]",
            *(
                mapped
                or ["# no column looks like an address, a domain or a URL: name one, such as", '"ip" = "source.ip"']
            ),
            "",
            "[constants]",
            '"classification.type" = "undetermined"  # choose: docs/fields.md',
        ]
    )
