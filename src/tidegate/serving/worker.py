"""A worker process of the service; started by its parent."""

from tidegate.serving.server import work_for_parent

if __name__ == "__main__":
    work_for_parent()
