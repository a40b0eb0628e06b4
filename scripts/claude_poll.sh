#!/usr/bin/env bash
# Waits for a worker's report: without it those who only wait would have to know the other commands.
#
#   claude_poll.sh WINDOW [TIMEOUT] [TASK_ID]     also --timeout S, --task-id ID, -L SOCKET, --session NAME
#
# The same as `claude_comm.sh poll`, with its exit codes.

exec "$(dirname -- "${BASH_SOURCE[0]}")/claude_comm.sh" poll "$@"
