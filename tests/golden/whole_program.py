"""The program as a process of its own, in a project that is the same on every machine, before a scripted model."""

import os
import subprocess
import sys
from pathlib import Path

import anyio
import msgspec

from tianting.models.scripted import Script, says
from tianting.protocol.model_catalogue import Family
from tianting.testing.model_server import serve

MODELS: dict[Family, str] = {
    "claude": "claude-sonnet-5-5",
    "gpt": "gpt-6.1-sol",
    "codex": "gpt-5.1-codex-max",
    "gemini": "gemini/gemini-3-pro",
    "open": "vllm/qwen3-coder",
}
"""One model of each family; between them they speak all three dialects."""

PROMPT = "Make the failing test pass."
SESSION_ID = "0b5c9d3e-1f2a-4b6c-8d7e-9f0a1b2c3d4e"

_FILES = {
    "README.md": "# Shop\n",
    "pyproject.toml": '[project]\nname = "shop"\nversion = "1"\n\n[tool.ruff]\n\n[tool.pytest.ini_options]\n',
    "shop/cart.py": "def total(prices):\n    return sum(prices)\n",
    "tests/test_cart.py": "def test_total():\n    assert False\n",
}


def make_project(root: Path) -> Path:
    """A git repository below `root`, whose commit has the same name everywhere, and a file that it does not know."""
    project = root / "shop"
    for name, text in _FILES.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "Begin"]):
        subprocess.run(["git", *command], cwd=project, check=True, env=_environment(root))
    (project / "notes.txt").write_text("Mine.\n")
    return project


async def first_request(project: Path, family: Family, *options: str, **environment: str) -> bytes:
    """The body of what `tianting -p` sends first, as it travels."""
    with anyio.fail_after(30):
        async with serve(Script(replies=(says("Done."),))) as server:
            settings = {"providers": {name: {"baseUrl": f"{server.base_url}/v1"} for name in ("gemini", "vllm")}}
            await anyio.run_process(
                [
                    *(sys.executable, "-m", "tianting", "-p", PROMPT, "--model", MODELS[family]),
                    *("--settings", msgspec.json.encode(settings).decode()),
                    *("--session-id", SESSION_ID, "--no-session-persistence", *options),
                ],
                cwd=project,
                env={
                    **_environment(project.parent),
                    "ANTHROPIC_BASE_URL": server.base_url,
                    "OPENAI_BASE_URL": f"{server.base_url}/v1",
                    **environment,
                },
            )
    [request] = server.requests
    return request.body


def _environment(home: Path) -> dict[str, str]:
    """Nothing of the person's who runs the tests, but what measures coverage."""
    kept = {name: value for name, value in os.environ.items() if name == "PATH" or name.startswith("COV")}
    keys = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY")
    author = {f"GIT_{role}_{fact}": value for role in ("AUTHOR", "COMMITTER") for fact, value in _AUTHOR.items()}
    nowhere = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    return {**kept, **nowhere, **author, **dict.fromkeys(keys, "test"), "HOME": str(home)}


_AUTHOR = {"NAME": "Ada", "EMAIL": "ada@example.org", "DATE": "2026-01-01T00:00:00Z"}
