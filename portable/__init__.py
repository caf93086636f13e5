"""Builds and tests Tidegate as other people's machines would; standard library only, see CONTRIBUTING.md."""
