#!/usr/bin/env bash
# Sets up the virtual environment for `make setup`: install.sh VENV DISTRO [runtime]
# With `runtime` what lints and tests is left out. A sourced ROS 2 is used as it is, whatever DISTRO says.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1 distro=$2 use=${3:-dev}

missing=()
has_library() { ldconfig -p 2>/dev/null | grep -q "$1"; }
has_library libusb-1.0.so.0 || missing+=(libusb-1.0-0)   # pyrealsense2
has_library libGL.so.1 || missing+=(libgl1)              # opencv-python
has_library libgthread-2.0.so.0 || missing+=(libglib2.0-0)

python=""
for candidate in python3.12 python3.11 python3; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -n "${ROS_DISTRO:-}" ]; then python=/usr/bin/python3; fi  # a sourced ROS 2 is built for the system's Python
if [ -z "$python" ]; then
    echo "make setup: Python 3.11 or 3.12 is needed (ur_rtde has no wheels for others); install python3.12 and run make again." >&2
    exit 2
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then missing+=(python3-venv); fi

if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
    else
        echo "make setup: these system packages are missing: ${missing[*]}; run: sudo apt-get install ${missing[*]}, then make again." >&2
        exit 2
    fi
fi

options=()
if [ -n "${ROS_DISTRO:-}" ]; then options+=(--system-site-packages); fi  # use the ROS that is there
[ -x "$venv/bin/python" ] || "$python" -m venv "${options[@]}" "$venv"

pip=("$venv/bin/python" -m pip --disable-pip-version-check install --quiet --progress-bar off)
echo "make setup: installing the pinned requirements into $venv (about 3 GB the first time, mostly torch) ..."
lists=()
if [ "$use" = dev ]; then lists+=(-r requirements/dev.txt); fi
if [ -z "${ROS_DISTRO:-}" ]; then
    lists+=(-r requirements/base.txt -r "requirements/ros-$distro.txt")
else  # the distribution's cv_bridge is built against its numpy and OpenCV: keep these two of the system
    grep -vE '^(numpy|opencv-python)=' requirements/base.txt >"$venv/requirements.txt"
    lists+=(-r "$venv/requirements.txt" "numpy<2")
fi
"${pip[@]}" "${lists[@]}" wheel "setuptools<80"  # colcon's limit, which torch alone would pass
"${pip[@]}" --no-deps --no-build-isolation -e .

"$venv/bin/python" requirements/link.py "$venv"  # for `ros2 launch` and `ros2 run`
