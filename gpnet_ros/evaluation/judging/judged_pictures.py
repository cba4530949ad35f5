"""The pictures that a model is judged on: a fixed test set, a folder of shards, or a public data set."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

from gpnet_ros.data.loaders.content import content_sum
from gpnet_ros.data.loaders.sets import open_data
from gpnet_ros.data.sample import DataSet, Sample
from gpnet_ros.data.shards.generated import Generated
from gpnet_ros.data.shards.index import INDEX_FILE, Index, read_index
from gpnet_ros.data.shards.samples import decode_sample
from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.code_sum import code_sum
from gpnet_ros.evaluation.judging.judgement import METRICS, Metric
from gpnet_ros.file_sum import file_sha256
from gpnet_ros.sim.scenes.arrangement import Arrangement
from gpnet_ros.sim.scenes.files import scene_files
from gpnet_ros.sim.scenes.fixed_sets import make_test_scene
from gpnet_ros.sim.scenes.recipe import TEST_SET_SCENES, TEST_SET_SIZE, TEST_SETS, SceneRecipe

#: Where test sets are kept once they were made.
DATA = Path("data")
#: Metrics that compare with true rectangles.
_BY_RECTANGLES: tuple[Metric, ...] = ("any", "any50", "object", "top", "top50")


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture and, of a simulated one, what lay where."""

    sample: Sample
    arrangement: Arrangement | None


class Pictures(Protocol):
    """Pictures that can be read in any process.

    Attributes:
        name: for people.
        note: one sentence for the user, or "".
    """

    name: str
    note: str

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each picture."""
        ...

    def __getitem__(self, index: int) -> Picture:
        """Read one."""
        ...

    def told(self) -> frozenset[str]:
        """The metrics that the pictures can tell: those of the first, for all."""
        ...

    def content(self, most: int | None = None) -> str:
        """Sum of all that the first `most` pictures hold, so that no result is taken for that of other pictures."""
        ...


def _told(picture: Picture) -> frozenset[str]:
    sample, known = picture.sample, set[str]()
    if picture.arrangement is not None:
        known |= {"lift", "lift_clean", "lift_any"}
    if sample.rectangles is not None:
        known |= {"any", "any50"} | ({"object"} if sample.rectangles.object_id is not None else set())
    if sample.top_rectangles() is not None:
        known |= {"top", "top50"}
    if sample.ids is not None and sample.top_ids() is not None:
        known.add("on_top")
    return frozenset(known)


class Shards:
    """Pictures of a folder that `gpnet generate` or `gpnet data convert` wrote."""

    note = ""

    def __init__(self, folder: Path, meshes: Path | None = None, name: str | None = None) -> None:
        """Open.

        Args:
            folder: with `index.json`.
            meshes: the folder of the user's meshes that the scenes were made with, if they were.
            name: for people; that of the folder if not given.

        Raises:
            BadInput: there is no such folder, or its index is wrong; see `Generated`.
        """
        self._data, self._meshes, self._folder = Generated(folder), meshes, folder
        self.name = name or folder.resolve().name

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each picture."""
        return self._data.names

    def __getitem__(self, index: int) -> Picture:
        """Read a picture, and the arrangement of its scene if it was simulated."""
        stored = self._data.scene(self._data.scenes[index])
        unit = self._data.index.arguments.get("mesh_unit")
        make = () if self._meshes is None else (_maker(self._meshes, unit),)
        return Picture(self._data[index], Arrangement.from_dict(stored, *make) if "objects" in stored else None)

    def told(self) -> frozenset[str]:
        """The metrics that the first picture can tell; see `Pictures`."""
        return _told(self[0])

    def content(self, most: int | None = None) -> str:
        """Sum of the index, which holds the sums of all shards, and of the user's meshes; see `Pictures`."""
        files = [] if self._meshes is None else sorted(p for p in self._meshes.iterdir() if p.is_file())
        return "-".join(file_sha256(file) for file in (self._folder / INDEX_FILE, *files))


class MadeTestSet:
    """A test set whose pictures are made when they are asked for, the same as in its shards."""

    def __init__(self, name: str) -> None:
        """Open the set; no picture is made yet."""
        stored = resources.files("gpnet_ros.sim.scenes") / "stored" / f"{name}.jsonl.gz"
        self.name, self._stored = name, hashlib.sha256(stored.read_bytes()).hexdigest()
        self.names = tuple(f"{name}-{number:04d}/view_0" for number in range(TEST_SET_SCENES))
        self.note = (
            f"{DATA / name} is not there: its pictures are made on the way, which takes seconds each; "
            f"to keep them: gpnet generate --test-set {name} --out {DATA / name}"
        )

    def __getitem__(self, index: int) -> Picture:
        """Make a picture, through the files that shards have, so that it is the same to the last bit."""
        scene = make_test_scene(self.name, index, SceneRecipe(size=TEST_SET_SIZE))
        files = {name.removeprefix("view_0/"): data for name, data in scene_files(scene).items()}
        return Picture(decode_sample(files, self.names[index]), scene.arrangement)

    def told(self) -> frozenset[str]:
        """Every metric there is; no picture is made to find that out."""
        return frozenset(METRICS)

    def content(self, most: int | None = None) -> str:
        """Sum of the stored scenes; what makes pictures of them is code. See `Pictures`."""
        return self._stored


class PublicSet:
    """Pictures of a public data set, as published; nothing can be executed there."""

    note = ""

    def __init__(self, source: str, root: Path, split: Path | None) -> None:
        """Open the set; see `open_data` for the arguments."""
        self._data: DataSet = open_data(source, root, split)
        self.name = source

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each picture."""
        return self._data.names

    def __getitem__(self, index: int) -> Picture:
        """Read a picture."""
        return Picture(self._data[index], None)

    def told(self) -> frozenset[str]:
        """The metrics that the first picture can tell; see `Pictures`."""
        return _told(self[0])

    def content(self, most: int | None = None) -> str:
        """Sum of the files of the first pictures, and of the code that reads them; see `Pictures`."""
        return f"{content_sum(self._data, most)}-{code_sum(type(self._data).__module__)}"


def open_pictures(
    data: str, source: str = "own", split: Path | None = None, meshes: Path | None = None, root: Path = DATA
) -> Pictures:
    """The pictures that `--data` and `--from` name.

    Args:
        data: a test set's name, or a folder.
        source: what a folder holds, a key of `data.loaders.sets.LOADERS`.
        split: of a public data set, file of the scenes to take.
        meshes: the user's meshes of the scenes in a folder of shards.
        root: where test sets are kept.

    Raises:
        BadInput: no such set or folder; or a kept test set that is not finished, or another one.
    """
    if source != "own":
        return PublicSet(source, Path(data), split)
    if split is not None:
        raise BadInput("--split needs --from with a public data set: shards of our own are judged whole.")
    if data not in TEST_SETS:
        folder = Path(data)
        if not folder.is_dir():
            raise BadInput(f"There is no data {data!r}: give a folder of shards, or one of {', '.join(TEST_SETS)}.")
        return Shards(folder, meshes)
    folder = root / data
    if not (folder / INDEX_FILE).is_file():
        return MadeTestSet(data)
    _check_is(data, folder, read_index(folder))
    return Shards(folder, name=data)


def refuse_graspless(pictures: Pictures, metric: Metric, most: int | None = None) -> None:
    """Refuse to judge by true grasps where no picture has one: every model would score 0 %.

    Reads pictures only until one has a true grasp, which is the first of any usual set.

    Args:
        pictures: the set.
        metric: what is asked; those that execute grasps need no true ones.
        most: only the first so many pictures are judged; all without.

    Raises:
        BadInput: there is no true grasp.
    """
    if metric not in _BY_RECTANGLES:
        return
    names = pictures.names[:most]
    for index in range(len(names)):
        sample = pictures[index].sample
        true = sample.top_rectangles() if metric.startswith("top") else sample.rectangles
        if true is not None and len(true):
            return
    raise BadInput(
        f"None of the {len(names)} pictures has a true grasp that --metric {metric} could compare with: look at the "
        "labels with gpnet data check, which says how many rectangles were left out and why, and give other data."
    )


def _check_is(name: str, folder: Path, index: Index) -> None:
    made: dict[str, Any] = index.arguments
    if made.get("test_set") != name or made.get("size") != list(TEST_SET_SIZE):
        wide, high = TEST_SET_SIZE
        raise BadInput(f"{folder} does not hold the test set {name} at {wide}x{high}: move it, or give its path.")
    if len(index.scenes) < TEST_SET_SCENES:
        raise BadInput(
            f"{folder} holds {len(index.scenes)} of the {TEST_SET_SCENES} scenes of {name}: go on with gpnet generate "
            f"--test-set {name} --out {folder} --resume, or judge what is there with --data {folder}/"
        )


@lru_cache(maxsize=1)
def _maker(meshes: Path, unit: str | None) -> Callable[..., Any]:
    from gpnet_ros.sim.objects.user_meshes import load_user_meshes

    return load_user_meshes(str(meshes), unit).make
