"""Mails signed and encrypted: with which keys, how, and what happens where they must be and cannot be.

PGP/MIME (RFC 3156) by Sequoia, S/MIME (RFC 8551) by pyca/cryptography; no cryptography of our own.
"""

from tocsin.delivery.sealing.decide import Barred, Obstacle, Protection, can_sign, protect
from tocsin.delivery.sealing.key_making import import_own_key, make_own_key, renew_own_key, retire_own_key
from tocsin.delivery.sealing.own_keys import OwnKeys, judge_own, key_path, read_own_keys
from tocsin.delivery.sealing.reminders import remind_of_keys
from tocsin.delivery.sealing.seals import CannotSealError, Seals, open_seals
from tocsin.delivery.sealing.stuck import Desk, settle, stuck_deliveries, stuck_teams

__all__ = [
    "Barred",
    "CannotSealError",
    "Desk",
    "Obstacle",
    "OwnKeys",
    "Protection",
    "Seals",
    "can_sign",
    "import_own_key",
    "judge_own",
    "key_path",
    "make_own_key",
    "open_seals",
    "protect",
    "read_own_keys",
    "remind_of_keys",
    "renew_own_key",
    "retire_own_key",
    "settle",
    "stuck_deliveries",
    "stuck_teams",
]
