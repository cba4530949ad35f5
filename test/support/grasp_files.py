"""Small trees in the public formats of grasp data sets, written from the formats' descriptions, not by the loaders.

All show one thing: a dark bar on a bright table and the grasp across it, so that a test can ask the picture itself
whether an opening lies across the object.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT = 640, 480
TABLE, BAR = (205, 180, 150), (20, 60, 110)  # RGB


@dataclass(frozen=True)
class Bar:
    """A bar of 200x40 px; `turn` is how far its long side is turned from horizontal, clockwise as one sees it [deg]."""

    turn: float
    u: float = 300.0
    v: float = 250.0
    length: float = 200.0
    height: float = 40.0
    opening: float = 56.0
    jaw: float = 24.0

    def long_side(self) -> tuple[float, float]:
        """Direction of the long side (to the right, down) [px]."""
        return math.cos(math.radians(self.turn)), math.sin(math.radians(self.turn))

    def across(self) -> tuple[float, float]:
        """Direction across the bar, a quarter turn clockwise from the long side."""
        x, y = self.long_side()
        return -y, x

    def corners(self, first_along_opening: bool) -> list[tuple[float, float]]:
        """p0..p3 of the grasp, in order around it; p0 -> p1 runs along the opening or along the plate."""
        a, b = np.array(self.across()) * self.opening / 2, np.array(self.long_side()) * self.jaw / 2
        if not first_along_opening:
            a, b = b, a
        center = np.array([self.u, self.v])
        return [tuple(center + p) for p in (-a - b, a - b, a + b, -a + b)]

    def mask(self) -> np.ndarray:
        """(480, 640) bool, true on the bar."""
        v, u = np.mgrid[:HEIGHT, :WIDTH]
        along = (u - self.u) * self.long_side()[0] + (v - self.v) * self.long_side()[1]
        across = (u - self.u) * self.across()[0] + (v - self.v) * self.across()[1]
        return (abs(along) <= self.length / 2) & (abs(across) <= self.height / 2)

    def color(self) -> np.ndarray:
        """(480, 640, 3) uint8 RGB."""
        return np.where(self.mask()[..., None], BAR, TABLE).astype(np.uint8)


def write_image(path: Path, image: np.ndarray) -> None:
    """Write an image, colour as RGB, by its ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = image[..., ::-1] if image.ndim == 3 else image
    assert cv2.imwrite(str(path), np.ascontiguousarray(stored))


def write_text(path: Path, text: str) -> None:
    """Write text with the line ends that it has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def corner_lines(corners: list[tuple[float, float]], end: str = " \n") -> str:
    """Points "x y", one per line, with the trailing blanks that Cornell's files have."""
    return "".join(f"{x:.6g} {y:.6g}{end}" for x, y in corners)


def write_cornell(root: Path, bar: Bar, number: int = 100, folder: str = "01") -> None:
    """pcdNNNNr.png and pcdNNNNcpos.txt: the gripper's opening runs from the first point to the second."""
    stem = root / folder / f"pcd{number:04d}"
    write_image(Path(f"{stem}r.png"), bar.color())
    write_text(Path(f"{stem}cpos.txt"), corner_lines(bar.corners(first_along_opening=True)))


def write_jacquard(root: Path, bar: Bar, view: int = 0, name: str = "1a9fa4c269cf", end: str = "\r\n") -> None:
    """One view: x;y;theta;opening;jaw in pixels and degrees, y down, so theta turns clockwise as one sees it."""
    stem = f"{root / name}/{view}_{name}"
    write_image(Path(stem + "_RGB.png"), bar.color())
    write_image(Path(stem + "_mask.png"), bar.mask().astype(np.uint8) * 255)
    theta = math.degrees(math.atan2(bar.across()[1], bar.across()[0]))
    write_text(Path(stem + "_grasps.txt"), f"{bar.u};{bar.v};{theta:.4f};{bar.opening};{bar.jaw}{end}")


def write_ocid(root: Path, bar: Bar, sequence: str = "ARID20/table/top/seq01", name: str = "a1") -> None:
    """One picture of a sequence: the gripper's plate runs from the first point to the second."""
    folder = root / sequence
    write_image(folder / "rgb" / f"{name}.png", bar.color())
    write_text(folder / "Annotations" / f"{name}.txt", corner_lines(bar.corners(first_along_opening=False), "\n"))


def write_vmrd(root: Path, bar: Bar, name: str = "000001", index: int = 1) -> None:
    """One picture with one object: eight coordinates, opening first, the object's number, a flag."""
    write_image(root / "JPEGImages" / f"{name}.jpg", bar.color())
    numbers = [f"{value:.6g}" for point in bar.corners(first_along_opening=True) for value in point]
    write_text(root / "Grasps" / f"{name}.txt", " ".join([*numbers, str(index), "1"]) + "\n")
    write_text(root / "Annotations" / f"{name}.xml", f"<annotation>{vmrd_object(index)}</annotation>")


def vmrd_object(
    index: int,
    name: str = "Box",
    box: tuple[int, int, int, int] = (1, 1, 20, 10),
    father: tuple[int, ...] = (),
    children: tuple[int, ...] = (),
) -> str:
    """An object of VMRD's annotations."""
    kin = "".join(
        f"<{tag}>" + "".join(f"<num>{i}</num>" for i in numbers) + f"</{tag}>"
        for tag, numbers in (("father", father), ("children", children))
    )
    edges = "".join(f"<{key}>{value}</{key}>" for key, value in zip(("xmin", "ymin", "xmax", "ymax"), box))
    return f"<object><index>{index}</index><name>{name}</name><bndbox>{edges}</bndbox>{kin}</object>"
