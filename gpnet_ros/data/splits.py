"""Which scenes of a data set are taken: split files, by scene, so that pictures of one scene are never torn apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gpnet_ros.errors import BadInput

#: Names of the files that `write_split` writes, the second only where scenes are kept to judge on while training.
SPLIT_FILES = ("train.txt", "val.txt", "test.txt")


def read_split(path: Path) -> frozenset[str]:
    """Scene names of a split file: one per line, blank lines and lines that begin with # are skipped.

    Raises:
        BadInput: not readable, or empty.
    """
    try:
        lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"Split file {path} cannot be read ({error}): give a text file of scene names.") from error
    names = frozenset(line for line in lines if line and not line.startswith("#"))
    if not names:
        raise BadInput(f"Split file {path} names no scene: write one scene per line.")
    return names


def split_scenes(scenes: tuple[str, ...], share: float, seed: int = 0) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Two disjoint sets of scenes, the second with about `share` of them; frames of a scene stay together.

    Raises:
        BadInput: one of them would be empty.
    """
    distinct = sorted(set(scenes))
    count = round(share * len(distinct))
    if not 0 < count < len(distinct):
        raise BadInput(f"A share of {share} of {len(distinct)} scenes leaves one part empty: choose another share.")
    second = set(np.random.default_rng(seed).permutation(distinct)[:count].tolist())
    return tuple(s for s in distinct if s not in second), tuple(s for s in distinct if s in second)


def keep_split(scenes: tuple[str, ...], split: Path | None) -> list[int]:
    """Indices of the samples whose scene the split file names; all without a file.

    Raises:
        BadInput: the file cannot be read, or names a scene that is not there.
    """
    if split is None:
        return list(range(len(scenes)))
    wanted = read_split(split)
    unknown = wanted - set(scenes)
    if unknown:
        raise BadInput(
            f"Split file {split} names the scene '{min(unknown)}', which is not in this data set: "
            "use the split file of this very data set."
        )
    return [index for index, scene in enumerate(scenes) if scene in wanted]


def write_split(
    folder: Path, scenes: tuple[str, ...], share: float, seed: int, title: str, judged: float = 0.0
) -> tuple[tuple[Path, int], ...]:
    """Write the two parts of `split_scenes`, or three, as `SPLIT_FILES`.

    Args:
        folder: where they go, made if missing.
        scenes: scene of each sample.
        share: share of the scenes for testing, in (0, 1).
        seed: another choice for another seed.
        title: what is split, for the first line of the files.
        judged: share of the scenes for judging while training, in [0, 1): none, and no file, if 0.

    Returns:
        Path and number of scenes of each file.

    Raises:
        BadInput: a file is there already, one part would be empty, or a name cannot stand on a line.
    """
    learned, tested = split_scenes(scenes, share, seed)
    parts = {"train.txt": learned, "test.txt": tested}
    if judged > 0:
        learned, kept = split_scenes(learned, judged / (1.0 - share), seed)
        parts = {"train.txt": learned, "val.txt": kept, "test.txt": tested}
    paths = [folder / name for name in SPLIT_FILES]
    there = [path for path in paths if path.exists()]
    if there:
        raise BadInput(f"{there[0]} is there already: a split must not change under a trained model; choose another.")
    unwritable = [scene for scene in scenes if scene != scene.strip() or scene.startswith("#") or not scene]
    if unwritable:
        raise BadInput(f"The scene name {unwritable[0]!r} cannot stand on a line of a split file: rename the scene.")
    folder.mkdir(parents=True, exist_ok=True)
    shares = f"share {share}" + (f", val {judged}" if judged > 0 else "")
    for name, part in parts.items():
        head = f"# {len(part)} scenes of {title}, {shares}, seed {seed}"
        (folder / name).write_text("\n".join([head, *part, ""]), encoding="utf-8")
    return tuple((folder / name, len(part)) for name, part in parts.items())
