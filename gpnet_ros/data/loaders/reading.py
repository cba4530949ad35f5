"""Reading other people's files: sizes are checked before memory is asked for, and nothing is ever unpickled.

Every function raises BadInput with one sentence that names the file. Loaders use these and nothing else to read.
"""

from __future__ import annotations

import json
import math
import os
import stat
import zipfile
import zlib
from collections.abc import Iterable
from io import BufferedReader, BytesIO
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any
from xml.etree import ElementTree

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.loaders.image_header import check_complete, read_header
from gpnet_ros.errors import BadInput

FILE_BYTES_MAX = 512 * 2**20
TEXT_BYTES_MAX = 64 * 2**20
PIXELS_MAX = 50_000_000  # the largest public pictures of grasp data have 2.3 million
ARRAY_BYTES_MAX = 1024 * 2**20
MILLIMETRE = 1e-3  # of depth and points that a data set stores so [m]


def below(root: Path, name: str) -> Path:
    """Path of a file that another file (a split, an annotation) names, relative to `root`.

    Raises:
        BadInput: the name is absolute, climbs with "..", or a link leads out of `root`.
    """
    clean = name.strip().replace("\\", "/")
    path = Path(root) / clean
    outside = not clean or "\0" in clean or clean.startswith("/") or ":" in clean.split("/")[0]
    if outside or ".." in clean.split("/") or not path.resolve().is_relative_to(Path(root).resolve()):
        raise BadInput(f"The name {name!r} leads out of {root}: names in a data set must stay below its folder.")
    return path


def found_in(folder: Path) -> str:
    """Words that tell what a folder holds, for the sentence that says why it is the wrong one."""
    folder = Path(folder)
    if not folder.is_dir():
        return "it is no folder" if folder.exists() else "it does not exist"
    names = sorted(entry.name for entry in os.scandir(folder))
    if not names:
        return "it is empty"
    return f"it holds {', '.join(names[:5])}" + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def read_bytes(path: Path, limit: int = FILE_BYTES_MAX) -> bytes:
    """Content of a regular file of at most `limit` bytes."""
    with opened(path, limit) as file:
        return file.read()


def opened(path: Path, limit: int = FILE_BYTES_MAX) -> BufferedReader:
    """A regular file of at most `limit` bytes, open for reading, for parsers that seek; close it."""
    try:
        about = os.stat(path)
        if not stat.S_ISREG(about.st_mode):  # a pipe would block for ever
            raise BadInput(f"{path} is not a regular file: the data set is damaged; unpack it again.")
        if about.st_size > limit:
            raise BadInput(
                f"{path} has {about.st_size} bytes, at most {limit} are read: it is not what it claims to be."
            )
        return Path(path).open("rb")
    except FileNotFoundError as error:
        raise BadInput(f"{path} is missing: the data set is not complete; unpack it again.") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}): check the file and its permissions.") from error


def read_text(path: Path, limit: int = TEXT_BYTES_MAX) -> str:
    """Content of a text file: UTF-8 with or without byte order mark, else Latin-1; any line ends become newlines."""
    data = read_bytes(path, limit)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_lines(path: Path) -> list[str]:
    """Lines of a text file without surrounding spaces, blank ones left out; the last may lack its newline."""
    return [line for line in (raw.strip() for raw in read_text(path).split("\n")) if line]


def read_json(path: Path) -> Any:
    """Content of a JSON file, parsed."""
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is not JSON ({error}): the file is damaged; unpack the data set again.") from error


def read_xml(path: Path) -> ElementTree.Element:
    """Root of an XML file; document types are refused, since entities can expand without bound or name other files."""
    text = read_text(path)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise BadInput(f"{path} declares a document type, which annotations do not need: it is refused; remove it.")
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        raise BadInput(f"{path} is not XML ({error}): the file is damaged; unpack the data set again.") from error


def read_color(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of a PNG, JPEG or TIFF, as its pixels are stored: annotations do not know EXIF turns."""
    bgr = _decoded(path, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def read_plane(path: Path) -> NDArray[Any]:
    """(H, W) values of an image with one channel, as stored: depth in some unit, or ids.

    An image with equal channels is taken as one; differing ones are refused.
    """
    image = _decoded(path, cv2.IMREAD_UNCHANGED)
    if image.ndim == 3:
        if (image[..., :3] != image[..., :1]).any():
            raise BadInput(f"{path} is a colour picture, but values in one channel belong there: check the file.")
        image = image[..., 0]
    return image


def read_ids(path: Path) -> NDArray[np.int32]:
    """(H, W) int32 ids of an image of whole numbers."""
    plane = read_plane(path)
    if not np.issubdtype(plane.dtype, np.integer):
        raise BadInput(f"{path} holds {plane.dtype} values, but ids are whole numbers: check the file.")
    return plane.astype(np.int32)


def metres(raw: NDArray[Any], unit: float) -> NDArray[np.float32]:
    """Depth [m] of stored depth in `unit` [m]; NaN where the camera saw nothing, which files say by 0, -1 or NaN."""
    with np.errstate(invalid="ignore"):
        depth = np.asarray(raw * np.float64(unit), dtype=np.float32)
        depth[~(np.isfinite(depth) & (depth > 0))] = np.nan
    return depth


def read_depth(path: Path, unit: float) -> NDArray[np.float32]:
    """(H, W) float32 depth [m], NaN where unknown, of an image that stores it in `unit` [m]."""
    return metres(read_plane(path), unit)


def check_size(path: Path, shape: tuple[int, ...], picture: tuple[int, ...]) -> None:
    """Refuse depth or masks whose (height, width) is not that of their picture."""
    if shape[:2] != picture[:2]:
        raise BadInput(
            f"{path} has {shape[1]}x{shape[0]} pixels, its picture has {picture[1]}x{picture[0]}: they do not belong "
            "together; unpack the data set again."
        )


def read_pair(color: Path, depth: Path, unit: float) -> tuple[NDArray[np.uint8] | None, NDArray[np.float32] | None]:
    """Colour (H, W, 3) RGB and depth (H, W) [m], NaN where unknown, each None if its file is not there.

    Args:
        color: file of the colour picture.
        depth: file of the depth.
        unit: in which depth is stored [m].
    """
    rgb = read_color(color) if color.is_file() else None
    z = read_depth(depth, unit) if depth.is_file() else None
    if rgb is not None and z is not None and rgb.shape[:2] != z.shape:
        raise BadInput(f"{depth} is of another size than {color}: the data set is damaged; unpack it again.")
    return rgb, z


def read_npy(path: Path) -> NDArray[Any]:
    """The array of a .npy file, of any shape; pickled objects are refused."""
    data = read_bytes(path, ARRAY_BYTES_MAX)
    return _array(BytesIO(data), len(data), str(path))


def read_npz(path: Path, names: Iterable[str] | None = None) -> dict[str, NDArray[Any]]:
    """Arrays of a .npz file, of any shape, by name: those of `names` that are in it, or all; others are not touched."""
    wanted = None if names is None else set(names)
    arrays: dict[str, NDArray[Any]] = {}
    try:
        with opened(path, ARRAY_BYTES_MAX) as source, zipfile.ZipFile(source) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            members = {name: info for name, info in members.items() if wanted is None or name in wanted}
            total = sum(info.file_size for info in members.values())
            if total > ARRAY_BYTES_MAX:
                raise BadInput(f"{path} unpacks to {total} bytes, at most {ARRAY_BYTES_MAX} are read: it is damaged.")
            for name, info in members.items():
                with archive.open(info) as file:
                    arrays[name] = _array(file, info.file_size, f"{path} ({name})")
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise BadInput(f"{path} is not a whole .npz file ({error}): unpack the data set again.") from error
    return arrays


def decode_image(data: bytes, name: str, flags: int, pixels_max: int = PIXELS_MAX) -> NDArray[Any]:
    """Pixels of an encoded picture; its declared size is checked before memory is asked for.

    Args:
        data: the whole file.
        name: of the file, for the sentence that says what is wrong with it.
        flags: of cv2.imdecode.
        pixels_max: most pixels that it may claim to have.
    """
    unusable = f"The picture {name} is not usable ({{}}): unpack the data set again."
    try:
        header = read_header(data)
    except ValueError as error:
        raise BadInput(unusable.format(error)) from error
    width, height = header.size
    if width * height > pixels_max:
        raise BadInput(
            f"The picture {name} claims {width}x{height} pixels, at most {pixels_max} belong there: it is damaged."
        )
    try:
        check_complete(header)
    except ValueError as error:
        raise BadInput(unusable.format(error)) from error
    try:
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flags)
    except cv2.error:
        image = None
    if image is None or image.shape[:2] != (height, width):
        raise BadInput(f"The picture {name} cannot be decoded: it is damaged; unpack the data set again.")
    return image


def _decoded(path: Path, flags: int) -> NDArray[Any]:
    return decode_image(read_bytes(path), str(path), flags)


def _array(file: IO[bytes], size: int, name: str) -> NDArray[Any]:
    try:
        version = np.lib.format.read_magic(file)
        header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, _, dtype = header(file)
    except (ValueError, KeyError, EOFError, SyntaxError, TokenError, RecursionError) as error:
        raise BadInput(f"{name} is not a NumPy array file ({error}): unpack the data set again.") from error
    if dtype.hasobject:
        raise BadInput(f"{name} holds pickled Python objects, which can run code: it is refused; store plain numbers.")
    nbytes = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or nbytes > ARRAY_BYTES_MAX or nbytes != size - file.tell():
        raise BadInput(f"{name} claims an array of shape {shape}, which its {size} bytes do not hold: it is damaged.")
    file.seek(0)
    try:
        return np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise BadInput(f"{name} cannot be read ({error}): it is damaged; unpack the data set again.") from error
