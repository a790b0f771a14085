"""Recalls: ours and those of partners, kept beside the backups and done again on a restored node."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.exchange.ledger.recalls.ending import archives_of, end_things, letters_of_dispatches, withdraw_things
    from tocsin.exchange.ledger.recalls.journal import journal_recall, kept_before
    from tocsin.exchange.ledger.recalls.made import MadeKind, MadeThing, holds_recalled, made_kind, made_of, words_of
    from tocsin.exchange.ledger.recalls.recalling import (
        AnsweredRecall,
        NewRecall,
        RecallResult,
        asked_of,
        kept_of,
        recall,
        recalled_versions,
        settle,
        waiting_since,
    )
else:
    lazy_face(__name__)
