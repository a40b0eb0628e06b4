"""What the SDK says at the start and never again: prompts, settings, directories, thinking."""

from pathlib import Path
from typing import Any

import pytest
from claude_agent_sdk import AgentDefinition, ClaudeSDKClient, ProcessError

from tests.end_to_end.sdk_stage import agree, end_of, options, over, results, run, said
from tests.end_to_end.stage import Line, Stage
from tianting.models.scripted import calls, says

pytestmark = pytest.mark.anyio

DONE = says("Done.")


async def asked(stage: Stage, **more: Any) -> Line:
    """The request of a session with these options."""
    heard, [request] = await run(stage, "Go.", DONE, **more)
    assert heard == [said("Done."), over("Done.")]
    return request


@pytest.mark.parametrize(
    ("option", "begins", "ends"),
    [
        pytest.param("Speak in verse.", "Speak in verse.", "Speak in verse.", id="text"),
        pytest.param({"type": "custom", "prompt": "Speak."}, "Speak.", "Speak.", id="custom"),
        pytest.param({"type": "preset", "preset": "claude_code"}, "You are", "", id="preset"),
        pytest.param(
            {"type": "preset", "preset": "claude_code", "append": "Be brief."}, "You are", "Be brief.", id="append"
        ),
    ],
)
async def test_system_prompt_is_as_wished(library_stage: Stage, option: Any, begins: str, ends: str) -> None:
    request = await asked(library_stage, system_prompt=option)

    words = [part["text"] for part in request["system"]]
    assert words[0].startswith(begins)
    assert words[-1].endswith(ends)


async def test_system_prompt_comes_from_a_file(library_stage: Stage) -> None:
    path = library_stage.write("prompt.md", "Speak in verse.")

    request = await asked(library_stage, system_prompt={"type": "file", "path": str(path)})

    assert [part["text"] for part in request["system"]] == ["Speak in verse."]


async def test_no_system_prompt_is_none(library_stage: Stage) -> None:
    assert "system" not in await asked(library_stage)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param({"thinking": {"type": "disabled"}}, {"thinking": {"type": "between_tools"}}, id="off"),
        pytest.param(
            {"thinking": {"type": "adaptive", "display": "omitted"}},
            {"thinking": {"type": "adaptive", "display": "omitted"}},
            id="hidden",
        ),
        pytest.param({"max_thinking_tokens": 0}, {"thinking": {"type": "between_tools"}}, id="no tokens"),
        pytest.param({"effort": "low"}, {"output_config": {"effort": "low"}}, id="effort"),
        pytest.param(
            {"model": "claude-haiku-4-5", "thinking": {"type": "enabled", "budget_tokens": 2048}},
            {"thinking": {"type": "enabled", "budget_tokens": 2048}},
            id="budget",
        ),
    ],
)
async def test_model_thinks_as_wished(library_stage: Stage, more: Line, expected: Line) -> None:
    _, [request] = await run(library_stage, "Go.", DONE, **more)

    assert {name: request.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("sources", "effort"),
    [
        pytest.param(None, "high", id="all"),
        pytest.param(["project"], "high", id="project"),
        pytest.param(["user"], "low", id="user"),
        pytest.param([], None, id="none"),
    ],
)
async def test_settings_of_the_named_sources_count(
    library_stage: Stage, sources: list[str] | None, effort: str | None
) -> None:
    for directory, level in ((library_stage.home, "low"), (library_stage.project / ".tianting", "high")):
        directory.mkdir()
        (directory / "settings.json").write_text(f'{{"effortLevel": "{level}"}}')

    request = await asked(library_stage, setting_sources=sources)

    assert request.get("output_config", {}).get("effort") == effort


async def test_settings_come_as_text(library_stage: Stage) -> None:
    request = await asked(library_stage, settings='{"effortLevel": "medium"}')

    assert request["output_config"]["effort"] == "medium"


async def test_added_directory_is_read_without_a_question(library_stage: Stage, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "note.txt").write_text("Tea at five.")
    read = calls("Read", file_path=str(other / "note.txt"))

    _, [_, request] = await run(library_stage, "Go.", says("", read), DONE, add_dirs=[other])
    _, [_, refused] = await run(library_stage, "Go.", says("", read), DONE)

    assert ["Tea at five." in str(results(sent)) for sent in (request, refused)] == [True, False]


async def test_commands_see_the_given_environment(library_stage: Stage) -> None:
    echo = calls("Bash", command="echo $GREETING")

    _, [_, request] = await run(
        library_stage, "Go.", says("", echo), DONE, env={"GREETING": "Good day"}, allowed_tools=["Bash"]
    )

    assert "Good day" in results(request)[0]["content"]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param({"tools": ["Read", "Grep"]}, ["Grep", "Read"], id="named"),
        pytest.param({"tools": []}, [], id="none"),
        pytest.param(
            {"disallowed_tools": ["Bash"]},
            ["BashOutput", "Edit", "Glob", "Grep", "Read", "TaskStop", "TodoWrite", "Write"],
            id="forbidden",
        ),
    ],
)
async def test_model_is_offered_the_wanted_tools(library_stage: Stage, more: Line, expected: list[str]) -> None:
    request = await asked(library_stage, **more)

    names = sorted(tool["name"] for tool in request.get("tools", []))
    assert names == expected


async def test_agents_and_other_options_are_taken(library_stage: Stage) -> None:
    agents = {"tester": AgentDefinition(description="Tests.", prompt="You test.", tools=["Bash"])}
    more = {"agents": agents, "betas": ["context-1m-2025-08-07"], "strict_mcp_config": True, "user": None}

    await asked(library_stage, **more, verbatim_prompts=True, client_app="tests/1", forward_subagent_text=True)


async def test_complaints_reach_the_callback(library_stage: Stage) -> None:
    complaints: list[str] = []
    wrong = options(library_stage, stderr=complaints.append, extra_args={"no-such-flag": None})

    with pytest.raises(ProcessError):
        await ClaudeSDKClient(wrong).connect()

    assert "--no-such-flag" in " ".join(complaints)


async def test_permission_callback_goes_with_one_prompt(library_stage: Stage) -> None:
    touch = calls("Bash", command="touch made")

    heard, _ = await run(library_stage, "Go.", says("", touch), DONE, can_use_tool=agree)

    assert end_of(heard) == over("Done.", turns=2)
    assert (library_stage.project / "made").exists()
