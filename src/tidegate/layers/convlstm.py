"""The convolutional LSTM, for sequences of frames."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from tidegate.errors import SettingError
from tidegate.layers.settings import CellSettings
from tidegate.layers.spatial import SpatialRecurrent, spatial_cell
from tidegate.settings import setting


@dataclass(kw_only=True)
class ConvLSTM(CellSettings):
    """Settings of convolutional recurrent layers over frames; each field's help says what it does."""

    name = "convlstm"

    frame: tuple[int, ...] = setting((), "height and width of a frame; the inputs are its pixels, channel by channel")
    kernel_size: int = setting(3, "height and width of the convolutions, odd", low=1)
    units: int = setting(16, "hidden maps of each layer", low=1)
    cell: str = setting("peephole", "cell at each pixel; lstm and gru do too")

    def build(self, input_size: int, *, context_size: int = 0) -> ConvLSTMLayer:
        """Return a layer with fresh weights.

        Raises:
            SettingError: the inputs are no whole number of frames.
        """
        height, width = self.frame
        if input_size % (height * width):
            raise SettingError(
                f"frame is {height} x {width}, {height * width} pixels, and {input_size} inputs are no whole number of "
                "channels of that size"
            )
        return ConvLSTMLayer(self, input_size)

    def check_together(self) -> None:
        """Refuse a frame that is none, an even kernel, and a cell that cannot be convolved."""
        super().check_together()
        spatial_cell(self.cell, self.units)
        frame = self.frame if isinstance(self.frame, tuple | list) else ()
        if len(frame) != 2 or not all(type(size) is int and size > 0 for size in frame):
            raise SettingError(f"frame must be the height and width of a frame, such as (16, 16), not {self.frame!r}")
        if self.kernel_size % 2 == 0:
            raise SettingError(f"kernel_size must be odd, so that a pixel is its own middle, not {self.kernel_size}")


class ConvLSTMLayer(SpatialRecurrent):
    r"""A recurrent layer whose products are convolutions over a frame, 0 beyond its edge.

    With the peephole cell, whose weights on the memory each pixel and map has of its own, these are equations 3 of Shi,
    Chen, Wang, Yeung, Wong, Woo, 'Convolutional LSTM network: a machine learning approach for precipitation
    nowcasting', NIPS 2015. Inputs are flattened frames (channels, height, width), outputs flattened hidden maps
    (units, height, width).

    Args:
        settings: what the layer was told.
        input_size: channels * height * width.
    """

    def __init__(self, settings: ConvLSTM, input_size: int) -> None:
        height, width = settings.frame
        self.kernel_size = settings.kernel_size
        super().__init__(
            settings,
            input_size,
            features=input_size // (height * width),
            places=(height, width),
            taps=self.kernel_size**2,
            own_extras=True,
        )

    @property
    def output_size(self) -> int:
        """Features of an output: units * height * width."""
        return self.units * self.places[0] * self.places[1]

    def product(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Convolve (M, height, width, F) to (M, height, width, R); see `SpatialRecurrent.product`."""
        kernel = weight.unflatten(1, (x.shape[-1], self.kernel_size, self.kernel_size))
        return functional.conv2d(x.movedim(-1, 1), kernel, bias, padding=self.kernel_size // 2).movedim(1, -1)

    def spread(self, x: Tensor) -> Tensor:
        """Lay out inputs as frames (B, T, height, width, channels)."""
        return x.unflatten(2, (-1, *self.places)).movedim(2, -1)

    def gather(self, y: Tensor) -> Tensor:
        """Lay out hidden maps as outputs (B, T, units*height*width)."""
        return y.movedim(-1, 2).flatten(2)
