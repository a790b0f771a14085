"""Ordinary reports, mails and files that mention what must never be held and are no report of it. Seeded; made up."""

import csv
import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable, Iterator, Sequence
from email.message import EmailMessage
from typing import Any, Final, TypeVar

_TERMS: Final = (
    "csam",
    "CSAM",
    "CSEM",
    "child sexual abuse material",
    "child-sexual-exploitation",
    "child pornography",
    "Child Sexual Exploitation",
    "csam/csem",
    "Abusive.Child",
    "child abuse",
)
_ABOUT: Final = (
    "policy",
    "hotline",
    "training",
    "awareness week",
    "legislation",
    "working group",
    "prevention strategy",
    "desk",
    "reporting procedure",
    "conference",
    "research project",
    "guidelines",
    "taxonomy",
    "statistics of last year",
)
_PEOPLE: Final = ("Ana", "Bashir", "Chen", "Dora", "Emeka")
_SENTENCES: Final = (
    "Point {n}: {term} {about}, {person} reports.",
    "The {about} on {term} is due on {date}; see https://intranet.example/{slug}.",
    "Whoever meets {term} rings the hotline at once and forwards nothing.",
    "Article {n}. Whoever produces, offers or possesses {term} is punished; see 192.0.2.{n} in the annex.",
    'In X-ARF the class is written "type": "{term}" below "category": "content".',
    "We block {{type: {term}}} at the gateway (rule {n}).",
    "Subscribe at https://news.example/{slug} or write to {person}@news.example.",
    "{person} asked whether {term} falls under the {about}. It does not.",
    "The list of classes has phishing, spam, {term} and malware.",
    "New this month: {term} {about} | {date} | https://events.example/{slug}",
    "Hotline numbers: +000 {n}34; child protection {about}.",
    'He said: {{see [1]}} and "{term}" is no longer used; [1] https://law.example/{slug}',
)
_T = TypeVar("_T")
_HOSTS: Final = ("a.example", "b.example", "mail.c.example")


class _Draw:
    """Drawn words."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def one(self, of: Sequence[_T]) -> _T:
        return self.random.choice(of)

    @property
    def term(self) -> str:
        return str(self.one(_TERMS))

    @property
    def spoken(self) -> str:
        """What a document is about."""
        return f"{self.term} {self.one(_ABOUT)}"

    @property
    def date(self) -> str:
        return f"2026-{self.random.randint(1, 12):02}-{self.random.randint(1, 28):02}"

    @property
    def number(self) -> int:
        return self.random.randint(1, 99)

    @property
    def slug(self) -> str:
        return f"{self.one(_ABOUT).split()[0]}-{self.random.randint(1, 999)}"

    @property
    def ip(self) -> str:
        return f"192.0.2.{self.random.randint(1, 254)}"

    @property
    def sentence(self) -> str:
        return str(self.one(_SENTENCES)).format(
            n=self.number,
            term=self.term,
            about=self.one(_ABOUT),
            person=self.one(_PEOPLE),
            date=self.date,
            slug=self.slug,
        )

    def text(self, least: int = 3, most: int = 25) -> str:
        """Paragraphs."""
        lines = [self.sentence for _ in range(self.random.randint(least, most))]
        return "".join(line + self.one(("\n", "\n\n", " ")) for line in lines)


def _agenda(draw: _Draw) -> bytes:
    lines = [f"{number}. {draw.spoken} ({draw.one(_PEOPLE)}, {number * 5} min)" for number in range(1, 9)]
    return ("Agenda of " + draw.date + "\n\nType: meeting\nPlace: room 3\n\n" + "\n".join(lines)).encode()


def _newsletter(draw: _Draw) -> bytes:
    return draw.text(8, 40).encode()


def _newsletter_html(draw: _Draw) -> bytes:
    rows = "".join(
        f"<tr><td>{draw.date}</td><td>{draw.spoken}</td><td><a href='https://a.example/{draw.slug}'>more</a></td></tr>"
        for _ in range(4)
    )
    paragraphs = "".join(f'<p class="csam-news">{draw.sentence}</p>' for _ in range(6))
    return f"<!doctype html><html><body><h1>{draw.spoken}</h1>{paragraphs}<table>{rows}</table></body></html>".encode()


def _event(draw: _Draw) -> dict[str, Any]:
    return {
        "source.ip": draw.ip,
        "source.url": f"https://{draw.one(_HOSTS)}/{draw.slug}",
        "time.source": f"{draw.date}T01:02:03Z",
        "classification.type": draw.one(("spam", "phishing", "violence", "c2-server")),
        "event_description.text": draw.one(("child protection hotline", draw.spoken, draw.sentence)),
    }


def _feed_json(draw: _Draw) -> bytes:
    events = [_event(draw) for _ in range(draw.random.randint(1, 12))]
    return draw.one(
        (
            "\n".join(map(json.dumps, events)),
            json.dumps(events),
            json.dumps(events, indent=2),
            json.dumps({"data": events, "note": draw.sentence}),
        )
    ).encode()


def _feed_csv(draw: _Draw) -> bytes:
    out = io.StringIO()
    table = csv.writer(out, delimiter=draw.one(",;\t|"))
    table.writerow(["time", "ip", "type", "url", "text"])
    for _ in range(draw.random.randint(2, 30)):
        text = draw.one(("child protection hotline", draw.spoken, draw.sentence, f"first line\n{draw.sentence}"))
        kind = draw.one(("spam", "scan", "phishing", draw.spoken))
        table.writerow([f"{draw.date}T01:02:03Z", draw.ip, kind, f"https://{draw.one(_HOSTS)}/{draw.slug}", text])
    return out.getvalue().encode()


def _taxonomy(draw: _Draw) -> bytes:
    entries = [
        {
            "value": term.lower(),
            "expanded": term,
            "description": f"{term}; see https://law.example/{draw.slug}",
            "refs": [f"https://tax.example/{draw.slug}"],
            "colour": "#aa0000",
            "uuid": "5e39776a-b284-40b3-8079-22fea964451a",
        }
        for term in _TERMS
    ]
    document = {
        "namespace": "rsit",
        "version": draw.number,
        "expanded": "Reference Security Incident Taxonomy",
        "refs": ["https://tax.example/rsit"],
        "predicates": [{"value": "abusive-content", "expanded": "Abusive content"}],
        "values": [{"predicate": "abusive-content", "entry": entries}],
    }
    return json.dumps(document, indent=draw.one((None, 2))).encode()


def _classes(draw: _Draw) -> bytes:
    """A list of classifications, as JSON or as a table."""
    named = [{"label": term, "type": "child-sexual-exploitation", "description": draw.spoken} for term in _TERMS[:4]]
    table = "".join(f"{term},abusive-content,{draw.spoken}\n" for term in _TERMS)
    return draw.one(
        (
            json.dumps({"classification": "child-sexual-exploitation", "list": named}),
            json.dumps({"types": list(_TERMS), "default": "spam", "homepage": "https://tax.example/"}),
            f"type,taxonomy,description\n{table}",
            f"type,reference\ncsam,https://tax.example/{draw.slug}\nspam,https://tax.example/\n",
        )
    ).encode()


def _schema(draw: _Draw) -> bytes:
    properties = {
        "xarf_version": {"type": "string", "pattern": "^4"},
        "category": {"const": "content"},
        "evidence": {"type": "array"},
        "type": draw.one(
            ({"const": "csam"}, {"enum": ["phishing", "csam", "csem"]}, {"type": "string", "enum": ["csam"]})
        ),
        "url": {"type": "string", "format": "uri", "description": "for example https://www.example/"},
    }
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://x.example/{draw.slug}.json",
        "title": f"Schema of {draw.term}",
        "type": "object",
        "properties": properties,
        "required": ["type", "url"],
    }
    return json.dumps(document, indent=draw.one((None, 1, 4))).encode()


def _law(draw: _Draw) -> bytes:
    return "\n\n".join(
        f"§ {number} {draw.spoken.title()}\n({number}) {draw.sentence}\na) {draw.term};\nb) {draw.term}, if published."
        for number in range(1, draw.random.randint(4, 20))
    ).encode()


def _rules(draw: _Draw) -> bytes:
    return draw.one(
        (
            (
                f"title: {draw.spoken}\nid: 5e39776a-b284-40b3-8079-22fea964451a\nauthor: {draw.one(_PEOPLE)}\n"
                f"tags:\n    - attack.t1071\nreferences:\n    - https://rules.example/{draw.slug}\n"
                f"detection:\n    keywords:\n        - '{draw.term}'\n    condition: keywords\n"
            ),
            (
                f'rule mentions_{draw.number} {{\n  meta:\n    description = "{draw.spoken}"\n'
                f'    reference = "https://rules.example/{draw.slug}"\n  strings:\n    $a = "{draw.term}" nocase\n'
                "  condition:\n    $a\n}\n"
            ),
            (
                f'alert http any any -> any any (msg:"{draw.spoken}"; content:"csam"; classtype:policy-violation; '
                f"reference:url,rules.example/{draw.slug}; sid:{draw.number};)\n"
            ),
            f'if kind in ("csam", "csem"):  # {draw.sentence}\n    ring(HOTLINE)\n',
            f'[never_held.classes.other]\nwords = ["{draw.term}"]\nname = "{draw.spoken}"\n',
            "{'csam': 'Child sexual abuse material', 'spam': 'Spam'}  # names of classes\n",
        )
    ).encode()


def _stix(draw: _Draw) -> bytes:
    note = {
        "type": "note",
        "id": "note--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
        "abstract": draw.spoken,
        "content": draw.text(),
        "labels": [draw.spoken],
        "external_references": [{"source_name": "law", "url": f"https://law.example/{draw.slug}"}],
    }
    indicator = {
        "type": "indicator",
        "id": "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
        "labels": ["phishing"],
        "pattern": f"[ipv4-addr:value = '{draw.ip}']",
        "description": draw.sentence,
    }
    return json.dumps({"type": "bundle", "id": "bundle--1", "objects": [note, indicator]}).encode()


def _misp(draw: _Draw) -> bytes:
    attributes = [{"type": "ip-dst", "category": "Network activity", "value": draw.ip, "comment": draw.sentence}]
    tags = [{"name": "tlp:amber"}, {"name": f'workflow:todo="{draw.spoken}"'}]
    return json.dumps({"Event": {"info": draw.spoken, "Attribute": attributes, "Tag": tags}}).encode()


def _xarf(draw: _Draw) -> bytes:
    contact = {"org": "R", "contact": "a@r.example", "domain": "r.example"}
    return json.dumps(
        {
            "xarf_version": "4.2.0",
            "report_id": "f7a8b9c0-d1e2-4456-8abc-def012345678",
            "timestamp": f"{draw.date}T01:02:03Z",
            "reporter": contact,
            "sender": contact,
            "source_identifier": draw.ip,
            "category": "content",
            "type": "phishing",
            "url": f"https://{draw.one(_HOSTS)}/{draw.slug}",
            "description": draw.sentence,
        }
    ).encode()


def _log(draw: _Draw) -> bytes:
    lines = [
        f'{draw.date}T01:02:03Z app[{draw.number}]: src={draw.ip} type=query name="{draw.slug}" text="{draw.spoken}"'
        for _ in range(20)
    ]
    return ("\n".join(lines) + f"\n[{draw.date}] [info] {draw.sentence}\n").encode()


def _minutes(draw: _Draw) -> bytes:
    return json.dumps(
        {
            "category": draw.spoken,
            "date": draw.date,
            "url": f"https://intranet.example/{draw.slug}",
            "attendees": [f"{one}@a.example" for one in _PEOPLE],
            "text": draw.text(),
        }
    ).encode()


def _count(draw: _Draw) -> bytes:
    return json.dumps([{"type": term, "count": draw.number, "month": draw.date[:7]} for term in _TERMS]).encode()


def _xml(draw: _Draw) -> bytes:
    return draw.one(
        (
            (
                f'<?xml version="1.0"?><rss><channel><title>{draw.spoken}</title><item><category>csam</category>'
                f"<title>{draw.spoken}</title><link>https://news.example/{draw.slug}</link>"
                "<guid>https://news.example/1</guid></item></channel></rss>"
            ),
            (
                '<xs:simpleType name="kind"><xs:restriction base="xs:string"><xs:enumeration value="csam"/>'
                f'<xs:enumeration value="spam"/></xs:restriction><!-- {draw.spoken} --></xs:simpleType>'
            ),
        )
    ).encode()


DOCUMENTS: Final[tuple[Callable[[_Draw], bytes], ...]] = (
    _agenda,
    _newsletter,
    _newsletter_html,
    _feed_json,
    _feed_csv,
    _taxonomy,
    _classes,
    _schema,
    _law,
    _rules,
    _stix,
    _misp,
    _xarf,
    _log,
    _minutes,
    _count,
    _xml,
)


def _mailed(draw: _Draw, data: bytes) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "ana@r.example", "csirt@example.org", draw.spoken
    mail["Keywords"], mail["Date"] = draw.spoken, "Mon, 23 Nov 2026 10:30:00 +0000"
    mail.set_content(draw.text())
    if draw.random.random() < 0.5:
        mail.add_alternative(f"<p>{draw.sentence}</p>", "html")
    mail.add_attachment(
        data, "application", "octet-stream", filename=draw.one(("a.json", "a.csv", "notes.txt", "a.bin"))
    )
    return bytes(mail)


def _zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("notes.txt", data)
    return out.getvalue()


def ordinary(count: int, seed: int = 1) -> Iterator[tuple[str, bytes]]:
    """So many ordinary files, each with a name that says how it was made."""
    for number in range(count):
        draw = _Draw(seed * 1_000_003 + number)
        made = DOCUMENTS[number % len(DOCUMENTS)]
        data = made(draw)
        wrapped = draw.one(("", "", "", "mail", "gzip", "zip", "text"))
        if wrapped == "mail":
            data = _mailed(draw, data)
        elif wrapped == "gzip":
            data = gzip.compress(data)
        elif wrapped == "zip":
            data = _zipped(data)
        elif wrapped == "text":
            data = draw.text().rstrip().encode() + b"\n\n" + data
        yield f"{number} {made.__name__.strip('_')} {wrapped}".strip(), data
