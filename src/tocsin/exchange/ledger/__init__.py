"""The ledger: dispatches to and from partners, receipts, what was offered and decided, and who was passed what."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.exchange.ledger import acts, agreement_acts, case_acts
    from tocsin.exchange.ledger.bounds import BRINGING, check_waiting, waiting_items
    from tocsin.exchange.ledger.cases.act_parts import readable_row
    from tocsin.exchange.ledger.cases.consent_questions import open_questions
    from tocsin.exchange.ledger.cases.handover import close_handed_over
    from tocsin.exchange.ledger.cases.messages import open_messages
    from tocsin.exchange.ledger.cases.models import CaseEntryRow, ExchangeCase, ExchangeMessage
    from tocsin.exchange.ledger.cases.read import (
        case_entries,
        incident_partners,
        list_cases,
        list_messages,
        offered_cases,
        unanswered_offers,
    )
    from tocsin.exchange.ledger.cases.states import (
        ASKED_FOR,
        BASES,
        CASE_REFUSALS,
        OFFER_WAITS,
        OUTCOMES,
        URGENCIES,
        CaseState,
    )
    from tocsin.exchange.ledger.consents import (
        ConsentState,
        consent_state,
        consents_of,
        counting_consents,
        list_consents,
        source_of_item,
        source_party,
        with_sources,
    )
    from tocsin.exchange.ledger.contents import tombstones
    from tocsin.exchange.ledger.grounds import NONE, exchange_grounds, share_by_type
    from tocsin.exchange.ledger.items import (
        OBSERVABLES,
        copy_offered_file,
        earlier_incident,
        find_item,
        offered_observables,
    )
    from tocsin.exchange.ledger.jurisdiction_claims import offered_claims, sent_claims
    from tocsin.exchange.ledger.keeping import forget_files, kept_files
    from tocsin.exchange.ledger.key_change import KeyAnnouncement, announce_key
    from tocsin.exchange.ledger.leaving_agreements import held_by_former
    from tocsin.exchange.ledger.links import NoPartnerKeyError, OpenPartner, OwnParty, own_party
    from tocsin.exchange.ledger.mail_sealing import (
        LINK,
        LINK_PURPOSE,
        MailContent,
        finished_mail,
        language_of,
        queue_mail,
    )
    from tocsin.exchange.ledger.misp_records import MISP_TYPE, RECORDS, MispRecord, RecordKind
    from tocsin.exchange.ledger.models import (
        IncomingRow,
        ItemOrigin,
        OfferedItem,
        OutgoingRow,
        PassedItem,
        RecallItemRow,
        RecallRow,
        ReceiptRow,
    )
    from tocsin.exchange.ledger.number_checks import unchecked_partners
    from tocsin.exchange.ledger.passed_items import (
        ItemRecipient,
        PassingWay,
        newest_version,
        note_passing,
        note_reading,
        passed_items,
        withdraw_passings,
    )
    from tocsin.exchange.ledger.passing_on import newest_recall, recall_sum
    from tocsin.exchange.ledger.read import (
        ReceivedDispatch,
        SentDispatch,
        check_carried,
        evidence_bundle,
        free_file,
        holders_of,
        is_held,
        open_items,
        outgoing_bytes,
        passed_by_program,
        receipt_file,
        received_rows,
        sealed_file,
        sent_dispatches,
        stuck_dispatches,
        without_receipt,
    )
    from tocsin.exchange.ledger.recalled_names import (
        ask_about_recalls,
        ask_about_taken_back,
        recalled_names,
        take_back,
    )
    from tocsin.exchange.ledger.recalls.ending import archives_of, end_things, letters_of_dispatches, withdraw_things
    from tocsin.exchange.ledger.recalls.journal import is_to_repeat, kept_before
    from tocsin.exchange.ledger.recalls.made import MadeKind, MadeThing, made_of
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
    from tocsin.exchange.ledger.recalls.restoring import repeat_recalls
    from tocsin.exchange.ledger.recipients import (
        agreement_of,
        ground_of_package,
        lacking_attestations,
        parties_of_partner,
        policy_for,
        recipient_for,
        within_ceilings,
    )
    from tocsin.exchange.ledger.sealing import DispatchDraft, seal_dispatch
    from tocsin.exchange.ledger.sending import (
        MARKINGS,
        MORE_CLASSES,
        DispatchResult,
        NewDispatch,
        preview,
        reasons_of,
        result_of,
        what_to_do,
    )
    from tocsin.exchange.ledger.spoken_answers import unanswered_recalls
    from tocsin.exchange.ledger.states import (
        ANSWER_WAYS,
        KEPT_REASONS,
        RECALL_REASONS,
        RECALLED_ITEMS,
        TAKING_WRITES,
        AnswerWay,
        Direction,
        IncomingState,
        OfferState,
    )
    from tocsin.exchange.ledger.taking import (
        PartnerFile,
        TakingResult,
        newest_receipt,
        read_receipt,
        take_opened,
        take_receipt,
    )
else:
    lazy_face(__name__)
