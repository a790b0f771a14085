"""RFC 2350 profiles: what a team says of itself in the form that the field reads, written and read back."""
