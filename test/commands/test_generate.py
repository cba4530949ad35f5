"""`gpnet generate`: the same bytes from any workers, through kill -9, and one sentence for whatever goes wrong."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.fake_scenes import FakeMaker, scene_name
from support.generate_runs import SCENES, arguments, run_fake

from gpnet_ros import workers as executors
from gpnet_ros.cli import main
from gpnet_ros.commands import generate
from gpnet_ros.data.sample import samples
from gpnet_ros.data.shards.generated import Generated
from gpnet_ros.data.shards.index import read_index
from gpnet_ros.errors import BadInput, GpnetError
from gpnet_ros.sim.objects.user_meshes import load_user_meshes
from gpnet_ros.workers import WorkerLost, in_processes

DEADLINE = 240.0


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def wait_for(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """The process runs; a zombie has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generate") / "whole"
    assert run_fake(folder, "--workers", "1") == 0
    return folder


def test_the_number_of_workers_does_not_show(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_fake(tmp_path / "a", "--workers", "3", "--json") == 0
    assert content(tmp_path / "a") == content(whole)
    report = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert (report["scenes"], report["made"], report["shards"], report["views"]) == (SCENES, SCENES, 3, 2 * SCENES)
    assert report["bytes"] == sum(shard.bytes for shard in read_index(whole).shards)


def test_a_finished_folder_is_resumed_without_work(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = content(whole)
    assert run_fake(whole, "--resume", "--json", maker=FakeMaker(0, "fail")) == 0
    assert json.loads(capsys.readouterr().out.strip().splitlines()[-1])["made"] == 0
    assert content(whole) == before
    with pytest.raises(BadInput, match="--resume"):
        run_fake(whole)


RUN = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from support.fake_scenes import FakeMaker
from support.generate_runs import run_fake
if __name__ == "__main__":
    maker = FakeMaker({at}, "wait", Path({until!r}))
    run_fake(Path({out!r}), "--workers", "2", *sys.argv[1:], maker=maker)
"""


@pytest.mark.parametrize("group", [True, False], ids=["the whole group", "only the parent"])
def test_kill_9_leaves_no_orphan_and_resume_gives_the_same_bytes(whole: Path, tmp_path: Path, group: bool) -> None:
    out, until = tmp_path / "out", tmp_path / "go"
    script = tmp_path / "run.py"
    script.write_text(RUN.format(tests=str(Path(__file__).parents[1]), at=4, until=str(until), out=str(out)))
    process = subprocess.Popen([sys.executable, str(script)], start_new_session=True, stderr=subprocess.DEVNULL)
    workers: list[int] = []
    try:
        wait_for(lambda: len(list(tmp_path.glob("waiting_*"))) == 2, "both workers in the middle of a scene")
        wait_for(lambda: read_index(out).scenes and list(out.glob(".parts/*.zip")), "a shard and a part")
        workers = [int(path.name.split("_")[1]) for path in tmp_path.glob("waiting_*")]
        assert all(alive(pid) for pid in workers)
        if group:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait(DEADLINE)
        wait_for(lambda: not any(alive(pid) for pid in workers), "the end of the workers")
    finally:
        until.touch()
        for pid in [process.pid, *workers]:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
    assert set(Generated(out).scenes) == {scene_name(k) for k in range(3)}
    kept = (out / "shard_00000.zip").stat().st_mtime_ns
    with pytest.raises(BadInput, match="--resume"):
        run_fake(out)
    assert run_fake(out, "--resume", "--workers", "2") == 0
    assert (out / "shard_00000.zip").stat().st_mtime_ns == kept  # not made a second time
    assert content(out) == content(whole)


@pytest.mark.parametrize(
    ("trouble", "kind", "words"),
    [
        ("refuse", BadInput, "The folder of meshes is empty"),
        ("fail", GpnetError, "Scene 4 .*a defect"),
        ("die", WorkerLost, r"scene 4 \(exit status 3\).*--resume"),
        ("kill", WorkerLost, r"scene 4 \(signal 9, perhaps .* memory\).*--resume"),
    ],
)
def test_trouble_of_a_worker_is_one_sentence_and_resumable(
    whole: Path, tmp_path: Path, trouble: str, kind: type[GpnetError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        run_fake(tmp_path / "a", "--workers", "1", maker=FakeMaker(4, trouble))
    assert set(Generated(tmp_path / "a").scenes) == {scene_name(k) for k in range(3)}
    assert run_fake(tmp_path / "a", "--resume", "--workers", "1") == 0
    assert content(tmp_path / "a") == content(whole)


def test_bad_input_at_the_first_scene_leaves_the_folder_free(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="meshes"):
        run_fake(tmp_path / "a", "--workers", "1", maker=FakeMaker(0, "refuse"))
    assert run_fake(tmp_path / "a", "--workers", "1") == 0
    assert content(tmp_path / "a") == content(whole)


def test_workers_wait_for_whoever_writes() -> None:
    """However slow the disk, there are no more answers in memory than workers."""
    taken: list[int] = []

    def numbers() -> object:
        for number in range(50):
            taken.append(number)
            yield number

    made = in_processes(FakeMaker(), numbers(), 2)  # type: ignore[arg-type]
    next(made)
    assert len(taken) == 3
    made.close()  # type: ignore[attr-defined]
    assert len(taken) == 3


def test_workers_have_one_thread_each_and_the_parent_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    [(_, told)] = in_processes(environment, [0], 1)
    assert (told["OMP_NUM_THREADS"], told["MKL_NUM_THREADS"], told["cv2"]) == (b"1", b"1", b"1")
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


def environment(number: int) -> dict[str, bytes]:
    import cv2

    told = {key: os.environ.get(key, "").encode() for key in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    return told | {"cv2": str(cv2.getNumThreads()).encode()}


def test_a_full_disk_ends_the_run_and_its_workers(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    original = executors._start

    def noted(make: executors.Maker) -> object:
        connection, process = original(make)
        started.append(process.pid or 0)
        return connection, process

    monkeypatch.setattr(executors, "_start", noted)
    original_open = Path.open

    def opened(path: Path, mode: str = "r", *args: object) -> object:
        """The part of scene 4 goes to a disk without room."""
        full = "w" in mode and path.name.startswith(".0000004")
        return original_open(Path("/dev/full") if full else path, mode, *args)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(BadInput, match="No space left on device"):
        run_fake(tmp_path / "a", "--workers", "1")
    monkeypatch.undo()
    assert started
    assert not any(alive(pid) for pid in started)
    assert set(Generated(tmp_path / "a").scenes) == {scene_name(k) for k in range(3)}
    assert run_fake(tmp_path / "a", "--resume", "--workers", "1") == 0
    assert content(tmp_path / "a") == content(whole)


needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is an optional extra")


@needs_ray
def test_ray_gives_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(RUN.format(tests=str(Path(__file__).parents[1]), at=-1, until="x", out=str(tmp_path / "out")))
    words = [sys.executable, str(script), "--executor", "ray"]
    paths = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}  # where Ray's workers find the fake scenes
    done = subprocess.run(words, capture_output=True, text=True, timeout=DEADLINE, check=False, env=paths)
    assert done.returncode == 0, done.stderr
    assert content(tmp_path / "out") == content(whole)


def test_without_ray_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"pip install 'gpnet_ros\[ray\]'"):
        run_fake(tmp_path / "a", "--executor", "ray")
    assert content(tmp_path / "a") == {}


@needs_ray
@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "auto"])
def test_without_a_cluster_one_sentence_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    with pytest.raises(BadInput, match="RAY_ADDRESS"):
        run_fake(tmp_path / "a", "--executor", "ray")
    assert content(tmp_path / "a") == {}


@needs_ray
def test_a_cluster_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(**_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr("ray.init", silent)
    with pytest.raises(BadInput, match=r"no Ray cluster to work on \(no answer\)"):
        run_fake(tmp_path / "a", "--executor", "ray")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--scenes", "0"], "--scenes is 0"),
        (["--scenes", "1000001"], "1000000"),
        (["--seed", "-1"], "--seed is -1"),
        (["--workers", "0"], "--workers"),
        (["--shard", "0"], "--shard"),
        (["--objects", "7-3"], "7 to 3 objects"),
        (["--objects", "many"], "'many'"),
        (["--objects", "1-2-3"], "'1-2-3'"),
        (["--objects", "-3"], "'-3'"),
        (["--profile", "single", "--objects", "3-7"], "'3-7'"),
        (["--size", "480"], "'480'"),
        (["--size", "1x100000"], "1x100000"),
        (["--views", "0"], "0 views"),
        (["--meshes", "/nowhere"], "/nowhere"),
        (["--mesh-unit", "mm"], "needs --meshes"),
        (["--test-set", "table-test", "--seed", "3"], "--seed cannot"),
        (["--test-set", "table-test", "--profile", "bin"], "--profile cannot"),
        (["--test-set", "table-test", "--scenes", "501"], "--scenes is 501"),
    ],
)
def test_nonsense_is_one_sentence_before_anything_is_written(
    tmp_path: Path, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    joined = [f"{words[k]}={words[k + 1]}" for k in range(0, len(words), 2)]
    assert main(["generate", "--out", str(tmp_path / "out"), *joined]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_an_unwritable_folder_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "--out", "/proc/nowhere", "--scenes", "1"]) == 2
    error = capsys.readouterr().err
    assert "/proc/nowhere" in error
    assert len(error.strip().splitlines()) == 1


def test_what_decides_the_scenes_is_in_the_plan_and_nothing_else(tmp_path: Path) -> None:
    def plan(*words: str) -> dict[str, object]:
        return dict(generate.planned(arguments(tmp_path, *words))[0].arguments)

    usual = plan()
    assert plan("--workers", "9", "--executor", "ray", "--resume", "--json") == usual
    (tmp_path / "meshes").mkdir()
    mesh, corners = tmp_path / "meshes" / "part.obj", "v {0} 0 0\nv 0 {0} 0\nv 0 0 {0}\nv 0 0 0\n"
    faces = "f 1 2 3\nf 1 4 2\nf 1 3 4\nf 2 4 3\n"
    mesh.write_text(corners.format(0.1) + faces)
    others = [
        plan(*words.split())
        for words in (
            "--scenes 3",
            "--seed 2",
            "--profile bin",
            "--objects 3",
            "--size 64x32",
            "--views 2",
            "--labels all",
            "--split seen",
            "--parents",
            "--shard 9",
            "--test-set table-test",
            f"--meshes {mesh.parent}",
        )
    ]
    others.append(plan("--meshes", str(mesh.parent), "--mesh-unit", "m"))
    assert others.pop() == others[-1]  # as was found out
    mesh.write_text(corners.format(0.11) + faces)
    load_user_meshes.cache_clear()  # a process reads a folder once
    others.append(plan("--meshes", str(mesh.parent)))
    assert all(one != usual for one in others)
    assert len({json.dumps(one, sort_keys=True) for one in others}) == len(others)


def test_scenes_of_a_seed_follow_each_other_and_seeds_do_not_meet(tmp_path: Path) -> None:
    plan, maker = generate.planned(arguments(tmp_path, "--seed", "12", "--scenes", "3", "--objects", "3-7"))
    assert list(plan.scenes) == ["000012000000", "000012000001", "000012000002"]
    assert maker.first == 12_000_000
    assert maker.recipe.objects == (3, 7)
    assert generate.planned(arguments(tmp_path, "--objects", "4"))[1].recipe.objects == (4, 4)
    test, _ = generate.planned(arguments(tmp_path, "--test-set", "stack-test"))
    assert len(test.scenes) == 500
    assert test.scenes[7] == "stack-test-0007"
    assert not {"seed", "profile", "objects", "split", "meshes"} & set(test.arguments)


def test_help_does_not_load_the_simulation() -> None:
    code = (
        "import sys\nfrom gpnet_ros.cli import main\n"
        "try: main(['generate', '--help'])\nexcept SystemExit: pass\n"
        "assert not {'mujoco', 'torch', 'ray', 'embreex'} & set(sys.modules), 'heavy'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def gpnet(*words: str) -> subprocess.Popen[bytes]:
    """The real command in a process group of its own."""
    command = [sys.executable, "-m", "gpnet_ros.cli", "generate", *words]
    return subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def documented_keys() -> str:
    return (Path(__file__).parents[2] / "docs" / "data_format.md").read_text("utf-8")


def keys_of(value: object) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*(keys_of(inner) for inner in value.values()))
    return set().union(*(keys_of(inner) for inner in value)) if isinstance(value, list) else set()


def test_real_scenes_survive_kill_9_and_are_documented(tmp_path: Path) -> None:
    size = ["--size", "96x96", "--scenes", "5", "--shard", "2"]
    recipe = ["--profile", "single", "--seed", "7", "--workers", "1", *size]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    process = gpnet("--out", str(broken), *recipe)
    try:
        wait_for(lambda: (broken / "shard_00000.zip").exists() or process.poll() is not None, "the first shard")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(DEADLINE)
    assert 0 < len(read_index(broken).scenes) < 5 or list(broken.glob(".parts/*"))
    for words in (["--out", str(broken), "--resume"], ["--out", str(whole)]):
        assert gpnet(*words, *recipe).wait(DEADLINE) == 0
    assert content(broken) == content(whole)
    data = Generated(whole)
    assert data.scenes[0] == "000007000000"
    assert all((sample := data[k]).frame.depth is not None and sample.grasps is not None for k in range(len(data)))
    text = documented_keys()
    assert {key for key in keys_of(data.scene(data.scenes[0])) if key not in text} == set()


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the instructions that are switched off are those of x86")
def test_a_test_set_is_the_same_with_other_instructions(tmp_path: Path) -> None:
    """What another machine does differently: other vector instructions round sums in another order."""
    poor = {"NPY_DISABLE_CPU_FEATURES": "X86_V3 AVX2 FMA3", "OPENCV_CPU_DISABLE": "AVX,AVX2,FMA3,FP16,SSE4.2,SSE4.1"}
    made = []
    for name, changes in (("here", {}), ("there", poor)):
        words = ["--out", str(tmp_path / name), "--test-set", "unseen-test", "--scenes", "3", "--labels", "all"]
        command = [sys.executable, "-W", "ignore", "-m", "gpnet_ros.cli", "generate", *words]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=DEADLINE, check=False, env=os.environ | changes
        )
        assert done.returncode == 0, done.stderr
        made.append(Generated(tmp_path / name))
    for here, there in zip(samples(made[0]), samples(made[1]), strict=True):
        assert made[0].scene(here.scene) == made[1].scene(there.scene)
        assert np.array_equal(here.T_base_camera, there.T_base_camera)  # type: ignore[arg-type]
        assert (here.ids == there.ids).mean() > 0.999
        depth = np.abs(here.frame.depth - there.frame.depth)  # type: ignore[operator]
        assert (depth < 1.5e-4).mean() > 0.999
        color = np.abs(here.frame.color.astype(int) - there.frame.color).max(axis=-1)  # type: ignore[union-attr]
        assert (color <= 2).mean() > 0.999
        assert (np.abs(here.grasps.quality - there.grasps.quality) < 0.01).mean() > 0.999  # type: ignore[union-attr]
