"""Digests of every form, made up, to try the templates of a language with before a mail is written by them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.delivery.texts.files import FaultError
from tocsin.delivery.texts.template_context import DigestText, TopicText

if TYPE_CHECKING:
    from jinja2 import Template

_TOPIC = TopicText(
    title="THE TITLE",
    heading="THE TITLE: 2",
    about="WHAT IT IS ABOUT",
    steps="- WHAT TO DO",
    deadline="2026-12-01",
    others="",
    table="  192.0.2.7  3389/tcp",
    more=0,
)
_PLAIN = DigestText(
    reference="TOC-2026-0000123",
    tlp="AMBER",
    pap="GREEN",
    network="AS64500 (Example ISP)",
    sender="CSIRT Example",
    contact="csirt@csirt.example",
    problems=2,
    new=None,
    continuing=0,
    first="2026-11-20 06:00",
    last="2026-11-24 05:30",
    topics=[_TOPIC],
    feeds=["A FEED"],
    files=["TOC-2026-0000123.csv"],
    gone=[],
    informed=False,
    again=0,
    link="",
    reply=False,
)
_LINK = "https://csirt.example/a/TOC-2026-0000123.token"


def specimens() -> Iterator[DigestText]:
    """Digests that differ in what they have, and in how much of it."""
    for new, continuing in ((None, 0), (1, 0), (5, 0), (0, 1), (0, 5), (1, 1), (2, 3), (11, 100)):
        yield replace(_PLAIN, new=new, continuing=continuing, problems=(new or 0) + continuing or 1)
    for number in (1, 2, 3, 4, 12):
        many = [replace(_TOPIC, more=number)] * number
        gone = ["192.0.2.9  open-rdp"] * (number + 8)
        yield replace(_PLAIN, topics=many, gone=gone, again=number, feeds=["A FEED"] * number, files=["A"] * number)
        yield replace(_PLAIN, topics=[], problems=0, gone=gone[:number])
    yield replace(_PLAIN, link=_LINK, reply=True, silence="WHY IT COMES TO YOU")
    yield replace(_PLAIN, topics=[replace(_TOPIC, others="WHO ANSWERS")], informed=True)
    yield replace(_PLAIN, part=1, parts=3)
    yield replace(_PLAIN, part=3, parts=3)
    for tlp in ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"):
        for pap in ("", "CLEAR", "GREEN", "AMBER", "RED"):
            yield replace(_PLAIN, tlp=tlp, pap=pap)


def try_templates(templates: dict[str, "Template"], paths: dict[str, Path]) -> None:
    """Write every specimen.

    Raises:
        FaultError: a template fails, or its mail does not say what each mail must: TLP, PAP, reference, whom to ask,
            and where it is answered.

    """
    for digest in specimens():
        sentence = _written("sentence", templates, paths, digest=digest)
        subject = _written("subject", templates, paths, digest=digest)
        body = _written("digest", templates, paths, digest=digest, sentence=sentence, overview="")
        if not subject.strip():
            raise FaultError(paths["subject"], 0, "some subjects are empty.")
        for words in _missing(digest, body, sentence):
            raise FaultError(paths["digest"], 0, words)


def _missing(digest: DigestText, body: str, sentence: str) -> Iterator[str]:
    needed: Sequence[tuple[str, str]] = (
        ("TLP:{{ digest.tlp }}", f"TLP:{digest.tlp}"),
        ("PAP:{{ digest.pap }}", digest.pap and f"PAP:{digest.pap}"),
        ("{{ digest.reference }}", digest.reference),
        ("{{ digest.contact }}", digest.contact),
        ("{{ digest.link }}", digest.link),
    )
    for name, words in needed:
        if words not in body:
            yield f"it must show {name} in every mail that has one."
    if others := sorted({*re.findall(r"TLP:[A-Z]+(?:\+[A-Z]+)?", body)} - {f"TLP:{digest.tlp}"}):
        yield f"it says {others[0]} in mails that are TLP:{digest.tlp}."
    if not digest.pap and "PAP:" in body:
        yield "it says PAP: in mails whose sources said none; write {% if digest.pap %} before it."
    if digest.part == 1 and sentence.strip() not in body:
        yield "it must show {{ sentence }}."


def _written(name: str, templates: dict[str, "Template"], paths: dict[str, Path], **given: object) -> str:
    try:
        return templates[name].render(**given)
    except Exception as error:  # noqa: BLE001 (whatever a template can be made to do)
        raise FaultError(paths[name], _line(error), f"{type(error).__name__}: {error}.") from None


def _line(error: BaseException) -> int:
    """The line of the template; Jinja puts it into the traceback."""
    trace, line = error.__traceback__, 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
