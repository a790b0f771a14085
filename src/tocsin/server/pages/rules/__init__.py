"""The pages of rules: what is in force in plain words, its text to edit, a dry run, and the versions."""

from tocsin.server.pages.context import together
from tocsin.server.pages.rules.edit_pages import edit_pages
from tocsin.server.pages.rules.pages import reading_pages

rules_pages = together(reading_pages, edit_pages)
