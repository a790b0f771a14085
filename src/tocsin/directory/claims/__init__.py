"""Claims of operators: what is theirs, shown, and decided by a person."""
