"""Accounts: the people of a node, how they prove who they are, and what each may do.

``permissions`` is the one place where it is decided who may do what; pages and API ask it and decide nothing.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.node.accounts.api_tokens import (
        list_tokens,
        make_token,
        read_token,
        revoke_token,
        scopes_of,
        token_state,
    )
    from tocsin.node.accounts.links import (
        LinkKind,
        ask_reset,
        first_link,
        forget_ended_links,
        invite,
        open_invitations,
        open_link,
        plain_mailbox,
        reset_link,
        use_link,
        withdraw_invitation,
    )
    from tocsin.node.accounts.models import ApiToken, Passkey, Person, Session, WelcomeLink
    from tocsin.node.accounts.passkeys import (
        Site,
        ask_new,
        ask_sign_in,
        has_passkey,
        keep_new,
        list_passkeys,
        remove_passkey,
        sign_in_with_passkey,
        site_of,
    )
    from tocsin.node.accounts.passwords import hash_password, weakness
    from tocsin.node.accounts.people import (
        PersonSummary,
        block,
        find_person,
        is_name,
        join,
        list_people,
        names_of,
        names_of_actors,
        note_factor,
        remove,
        reset_factor,
        set_password,
        set_profile,
        set_role,
        unblock,
    )
    from tocsin.node.accounts.permissions import (
        IN_API,
        NOBODY,
        OPEN,
        AccountRole,
        Permission,
        PermissionScope,
        Principal,
    )
    from tocsin.node.accounts.provider import Provider
    from tocsin.node.accounts.read_audit import is_on_record, note_page, note_read
    from tocsin.node.accounts.second_factor import (
        Setup,
        has_second_factor,
        new_recovery_codes,
        new_setup,
        recovery_codes_left,
        remove_second_factor,
        set_up,
    )
    from tocsin.node.accounts.sessions import (
        end_session,
        end_sessions,
        is_proved,
        list_sessions,
        living_sessions,
        note_proved,
        note_session_end,
        read_session,
        start_session,
    )
    from tocsin.node.accounts.signing_in import (
        Caller,
        HalfWay,
        SignedIn,
        SignInRefusal,
        confirm,
        enter,
        give_second_factor,
        known_accounts,
        sign_in,
    )
    from tocsin.node.accounts.site_config import SiteConfig, site_config_of
    from tocsin.node.accounts.sso import PATIENCE, NoEntry, begin_sso, finish_sso, sign_in_from_elsewhere
    from tocsin.node.accounts.throttle import network_of
else:
    lazy_face(__name__)
