"""States come out of the shared ring as they went in, or not at all."""

from __future__ import annotations

import multiprocessing
import time
from contextlib import nullcontext

import numpy as np
import pytest
from support.full_disk import full_disk

from gpnet_ros.errors import BadInput, DeviceError
from gpnet_ros.sim.cell import recording
from gpnet_ros.sim.cell import state as ring
from gpnet_ros.sim.cell.recording import Recorder, read_states
from gpnet_ros.sim.cell.state import SceneFile, State, StateReader, StateWriter, read_scene


def make(number, bodies=5, version=1):
    return State(100.0 + 0.008 * number, version, np.full(6, float(number)), np.full((bodies, 7), float(number)))


def test_newest_is_the_last_that_was_written(tmp_path):
    writer = StateWriter(tmp_path)
    reader = StateReader(tmp_path)
    assert reader.newest() is None
    for number in range(700):  # more than the ring holds
        writer.write(make(number))
        if number % 97 == 0:
            seen = reader.newest()
            assert seen.time == make(number).time
            assert (seen.q == number).all() and (seen.poses == number).all() and seen.poses.shape == (5, 7)


def test_a_past_state_is_found_until_the_ring_has_gone_on(tmp_path):
    writer, reader = StateWriter(tmp_path), None
    for number in range(100):
        writer.write(make(number))
    reader = StateReader(tmp_path)
    assert reader.at(100.0 + 0.008 * 40.5).q[0] == 40
    assert reader.at(99.0) is None
    for number in range(100, 1000):
        writer.write(make(number))
    assert reader.at(100.0 + 0.008 * 40.5) is None
    assert reader.at(1e9).q[0] == 999


def test_a_torn_state_is_never_handed_out(tmp_path):
    writer = StateWriter(tmp_path)
    writer.write(make(1))
    reader = StateReader(tmp_path)
    writer._slots[0]["poses"][2, 3] = 7.0  # as if the writer were in the middle of it
    with pytest.raises(DeviceError, match="overwritten"):
        reader.newest()
    assert reader.at(1e9) is None


def _write_for_ever(folder, stop):
    writer = StateWriter(folder)
    number = 0
    while not stop.is_set():
        writer.write(make(number % 1000))
        number += 1


def test_a_reader_beside_a_writer_at_full_speed_sees_whole_states(tmp_path):
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    process = context.Process(target=_write_for_ever, args=(tmp_path, stop), daemon=True)
    process.start()
    try:
        deadline = time.monotonic() + 20.0
        while not (tmp_path / ring.RING_FILE).exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        reader, seen = StateReader(tmp_path), set()
        while len(seen) < 200 and time.monotonic() < deadline:
            state = reader.newest()
            if state is None:
                continue
            number = state.q[0]
            assert (state.q == number).all() and (state.poses == number).all()
            assert state.time == make(number).time
            seen.add(number)
        assert len(seen) >= 200
    finally:
        stop.set()
        process.join(5.0)
        process.kill()


def test_too_many_bodies_are_refused(tmp_path):
    with pytest.raises(BadInput, match="33"):
        StateWriter(tmp_path).write(make(0, bodies=33))


def test_no_simulation_no_reader(tmp_path):
    with pytest.raises(DeviceError, match="gpnet sim"):
        StateReader(tmp_path)
    StateWriter(tmp_path)
    (tmp_path / ring.RING_FILE).write_bytes(b"x" * 10)
    with pytest.raises(DeviceError):
        StateReader(tmp_path)


def test_a_new_run_does_not_disturb_readers_of_the_old_one(tmp_path):
    StateWriter(tmp_path).write(make(7))
    reader = StateReader(tmp_path)
    StateWriter(tmp_path)
    assert reader.newest().q[0] == 7
    assert StateReader(tmp_path).newest() is None


def test_a_folder_has_one_writer(tmp_path):
    writer = StateWriter(tmp_path)
    writer.write(make(7))
    with pytest.raises(BadInput, match="Another simulated cell"):
        StateWriter(tmp_path)
    assert StateReader(tmp_path).newest().q[0] == 7
    StateWriter(tmp_path / "other")
    del writer
    StateWriter(tmp_path)


def test_scene_file_round_trip(tmp_path):
    writer = StateWriter(tmp_path)
    scene = SceneFile(1, None, {"objects": []})
    writer.write_scene(3, scene)
    assert read_scene(tmp_path, 3) == scene
    with pytest.raises(BadInput, match="scene_4"):
        read_scene(tmp_path, 4)


def test_recording_keeps_the_rate_and_every_heap(tmp_path):
    recorder = Recorder(tmp_path, rate=25.0)
    written = [make(n) for n in range(250)] + [make(n, bodies=3, version=2) for n in range(250, 500)]
    for state in written:
        recorder.add(state)
    recorder.flush()
    read = list(read_states(tmp_path))
    assert len(read) == 100
    assert [s.version for s in read] == [1] * 50 + [2] * 50
    np.testing.assert_allclose(np.diff([s.time for s in read]), 0.04, atol=1e-6)
    assert all(s.poses.shape == ((5 if s.version == 1 else 3), 7) for s in read)


def test_an_earlier_recording_is_replaced_and_none_is_refused(tmp_path):
    with pytest.raises(BadInput, match="states_"):
        next(read_states(tmp_path))
    first = Recorder(tmp_path, 20.0)
    first.add(make(1))
    first.flush()
    Recorder(tmp_path, 20.0)
    with pytest.raises(BadInput):
        next(read_states(tmp_path))


def still(time, x=0.0):
    """A cell of which one body is at x [m]."""
    poses = np.zeros((5, 7))
    poses[2, 0] = x
    return State(time, 1, np.zeros(6), poses)


def size(folder):
    return sum(file.stat().st_size for file in folder.iterdir())


def test_the_folder_of_an_idle_cell_does_not_grow(tmp_path):
    idle, moving = tmp_path / "idle", tmp_path / "moving"
    sizes = {}
    for folder in (idle, moving):
        folder.mkdir()
        recorder = Recorder(folder, rate=20.0)
        for k in range(20 * 3600):  # an hour; the idle one trembles as contacts do
            recorder.add(still(k / 20, x=1e-4 * (k % 2) if folder == idle else 0.01 * (k % 2)))
            if k == 20 * 60:
                sizes[folder] = size(folder)
        recorder.flush()
    assert sizes[idle] == 0  # the first seconds wait in memory for more
    assert 0 < size(idle) < 50_000
    assert size(moving) > 50 * size(idle)


def test_what_moves_after_a_rest_is_recorded_again(tmp_path):
    recorder = Recorder(tmp_path, rate=20.0)
    for k in range(2000):
        recorder.add(still(k / 20, x=0.0 if k < 1000 else 0.01 * min(k - 1000, 100)))
    recorder.flush()
    times = np.array([state.time for state in read_states(tmp_path)])
    assert times[0] == 0.0
    assert not np.any((times > 5.0) & (times < 50.0))
    assert np.sum((times > 50.0) & (times <= 55.0)) == 100
    assert times[-1] < 60.0


def test_a_cell_that_works_for_ever_keeps_the_newest_files(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "_FILES", 3)
    recorder = Recorder(tmp_path, rate=20.0)
    for k in range(10 * 600):
        recorder.add(still(k / 20, x=0.01 * k))
    recorder.flush()
    assert len(list(tmp_path.glob("states_*"))) == 3
    times = [state.time for state in read_states(tmp_path)]
    assert times[0] == 7 * 600 / 20 and times[-1] == pytest.approx((10 * 600 - 1) / 20)


def test_a_full_disk_costs_the_states_of_that_time_and_is_logged(tmp_path, caplog, capsys):
    recorder = Recorder(tmp_path, rate=20.0)
    for k in range(3):
        with full_disk() if k == 1 else nullcontext():
            for n in range(20):
                recorder.add(still(k + n / 20, x=0.01 * n + k))
            recorder.flush()
    times = [state.time for state in read_states(tmp_path)]
    assert len(times) == 40 and not [time for time in times if 1.0 <= time < 2.0]
    assert "lacks 1.0 to 1.9" in caplog.text or "lacks 1.0 to 2.0" in caplog.text
    assert "make room" in caplog.text
