"""Mails that are reports, as those who send them write them; examples of the standards where they have one."""

import gzip
import io
import json
import zipfile
from email.message import EmailMessage
from typing import Final

ARF: Final = b"""From: <abusedesk@example.com>
Date: Thu, 8 Mar 2005 17:40:36 EDT
Subject: FW: Earn money
To: <abuse@example.net>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report;
     boundary="part1_13d.2e68ed54_boundary"

--part1_13d.2e68ed54_boundary
Content-Type: text/plain; charset="US-ASCII"

This is an email abuse report for an email message received from IP 192.0.2.1.
--part1_13d.2e68ed54_boundary
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: <somespammer@example.net>
Original-Rcpt-To: <user@example.com>
Arrival-Date: Thu, 8 Mar 2005 14:00:00 EDT
Reporting-MTA: dns; mail.example.com
Source-IP: 192.0.2.1
Authentication-Results: mail.example.com;
           spf=fail smtp.mail=somespammer@example.com
Reported-Domain: example.net
Reported-Uri: http://example.net/earn_money.html
Reported-Uri: mailto:user@example.com
Removal-Recipient: user@example.com

--part1_13d.2e68ed54_boundary
Content-Type: message/rfc822
Content-Disposition: inline

From: <somespammer@example.net>
Received: from mailserver.example.net (mailserver.example.net
        [192.0.2.77]) by example.com with ESMTP id M63d4137594e46;
        Thu, 08 Mar 2005 14:00:00 -0400
Subject: Earn money
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="spam"
Message-ID: <8787KJKJ3K4J3K4J3K4J3.mail@example.net>

--spam
Content-Type: text/plain

Spam Spam Spam
--spam
Content-Type: text/csv; name="2026-11-23-scan_rdp-kestria.csv"

"timestamp","ip"
"2026-11-23 01:02:03","203.0.113.99"
--spam--
--part1_13d.2e68ed54_boundary--
"""
"""RFC 5965, B.2, shortened; the mail that it reports has an attachment that looks like a report of Shadowserver."""

AUTHENTICATION: Final = b"""From: arf-daemon@example.com
Subject: Authentication failure
MIME-Version: 1.0
Content-Type: multipart/report; boundary=b; report-type=feedback-report

--b
Content-Type: message/feedback-report
Content-Transfer-Encoding: base64

RmVlZGJhY2stVHlwZTogYXV0aC1mYWlsdXJlDQpVc2VyLUFnZW50OiBTb21lRGFlbW9uLzEuMA0KVmVyc2lvbjogMQ0KQXV0aC1GYWlsdXJlOiBk
bWFyYw0KU291cmNlLUlQOiBJUHY2OjIwMDE6ZGI4Ojo3DQpSZXBvcnRlZC1Eb21haW46IG1pbmlzdHJ5LmV4YW1wbGUNCkRlbGl2ZXJ5LVJlc3Vs
dDogcmVqZWN0DQo=
--b
Content-Type: text/rfc822-headers

From: "The Ministry" <minister@ministry.example>
Subject: =?utf-8?q?Your_invoice_=C3=A9?=

--b--
"""
"""RFC 6591."""

XARF: Final = b"""From: Blocklist <abuse@reporter.example>
Subject: abuse report about 192.0.2.9
X-XARF: PLAIN
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; charset=utf-8

Dear team, a server of yours has attacked one of our users.
--b
Content-Type: text/plain; charset=utf-8; name="report.txt"

---
Reported-From: abuse@reporter.example
Category: abuse
Report-Type: login-attack
Service: ssh
Version: 0.2
User-Agent: 'Fail2Ban 0.8'
Date: Mon, 23 Nov 2026 10:11:12 +0100
Source-Type: ipv4
Source: "192.0.2.9"
Port: 22
Report-ID: 12@reporter.example
TLP: green
--b
Content-Type: text/csv; name=logfile.csv

Nov 23 sshd
--b--
"""
"""X-ARF 0.2, https://github.com/abusix/xarf (version 0.2)."""

DMARC: Final = """<?xml version="1.0" encoding="UTF-8"?>
<feedback{namespace}><version>1.0</version>
<report_metadata><org_name>mail.example</org_name><email>dmarc@mail.example</email><report_id>77</report_id>
<date_range><begin>1795737600</begin><end>1795823999</end></date_range></report_metadata>
<policy_published><domain>ministry.example</domain><p>none</p><sp>none</sp><pct>100</pct></policy_published>
<record><row><source_ip>192.0.2.7</source_ip><count>12</count>
<policy_evaluated><disposition>none</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated></row>
<identifiers><header_from>ministry.example</header_from></identifiers>
<auth_results><dkim><domain>a.example</domain><result>fail</result></dkim><dkim><domain>b.example</domain>
<result>none</result></dkim><spf><domain>bot.example</domain><result>pass</result></spf></auth_results></record>
<record><row><source_ip>192.0.2.8</source_ip><count>900</count>
<policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>
<identifiers><header_from>ministry.example</header_from></identifiers></record>
<record><row><source_ip>192.0.2.10</source_ip><count>1</count><policy_evaluated><disposition>none</disposition>
<dkim>fail</dkim><spf>fail</spf><reason><type>other</type></reason><reason><type>mailing_list</type></reason>
</policy_evaluated></row><identifiers><header_from>ministry.example</header_from></identifiers></record>
<record><row><source_ip>nowhere</source_ip><count>1</count>
<policy_evaluated><disposition>reject</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated></row></record>
</feedback>
"""
"""RFC 7489, appendix C: one that failed, one that passed by DKIM, one by a mailing list, one without an address."""

TLS: Final = {
    "organization-name": "Company-X",
    "date-range": {"start-datetime": "2026-04-01T00:00:00Z", "end-datetime": "2026-04-01T23:59:59Z"},
    "contact-info": "sts-reporting@company-x.example",
    "report-id": "5065427c-23d3-47ca-b6e0-946ea0e8c4be",
    "policies": [
        {
            "policy": {
                "policy-type": "sts",
                "policy-string": ["version: STSv1", "mode: testing"],
                "policy-domain": "company-y.example",
                "mx-host": ["*.mail.company-y.example"],
            },
            "summary": {"total-successful-session-count": 5326, "total-failure-session-count": 303},
            "failure-details": [
                {
                    "result-type": "certificate-expired",
                    "sending-mta-ip": "2001:db8:abcd:0012::1",
                    "receiving-mx-hostname": "mx1.mail.company-y.example",
                    "failed-session-count": 100,
                },
                {
                    "result-type": "starttls-not-supported",
                    "sending-mta-ip": "2001:db8:abcd:0013::1",
                    "receiving-mx-hostname": "mx2.mail.company-y.example",
                    "receiving-ip": "203.0.113.56",
                    "failed-session-count": 200,
                },
                {"result-type": "sts-policy-fetch-error", "failed-session-count": 3},
            ],
        },
        {
            "policy": {"policy-type": "no-policy-found", "policy-domain": "z.example"},
            "summary": {"total-successful-session-count": 1, "total-failure-session-count": 0},
        },
    ],
}
"""RFC 8460, appendix B, shortened, and a domain without failures."""


def dmarc(namespace: str = "") -> bytes:
    """An aggregate report; of version 2 with ``urn:ietf:params:xml:ns:dmarc-2.0``."""
    return DMARC.format(namespace=f' xmlns="{namespace}"' if namespace else "").encode()


def zipped(name: str, content: bytes) -> bytes:
    """A zip file with one file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


def mail_with(*parts: tuple[str, str, bytes], subject: str = "Report") -> bytes:
    """A mail with attachments: media type, file name (or none), content."""
    mail = EmailMessage()
    mail["From"], mail["Subject"], mail["To"] = "reports@mail.example", subject, "dmarc@csirt.example"
    mail.set_content("See the attachment.")
    for media, name, content in parts:
        main, _, sub = media.partition("/")
        mail.add_attachment(content, maintype=main, subtype=sub, filename=name or None)
    return bytes(mail)


def forwarded(raw: bytes, how: str) -> bytes:
    """The mail forwarded: as a mail program attaches one (``message/rfc822``), or as a file ``x.eml``."""
    if how == "file":
        return mail_with(("application/octet-stream", "x.eml", raw), subject="FW")
    head = b"From: ana@isp.example\nSubject: FW\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=fw\n\n"
    return b"%b--fw\nContent-Type: message/rfc822\n\n%b\n--fw--\n" % (head, raw)


MAILS: Final = {
    "arf": ARF,
    "authentication": AUTHENTICATION,
    "xarf": XARF,
    "dmarc": mail_with(
        ("application/gzip", "mail.example!ministry.example!1795737600!1795823999.xml.gz", gzip.compress(dmarc()))
    ),
    "dmarc2": mail_with(
        ("application/zip", "report.zip", zipped("any.xml", dmarc("urn:ietf:params:xml:ns:dmarc-2.0"))),
    ),
    "tls": mail_with(("application/tlsrpt+gzip", "", gzip.compress(json.dumps(TLS).encode()))),
}
"""One of each kind."""
