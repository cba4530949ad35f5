"""Models on disk: `models/<name>/weights.safetensors` and `card.json`; never a pickle.

The card rebuilds the network, says what it was trained on, and holds golden outputs: samples of every map
for one fixed input. They are computed again at each load, so a torch or an accelerator that computes
something else is found before a robot moves.
"""

from __future__ import annotations

import copy
import hashlib
import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as tensor_bytes
from torch import Tensor, nn

from gpnet_ros.errors import BadInput, ModelRefused
from gpnet_ros.network.baselines.ggcnn import GgCnn, GgCnn2
from gpnet_ros.network.baselines.grconvnet import GrConvNet
from gpnet_ros.network.baselines.orange import Orange
from gpnet_ros.network.card import CARD, Card, check_seal, read_card, write_card
from gpnet_ros.network.gpnet import GPNet
from gpnet_ros.network.joined import JoinedNet
from gpnet_ros.settings import resource_dir

WEIGHTS = "weights.safetensors"
#: What a card's recipe says of weights that are not written as float32.
STORED = "stored"


def _graspnext(channels: int, sizes: dict[str, Any], side: int) -> nn.Module:
    """The multi-task network; torchvision, which it is made of, is an extra."""
    try:
        from gpnet_ros.network.graspnext.architecture import Architecture
        from gpnet_ros.network.graspnext.network import GraspNeXt
    except ImportError as error:
        raise ModelRefused(f"This model needs torchvision ({error}): pip install 'gpnet_ros[graspnext]'.") from error
    if channels != 3:
        raise BadInput(f"The multi-task network sees colour, 3 planes, not {channels}.")
    return GraspNeXt(Architecture.from_json(sizes), side)


#: The grasp networks that a card may name, from frame to maps.
GRASP_ARCHITECTURES: dict[str, Callable[..., nn.Module]] = {
    "gpnet": GPNet,
    "joined": JoinedNet,
    "ggcnn": GgCnn,
    "ggcnn2": GgCnn2,
    "grconvnet": GrConvNet,
    "orange": Orange,
}
#: The multi-task network, which gives objects, not maps.
SCENE = "graspnext"
#: All networks that a card may name.
ARCHITECTURES: dict[str, Callable[..., nn.Module]] = {**GRASP_ARCHITECTURES, SCENE: _graspnext}
#: Side [px] of the golden input, samples per map, and accepted deviation relative to a map's spread.
GOLDEN_SIDE = 64
GOLDEN_SAMPLES = 16
GOLDEN_TOLERANCE = 0.02
#: Deviation of a map by rounding its weights that decides nothing, whatever the map's spread.
_ROUNDING = 0.005
#: Endings of files that can run code when they are opened.
PICKLE_SUFFIXES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".tar")


def build(card: Card) -> nn.Module:
    """The network of a card, with fresh weights.

    Raises:
        ModelRefused: unknown architecture or arguments.
    """
    if card.architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise ModelRefused(f"Architecture {card.architecture!r} is unknown; known are {known}: update the package.")
    try:
        return ARCHITECTURES[card.architecture](channels=card.planes, **card.kwargs)
    except ModelRefused:  # a missing package says so in its own words
        raise
    except (ArithmeticError, LookupError, TypeError, ValueError, RuntimeError, BadInput) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelRefused(
            f"Architecture {card.architecture!r} cannot be built with {card.kwargs} ({reason}); restore the card."
        ) from error


def save(net: nn.Module, card: Card, folder: Path | str, half: bool = False) -> Card:
    """Write weights, then the card that vouches for them; each replaces the old file in one step.

    Args:
        net: the network; its weights are written as float32.
        card: without `sha256`, `golden` and `parameters`, which are filled in.
        folder: `models/<name>`, made if missing.
        half: kernels and matrices are written as float16, half the file; biases and normalisations, which are small
            and may be large numbers, stay float32. The card says it (`stored` of its recipe), and its golden outputs
            are those of the rounded network, which is what is loaded.

    Returns:
        The card as written.

    Raises:
        ModelRefused: rounded to half precision the network computes something else; nothing is written.
    """
    if half:
        rounded = copy.deepcopy(net)
        rounded.load_state_dict({k: _halved(v) for k, v in net.state_dict().items()})
        _refuse_other_maps(rounded, net, card)
        net = rounded
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    state = {k: v.detach().cpu().contiguous() for k, v in net.state_dict().items()}
    data = tensor_bytes({k: _halved(v) for k, v in state.items()} if half else state)
    draft = folder / (WEIGHTS + ".new")
    draft.write_bytes(data)
    how = {name: value for name, value in card.recipe.items() if name != STORED}
    written = replace(
        card,
        recipe=how | ({STORED: "float16"} if half else {}),
        sha256=hashlib.sha256(data).hexdigest(),
        golden=golden_outputs(net, card).tolist(),
        parameters=sum(p.numel() for p in net.parameters()),
    )
    os.replace(draft, folder / WEIGHTS)  # the card follows at once: killed between them, they do not fit
    return write_card(written, folder)


def _halved(weight: Tensor) -> Tensor:
    return weight.half() if weight.is_floating_point() and weight.ndim > 1 else weight


def _refuse_other_maps(rounded: nn.Module, net: nn.Module, card: Card) -> None:
    wanted, got = golden_outputs(net, card), golden_outputs(rounded, card)
    # Maps of an untrained head are all but flat: there a hundredth decides nothing either.
    allowed = np.maximum(GOLDEN_TOLERANCE * np.ptp(wanted, axis=1, keepdims=True), _ROUNDING)
    off = np.abs(got - wanted)
    if not (off <= allowed).all():  # NaN fails too
        raise ModelRefused(
            f"In half precision the network computes other maps (deviation {np.nanmax(off, initial=0.0):.3g}, allowed "
            f"{float(allowed.min()):.3g}): keep float32."
        )


def load(model: str | Path, device: str | torch.device = "cpu") -> tuple[nn.Module, Card]:
    """The network of a model, in evaluation mode and tested on this machine, and its card.

    Args:
        model: a name under `models/`, or the path of a folder that holds weights and card.
        device: where the network shall live.

    Raises:
        ModelRefused: no such model, a pickle, an edited file, an unknown architecture, missing weights,
            or outputs that differ from the golden ones.
    """
    folder = find(model)
    card, data = _vouched(folder)
    net = build(card)
    try:
        net.load_state_dict(load_tensors(data), strict=True)
    except (RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelRefused(f"{folder / WEIGHTS} does not fit its card ({reason}): restore both.") from error
    net = net.eval().requires_grad_(False).to(device)
    self_test(net, card)
    check_seal(card, folder)
    return net, card


def vouched_card(model: str | Path) -> Card:
    """The card of a model whose weights are there and are those of the card; they are not loaded.

    Raises:
        ModelRefused: no such model, an edited or missing file.
    """
    folder = find(model)
    card, _ = _vouched(folder)
    check_seal(card, folder)
    return card


def _vouched(folder: Path) -> tuple[Card, bytes]:
    card, data = read_card(folder), _read_weights(folder)
    if hashlib.sha256(data).hexdigest() != card.sha256:
        raise ModelRefused(
            f"{folder / WEIGHTS} is not the file its card vouches for (sha256 differs): restore both from the release."
        )
    return card, data


def find(model: str | Path) -> Path:
    """Folder of a model given by name or path.

    Raises:
        ModelRefused: there is none; the message lists those there are.
    """
    path = Path(model)
    if path.suffix.lower() in PICKLE_SUFFIXES:
        raise ModelRefused(f"{path} is a pickle, which can run code: give a folder with {WEIGHTS} and {CARD}.")
    models = resource_dir("models")
    try:
        if path.is_dir():
            return path
        if path.is_file():
            return path.parent
        if path.name == str(model) and (models / path.name).is_dir():
            return models / path.name
    except OSError as error:
        raise ModelRefused(
            f"The model {str(model)[:80]!r} cannot be read ({error.strerror}); give a folder."
        ) from error
    known = ", ".join(sorted(p.parent.name for p in models.glob(f"*/{CARD}"))) or "none"
    raise ModelRefused(f"There is no model {str(model)!r}; known are: {known}; or give the path of a folder.")


def golden_outputs(net: nn.Module, card: Card) -> np.ndarray:
    """(maps, GOLDEN_SAMPLES) float32: the maps of the golden input at fixed places, as this machine computes them."""
    parameter = next(net.parameters())
    training = net.training
    net.eval()
    with torch.inference_mode():
        x = waves(card.planes, GOLDEN_SIDE, GOLDEN_SIDE).to(parameter.device)
        # ORANGE's best bin may change by rounding, its own maps do not; GraspNeXt gives lists of objects, not maps.
        computed = net.raw(x) if isinstance(net, Orange) else getattr(net, "golden_maps", net)(x)
        maps = computed[0].float().cpu().numpy()
    net.train(training)
    places = np.linspace(0, GOLDEN_SIDE - 1, math.isqrt(GOLDEN_SAMPLES)).astype(int)
    return maps[:, places][:, :, places].reshape(len(maps), -1)


def self_test(net: nn.Module, card: Card, tolerance: float = GOLDEN_TOLERANCE, by: str = "") -> None:
    """Compare the network's golden outputs with those of its card.

    Args:
        net: the network, or a `running.Runner` of it.
        card: of it.
        tolerance: accepted deviation relative to a map's spread.
        by: what computes, where it is not torch as it is.

    Raises:
        ModelRefused: they differ: the library, the accelerator or a transformation of the network is broken.
    """
    try:
        wanted = np.asarray(card.golden, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ModelRefused(f"The card's golden outputs are no table of numbers ({error}): restore the card.") from error
    got = golden_outputs(net, card)
    place = next(net.parameters()).device
    if wanted.shape != got.shape:
        raise ModelRefused(f"The card's golden outputs have shape {wanted.shape}, not {got.shape}: restore the card.")
    allowed = tolerance * (np.ptp(wanted, axis=1, keepdims=True) + 1e-3)
    deviation = np.abs(got - wanted)
    if not (deviation <= allowed).all():  # NaN fails too
        remedy = "use runtime torch and precision float32" if by else "reinstall torch, or use device cpu"
        raise ModelRefused(
            f"The model does not compute its golden outputs on {place} with {by or f'torch {torch.__version__}'} "
            f"(deviation {np.nanmax(deviation, initial=0.0):.3g}): {remedy}."
        )


def waves(channels: int, height: int, width: int) -> Tensor:
    """(1, channels, height, width) float32 of incommensurate waves: the same on every machine, without a generator."""
    v, u = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = [np.sin(0.31 * (c + 1) * u + 0.1 * c) * np.cos(0.17 * (c + 2) * v - 0.2) for c in range(channels)]
    return torch.from_numpy(np.stack(planes)[None].astype(np.float32))


def _read_weights(folder: Path) -> bytes:
    path = folder / WEIGHTS
    if not path.is_file():
        pickles = [p.name for p in folder.iterdir() if p.suffix.lower() in PICKLE_SUFFIXES]
        extra = f"; {pickles[0]} is a pickle, which can run code, and is not opened" if pickles else ""
        raise ModelRefused(f"{path} is missing{extra}: restore the model's folder from the release.")
    data = path.read_bytes()
    # A safetensors file begins with the length of its header, whose bytes may be anything, and then the header itself.
    if data[8:9] != b"{" and (data[:2] == b"PK" or data[:1] == b"\x80"):
        raise ModelRefused(f"{path} is a pickle, which can run code, under a false name: restore it.")
    return data
