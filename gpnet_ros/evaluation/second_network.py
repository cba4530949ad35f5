"""Who tells the objects of a frame, for `priority: graspnext`: a model of the second network, or the truth."""

from __future__ import annotations

from collections.abc import Callable

from gpnet_ros.detections import Detections
from gpnet_ros.errors import BadInput, ModelRefused
from gpnet_ros.frame import Frame
from gpnet_ros.maps import Grid
from gpnet_ros.network.checkpoint import vouched_card

#: In place of a model: the simulation's own objects and what hides them, the ceiling of every second network.
TRUTH = "truth"
#: The model where none is named.
USUAL = "fast-graspnext"


def second_model(priority: str, model: str | None) -> str | None:
    """The second network's model, or `TRUTH`, that a priority needs; None where it needs none.

    Args:
        priority: one of `free_objects.PRIORITIES`, or "oracle".
        model: what was asked for; None is `USUAL` where one is needed.

    Raises:
        BadInput: a model was named, but the priority does not ask it; or there is no such model of that network.
    """
    if priority != "graspnext":
        if model is not None:
            raise BadInput(f"--scene-model {model} goes with --priority graspnext: add that, or leave it out.")
        return None
    wanted = model or USUAL
    if wanted != TRUTH:
        weights_of(wanted)
    return wanted


def weights_of(model: str | None) -> str | None:
    """SHA-256 of a second network's weights; None for the truth, and for no model at all.

    Raises:
        BadInput: there is no such model, or it is of another network; says what else can be given.
    """
    if model is None or model == TRUTH:
        return None
    way_out = (
        "--priority graspnext needs a model of the second network: train one (gpnet train --config graspnext), name "
        "another with --scene-model, or take --scene-model truth, the simulation's own objects."
    )
    try:
        card = vouched_card(model)
    except ModelRefused as error:
        raise BadInput(f"{error} {way_out}") from error
    if card.architecture != "graspnext":
        raise BadInput(f"{model} is a grasp network ({card.architecture}). {way_out}")
    return card.sha256


class ObjectTeller:
    """`ObjectTeller(model)(frame, truth)` gives the detections of a frame."""

    def __init__(self, model: str, grid: Callable[[Frame], Grid]) -> None:
        """Load the model, or none for `TRUTH`.

        Args:
            model: name in models/, path of a model folder, or `TRUTH`.
            grid: where it looks, see `SceneDetector`.

        Raises:
            BadInput: packages of the second network are missing; names the extra to install.
            ModelRefused: the model cannot be used.
        """
        self._detector = None
        if model == TRUTH:
            return
        try:
            from gpnet_ros.network.graspnext.detector import load_scene_detector
        except ImportError as error:
            raise BadInput(
                f"--priority graspnext needs more packages ({error}): pip install 'gpnet_ros[graspnext]'."
            ) from error
        self._detector = load_scene_detector(model, grid=grid)

    def __call__(self, frame: Frame, truth: Callable[[], Detections]) -> Detections:
        """The detections of a frame; `truth` makes the true ones, and is asked only for `TRUTH`."""
        return truth() if self._detector is None else self._detector(frame)
