"""From a table to a judged forecast."""
