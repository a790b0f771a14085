"""What a founded team is made of, each a pure function of the answers: settings, directory entry, files, next steps."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tocsin.directory import ProfileTopic
from tocsin.operations.founding.answers import toml_value
from tocsin.operations.founding.questions import Answers, scope_kind

SOURCE = "founding"
"""The folder in a home folder that holds the answers and what was made of them."""


@dataclass(frozen=True)
class NextStep:
    """Something to do next, and why; the team is at work without it."""

    what: str
    why: str


def settings_toml(answers: Answers) -> str:
    """The settings of the node."""
    mailbox, smtp, imap = text(answers, "mailbox"), text(answers, "smtp"), text(answers, "imap")
    number = text(answers, "emergency_number")
    rows = [
        "# Written by 'tocsin directory new-team'. docs/settings.md lists every setting.",
        "[node]",
        f"name = {toml_value(text(answers, 'name'))}",
        f"country = {toml_value(text(answers, 'country'))}",
        f"contact = {toml_value(mailbox)}",
        f"{'' if number else '# '}emergency_number = {toml_value(number or '112')}",
        "",
        "[mail]",
    ]
    if smtp:
        rows += ['channel = "smtp"', f"host = {toml_value(smtp)}"]
    else:
        rows += ['channel = "file"', '# channel = "smtp"', '# host = "mail.cert.example"']
    rows += [
        "# user and password_file, if that server asks for them",
        "",
        "[mailbox]",
        f"address = {toml_value(mailbox)}",
    ]
    if imap:
        rows += [f"host = {toml_value(imap)}", f"user = {toml_value(mailbox)}"]
    else:
        rows += ['# host = "mail.cert.example"', f"# user = {toml_value(mailbox)}"]
    return "\n".join([*rows, '# password_file = "/etc/tocsin/mailbox-password"', ""])


def team_toml(answers: Answers) -> str:
    """The team as a file for ``tocsin directory import``."""
    return "\n".join([f"source = {toml_value(SOURCE)}", "", "[[team]]", *_fields(answers), *_facts(answers), ""])


def _fields(answers: Answers) -> Iterator[str]:
    for name in ("key", "name", "organisation", "kind", "country", "timezone", "authority", "address"):
        if text(answers, name):
            yield f"{name} = {toml_value(text(answers, name))}"
    languages = several(answers, "languages")
    yield f"language = {toml_value(languages[0])}"
    yield f"languages = {toml_value(languages)}"
    yield f'mailboxes = [{{ value = {toml_value(text(answers, "mailbox"))}, purpose = "incident" }}]'
    scopes: dict[str, list[str]] = {}
    for scope in several(answers, "networks"):
        scopes.setdefault(scope_kind(scope), []).append(scope)
    yield from (f"{name} = {toml_value(values)}" for name, values in scopes.items())


def _facts(answers: Answers) -> Iterator[str]:
    yield f"services = {toml_value(several(answers, 'services'))}"
    yield f"hours = {toml_value(several(answers, 'hours'))}"
    yield f"memberships = {toml_value([f'{body}: member' for body in several(answers, 'memberships')])}"
    yield from _channels(answers)
    yield from _mandate(answers)
    yield "\n[team.statements]"
    for name, topic in (
        ("mission", ProfileTopic.MISSION),
        ("constituency", ProfileTopic.CONSTITUENCY),
        ("incidents", ProfileTopic.INCIDENTS),
        ("disclosure", ProfileTopic.DISCLOSURE),
    ):
        yield f"{topic.value} = {toml_value(text(answers, name))}"


def _channels(answers: Answers) -> Iterator[str]:
    site = text(answers, "website").rstrip("/")
    for kind, purpose, value in (
        ("phone", "incident", text(answers, "phone")),
        ("phone", "emergency", text(answers, "emergency_phone")),
        ("website", "", text(answers, "website")),
        ("profile", "", f"{site}/rfc2350.txt" if site else ""),
        ("form", "incident", text(answers, "form")),
    ):
        if value:
            yield f'\n[[team.channels]]\nkind = "{kind}"\nvalue = {toml_value(value)}'
            yield f'purpose = "{purpose}"' if purpose else ""


def _mandate(answers: Answers) -> Iterator[str]:
    mandate = text(answers, "mandate")
    kind, issuer = ("mandate", mandate) if mandate else ("self", text(answers, "name"))
    yield f'\n[[team.attestations]]\nkind = "{kind}"\nissuer = {toml_value(issuer)}'
    if mandate and text(answers, "mandate_until"):
        yield f"expires = {text(answers, 'mandate_until')}"


def security_txt(answers: Answers) -> str:
    """A security.txt (RFC 9116): where to report flaws in the team's own systems, and until when that holds."""
    site = text(answers, "website").rstrip("/")
    rows = [
        f"# Where to report security flaws in the systems of {text(answers, 'name')}",
        f"Contact: mailto:{text(answers, 'mailbox')}",
    ]
    rows += [f"Contact: {text(answers, 'form')}"] if text(answers, "form").startswith("https://") else []
    rows += [f"Contact: tel:{'-'.join(text(answers, 'phone').split())}"] if text(answers, "phone") else []
    rows.append(f"Expires: {text(answers, 'expires')}T00:00:00Z")
    rows.append(f"Preferred-Languages: {', '.join(several(answers, 'languages'))}")
    if site.startswith("https://"):
        rows += [f"Canonical: {site}/.well-known/security.txt", f"Policy: {site}/rfc2350.txt"]
    return "\n".join([*rows, ""])


def next_steps(answers: Answers, *, signed: bool) -> list[NextStep]:
    """What to do next, the most pressing first: only what is still missing."""
    there = {name for name in answers if text(answers, name)} | ({"signature"} if signed else set())
    there -= {"roster"} if len(several(answers, "roster")) < 2 else set()
    site = text(answers, "website").rstrip("/") or "https://YOUR-SITE"
    words = {"site": site, "expires": text(answers, "expires"), "key": text(answers, "key")}
    steps = tomllib.loads((Path(__file__).parent / "steps.toml").read_text(encoding="utf-8"))["step"]
    return [
        NextStep(one["what"].format(**words), one["why"].format(**words))
        for one in steps
        if one.get("lacks") not in there and ("has" not in one or one["has"] in there)
    ]


def checklist(steps: list[NextStep], name: str, today: date) -> str:
    """The steps as a list to tick off, in Markdown."""
    rows = [f"# First steps of {name}", "", f"Made on {today}.", ""]
    rows += [f"- [ ] {step.what} {step.why}" for step in steps]
    return "\n".join([*rows, ""])


def text(answers: Answers, name: str) -> str:
    """An answer as one text; empty where there is none."""
    found = answers.get(name, "")
    return found if isinstance(found, str) else "; ".join(found)


def several(answers: Answers, name: str) -> list[str]:
    """An answer as a list: its lines, or the values between semicolons."""
    found = answers.get(name, "")
    return found if isinstance(found, list) else [part for part in found.split("; ") if part]
