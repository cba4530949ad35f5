"""A small copy of each public data set, written in its format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from support import graspnet_files, metagraspnet_files, regrad_files
from support.grasp_files import HEIGHT, WIDTH, Bar, write_cornell, write_image, write_jacquard, write_ocid, write_vmrd


def cornell(root: Path) -> None:
    write_cornell(root, Bar(25.0))
    (root / "z.txt").write_text("100 12 mug\n")


def ocid(root: Path) -> None:
    write_ocid(root, Bar(0.0))
    sequence = root / "ARID20/table/top/seq01"
    for kind in ("depth", "label"):
        write_image(sequence / kind / "a1.png", np.full((HEIGHT, WIDTH), 3, dtype=np.uint16))


def graspnet(root: Path) -> None:
    camera = graspnet_files.write_scene(root) / "realsense"
    np.save(camera / "cam0_wrt_table.npy", np.eye(4))
    np.save(camera / "camera_poses.npy", np.eye(4)[None])


def regrad(root: Path) -> None:
    regrad_files.write_v1(root / "train")
    regrad_files.write_v2(root / "seen_test")
    grasps = root / "2D_Grasp" / "train" / "00001" / "1" / "1.json"
    regrad_files.write_grasps(grasps, [regrad_files.item(regrad_files.wide())])


def metagraspnet(root: Path) -> None:
    metagraspnet_files.write_sim(root)
    metagraspnet_files.write_real(root)


SETS: dict[str, Callable[[Path], None]] = {
    "cornell": cornell,
    "jacquard": lambda root: write_jacquard(root, Bar(0.0)),
    "ocid": ocid,
    "vmrd": lambda root: write_vmrd(root, Bar(0.0)),
    "graspnet": graspnet,
    "regrad": regrad,
    "metagraspnet": metagraspnet,
}
