"""What the doctor looks at of what others bring: the disk, the bounds of a day, and who vouches for people."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from tocsin.node.sentences import say
from tocsin.node.volumes import reserve_of
from tocsin.operations.health_finding import HealthFinding
from tocsin.operations.writing_check import why_not_written
from tocsin.pipeline.stores import NodeWithStores

_LONG_WAIT: Final = timedelta(minutes=15)  # the largest reports are taken in within minutes


def reserve(node: NodeWithStores, _now: datetime) -> Iterator[HealthFinding]:
    """Whether what others bring is taken: they never use the last part of the disk."""
    free, kept = reserve_of(node.settings.intake, node.home)
    wrong = why_not_written(node)
    found = say(
        "%(free)s GB free, %(reserve)s GB of them are kept", free=f"{free / 1e9:.1f}", reserve=f"{kept / 1e9:.1f}"
    )
    yield HealthFinding(
        say("writing"), not wrong, wrong or found,
        say("Free space, or change [intake] reserve_bytes; mails and dispatches wait where they are.") if wrong else "",
    )  # fmt: skip


def volumes(node: NodeWithStores, now: datetime) -> Iterator[HealthFinding]:
    """Partners that would bring more today than is taken."""
    from tocsin.exchange.partners import refused_partners

    with node.database.reading() as session:
        names = [one.name for one in refused_partners(session, now)]
    yield HealthFinding(say("daily limits of partners"), True, ", ".join(names) or say("none is reached"))


def identity_provider(node: NodeWithStores, _now: datetime) -> Iterator[HealthFinding]:
    """Whether the OpenID provider answers, and signs with a key that counts."""
    from tocsin.node.accounts import Provider

    settings = node.settings.single_sign_on
    if settings.issuer:
        Provider(settings.issuer, settings.client_id).check()
        yield HealthFinding(say("single sign-on"), True, say("%(issuer)s can be used", issuer=settings.issuer))


def uploads(node: NodeWithStores, now: datetime) -> Iterator[HealthFinding]:
    """Reports that were sent in and that nobody takes in."""
    from tocsin.pipeline.uploads import waiting_since

    with node.database.reading() as session:
        since = waiting_since(session)
    well = since is None or now - since < _LONG_WAIT
    yield HealthFinding(
        say("reports that were sent in"),
        well,
        say("the oldest waits since %(since)s UTC", since=f"{since:%Y-%m-%d %H:%M}") if since else say("none waits"),
        "" if well else say("The server takes them in: look into its log, and start it again."),
    )
