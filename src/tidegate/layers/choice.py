"""How a task's settings name its layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from tidegate.errors import SettingError
from tidegate.layers.registry import read
from tidegate.layers.settings import LayerSettings, RecurrentOptions, RecurrentSettings
from tidegate.settings import check_settings, setting

if TYPE_CHECKING:
    from typing_extensions import Self

RECURRENT = "recurrent"


@dataclass(kw_only=True, eq=False, repr=False)
class LayerChoice(RecurrentOptions):
    """A task's layer: its name or its settings, and for the recurrent one its settings among the task's own."""

    layer: str | LayerSettings | Sequence[str | LayerSettings] = setting(  # noqa: RUF009  (a field, like the others)
        RECURRENT, "sequence layer: its name, several as one+other, or settings of layers"
    )

    def layer_settings(self) -> LayerSettings:
        """Return the settings of the chosen layer; of several, those of their chain.

        Raises:
            SettingError: there is no such layer, or one is chosen together with settings of the recurrent one.
        """
        names = {each.name for each in fields(RecurrentOptions)}
        own = {name: getattr(self, name) for name in names}
        if self.layer == RECURRENT:
            return RecurrentSettings(**own)
        layer = read(self.layer)
        # A task may have defaults of its own for them.
        changed = [each.name for each in fields(self) if each.name in names and own[each.name] != each.default]
        if changed:
            raise SettingError(
                f"{', '.join(changed)} would set the layer {RECURRENT!r}, but layer is {self.layer!r}; leave them out "
                f"and give the layer its own settings ({', '.join(layer.get_params())})"
            )
        return layer

    def check_together(self) -> None:
        """Check the layer's settings.

        Raises:
            SettingError: one of them cannot be used, or the layer cannot be chosen together with others.
        """
        check_settings(self.layer_settings())

    def named(self) -> Self:
        """Return the same settings with names in place of classes, and the layer's own in full.

        Raises:
            SettingError: something in them is not registered, so that a model folder with them could not be loaded.
        """
        layer = self.layer_settings().named()
        if self.layer != RECURRENT:
            return replace(self, layer=layer)
        return replace(self, **{each.name: getattr(layer, each.name) for each in fields(RecurrentOptions)})

    def set_params(self, **params: Any) -> Any:
        """Set parameters as scikit-learn does, `layer__…` too where the layer was given by its name.

        For the estimators that have these settings.
        """
        if any(name.startswith("layer__") for name in params):
            params["layer"] = read(params.get("layer", self.layer))
        return super().set_params(**params)  # pyright: ignore[reportAttributeAccessIssue]
