"""`tianting demo`: a bug in a small project is found, mended and verified before the reader's eyes.

Only the model's words are scripted, and the screen says so: it is asked over real HTTP, its tools run for real on
a real copy of the project, and the permission rules of print mode hold.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

import anyio
import click

from tianting.cli.invocation import Invocation
from tianting.cli.wiring import open_session
from tianting.models.script_file import load_script
from tianting.protocol.messages import user_text
from tianting.surfaces.colours import colours_wanted
from tianting.surfaces.output import DescriptorOutput
from tianting.surfaces.scrollback import Scrollback
from tianting.testing.model_server import serve
from tianting.worktree.survey import begin_survey

PROMPT = "A test of this project fails. Find the cause, mend it, and verify it."
_KEY = "a-key-only-the-demo-knows"


@click.command()
@click.option("--keep", is_flag=True, help="Leave the demo's project in place afterwards.")
@click.pass_context
def demo(ctx: click.Context, keep: bool) -> None:
    """Watch a bug being found and mended; the model's words are scripted, all else is real."""
    ctx.exit(run_demo(keep=keep))


def run_demo(*, keep: bool) -> int:
    """Play the demo; returns 0 when the test passes in the end."""
    directory = Path(tempfile.mkdtemp(prefix="tianting-demo-"))
    try:
        return _play(directory)
    finally:
        if keep:
            click.echo(f"\nThe project stays in {directory / 'shop'}")
        else:
            shutil.rmtree(directory)


def _play(directory: Path) -> int:
    project = directory / "shop"
    _lay_out(project)
    _announce(project)
    before = _tests(project)
    click.echo(f"$ python3 -m unittest\n{_indented(before.stderr)}\n")
    _say_loud(f'$ tianting -p "{PROMPT}"')
    code = anyio.run(_agent, project, directory / "home")
    after = _tests(project)
    _show_outcome(project, after)
    return code or after.returncode


def _lay_out(project: Path) -> None:
    with as_file(files("tianting.testing") / "demo_project") as source:
        shutil.copytree(source, project, ignore=shutil.ignore_patterns("__pycache__"))
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "A small shop"]):
        _run(["git", "-c", "user.name=demo", "-c", "user.email=demo@example.org", *arguments], project)


def _announce(project: Path) -> None:
    click.echo(f"A small project with a failing test lies in {project}.")
    _say_loud("The model's words in this demo are scripted. The HTTP, the tools and the tests are real.\n")


async def _agent(project: Path, home: Path) -> int:
    """Run the agent in `project` against the scripted model server."""
    with as_file(files("tianting.testing") / "demo_script.yaml") as path:
        script = load_script(path)
    async with serve(script, key=_KEY) as server:
        os.environ |= {
            "ANTHROPIC_API_KEY": _KEY,
            "ANTHROPIC_BASE_URL": server.base_url,
            "TIANTING_HOME": str(home),
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
        }
        os.chdir(project)
        allowed = ("Edit", "Bash(python3 -m unittest 2>&1)")
        invocation = Invocation(model="sonnet", allowed_tools=allowed)
        async with open_session(invocation, begin_survey(project)) as session:
            session.listen(Scrollback(DescriptorOutput(1), colour=_in_colour()))
            report = await session.submit(user_text(PROMPT))
    return 0 if report.end == "answered" else 1


def _show_outcome(project: Path, after: "subprocess.CompletedProcess[str]") -> None:
    click.echo(f"\n$ git diff\n{_indented(_run(['git', 'diff'], project).stdout)}\n")
    click.echo(f"$ python3 -m unittest\n{_indented(after.stderr)}\n")
    _say_loud("The same with a real model, in a project of yours:")
    click.echo(f'  export ANTHROPIC_API_KEY=…   # or OPENAI_API_KEY\n  tianting -p "{PROMPT}" \\')
    click.echo('    --allowedTools "Edit,Write,Bash(python3 -m unittest:*)"')


def _tests(project: Path) -> "subprocess.CompletedProcess[str]":
    return _run([sys.executable, "-m", "unittest"], project)


def _run(command: list[str], directory: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60, check=False)


def _say_loud(text: str) -> None:
    click.secho(text, bold=True, color=_in_colour())


def _in_colour() -> bool:
    return colours_wanted(os.environ, is_terminal=sys.stdout.isatty())


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.rstrip().splitlines())
