"""From a table to a forecast and how far it can be trusted."""
