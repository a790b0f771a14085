"""Ask a registry over RDAP about a network, AS number or domain: cached, throttled, only where the marking allows it.

Which server is asked is what IANA's bootstrap files say (RFC 9224); they are fetched when a month old, and kept in the
home folder.
"""

import ipaddress
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import func, select

from tocsin.directory import canonical
from tocsin.directory.files import ImportFile
from tocsin.directory.importing import ImportResult, import_entries
from tocsin.directory.registry.query_permission import QueryPermission, ask_first
from tocsin.directory.registry.rdap_answer import (
    RdapAnswer,
    answer_document,
    answer_entries,
    read_answer,
    reduce_answer,
)
from tocsin.directory.registry.tables import RdapAnswerRow
from tocsin.node.errors import RemoteError, UsageError
from tocsin.node.file_locks import patiently
from tocsin.node.paths import HomeFolder
from tocsin.node.records import AuditAction, Database, audit, held

_BOOTSTRAP: Final = Path(HomeFolder.REGISTRY, "rdap-bootstrap.json")
_BOOTSTRAP_DAYS: Final = 30
_LOCAL: Final = {"127.0.0.1", "::1", "localhost"}
_DOMAIN: Final = re.compile(r"[^/:\s][^/:\s.]*+\.(?>[^/:\s]*?[^\W\d])[^/:\s]*+")  # a dot, and a letter in what follows


@dataclass(frozen=True)
class RdapSettings:
    """How registries are asked.

    ``server`` is asked instead of those that IANA names; an answer is used again for ``days``; ``pause`` are seconds
    between two questions.
    """

    server: str = ""
    days: int = 30
    pause: float = 2.0


@dataclass(frozen=True)
class RdapResult:
    """What a registry said, when it was asked, whether that was kept from before, and what the directory learned."""

    answer: RdapAnswer
    asked_at: datetime
    kept: bool
    imported: ImportResult


def look_up(
    database: Database,
    home: Path,
    what: str,
    settings: RdapSettings,
    permission: QueryPermission,
    *,
    actor: str,
    now: datetime,
    dry_run: bool = False,
    wait: Callable[[float], None] = time.sleep,
) -> RdapResult:
    """What a registry says of an address, a network, an AS number or a domain, brought into the directory.

    Of a domain it names the registrar, who is no team of the directory. An answer that is not older than
    ``settings.days`` is used again, and nobody is asked. ``permission`` is what the gate says of lookups for the
    marking of what made us ask; it is needed even for a kept answer.

    Raises:
        WithheldError: the marking forbids it.
        UsageError: it is no address, network, AS number or domain.
        RemoteError: the registry does not answer, or knows nothing of it.

    """
    kind, asked = _question(what)
    ask_first(permission, asked)
    before = kept_answer(database, asked)
    kept = before is not None and before[1] > now - timedelta(days=settings.days)
    if before is not None and kept:
        answer, asked_at = before
    else:
        with _one_at_a_time(home, database):
            _pause(database, settings, now, wait)
            server, parsed = _query(home, kind, asked, settings)
        answer = reduce_answer(asked, server, parsed) if parsed is not None else RdapAnswer(asked)
        asked_at = now
        _keep(database, answer, server, permission, actor=actor, now=now)
    entries = answer_entries(answer)
    if not answer.handle and before is not None:  # nobody has it any more, so what was said of it is withdrawn
        entries.source = before[0].source
    file = ImportFile(f"RDAP {asked}", "", entries)
    imported = import_entries(database, file, actor=actor, now=now, dry_run=dry_run, most_gone=None)
    return RdapResult(answer, asked_at, kept, imported)


def _question(what: str) -> tuple[str, str]:
    """The kind of question, ``asn``, ``ip`` or ``domain``, and its one form."""
    text = what.strip()
    try:
        if _DOMAIN.fullmatch(text):
            return "domain", text.lower().encode("idna").decode("ascii")  # also one that poses as another
        if text.upper().startswith("AS") or text.isdecimal():
            return "asn", f"AS{canonical.asn(text)}"
        network = _public(text)
    except ValueError as error:
        raise UsageError(
            f"'{what}' cannot be looked up: {error}.", hint="Give an address, a network, an AS number or a domain."
        ) from None
    return "ip", str(network.network_address) if network.num_addresses == 1 else str(network)


def _public(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    network = ipaddress.ip_network(text, strict=True)
    if network.is_private or network.is_multicast or network.is_reserved:
        raise ValueError("no registry gives such addresses away")
    return network


def kept_answer(database: Database, asked: str) -> tuple[RdapAnswer, datetime] | None:
    """What was answered before, and when; nobody is asked."""
    with database.reading() as session:
        row = session.scalars(select(RdapAnswerRow).where(RdapAnswerRow.what == asked)).one_or_none()
        return (read_answer(row.answer), row.asked_at) if row else None


@contextmanager
def _one_at_a_time(home: Path, database: Database) -> Iterator[None]:
    folder = home / HomeFolder.REGISTRY
    folder.mkdir(parents=True, exist_ok=True)
    with held(database, "rdap", patiently, file=folder / "rdap.lock"):
        yield


def _pause(database: Database, settings: RdapSettings, now: datetime, wait: Callable[[float], None]) -> None:
    with database.begin() as session:
        last = session.scalar(select(func.max(RdapAnswerRow.asked_at)))
    rest = settings.pause - (now - last).total_seconds() if last else 0.0
    if rest > 0:
        wait(min(rest, settings.pause))


def _keep(
    database: Database, answer: RdapAnswer, server: str, permission: QueryPermission, *, actor: str, now: datetime
) -> None:
    """Keep an answer, be it "nothing", and note that it was asked for, and the rule that allowed it."""
    with database.begin() as session:
        row = session.scalars(select(RdapAnswerRow).where(RdapAnswerRow.what == answer.what)).one_or_none()
        row = row or RdapAnswerRow(what=answer.what)
        row.asked_at, row.answer = now, answer_document(answer)
        session.add(row)
        detail: dict[str, object] = {"rule": permission.words, "server": server, "found": bool(answer.handle)}
        audit(session, AuditAction.LOOKUP_MADE, at=now, actor=actor, subject=f"rdap:{answer.what}", detail=detail)


def _query(home: Path, kind: str, asked: str, settings: RdapSettings) -> tuple[str, dict[str, Any] | None]:
    """The host that was asked, and its answer as ``whoisit`` reads it; None where it knows nothing."""
    import whoisit
    from whoisit.errors import RateLimitedError, ResourceDoesNotExist, WhoisItError

    session = whoisit.get_session()
    try:
        _bootstrap(home, settings, asked.rpartition(".")[2])
        _, address, _ = whoisit.build_query(query_type=kind, query_value=asked)
        server = urlsplit(address).hostname or ""
        match kind:
            case "asn":
                parsed = whoisit.asn(int(asked[2:]), session=session)
            case "domain":  # the registry alone: what the registrar says besides is of whoever registered it
                parsed = whoisit.domain(asked, session=session, follow_related=False)
            case _:
                parsed = whoisit.ip(asked, session=session)
    except ResourceDoesNotExist:
        return server, None
    except RateLimitedError as error:
        raise RemoteError(f"{server} wants fewer questions.", hint="Wait, and raise directory.rdap_pause.") from error
    except (WhoisItError, OSError, ValueError) as error:
        raise RemoteError(f"Nothing was learned of {asked}: {_first_line(error)}.", hint="Try again later.") from error
    except (AttributeError, KeyError, TypeError) as error:
        raise RemoteError(f"{server} answered, but not as RFC 9083 says.", hint="Look there by hand.") from error
    finally:
        session.close()
        whoisit.clear_session()
        whoisit.clear_bootstrapping()
    return server, parsed


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(".")


def _bootstrap(home: Path, settings: RdapSettings, end: str) -> None:
    """Say to the library which servers there are. ``end``: the top-level domain that is asked about, if one is."""
    import whoisit

    whoisit.clear_bootstrapping()
    if settings.server:
        local = urlsplit(settings.server).hostname in _LOCAL
        whoisit.load_bootstrap_data(json.dumps(_only(settings.server, end)), allow_insecure=local)
        return
    path = home / _BOOTSTRAP
    if path.is_file():
        whoisit.load_bootstrap_data(path.read_text(encoding="utf-8"))
        if not whoisit.bootstrap_is_older_than(_BOOTSTRAP_DAYS):
            return
        whoisit.clear_bootstrapping()
    whoisit.bootstrap(session=whoisit.get_session())
    path.write_text(whoisit.save_bootstrap_data(), encoding="utf-8")


def _only(server: str, end: str) -> dict[str, object]:
    """Bootstrap data (RFC 9224) by which one server answers for everything."""
    everything = {"asn": "0-4294967295", "dns": end, "ipv4": "0.0.0.0/0", "ipv6": "::/0"}
    services: dict[str, object] = {
        name: {"services": [[[all_of_it], [server]]]} for name, all_of_it in everything.items()
    }
    return {"timestamp": 0, "object": {"services": [[[""], ["X"], [server]]]}} | services
