"""From a table, however it is written, to regular series."""
