"""A saved model behind an HTTP service: forecasts, streams, the open inference protocol, metrics and a page."""
