"""`tocsin keys node-…`: this node's own keys, which sign what it sends. Private parts are never shown."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, note, print_table, say
from tocsin.node.errors import InputError, NotFoundError
from tocsin.node.paths import HomeFolder

if TYPE_CHECKING:
    from tocsin.delivery.sealing import KeyRing, OpenPgpKey, SmimeKey
    from tocsin.directory.keys import KeyFacts, KeyFormat
    from tocsin.exchange.ledger import KeyAnnouncement

Form = Literal["openpgp", "smime"]

app = Commands()
_Replace = Annotated[
    bool,
    typer.Option("--replace", help="Lay the present key aside; it tells partners of the new one, then only opens."),
]
_Compromised = Annotated[
    bool,
    typer.Option(
        "--compromised", help="With --replace: others may have the present key. It is deleted, and vouches for nothing."
    ),
]
_STEPS = (
    "1. 'tocsin exchange invite --out invitation.zip', and send the file to each of them.",
    "2. They call us at a number that they have from elsewhere; read them the fingerprint: 'tocsin keys node-show'.",
    "3. They confirm it, and end the old key; where it is compromised at once: 'tocsin partners end-key'.",
    "4. Send again what they encrypted for the old key and we cannot open: ask them for it.",
)


@app.command("node-make")
def make(
    call: NodeInvocation,
    form: Annotated[Form | None, typer.Option("--format", help="Only this one; both when not given.")] = None,
    years: Annotated[int, typer.Option(min=1, max=10, help="How long it is valid.")] = 2,
    replace: _Replace = False,
    compromised: _Compromised = False,
) -> None:
    """Make this node's own keys, OpenPGP and S/MIME, for mails from its contact."""
    ring, now = _ring(call), call.now
    made = [ring.prepare(one, years=years, now=now, replace=replace) for one in _forms(form)]
    _put(call, made, compromised=compromised)


def read_key(file: Path) -> bytes:
    """What a file of keys holds. Raises InputError."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.", hint="Name a file that holds a key.") from error


@app.command("node-import")
def import_(
    call: NodeInvocation,
    file: Annotated[Path, typer.Argument(help="An OpenPGP private key, or an S/MIME key in PEM or PKCS #12.")],
    replace: _Replace = False,
    compromised: _Compromised = False,
) -> None:
    """Take a key that was made elsewhere as this node's own; [mail] key_password_file names its password's file."""
    ring = _ring(call)
    brought = ring.prepare_given(read_key(file), replace=replace)
    _put(call, [brought], compromised=compromised)
    contact = ring.settings.node.contact
    if contact.lower() not in brought.facts.mailboxes:
        note(f"The key does not name {contact}, which mails come from: mail programs will warn.")


@app.command("node-renew")
def renew(
    call: NodeInvocation,
    form: Annotated[Form, typer.Option("--format", help="Which of its keys.")] = "openpgp",
    years: Annotated[int, typer.Option(min=1, max=10, help="From now, how long it is valid.")] = 2,
) -> None:
    """Let this node's key live longer; partners need the new form of it from 'node-export'."""
    from tocsin.directory.keys import KeyFormat

    facts = _ring(call).renew(KeyFormat(form), years=years, now=call.now)
    call.emit([_document(facts)], lambda: _print(call.home, [facts]))


@app.command("node-export")
def export(
    call: NodeInvocation,
    form: Annotated[Form, typer.Option("--format", help="Which of its keys.")] = "openpgp",
    out: Annotated[Path | None, typer.Option(help="The file to write; the terminal when not given.")] = None,
) -> None:
    """Print this node's public key or certificate, to give to partners and to publish."""
    from tocsin.delivery.sealing import read_own_keys
    from tocsin.directory.keys import KeyFormat

    key = read_own_keys(call.home, call.settings.mail).of(KeyFormat(form))
    if key is None:
        words = f"This node has no {KeyFormat(form).words} key."
        raise NotFoundError(words, hint="'tocsin keys node-make' makes one.")
    document = _document(key.facts) | {"public": key.public}
    if out is None:
        call.emit(document, lambda: _write(key.public))
        return
    try:
        out.write_text(key.public, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}.", hint="Name another file.") from error
    call.emit(document, f"{KeyFormat(form).words} key {key.facts.fingerprint} written to {out}.")


@app.command("node-show")
def show(call: NodeInvocation) -> None:
    """Show which keys this node has, and whether it can sign with them; and replaced ones that open still."""
    from tocsin.delivery.sealing import can_sign, read_earlier_keys, read_own_keys

    own = read_own_keys(call.home, call.settings.mail)
    now = call.now
    found = [(key.facts, can_sign(own, form, now)) for form in _forms(None) if (key := own.of(form)) is not None]
    earlier = read_earlier_keys(call.home, call.settings.mail, now)
    documents = [_document(facts) | {"signs": verdict.good, "why": verdict.why} for facts, verdict in found]
    documents += [
        _document(key.facts) | {"signs": False, "why": "It was replaced.", "opens": bool(key.opening), "end": key.until}
        for key in earlier
    ]

    def human() -> None:
        if not found:
            say("This node has no key of its own. 'tocsin keys node-make' makes them.")
        for facts, verdict in found:
            _print_one(facts, "yes" if verdict.good else f"no: {verdict.why}")
        for key in earlier:
            opens = f"opens what was encrypted for it until {key.until:%Y-%m-%d}" if key.opening else "opens nothing"
            say(f"Replaced: {key.facts.spelled}, {opens}.")

    call.emit(documents, human)


@app.command("node-drop")
def drop(
    call: NodeInvocation,
    fingerprint: Annotated[str, typer.Argument(help="Of a replaced key, in full; 'tocsin keys node-show' lists them.")],
) -> None:
    """Delete a replaced OpenPGP key before its time: what was encrypted for it opens no more. Its public part stays."""
    gone = _ring(call).drop(call.now, fingerprint="".join(fingerprint.split()).lower())
    if not gone:
        raise NotFoundError(
            "No replaced key with a private part has this fingerprint.", hint="'tocsin keys node-show'."
        )
    call.emit([_document(facts) for facts in gone], f"Deleted: {gone[0].spelled}.")


def _put(call: NodeInvocation, made: "list[OpenPgpKey | SmimeKey]", *, compromised: bool) -> None:
    """Let prepared keys be the node's own; the OpenPGP key so far first tells partners of the one that replaces it."""
    from tocsin.delivery.sealing import OpenPgpKey
    from tocsin.exchange.ledger import KeyAnnouncement

    ring, told = _ring(call), KeyAnnouncement()
    for key in made:
        if isinstance(key, OpenPgpKey):
            told = _announce(call, key, compromised=compromised)
        ring.put(key.facts, now=call.now, compromised=compromised)
    left = [{"partner": name, "why": why} for name, why in told.left]
    documents = [
        _document(key.facts) | ({"told": told.told, "left": left} if isinstance(key, OpenPgpKey) else {})
        for key in made
    ]

    def human() -> None:
        _print(call.home, [key.facts for key in made])
        if told.told:
            say(f"A message that the old key signed names the new one to: {', '.join(told.told)}.")
        if told.left:
            say("Partners whom no message tells of the new key:")
            for name, why in told.left:
                say(f"  {name}: {why}")
            for line in _STEPS:
                say(line)

    call.emit(documents, human)


def _announce(call: NodeInvocation, key: "OpenPgpKey", *, compromised: bool) -> "KeyAnnouncement":
    from tocsin.cli.acts import say_to
    from tocsin.exchange.ledger import announce_key
    from tocsin.interface import ActContext

    context = ActContext(call.node, call.now, call.actor, say=partial(say_to, call.node))
    return announce_key(context, key, compromised=compromised)


def _ring(call: NodeInvocation) -> "KeyRing":
    from tocsin.delivery.sealing import KeyRing

    settings, database = call.settings, call.database
    return KeyRing(call.home, settings, database, call.actor)


def _forms(form: Form | None) -> "list[KeyFormat]":
    from tocsin.directory.keys import KeyFormat

    return [KeyFormat(form)] if form else list(KeyFormat)


def _document(facts: "KeyFacts") -> dict[str, object]:
    return {
        **fields(facts, "format fingerprint names mailboxes"),
        "algorithm": facts.strength,
        "since": facts.since,
        "until": facts.until,
    }


def _print(home: Path, made: "list[KeyFacts]") -> None:
    for facts in made:
        _print_one(facts, "yes")
    folder = home / HomeFolder.KEYS
    say(f"The private parts are in {folder}, or where the settings say; 'tocsin backup' copies the home folder.")
    say("'tocsin keys node-export' gives what partners need. Mails are signed once [mail] sign says so, or encrypted.")


def _print_one(facts: "KeyFacts", signs: str) -> None:
    rows = [
        ("fingerprint", facts.spelled),
        ("names", "; ".join(facts.names)),
        ("email addresses", ", ".join(facts.mailboxes)),
        ("strength", facts.strength),
        ("until", f"{facts.until:%Y-%m-%d}" if facts.until else "no end"),
        ("signs", signs),
    ]
    print_table(f"{facts.format.words} key of this node", ("", ""), rows)


def _write(text: str) -> None:
    sys.stdout.write(text)
