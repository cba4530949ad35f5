"""A page of a PDF file with black rectangles and a few lines of text, in millimetres; nothing else is needed of PDF.

ISO 32000-1: one page, one content stream without compression, and the built-in font Helvetica.
"""

from __future__ import annotations

from collections.abc import Iterable

#: Points per millimetre.
_POINTS = 72.0 / 25.4


class PdfPage:
    """One page; x goes right and y down from its upper left corner [mm]."""

    def __init__(self, width: float, height: float) -> None:
        """An empty page of a size [mm]."""
        self.width, self.height = width, height
        self._drawn: list[str] = []

    def fill(self, boxes: Iterable[tuple[float, float, float, float]]) -> None:
        """Black rectangles of x, y, width and height [mm], as one path: no hair lines between neighbours."""
        paths = [
            f"{x * _POINTS:.4f} {(self.height - y - h) * _POINTS:.4f} {w * _POINTS:.4f} {h * _POINTS:.4f} re"
            for x, y, w, h in boxes
        ]
        self._drawn.append("0 g\n" + "\n".join(paths) + "\nf")

    def write(self, x: float, y: float, text: str, size: float = 3.0) -> None:
        """A line of text whose foot begins at x, y, of a size [mm]."""
        escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        place = f"{x * _POINTS:.3f} {(self.height - y) * _POINTS:.3f}"
        self._drawn.append(f"BT /F1 {size * _POINTS:.3f} Tf {place} Td ({escaped}) Tj ET")

    def data(self) -> bytes:
        """The whole file."""
        stream = "\n".join(self._drawn).encode("latin-1", "replace")
        box = f"[0 0 {self.width * _POINTS:.4f} {self.height * _POINTS:.4f}]"
        objects = [
            b"<< /Type /Catalog /Pages 2 0 R /ViewerPreferences << /PrintScaling /None >> >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            f"<< /Type /Page /Parent 2 0 R /MediaBox {box} /Contents 4 0 R ".encode()
            + b"/Resources << /Font << /F1 5 0 R >> >> >>",
            b"<< /Length %d >>\nstream\n" % len(stream) + stream + b"\nendstream",
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        ]
        out, places = b"%PDF-1.7\n", []
        for number, body in enumerate(objects, 1):
            places.append(len(out))
            out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
        table = b"".join(b"%010d 00000 n \n" % place for place in places)
        head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
        tail = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(out))
        return out + head + table + tail
