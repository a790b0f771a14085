"""A time stamp authority (RFC 3161) of openssl: what it stamps, `openssl ts` verifies."""

from pathlib import Path

from support.mail_keys import openssl

_CONFIG = """\
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
[tsa]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[stamps]
serial = serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
"""


def make_authority(folder: Path) -> bytes:
    """The certificate of its root (PEM); its files stay in the folder."""
    folder.mkdir(exist_ok=True)
    (folder / "openssl.cnf").write_text(_CONFIG)
    (folder / "serial").write_text("01\n")
    for name in ("root", "tsa"):
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
        subject = ("-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN=Example {name}")
        openssl("req", "-new", *curve, *subject, folder=folder)
    made = ("-days", "30", "-extfile", "openssl.cnf")
    openssl(
        "x509",
        "-req",
        "-in",
        "root.csr",
        "-key",
        "root.key",
        *made,
        "-extensions",
        "ca",
        "-out",
        "root.pem",
        folder=folder,
    )
    signed = ("-CA", "root.pem", "-CAkey", "root.key", "-set_serial", "2", "-extensions", "tsa", "-out", "tsa.pem")
    openssl("x509", "-req", "-in", "tsa.csr", *made, *signed, folder=folder)
    return (folder / "root.pem").read_bytes()


def stamp(folder: Path, content: bytes) -> bytes:
    """Its response for these bytes."""
    (folder / "content").write_bytes(content)
    openssl("ts", "-query", "-data", "content", "-sha256", "-cert", "-out", "query.tsq", folder=folder)
    keys = ("-signer", "tsa.pem", "-inkey", "tsa.key")
    config = ("-config", "openssl.cnf", "-section", "stamps")
    openssl("ts", "-reply", "-queryfile", "query.tsq", *config, *keys, "-out", "reply.tsr", folder=folder)
    return (folder / "reply.tsr").read_bytes()
