"""IODEF: judged by the schema of the RFC with its errata, read in three shapes, and no XML that can hurt."""

from pathlib import Path

import pytest

from tocsin.exchange.formats import iodef
from tocsin.exchange.formats.iodef_read import incident_event
from tocsin.exchange.formats.model import Collection, Entity, Observable, ObservableGroup
from tocsin.exchange.formats.registry import check_document
from tocsin.exchange.formats.xml_documents import MOST_TAGS
from tocsin.node.errors import InputError
from tocsin.sharing.gate import Tlp

HEAD = '<?xml version="1.0"?>\n<IODEF-Document xmlns="urn:ietf:params:xml:ns:iodef-2.0" version="2.00" xml:lang="en">'
INCIDENT = """<Incident purpose="reporting" restriction="{restriction}"><IncidentID name="csirt.example">1</IncidentID>
<GenerationTime>2026-11-28T12:00:00Z</GenerationTime>{before}
<Contact role="creator" type="organization"><ContactName>CSIRT</ContactName></Contact>{after}</Incident>"""
SYSTEM = """<EventData><Flow><System category="target"><Node>{node}</Node><Service><Port>22</Port></Service>
</System></Flow></EventData>"""

RATED = '<Confidence rating="{}</Confidence>'


def document(before: str = "", after: str = "", restriction: str = "amber") -> bytes:
    return (HEAD + INCIDENT.format(before=before, after=after, restriction=restriction) + "</IODEF-Document>").encode()


CASES = {
    "plain": (document(), ""),
    "confidence with a number, 5543": (
        document("<Assessment><SystemImpact type='unknown'/>" + RATED.format('numeric">75') + "</Assessment>"),
        "",
    ),
    "confidence without one": (
        document("<Assessment><SystemImpact type='unknown'/>" + RATED.format('high">') + "</Assessment>"),
        "",
    ),
    "a node of nothing, 5544": (document(after=SYSTEM.format(node="<Location>here</Location>")), "Location"),
    "a node": (document(after=SYSTEM.format(node='<Address category="ipv4-addr">192.0.2.1</Address>')), ""),
    "the action training, 5583": (document(after='<EventData><Expectation action="training"/></EventData>'), ""),
    "an action of nobody": (document(after='<EventData><Expectation action="dance"/></EventData>'), "dance"),
    "octets, 5351": (document(after='<AdditionalData dtype="bytes">00ffA0</AdditionalData>'), ""),
    "half an octet, 5351": (
        document(after='<AdditionalData dtype="packet">00f</AdditionalData>'),
        "'00f' is no packet",
    ),
    "no integer": (document(after='<AdditionalData dtype="integer">1.5</AdditionalData>'), "'1.5' is no integer"),
    "an extension without its value": (document(restriction="ext-value"), "ext-restriction is missing"),
    "no contact": (document().replace(b"Contact", b"Kontact"), "Kontact"),
    "no time": (document().replace(b"12:00:00Z", b"noon"), "noon"),
    "another root": (b"<a/>", "no IODEF document"),
    "a reference by RFC 7495": (
        document(
            '<Method><Reference><e:ReferenceName xmlns:e="urn:ietf:params:xml:ns:iodef-enum-1.0" specIndex="1">'
            "<e:ID>CVE-2026-1</e:ID></e:ReferenceName></Reference></Method>"
        ),
        "",
    ),
}
BOMBS = {
    "dtd": b'<!DOCTYPE a [<!ENTITY b "c">]>' + document()[22:],
    "external entity": b'<!DOCTYPE a SYSTEM "file:///etc/passwd">' + document()[22:],
    "laughs": b'<?xml version="1.0"?><!-- x --><!DOCTYPE a [<!ENTITY b "c&#99;"><!ENTITY d "&b;&b;">]><a e="&d;"/>',
    "dtd behind comments": b"<!-- a -->" * 50_000 + b"<!DOCTYPE a><a/>",
    "dtd in UTF-16": '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a [<!ENTITY b "c">]><a/>'.encode("utf-16"),
    "dtd in UTF-7": b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE a+AD4-<a/>',
    "encoding that lies": b'<?xml version="1.0" encoding="us-ascii"?><a>\xc3\xa9</a>',
    "entity of nobody": document().replace(b">CSIRT<", b">&passwd;<"),
    "depth": HEAD.encode() + b"<a>" * 5_000 + b"</a>" * 5_000 + b"</IODEF-Document>",
    "depth that is read": document(after="<EventData>" * 150 + "</EventData>" * 150),
    "tags": b"<a>" + b"<b/>" * (MOST_TAGS + 1) + b"</a>",
    "cut": document()[:300],
    "comment without end": b"<!-- " * 100_000,
    "nothing": b" ",
}


@pytest.mark.parametrize("case", CASES)
def test_a_document_is_judged_by_the_schema_and_its_errata(case: str) -> None:
    data, fault = CASES[case]
    (verdict,) = iodef.check(data)
    assert verdict.valid == (not fault), verdict
    assert fault in " ".join(one.reason for one in verdict.faults)
    assert not any("{urn:" in one.reason for one in verdict.faults)


@pytest.mark.parametrize("case", BOMBS)
def test_xml_that_can_hurt_is_refused(case: str) -> None:
    (verdict,) = check_document("iodef", BOMBS[case])
    assert verdict.valid is False
    with pytest.raises(InputError, match=r"^Its? "):
        iodef.read(BOMBS[case])


def test_a_document_in_utf_16_or_latin_is_read() -> None:
    text = document().decode().replace(">CSIRT<", ">Équipe<")
    for encoding in ("utf-16", "iso-8859-1", "utf-8-sig"):
        name = encoding.removesuffix("-sig")
        data = text.replace('version="1.0"?', f'version="1.0" encoding="{name}"?').encode(encoding)
        (verdict,) = iodef.check(data)
        assert verdict.valid, verdict
        assert iodef.read(data).source is not None
        assert "Équipe" in repr(iodef.read(data).source)


@pytest.mark.parametrize(
    ("restriction", "tlp"),
    [
        *(("public", Tlp.CLEAR), ("white", Tlp.CLEAR), ("green", Tlp.GREEN), ("amber", Tlp.AMBER), ("red", Tlp.RED)),
        *(("partner", Tlp.AMBER), ("need-to-know", Tlp.AMBER), ("private", Tlp.AMBER_STRICT)),
        *(("default", Tlp.AMBER_STRICT), ("", Tlp.AMBER_STRICT), ("ext-value", Tlp.RED), ("new", Tlp.RED)),
    ],
)
def test_a_restriction_is_a_marking_and_its_parts_are_never_wider(restriction: str, tlp: Tlp) -> None:
    address = {"Address": {"category": "ipv4-addr", "value": "192.0.2.1"}}
    inner = {"restriction": "public", "System": [{"restriction": "red", "Node": address}, {"Node": address}]}
    event = incident_event({"restriction": restriction, "EventData": [inner]})
    assert event.markings.tlp is tlp
    assert [one.markings.tlp for one in event.observables] == [Tlp.RED, Tlp.CLEAR]  # the stricter of both counts
    assert incident_event({"restriction": "ext-value", "ext-restriction": "TLP:GREEN"}).markings.tlp is Tlp.GREEN


def test_json_and_version_1_are_read_and_said_to_be_so(shared_data: Path) -> None:
    folder = shared_data / "exchange" / "iodef" / "examples"
    (verdict,) = iodef.check((folder / "example_Section7_1.txt").read_bytes())
    assert (verdict.version, verdict.valid, verdict.objects) == ("2.0", True, 1)
    long = (folder / "LongExample_forVerification.txt").read_bytes()
    (verdict,) = iodef.check(long)
    assert verdict.valid is False  # it breaks the schema of its own draft
    event = iodef.read(long)
    assert (event.markings.tlp, event.source) == (Tlp.GREEN, event.source)
    assert [one.value for one in event.observables if one.indicator] == [
        *("kj290023j09r34.example.com", "09ijk23jfj0k8.example.net"),
        *("klknjwfjiowjefr923.example.org", "oimireik79msd.example.org"),
    ]
    assert {(one.type, one.name) for one in event.entities} == {
        ("threat-actor", "TA-12-AGGRESSIVE-BUTTERFLY"),
        ("campaign", "C-2015-59405"),
    }
    assert ("ip-src|port", "192.228.139.118|49183") in {(one.type, one.value) for one in event.observables}
    old = (shared_data / "incidents" / "iodef" / "marknl-iodef.xml").read_bytes()
    (verdict,) = iodef.check(old)
    assert (verdict.version, verdict.valid, verdict.objects) == ("1.00", None, 1)
    assert "RFC 5070" in verdict.faults[0].reason
    assert {(one.type, one.value) for one in iodef.read(old).observables} == {
        ("ip-src", "192.0.2.3"),
        ("ip-src", "192.0.2.20"),
        ("hostname", "irc.example.com"),
    }


def test_every_type_comes_back_or_is_listed() -> None:
    kinds = {"ip-src": "192.0.2.0/24", "ip-dst|port": "2001:db8::1|53", "domain": "a.example", "AS": "64500"}
    kinds |= {"url": "http://a.example/", "filename": "a.exe", "mac-address": "00:00:5e:00:53:01", "md5": "0f" * 16}
    kinds |= {"email-src": "a@b.example", "email-dst": "c@d.example", "mutex": "m\0\7x"}
    kinds |= {"sha1": "1" * 40, "sha256": "a" * 64, "sha512": "b" * 128, "x509-fingerprint-sha1": "2" * 40}
    kinds |= {"filename|md5": "a|" + "0" * 32}
    observables = tuple(
        Observable(kind, value, indicator=half) for kind, value in kinds.items() for half in (True, False)
    )
    time = iodef.read(document()).time
    group = ObservableGroup("file", (Observable("sha224", "c" * 56, comment="odd <&> text"),))
    entities = (Entity("threat-actor", "APT 0", aliases=("Zero",)), Entity("campaign", "C"), Entity("malware", "M"))
    weak = Entity("vulnerability", "CVE-2026-1")
    event = Collection("T", time=time, observables=observables, groups=(group,), entities=(*entities, weak))
    data, unsaid = iodef.write(event)
    (verdict,) = iodef.check(data)
    assert verdict.valid, verdict
    again = iodef.read(data)
    expected = [(one.type, one.value.replace("\0\7", ""), one.indicator) for one in event.all_observables()]
    assert sorted((one.type, one.value, one.indicator) for one in again.observables) == sorted(expected)
    assert {(one.type, one.name) for one in again.entities} == {(one.type, one.name) for one in (*entities[:2], weak)}
    assert "IODEF has no place for 1 entities of other types." in unsaid
    assert next(one for one in again.observables if one.type == "sha224").comment == "odd <&> text"
    with pytest.raises(InputError, match="asks for the time"):
        iodef.write(Collection("no time"))
