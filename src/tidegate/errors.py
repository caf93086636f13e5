"""Every error that Tidegate raises on purpose; a message is one sentence: what is wrong, where, what to do.

TidegateError
├── SettingError          a setting has a value that cannot be used (also a ValueError)
├── DataError             the data cannot be used as they are (also a ValueError)
├── ModelFolderError      a model folder is missing, damaged or of another version
├── CheckpointError       a checkpoint cannot be written
│   └── StaleCheckpointError    it is damaged or does not belong to this run
├── TrainingError         training went wrong: the loss or a gradient is not finite
└── MissingExtraError     an optional package is not installed (also an ImportError)
"""

from __future__ import annotations


class TidegateError(Exception):
    """Base of all errors raised on purpose; the command line prints its message and nothing else."""


class SettingError(TidegateError, ValueError):
    """A setting has a value that cannot be used."""


class DataError(TidegateError, ValueError):
    """The data cannot be used as they are."""


class ModelFolderError(TidegateError):
    """A model folder is missing, damaged or of another version."""


class CheckpointError(TidegateError):
    """A checkpoint cannot be written or resumed from."""


class StaleCheckpointError(CheckpointError):
    """A checkpoint is damaged or does not belong to this run."""


class TrainingError(TidegateError):
    """Training went wrong: the loss or a gradient is not finite."""


class TidegateWarning(UserWarning):
    """Something goes on otherwise than was asked, or rests on an assumption; the command line shows it as a note."""


class MissingExtraError(TidegateError, ImportError):
    """An optional package is not installed; the message names the command that installs it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed; run: pip install 'tidegate[{extra}]'")
