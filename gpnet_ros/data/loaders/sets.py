"""The data sets that `gpnet data` reads, by the names that the user types."""

from __future__ import annotations

import importlib
from pathlib import Path

from gpnet_ros.data.sample import DataSet
from gpnet_ros.errors import BadInput

#: Name -> module of `gpnet_ros.data` and class in it. Imported only when it is asked for.
LOADERS: dict[str, tuple[str, str]] = {
    "own": ("shards.generated", "Generated"),
    "regrad": ("loaders.regrad.regrad", "Regrad"),
    "vmrd": ("loaders.vmrd", "Vmrd"),
    "cornell": ("loaders.cornell.cornell", "Cornell"),
    "jacquard": ("loaders.jacquard", "Jacquard"),
    "ocid": ("loaders.ocid", "Ocid"),
    "metagraspnet": ("loaders.metagraspnet.metagraspnet", "MetaGraspNet"),
    "graspnet": ("loaders.graspnet", "GraspNet"),
}


def open_data(source: str, root: Path, split: Path | None = None) -> DataSet:
    """The data set in a folder.

    Args:
        source: a key of `LOADERS`.
        root: the folder as published.
        split: file of scene names; all scenes without it.

    Raises:
        BadInput: the folder is not there, is empty for this loader, or the split does not fit.
    """
    if not root.is_dir():
        raise BadInput(f"There is no folder {root}: give the folder of the data set.")
    module, name = LOADERS[source]
    data: DataSet = getattr(importlib.import_module(f"gpnet_ros.data.{module}"), name)(root, split)
    if len(data) == 0:
        raise BadInput(f"There is no picture in {root} (read as {source}): check the folder and --from.")
    return data
