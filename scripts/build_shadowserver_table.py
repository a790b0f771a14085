"""Make the Shadowserver mapping table from the feed's published report schema.

    python scripts/build_shadowserver_table.py SCHEMA.json REPORTS.json > src/tocsin/events/sources/shadowserver.tsv

SCHEMA.json says for each report type which column goes to which field, REPORTS.json which columns it has today. The
table keeps the vocabulary of columns once, and of each report type only what differs from it.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TypedDict

# How the schema's conversions are called in the table; those not named here say nothing beyond the field's own kind.
CONVERSIONS = {
    "convert_int": "integer",
    "convert_float": "float",
    "convert_bool": "boolean",
    "invalidate_zero": "nonzero",
    "convert_date": "time",
    "convert_date_utc": "time",
    "force_base64": "base64",
    "validate_fqdn": "name",
    "extract_cve_from_tag": "cves",
    "convert_http_host_and_url": "url",
    "scan_exchange_type": "webshell",
}
# The exchange types follow from one conversion; a network in a column of addresses is found by its form.
LEFT_OUT = {"scan_exchange_taxonomy", "scan_exchange_identifier", "validate_network"}
UNTYPED = {"validate_ip", "add_UTC_to_timestamp"}

# Where we say more than the schema, or otherwise. Reports without an address name who must know in another column; in
# sinkhole reports family and tag stand in when the infection is not named.
OURS = {
    ("compromised_account", "email"): "source.fqdn:host extra.email",
    ("ransomware_victim", "website"): "source.fqdn:host extra.website",
    ("sandbox_dns", "request"): "source.fqdn:name extra.request",
    **{
        (f"{sinkhole}{kind}", column): goals
        for sinkhole in ("event4_sinkhole", "event6_sinkhole", "event4_microsoft_sinkhole")
        for kind in ("", "_http", "_http_referer")
        for column, goals in {"family": "malware.name", "tag": "classification.identifier extra.tag"}.items()
        if (sinkhole, kind) != ("event4_microsoft_sinkhole", "_http_referer")
    },
    # Columns of older reports, which archives still hold.
    ("malware_url", "host"): "source.fqdn:name",
    ("phish_url", "host"): "source.fqdn:name",
    ("sandbox_conn", "host"): "destination.fqdn:name",
    ("sandbox_url", "host"): "destination.fqdn:name",
    ("sandbox_dns", "type"): "extra.dns_query_type",
    ("scan_ubiquiti", "size"): "extra.response_size:integer",
}
FORMER_COLUMNS = {
    "md5hash": "malware.hash.md5",
    "sic": "extra.sic:nonzero",
    "size": "extra.size:integer",
    "bluekeep_vulnerable": "extra.bluekeep_vulnerable:boolean",
    "cve20190708_vulnerable": "extra.cve20190708_vulnerable:boolean",
    "smb_implant": "extra.smb_implant:boolean",
}
FORMER_REPORTS: dict[str, "Report"] = {
    "phish_url": {
        "feed_name": "Phish-URL",
        "file_name": "phish_url",
        "constant_fields": {"classification.type": "phishing", "classification.identifier": "phish-url"},
        "required_fields": [["source.url", "url", "convert_http_host_and_url"]],
        "optional_fields": [],
    },
}
FORMER_HEADERS = {"phish_url": "timestamp url host ip asn geo region city naics sector source".split()}


class Report(TypedDict):
    """What the schema says of a report type."""

    feed_name: str
    file_name: str
    constant_fields: dict[str, str]
    required_fields: list[list[str]]
    optional_fields: list[list[str]]


def goal(field: str | None, column: str, conversion: str) -> str:
    """Where a column goes, as the table writes it."""
    named = f"extra.{column}" if field in {None, "", "extra."} else str(field)
    word = CONVERSIONS.get(conversion, "")
    if word in {"nonzero", "integer"} and not named.startswith("extra."):
        return named  # the field's own kind says it
    return f"{named}:{word}" if word else named


def targets(report: Report) -> dict[str, str]:
    """Where each column of a report type goes."""
    found: dict[str, set[str]] = {}
    for field, column, *more in report["required_fields"] + report["optional_fields"]:
        conversion = more[0] if more else ""
        goals = found.setdefault(column, set())
        if conversion not in LEFT_OUT or (conversion == "validate_network" and column == "network"):
            goals.add(goal(field, column, conversion))
    order = {
        column: sorted(goals, key=lambda goal: (goal.startswith("extra."), goal)) for column, goals in found.items()
    }
    return {column: " ".join(goals) for column, goals in order.items()}


def main() -> None:
    schema, headers = (json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:3])
    schema.pop("_meta", None)
    rows: dict[str, Report] = {report["file_name"]: report for report in schema.values()} | FORMER_REPORTS
    fields = {code: header["fields"] for code, header in headers.items()} | FORMER_HEADERS
    mappings = {code: targets(report) for code, report in rows.items()}
    votes: dict[str, Counter[str]] = {}
    for mapping in mappings.values():
        for column, goals in mapping.items():
            votes.setdefault(column, Counter())[goals] += 1
    for (code, column), goals in OURS.items():
        mappings[code][column] = goals
    vocabulary = {column: count.most_common(1)[0][0] for column, count in votes.items()}
    for column, goals in FORMER_COLUMNS.items():
        if vocabulary.get(column, f"extra.{column}") == f"extra.{column}":
            vocabulary[column] = goals

    print("# Shadowserver reports; made by scripts/build_shadowserver_table.py")
    print("# column: name, where it goes (FIELD or FIELD:CONVERSION); a column not named goes to extra.NAME")
    for column, goals in sorted(vocabulary.items()):
        if goals != f"extra.{column}":
            print("column", column, goals, sep="\t")
    print(
        "# report: code, name, type, identifier, application, transport, what differs (COLUMN=GOALS;…), columns today"
    )
    same: dict[str, str] = {}
    for code, report in sorted(rows.items(), key=lambda item: (item[0].replace("6_", "_"), item[0])):
        constants = report["constant_fields"]
        differs = ";".join(
            f"{column}={goals}"
            for column, goals in sorted(mappings[code].items())
            if goals != vocabulary.get(column, f"extra.{column}")
        )
        columns = " ".join(fields[code])
        shown = f"={same[columns]}" if columns in same else columns
        same.setdefault(columns, code)
        print(
            "report",
            code,
            report["feed_name"],
            constants.get("classification.type", ""),
            constants.get("classification.identifier", ""),
            constants.get("protocol.application", "").lower(),
            constants.get("protocol.transport", ""),
            differs,
            shown,
            sep="\t",
        )


if __name__ == "__main__":
    main()
