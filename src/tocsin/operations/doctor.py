"""Examines a node from the outside in, and says for each finding how to mend it."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select

from tocsin.events.models import Ingest, IngestState
from tocsin.node.errors import TocsinError
from tocsin.pipeline.stores import NodeWithStores, open_node

_LITTLE_SPACE = 2_000_000_000
_KEY_DAYS = 60
_FAILS_FOR_GOOD = 3  # one failure may be the network's
_LONG_WAIT = timedelta(minutes=15)  # the largest reports are taken in within minutes


@dataclass(frozen=True)
class HealthFinding:
    """One check: what was looked at, whether it is well, what was found, and how to mend it."""

    what: str
    ok: bool
    found: str
    mend: str = ""


def examine(home: Path) -> list[HealthFinding]:
    """All findings, in the order in which one depends on the other; the rest is left out where a node cannot open."""
    if not home.is_dir():
        return [
            HealthFinding("home folder", False, f"{home} is not there", "Name it with --home, or run './run' once.")
        ]
    findings = [_space(home), _writable(home)]
    try:
        node = open_node(home)
    except TocsinError as error:
        return [*findings, HealthFinding("settings and records", False, str(error), error.hint)]
    findings.append(HealthFinding("settings and records", True, f"open, {node.database.engine.dialect.name}"))
    for check in (
        _closed,
        _unfinished,
        _event_table,
        _uploads,
        _feeds,
        _collectors,
        _work,
        _directory,
        _stuck_deliveries,
        _sending,
        _own_keys,
        _team_keys,
        _mail,
        _mailbox,
        _mail_texts,
        _security_txt,
    ):
        try:
            findings += check(node)
        except TocsinError as error:
            findings.append(HealthFinding(check.__name__.strip("_").replace("_", " "), False, str(error), error.hint))
    return findings


Check = Callable[[NodeWithStores], Iterator[HealthFinding]]


def _space(home: Path) -> HealthFinding:
    free = shutil.disk_usage(home).free
    mend = "" if free > _LITTLE_SPACE else "Free space, or shorten [retention] in tocsin.toml and apply it."
    return HealthFinding("disk", free > _LITTLE_SPACE, f"{free / 1e9:.1f} GB free", mend)


def _writable(home: Path) -> HealthFinding:
    ok = os.access(home, os.W_OK)
    return HealthFinding("home folder", ok, str(home), "" if ok else "Give this user the right to write there.")


def _closed(node: NodeWithStores) -> Iterator[HealthFinding]:
    """Whether other users of the machine are kept out; opening a node closes what belongs to this user."""
    from tocsin.node.home import is_open

    loose = is_open(node.home)
    yield HealthFinding(
        "other users of this machine",
        not loose,
        "can open the home folder" if loose else "cannot read the node",
        f"As the owner of that folder: chmod -R go= {node.home}" if loose else "",
    )


def _unfinished(node: NodeWithStores) -> Iterator[HealthFinding]:
    with node.database.begin() as session:
        open_ones = list(session.scalars(select(Ingest.number).where(Ingest.state == IngestState.PREPARED)))
    yield HealthFinding(
        "interrupted ingests",
        not open_ones,
        f"{len(open_ones)} to finish" if open_ones else "none",
        "The next 'tocsin ingest' or 'retention apply' finishes them; nothing is lost." if open_ones else "",
    )


def _event_table(node: NodeWithStores) -> Iterator[HealthFinding]:
    missing = [path for path in node.store.files() if not (node.store.folder / path).is_file()]
    yield HealthFinding(
        "event table",
        not missing,
        f"{len(node.store.files()):,} files" + (f", {len(missing)} missing, first {missing[0]}" if missing else ""),
        "Restore the missing files from a backup." if missing else "",
    )
    with node.database.begin() as session:
        last = session.scalar(select(func.max(Ingest.number))) or 0
        shown_by_records = select(func.max(Ingest.number)).where(
            Ingest.state == IngestState.COMMITTED, Ingest.stored > 0
        )
        stored = session.scalar(shown_by_records) or 0
    shown = node.store.last_committed()
    agree = stored <= shown <= last
    yield HealthFinding(
        "events and records agree",
        agree,
        f"last ingest {last}, table at {shown}",
        "" if agree else "One of them is older than the other: restore both from one backup.",
    )


def _uploads(node: NodeWithStores) -> Iterator[HealthFinding]:
    """Reports that were sent in and that nobody takes in."""
    from tocsin.pipeline.uploads import waiting_since

    with node.database.reading() as session:
        since = waiting_since(session)
    well = since is None or datetime.now(UTC) - since < _LONG_WAIT
    yield HealthFinding(
        "reports that were sent in",
        well,
        f"the oldest waits since {since:%Y-%m-%d %H:%M} UTC" if since else "none waits",
        "" if well else "The server takes them in: look into its log, and start it again.",
    )


def _feeds(node: NodeWithStores) -> Iterator[HealthFinding]:
    """A feed that went quiet is as good as an alarm: its problems would look healthy."""
    from tocsin.events.alarms import feed_states, watch_feeds

    watch_feeds(node.database, now=datetime.now(UTC))
    feeds = feed_states(node.database)
    unwell = [feed for feed in feeds if any(alarm.acknowledged_at is None for alarm in feed.alarms)]
    words = ", ".join(f"{feed.name} ({feed.state})" for feed in unwell[:5])
    yield HealthFinding(
        "feeds",
        not unwell,
        f"{len(unwell)} of {len(feeds)} not as usual: {words}" if unwell else f"{len(feeds)} known, all as usual",
        "'tocsin feeds health' says what is wrong with each; no problem fades meanwhile." if unwell else "",
    )


def _collectors(node: NodeWithStores) -> Iterator[HealthFinding]:
    from tocsin.pipeline.collectors import read_collectors, standings

    found = standings(node.database, read_collectors(node.settings.collect))
    if not found:
        return
    failing = [one for one in found if one.failures >= _FAILS_FOR_GOOD]
    idle = [one for one in found if one.is_overdue(datetime.now(UTC))]
    words = [f"{one.name} failed {one.failures} times in a row" for one in failing]
    words += [f"{one.name} should have run" for one in idle if one not in failing]
    yield HealthFinding(
        "collectors",
        not words,
        "; ".join(words[:5]) if words else f"{len(found)} work",
        "'tocsin collect list' says why; 'tocsin collect run' must be called by a timer." if words else "",
    )


def _work(node: NodeWithStores) -> Iterator[HealthFinding]:
    """What the server does in the background, as it noted it."""
    from tocsin.operations.worker import read_past

    if not node.settings.server.work:
        yield HealthFinding("work of the server", True, "left to timers: [server] work")
        return
    failing = [(chore, past) for chore, past in read_past(node.home).items() if past.error]
    if not failing:
        yield HealthFinding("work of the server", True, "nothing failed")
    for chore, past in failing:
        found = f"'{chore}' failed at {past.at:%Y-%m-%d %H:%M} UTC: {past.error}"
        yield HealthFinding("work of the server", False, found, past.hint or "It is tried again by itself.")


def _directory(node: NodeWithStores) -> Iterator[HealthFinding]:
    from tocsin.directory import read_directory

    directory = read_directory(node.database)
    silent = [team.key for team in directory.teams if not team.mailboxes]
    yield HealthFinding(
        "directory",
        bool(directory.teams) and not silent,
        f"{len(directory.teams):,} teams, {len(directory.rules):,} rules"
        + (f"; no mailbox: {', '.join(silent[:5])}" if silent else ""),
        "" if directory.teams and not silent else "Import teams with 'tocsin directory import FILE'.",
    )


def _stuck_deliveries(node: NodeWithStores) -> Iterator[HealthFinding]:
    from tocsin.delivery import failed_deliveries

    failed = failed_deliveries(node.database)
    yield HealthFinding(
        "deliveries",
        not failed,
        f"{failed:,} failed" if failed else "none failed",
        "'tocsin deliveries list --state failed' says why." if failed else "",
    )


def _sending(node: NodeWithStores) -> Iterator[HealthFinding]:
    from tocsin.delivery import notices

    with node.database.begin() as session:
        found = notices(session, node.settings)
    if not found:
        yield HealthFinding("sending", True, "nothing keeps mails from their teams")
    for notice in found:
        yield HealthFinding("sending", not notice.asks, notice.words, notice.mend)


def _own_keys(node: NodeWithStores) -> Iterator[HealthFinding]:
    """The keys of this node: those that it needs, and how long they last."""
    from tocsin.delivery.sealing import can_sign, read_own_keys
    from tocsin.directory.keys import KeyFormat

    mail, now = node.settings.mail, datetime.now(UTC)
    own = read_own_keys(node.home, mail)
    forms = [form for form in KeyFormat if own.of(form) is not None or form == mail.sign]
    bad = [f"{form.words}: {verdict.why}" for form in forms if not (verdict := can_sign(own, form, now)).good]
    bad += [f"{facts.format.words} ends on {until:%Y-%m-%d}" for facts, until in own.ending(now, _KEY_DAYS)]
    yield HealthFinding(
        "keys of this node",
        not bad,
        "; ".join(bad) or (f"{' and '.join(form.words for form in forms)} sign" if forms else "none"),
        "'tocsin keys node-make' makes one, 'tocsin keys node-renew' lets it live longer." if bad else "",
    )


def _team_keys(node: NodeWithStores) -> Iterator[HealthFinding]:
    """The keys of those teams whose mails must be encrypted."""
    from tocsin.delivery.sealing import SealingRefusal, open_seals
    from tocsin.directory import list_teams
    from tocsin.directory.keys import ending, keys_by_team, team_keys

    now = datetime.now(UTC)
    teams = {team.id: team for team, _ in list_teams(node.database) if team.encrypt}
    seals = open_seals(node.home, node.settings.mail, keys_by_team(node.database, teams), now)
    bad = [f"{team.key} cannot be told" for team in teams.values() if isinstance(seals.of(team), SealingRefusal)]
    ends = ending(team_keys(node.database, teams), now, _KEY_DAYS)
    bad += [f"{teams[key.team_id].key} until {until:%Y-%m-%d}" for key, until in ends]
    yield HealthFinding(
        "keys of teams",
        not bad,
        (f"teams told encrypted: {len(teams)}" if teams else "no team is told encrypted")
        + (f"; {'; '.join(bad[:5])}" if bad else ""),
        "'tocsin keys list' and 'tocsin keys expiring' show them; ask for new ones, 'tocsin keys remind' does."
        if bad
        else "",
    )


def _mail(node: NodeWithStores) -> Iterator[HealthFinding]:
    mail = node.settings.mail
    if mail.channel == "file":
        yield HealthFinding("mail", True, f"finished mails are written to {node.mails}; nothing is sent")
        return
    from tocsin.delivery import reach_smtp

    yield HealthFinding("mail", *reach_smtp(mail))


def _mailbox(node: NodeWithStores) -> Iterator[HealthFinding]:
    """The mailbox that replies come to, and mails of it that a person must look at."""
    from tocsin.delivery.mailbox import account_of, open_mailbox, waiting_count

    with node.database.begin() as session:
        waiting = waiting_count(session)
    if not node.settings.mailbox.host:
        yield HealthFinding("mailbox", True, "none is read: replies stay where they are")
    else:
        with open_mailbox(account_of(node.settings.mailbox)):
            yield HealthFinding("mailbox", True, f"{node.settings.mailbox.user} can be read")
    mend = "'tocsin replies list --state waiting' shows them." if waiting else ""
    yield HealthFinding("mails that wait for a person", not waiting, f"{waiting:,}" if waiting else "none", mend)


def _security_txt(node: NodeWithStores) -> Iterator[HealthFinding]:
    """The file that 'tocsin directory new-team' made: it says where to report flaws, until a day that it names."""
    path = node.home / "founding" / "security.txt"
    if not path.is_file():
        return
    from tocsin.directory.registry.security_txt import parse_security_txt

    expires = parse_security_txt(path.read_text(encoding="utf-8")).expires
    left = expires - datetime.now(UTC) if expires else timedelta()
    well = left > timedelta(days=30)
    mend = "Name a later day: 'tocsin directory new-team', the answer 'expires'; then publish the file."
    yield HealthFinding(
        "security.txt", well, f"ends on {expires:%Y-%m-%d}" if expires else "it has no end", "" if well else mend
    )


def _mail_texts(node: NodeWithStores) -> Iterator[HealthFinding]:
    """The texts of mails that this node has itself; one that is wrong keeps all mails back."""
    from tocsin.delivery.texts import Shelf, faults, in_english

    shelf = Shelf(node.home / "templates", node.settings.node.language)
    wrong = list(faults(shelf))
    half = [f"{tag} has {n} in English" for tag in shelf.languages() if (n := len(in_english(shelf, tag)))]
    found = "; ".join([", ".join(shelf.languages()), *half])
    yield HealthFinding(
        "mail texts",
        not wrong,
        str(wrong[0]) if wrong else found,
        "Mend the file; no mail leaves until then. 'tocsin templates check' names all." if wrong else "",
    )
