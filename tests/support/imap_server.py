"""A real IMAP server on 127.0.0.1: Debian's dovecot with mails in a folder of its own, for as long as a test needs it.

A test may put mails in, end the server and start it again, and look at every folder as a second mail program would.
"""

import grp
import imaplib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from support.ports import free_port
from tocsin.delivery.mailbox import Account

_ACCOUNT = "dovecot"  # dovecot keeps no mails for root
_CONFIGURATION = """
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
default_internal_user = {account}
default_internal_group = {group}
default_login_user = {account}
auth_allow_cleartext = yes
auth_mechanisms = plain{mechanisms}
auth_failure_delay = 0
mail_driver = maildir
mail_home = {folder}/mails/%{{user}}
mail_path = ~/Maildir
mail_fsync = never
first_valid_uid = 1
ssl = {ssl}
{tls}
{tokens}
passdb static {{
  password = {password}
}}
userdb static {{
  fields {{
    uid = {account}
    gid = {group}
  }}
}}
{limits}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""
_TOKENS = """
oauth2 {{
  introspection_url = {introspection}
  introspection_mode = post
  username_attribute = username
  active_attribute = active
  active_value = true
}}
passdb oauth2 {{
  mechanisms_filter = xoauth2 oauthbearer
}}
"""


@dataclass(frozen=True)
class ImapServer:
    """Where it listens. Any user name works with the password; each has its own mails."""

    port: int
    tls_port: int
    password: str

    def account(
        self, user: str = "csirt", *, security: Literal["none", "starttls", "tls"] = "none", **other: object
    ) -> Account:
        port = self.tls_port if security == "tls" else self.port
        return Account("127.0.0.1", user, self.password, port=port, security=security, **other)  # type: ignore[arg-type]

    def put(self, *mails: bytes, user: str = "csirt", folder: str = "INBOX") -> None:
        """Lay mails into a folder."""
        with self._open(user) as client:
            for mail in mails:
                status, words = client.append(folder, "", "", mail)
                assert status == "OK", words

    def mails(self, folder: str = "INBOX", user: str = "csirt") -> list[bytes]:
        """All mails of a folder as bytes, in its order; none where it is not there."""
        with self._open(user) as client:
            status, _ = client.select(f'"{folder}"', readonly=True)
            if status != "OK":
                return []
            _, found = client.uid("FETCH", "1:*", "(BODY.PEEK[])")
            return [bytes(item[1]) for item in found if isinstance(item, tuple)]

    def clear(self, *folders: str, user: str = "csirt") -> None:
        """Empty folders; one that is not there is made."""
        with self._open(user) as client:
            for folder in folders:
                client.create(folder)
                client.select(folder)
                client.uid("STORE", "1:*", "+FLAGS", r"(\Deleted)")
                client.expunge()

    @contextmanager
    def _open(self, user: str) -> Iterator[imaplib.IMAP4]:
        with imaplib.IMAP4("127.0.0.1", self.port) as client:
            client.login(user, self.password)
            yield client


@contextmanager
def imap_server(
    *, certificate: Path | None = None, without: tuple[str, ...] = (), introspection: str = ""
) -> Iterator[ImapServer]:
    """The server, started. ``certificate``: a folder with key.pem and certificate.pem, offered by both kinds of TLS.

    ``without``: capabilities that it does not offer, such as MOVE. ``introspection``: where it asks whose an access
    token is (RFC 7662); then it takes those, too.
    """
    binary = shutil.which("dovecot", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if binary is None:
        pytest.skip("dovecot is not here: install the Debian package 'dovecot-imapd'")
    root = os.geteuid() == 0
    account = _ACCOUNT if root else pwd.getpwuid(os.geteuid()).pw_name
    folder = Path(tempfile.mkdtemp(prefix="tocsin-imap-", dir="/tmp"))  # a short path for sockets
    port, tls_port = free_port(), free_port()
    server = ImapServer(port, tls_port, "secret")
    for name in ("run", "mails"):
        (folder / name).mkdir()
    _configure(folder, server, account, certificate, without=without, introspection=introspection)
    if root:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, account)
    with (folder / "start").open("wb") as out:
        process = subprocess.Popen(
            [binary, "-F", "-c", folder / "dovecot.conf"],
            user=account if root else None,
            group=pwd.getpwnam(account).pw_gid if root else None,
            extra_groups=[] if root else None,
            stdout=out,
            stderr=out,
        )
    try:
        _await(server, process, folder)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=120)
        shutil.rmtree(folder, ignore_errors=True)


def _configure(
    folder: Path,
    server: ImapServer,
    account: str,
    certificate: Path | None,
    *,
    without: tuple[str, ...],
    introspection: str,
) -> None:
    tls = ""
    if certificate is not None:
        for name in ("certificate.pem", "key.pem"):
            shutil.copy(certificate / name, folder)
        tls = f"ssl_server_cert_file = {folder}/certificate.pem\nssl_server_key_file = {folder}/key.pem"
    limits = "\n".join(["imap_capability {", *(f"  {name} = no" for name in without), "}"]) if without else ""
    (folder / "dovecot.conf").write_text(
        _CONFIGURATION.format(
            folder=folder,
            account=account,
            group=grp.getgrgid(pwd.getpwnam(account).pw_gid).gr_name,
            ssl="yes" if certificate else "no",
            tls=tls,
            mechanisms=" xoauth2 oauthbearer" if introspection else "",
            tokens=_TOKENS.format(introspection=introspection) if introspection else "",
            limits=limits,
            password=server.password,
            port=server.port,
            tls_port=server.tls_port if certificate else 0,
        )
    )


def _await(server: ImapServer, process: subprocess.Popen[bytes], folder: Path) -> None:
    while True:
        try:
            with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
                assert connection.recv(4) == b"* OK"
                return
        except ConnectionRefusedError:
            if process.poll() is not None:
                pytest.fail(f"dovecot ended: {(folder / 'start').read_text()}")
            time.sleep(0.02)
