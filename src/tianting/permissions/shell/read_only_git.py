"""The git commands that only look.

git runs programs where it is told to: by `-c`, by an alias, by a pager, by a diff driver, in another directory's
configuration. So only subcommands and options that are known here are called safe.
"""

import re
from collections.abc import Sequence

from msgspec import Struct

from tianting.permissions.script import HOLE, Word
from tianting.permissions.shell.options import options


class Looks(Struct, frozen=True):
    """When a subcommand only looks."""

    form: re.Pattern[str] | None = None
    """What all its words must look like, where there are forms that change things."""
    known: frozenset[str] | None = None
    """The only options; None for all but those that are dangerous everywhere."""
    listing: frozenset[str] = frozenset()
    """Options of which one must be there for an operand to be a pattern and not a new name."""


_ANY = Looks()
_NAMES = frozenset(
    {
        "-a", "-r", "-v", "-vv", "-l", "-i", "--all", "--remotes", "--list", "--verbose", "--show-current",
        "--contains", "--no-contains", "--merged", "--no-merged", "--points-at", "--sort", "--format", "--column",
        "--no-column", "--color", "--no-color", "--ignore-case", "-n", "--abbrev", "--no-abbrev",
    }
)  # fmt: skip
_LISTING = frozenset({"-l", "--list", "--contains", "--no-contains", "--merged", "--no-merged", "--points-at"})
_SUBCOMMANDS: dict[str, Looks] = {
    **dict.fromkeys(("status", "log", "diff", "show", "rev-parse", "ls-files", "ls-tree", "describe", "blame"), _ANY),
    **dict.fromkeys(("shortlog", "cat-file", "rev-list", "merge-base", "name-rev", "for-each-ref", "grep"), _ANY),
    **dict.fromkeys(("check-ignore", "count-objects", "diff-tree", "diff-index", "diff-files", "show-ref"), _ANY),
    **dict.fromkeys(("show-branch", "whatchanged", "version", "cherry", "annotate", "check-attr", "range-diff"), _ANY),
    "branch": Looks(known=_NAMES, listing=_LISTING),
    "tag": Looks(known=_NAMES, listing=_LISTING),
    "remote": Looks(form=re.compile(r"|-v|--verbose|get-url( --all)? [^ ]+")),
    "stash": Looks(form=re.compile(r"(list|show)( .*)?")),
    "reflog": Looks(form=re.compile(r"|show( .*)?|-n ?\d+|-\d+")),
    "worktree": Looks(form=re.compile(r"list( --porcelain| -v)?")),
    "config": Looks(form=re.compile(r"(--get|--get-all|--get-regexp|get) [^ ]+|--list|-l|list")),
}
_DANGEROUS = (
    "output", "ext-diff", "textconv", "open-files-in-pager", "upload-pack", "receive-pack", "exec", "show-signature",
    "filters", "no-index", "contents", "edit", "file", "blob", "global", "system",
)  # fmt: skip
_GLOBAL = frozenset({"--no-pager", "--no-optional-locks", "--literal-pathspecs", "--version", "--help"})
_VALUED_GLOBAL = frozenset({"-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path", "--config-env"})
_OPENING = frozenset("*?[{")
_PATH = re.compile(r"(?:/|~|\.\.(?:/|$)).*|.*/\.\.(?:/.*)?", re.DOTALL)


def git_files(words: Sequence[Word]) -> list[Word] | None:
    """The files outside the repository that a looking command is given; None for one that may do more."""
    rest = list(words)
    while rest and rest[0].value in _GLOBAL and rest[0].literal:
        rest = rest[1:]
    if not rest:
        return []
    looks = _SUBCOMMANDS.get(rest[0].value) if rest[0].literal else None
    if looks is None or not _only_looks(rest[0].value, looks, rest[1:]):
        return None
    return [word for word in rest[1:] if word.names or word.tilde or _PATH.fullmatch(word.value)]


def is_looking_subcommand(words: Sequence[Word]) -> bool:
    """Whether the subcommand looks, unless an option makes it do more."""
    rest = without_globals(words)
    return bool(rest) and rest[0].value in _SUBCOMMANDS


def has_globals(words: Sequence[Word]) -> bool:
    """Whether options stand between `git`, the first word, and the subcommand."""
    return len(words) > 1 and words[1].value.startswith("-")


def without_globals(words: Sequence[Word]) -> list[Word]:
    """The words behind git's own options, so that a rule against `git push` also means `git -C x push`."""
    rest = list(words)
    while rest and rest[0].value.startswith("-"):
        rest = rest[2:] if rest[0].value in _VALUED_GLOBAL else rest[1:]
    return rest


def _only_looks(subcommand: str, looks: Looks, words: Sequence[Word]) -> bool:
    if looks.form and not looks.form.fullmatch(" ".join([word.value for word in words])):
        return False
    given = options(words)
    if any(_is_dangerous(option, subcommand) for option in given):
        return False
    if any([word.value[:1] == HOLE or word.pattern[:1] in _OPENING for word in words]):  # noqa: C419  # half the time
        return False  # it could be an option
    if looks.known is not None:
        if any(option.partition("=")[0] not in looks.known for option in given):
            return False
        has_operand = any(not word.value.startswith("-") for word in words)
        return not has_operand or any(option.partition("=")[0] in looks.listing for option in given)
    return True


def _is_dangerous(option: str, subcommand: str) -> bool:
    if option.startswith("--"):
        name = option[2:].partition("=")[0]
        return any(each.startswith(name) for each in _DANGEROUS)
    return subcommand == "grep" and "O" in option
