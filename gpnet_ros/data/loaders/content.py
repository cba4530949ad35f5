"""Whether two copies of a data set are the same: a sum over the files that its pictures are read from."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from gpnet_ros.data.loaders.reading import opened
from gpnet_ros.data.sample import DataSet


def content_sum(data: DataSet, most: int | None = None) -> str:
    """SHA-256, in hexadecimal digits, over all that the first `most` pictures of a data set say; all without `most`.

    It covers names and scenes of the pictures, and names and bytes of their files. Where the folder lies does not
    matter, nor when it was written. A file of several pictures is read once, and nothing is decoded.

    Raises:
        BadInput: a file cannot be read; names it.
    """
    whole, sums = hashlib.sha256(), dict[Path, str]()
    for index, about in list(enumerate(zip(data.names, data.scenes, strict=True)))[:most]:
        files = [path for path in data.files(index) if path.is_file()]
        for path in files:
            if path not in sums:
                with opened(path, sys.maxsize) as file:
                    sums[path] = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(json.dumps([*about, [(path.name, sums[path]) for path in files]]).encode())
    return whole.hexdigest()
