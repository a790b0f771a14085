"""The commands of drafting."""
