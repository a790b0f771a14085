"""The pages of deliveries: what waits, what left and what did not, the very mails, and what a person does to them."""

from fastapi import APIRouter

from tocsin.delivery import acts
from tocsin.interface import FormHooks
from tocsin.server.pages.acts import form_pages
from tocsin.server.pages.context import PageContext, together
from tocsin.server.pages.deliveries.act_pages import act_pages
from tocsin.server.pages.deliveries.list_pages import list_pages
from tocsin.server.pages.deliveries.mail_pages import mail_pages
from tocsin.server.pages.deliveries.sending_pages import sending_pages
from tocsin.server.pages.words import N_


def _form_pages(desk: PageContext) -> APIRouter:
    hooks = FormHooks(
        back=lambda visit: ("/deliveries", visit.words.say(N_("Notifications"))), named=lambda named: named
    )
    return form_pages(desk, acts.ACTS, hooks)


deliveries_pages = together(_form_pages, sending_pages, act_pages, list_pages, mail_pages)
"""All pages of deliveries; those with a name of their own stand before those named by a reference."""
