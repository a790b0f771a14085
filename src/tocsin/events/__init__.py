"""Events: their schema, the sources they come from, and the table they are kept in."""
