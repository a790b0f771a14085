"""Notices: what entities file under an act or voluntarily, its receipt, our answer, and the document of DORA.

docs/design/notices.md says why.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.incidents.notices import acts
    from tocsin.incidents.notices.acts import DOORS, NoticeResult, check_chain
    from tocsin.incidents.notices.dora import DoraCheck, check_dora, dora_document
    from tocsin.incidents.notices.laws import (
        NoticeField,
        NoticeFieldKind,
        NoticeKind,
        NoticeLaw,
        find_law,
        notice_laws,
        options_of,
        read_values,
    )
    from tocsin.incidents.notices.owed import OpenNotice, answer_due, open_notices
    from tocsin.incidents.notices.read import (
        FiledNotice,
        NextNotice,
        NoticeFilter,
        NoticeState,
        chain_of,
        count_notices,
        find_notice,
        list_notices,
        next_of,
        notices_in,
        notices_of_team,
        own_notice,
    )
    from tocsin.incidents.notices.write import KINDS, NoticeFiling, NoticeOffice, file_notice, kept_values, shown
else:
    lazy_face(__name__)
