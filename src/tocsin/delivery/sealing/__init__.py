"""Mails signed and encrypted: with which keys, how, and what happens where they must be and cannot be.

PGP/MIME (RFC 3156) by Sequoia, S/MIME (RFC 8551) by pyca/cryptography. Of our own is only the format that those do not
read: S/MIME that came (`smime_reading`).
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.delivery.sealing.decide import Protection, SealingRefusal, can_sign, protect
    from tocsin.delivery.sealing.key_making import KeyRing
    from tocsin.delivery.sealing.mails import (
        ClosedMailError,
        KnownKey,
        OpenedMail,
        OpeningKeys,
        check_signature_of,
        open_mail,
        opening_keys,
    )
    from tocsin.delivery.sealing.missing_keys import KeyRequests, settle, stuck_teams
    from tocsin.delivery.sealing.opening import (
        OpeningKey,
        SignatureCheck,
        SmimeOpeningKey,
        check_message,
        open_encrypted,
        open_envelope,
        open_message,
        opening_key,
        program_version,
    )
    from tocsin.delivery.sealing.openpgp import pgp_encrypt, pgp_envelope, pgp_message, pgp_sign
    from tocsin.delivery.sealing.own_keys import (
        EARLIER_DAYS,
        EarlierKey,
        OpenPgpKey,
        OwnKeys,
        SmimeKey,
        judge_own,
        read_earlier_keys,
        read_own_keys,
    )
    from tocsin.delivery.sealing.reminders import remind_of_keys
    from tocsin.delivery.sealing.seals import CannotSealError, Seals, encrypt_entity, open_seals
    from tocsin.delivery.sealing.smime_reading import read_smime, signed_at
else:
    lazy_face(__name__)
