"""What an image file declares about itself, read before anything is decoded.

OpenCV allocates what a header asks for, and returns a half grey picture for a truncated one; a data set's files are
somebody else's, so their size and their end are checked first.
"""

from __future__ import annotations

import struct
import zlib

_PNG = b"\x89PNG\r\n\x1a\n"
_TIFF = {b"II*\0": "<", b"MM\0*": ">"}
_WIDTH, _HEIGHT, _STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES = 256, 257, 273, 279, 324, 325
_TIFF_READ = (_WIDTH, _HEIGHT, _STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES)
_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_JPEG_BARE = frozenset((0x01, *range(0xD0, 0xD8)))  # markers without a length
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def declared_size(data: bytes) -> tuple[int, int]:
    """Width and height [px] of a complete PNG, JPEG or TIFF file.

    Sources: PNG (ISO 15948) chunks and their checksums, JPEG (ITU-T T.81) markers up to the end of image, TIFF 6.0
    first directory.

    Raises:
        ValueError: another format, or the file ends before its picture does; the message says which.
    """
    try:
        if data.startswith(_PNG):
            return _png(data)
        if data.startswith(b"\xff\xd8"):
            return _jpeg(data)
        if data[:4] in _TIFF:
            return _tiff(data, _TIFF[data[:4]])
    except (struct.error, IndexError) as error:
        raise ValueError("it is cut off") from error
    raise ValueError("it is empty" if not data else "it is neither PNG, JPEG nor TIFF")


def _png(data: bytes) -> tuple[int, int]:
    position, size = len(_PNG), (0, 0)
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            break
        (checksum,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(memoryview(data)[position + 4 : end - 4]) != checksum:
            raise ValueError("a checksum in it is wrong")
        if kind == b"IHDR":
            size = struct.unpack_from(">II", data, position + 8)
        if kind == b"IEND":
            return size
        position = end
    raise ValueError("it is cut off")


def _jpeg(data: bytes) -> tuple[int, int]:
    position, size = 2, (0, 0)
    while True:
        if data[position] != 0xFF:
            raise ValueError("its markers are damaged")
        marker = data[position + 1]
        if marker == 0xFF:  # padding
            position += 1
            continue
        position += 2
        if marker in _JPEG_BARE:
            continue
        (length,) = struct.unpack_from(">H", data, position)
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, position + 3)
            size = (width, height)
        position += length
        if marker == 0xDA:
            # In the scan every 0xFF of the picture is followed by 0, so this is the end of image and nothing else;
            # the end of an embedded thumbnail lies in a segment before.
            if data.find(b"\xff\xd9", position) < 0:
                raise ValueError("it is cut off")
            return size


def _tiff(data: bytes, order: str) -> tuple[int, int]:
    (directory,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, directory)
    tags: dict[int, tuple[int, ...]] = {}
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind, n = struct.unpack_from(order + "HHI", data, entry)
        size = _TIFF_SIZES.get(kind, 1) * n
        start = entry + 8 if size <= 4 else struct.unpack_from(order + "I", data, entry + 8)[0]
        if start + size > len(data):
            raise ValueError("it is cut off")
        if tag in _TIFF_READ and kind in (3, 4):
            tags[tag] = struct.unpack_from(order + str(n) + ("H" if kind == 3 else "I"), data, start)
    if not all(tags.get(tag) for tag in (_WIDTH, _HEIGHT)):
        raise ValueError("its directory lacks width or height")
    starts = tags.get(_STRIPS, ()) + tags.get(_TILES, ())
    sizes = tags.get(_STRIP_BYTES, ()) + tags.get(_TILE_BYTES, ())
    if not starts or any(start + size > len(data) for start, size in zip(starts, sizes)):
        raise ValueError("it is cut off")
    return tags[_WIDTH][0], tags[_HEIGHT][0]
