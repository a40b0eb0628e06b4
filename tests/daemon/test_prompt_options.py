"""How a prompt is to be worked on goes with it, also into its repetitions."""

from tianting.fleet.course import Course
from tianting.fleet.drivers.driver import Prompt, PromptOptions
from tianting.fleet.promises import Promises


def test_options_go_with_every_delivery() -> None:
    options = PromptOptions(effort="high", reasoning=True)
    promises = Promises([Prompt(text="Mend it.", uuid="p", options=options)])

    first = promises.hand_over("Mend it.", Course())
    promises.take_back(failed=True)
    again = promises.hand_over("Go on.", Course(takes=1))

    assert (first.options, again.options) == (options, options)
