"""How anything is presented, and no room's matter: acts as data, and what is made from them."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.interface import undo_act
    from tocsin.interface.act_forms import (
        ActForm,
        FormField,
        FormHooks,
        FormVisit,
        RefusedForm,
        add_forms,
        embedded_forms,
        form_fields,
        typed_in,
    )
    from tocsin.interface.acts import (
        Absence,
        Act,
        ActContext,
        NoUndo,
        OwnSurface,
        RequestError,
        Reverse,
        Say,
        Wording,
        context_for,
        description_of,
        in_english,
        is_several,
        names_in,
        read_request,
        wording_of,
    )
    from tocsin.interface.authorization import (
        Needs,
        NotHereError,
        SecondFactorError,
        SignInError,
        WrongFormError,
        form_word,
        needs,
        visitor_of,
    )
    from tocsin.interface.capabilities import N_, Capability, capabilities
    from tocsin.interface.forms import Form, file_of, perform_form, text_of, texts_of
    from tocsin.interface.moments import Moment
    from tocsin.interface.numbers import Number, number_in
    from tocsin.interface.output import (
        Commands,
        Invocation,
        all_but,
        emit,
        fail,
        fields,
        note,
        note_error,
        print_json,
        print_table,
        say,
        visible,
    )
    from tocsin.interface.pages import PageMaker, PageWords
    from tocsin.interface.routes import LazyRoute, PageRouter
else:
    lazy_face(__name__)
