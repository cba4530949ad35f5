"""Who does the work: processes of this machine, or a Ray cluster.

Scenes are made by `in_processes` or `on_ray`, the same from either, in any order. Both take a picklable function from a
number to the files of a scene, and numbers, and never hold more answers than they have workers: whoever writes them
sets the pace. Whatever else takes processes, judging, clearing and benches, shares `spread`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import multiprocessing
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, cast

from gpnet_ros.errors import BadInput, GpnetError

Members = dict[str, bytes]
Maker = Callable[[int], Members]
#: Libraries that start a thread per core unless told not to, which costs more than it brings in many processes.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class WorkerLost(GpnetError):
    """A worker ended before its scene was made."""


@dataclass(frozen=True)
class _Failure:
    """Why a scene was not made, in a form that travels between processes."""

    sentence: str
    bad_input: bool
    trace: str


def in_processes(make: Maker, numbers: Iterable[int], workers: int) -> Iterator[tuple[int, Members]]:
    """Number and files of each scene, as they are made by processes of this machine.

    Workers end with this process, even if it is killed, and when the iterator is closed.

    Raises:
        BadInput: a scene could not be made; the message is that of the scene.
        WorkerLost: a worker was killed.
        GpnetError: a scene could not be made by a defect of the program.
    """
    left = iter(numbers)
    started: dict[Connection, BaseProcess] = {}
    busy: dict[Connection, int] = {}
    try:
        for number in _up_to(left, workers):
            connection, process = _start(make)
            started[connection] = process
            busy[connection] = number
            _send(connection, process, number)
        while busy:
            for ready in wait(list(busy)):
                connection = cast(Connection, ready)
                number = busy.pop(connection)
                answer = _received(connection, started[connection], number)
                for following in _up_to(left, 1):
                    busy[connection] = following
                    _send(connection, started[connection], following)
                yield number, _checked(number, answer)
    finally:
        for connection, process in started.items():
            process.kill()
            process.join()
            process.close()
            connection.close()


def on_ray(make: Maker, numbers: Iterable[int], workers: int) -> Iterator[tuple[int, Members]]:
    """Scenes as `in_processes` yields them, made on the Ray cluster of RAY_ADDRESS, or one of `workers` processes here.

    Raises:
        BadInput: Ray is not installed, or there is no cluster; see also `in_processes`.
    """
    if importlib.util.find_spec("ray") is None:
        raise BadInput("--executor ray needs Ray, which is not installed: pip install 'gpnet_ros[ray]'.")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    address = os.environ.get("RAY_ADDRESS")
    local: dict[str, Any] = {} if address else {"num_cpus": workers, "include_dashboard": False}
    _check_reachable(address)
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **local)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = str(error).strip().split("\n")[0] or "no answer"
        raise BadInput(f"There is no Ray cluster to work on ({reason}): check RAY_ADDRESS, or unset it.") from error
    remote = ray.remote(num_cpus=1, max_retries=2, runtime_env={"env_vars": _ONE_THREAD})(_attempt)
    shared = ray.put(make)
    left = iter(numbers)
    tasks: dict[Any, int] = {}
    try:
        # One more task than workers each, so that a node far away need not wait for the next.
        tasks |= {remote.remote(shared, number): number for number in _up_to(left, 2 * workers)}
        while tasks:
            done, _ = ray.wait(list(tasks), num_returns=1)
            for task in done:
                number = tasks.pop(task)
                answer = _gathered(ray, task, number)
                tasks |= {remote.remote(shared, following): following for following in _up_to(left, 1)}
                yield number, _checked(number, answer)
    finally:
        ray.shutdown()


def _check_reachable(address: str | None) -> None:
    """Ray itself tries for minutes to reach a cluster that is not there."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise BadInput(f"No Ray cluster answers at RAY_ADDRESS={address} ({error}): start it, or unset it.") from error


def _attempt(make: Maker, number: int) -> Members | _Failure:
    import cv2

    cv2.setNumThreads(1)
    try:
        return make(number)
    except BadInput as error:
        return _Failure(str(error), True, "")
    except Exception as error:  # whatever it is, the parent must say which scene it was
        return _Failure(f"{type(error).__name__}: {error}", False, traceback.format_exc())


def _checked(number: int, answer: Members | _Failure) -> Members:
    if not isinstance(answer, _Failure):
        return answer
    if answer.bad_input:
        raise BadInput(answer.sentence)
    print(answer.trace, file=sys.stderr)
    raise GpnetError(
        f"Scene {number} could not be made ({answer.sentence}), which is a defect of the program: report it with the "
        "command; what was finished stays readable."
    )


def _start(make: Maker) -> tuple[Connection, BaseProcess]:
    context = multiprocessing.get_context("spawn")  # a fork would copy threads and locks in whatever state
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, make), daemon=True)
    with one_thread_each():
        process.start()
    theirs.close()  # only the worker holds it now, so its death is the end of the file
    return ours, process


def _work(connection: Connection, make: Maker) -> None:
    """Make scenes until the parent closes the pipe or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            number = connection.recv()
            connection.send(_attempt(make, number))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _send(connection: Connection, process: BaseProcess, number: int) -> None:
    try:
        connection.send(number)
    except OSError as error:
        raise _lost(process, number) from error


def _received(connection: Connection, process: BaseProcess, number: int) -> Members | _Failure:
    try:
        return connection.recv()
    except (EOFError, OSError) as error:
        raise _lost(process, number) from error


def _lost(process: BaseProcess, number: int) -> WorkerLost:
    process.join(5)
    code = process.exitcode
    how = f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"
    why = ", perhaps by the system for lack of memory" if code == -signal.SIGKILL else ""
    return WorkerLost(
        f"A worker ended at scene {number} ({how}{why}): go on with --resume, with fewer --workers if memory is short."
    )


def _gathered(ray: Any, task: Any, number: int) -> Members | _Failure:
    try:
        return ray.get(task)
    except ray.exceptions.RayError as error:
        reason = str(error).strip().split("\n")[-1]  # what comes before is where it happened
        raise WorkerLost(
            f"A Ray worker was lost at scene {number} ({reason}): see that gpnet_ros is installed on every node, "
            "then go on with --resume."
        ) from error


def _up_to(numbers: Iterator[int], most: int) -> Iterator[int]:
    for _ in range(most):
        number = next(numbers, None)
        if number is None:
            return
        yield number


def spread(
    function: Callable[[Any], Any],
    jobs: Sequence[Any],
    workers: int,
    begin: Callable[..., None] | None = None,
    args: tuple[Any, ...] = (),
    chunk: int = 1,
) -> Iterator[Any]:
    """Results of a picklable function for each job, in order, by processes of this machine with one thread each.

    Args:
        function: of one job.
        jobs: all of them; what is still waiting when the iterator is closed is cancelled.
        workers: processes, not more than jobs; 0 is one per core, 1 is this process itself.
        begin: called once in each process, with `args`.
        chunk: jobs that a process takes at once.
    """
    workers = min(workers or os.cpu_count() or 1, len(jobs))
    if workers <= 1:
        if begin is not None:
            begin(*args)
        yield from map(function, jobs)
        return
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=begin, initargs=args)
    try:
        with one_thread_each():
            made = pool.map(function, jobs, chunksize=chunk)  # starts the processes
        yield from made
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def one_thread_each() -> Iterator[None]:
    """Processes that are started now keep to one thread each: as many as cores would only wait for each other."""
    before = {key: os.environ.get(key) for key in _ONE_THREAD}
    os.environ.update(_ONE_THREAD)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value
