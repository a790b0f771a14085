"""Examines a node from the outside in, and says for each finding how to mend it."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from time import perf_counter

from sqlalchemy import select

from tocsin.events import Ingest, IngestState, NotificationRun
from tocsin.node.build import build
from tocsin.node.errors import TocsinError
from tocsin.node.paths import HomeFolder
from tocsin.node.sentences import join_sentences, say
from tocsin.node.storage import BucketPlace, check_storage, shared_folder
from tocsin.operations import cluster_checks, feed_checks, intake_checks, reading_checks
from tocsin.operations.health_finding import HealthFinding, HealthKind
from tocsin.pipeline.commit import last_stored
from tocsin.pipeline.stores import NodeWithStores, open_node
from tocsin.pipeline.term import last_number

_LITTLE_SPACE = 2_000_000_000
_KEY_DAYS = 60


def examine(home: Path, now: datetime) -> list[HealthFinding]:
    """All findings, in the order in which one depends on the other; the rest is left out where a node cannot open."""
    if not home.is_dir():
        return [
            HealthFinding(
                say("home folder"),
                False,
                say("%(home)s is not there", home=home),
                say("Name it with --home, or run './run' once."),
            )
        ]
    findings = [HealthFinding(say("version"), True, str(build())), _space(home), _writable(home)]
    try:
        node = open_node(home)
    except TocsinError as error:
        return [*findings, HealthFinding(say("settings and records"), False, str(error), error.hint)]
    return [*findings, *examine_node(node, now)]


def examine_node(node: NodeWithStores, now: datetime) -> list[HealthFinding]:
    """The findings of a node that is open."""
    opened = say("open, %(name)s", name=node.database.engine.dialect.name)
    findings = [HealthFinding(say("settings and records"), True, opened)]
    for check in (
        intake_checks.reserve,
        _closed,
        _storage,
        _unfinished,
        _event_table,
        reading_checks.compiled_reader,
        reading_checks.confined_readers,
        reading_checks.inner_signatures,
        intake_checks.uploads,
        _kept_files,
        feed_checks.feeds,
        feed_checks.feed_files,
        feed_checks.collectors,
        _work,
        cluster_checks.cluster,
        cluster_checks.machines,
        _backups,
        _standby,
        _directory,
        _stuck_deliveries,
        _sending,
        _child_in_danger,
        _own_keys,
        _team_keys,
        _mail,
        _mailbox,
        _hotline,
        _mail_texts,
        _help_texts,
        _security_txt,
        intake_checks.identity_provider,
        intake_checks.volumes,
    ):
        try:
            findings += check(node, now)
        except TocsinError as error:
            findings.append(HealthFinding(check.__name__.strip("_").replace("_", " "), False, str(error), error.hint))
    return findings


Check = Callable[[NodeWithStores, datetime], Iterator[HealthFinding]]


def _space(home: Path) -> HealthFinding:
    free = shutil.disk_usage(home).free
    mend = "" if free > _LITTLE_SPACE else say("Free space, or shorten [retention] in tocsin.toml and apply it.")
    return HealthFinding(say("disk"), free > _LITTLE_SPACE, say("%(free)s GB free", free=f"{free / 1e9:.1f}"), mend)


def _writable(home: Path) -> HealthFinding:
    ok = os.access(home, os.W_OK)
    return HealthFinding(
        say("home folder"), ok, str(home), "" if ok else say("Give this user the right to write there.")
    )


def _closed(node: NodeWithStores, _now: datetime) -> Iterator[HealthFinding]:
    """Whether other users are kept out of the home, which is closed when a node opens, and of ``file://``."""
    from tocsin.node.home import is_open

    loose = [
        one for one in {node.home, shared_folder(node.settings.storage, node.home)} if one.exists() and is_open(one)
    ]
    if not loose:
        yield HealthFinding(say("other users of this machine"), True, say("cannot read the node"))
    for folder in loose:
        found = say("can open %(folder)s", folder=str(folder))
        mend = say("As the owner of that folder: chmod -R go= %(home)s", home=str(folder))
        yield HealthFinding(say("other users of this machine"), False, found, mend)


def _storage(node: NodeWithStores, _now: datetime) -> Iterator[HealthFinding]:
    """Whether the storage that the settings name answers."""
    if not node.settings.storage.address:
        return
    storage, began = node.settings.storage, perf_counter()
    check_storage(storage, node.home)
    took = f"{(perf_counter() - began) * 1000:.0f}"
    place = node.place(HomeFolder.EVENTS)
    if isinstance(place, BucketPlace) and not place.is_exclusive():
        found = say("%(where)s lets two write the same at once", where=storage.address)
        yield HealthFinding(say("storage"), False, found, say("Use a server of S3 that honours If-None-Match."))
        return
    yield HealthFinding(say("storage"), True, say("%(where)s answers in %(took)s ms", where=storage.address, took=took))


def _unfinished(node: NodeWithStores, _now: datetime) -> Iterator[HealthFinding]:
    with node.database.begin() as session:
        unfinished = (select(row.number).where(row.state == IngestState.PREPARED) for row in (Ingest, NotificationRun))
        open_ones = [number for wanted in unfinished for number in session.scalars(wanted)]
    yield HealthFinding(
        say("interrupted ingests"),
        not open_ones,
        say("%(open_ones)s to finish", open_ones=len(open_ones)) if open_ones else say("none"),
        say("The next 'tocsin ingest' or 'retention apply' finishes them; nothing is lost.") if open_ones else "",
    )


def _event_table(node: NodeWithStores, _now: datetime) -> Iterator[HealthFinding]:
    files, here = node.store.files(), {file.name for file in node.store.place.list()}
    yield _files_found(say("event table"), len(files), [path for path in files if path not in here])
    with node.database.begin() as session:
        last = last_number(session)
        stored = last_stored(session)
    shown = node.store.last_committed()
    agree = stored <= shown <= last
    yield HealthFinding(
        say("events and records agree"),
        agree,
        say("last ingest %(last)s, table at %(shown)s", last=last, shown=shown),
        ""
        if agree
        else say("Stop every server, then 'tocsin doctor --repair' takes the table back.")
        if shown > last
        else say("One of them is older than the other: restore both from one backup."),
    )


def _kept_files(node: NodeWithStores, _now: datetime) -> Iterator[HealthFinding]:
    """Files of reports from the public and of evidence, and mails that wait for a person, whose bytes are gone."""
    from tocsin.delivery.mailbox import ENDED, STILL_NEEDED, ReceivedMail
    from tocsin.exchange.ledger import kept_files
    from tocsin.incidents.arrivals import PublicFile
    from tocsin.incidents.evidence import kept_digests

    here = ~ReceivedMail.content.startswith(ENDED)
    waiting = select(ReceivedMail.sha256).where(ReceivedMail.state.in_(STILL_NEEDED), here)
    with node.database.reading() as session:
        files = [(node.inbox, digest) for digest in session.scalars(select(PublicFile.sha256).distinct())]
        files += [(node.mailroom, digest) for digest in session.scalars(waiting)]
        files += [(node.exchange, digest) for digest in kept_files(session)]
        evidence = [(node.incident_evidence, digest) for digest in kept_digests(session)]  # of restricted ones, too
    missing = [f"{blobs.folder.name}/{digest}" for blobs, digest in (*files, *evidence) if digest not in blobs]
    yield _files_found(say("files of reports, mails and evidence"), len(files), missing)


def _files_found(what: str, files: int, missing: Sequence[str]) -> HealthFinding:
    if not missing:
        return HealthFinding(what, True, say("%(store)s files", store=f"{files:,}"))
    found = say(
        "%(store)s files, %(missing)s missing, first %(missing2)s",
        store=f"{files:,}",
        missing=len(missing),
        missing2=missing[0],
    )
    return HealthFinding(what, False, found, say("Restore the missing files from a backup."))


def _work(node: NodeWithStores, _now: datetime) -> Iterator[HealthFinding]:
    """What the server does in the background, as it noted it."""
    from tocsin.operations.worker import read_past

    if not node.settings.server.work:
        yield HealthFinding(say("work of the server"), True, say("left to timers: [server] work"))
        return
    failing = [(chore, past) for chore, past in read_past(node.database).items() if past.error]
    if not failing:
        yield HealthFinding(say("work of the server"), True, say("nothing failed"))
    for chore, past in failing:
        found = say(
            "'%(chore)s' failed at %(at)s UTC: %(error)s", chore=chore, at=f"{past.at:%Y-%m-%d %H:%M}", error=past.error
        )
        yield HealthFinding(say("work of the server"), False, found, past.hint or say("It is tried again by itself."))


def _backups(node: NodeWithStores, now: datetime) -> Iterator[HealthFinding]:
    """When the node was last copied, and whether anybody saw that a copy can be used."""
    from tocsin.operations.backup_history import backup_history

    days = node.settings.storage.backup_days
    history = backup_history(node.database, now)
    if not days and not history.made:
        return

    def on(at: date | None) -> str:
        return f"{at:%Y-%m-%d}" if at else say("never")

    made = say("last made: %(day)s", day=on(history.made))
    if history.made:
        made = say("%(made)s, encrypted", made=made) if history.encrypted else say("%(made)s, readable", made=made)
    checked = say("read back: %(day)s", day=on(history.checked))
    if history.checked and not history.content:
        checked = say("%(checked)s, only as an encrypted file", checked=checked)
    here = history.restored.date() if history.restored else None
    restored = say("restored: %(day)s", day=on(max((day for day in (here, history.rehearsed) if day), default=None)))
    late = history.overdue(days, now)
    yield HealthFinding(
        say("backups"),
        not late,
        join_sentences("; ", (made, checked, restored)),
        say(
            "Run 'tocsin backup FOLDER --to KEY', and a timer for it: docs/operate.md. [storage] backup_days sets when."
        )
        if late
        else "",
    )


def _standby(node: NodeWithStores, now: datetime) -> Iterator[HealthFinding]:
    """How old the newest copy for the standby machine is, and when a takeover was last tried."""
    if not node.settings.standby.folder:
        return
    from tocsin.operations.standby_state import standby_state

    state = standby_state(node, now)
    yield HealthFinding(say("standby"), not state.problem, state.words, state.mend)


def _directory(node: NodeWithStores, _now: datetime) -> Iterator[HealthFinding]:
    from tocsin.directory import HELP_LINE_KINDS, read_directory

    directory = read_directory(node.database)
    silent = [team.key for team in directory.teams if not team.mailboxes and team.kind not in HELP_LINE_KINDS]
    counts = {"teams": f"{len(directory.teams):,}", "rules": f"{len(directory.rules):,}"}
    yield HealthFinding(
        say("directory"),
        bool(directory.teams) and not silent,
        say("%(teams)s teams, %(rules)s rules; no email address: %(silent)s", **counts, silent=", ".join(silent[:5]))
        if silent
        else say("%(teams)s teams, %(rules)s rules", **counts),
        say("Give each of them an email address.")
        if silent
        else ""
        if directory.teams
        else say("Import teams with 'tocsin directory import FILE'."),
        tuple(silent[:5]),
    )


def _stuck_deliveries(node: NodeWithStores, _now: datetime) -> Iterator[HealthFinding]:
    from tocsin.delivery import DeliveryState, count_by_state

    found = count_by_state(node.database, DeliveryState.FAILED, DeliveryState.BOUNCED)
    failed, bounced = found.get(DeliveryState.FAILED, 0), found.get(DeliveryState.BOUNCED, 0)
    yield HealthFinding(
        say("deliveries"),
        not failed,
        say("%(failed)s failed", failed=f"{failed:,}") if failed else say("none failed"),
        say("'tocsin deliveries list --state failed' says why.") if failed else "",
    )
    if bounced:
        yield HealthFinding(
            say("deliveries"),
            False,
            say("%(bounced)s came back", bounced=f"{bounced:,}"),
            say(
                "'tocsin deliveries list --state bounced' says why; 'retry' sends them to the present email addresses."
            ),
            kind=HealthKind.TO_DO,
        )


def _sending(node: NodeWithStores, now: datetime) -> Iterator[HealthFinding]:
    from tocsin.delivery import full_mailboxes, notices
    from tocsin.directory import teams_by_id

    teams = teams_by_id(node.database)
    with node.database.reading() as session:
        found = [
            *notices(session, node.settings),
            *full_mailboxes(session, node.settings, teams, now),
        ]
    if not found:
        yield HealthFinding(say("sending"), True, say("nothing keeps mails from their teams"))
    for notice in found:
        kind = HealthKind.FAILED if notice.fails else None
        yield HealthFinding(say("sending"), not notice.asks, notice.words, notice.mend, kind=kind)


def _child_in_danger(node: NodeWithStores, now: datetime) -> Iterator[HealthFinding]:
    """Whether the page for a child in danger names anybody; live mode is refused otherwise."""
    from tocsin.directory import lacks_help
    from tocsin.pipeline.notify import NO_HELP, refusal

    refused, lacks = refusal(node, now), lacks_help(node.database, node.settings, now)
    found = say("nobody is named yet; live mode by SMTP needs it") if lacks else say("one is named")
    yield HealthFinding(say("help for a child in danger"), not refused, found, NO_HELP if refused else "")


def _help_texts(node: NodeWithStores, _now: datetime) -> Iterator[HealthFinding]:
    """What the public reads to do now: in live mode only what this node adopted."""
    from tocsin.delivery.texts import FaultError
    from tocsin.incidents.arrivals import help_text_states, text_folders
    from tocsin.pipeline.notify import is_live

    what = say("help texts for the public")
    try:
        with node.database.reading() as session:
            states = help_text_states(session, text_folders(node))
    except FaultError as fault:
        mend = say("'tocsin templates check' names all that is wrong.")
        yield HealthFinding(what, False, str(fault), mend, kind=HealthKind.FAILED)
        return
    lacking = ", ".join(one.kind for one in states if one.adopted_at is None)
    changed = ", ".join(one.kind for one in states if one.adopted_at and one.changed)
    found = [say("not adopted: %(kinds)s", kinds=lacking)] if lacking else []
    found += [say("changed since they were adopted: %(kinds)s", kinds=changed)] if changed else []
    yield HealthFinding(
        what,
        not changed and not (lacking and is_live(node.settings)),
        join_sentences("; ", found) if found else say("all are adopted"),
        say("Read them, then 'tocsin help-texts adopt', or Inbox, Help texts.") if found else "",
    )


def _own_keys(node: NodeWithStores, now: datetime) -> Iterator[HealthFinding]:
    """The keys of this node: those that it needs, and how long they last."""
    from tocsin.delivery.sealing import can_sign, read_own_keys
    from tocsin.directory.keys import KeyFormat

    mail = node.settings.mail
    own = read_own_keys(node.home, mail)
    forms = [form for form in KeyFormat if own.of(form) is not None or form == mail.sign]
    verdicts = [(form, can_sign(own, form, now)) for form in forms]
    bad = [join_sentences(": ", (form.words, verdict.why)) for form, verdict in verdicts if not verdict.good]
    bad += [
        say("%(words)s ends on %(until)s", words=facts.format.words, until=f"{until:%Y-%m-%d}")
        for facts, until in own.ending(now, _KEY_DAYS)
    ]
    signing = say("%(forms)s sign", forms=" and ".join(form.words for form in forms)) if forms else say("none")
    yield HealthFinding(
        say("keys of this node"),
        not bad,
        join_sentences("; ", bad) or signing,
        say("'tocsin keys node-make' makes one, 'tocsin keys node-renew' lets it live longer.") if bad else "",
    )


def _team_keys(node: NodeWithStores, now: datetime) -> Iterator[HealthFinding]:
    """The keys of those teams whose mails must be encrypted."""
    from tocsin.delivery.sealing import SealingRefusal, open_seals
    from tocsin.directory import list_teams
    from tocsin.directory.keys import expiring_keys, keys_by_team, team_keys

    teams = {team.id: team for team, _ in list_teams(node.database) if team.encrypt}
    seals = open_seals(node.home, node.settings.mail, keys_by_team(node.database, teams), now)
    bad = [
        say("%(key)s cannot be notified", key=team.key)
        for team in teams.values()
        if isinstance(seals.of(team), SealingRefusal)
    ]
    ends = expiring_keys(team_keys(node.database, teams), now, _KEY_DAYS)
    bad += [
        say("%(key)s until %(until)s", key=teams[key.team_id].key, until=f"{until:%Y-%m-%d}") for key, until in ends
    ]
    told = (
        say("teams notified encrypted: %(teams)s", teams=len(teams)) if teams else say("no team is notified encrypted")
    )
    yield HealthFinding(
        say("keys of teams"),
        not bad,
        join_sentences("; ", (told, *bad[:5])),
        say("'tocsin keys list' and 'tocsin keys expiring' show them; ask for new ones, 'tocsin keys remind' does.")
        if bad
        else "",
    )


def _mail(node: NodeWithStores, _now: datetime) -> Iterator[HealthFinding]:
    mail = node.settings.mail
    if mail.channel == "file":
        yield HealthFinding(
            say("mail"), True, say("finished mails are written to %(mails)s; nothing is sent", mails=node.mails)
        )
        return
    from tocsin.delivery.channels import reach_smtp

    yield HealthFinding(say("mail"), *reach_smtp(mail))


def _mailbox(node: NodeWithStores, _now: datetime) -> Iterator[HealthFinding]:
    """The mailbox that replies come to, and mails of it that a person must look at."""
    from tocsin.delivery.mailbox import account_of, open_mailbox, waiting_count

    with node.database.begin() as session:
        waiting = waiting_count(session)
    if not node.settings.mailbox.host:
        yield HealthFinding(say("mail account"), True, say("none is read: replies stay where they are"))
    else:
        with open_mailbox(account_of(node.settings.mailbox)):
            yield HealthFinding(say("mail account"), True, say("%(user)s can be read", user=node.settings.mailbox.user))
    mend = say("'tocsin replies list --state waiting' shows them.") if waiting else ""
    yield HealthFinding(say("mails to review"), not waiting, f"{waiting:,}" if waiting else say("none"), mend)


def _hotline(node: NodeWithStores, now: datetime) -> Iterator[HealthFinding]:
    """Whether the hotline can be told of what must never be held; how much there is to tell only its role sees."""
    from tocsin.delivery.never_held import open_hotline

    settings = node.settings.never_held
    if not settings.mailbox and not settings.openpgp_key:
        yield HealthFinding(say("hotline"), True, say("none is set: a person rings"))
        return
    problem = open_hotline(node, now).problem or ("" if settings.mailbox else say("It has no email address."))
    mend = say("Set 'mailbox' and 'openpgp_key' in [never_held]; docs/never-held.md shows how.") if problem else ""
    yield HealthFinding(say("hotline"), not problem, problem or settings.mailbox, mend)


def _security_txt(node: NodeWithStores, now: datetime) -> Iterator[HealthFinding]:
    """The file that 'tocsin directory new-team' made: it says where to report flaws, until a day that it names."""
    path = node.home / HomeFolder.FOUNDING / "security.txt"
    if not path.is_file():
        return
    from tocsin.directory.registry import parse_security_txt

    expires = parse_security_txt(path.read_text(encoding="utf-8")).expires
    left = expires - now if expires else timedelta()
    well = left > timedelta(days=30)
    mend = say("Name a later day: 'tocsin directory new-team', the answer 'expires'; then publish the file.")
    yield HealthFinding(
        say("security.txt"),
        well,
        say("ends on %(expires)s", expires=f"{expires:%Y-%m-%d}") if expires else say("it has no end"),
        "" if well else mend,
    )


def _mail_texts(node: NodeWithStores, _now: datetime) -> Iterator[HealthFinding]:
    """The texts of mails that this node has itself; one that is wrong keeps all mails back."""
    from tocsin.delivery.texts import TextFolders, faults, in_english, is_for_the_public

    shelf = TextFolders(node.home / HomeFolder.TEMPLATES, node.settings.node.language)
    wrong = [fault for fault in faults(shelf) if not is_for_the_public(fault.path)]
    half = [f"{tag} has {n} in English" for tag in shelf.languages() if (n := len(in_english(shelf, tag)))]
    found = "; ".join([", ".join(shelf.languages()), *half])
    yield HealthFinding(
        say("mail texts"),
        not wrong,
        str(wrong[0]) if wrong else found,
        say("Correct the file; no mail is sent until then. 'tocsin templates check' names all.") if wrong else "",
    )
