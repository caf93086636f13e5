"""How good is a forecast: errors, naive forecasts, tests, figures and the report."""
