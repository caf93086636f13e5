"""A machine without a compiler builds the package without the engine, and then has no engine to test."""

from tidegate.engine import simd

collect_ignore = [] if simd.levels() else ["test_levels.py", "test_native.py"]
