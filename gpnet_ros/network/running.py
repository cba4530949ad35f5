"""A network run by torch, ONNX Runtime or OpenVINO behind one call, checked against its card before it is used.

What another runtime runs is exported for each size of picture when it first comes, in memory of this process only:
nothing lies on a disk that could be another network than the weights. Each is compared with torch on a made-up picture
of its size, beside the golden outputs, which are of one size.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from gpnet_ros.arrays import Floats
from gpnet_ros.errors import ModelRefused
from gpnet_ros.network.baselines.orange import Orange, best_bin
from gpnet_ros.network.bfloat16 import quick_in_bfloat16
from gpnet_ros.network.card import Card
from gpnet_ros.network.checkpoint import GOLDEN_TOLERANCE, self_test, waves
from gpnet_ros.network.exported import SUFFIX, exported_runtime, write_exported
from gpnet_ros.network.runtimes import to_try

#: Largest difference of any map from torch in float32, by precision.
MAP_TOLERANCE = {"float32": 1e-3, "bfloat16": 0.08}
#: Accepted deviation from the golden outputs relative to a map's spread, by precision.
GOLDEN = {"float32": GOLDEN_TOLERANCE, "bfloat16": 0.1}
#: Sizes of pictures that are kept ready.
_SIZES = 4


class Runner(nn.Module):
    """A network that is run in another way than torch does by itself; takes and gives what the network does.

    Attributes:
        net: the network in torch.
        runtime: of `runtimes.RUNTIMES`; precision: of `runtimes.PRECISIONS`.
        note: one sentence for a person where it is not what was asked for; else empty.
    """

    def __init__(self, net: nn.Module, runtime: str = "torch", precision: str = "float32", note: str = "") -> None:
        super().__init__()
        self.net, self.runtime, self.precision, self.note = net, runtime, precision, note
        self.eval()

    @property
    def told(self) -> str:
        """Runtime with its version, and precision: what computes here."""
        try:
            version = metadata.version(self.runtime)
        except metadata.PackageNotFoundError:  # a folder on the path that nobody installed
            version = "(of a version that it does not tell)"
        return f"{self.runtime} {version} in {self.precision}"

    def forward(self, x: Tensor) -> Tensor:
        """The maps (1, 4 or 5, H, W) of a picture (1, C, H, W)."""
        own = self.golden_maps(x)
        return best_bin(own) if isinstance(self.net, Orange) else own

    def golden_maps(self, x: Tensor) -> Tensor:
        """The network's own maps, before ORANGE chooses a bin: what a card has golden outputs of."""
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            return _own(self.net, x.contiguous(memory_format=torch.channels_last)).float()


class ExportedRunner(Runner):
    """A network run by ONNX Runtime or OpenVINO on the CPU."""

    def __init__(self, net: nn.Module, card: Card, runtime: str, precision: str) -> None:
        super().__init__(net, runtime, precision)
        self._card, self._own = card, _OwnMaps(net)
        self._ready: dict[tuple[int, int], Callable[[Floats], Floats]] = {}
        self._refused: dict[tuple[int, int], str] = {}

    def golden_maps(self, x: Tensor) -> Tensor:
        """As of every runner; what runs a size that has not come before is made and compared with torch first.

        Raises:
            ModelRefused: the runtime cannot run the network, or computes other maps; a size that was refused once
                stays so, without another try.
        """
        shape = (x.shape[-2], x.shape[-1])
        if shape in self._refused:
            raise ModelRefused(self._refused[shape])
        try:
            return torch.from_numpy(self._run_by(shape)(x.contiguous().numpy()))
        except ModelRefused as error:
            self._refused[shape] = str(error)
            raise
        except Exception as error:  # each runtime has errors of its own
            raise self._cannot(error) from error

    def _run_by(self, shape: tuple[int, int]) -> Callable[[Floats], Floats]:
        if shape not in self._ready:
            while len(self._ready) >= _SIZES:
                del self._ready[next(iter(self._ready))]
            with torch.inference_mode(False), torch.no_grad():  # under inference_mode a trace is refused
                self._ready[shape] = self._made(shape)
        return self._ready[shape]

    def _cannot(self, error: Exception) -> ModelRefused:
        reason = " ".join(str(error).split())[:200]
        return ModelRefused(f"Runtime {self.runtime} cannot run the model ({reason}): use runtime torch.")

    def _made(self, shape: tuple[int, int]) -> Callable[[Floats], Floats]:
        try:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"net{SUFFIX['onnx']}"
                write_exported(self._own, self._card, "onnx", path, shape)
                made = exported_runtime(path, self.runtime, self.precision, torch.get_num_threads())
            seen = waves(self._card.planes, *shape)
            off = np.abs(made(seen.numpy()) - self._own(seen).numpy()).max()
        except Exception as error:  # each runtime has errors of its own
            raise self._cannot(error) from error
        if not off <= MAP_TOLERANCE[self.precision]:  # NaN fails too
            raise ModelRefused(
                f"With {self.told} the maps of {shape[1]}x{shape[0]} px differ from torch's by {off:.3g}, allowed is "
                f"{MAP_TOLERANCE[self.precision]:g}: use runtime torch."
            )
        return made


class FirstRunner(Runner):
    """The first of several runtimes that computes what the card says, and torch's maps at every size that comes.

    One that is refused, at the start or with a later picture, is left for good; `note` tells why.
    """

    def __init__(self, net: nn.Module, card: Card, names: tuple[str, ...], precision: str, note: str) -> None:
        super().__init__(net, names[0], precision, note)
        self._card, self._left = card, list(names)
        self._taken = self._next()

    def golden_maps(self, x: Tensor) -> Tensor:
        """As of every runner, by the next runtime where one is refused.

        Raises:
            ModelRefused: the last one is refused, too.
        """
        while True:
            try:
                return self._taken.golden_maps(x)
            except ModelRefused as error:
                if not self._left:
                    raise
                self._tell(error)
                self._taken = self._next()

    def _next(self) -> Runner:
        while True:
            self.runtime = self._left.pop(0)
            try:
                return _tested(self.net, self._card, self.runtime, self.precision)
            except ModelRefused as error:
                if not self._left:
                    raise
                self._tell(error)

    def _tell(self, error: ModelRefused) -> None:
        self.note = f"{self.note} {error}".strip()


class _OwnMaps(nn.Module):
    """A network's own maps as its output."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.eval()  # the exporter puts every part into the mode of the whole

    def forward(self, x: Tensor) -> Tensor:
        return _own(self.net, x)


def _own(net: nn.Module, x: Tensor) -> Tensor:
    maps: Tensor = net.raw(x) if isinstance(net, Orange) else net(x)
    return maps


def make_runner(net: nn.Module, card: Card, runtime: str = "torch", precision: str = "float32") -> Runner:
    """What runs a network on its device: a runtime that computes the golden outputs of its card.

    Args:
        net: folded, in evaluation mode, on its device.
        card: of it.
        runtime: of `runtimes.RUNTIME_CHOICES`; one that "auto" tries and that is refused is left out with a note.
        precision: of `runtimes.PRECISIONS`; bfloat16 only where the device is quicker in it.

    Raises:
        ModelRefused: see `runtimes.to_try`; or no runtime that was asked for computes the golden outputs.
    """
    device = next(net.parameters()).device
    names = to_try(runtime, precision, device.type != "cpu")
    note = ""
    if precision == "bfloat16" and not quick_in_bfloat16(device):
        precision = "float32"
        note = "This processor multiplies no faster in bfloat16: the network computes in float32."
    if len(names) > 1:
        return FirstRunner(net, card, names, precision, note)
    made = _tested(net, card, names[0], precision)
    made.note = note
    return made


def _tested(net: nn.Module, card: Card, name: str, precision: str) -> Runner:
    made = Runner(net, name, precision) if name == "torch" else ExportedRunner(net, card, name, precision)
    self_test(made, card, GOLDEN[precision], made.told)
    return made
