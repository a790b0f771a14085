"""What nodes say to each other: JSON files with detached OpenPGP signatures over their bytes."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.exchange.statements.kinds import (
        AGREEMENT_TYPES,
        KINDS,
        RECALL_ANSWERS,
        RECALL_REQUESTS,
        Address,
        AgreementType,
        CaseAct,
        CaseEntry,
        ClosedData,
        ConsentAnswer,
        ConsentQuestion,
        Dispatch,
        DispatchType,
        GlobalName,
        ItemResult,
        Jurisdiction,
        JurisdictionRole,
        KeptPart,
        KeyAct,
        KeyNotice,
        NodeKey,
        Part,
        Profile,
        ProfileKey,
        Recall,
        RecallItem,
        RecallReport,
        RecallRequest,
        RecallState,
        Receipt,
        ReceiptVerdict,
        Request,
        RequestAnswer,
        SharedItem,
        SharingAgreement,
        WithheldPart,
        utc,
    )
    from tocsin.exchange.statements.refusals import RefusalCode, RefusalError, refusing
    from tocsin.exchange.statements.signing import (
        Keys,
        PinnedKey,
        Statement,
        check_signature,
        hash_of,
        pinned,
        read_foreign_statement,
        read_statement,
        sign_bytes,
        sign_statement,
        signed_by,
        verify,
    )
else:
    lazy_face(__name__)
