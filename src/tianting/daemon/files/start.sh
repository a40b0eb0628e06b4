#!/bin/sh
# Starts the daemon where no service manager does: from a login script, from cron's @reboot, or by hand.
# One that runs already is left alone.
set -eu
PATH={path}
export PATH
exec {program} daemon start --agent {agent} "$@"
