"""A report from the public becomes an event, so that the team that is responsible is notified as of any other."""

import json
from typing import Final, cast

from pydantic import BaseModel

from tocsin.incidents.arrivals import (
    InboxReport,
    PublicReport,
    ReportKind,
    event_upload,
    find_report,
    note_event,
    person_of,
    reader_of,
    rsit_of,
    settle_events,
)
from tocsin.interface import N_, Act, ActContext, OwnSurface
from tocsin.networks import format_address
from tocsin.node.accounts import Permission
from tocsin.node.errors import UsageError
from tocsin.node.records import AuditAction
from tocsin.node.sentences import say
from tocsin.pipeline.stores import NodeWithStores
from tocsin.pipeline.uploads import arrive
from tocsin.sharing.lookup import Subject, read_subject

FEED: Final = "inbox"
"""The feed of events that were made of reports from the public."""


class InboxNotification(BaseModel):
    """The upload that holds the event of a report."""

    reference: str
    upload: str


def notify(context: ActContext, request: InboxReport) -> InboxNotification:
    """An event is made of where it is and what it is, without the words of the reporter or who it was.

    It is read as a report of the feed "inbox": routed, passed through the release gate, and held like any other. A
    report becomes one event.

    Raises:
        UsageError: the report names no address, network, AS or domain.

    """
    node = cast("NodeWithStores", context.node)
    with node.database.reading() as session:
        report = find_report(session, reader_of(context), request.reference)
        person = person_of(session, context)
        if made := event_upload(session, report):
            return InboxNotification(reference=report.reference, upload=made)
    event = json.dumps(event_of(report)).encode()
    with node.database.begin() as session:  # before anything can be taken in
        settle_events(session, session.get_one(PublicReport, report.id), first=True)
    with arrive(node) as arrival:
        with arrival.file(f"inbox-{report.reference}.json") as out:
            out.write(event)
        upload = str(arrival.keep(source="idf", feed=FEED, **context.by).uuid)
    with node.database.begin() as session:
        note_event(session, session.get_one(PublicReport, report.id), upload, person=person, **context.by)
    return InboxNotification(reference=report.reference, upload=upload)


def event_of(report: PublicReport) -> dict[str, object]:
    """The event in the IntelMQ Data Format. The same report gives the same event: a second one is a duplicate.

    Raises:
        UsageError: the report names no address, network, AS or domain.

    """
    taxonomy, kind = rsit_of(ReportKind(report.kind))
    return {
        "time.source": report.received_at.isoformat(),
        "classification.taxonomy": taxonomy,
        "classification.type": kind,
        "classification.identifier": f"inbox-{report.kind}",
        **_where(report.place),
        "extra.inbox": report.reference,
    }


def _where(place: str) -> dict[str, object]:
    subject = subject_of(place)
    if subject is None:
        raise UsageError(
            say("The report names no address, network, AS or domain."),
            hint=say("Ask the reporter, or send the event in as a report of your own."),
        )
    found: dict[str, object] = {
        "source.ip": format_address(*subject.address) if subject.address else None,
        "source.network": subject.network,
        "source.asn": subject.asn,
        "source.fqdn": subject.domain,
        "source.url": place.strip() if place.strip().startswith(("http://", "https://")) else None,
    }
    return {name: value for name, value in found.items() if value}


def subject_of(place: str) -> Subject | None:
    """What a reporter named, where an event can be made of it."""
    try:
        subject = read_subject(place)
    except UsageError:
        return None
    return None if subject.country and not (subject.address or subject.network or subject.domain) else subject


ACTS: Final = (
    Act(
        "notify", "Make an event of a report from the public, to notify the responsible team", notify,
        noun="inbox report", permission=Permission.INBOX_WRITE,
        audit=(AuditAction.REPORT_SENT, AuditAction.INBOX_SENT_ON), command="inbox notify",
        route="/inbox/{reference}/notify", page=OwnSurface("/reports/public/{reference}/notify"),
        arguments=("reference",), signed=("--as", "Whose account it is, by email address or number; needed."),
        told="{reference} is an event now: upload {upload}.", title=N_("Notify the responsible team"),
        button=N_("Create event and notify"),
        notice=N_(
            "Only what and where goes into the event, not the words or the name of the reporter. It passes the release"
            " gate and is held like any other."
        ),
    ),
)  # fmt: skip
"""What the pipeline does with reports from the public."""
