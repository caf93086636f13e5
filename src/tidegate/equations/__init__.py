"""A cell's mathematics: trace, differentiate, print."""
