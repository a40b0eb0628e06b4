"""What rules and mode say of the files that the commands of one text touch.

Long texts name the same files again and again; each word is looked at once.
"""

from collections.abc import Iterable

from tianting.permissions.case import Case
from tianting.permissions.file_access import Ends, objection, permission
from tianting.permissions.questions import FileEffect, Verdict, strictest
from tianting.permissions.script import Command, Word
from tianting.permissions.shell.file_uses import (
    FileUse,
    readings,
    touched_files,
    words_read,
)
from tianting.permissions.shell.read_only import files_looked_at
from tianting.permissions.shell.word_paths import Surroundings, paths_of

_SILENT = Verdict("allow")


class Files:
    """The files of one text, before the judge."""

    def __init__(self, case: Case, where: Surroundings) -> None:
        self._case = case
        self._where = where
        rules = case.ruleset
        self._some_unreadable = bool(rules.deny.reads or rules.ask.reads)
        self._are_all_questioned = bool(rules.deny.tools or rules.ask.tools)  # by rules about whole tools
        self._ends: dict[str, Ends] = {}
        self._against: dict[tuple[FileEffect, str, bool], Verdict | None] = {}
        self._guesses: dict[Word, list[Verdict]] = {}
        self._usual: dict[tuple[FileEffect, Word], Verdict | None] = {}

    def objections(self, command: Command) -> list[Verdict]:
        """What forbids or questions a file, whatever allows the command."""
        found: list[Verdict] = []
        for use in touched_files(command):
            found += self._objection(use, guessed=False)
        if self._are_all_questioned:
            for word in files_looked_at(command) or ():
                found += self._objection(FileUse("read", word), guessed=False)
        if self._some_unreadable:
            for word in words_read(command):
                found += self._guess(word)
        return found

    def usual(self, effect: FileEffect, words: Iterable[Word], reason: str = "only looks") -> Verdict:
        """Whether rules and mode allow all these files."""
        verdicts = [Verdict("allow", reason)]
        for word in words:
            verdict = self._usual_of(effect, word)
            if verdict is None:
                return Verdict("ask", f"which file {shown(word)} is, only the shell knows")
            if verdict.outcome != "allow":
                verdicts.append(verdict)
        return strictest(verdicts)

    def _guess(self, word: Word) -> list[Verdict]:
        found = self._guesses.get(word)
        if found is None:
            uses = [FileUse("read", each) for each in readings(word)]
            found = [verdict for use in uses for verdict in self._objection(use, guessed=True)]
            self._guesses[word] = found
        return found

    def _objection(self, use: FileUse, *, guessed: bool) -> list[Verdict]:
        paths = paths_of(use.word, self._where, self._case.ground)
        if paths is None:
            return self._unknown(use, guessed=guessed)
        found = [self._objection_to(use.effect, path, guessed=guessed) for path in paths]
        return [verdict for verdict in found if verdict is not None]

    def _objection_to(self, effect: FileEffect, path: str, *, guessed: bool) -> Verdict | None:
        # Only rules about whole tools make a difference between a file and a guess.
        key = (effect, path, guessed and self._are_all_questioned)
        if key not in self._against:
            self._against[key] = objection(effect, self._ends_of(path), self._case, guessed=guessed)
        return self._against[key]

    def _unknown(self, use: FileUse, *, guessed: bool) -> list[Verdict]:
        """A file that only the running shell knows, where some files are forbidden."""
        denied = self._case.ruleset.deny
        if guessed or not (denied.reads if use.effect == "read" else denied.edits or denied.reads):
            return []
        return [
            Verdict("ask", f"which file {shown(use.word)} is, only the shell knows, and some are forbidden", fixed=True)
        ]

    def _usual_of(self, effect: FileEffect, word: Word) -> Verdict | None:
        key = (effect, word)
        if key in self._usual:
            return self._usual[key]
        verdict = self._usual[key] = self._weighed(effect, word)
        return verdict

    def _weighed(self, effect: FileEffect, word: Word) -> Verdict | None:
        """What is said of all paths that `word` may name; None where only the running shell knows them."""
        paths = paths_of(word, self._where, self._case.ground)
        if paths is None:
            return None
        verdicts: list[Verdict] = []
        for path in paths:
            against = self._objection_to(effect, path, guessed=False)
            verdicts += [against] if against else []
            verdicts.append(permission(effect, self._ends_of(path), self._case))
        return strictest(verdicts) if verdicts else _SILENT

    def _ends_of(self, path: str) -> Ends:
        ends = self._ends.get(path)
        if ends is None:
            ends = self._ends[path] = Ends(path, self._case)
        return ends


def shown(word: Word) -> str:
    """The word for a person; what a wrapper adds unseen has no text."""
    return word.raw or "it"
