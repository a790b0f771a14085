"""What is signed for one use, and used once: nothing is kept of what nobody brings back."""

import hashlib
from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session as Transaction

from tocsin.node.accounts.models import UsedOnce


def use_once(transaction: Transaction, secret: str, *, until: datetime, now: datetime) -> bool:
    """Whether this is its first use. ``until``: when it expires anyway, so that it need not be remembered longer."""
    transaction.execute(delete(UsedOnce).where(UsedOnce.expires_at <= now))
    try:
        with transaction.begin_nested():
            transaction.add(UsedOnce(secret=hashlib.sha256(secret.encode()).hexdigest(), expires_at=until))
    except IntegrityError:
        return False
    return True
