"""A dry run of rules: what they would have changed of the events of the last days."""
