"""The register of critical assets on pages: the only place where it is read."""

from tocsin.server.pages.assets.form_pages import asset_form_pages, import_pages
from tocsin.server.pages.assets.incident_pages import incident_pages
from tocsin.server.pages.assets.list_pages import list_pages
from tocsin.server.pages.assets.one_pages import one_pages
from tocsin.server.pages.assets.review_pages import review_pages
from tocsin.server.pages.assets.sheet_pages import sheet_pages
from tocsin.server.pages.context import together

assets_pages = together(
    list_pages, asset_form_pages, import_pages, review_pages, sheet_pages, incident_pages, one_pages
)
"""All of them; that of one asset, which is named by its number, comes last."""
