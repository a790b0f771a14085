"""How many of others' feed cases come out equal: each expected event is among ours with all its fields.

``raw``, ``feed.*`` and ``time.observation`` are ignored, ``extra.*`` counts by value under any name, and n6's port of a
vulnerable service may stand at either end. A case's mapping is in the catalogue (`FEEDS`).
"""

import io
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from support.peer_mappings import mapping_of
from tocsin.events.idf_out import to_idf
from tocsin.events.normalise import normalise
from tocsin.events.sources.mapped.source import source
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
    "n6:SpamhausEdropParser": "spamhaus_drop",
    "n6:StopForumSpamParser": "stopforumspam",
    "n6:TuDresdenDeResolversParser": "tu_dresden_resolvers",
    "n6:TurrisCzGreylistCsv202401Parser": "turris_greylist",
    "n6:WithanameDdosiaParser": "ddosia",
    "n6:ZonehRssParser": "zoneh_rss",
    "openphish.parser": "openphish",
    "openphish.parser_commercial": "openphish_premium",
    "spamhaus.parser_cert": "spamhaus_cert",
    "spamhaus.parser_drop": "spamhaus_drop spamhaus_asn_drop",
    "turris.parser": "turris_greylist",
    "zoneh.parser": "zoneh",
}
"""The catalogue's files for a parser, of which one may read a case; other parsers have none yet."""

Event = Mapping[str, object]


def cases(folder: Path) -> Iterator[dict[str, object]]:
    """The cases that are not Shadowserver's."""
    for line in (folder / "cases.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        if "shadowserver" not in str(case["parser"]).lower():
            yield case


def read(code: str, data: bytes, folders: Sequence[Path] = ()) -> list[Event]:
    """The events of a report by the catalogue's file of that name."""
    mapped = source(folders)
    feed = mapped.feed(code)
    reader = mapped.open(code, io.BytesIO(data), 1 << 20)
    batches = [normalise(reader.parse(chunk), feed, NOW) for chunk in reader.chunks()]
    return [event for batch in batches for event in to_idf(batch.frame.filter(batch.usable))]


def _read(code: str, data: bytes, mapping: str) -> list[Event]:
    if not mapping:
        return read(code, data)
    with TemporaryDirectory() as folder:
        (Path(folder) / f"{code}.toml").write_text(mapping, encoding="utf-8")
        return read(code, data, [Path(folder)])


def difference(wanted: Event, events: Sequence[Event], *, n6: bool) -> list[str]:
    """What the most alike of our events lacks; nothing when one is equal."""
    return min((_lacks(wanted, event, n6=n6) for event in events), key=len, default=["no event"])


def _lacks(wanted: Event, event: Event, *, n6: bool) -> list[str]:
    extra = {str(value) for name, value in event.items() if name.startswith("extra.")}
    lacking = []
    for name, value in wanted.items():
        if name.startswith(IGNORED) or value in ([], {}):
            continue
        ends = [name, name.replace("destination", "source")] if n6 and name.endswith(".port") else [name]
        if name.startswith("extra."):
            if str(value) not in extra and str(value) not in {str(one) for one in event.values()}:
                lacking.append(f"{name}={value!r}")
        elif not any(_same(name, value, event.get(one)) for one in ends):
            lacking.append(f"{name}={value!r}, not {event.get(name)!r}")
    return lacking


def _same(name: str, wanted: object, found: object) -> bool:
    """Whether two values are one: times within a millisecond, identifiers in lower case, a type by today's word."""
    if name.startswith("time.") and found:
        return abs(datetime.fromisoformat(str(wanted)) - datetime.fromisoformat(str(found))) < timedelta(milliseconds=1)
    if name == "classification.identifier":
        return str(wanted).lower() == found
    return wanted == found


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
            found = [difference(wanted, events, n6=case["system"] == "n6") for wanted in expected]
        judged.append(found)
    return min(judged, key=lambda one: sum(map(bool, one)), default=[["there is no file for it"] for _ in expected])


def compare(folder: Path, only: Sequence[str] = ()) -> dict[str, object]:
    """What is equal and what is not, by parser."""
    found: dict[str, list[list[str]]] = defaultdict(list)
    for case in cases(folder):
        if not only or any(one in str(case["parser"]) for one in only):
            found[str(case["parser"])] += judge(case, folder)
    by_parser = {
        parser: {"expected": len(of), "equal": sum(not one for one in of), "different": [one for one in of if one]}
        for parser, of in found.items()
    }
    whole = sum(not one["different"] for one in by_parser.values())
    return {"parsers": len(by_parser), "equal": whole, "by_parser": by_parser}
