"""Keys that gpg and openssl make, and what they make of mails: the oracle beside our own libraries."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

_QUIET = ("--batch", "--yes", "--no-tty", "--pinentry-mode", "loopback")


@dataclass(frozen=True)
class Gpg:
    """A keyring of its own."""

    home: Path

    def run(self, *arguments: str, given: bytes = b"", at: str = "", password: str = "") -> bytes:
        """What gpg prints; ``at``: the time that it believes it is, ``20240101T000000``."""
        clock = ("--faked-system-time", at) if at else ()
        command = ["gpg", "--homedir", str(self.home), *_QUIET, "--passphrase", password, *clock, *arguments]
        return subprocess.run(command, input=given, capture_output=True, check=True, timeout=60).stdout

    def make(
        self,
        user: str,
        primary: str = "ed25519",
        encrypts: str = "cv25519",
        *,
        lasts: str = "2y",
        subkey_lasts: str = "",
        at: str = "",
        options: tuple[str, ...] = (),
        password: str = "",
    ) -> str:
        """The fingerprint of a new key; ``encrypts`` empty: it only signs."""
        usage = "cert,sign,encr" if encrypts == primary else "cert,sign"
        self.run(*options, "--quick-gen-key", user, primary, usage, lasts, at=at, password=password)
        made = self.run("--list-keys", "--with-colons").decode()
        fingerprint = re.findall(r"^pub:.*?^fpr:+([0-9A-F]+):", made, re.MULTILINE | re.DOTALL)[-1]
        if encrypts and encrypts != primary:
            lasts = subkey_lasts or lasts
            self.run(*options, "--quick-add-key", fingerprint, encrypts, "encr", lasts, at=at, password=password)
        return str(fingerprint)

    def public(self, fingerprint: str) -> bytes:
        """The key as others get it, binary."""
        return self.run("--export", fingerprint)

    def revocation(self, fingerprint: str) -> bytes:
        """The revocation that gpg keeps ready, armored."""
        return (
            (self.home / "openpgp-revocs.d" / f"{fingerprint}.rev").read_bytes().replace(b":-----BEGIN", b"-----BEGIN")
        )

    def edit(self, fingerprint: str, commands: str) -> None:
        """What a person does in ``gpg --edit-key``."""
        self.run("--command-fd", "0", "--edit-key", fingerprint, given=commands.encode())

    def opened(self, mail: bytes) -> tuple[bytes, str]:
        """What is in an encrypted mail, and the fingerprint of the primary key that signed it."""
        plain = self.home / "plain"
        plain.unlink(missing_ok=True)
        status = self.run("--status-fd", "1", "--output", str(plain), "--decrypt", given=mail).decode(errors="replace")
        signed = re.findall(r"^\[GNUPG:\] VALIDSIG .* ([0-9A-F]{40})$", status, re.MULTILINE)
        return plain.read_bytes(), signed[0].lower() if signed else ""

    def verifies(self, content: bytes, signature: bytes) -> str:
        """The fingerprint of the primary key that made a good signature over these bytes, or an empty text."""
        (self.home / "signature").write_bytes(signature)
        (self.home / "content").write_bytes(content)
        try:
            status = self.run("--status-fd", "1", "--verify", str(self.home / "signature"), str(self.home / "content"))
        except subprocess.CalledProcessError:
            return ""
        found = re.findall(r"^\[GNUPG:\] VALIDSIG .* ([0-9A-F]{40})$", status.decode(errors="replace"), re.MULTILINE)
        return str(found[0]).lower() if found else ""


@contextmanager
def gnupg() -> Iterator[Gpg]:
    """A fresh keyring; its folder has a short name, since the agent's socket is in it."""
    home = Path(tempfile.mkdtemp(prefix="gpg"))
    (home / "gpg-agent.conf").write_text("s2k-count 65536\n", encoding="ascii")  # passwords of tests need no slow hash
    try:
        yield Gpg(home)
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "gpg-agent"], check=False, timeout=60)
        shutil.rmtree(home, ignore_errors=True)


def openssl(*arguments: str, folder: Path, given: bytes = b"") -> bytes:
    """What openssl prints; works in ``folder``."""
    command = ["openssl", *arguments]
    environment = os.environ | {"OPENSSL_CONF": "/dev/null"}
    done = subprocess.run(
        command, input=given, capture_output=True, cwd=folder, env=environment, check=True, timeout=60
    )
    return done.stdout


def certificate(
    folder: Path,
    mailbox: str,
    *options: str,
    key: tuple[str, ...] = ("rsa:2048",),
    uses: str = "critical,digitalSignature,keyEncipherment",
    purposes: str = "emailProtection",
    name: str = "team",
) -> bytes:
    """A certificate for a mailbox that vouches for itself (PEM); ``NAME.key`` and ``NAME.pem`` stay in the folder."""
    extensions = [f"keyUsage={uses}", f"extendedKeyUsage={purposes}", "basicConstraints=critical,CA:FALSE"]
    extensions += [f"subjectAltName=email:{mailbox}"] if mailbox else []
    named = [word for extension in extensions for word in ("-addext", extension)]
    if "-not_before" not in options:  # a world may be some seconds behind the machine
        options = ("-not_before", f"{datetime.now(UTC) - timedelta(days=1):%Y%m%d%H%M%SZ}", *options)
    made = ["-keyout", f"{name}.key", "-out", f"{name}.pem", "-nodes", "-subj", "/CN=Example", *named, *options]
    openssl("req", "-x509", "-newkey", *key, *made, folder=folder)
    return (folder / f"{name}.pem").read_bytes()
