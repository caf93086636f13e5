"""Forecasters in the service: tables and arrays, streams, tensors; `service.py` is what the registry names."""
