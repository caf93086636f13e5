"""What `tidegate.explain` has to know of forecasts: what a column is, what a window is, what the test part is."""
