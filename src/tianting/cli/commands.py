"""Which commands there are, and where each is: a command is imported when it is called, and not before."""

from importlib import import_module
from typing import Any

import click

PROMPT = "prompt"
"""The command behind everything that names none."""

LATER = {
    "checkpoints": ("tianting.cli.checkpoints:checkpoints", "List states of the files, compare them, restore one."),
    "completion": ("tianting.cli.completion:completion", "Print what bash, zsh or fish needs to complete commands."),
    "config": ("tianting.cli.config:config", "Read and change settings, and see where each comes from."),
    "daemon": ("tianting.cli.daemon:daemon", "Keep a Codex warm behind a socket, for Claude Code and everybody else."),
    "demo": ("tianting.cli.demo:demo", "Watch a bug being found and mended. Needs no key."),
    "doctor": ("tianting.cli.doctor:doctor", "Examine model, settings, files, memory, disk, sandbox and programs."),
    "gateway": (
        "tianting.cli.gateway:gateway",
        "Serve models to other agents without giving them keys; sum what was used.",
    ),
    "hooks": ("tianting.cli.hooks:hooks", "List hooks, and try them on an event that did not happen."),
    "models": ("tianting.cli.models:models", "List models, with windows and prices, and providers."),
    "permissions": ("tianting.cli.permissions:permissions", "List the rules in force, and explain what they decide."),
    "redo": ("tianting.cli.undo:redo", "Take back an undo, or the N last."),
    "rewind": ("tianting.cli.rewind:rewind", "Go back to before a prompt: files, conversation, or both."),
    "sandbox": ("tianting.cli.sandbox:sandbox", "Prove that the sandbox holds: `tianting sandbox check`."),
    "sessions": ("tianting.cli.sessions:sessions", "List sessions, newest first."),
    "trust": ("tianting.cli.trust:trust", "Show what a project's settings would let happen, and agree to it."),
    "undo": ("tianting.cli.undo:undo", "Give back the files as they were before the agent's last change."),
    "windows": ("tianting.cli.windows:windows", "Keep many agents alive: start them, talk to them, look after them."),
}
"""Name, place, and the line that help shows."""


class Commands(click.Group):
    """`tianting WORD …` is a command when WORD is the name of one, and a prompt otherwise."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every name, sorted."""
        return sorted({*super().list_commands(ctx), *LATER})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command called `cmd_name`, imported now."""
        if cmd_name not in LATER:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = LATER[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Send everything that names no command to the prompt."""
        completing_first_word = ctx.resilient_parsing and not args
        if not completing_first_word and (not args or args[0] not in {*self.list_commands(ctx), "--help", "-h"}):
            args = [PROMPT, *args]
        return super().parse_args(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the prompt's options, and the commands behind them."""
        prompt = self.commands[PROMPT]
        context = click.Context(prompt, info_name=ctx.info_name, help_option_names=ctx.help_option_names)
        prompt.format_usage(context, formatter)
        prompt.format_help_text(context, formatter)
        prompt.format_options(context, formatter)
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in sorted(LATER.items())])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Offer commands and the prompt's options."""
        prompt = self.commands[PROMPT]
        offered = prompt.shell_complete(click.Context(prompt), incomplete)
        return [*super().shell_complete(ctx, incomplete), *offered]
