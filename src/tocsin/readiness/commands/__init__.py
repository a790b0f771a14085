"""The commands of readiness."""
