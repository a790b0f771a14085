"""All that take-downs ask outside this node: DNS, registries over RDAP, and whether content is still there.

Each needs its setting, and is refused where the PAP label of what made us ask does not allow it.
"""

from collections.abc import Callable, Iterable, Sequence
from threading import Thread
from typing import Final
from urllib.parse import SplitResult, urlsplit

from tocsin.directory.registry import RdapSettings, look_up
from tocsin.incidents.observables import defang
from tocsin.incidents.states import ObservableKind
from tocsin.incidents.takedowns.proposal import TakedownTarget
from tocsin.incidents.takedowns.states import ContentState
from tocsin.interface import ActContext
from tocsin.networks import is_public
from tocsin.node.errors import RemoteError, UsageError, WithheldError
from tocsin.node.sentences import say
from tocsin.sharing.gate import ReleaseAction, may_act, read_pap

_SECONDS: Final = 10.0
_GONE: Final = {404, 410, 451}  # RFC 9110, sections 15.5.5 and 15.5.11; RFC 7725


def check_pap(paps: Iterable[tuple[str, str]], action: ReleaseAction) -> None:
    """Do nothing where the PAP label of each value (``pap``, ``value``) allows an action.

    Raises:
        WithheldError: one of them does not.

    """
    for pap, value in paps:
        verdict = may_act(read_pap(pap), action)
        if not verdict.allowed:
            raise WithheldError(
                say("Nothing was done about %(value)s: %(rule)s", value=defang(value), rule=verdict.words),
                hint=say("Choose only what may be asked about."),
            )


def addresses_of(name: str, resolver: str) -> list[str]:
    """The addresses of a name, IPv4 first; empty where DNS says that there is none. ``resolver``: as the setting.

    Raises:
        RemoteError: the DNS server does not answer, or cannot find out.

    """
    import dns.exception
    import dns.resolver

    asked = dns.resolver.Resolver(configure=not resolver)
    if resolver:
        server, _, port = resolver.partition("#")
        asked.nameservers, asked.port = [server], int(port or 53)
    found: list[str] = []
    for kind in ("A", "AAAA"):
        try:
            found += [str(one) for one in asked.resolve(f"{name}.", kind, lifetime=_SECONDS)]
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            continue
        except (dns.exception.DNSException, OSError) as error:
            raise RemoteError(
                say("DNS could not say where %(name)s is (%(why)s).", name=defang(name), why=type(error).__name__),
                hint=say("Try again later."),
            ) from error
    return found


def address_of(context: ActContext, target: TakedownTarget) -> str:
    """Where a target is hosted, asked of DNS where it is not known and the settings allow it."""
    settings = context.node.settings
    if target.address or not target.name or not settings.takedowns.dns:
        return target.address
    return next(iter(addresses_of(target.name, settings.directory.resolver)), "")


def ask_registry(context: ActContext, what: str, pap: str) -> None:
    """Ask the registry of an address or a domain; an answer on a network is in the directory then.

    Raises:
        UsageError: this node does not ask registries.
        RemoteError: the registry does not answer.

    """
    directory, node = context.node.settings.directory, context.node
    if not directory.rdap:
        raise UsageError(
            say("This node does not ask registries over RDAP."),
            hint=say("'rdap' in [directory] of the settings allows it."),
        )
    settings = RdapSettings(directory.rdap_server, directory.rdap_days, directory.rdap_pause)
    look_up(node.database, node.home, what, settings, may_act(read_pap(pap), ReleaseAction.LOOKUP), **context.by)


def fetch(
    target: TakedownTarget, addresses: Sequence[str], allowed: Callable[[str], bool] = is_public
) -> tuple[ContentState, str]:
    """What is seen at a target, and how; the host is asked at its first address, once, and no redirect is followed.

    Whether its certificate is good is not asked: content behind a bad one is there, too.
    """
    if not addresses:
        return ContentState.GONE, "DNS: no such name"
    if inside := [one for one in addresses if not allowed(one)]:
        return ContentState.UNKNOWN, f"not fetched: {inside[0]} is no public address"
    url = target.value if target.kind is ObservableKind.URL else f"http://{target.name or _in_url(target.address)}/"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:  # as of a port above 65535
        return ContentState.UNKNOWN, "not fetched: no URL"
    if parts.scheme not in {"http", "https"}:
        return ContentState.UNKNOWN, f"not fetched: {parts.scheme}"
    seen: list[tuple[ContentState, str]] = []
    thread = Thread(target=lambda: seen.append(_get(parts, addresses[0])), daemon=True)
    thread.start()
    thread.join(_SECONDS)  # a host that answers a byte at a time is not waited for
    return seen[0] if seen else (ContentState.UNKNOWN, f"HTTP: no answer within {_SECONDS:.0f} s")


def _get(parts: SplitResult, address: str) -> tuple[ContentState, str]:
    """Only the head of the answer is read."""
    import httpx

    place = parts._replace(netloc=_in_url(address) + (f":{parts.port}" if parts.port else ""), fragment="").geturl()
    headers = {"Host": parts.netloc.rpartition("@")[2], "User-Agent": "Mozilla/5.0"}
    try:
        with (
            httpx.Client(verify=False, trust_env=False, timeout=_SECONDS) as client,  # noqa: S501 (see `fetch`)
            client.stream(
                "GET", place, headers=headers, follow_redirects=False, extensions={"sni_hostname": parts.hostname}
            ) as answer,
        ):
            return verdict_on(answer.status_code)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return ContentState.UNKNOWN, f"HTTP: {type(error).__name__}"


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def verdict_on(status: int) -> tuple[ContentState, str]:
    """What a status of HTTP says of content: only what names itself as gone is."""
    seen = ContentState.GONE if status in _GONE else ContentState.UNKNOWN
    return (ContentState.UP if 200 <= status < 300 else seen), f"HTTP {status}"
