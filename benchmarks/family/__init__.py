"""The layers and cells on the tasks that their papers are about; see `__main__`."""
