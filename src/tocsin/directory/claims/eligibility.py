"""What can be claimed, and why the rest cannot: pure, asked before anything is recorded."""

import re
from typing import Final

import numpy as np

from tocsin.directory import canonical
from tocsin.directory.model import RuleKind
from tocsin.directory.registry import RESERVED_ASNS
from tocsin.networks import SPECIAL_USE, Network, network_bounds, parse_network, special_use
from tocsin.node.errors import InputError
from tocsin.node.sentences import say

WIDEST: Final = {4: 8, 6: 19}
"""The shortest prefix of each family that one operator can claim: no registry gave anybody more."""

_AS = re.compile(r"(AS)?[0-9]{1,20}", re.IGNORECASE)
_IPV4 = 96  # bits before an IPv4 address in its mapped form


def read_claimed(text: str) -> tuple[RuleKind, str]:
    """The kind of what is claimed and its canonical form.

    Raises:
        InputError: it is no network, AS number or domain, or one that nobody can claim; says why.

    """
    found = text.strip()
    kind = _kind(found)
    if kind is RuleKind.DOMAIN and "." not in found:
        raise InputError(say("'%(found)s' is no network, AS or domain.", found=found))
    try:
        value = canonical.RULE_VALUES[kind](found)
        why = _REASONS[kind](value)
    except ValueError as error:
        why = str(error) if str(error)[-1:] != "?" else str(error)[:-1]  # it stands within a sentence
    if why:
        raise InputError(
            say("%(value)s '%(found)s' cannot be claimed: %(why)s.", value=kind.value, found=found, why=why)
        )
    return kind, value


def _kind(text: str) -> RuleKind:
    if _AS.fullmatch(text):
        return RuleKind.ASN
    address = text.partition("/")[0]
    looks = ":" in address or "/" in text or parse_network(address) is not None
    return RuleKind.PREFIX if looks else RuleKind.DOMAIN


def _why_no_prefix(value: str) -> str:
    network = parse_network(value)
    if network is None:
        return "it is no network"
    four = ":" not in value
    length, widest = network.length - (_IPV4 if four else 0), WIDEST[4 if four else 6]
    if length < widest:
        return f"it is too large: no shorter than /{widest}"
    use = next(filter(None, _special(network)), "")
    return f"it is reserved ({use})" if use else ""


def _special(network: Network) -> list[str]:
    """The special use (RFC 6890) of its first and of its last address, where they have one."""
    parts = (np.uint64(network.hi), np.uint64(network.lo), np.uint8(network.length))
    first_hi, first_lo, last_hi, last_lo = network_bounds(*(np.array([part]) for part in parts))
    return [SPECIAL_USE[int(special_use(hi, lo)[0])] for hi, lo in ((first_hi, first_lo), (last_hi, last_lo))]


def _why_no_asn(value: str) -> str:
    number = int(value)
    return next((why for first, last, why in RESERVED_ASNS if first <= number <= last), "")


def _why_no_domain(value: str) -> str:
    return f"'{value[1:]}' is a public suffix, which nobody holds alone" if value.startswith(".") else ""


_REASONS = {
    RuleKind.PREFIX: _why_no_prefix,
    RuleKind.ASN: _why_no_asn,
    RuleKind.DOMAIN: _why_no_domain,
}
