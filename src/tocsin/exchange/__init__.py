"""Work with partners: the formats of the field, signed statements, and what was sent to whom."""
