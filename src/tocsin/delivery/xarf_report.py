"""Events as X-ARF v4 reports, one source each, checked by the ``xarf`` library before they leave.

Each event's type is told as the X-ARF type that says the same, where the event has what that type requires; else as
``reputation/threat_intelligence``, which requires only the kind of threat.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from tocsin.networks import parse_address
from tocsin.node.errors import InputError
from tocsin.sharing.gate import read_marking

_VERSION = "4.2.0"
_LONGEST = 200  # characters of a name
_TRANSPORTS = frozenset({"tcp", "udp", "icmp", "sctp"})

Idf = Mapping[str, object]
Report = dict[str, object]
Shape = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class XarfSender:
    """Who reports."""

    name: str
    contact: str

    @property
    def block(self) -> dict[str, str]:
        """As X-ARF writes it."""
        return {"org": self.name[:200], "contact": self.contact, "domain": self.contact.rpartition("@")[2]}


def xarf_reports(events: Sequence[Idf], sender: XarfSender) -> Iterator[bytes]:
    """A JSON document for each event.

    Raises:
        InputError: an event cannot be written as X-ARF at all, since it names no source.

    """
    checked: dict[Shape, str] = {}
    for event in events:
        yield json.dumps(_valid_report(event, sender, checked), ensure_ascii=False, indent=1).encode("utf-8", "replace")


def _valid_report(event: Idf, sender: XarfSender, checked: dict[Shape, str]) -> Report:
    """The closest report that is valid; ``checked`` remembers what is wrong with each shape, which is costly to ask."""
    import xarf

    core = _core(event, sender)
    error = ""
    for specific in _candidates(event):
        report = {**core, **specific}
        shape = _shape(report)
        if shape not in checked:
            checked[shape] = "; ".join(str(error) for error in xarf.parse(report).errors)
        error = checked[shape]
        if not error:
            return report
    raise InputError(f"Event {event.get('event')} cannot be written as X-ARF: {error}")


def _shape(report: Report) -> Shape:
    """What the schemas decide by: which keys there are, and the values that they look at.

    The other values are made here in the form that the schemas want: addresses, times, numbers in range, short text.
    """
    looked_at = ("category", "type", "protocol", "url", "tags")
    is_address = parse_address(str(report["source_identifier"])) is not None
    return frozenset(report), is_address, *(str(report.get(name)) for name in looked_at)


def _core(event: Idf, sender: XarfSender) -> Report:
    """What every report has; RFC 4122 identity from the event, so that a repeat is recognised."""
    payload = json.dumps(dict(event), ensure_ascii=False).encode("utf-8", "replace")
    report: Report = {
        "xarf_version": _VERSION,
        "report_id": event["event"],
        "timestamp": _when(event),
        "reporter": sender.block,
        "sender": sender.block,
        "source_identifier": _source(event),
        "description": f"{event.get('classification.type', 'other')}: {_name(event)}",
        "evidence": [
            {
                "content_type": "application/json",
                "description": "The event under the field names of the IntelMQ Data Format",
                "payload": base64.b64encode(payload).decode("ascii"),
                "hash": f"sha256:{hashlib.sha256(payload).hexdigest()}",
            }
        ],
        "tags": [label.lower() for label in read_marking(_text(event, "tlp"), _text(event, "pap")).labels],
    }
    if isinstance(accuracy := event.get("feed.accuracy"), float):
        report["confidence"] = max(0.0, min(1.0, accuracy / 100))
    if event.get("source.port"):
        report["source_port"] = event["source.port"]
    return report


def _candidates(event: Idf) -> Iterator[Report]:
    """What the types of X-ARF that fit the event require, the closest first."""
    kind = str(event.get("rsit.type") or event.get("classification.type") or "other")
    maker = _MAKERS.get(kind)
    if maker is not None:
        yield {name: value for name, value in maker(event).items() if value is not None}
    yield {"category": "reputation", "type": "threat_intelligence", "threat_type": _THREATS.get(kind, kind)}


def _botnet(event: Idf) -> Report:
    return {
        "category": "infrastructure",
        "type": "botnet",
        "compromise_evidence": f"Traffic or traces of {_name(event)} seen by {event.get('feed.provider', 'a feed')}",
        "malware_family": (_text(event, "malware.name") or "")[:_LONGEST] or None,
        "c2_server": event.get("destination.fqdn") or event.get("destination.ip"),
    }


def _compromised(event: Idf) -> Report:
    return {"category": "infrastructure", "type": "compromised_server", "compromise_method": _name(event)}


def _content(kind: str, event: Idf) -> Report:
    return {"category": "content", "type": kind, "url": event.get("source.url")}


def _connection(kind: str, event: Idf) -> Report:
    transport = event.get("protocol.transport")
    return {
        "category": "connection",
        "type": kind,
        "protocol": transport if transport in _TRANSPORTS else None,
        "first_seen": _when(event),
        "destination_ip": event.get("destination.ip"),
        "destination_port": event.get("destination.port") or None,
    }


def _service(kind: str, event: Idf) -> Report:
    return {
        "category": "vulnerability",
        "type": kind,
        "service": (_text(event, "protocol.application") or "")[:_LONGEST] or _name(event),
    }


def _blocklist(event: Idf) -> Report:
    return {"category": "reputation", "type": "blocklist", "threat_type": _name(event)}


_MAKERS = {
    "infected-system": _botnet,
    "malware": _botnet,
    "system-compromise": _compromised,
    "application-compromise": _compromised,
    "privileged-account-compromise": _compromised,
    "unprivileged-account-compromise": _compromised,
    "malware-distribution": lambda event: _content("malware", event),
    "malware-configuration": lambda event: _content("malware", event),
    "phishing": lambda event: _content("phishing", event),
    "scanner": lambda event: _connection("port_scan", event),
    "brute-force": lambda event: _connection("login_attack", event),
    "ddos": lambda event: _connection("ddos", event),
    "dos": lambda event: _connection("ddos", event),
    "vulnerable-system": lambda event: _service("open_service", event),
    "ddos-amplifier": lambda event: _service("open_service", event),
    "potentially-unwanted-accessible": lambda event: _service("open_service", event),
    "information-disclosure": lambda event: _service("open_service", event),
    "weak-crypto": lambda event: _service("misconfiguration", event),
    "misconfiguration": lambda event: _service("misconfiguration", event),
    "blacklist": _blocklist,
    "blocklist": _blocklist,
}
_THREATS = {"c2-server": "command_and_control"}


def _name(event: Idf) -> str:
    for field in ("malware.name", "classification.identifier", "classification.type"):
        if event.get(field):
            return str(event[field])[:_LONGEST]
    return "unknown"


def _text(event: Idf, field: str) -> str | None:
    value = event.get(field)
    return None if value is None else str(value)


def _when(event: Idf) -> object:
    return event.get("time.source") or event.get("time.observation") or "1970-01-01T00:00:00+00:00"


def _source(event: Idf) -> str:
    """The address, or whatever else names the source."""
    for field in ("source.ip", "source.network", "source.fqdn"):
        if event.get(field):
            return str(event[field])
    if event.get("source.url"):
        return _host(str(event["source.url"]))
    return f"AS{event['source.asn']}" if event.get("source.asn") else str(event.get("source.account", "unknown"))


def _host(url: str) -> str:
    """The host of a URL, or the whole where it has none."""
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url
