"""Settings of a layer as an object of its own; light to import, for the command line reads it."""

from __future__ import annotations

import copy
from dataclasses import Field, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

from tidegate import cells
from tidegate.errors import SettingError
from tidegate.settings import setting

if TYPE_CHECKING:
    from typing_extensions import Self

    from tidegate.layers.recurrent import Recurrent
    from tidegate.layers.sequence import SequenceLayer

INITIALS = ("xavier", "orthogonal", "uniform")


@dataclass(kw_only=True)
class LayerSettings:
    """What a layer can be told; subclass it as a dataclass, give it a `name`, its fields, and `build`.

    `get_params` and `set_params` are scikit-learn's, so that an estimator with such a layer has parameters like
    `layer__kernel_size`.

    Attributes:
        name: how users call the layer.
        reads_context: whether the layer takes what is known of the whole sequence at each of its layers; else a network
            joins it to the inputs.
    """

    name: str = field(default="", init=False, repr=False)
    dropout: float = setting(0.0, "share of a layer's outputs dropped while training", low=0, below=1)

    def build(self, input_size: int, *, context_size: int = 0) -> SequenceLayer:
        """Return a layer with fresh weights.

        Args:
            input_size: features of an input.
            context_size: features of a context; 0 unless `reads_context`.
        """
        raise NotImplementedError

    @property
    def reads_context(self) -> bool:
        """Whether the layer itself takes a context."""
        return False

    @property
    def title(self) -> str:
        """What a forecast column is named after."""
        return self.name.upper()

    def fingerprint(self) -> str:
        """What changes when code that a model folder cannot hold does, such as a user's own equations."""
        return ""

    def named(self) -> Self:
        """Return the same settings with names in place of classes, as a model folder can hold them.

        Raises:
            SettingError: something in them is not registered, so that a folder could not be loaded.
        """
        return replace(self)

    def check_together(self) -> None:
        """Refuse what no field alone can tell; `tidegate.settings.check_settings` calls it.

        Raises:
            SettingError: the settings do not fit each other.
        """

    def nested(self) -> tuple[LayerSettings, ...]:
        """Return the settings of the layers that this one is made of, where they are settings of their own."""
        return ()

    def options(self) -> dict[str, Field[Any]]:
        """Return the fields that options may set, by the names that `set_params` takes; a default is what is set."""
        return {each.name: _with_default(each, getattr(self, each.name)) for each in fields(self) if each.init}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the settings by name."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.init}

    def set_params(self, **params: Any) -> Self:
        """Change settings by name; lists, as files have them, become tuples.

        Raises:
            SettingError: there is no setting of this name.
        """
        known = self.get_params()
        for name, value in params.items():
            if name not in known:
                raise SettingError(f"{name} is no setting of layer {self.name}, which has {', '.join(known)}")
            setattr(self, name, _as_tuples(value))
        return self


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value


def _with_default(field: Field[Any], value: Any) -> Field[Any]:
    field = copy.copy(field)
    field.default = value
    return field


@dataclass(kw_only=True)
class CellSettings(LayerSettings):
    """Settings of a layer that is made of recurrences of one cell; a member adds its `name`, its fields and `build`."""

    cell: str = setting("lstm", "recurrent cell; `tidegate cells` lists them")
    units: int = setting(32, "hidden units of each recurrence", low=1)
    layers: int = setting(1, "layers of each recurrence, stacked on each other", low=1)
    initial: str | None = setting(None, "how weights start (default: as the cell's paper says)", choices=INITIALS)

    def recurrence(self, input_size: int, **options: Any) -> Recurrent:
        """Return a recurrent layer with these settings, those of `Recurrent` in `options`, and fresh weights."""
        from tidegate.layers.recurrent import Recurrent

        layer = Recurrent(self.cell, input_size, self.units, layers=self.layers, dropout=self.dropout, **options)
        if self.initial is not None:
            layer.reset_parameters(cells.Initial(input=self.initial, recurrent=self.initial))
        return layer

    def fingerprint(self) -> str:
        """What changes when the equations of a cell of the user's own do.

        Raises:
            SettingError: there is no such cell.
        """
        return cells.fingerprint(cells.get(self.cell))

    def named(self) -> Self:
        """Return the same settings with the cell by its name.

        Raises:
            SettingError: the cell is one of the user's own and not registered.
        """
        cell = cells.get(self.cell)
        if cell.name not in (*cells.names(), *cells.registered()):
            raise SettingError(
                f"a model folder names its cell, so register cell {cell.name} before saving, and before loading again: "
                f"tidegate.cells.register({cell.__name__})"
            )
        alias = cells.alias(self.cell)
        return replace(self, cell=cell.name if alias is None else alias.name)

    def check_together(self) -> None:
        """Refuse a cell that there is not, and a context where none is read."""
        cells.get(self.cell)
        alias = cells.alias(self.cell)
        if alias is not None and alias.option == "contextual" and not self.reads_context:
            raise SettingError(
                f"cell {alias.name!r} is for the layer 'recurrent'; layer {self.name!r} takes no context"
            )


@dataclass(kw_only=True, eq=False, repr=False)
class RecurrentOptions:
    """The fields of the recurrent layer, which a task also has among its own; each field's help says what it does."""

    help_group: ClassVar[str] = "Model"

    cell: str = setting("lstm", "recurrent cell; `tidegate cells` lists them")
    units: int = setting(50, "hidden units per layer", low=1)
    layers: int = setting(2, "layers stacked on each other", low=1)
    dropout: float = setting(0.0, "share of a layer's outputs dropped while training", low=0, below=1)
    bidirectional: bool = setting(False, "read the window in both directions")
    variational: bool = setting(False, "drop inputs and recurrent states alike, with one mask for a whole sequence")
    contextual: bool = setting(False, "static columns enter every layer, and not the first alone")
    initial: str | None = setting(None, "how weights start (default: as the cell's paper says)", choices=INITIALS)


@dataclass(kw_only=True)
class RecurrentSettings(RecurrentOptions, CellSettings):
    """Settings of a stack of recurrent layers; each field's help says what it does."""

    name = "recurrent"

    def build(self, input_size: int, *, context_size: int = 0) -> SequenceLayer:
        """Return a recurrent layer with fresh weights."""
        return self.recurrence(
            input_size, bidirectional=self.bidirectional, variational=self.variational, context_size=context_size
        )

    @property
    def reads_context(self) -> bool:
        """Whether a context joins every layer's inputs."""
        alias = cells.alias(self.cell)
        return self.contextual or (alias is not None and alias.option == "contextual")

    @property
    def title(self) -> str:
        """The cell's name in capitals."""
        return str(getattr(self.cell, "name", self.cell)).upper()
