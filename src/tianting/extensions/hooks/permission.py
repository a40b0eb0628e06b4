"""How a hook's word and the rules' word become one: the stricter counts, except that a hook may spare a question."""

from tianting.extensions.hooks.port import BeforeTool
from tianting.permissions.decision import Allow, Ask, Verdict


def weighed(verdict: Verdict, before: BeforeTool) -> Verdict:
    """`verdict` of rules and mode, after what hooks said of the same call.

    A refusal of the rules stands. Where a question must reach a person whatever hooks say, do not ask here.
    """
    match verdict, before.opinion:
        case Ask(), "allow":
            return Allow(reason=before.reason or "a hook")
        case ((Allow() | Ask()), "ask"):
            return Ask(reason=before.reason or "a hook wants you to be asked")
    return verdict
