"""Make training data: simulated heaps with pictures, exact depth and dense grasp labels.

Writes shards of pictures to a folder. A shard is written whole, so an interrupted run continues with --resume.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gpnet_ros.data.shards import Record, record, shard_path, write_shard
from gpnet_ros.errors import BadInput

#: Pictures of each heap: a heap costs as much as two pictures of it.
VIEWS_PER_HEAP = 2
#: Heaps of one --seed; those of the next seed begin after them.
HEAPS_PER_SEED = 1_000_000

Job = tuple[Path, int, int, str]  # shard, first scene, one after the last, kind


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet generate`."""
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--scenes", type=int, default=2000, help="number of pictures (default 2000)")
    parser.add_argument("--seed", type=int, default=1, help="other heaps for another seed (train and val need two)")
    parser.add_argument("--kind", choices=("mixed", "stack", "drop"), default="mixed", help="how heaps are made")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one per core)")
    parser.add_argument("--shard", type=int, default=100, help="pictures per shard (default 100)")
    parser.add_argument("--resume", action="store_true", help="keep finished shards and make the missing ones")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")


def run(args: argparse.Namespace) -> int:
    """Run `gpnet generate`."""
    for name, low in (("scenes", 1), ("workers", 1), ("shard", 1), ("seed", 0)):
        if getattr(args, name) < low:
            raise BadInput(f"--{name} is {getattr(args, name)}; it must be {low} or more.")
    if args.out.exists() and any(args.out.glob("shard_*.npz")) and not args.resume:
        raise BadInput(f"{args.out} already holds shards; add --resume to continue, or choose another folder.")
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"--out {args.out} cannot be written ({error.strerror}); choose another folder.") from error
    jobs = [job for job in _jobs(args) if not job[0].exists()]
    started = time.monotonic()
    made = 0
    os.environ["OMP_NUM_THREADS"] = "1"  # the workers share the cores, read when they start
    total = sum(last - first for _, first, last, _ in jobs)
    with tqdm(total=total, unit="scene", desc=str(args.out), smoothing=0) as bar:
        for count in _results(jobs, args.workers):
            made += count
            bar.update(count)
    seconds = time.monotonic() - started
    rate = made / seconds if made else 0.0
    print(f"{made} scenes made in {seconds:.0f} s ({rate:.2f} per second); {args.out} holds {args.scenes}.")
    if args.json:
        result: dict[str, Any] = {"out": str(args.out), "scenes": args.scenes, "made": made}
        print(json.dumps({**result, "seconds": round(seconds, 1), "scenes_per_second": round(rate, 3)}))
    return 0


def _jobs(args: argparse.Namespace) -> Iterator[Job]:
    base = args.seed * HEAPS_PER_SEED * VIEWS_PER_HEAP
    for number, first in enumerate(range(0, args.scenes, args.shard)):
        last = min(first + args.shard, args.scenes)
        yield shard_path(args.out, number), base + first, base + last, args.kind


def _results(jobs: list[Job], workers: int) -> Iterator[int]:
    """Number of scenes of each finished job, as they finish."""
    if min(workers, len(jobs)) <= 1:
        yield from map(make_shard, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(min(workers, len(jobs))) as pool:
        yield from pool.imap_unordered(make_shard, jobs)


def make_shard(job: Job) -> int:
    """Make and write one shard; returns its number of scenes."""
    import cv2

    cv2.setNumThreads(1)
    path, first, last, kind = job
    write_shard(path, [make_record(number, kind) for number in range(first, last)])
    return last - first


def make_record(number: int, kind: str) -> Record:
    """Record of the scene `number`; numbers that share a heap are neighbours."""
    from gpnet_ros.sim.scene import make_scene

    heap_seed, view = divmod(number, VIEWS_PER_HEAP)
    scene = make_scene(heap_seed, kind, view)  # type: ignore[arg-type]
    k = scene.intrinsics
    meta = {
        "heap_seed": heap_seed,
        "view": view,
        "heap": scene.heap.to_dict(),
        "layer": scene.layer.tolist(),
        "top_level": scene.relations.top_level.tolist(),
        "supports": scene.relations.supports.astype(int).tolist(),
        "camera": {"fx": k.fx, "fy": k.fy, "cx": k.cx, "cy": k.cy},
        "T_base_camera": scene.T_base_camera.tolist(),
    }
    labels = scene.labels
    return record(scene.view.color, scene.view.depth, labels.ids, labels.quality, labels.angle, labels.opening, meta)
