"""Limits on attempts: buckets that fill by one for each attempt and drain with time, kept in the records.

An attempt is counted before it is looked at, so that many at once gain nothing, and taken back when it was right.
A browser that once signed in to an account fills a bucket of its own there, so that strangers who try that account's
passwords never keep its holder out (OWASP, "device cookies").
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Address, ip_address, ip_network

from sqlalchemy import delete
from sqlalchemy.orm import Session as Transaction

from tocsin.node.accounts.models import Bucket
from tocsin.node.records import insert_for
from tocsin.node.tokens import Tokens


class Limit(StrEnum):
    """What is limited."""

    ADDRESS = "address"  # attempts of unknown browsers from one network
    ACCOUNT = "account"  # attempts of unknown browsers at one account, whether it exists or not
    DEVICE = "device"  # attempts of one known browser at its account
    CODE = "code"  # second factors of one account by unknown browsers, after the right password
    DEVICE_CODE = "device-code"  # the same by one known browser
    CONFIRM = "confirm"  # passwords given again in one session
    MAIL = "mail"  # links to set a new password, mailed to one mailbox
    MAIL_ADDRESS = "mail-address"  # the same, asked for from one network


# How many at once, and in which time a full bucket has drained.
_SIZES: dict[Limit, tuple[int, timedelta]] = {
    Limit.ADDRESS: (100, timedelta(hours=1)),
    Limit.ACCOUNT: (10, timedelta(hours=1)),
    Limit.DEVICE: (10, timedelta(minutes=30)),
    Limit.CODE: (5, timedelta(hours=1)),
    Limit.DEVICE_CODE: (10, timedelta(hours=1)),
    Limit.CONFIRM: (10, timedelta(hours=1)),
    Limit.MAIL: (3, timedelta(hours=3)),
    Limit.MAIL_ADDRESS: (30, timedelta(hours=1)),
}
_KEPT = timedelta(days=1)  # all have drained by then


@dataclass(frozen=True)
class Attempt:
    """One thing that an attempt counts against: the limit and what it limits."""

    limit: Limit
    what: str


def take(transaction: Transaction, tokens: Tokens, attempts: Sequence[Attempt], now: datetime) -> timedelta | None:
    """Count an attempt against all these limits: None.

    Where one of them is full: how long to wait.
    """
    for one in attempts:
        found = _bucket(transaction, tokens, one, now)
        if found is not None and (wait := _wait(one.limit, found.level)):
            return wait
    for one in attempts:
        # Where nothing was in a bucket yet, others may have begun to fill it at the same time.
        if wait := _wait(one.limit, _fill(transaction, _key(tokens, one), now) - 1):
            return wait
    return None


def give_back(transaction: Transaction, tokens: Tokens, attempts: Sequence[Attempt], now: datetime) -> None:
    """An attempt was right: it counts no more, and what it proved to be one's own begins anew."""
    for one in attempts:
        if (bucket := _bucket(transaction, tokens, one, now)) is not None:
            bucket.level = max(bucket.level - 1, 0) if one.limit is Limit.ADDRESS else 0


def forget_old(transaction: Transaction, now: datetime) -> None:
    """Delete buckets that have drained."""
    transaction.execute(delete(Bucket).where(Bucket.at < now - _KEPT))


def network_of(address: str, *, v4_bits: int = 24, v6_bits: int = 56) -> str:
    """The network that counts as one for attempts from an address: /24 of IPv4, /56 of IPv6, as sites get them."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    mapped = getattr(found, "ipv4_mapped", None) or found
    return str(ip_network(f"{mapped}/{v4_bits if isinstance(mapped, IPv4Address) else v6_bits}", strict=False))


def _bucket(transaction: Transaction, tokens: Tokens, one: Attempt, now: datetime) -> Bucket | None:
    """The bucket as it is now, its row held by this transaction; None: nothing is in it."""
    found = transaction.get(Bucket, _key(tokens, one), with_for_update=True)
    if found is not None:
        size, drained = _SIZES[one.limit]
        found.level = max(found.level - size * ((now - found.at) / drained), 0.0)
        found.at = now
    return found


def _fill(transaction: Transaction, key: str, now: datetime) -> float:
    """How full the bucket is with one attempt more."""
    transaction.flush()
    row = insert_for(transaction, Bucket).values(key=key, level=1.0, at=now)
    added = row.on_conflict_do_update(index_elements=["key"], set_={"level": Bucket.level + 1})
    return transaction.execute(added.returning(Bucket.level)).scalar_one()


def _key(tokens: Tokens, one: Attempt) -> str:
    name = f"tocsin.attempts\n{one.limit.value}\n{one.what}"
    return hmac.new(tokens.secret, name.encode("utf-8", "backslashreplace"), hashlib.sha256).hexdigest()


def _wait(limit: Limit, level: float) -> timedelta | None:
    size, drained = _SIZES[limit]
    over = level + 1 - size
    return drained * (over / size) if over > 0 else None
