"""The pages: rendered on the server, nothing loaded from elsewhere; a script only helps where there is one."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.server.pages.account import account_pages
    from tocsin.server.pages.admin import admin_pages
    from tocsin.server.pages.agreement_pages import agreement_pages
    from tocsin.server.pages.answer_pages import answer_pages
    from tocsin.server.pages.assets import assets_pages
    from tocsin.server.pages.audit.pages import audit_pages
    from tocsin.server.pages.catalogues import FILE, faults, source, update
    from tocsin.server.pages.clocks import clocks_pages
    from tocsin.server.pages.context import PageContext, make_context, own_path, page_above, together
    from tocsin.server.pages.credentials import credentials_pages
    from tocsin.server.pages.deliveries import deliveries_pages
    from tocsin.server.pages.duty import duty_link_pages, duty_pages
    from tocsin.server.pages.events import events_pages
    from tocsin.server.pages.exchange_pages import exchange_pages
    from tocsin.server.pages.feedback_pages import feedback_pages
    from tocsin.server.pages.figures_pages import figures_pages
    from tocsin.server.pages.home_pages import home_pages
    from tocsin.server.pages.inbox import inbox_pages
    from tocsin.server.pages.incidents import incidents_pages
    from tocsin.server.pages.incidents.report import report_file
    from tocsin.server.pages.incidents.timeline import people_in, steps_of
    from tocsin.server.pages.link_pages import link_pages
    from tocsin.server.pages.lookup import lookup_pages
    from tocsin.server.pages.never_held_pages import never_held_pages
    from tocsin.server.pages.notices import notices_pages
    from tocsin.server.pages.partner_access_pages import partner_access_pages
    from tocsin.server.pages.partner_pages import partner_pages
    from tocsin.server.pages.portal.pages import portal_pages
    from tocsin.server.pages.problems import problems_pages
    from tocsin.server.pages.public import public_pages
    from tocsin.server.pages.purge_pages import purge_pages
    from tocsin.server.pages.receipt_link_pages import receipt_link_pages
    from tocsin.server.pages.reports import reports_pages
    from tocsin.server.pages.rules import rules_pages
    from tocsin.server.pages.search import search_pages
    from tocsin.server.pages.sign_in import sign_in_page, sign_in_pages
    from tocsin.server.pages.teams import teams_pages
    from tocsin.server.pages.thread_pages import thread_pages
    from tocsin.server.pages.today import today_pages
    from tocsin.server.pages.undo_pages import undo_pages
    from tocsin.server.pages.verify_pages import verify_pages
    from tocsin.server.pages.words import OURS, languages, say_in, words_for
else:
    lazy_face(__name__)
