"""Alerts in IDEA (https://idea.cesnet.cz), as Warden hands them out: an event for each category and source address.

Files that are attached are not kept, only what describes them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_address, summarize_address_range
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

from tocsin.events.encoding import as_text
from tocsin.events.sources import MOST_EVENTS, Feed, Reader
from tocsin.events.sources.delimited import FIELD_LIMIT
from tocsin.events.sources.json_records import JsonEvents, Row
from tocsin.node.sentences import say

NAME: Final = "idea"

# The type in the IntelMQ Data Format of each category; a part before the point stands for what is not listed.
CATEGORIES: Final = {
    "Abusive": "spam",
    "Abusive.Harassment": "harmful-speech",
    "Abusive.Sexual": "violence",
    "Abusive.Violence": "violence",
    "Malware": "infected-system",
    "Recon": "scanner",
    "Recon.Sniffing": "sniffing",
    "Recon.SocialEngineering": "social-engineering",
    "Attempt": "exploit",
    "Attempt.Login": "brute-force",
    "Attempt.NewSignature": "ids-alert",
    "Intrusion": "system-compromise",
    "Intrusion.AdminCompromise": "privileged-account-compromise",
    "Intrusion.UserCompromise": "unprivileged-account-compromise",
    "Intrusion.AppCompromise": "application-compromise",
    "Intrusion.Botnet": "infected-system",
    "Availability": "dos",
    "Availability.DDoS": "ddos",
    "Availability.Outage": "outage",
    "Availability.Sabotage": "sabotage",
    "Information.UnauthorizedAccess": "unauthorised-information-access",
    "Information.UnauthorizedModification": "unauthorised-information-modification",
    "Fraud": "masquerade",
    "Fraud.Copyright": "copyright",
    "Fraud.Phishing": "phishing",
    "Fraud.UnauthorizedUsage": "unauthorized-use-of-resources",
    "Vulnerable": "vulnerable-system",
    "Anomaly": "other",
    "Other": "other",
    "Test": "test",
}
_TRANSPORTS: Final = {"tcp", "udp", "icmp", "sctp", "gre", "igmp"}
_TAKEN: Final = {"Category", "DetectTime", "Source", "Description", "Attach", "Format"}


class Idea:
    """The source (`tocsin.events.sources.FeedSource`); any name is one of its feeds."""

    name = NAME

    def recognise(self, filename: str, head: bytes) -> str | None:
        """``idea`` when the first object says that it is of the format."""
        del filename
        text = as_text(head.removeprefix(b"\xef\xbb\xbf"))[0].lstrip("[ \r\n\t")
        try:
            first, _ = json.JSONDecoder().raw_decode(text)
        except (ValueError, RecursionError):
            return None
        return NAME if isinstance(first, dict) and str(first.get("Format")).startswith("IDEA") else None

    def feed(self, code: str) -> Feed:
        """A feed of that name; its alerts say themselves which nodes they passed."""
        return Feed(source=NAME, code=code, name=code, time_format="%+")

    def open(self, code: str, stream: BinaryIO, chunk_bytes: int, field_limit: int = FIELD_LIMIT) -> Reader:
        """A reader of one report."""
        del code
        return JsonEvents(stream, chunk_bytes, _events, field_limit)


def source(_: Sequence[Path] = ()) -> Idea:
    """The source, as the registry asks for it."""
    return Idea()


def _events(alert: dict[str, object]) -> list[Row]:
    """An event for each category and each address, domain or URL of a source."""
    found = (asset for one in _objects(alert, "Source") for asset in _assets(one))
    assets = list(islice(found, MOST_EVENTS))
    if not assets:
        raise ValueError(say("It names no source."))
    common = {**_target(_objects(alert, "Target")), **_more(alert)}
    types = dict.fromkeys(map(type_of_category, _texts(alert, "Category"))) or {"undetermined": None}
    events = ({**common, **asset, "classification.type": _by_asset(kind, asset)} for kind in types for asset in assets)
    return list(islice(events, MOST_EVENTS))


def _more(alert: Mapping[str, object]) -> Row:
    """What is said of all sources."""
    attached = [{name: value for name, value in one.items() if name != "Content"} for one in _objects(alert, "Attach")]
    extra = {name: value for name, value in alert.items() if name not in _TAKEN}
    return {
        "time.source": alert.get("DetectTime"),
        "event_description.text": alert.get("Description") or alert.get("Note"),
        "extra": {**extra, **({"Attach": attached} if attached else {})},
    }


def type_of_category(category: str) -> str:
    """The type of a category, of what stands before its point where it is not listed, or ``undetermined``."""
    return CATEGORIES.get(category) or CATEGORIES.get(category.partition(".")[0], "undetermined")


def _by_asset(kind: str, asset: Row) -> str:
    """Malware at a URL is handed out there."""
    return "malware-distribution" if kind == "infected-system" and "source.url" in asset else kind


def _assets(one: Mapping[str, object]) -> Iterator[dict[str, object]]:
    """A source's addresses, each with its first domain and URL; where it has none these by themselves."""
    domains, urls, accounts = _texts(one, "Hostname"), _texts(one, "URL"), _texts(one, "Email")
    rest = {**_first("source.fqdn", domains), **_first("source.url", urls), **_first("source.account", accounts)}
    rest |= {**_protocols(one), **_first("source.port", _texts(one, "Port"))}
    addresses = [part for name in ("IP4", "IP6", "IP") for text in _texts(one, name) for part in networks_between(text)]
    for address in addresses:
        yield {"source.ip": address, **rest}
    if not addresses and (domains or urls):
        yield rest


def networks_between(text: str) -> list[str]:
    """A range as the networks that make it up; anything else as it is."""
    first, dash, last = text.partition("-")
    if dash:
        with suppress(ValueError, TypeError):
            return [str(one) for one in summarize_address_range(ip_address(first.strip()), ip_address(last.strip()))]
    return [text]


def _target(targets: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """The end that was attacked, where it is one; several stay beside the event."""
    found: dict[str, object] = {}
    for name, keys in (("ip", ("IP4", "IP6", "IP")), ("fqdn", ("Hostname",)), ("port", ("Port",))):
        texts = [text for one in targets for key in keys for text in _texts(one, key)]
        found |= {f"destination.{name}": texts[0]} if len(texts) == 1 else {}
    return {**(_protocols(targets[0]) if targets else {}), **found}


def _protocols(one: Mapping[str, object]) -> dict[str, object]:
    names = [text.lower() for text in _texts(one, "Proto")]
    above = [name for name in names if name not in _TRANSPORTS]
    return {
        **_first("protocol.transport", [name for name in names if name in _TRANSPORTS]),
        **_first("protocol.application", above),
    }


def _first(name: str, texts: Sequence[str]) -> dict[str, object]:
    return {name: texts[0]} if texts else {}


def _objects(value: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    found = value.get(key)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _texts(value: Mapping[str, object], key: str) -> list[str]:
    found = value.get(key)
    return [str(one) for one in (found if isinstance(found, list) else [found]) if isinstance(one, str | int) and one]
