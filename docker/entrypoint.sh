#!/usr/bin/env bash
# Runs a command with ROS, the virtual environment and this package set up, as a sourced shell would.
set -e
workspace=${GPNET_WORKSPACE:-/opt/gpnet_ws}
source "${GPNET_ROS_SETUP:-/opt/ros/jazzy/setup.bash}"
source "$workspace/venv/bin/activate"
source "$workspace/install/setup.bash"
exec "$@"
