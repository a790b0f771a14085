"""The pages of deliveries: what waits, what left and what did not, the very mails, and what a person does to them."""

from tocsin.server.pages.context import together
from tocsin.server.pages.deliveries.act_pages import act_pages
from tocsin.server.pages.deliveries.list_pages import list_pages
from tocsin.server.pages.deliveries.mail_pages import mail_pages
from tocsin.server.pages.deliveries.sending_pages import sending_pages

deliveries_pages = together(sending_pages, act_pages, list_pages, mail_pages)
"""All pages of deliveries; those with a name of their own stand before those named by a reference."""
