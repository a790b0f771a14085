"""The ways of a call beside mail: a webhook in the own network, and SMS by the folders of a local SMS server.

A call says what is called for and whom to ring, never a name, an address or a text of an incident.
"""

import hashlib
import hmac
import ipaddress
import json
import os
import re
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tocsin.node.duty_settings import DutySettings
from tocsin.node.errors import InputError, RemoteError, SettingError
from tocsin.node.files import disk_failures, sync_open
from tocsin.node.sentences import say
from tocsin.node.settings import read_secret

PHONE: Final = r"^\+[1-9][0-9]{6,14}$"
"""A number as E.164 writes it."""

_OWN: Final = [
    ipaddress.ip_network(one)
    for one in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
]  # RFC 1918, RFC 4193, and this machine
_TEXT: Final = re.compile(r"[ -~]{1,160}")  # one SMS that every network carries
_SECONDS: Final = 10.0
_MOST_FILES: Final = 500
_MOST_BYTES: Final = 10_000
_GAMMU: Final = re.compile(r"IN\d{8}_\d{6}_\d+_(\+?\d{3,20})_\d+\.txt")
_SPOOLED: Final = 0o660  # the SMS server is another user, in the group of the folder


def post_webhook(settings: DutySettings, document: Mapping[str, str], *, name: str, now: datetime) -> None:
    """Post a call to the address of the settings, signed; ``name``: the same for the same call (Idempotency-Key).

    The name of the host is resolved once, to an address of a private network (RFC 1918, 4193); redirects lead nowhere.

    Raises:
        RemoteError: it did not take the call.
        SettingError: there is no secret, or the host is not in a private network.

    """
    import httpx

    secret = read_secret(settings.webhook_secret_file, setting="duty.webhook_secret_file")
    if not secret:
        raise SettingError(say("The webhook has no secret."), hint="Set duty.webhook_secret_file.")
    parts = urlsplit(settings.webhook)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    address = _private_address(host, port)
    body = json.dumps(dict(document), sort_keys=True).encode()
    at = int(now.timestamp())
    signature = hmac.digest(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hex()
    headers = {
        "Host": parts.netloc, "Content-Type": "application/json", "Idempotency-Key": name,
        "Tocsin-Signature": f"t={at},v1={signature}",
    }  # fmt: skip
    url = httpx.URL(settings.webhook).copy_with(host=address)
    try:
        with httpx.Client(trust_env=False, timeout=_SECONDS) as client:
            extensions = {"sni_hostname": host}
            with client.stream("POST", url, content=body, headers=headers, extensions=extensions) as answer:
                status = answer.status_code
    except httpx.HTTPError as error:
        raise RemoteError(say("The webhook does not answer: %(error)s", error=type(error).__name__)) from None
    if not 200 <= status < 300:
        raise RemoteError(say("The webhook answers with status %(status)s.", status=status))


def _private_address(host: str, port: int) -> str:
    try:
        found = [one[4][0] for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except OSError:
        raise RemoteError(say("The host of the webhook has no address.")) from None
    for text in found:
        address = ipaddress.ip_address(text)
        if not any(address in network for network in _OWN):
            raise SettingError(
                say("The webhook is not in a private network."), hint="Name a host of the own network in duty.webhook."
            )
    return str(found[0])


def spool_sms(settings: DutySettings, number: str, text: str, *, name: str) -> None:
    """Give a text to the SMS server: one whole file, of the same name for the same call.

    Raises:
        InputError: that is no number (E.164), or no text of one SMS in ASCII; nothing is written then.
        StorageError: the file cannot be written.

    """
    if not re.fullmatch(PHONE, number):
        raise InputError(say("This is no phone number in international form."))
    if not _TEXT.fullmatch(text):
        raise InputError(say("This text does not fit into one SMS."))
    folder = Path(settings.sms_folder)
    if settings.sms_format == "gammu":
        target, content = folder / f"OUTA{name}_{number}_tocsin.txt", text
    else:
        target, content = folder / f"tocsin_{name}", f"To: {number[1:]}\n\n{text}\n"
    with disk_failures("An SMS could not be written"):
        part = folder / f".{target.name}.LOCK"  # neither server takes such a file
        with part.open("wb") as out:
            out.write(content.encode("ascii"))
            sync_open(out)
        part.chmod(_SPOOLED)
        with suppress(OSError):
            shutil.chown(part, group=folder.stat().st_gid)
        part.replace(target)


@dataclass(frozen=True)
class IncomingSms:
    """A message that came. ``number``: with a plus, as its sender says it, who may say anything."""

    path: Path
    number: str
    text: str


def incoming_sms(settings: DutySettings) -> Iterator[IncomingSms]:
    """The messages in the folder of the SMS server, the newest first; what is none is passed over."""
    if not settings.sms_incoming:
        return
    with disk_failures("The folder of incoming SMS cannot be read"):
        files = [one for one in os.scandir(settings.sms_incoming) if one.is_file(follow_symlinks=False)]
        files.sort(key=lambda one: one.stat(follow_symlinks=False).st_mtime, reverse=True)
    for one in files[:_MOST_FILES]:
        with suppress(OSError, ValueError):
            content = Path(one.path).read_bytes()[:_MOST_BYTES]
            number, text = _read_gammu(one.name, content) if settings.sms_format == "gammu" else _read_smstools(content)
            if number:
                yield IncomingSms(Path(one.path), "+" + number.lstrip("+"), text)


def _read_smstools(content: bytes) -> tuple[str, str]:
    """From and text of a file of smstools3: header lines, an empty line, the text."""
    head, _, body = content.partition(b"\n\n")
    lines = (line.partition(":") for line in head.decode("latin-1").splitlines())
    headers = {name.strip().lower(): value.strip() for name, _, value in lines}
    wide = headers.get("alphabet", "").upper() == "UCS2"
    number = headers.get("from", "")
    return number if number.lstrip("+").isdigit() else "", body.decode("utf-16-be" if wide else "latin-1", "replace")


def _read_gammu(name: str, content: bytes) -> tuple[str, str]:
    """From and text of a file of gammu-smsd, which has the number in its name."""
    found = _GAMMU.fullmatch(name)
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    return (found[1] if found else ""), content.decode("utf-16" if wide else "utf-8", "replace")
