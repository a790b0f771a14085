"""X-ARF abuse reports (https://xarf.org), version 4, as JSON: one document, an array, or one a line.

Reports of version 3 are converted by the library (flag ``xarf3``); one that breaks its schema is read as far as it
goes (flag ``schema``). Those of version 0.1 and 0.2 are mails, of which `tocsin.delivery.mailbox` makes JSON.
"""

import json
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

from tocsin.events.redaction import loads, reduced, unreadable, withheld
from tocsin.events.sources import Feed, Reader
from tocsin.events.sources.delimited import FIELD_LIMIT
from tocsin.events.sources.json_records import JsonRecords, Row
from tocsin.networks import parse_network
from tocsin.node.sentences import say

NAME: Final = "xarf"
TIME_FORMAT: Final = "%+"  # ISO 8601 with a zone

# The type in the IntelMQ Data Format of each X-ARF category and type; ``*`` for all other types of a category.
TYPES: Final = {
    "connection/ddos": "ddos",
    "connection/infected_host": "infected-system",
    "connection/login_attack": "brute-force",
    "connection/port_scan": "scanner",
    "connection/reconnaissance": "scanner",
    "connection/scraping": "scanner",
    "connection/sql_injection": "exploit",
    "connection/vulnerability_scan": "scanner",
    "content/brand_infringement": "masquerade",
    "content/csam": "violence",
    "content/csem": "violence",
    "content/exposed_data": "data-leak",
    "content/fraud": "masquerade",
    "content/malware": "malware-distribution",
    "content/phishing": "phishing",
    "content/remote_compromise": "system-compromise",
    "content/suspicious_registration": "other",
    "copyright/*": "copyright",
    "infrastructure/botnet": "infected-system",
    "infrastructure/compromised_server": "system-compromise",
    "messaging/*": "spam",
    "reputation/blocklist": "blacklist",
    "reputation/threat_intelligence": "other",
    "vulnerability/*": "vulnerable-system",
}

_FIELDS: Final = {
    "timestamp": "time.source",
    "source_port": "source.port",
    "service_port": "source.port",
    "destination_ip": "destination.ip",
    "destination_port": "destination.port",
    "url": "source.url",
    "infringing_url": "source.url",
    "domain": "source.fqdn",
    "asn": "source.asn",
    "country_code": "source.geolocation.cc",
    "geographic_location": "source.geolocation.cc",
    "description": "event_description.text",
    "screenshot_url": "screenshot_url",
    "malware_family": "malware.name",
    "bot_name": "malware.name",
    "cve_id": "product.vulnerabilities",
    "severity": "severity",
}
# What versions 0.1 and 0.2 call the fields of version 4; and their report types, of whatever category.
_OF_MAILS: Final = {
    "date": "timestamp",
    "source": "source_identifier",
    "destination": "destination_ip",
    "port": "destination_port",
    "report-id": "report_id",
}
_TYPES_OF_MAILS: Final = {
    "bot-infection": ("infrastructure", "botnet"),
    "botnet-infection": ("infrastructure", "botnet"),
    "copyright": ("copyright", "copyright"),
    "ddos": ("connection", "ddos"),
    "dos": ("connection", "ddos"),
    "harvesting": ("connection", "scraping"),
    "login-attack": ("connection", "login_attack"),
    "malware": ("content", "malware"),
    "malware-attack": ("connection", "infected_host"),
    "phishing": ("content", "phishing"),
    "port-scan": ("connection", "port_scan"),
    "portscan": ("connection", "port_scan"),
    "spam": ("messaging", "spam"),
    "spamvertized": ("messaging", "spam"),
    "web-attack": ("connection", "vulnerability_scan"),
}

_IDENTIFIERS: Final = ("cve_id", "service", "malware_family", "bot_name", "threat_type", "compromise_type")
_TRANSPORTS: Final = {"tcp", "udp", "icmp", "sctp", "dccp", "gre"}


class Xarf:
    """The source (`tocsin.events.sources.FeedSource`); any name is one of its feeds."""

    name = NAME

    def recognise(self, filename: str, head: bytes) -> str | None:
        """``xarf`` when the head is JSON with what every X-ARF report has."""
        del filename
        json_like = head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"{", b"["))
        marks = (b'"xarf_version"', b'"ReporterInfo"')
        return NAME if json_like and any(mark in head.replace(b"\x00", b"") for mark in marks) else None

    def feed(self, code: str) -> Feed:
        """A feed of that name; its reports say themselves who provides them."""
        return Feed(source=NAME, code=code, name=code, time_format=TIME_FORMAT)

    def open(self, code: str, stream: BinaryIO, chunk_bytes: int, field_limit: int = FIELD_LIMIT) -> Reader:
        """A reader of one report."""
        from xarf import XARFv3DeprecationWarning

        del code
        warnings.simplefilter("ignore", XARFv3DeprecationWarning)  # said by a flag, of each report
        return JsonRecords(stream, chunk_bytes, xarf_values, field_limit, kept=_kept)


def source(_: Sequence[Path] = ()) -> Xarf:
    """The source, as the registry asks for it."""
    return Xarf()


def xarf_values(given: dict[str, object]) -> Row:
    """The values of one report by field name.

    Raises:
        ValueError: it is no X-ARF report.

    """
    from xarf import XARFParseError, convert_v3_to_v4, is_v3_report, parse

    if "xarf_version" not in given and "ReporterInfo" not in given:
        raise ValueError(say("This is no X-ARF report: it has no xarf_version."))
    if why := withheld(given):
        raise ValueError(why)
    report, flags = reduced(given), []
    if str(given.get("xarf_version")).startswith("0."):
        return _values(_of_mail(report))
    if is_v3_report(given):
        evidence = report["Report"].pop("Evidence", []) if isinstance(report["Report"], dict) else []
        try:
            report = convert_v3_to_v4(report) | ({"evidence": evidence} if evidence else {})
        except (XARFParseError, AttributeError, KeyError, TypeError) as error:
            raise ValueError(
                say("This X-ARF report of version 3 cannot be converted: %(error)s", error=error)
            ) from error
        flags.append("xarf3")
        for made_up in ("report_id", "_internal"):  # differ at every conversion
            report.pop(made_up, None)
    elif parse(report).errors:
        flags.append("schema")
    return _values(report) | {"flags": " ".join(flags)}


def _of_mail(report: dict[str, object]) -> dict[str, object]:
    """A report of version 0.1 or 0.2 with the names of version 4."""
    made = {_OF_MAILS.get(name, name): value for name, value in report.items()}
    category, kind = str(made.get("category", "")), str(made.get("type", "")).lower()
    made["category"], made["type"] = _TYPES_OF_MAILS.get(kind, (category, kind))
    reporter = str(made.pop("reported-from", "")).rpartition("@")[2]
    return made | {"reporter": {"org": reporter or None}, "tags": [f"tlp:{made.pop('tlp')}"] if "tlp" in made else []}


def _kept(raw: str) -> str:
    """What may be set aside of a record, also where its bytes hid it: a piece that is not JSON may be of any report."""
    try:
        value = loads(raw)
        kept = reduced(value)
        return raw if kept == value else json.dumps(kept)
    except (ValueError, RecursionError):
        return json.dumps(unreadable())


def _values(report: dict[str, object]) -> dict[str, object]:
    category, kind = str(report.pop("category", "")), str(report.pop("type", ""))
    values: dict[str, object] = {
        "classification.type": TYPES.get(f"{category}/{kind}") or TYPES.get(f"{category}/*", "undetermined"),
        "classification.identifier": next((report[name] for name in _IDENTIFIERS if report.get(name)), kind),
        **_asset(str(report.pop("source_identifier", "") or "")),
    }
    if category in {"connection", "vulnerability"} and report.get("service"):
        values["protocol.application"] = report["service"]
    if protocol := report.pop("protocol", None):
        layer = "transport" if str(protocol).lower() in _TRANSPORTS else "application"
        values[f"protocol.{layer}"] = protocol
    reporter = report.get("reporter")
    if isinstance(reporter, dict):
        values["feed.provider"] = reporter.get("org")
    values |= _labels(report.get("tags"))
    for name, value in report.items():
        field = _FIELDS.get(name)
        if field and field not in values and not isinstance(value, dict | list):
            values[field] = value
        elif value != values.get(field or ""):
            values[f"extra.{name}"] = value
    values["extra.category"], values["extra.type"] = category, kind
    return values


def _labels(tags: object) -> dict[str, object]:
    """The markings among the tags, such as ``tlp:amber``; of several a label that nobody knows, thus the strictest."""
    said = sorted({str(tag).strip().lower() for tag in tags}) if isinstance(tags, list) else []
    found = {name: [tag for tag in said if tag.startswith(f"{name}:")] for name in ("tlp", "pap")}
    return {name: " ".join(labels) for name, labels in found.items() if labels}


def _asset(identifier: str) -> dict[str, object]:
    """The field that a source identifier belongs to: an address, a network, a URL, a mailbox or a domain."""
    if parse_network(identifier):
        return {"source.ip": identifier}
    if "://" in identifier:
        return {"source.url": identifier}
    if "@" in identifier:
        return {"source.account": identifier, "source.fqdn": identifier.rpartition("@")[2]}
    host, _, port = identifier.rpartition(":")
    if re.fullmatch("[0-9]{1,5}", port) and host:
        return {"source.ip" if parse_network(host) else "source.fqdn": host, "source.port": port}
    return {"source.fqdn": identifier}
