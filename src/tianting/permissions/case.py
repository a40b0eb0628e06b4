"""One question before the judge, with the rules and the ground it is judged on."""

from msgspec import Struct

from tianting.permissions.questions import Ground, Question
from tianting.permissions.ruleset import Ruleset


class Case(Struct, frozen=True):
    """What every step of a judgement needs."""

    question: Question
    ruleset: Ruleset
    ground: Ground
