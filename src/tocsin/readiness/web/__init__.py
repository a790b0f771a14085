"""Readiness on pages: frameworks, assessments with questions, evidence and review, what-if, plan and report."""

from fastapi import APIRouter

from tocsin.interface import PageMaker, PageRouter, add_forms
from tocsin.readiness.acts import ACTS
from tocsin.readiness.web.assessment_pages import add_assessment_pages
from tocsin.readiness.web.framework_pages import add_framework_pages
from tocsin.readiness.web.index_pages import add_index_pages
from tocsin.readiness.web.list_pages import FORMS, add_list_pages
from tocsin.readiness.web.plan_pages import add_plan_pages
from tocsin.readiness.web.question_pages import add_question_pages


def readiness_pages(maker: PageMaker) -> APIRouter:
    """The routes of readiness; those whose address is written out come before those with a number in it."""
    forms, router = PageRouter(), PageRouter(prefix="/readiness")
    add_forms(forms, maker, ACTS, FORMS)
    router.routes += forms.routes
    for add in (
        add_list_pages,
        add_framework_pages,
        add_index_pages,
        add_assessment_pages,
        add_question_pages,
        add_plan_pages,
    ):
        add(router, maker)
    return router
