"""Commands in the background, as a client follows them, and as the model hears of their end."""

import pytest

from tests.end_to_end.stage import Line, Stage, body, playing
from tianting.models.scripted import calls, says

pytestmark = pytest.mark.anyio

WAITS = "echo $$ > pid; until [ -e go ]; do sleep 0.01; done"
LETS_IT_END = "until [ -s pid ]; do sleep 0.01; done; touch go; while kill -0 $(cat pid) 2>&-; do sleep 0.01; done"


def told(lines: list[Line]) -> list[Line]:
    """The lines about tasks, without what each run makes anew."""
    subtypes = ("task_started", "task_updated", "task_notification", "background_tasks_changed")
    fresh = {"type", "uuid", "session_id", "output_file", "patch"}
    return [
        {name: value for name, value in line.items() if name not in fresh}
        for line in lines
        if line.get("subtype") in subtypes
    ]


async def test_a_job_is_followed_from_its_begin_to_its_end(stage: Stage) -> None:
    job = calls("Bash", call_id="call-1", command=WAITS, description="Wait", run_in_background=True)
    async with playing(
        says("", job), says("", calls("Bash", call_id="call-2", command=LETS_IT_END)), says("Done.")
    ) as server:
        stage.toward(server)
        ended = await stage.run("-p", "Go.", "--output-format", "stream-json", "--allowedTools", "Bash")
        heard = str(body(server, 2)["messages"])

    task = {"task_id": "job1", "tool_use_id": "call-1"}
    live = {"task_id": "job1", "task_type": "local_bash", "description": "Wait"}
    [notification] = [line for line in ended.lines if line.get("subtype") == "task_notification"]
    summary = notification["summary"]
    assert told(ended.lines) == [
        {"subtype": "background_tasks_changed", "tasks": [live]},
        {"subtype": "task_started", **task, "description": "Wait", "task_type": "local_bash"},
        {"subtype": "task_updated", "task_id": "job1"},
        {"subtype": "task_notification", **task, "status": "completed", "summary": summary},
        {"subtype": "background_tasks_changed", "tasks": []},
    ]
    assert summary.startswith("Ended with exit 0 after ")
    assert f"Background job1: {summary}" in heard
