"""Collectors fetch reports from where they wait, on a schedule, and hand them to the pipeline."""
