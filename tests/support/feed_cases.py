"""How many of others' feed cases come out equal: each expected event is among ours with all its fields.

``raw``, ``feed.*`` and ``time.observation`` are ignored, and what was put together with the address that the collector
knew. ``extra.*`` counts by value under any name, an object by the values in it. n6's port of a vulnerable service may
stand at either end, and its address beside a network is the network's first. A case's mapping is in the catalogue, or
it is a source's (`FEEDS`); what another system calls by another word is in `RENAMED`.
"""

import io
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from tempfile import TemporaryDirectory

from support.peer_mappings import mapping_of
from tocsin.events.idf_out import to_idf
from tocsin.events.normalise import normalise
from tocsin.events.sources import sources
from tocsin.node.errors import TocsinError

NOW = datetime(2026, 11, 24, tzinfo=UTC)
IGNORED = ("raw", "feed.", "time.observation")
FEEDS: Mapping[str, str] = {
    "abusech.parser_feodotracker": "feodotracker_json",
    "anubisnetworks.parser": "anubis",
    "blocklistde.parser": "blocklist_de_imap",
    "blueliv.parser_crimeserver": "blueliv",
    "calidog.parser_certstream": "certstream",
    "cert_eu.parser_csv": "cert_eu",
    "ci_army.parser": "ci_army",
    "cymru.parser_full_bogons": "cymru_full_bogons",
    "cymru.parser_cap_program": "cymru_cap",
    "dyn.parser": "dyn_ponmocup",
    "malwareurl.parser": "malwareurl",
    "n6.parser_n6stomp": "n6_stream",
    "threatminer.parser": "threatminer",
    "cznic.parser_haas": "haas",
    "cznic.parser_proki": "proki",
    "danger_rulez.parser": "danger_rulez",
    "malwarepatrol.parser_dansguardian": "malware_patrol_dansguardian",
    "mcafee.parser_atd": "mcafee_atd",
    "microsoft.parser_bingmurls": "bing_malicious_urls",
    "microsoft.parser_ctip": "ctip_interflow ctip_azure",
    "n6:AbuseChFeodoTracker202110Parser": "feodotracker",
    "n6:DanTvTorParser": "dan_me_uk_tor",
    "n6:DataplaneDnsrdParser": "dataplane_dnsrd",
    "n6:DataplaneDnsrdanyParser": "dataplane_dnsrdany",
    "n6:DataplaneDnsversionParser": "dataplane_dnsversion",
    "n6:DataplaneSipqueryParser": "dataplane_sipquery",
    "n6:DataplaneSmtpdataParser": "dataplane_smtpdata",
    "n6:DataplaneSmtpgreetParser": "dataplane_smtpgreet",
    "n6:DataplaneSshpwauthParser": "dataplane_sshpwauth",
    "n6:DataplaneVncrfbParser": "dataplane_vncrfb",
    "n6:GreenSnowCoListTxtParser": "greensnow",
    "n6:OpenphishWebBlParser": "openphish",
    "n6:SblamSpamParser": "sblam",
    "n6:Spam404ComScamListBlParser": "spam404",
    "n6:Spam404ComScamListParser": "spam404",
    "n6:SpamhausBotsParser": "spamhaus_bots",
    "n6:SpamhausEdropParser": "spamhaus_edrop",
    "n6:StopForumSpamParser": "stopforumspam",
    "n6:TuDresdenDeResolversParser": "tu_dresden_resolvers",
    "n6:TurrisCzGreylistCsv202401Parser": "turris_greylist",
    "n6:WithanameDdosiaParser": "ddosia",
    "n6:ZonehRssParser": "zoneh_rss",
    "openphish.parser": "openphish",
    "openphish.parser_commercial": "openphish_premium",
    "misp.parser": "misp",
    "n6:CesnetCzWardenParser": "idea",
    "n6:MispParser": "misp",
    "shodan.parser": "shodan",
    "surbl.parser": "surbl",
    "spamhaus.parser_cert": "spamhaus_cert",
    "spamhaus.parser_drop": "spamhaus_drop spamhaus_asn_drop",
    "turris.parser": "turris_greylist",
    "zoneh.parser": "zoneh",
}
"""The catalogue's files for a parser, of which one may read a case; other parsers have none yet."""

RAW = "the record itself"
RENAMED: Mapping[str, Mapping[tuple[str, object], object]] = {
    "n6:SpamhausEdropParser": {("classification.type", "other"): "blacklist"},
    "n6:Spam404ComScamListBlParser": {("classification.type", "fraud"): "masquerade"},
    "n6:Spam404ComScamListParser": {("classification.type", "fraud"): "masquerade"},
    "n6:DataplaneSshpwauthParser": {("classification.type", "exploit"): "brute-force"},
    "n6:TurrisCzGreylistCsv202401Parser": {("classification.type", "scanner"): "brute-force"},
    "n6:CesnetCzWardenParser": {
        ("classification.type", "exploit"): ("brute-force", "unprivileged-account-compromise"),
        ("malware.name", None): "event_description.text",
    },
    "n6:MispParser": {("malware.name", None): "extra.misp.event"},
    "shodan.parser": {("classification.identifier", "network-scan"): "shodan-scan", ("extra.shodan", None): RAW},
}
"""By parser: a field and what the other system says in it; what is said here. Without a value: the field here.

n6 knows some twenty categories, so that logins are scans or exploits to it, blocklists are "other", and a scam is a
fraud, which is a taxonomy here; its name is a text where there is no malware. IntelMQ's parser of Shodan puts all of a
record beside its event by a setting.
"""

PLACES = {f"{side}.{name}" for side in ("source", "destination") for name in ("ip", "network", "asn", "fqdn", "url")}
FREE_TEXT = {"ioc_extractor.parser", "twitter.parser"}

Event = Mapping[str, object]


def cases(folder: Path, *, shadowserver: bool = False) -> Iterator[dict[str, object]]:
    """The cases that are not Shadowserver's, or those that are."""
    for line in (folder / "cases.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        if ("shadowserver" in str(case["parser"]).lower()) == shadowserver:
            yield case


def read(code: str, data: bytes, folders: Sequence[Path] = ()) -> list[Event]:
    """The events of a report by the catalogue's file of that name."""
    reads = sources(*folders)
    own = reads.get(code, reads["mapped"])
    feed = own.feed(code)
    reader = own.open(code, io.BytesIO(data), 1 << 20)
    batches = [normalise(reader.parse(chunk), feed, NOW) for chunk in reader.chunks()]
    return [event for batch in batches for event in to_idf(batch.frame.filter(batch.usable))]


def _read(code: str, data: bytes, mapping: str) -> list[Event]:
    if not mapping:
        return read(code, data)
    with TemporaryDirectory() as folder:
        (Path(folder) / f"{code}.toml").write_text(mapping, encoding="utf-8")
        return read(code, data, [Path(folder)])


def difference(wanted: Event, events: Sequence[Event], case: Mapping[str, object]) -> list[str]:
    """What the most alike of our events lacks; nothing when one is equal."""
    return min((list(lacks(wanted, event, case).values()) for event in events), key=len, default=["no event"])


def lacks(wanted: Event, event: Event, case: Mapping[str, object]) -> dict[str, str]:
    """The fields in which our event is another than the expected one, and how."""
    words = {word for name, value in event.items() for word in _words(name, value)}
    collected = str((case.get("report") or {}).get("feed.url", "")) or " "  # type: ignore[attr-defined]  # a table
    network = event.get("source.network") if case["system"] == "n6" else None
    renamed = RENAMED.get(str(case["parser"]), {})
    lacking = {}
    for name, value in wanted.items():
        if name.startswith(IGNORED) or value in ([], {}) or str(value).startswith(collected):
            continue
        if renamed.get((name, None)) == RAW:
            continue
        if name.startswith(("extra.", "misp.")):
            if not set(_leaves(value)) <= words:
                lacking[name] = f"{name}={value!r}"
            continue
        ends = (
            [name, name.replace("destination", "source")]
            if case["system"] == "n6" and name.endswith(".port")
            else [name]
        )
        ends += ["source.network"] if network and name == "source.ip" else []
        ends += [str(renamed[name, None])] if (name, None) in renamed else []
        if not any(_same(name, value, event.get(one), str(case["parser"])) for one in ends):
            lacking[name] = f"{name}={value!r}, not {event.get(name)!r}"
    return lacking


def _leaves(value: object, *, names: bool = False) -> Iterator[str]:
    """The single values in a value, in small letters; with ``names`` also those of members."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from [str(name).lower()] if names else []
            yield from _leaves(member, names=names)
    elif isinstance(value, list):
        yield from (leaf for one in value for leaf in _leaves(one, names=names))
    elif value not in (None, ""):
        yield str(value).lower()


def _words(name: str, value: object) -> Iterator[str]:
    yield from _leaves(value, names=True)
    yield from name.lower().split(".") if name.startswith("extra.") else ()


def _same(name: str, wanted: object, found: object, parser: str) -> bool:
    """Whether two values are one: times within a millisecond, identifiers in small letters, networks by their bits."""
    if name.startswith("time.") and found:
        return abs(datetime.fromisoformat(str(wanted)) - datetime.fromisoformat(str(found))) < timedelta(milliseconds=1)
    if name == "classification.identifier" and str(wanted).lower() == found:
        return True
    if "/" in str(found) and name in {"source.network", "source.ip"}:
        return ip_address(str(wanted).partition("/")[0]) in ip_network(str(found))
    other = RENAMED.get(parser, {}).get((name, wanted))
    return wanted == found or (found is not None and (found in other if isinstance(other, tuple) else found == other))


def judge(case: Mapping[str, object], folder: Path) -> list[list[str]]:
    """For each expected event what is different."""
    files = case["input_file"] if isinstance(case["input_file"], list) else [case["input_file"]]
    expected: list[Event] = case["expected"]  # type: ignore[assignment]  # as the README of the data says
    judged: list[list[list[str]]] = []
    inputs = [(folder / str(one)).read_bytes() for one in files]
    own = mapping_of(str(case["parser"]), case.get("parameters") or {}, inputs[0])  # type: ignore[arg-type]  # as the README of the data says
    for code in ["own"] if own else FEEDS.get(str(case["parser"]), "").split():
        try:
            events = [event for one in inputs for event in _read(code, one, own)]
        except TocsinError as error:
            found = [[str(error)] for _ in expected]
        else:
            found = [difference(wanted, events, case) for wanted in expected]
        judged.append(found)
    return min(judged, key=lambda one: sum(map(bool, one)), default=[["there is no file for it"] for _ in expected])


def compare(folder: Path, only: Sequence[str] = ()) -> dict[str, object]:
    """What is equal and what is not, by parser; ``with_asset``: of the expected events that say where it was."""
    found: dict[str, list[list[str]]] = defaultdict(list)
    placed: dict[str, list[list[str]]] = defaultdict(list)
    for case in cases(folder):
        if not only or any(one in str(case["parser"]) for one in only):
            judged = judge(case, folder)
            found[str(case["parser"])] += judged
            expected: list[Event] = case["expected"]  # type: ignore[assignment]  # as in `judge`
            of = [one for wanted, one in zip(expected, judged, strict=False) if PLACES & wanted.keys()]
            if of and case["parser"] not in FREE_TEXT:
                placed[str(case["parser"])] += of
    by_parser = {
        parser: {"expected": len(of), "equal": sum(not one for one in of), "different": [one for one in of if one]}
        for parser, of in found.items()
    }
    whole = sum(not one["different"] for one in by_parser.values())
    with_asset = {"parsers": len(placed), "equal": sum(not any(of) for of in placed.values())}
    return {"parsers": len(by_parser), "equal": whole, "by_parser": by_parser, "with_asset": with_asset}


if __name__ == "__main__":  # python -m support.feed_cases FOLDER, in tests/
    made = compare(Path(sys.argv[1]))
    sys.stdout.write(json.dumps({name: made[name] for name in ("parsers", "equal", "with_asset")}) + "\n")
