"""A checkpoint: one safetensors file with all that a run needs to go on as if it had never stopped."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from tidegate.errors import CheckpointError, StaleCheckpointError
from tidegate.storage.files import read_regular, write_atomically
from tidegate.storage.tensors import pack, unpack
from tidegate.training.history import History
from tidegate.training.objective import Metric
from tidegate.training.sampling import ChunkSource, SampleSource, even_order
from tidegate.training.schedules import OPEN_ENDED
from tidegate.training.settings import TrainingSettings
from tidegate.training.state import TrainingState

_LIMIT = 2**40
_FORMAT = 1


class Checkpoint:
    """The file of one run."""

    def __init__(self, path: Path, run_description: dict[str, Any]) -> None:
        self.path = Path(path)
        self._description = run_description

    def write(self, state: TrainingState) -> None:
        """Write the run's state after an epoch, as a whole or not at all.

        Raises:
            CheckpointError: when the file cannot be written.
        """
        groups = {
            "network": state.network.state_dict(),
            "best": state.best,
            "optimiser": _optimiser_tensors(state.optimiser),
        }
        tensors = {f"{group}.{name}": value for group, named in groups.items() for name, value in named.items()}
        note = {"format": _FORMAT, "run": self._description, "history": state.history.to_json()}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path, pack(tensors, note))
        except OSError as error:
            reason = error.strerror or error
            raise CheckpointError(f"{self.path} cannot be written ({reason}); choose another place") from None

    def restore(self, state: TrainingState) -> None:
        """Bring the run to where the file left it; without a file nothing happens.

        Raises:
            StaleCheckpointError: when the file is damaged or of another run.
        """
        try:
            tensors, note = unpack(read_regular(self.path, _LIMIT))
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            raise self._damaged(error) from None
        try:
            history = History.from_json(note["history"])
            if note["format"] != _FORMAT:
                raise ValueError(f"format {note['format']!r}")
            self._compare(note["run"], len(history.rows))
            groups = _groups(tensors)
            state.network.load_state_dict(groups["network"])
            _restore_optimiser(state.optimiser, groups["optimiser"])
            state.best = {name: value.to(_device(state.network)) for name, value in groups["best"].items()}
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise self._damaged(error) from None
        state.history = history

    def _compare(self, found: dict[str, Any], epochs: int) -> None:
        ours = self._description
        for part, values in ours.items():
            theirs = found[part]
            for name in sorted({*values, *theirs}):
                now, then = values.get(name), theirs.get(name)
                if name == "epochs" and values["schedule"] in OPEN_ENDED and now >= epochs:
                    continue
                if now != then and not _close(now, then):
                    raise StaleCheckpointError(
                        f"{self.path} belongs to another run ({_name(part, name)} is {now}, there it was {then}); "
                        "delete it to start anew, or give another checkpoint path"
                    )

    def _damaged(self, error: Exception) -> StaleCheckpointError:
        words = getattr(error, "strerror", None) or str(error) or type(error).__name__
        reason = words.splitlines()[0]
        return StaleCheckpointError(f"{self.path} cannot be resumed from ({reason}); delete it to start anew")


def describe_run(
    network: nn.Module,
    source: SampleSource | ChunkSource,
    validation: SampleSource | ChunkSource | None,
    settings: TrainingSettings,
    metric: Metric | None,
) -> dict[str, dict[str, Any]]:
    """What two runs must share for one to resume the other: settings but for the device, metric, network, samples."""
    chosen = dataclasses.asdict(settings)
    chosen.pop("device", None)
    if metric is not None:
        chosen["metric"] = metric.name
    shapes = {name: list(value.shape) for name, value in network.state_dict().items()}
    samples = {"training": _sketch(source)}
    if validation is not None:
        samples["validation"] = _sketch(validation)
    # Through JSON, so that tuples compare equal to the lists that come back from the file.
    return json.loads(json.dumps({"settings": chosen, "network": shapes, "samples": samples}, default=str))


def _sketch(source: SampleSource | ChunkSource) -> list[float]:
    """The number of samples or chunks, and the mean size of the values in some of them, to tell other data apart."""
    if isinstance(source, ChunkSource):
        inputs, target, _ = source.chunk(0)
    else:
        inputs, target = source.batch(even_order(len(source), 32))
    means = [part.double().nan_to_num().abs().mean().item() if part.numel() else 0.0 for part in (*inputs, target)]
    return [len(source), *means]


def _close(now: Any, then: Any) -> bool:
    """Whether two sketches agree; another machine's arithmetic may differ in the last digits."""
    if not (isinstance(now, list) and isinstance(then, list) and len(now) == len(then) and now[:1] == then[:1]):
        return False
    return all(
        isinstance(b, float) and math.isclose(a, b, rel_tol=1e-5) for a, b in zip(now[1:], then[1:], strict=True)
    )


def _name(part: str, name: str) -> str:
    return {"settings": name, "network": f"the shape of {name}", "samples": f"a sketch of the {name} samples"}[part]


def _optimiser_tensors(optimiser: Optimizer) -> dict[str, Tensor]:
    return {
        f"{number}.{name}": value
        for number, state in optimiser.state_dict()["state"].items()
        for name, value in state.items()
        if isinstance(value, Tensor)
    }


def _restore_optimiser(optimiser: Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, name = key.split(".", 1)
        state.setdefault(int(number), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _groups(tensors: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    groups: dict[str, dict[str, Tensor]] = {"network": {}, "best": {}, "optimiser": {}}
    for key, value in tensors.items():
        group, name = key.split(".", 1)
        groups[group][name] = value
    return groups


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters()).device
