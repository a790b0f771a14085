"""Assessments: frameworks in versions, answers with evidence, measured values beside them, plans and reports."""
