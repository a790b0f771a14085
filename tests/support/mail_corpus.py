"""Mails as people, programs, ticket systems and mail servers write them, each with the kind that it is."""

from dataclasses import dataclass

from tocsin.delivery.mailbox import MailKind

TO = "csirt+toc-2026-0000001.aaaaaaaaaaaaaaaa@example.org"


@dataclass(frozen=True)
class Sample:
    """``head``: headers beside From, To and Message-ID, a line each."""

    name: str
    kind: MailKind
    body: str
    head: str = ""
    subject: str = "Re: TOC-2026-0000001"
    sender: str = "noc@isp.example"
    ticket: str = ""

    def raw(self, to: str = TO, message_id: str = "<sample@isp.example>") -> bytes:
        """The mail, lines ended with CR LF."""
        head = f"From: {self.sender}\nTo: {to}\nSubject: {self.subject}\nMessage-ID: {message_id}\n"
        more = f"{self.head.strip()}\n" if self.head.strip() else ""
        kind = "" if "content-type" in more.lower() else "Content-Type: text/plain; charset=utf-8\n"
        return f"{head}{more}{kind}\n{self.body}\n".replace("\n", "\r\n").encode()


PEOPLE = [
    Sample("plain", MailKind.ANSWER, "fixed, thanks"),
    Sample("french", MailKind.ANSWER, "Bonjour,\n\nCorrigé.\n\nCordialement"),
    Sample("html", MailKind.ANSWER, "<p>not ours</p>", "Content-Type: text/html; charset=utf-8"),
    Sample("stated not automatic", MailKind.ANSWER, "We look at it.", "Auto-Submitted: no"),
    Sample("asks not to be answered", MailKind.ANSWER, "done", "X-Auto-Response-Suppress: All"),
    Sample("away in the text", MailKind.ANSWER, "I was out of office; it is mended now.",
        subject="Re: back from holiday"),
    Sample("in RT", MailKind.ANSWER, "We have patched the router.",
        "X-RT-Ticket: isp.example #4711\nPrecedence: bulk\nX-Managed-By: RT 5.0.5", "[isp.example #4711] Re: x",
        ticket="#4711"),
    Sample("in OTRS", MailKind.ANSWER, "The customer was told.",
        "X-Mailer: OTRS Mail Service (6.0.30)\nX-Powered-By: OTRS",
        "Re: [Ticket#2026112410000123] x", ticket="2026112410000123"),
    Sample("in Zendesk, says it in a word", MailKind.ANSWER, "Fixed.",
        "X-Zendesk-Ticket-Id: 88\nAuto-Submitted: auto-generated", "[Acme] Re: x", ticket="88"),
    Sample("names a ticket himself", MailKind.ANSWER, "not ours\nsee case 12345 which has been opened elsewhere",
        ticket="12345"),
]  # fmt: skip
AUTOMATIC = [
    Sample("vacation", MailKind.AUTOMATIC, "I am away.", "Auto-Submitted: auto-replied (vacation)\nReturn-Path: <>"),
    Sample("generated", MailKind.AUTOMATIC, "Nightly report", "Auto-Submitted: auto-generated", "Report"),
    Sample("unknown keyword", MailKind.AUTOMATIC, "x", "Auto-Submitted: auto-notified; owner-email=x@y"),
    Sample("autoreply header", MailKind.AUTOMATIC, "I am away.", "X-Autoreply: yes"),
    Sample("autorespond header", MailKind.AUTOMATIC, "I am away.", "X-Autorespond: noc"),
    Sample("precedence", MailKind.AUTOMATIC, "I am away.", "Precedence: auto_reply"),
    Sample("bulk", MailKind.AUTOMATIC, "Our newsletter", "Precedence: bulk", "News"),
    Sample("english", MailKind.AUTOMATIC, "Back on Monday.", subject="Out of Office: TOC-2026-0000001"),
    Sample("outlook", MailKind.AUTOMATIC, "Back on Monday.", subject="Automatic reply: TOC-2026-0000001"),
    Sample("french", MailKind.AUTOMATIC, "De retour lundi.", subject="Réponse automatique : TOC-2026-0000001"),
    Sample("french absence", MailKind.AUTOMATIC, "De retour lundi.", subject="Absence du bureau Re: TOC-2026-0000001"),
    Sample("spanish", MailKind.AUTOMATIC, "Vuelvo el lunes.", subject="Respuesta automática: TOC-2026-0000001"),
    Sample("spanish office", MailKind.AUTOMATIC, "Vuelvo el lunes.", subject="RE: Fuera de la oficina"),
    Sample("portuguese", MailKind.AUTOMATIC, "Volto na segunda.", subject="Resposta automática: TOC-2026-0000001"),
    Sample("arabic", MailKind.AUTOMATIC, "سأعود يوم الاثنين", subject="رد تلقائي: TOC-2026-0000001"),
    Sample("german", MailKind.AUTOMATIC, "Montag wieder da.", subject="Automatische Antwort: TOC-2026-0000001"),
    Sample("encoded subject", MailKind.AUTOMATIC, "De retour lundi.",
        subject="=?utf-8?q?R=C3=A9ponse_automatique_=3A_x?="),
    Sample("was shown", MailKind.AUTOMATIC, "--b\n\nYour mail was displayed.\n--b\n"
        "Content-Type: message/disposition-notification\n\nDisposition: manual-action; displayed\n\n--b--",
        'Content-Type: multipart/report; report-type=disposition-notification; boundary="b"', "Read: x"),
    Sample("our own", MailKind.AUTOMATIC, "192.0.2.1", "Auto-Submitted: auto-generated", sender="csirt@example.org"),
]  # fmt: skip
LISTS = [  # what they say beside a word that counts
    Sample("through a list", MailKind.AUTOMATIC, "We look at it.", "List-Id: <noc.isp.example>"),
    Sample("through an old list", MailKind.AUTOMATIC, "We look at it.", "Precedence: list"),
    Sample("through a list in bulk", MailKind.AUTOMATIC, "Hello.", "List-Id: NOC <noc.isp.example>\nPrecedence: bulk"),
    Sample("to nobody", MailKind.AUTOMATIC, "We look at it.", "Return-Path: <>"),
]
RECEIPTS = [
    Sample("RT", MailKind.RECEIPT, "Greetings,\n\nThis message has been automatically generated in response to the\n"
        "creation of a trouble ticket. Your ticket has been assigned an ID of [isp.example #4711].",
        "X-RT-Ticket: isp.example #4711\nX-RT-Loop-Prevention: x\nAuto-Submitted: auto-replied\nPrecedence: bulk",
        "[isp.example #4711] AutoReply: x", ticket="#4711"),
    Sample("OTRS", MailKind.RECEIPT, "Thank you for your request. Your ticket number is 2026112410000123.",
        "X-OTRS-Loop: yes\nPrecedence: bulk\nAuto-Submitted: auto-replied", "[Ticket#2026112410000123] RE: x",
        ticket="2026112410000123"),
    Sample("Znuny in German", MailKind.RECEIPT, "Ihre Anfrage ist bei uns eingegangen.",
        "X-Mailer: Znuny Mail Service\nAuto-Submitted: auto-generated", "[Ticket#123456] RE: x", ticket="123456"),
    Sample("ServiceNow", MailKind.RECEIPT, "Your request has been received and INC0012345 has been created.",
        "X-ServiceNow-Generated: true", "INC0012345 opened", ticket="INC0012345"),
    Sample("Jira", MailKind.RECEIPT, "Just confirming that we got your request. Request received.",
        "X-JIRA-FingerPrint: abc\nAuto-Submitted: auto-generated", "[NOC-77] x", ticket="NOC-77"),
    Sample("words alone", MailKind.RECEIPT,
        "We have received your report. Ticket number: 998877. Do not reply to this mail.",
        subject="Ticket 998877", ticket="998877"),
    Sample("french", MailKind.RECEIPT,
        "Nous avons bien reçu votre signalement. Votre demande n° 4455 a été enregistrée.",
        subject="Accusé de réception [#4455]", ticket="4455"),
    Sample("spanish", MailKind.RECEIPT, "Hemos recibido su solicitud. Ticket #3344.", ticket="3344"),
    Sample("portuguese", MailKind.RECEIPT, "Recebemos a sua mensagem. O chamado 7788 foi aberto.", ticket="7788"),
    Sample("arabic", MailKind.RECEIPT, "لقد تلقينا رسالتكم. تذكرة رقم 5566", subject="[#5566] x", ticket="5566"),
]  # fmt: skip
UNCLEAR = [
    Sample("a ticket system's note", MailKind.UNKNOWN, "Comment added by A. Person: the customer has it.",
        "X-JIRA-FingerPrint: abc\nAuto-Submitted: auto-generated", "[NOC-77] x", ticket="NOC-77"),
    Sample("a ticket system's note to nobody", MailKind.UNKNOWN, "The customer was told.",
        "X-Mailer: OTRS Mail Service (6.0.30)\nReturn-Path: <>", "[Ticket#4711] x", ticket="4711"),
    Sample("empty", MailKind.UNKNOWN, ""),
    Sample("only a file", MailKind.UNKNOWN, "%PDF", "Content-Type: application/pdf; name=x.pdf"),
    Sample("encrypted", MailKind.UNKNOWN, "--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n--b\n"
        "Content-Type: application/octet-stream\n\n-----BEGIN PGP MESSAGE-----\n--b--",
        'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="b"'),
]  # fmt: skip


def report(*recipients: str, original: str = "<TOC-2026-0000001.abc@example.org>", whole: bool = False) -> Sample:
    """A delivery report in the form of RFC 3464; ``recipients``: fields of each, separated by ``|``."""
    groups = "\n\n".join(recipient.replace("|", "\n") for recipient in recipients)
    kind = "message/rfc822" if whole else "text/rfc822-headers"
    parts = [
        "Content-Type: text/plain\n\nYour message could not be delivered.",
        f"Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.isp.example\n\n{groups}\n",
        f"Content-Type: {kind}\n\nFrom: csirt@example.org\nTo: noc@isp.example\nMessage-ID: {original}\nSubject: x\n\n",
    ]
    body = "".join(f"--b\n{part}\n" for part in parts) + "--b--"
    kind = 'multipart/report; report-type=delivery-status; boundary="b"'
    head = f"Return-Path: <>\nAuto-Submitted: auto-replied\nContent-Type: {kind}"
    return Sample(
        "report", MailKind.BOUNCE, body, head, "Undelivered Mail Returned to Sender", "MAILER-DAEMON@mx.isp.example"
    )


GONE = "Final-Recipient: rfc822; noc@isp.example|Action: failed|Status: 5.1.1|Diagnostic-Code: smtp; 550 5.1.1 no user"
LATE = "Final-Recipient: rfc822; noc@isp.example|Action: delayed|Status: 4.4.1|Diagnostic-Code: smtp; 451 busy"
FULL = "Final-Recipient: rfc822; noc@isp.example|Action: failed|Status: 4.2.2|Diagnostic-Code: smtp; 452 4.2.2 full"
ARRIVED = "Final-Recipient: rfc822; noc@isp.example|Action: delivered|Status: 2.0.0"
QMAIL = Sample("qmail", MailKind.BOUNCE,
    "Hi. This is the qmail-send program at mx.isp.example.\nI'm afraid I wasn't able to deliver your message.\n\n"
    "<noc@isp.example>:\n203.0.113.9 does not like recipient.\nRemote host said: 550 No such user here\n\n"
    "--- Below this line is a copy of the message.\n\nMessage-ID: <TOC-2026-0000001.abc@example.org>\n",
    "Return-Path: <>", "failure notice", "MAILER-DAEMON@mx.isp.example")  # fmt: skip
EXIM = Sample("exim", MailKind.BOUNCE, "A message that you sent could not be delivered: mailbox unavailable",
    "X-Failed-Recipients: noc@isp.example\nReturn-Path: <>\nAuto-Submitted: auto-replied\n"
    "References: <TOC-2026-0000001.abc@example.org>", "Mail delivery failed: returning message to sender",
    "Mailer-Daemon@mx.isp.example")  # fmt: skip
LATE_WORDS = Sample("late", MailKind.BOUNCE, "Will be retried. 4.4.7", "Return-Path: <>",
    "Delayed Mail (still being retried)",
    "MAILER-DAEMON@mx.isp.example")  # fmt: skip
