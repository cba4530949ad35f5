"""Reading other people's HDF5 files: no link is followed out of the file, sizes are checked before memory is asked for.

As `reading`: BadInput with one sentence that names the file.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.loaders.reading import ARRAY_BYTES_MAX, FILE_BYTES_MAX
from gpnet_ros.errors import BadInput


def read_hdf5(path: Path, names: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Numeric arrays of an HDF5 file, of any shape, by their path in it such as "camera/pose".

    Of `names` those that are in the file are read.

    Raises:
        BadInput: not an HDF5 file, cut off, or an array is a link, lies in another file, holds no plain numbers or
            is too large.
    """
    if not Path(path).is_file():
        raise BadInput(f"{path} is missing: the data set is not complete; unpack it again.")
    if Path(path).stat().st_size > FILE_BYTES_MAX:
        raise BadInput(f"{path} has more than {FILE_BYTES_MAX} bytes: it is not what it claims to be.")
    try:
        with h5py.File(path, "r", locking=False) as file:
            return {name: array for name in names if (array := _array(file, name, path)) is not None}
    except (OSError, RuntimeError, ValueError, TypeError, KeyError) as error:  # what HDF5 makes of damaged files
        raise BadInput(f"{path} is not a whole HDF5 file ({error}): unpack the data set again.") from error


def _array(file: h5py.File, name: str, path: Path) -> NDArray[Any] | None:
    node: Any = file
    for part in name.split("/"):
        if not isinstance(node, h5py.Group) or part not in node:
            return None
        if not isinstance(node.get(part, getlink=True), h5py.HardLink):
            raise BadInput(f"{path} has a link at {name}, which may lead out of the file: it is refused.")
        node = node[part]
    if not isinstance(node, h5py.Dataset):
        return None
    if node.is_virtual or node.external:
        raise BadInput(f"{path} keeps {name} in another file, which data sets have no need of: it is refused.")
    if node.shape is None or node.dtype.kind not in "biuf":
        raise BadInput(f"{path} holds {node.dtype} at {name}, but plain numbers belong there: check the file.")
    if math.prod(node.shape) * node.dtype.itemsize > ARRAY_BYTES_MAX:
        raise BadInput(f"{path} claims an array of shape {node.shape} at {name}, which is absurd: it is damaged.")
    return np.asarray(node[()])
