"""Recalls: ours and those of partners, kept beside the backups and done again on a restored node."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.exchange.ledger.recalls.journal import journal_recall
    from tocsin.exchange.ledger.recalls.recalling import answer, recall
else:
    lazy_face(__name__)
