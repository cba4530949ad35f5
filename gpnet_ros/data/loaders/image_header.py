"""What an image file declares about itself, read before anything is decoded, and whether it is whole.

OpenCV allocates what a header asks for, and returns a half grey picture for a truncated one; a data set's files are
somebody else's, so Pillow checks their size and their end first. Its pixels are not used: decoders may differ.
"""

from __future__ import annotations

import warnings
from io import BytesIO

from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

#: Readers by the first bytes of a file. `PIL.Image.open` would try formats that no data set needs.
_READERS: dict[bytes, type[ImageFile]] = {
    b"\x89PNG\r\n\x1a\n": PngImageFile,
    b"\xff\xd8": JpegImageFile,
    b"II*\0": TiffImageFile,
    b"MM\0*": TiffImageFile,
}


def read_header(data: bytes) -> ImageFile:
    """A PNG, JPEG or TIFF of which nothing but the header was read; its `size` is width and height [px].

    Raises:
        ValueError: another format, or the file ends before its header does; the message says which.
    """
    reader = next((reader for start, reader in _READERS.items() if data.startswith(start)), None)
    if reader is None:
        raise ValueError("it is neither PNG, JPEG nor TIFF" if data else "it is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damage that is not in the way
            return reader(BytesIO(data))
    except Exception as error:  # whatever Pillow makes of damaged files
        raise ValueError("its header is damaged, cut off or without a size") from error


def check_complete(picture: ImageFile) -> None:
    """Refuse a picture that ends too early or, if it is a PNG, has a wrong checksum.

    JPEG and TIFF have no checksums: to find their end they are decoded, so look at `size` first.

    Raises:
        ValueError: what is wrong.
    """
    is_png = isinstance(picture, PngImageFile)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture.verify() if is_png else picture.load()
    except Exception as error:  # whatever Pillow makes of damaged files
        checksum = is_png and "broken" in str(error)
        raise ValueError("a checksum in it is wrong" if checksum else "it is cut off") from error
