"""Mapping files for the settings that others' parsers of any CSV, HTML table or key=value lines get in their tests."""

import json
import re
from collections.abc import Mapping, Sequence

_TIMES = {"windows_nt": "", "epoch_millis": "", "timestamp": ""}
"""What is read without a format."""


def mapping_of(parser: str, settings: Mapping[str, object], head: bytes) -> str:
    """The mapping file that says what the settings say; nothing for other parsers."""
    if parser == "key_value.parser":
        return _key_value(settings)
    if parser == "n6:ManualParser":
        return _manual(settings)
    return _table(parser, settings, head) if parser in {"generic.parser_csv", "html_table.parser"} else ""


def _listed(value: object) -> list[str]:
    return [one.strip() for one in value.split(",")] if isinstance(value, str) else list(value or [])  # type: ignore[call-overload]


def _object(value: object) -> Mapping[str, str]:
    found = json.loads(value) if isinstance(value, str) and value else value
    return found if isinstance(found, dict) else {}


def _quoted(text: object) -> str:
    return json.dumps(str(text))


def _key_value(settings: Mapping[str, object]) -> str:
    equals, between = settings.get("kv_separator", "="), settings.get("pair_separator", " ")
    goals = _object(settings["keys"]).items()
    if settings.get("strip_quotes") is False:  # then they are no signs of the format
        rules = [f"{{ to = {_quoted(goal)}, pattern = {_quoted(f'(?:^| ){key}=([^ ]+)')} }}" for key, goal in goals]
        return f'format = "lines"\n[columns]\nline = [{", ".join(rules)}]'
    columns = [f"{_quoted(key)} = {_quoted(goal)}" for key, goal in goals]
    said = ['format = "keyvalue"', f"equals = {_quoted(equals)}", f"separator = {_quoted(between)}"]
    return "\n".join([*said, "[columns]", *columns])


def _manual(settings: Mapping[str, object]) -> str:
    meta: Mapping[str, Mapping[str, str]] = settings["meta"]  # type: ignore[assignment]  # as n6's headers are
    how, every = meta["parsing_info"], meta["event_base"]
    goals = {"time": "time.source", "ip": "source.ip", "dip": "destination.ip", "fqdn": "source.fqdn"}
    names = [f"{name}{place}" for place, name in enumerate(how["column_spec"].split(","))]
    columns = [f'"{name}" = "{goals[name.rstrip("0123456789")]}"' for name in names if name[0] != "-"]
    types = {"bots": "infected-system"}
    return "\n".join(
        [
            f"separator = {_quoted(how['field_separator'])}",
            f"comment = {_quoted(how['comment_prefix'])}",
            f"time_format = {_quoted(how['time_format'])}",
            f"names = {json.dumps(names)}",
            "[columns]",
            *columns,
            "[constants]",
            f'"classification.type" = "{types[every["category"]]}"',
            f'"extra.origin" = {_quoted(every["origin"])}',
        ]
    )


def _table(parser: str, settings: Mapping[str, object], head: bytes) -> str:
    goals = _listed(settings["columns"])
    names = [f"c{place}" for place in range(len(goals))]
    separator = settings.get("delimiter", ",")
    skipped = int(settings.get("skip_header") or 0)  # type: ignore[call-overload]  # a number or a Boolean
    said = [f"names = {json.dumps(names)}", 'scheme = "http"']
    if parser == "html_table.parser":
        name, value = settings.get("attribute_name"), settings.get("attribute_value")
        said += ['format = "html"', f"records = {_quoted(f'{name}={value}' if name else '0')}"]
    else:
        said += [f"separator = {_quoted(separator)}", 'comment = "#"', f"skip_lines = {skipped}"]
    constants = {**_object(settings.get("default_fields"))}
    if kind := settings.get("type"):
        constants["classification.type"] = str(kind)
    translations = _object(settings.get("type_translation"))
    ignored = _listed(settings.get("ignore_values"))
    columns = [
        f"{name} = {_rule(goal, settings, ignored[place : place + 1], head)}"
        for place, (name, goal) in enumerate(zip(names, goals, strict=True))
        if goal != "__IGNORE__" and not (goal == "classification.type" and translations)
    ]
    columns += [
        f'"made{place}" = {{ to = "{goal}", template = {_quoted(_named(template, names))} }}'
        for place, (goal, template) in enumerate(_object(settings.get("compose_fields")).items())
    ]
    values = [
        f'[values.c{goals.index("classification.type")}]\n{_quoted(value)} = {{ "classification.type" = "{kind}" }}'
        for value, kind in translations.items()
    ]
    fixed = [f"{_quoted(name)} = {_quoted(value)}" for name, value in constants.items()]
    return "\n".join([*said, "[columns]", *columns, *values, "[constants]", *fixed])


def _named(template: str, names: Sequence[str]) -> str:
    return template.format(*(f"{{{name}}}" for name in names))


def _rule(goal: str, settings: Mapping[str, object], ignored: Sequence[str], head: bytes) -> str:
    pattern = _object(settings.get("column_regex_search")).get(goal, "")
    kind = _object(settings.get("data_type")).get(goal, "")
    several = goal.split("|")
    parts = [f"to = {json.dumps([f'{one}:{kind}' if kind else one for one in several])}"]
    if len(several) > 1:
        parts.append('take = "first"')
    if pattern:
        parts.append(f"pattern = {_quoted(pattern)}")
    if any(ignored):
        parts.append(f"skip = {json.dumps(list(ignored))}")
    if goal == settings.get("split_column"):
        parts.append(f"drop = {_quoted('^.*?' + re.escape(str(settings['split_separator'])) + ' *')}")
    if goal == "time.source" == _listed(settings["columns"])[0] and _without_year(settings, head):
        parts.append('template = "2026-{c0}"')  # as the cases were read in that year
    elif goal == "time.source" and (given := _time(settings, head)):
        parts.append(f"time = {_quoted(given)}")
    return f"{{ {', '.join(parts)} }}"


def _without_year(settings: Mapping[str, object], head: bytes) -> bool:
    return b"02-15<" in head and settings.get("attribute_name") != "class"


def _time(settings: Mapping[str, object], head: bytes) -> str:
    """The format of the times, which others guess where it is not said."""
    said = str(settings.get("time_format") or "")
    guessed = {b"15-02-2019": "%d-%m-%Y", b"01/Aug/2018": "%d/%b/%Y:%H:%M:%S %z"}
    return _TIMES.get(said, said.rpartition("|")[2]) or next((one for text, one in guessed.items() if text in head), "")
