"""What the tests of this folder share, importable by name."""

from conftest import Process, fitted, running, until, wave

__all__ = ["Process", "fitted", "running", "until", "wave"]
