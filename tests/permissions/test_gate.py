"""From a verdict to a decision: who is asked, and that nothing that breaks becomes a yes."""

import pytest

from tianting.permissions.decision import Allow, Ask, Decision, Deny, Verdict
from tianting.permissions.gate import Gate
from tianting.protocol.tool_calls import Access, ToolCall

pytestmark = pytest.mark.anyio

CALL = ToolCall(call_id="c", tool_name="Bash", arguments={"command": "make"})
ACCESSES = (Access(effect="execute", target="make"),)
QUESTION = Ask(reason="no rule allows make")


ADVICE = "Do not repeat it; choose another way, or say at the end what you would have run. The user can allow it: {}"


class Says:
    """A judge with verdicts of his own; the last is given ever after."""

    asks = True

    def __init__(self, *verdicts: Verdict, rules: tuple[str, ...] = ()) -> None:
        self._verdicts = list(verdicts)
        self._rules = rules

    def verdict(self, call: ToolCall, accesses: tuple[Access, ...]) -> Verdict:
        return self._verdicts.pop(0) if len(self._verdicts) > 1 else self._verdicts[0]

    def suggestions(self, call: ToolCall, accesses: tuple[Access, ...]) -> tuple[str, ...]:
        return self._rules


class Clueless:
    asks = True

    def verdict(self, call: ToolCall, accesses: tuple[Access, ...]) -> Verdict:
        raise RuntimeError("links in a circle")

    def suggestions(self, call: ToolCall, accesses: tuple[Access, ...]) -> tuple[str, ...]:
        raise RuntimeError("no idea")


class HelplessJudge(Says):
    def suggestions(self, call: ToolCall, accesses: tuple[Access, ...]) -> tuple[str, ...]:
        raise RuntimeError("no idea")


class Asked:
    """A person who answers `answer` and remembers being asked."""

    def __init__(self, answer: Decision) -> None:
        self.answer = answer
        self.reasons: list[str] = []

    async def ask(self, call: ToolCall, accesses: tuple[Access, ...], reason: str) -> Decision:
        self.reasons.append(reason)
        return self.answer


class Broken:
    async def ask(self, call: ToolCall, accesses: tuple[Access, ...], reason: str) -> Decision:
        raise RuntimeError("the screen is gone")


def gate(judge: Says | Clueless, person: Asked | Broken | None = None) -> Gate:
    return Gate(lambda: judge, person)


@pytest.mark.parametrize(
    "verdict", [pytest.param(Allow(reason="a rule"), id="allow"), pytest.param(Deny(reason="a rule"), id="deny")]
)
async def test_what_is_decided_is_not_asked(verdict: Decision) -> None:
    person = Asked(Allow())

    assert (await gate(Says(verdict), person).decide(CALL, ACCESSES), person.reasons) == (verdict, [])


async def test_person_answers_what_nothing_else_decides() -> None:
    person = Asked(Deny(reason="not now", by_person=True))

    decision = await gate(Says(QUESTION), person).decide(CALL, ACCESSES)

    assert (decision, person.reasons) == (person.answer, ["no rule allows make"])


async def test_answer_before_may_have_been_a_rule_that_covers_this_call_too() -> None:
    person = Asked(Deny(reason="not now"))

    decision = await gate(Says(QUESTION, Allow(reason="granted")), person).decide(CALL, ACCESSES)

    assert (decision, person.reasons) == (Allow(reason="granted"), [])


@pytest.mark.parametrize(
    ("question", "rules", "advice"),
    [
        pytest.param(QUESTION, ("Bash(make *)",), " The user can allow it: Bash(make *)", id="a rule would help"),
        pytest.param(QUESTION, ("Bash(a)", "Bash(b)"), " The user can allow it: Bash(a) Bash(b)", id="two rules would"),
        pytest.param(QUESTION, (), "", id="no rule would"),
        pytest.param(QUESTION, ("Bash(" + "x" * 300 + ")",), "", id="a rule too long to tell"),
        pytest.param(Ask(reason="no rule allows make", binding=True), ("Bash(make)",), "", id="no rule may"),
    ],
)
async def test_without_a_person_a_question_is_a_no_that_says_why(
    question: Ask, rules: tuple[str, ...], advice: str
) -> None:
    assert await gate(Says(question, rules=rules)).decide(CALL, ACCESSES) == Deny(
        reason="Bash needs the user's permission (no rule allows make) and nobody can be asked here. "
        f"Do not repeat it; choose another way, or say at the end what you would have run.{advice}"
    )


async def test_no_is_short_however_long_the_reason() -> None:
    judge = Says(Ask(reason="ö" * 5_000), rules=("Bash(" + "x" * 270 + ")",))

    decision = await gate(judge).decide(CALL, ACCESSES)

    assert isinstance(decision, Deny)
    assert len(decision.reason.encode()) <= 780
    assert "ö…)" in decision.reason


@pytest.mark.parametrize(
    ("verdict", "decision"),
    [
        pytest.param(QUESTION, Allow(reason="weighed"), id="a question may be answered"),
        pytest.param(Allow(), Allow(reason="weighed"), id="a yes is weighed, too"),
        pytest.param(Ask(reason="rm", binding=True), Deny(reason="by the person"), id="only a person may answer"),
    ],
)
async def test_who_weighs_in(verdict: Verdict, decision: Decision) -> None:
    person = Asked(Deny(reason="by the person"))

    assert await gate(Says(verdict), person).decide(CALL, ACCESSES, lambda _: Allow(reason="weighed")) == decision


@pytest.mark.parametrize(
    ("question", "by"),
    [
        pytest.param(QUESTION, "delegate", id="a question"),
        pytest.param(Ask(reason="rm", binding=True), "person", id="only a person may answer"),
    ],
)
async def test_delegate_answers_in_the_person_s_place(question: Ask, by: str) -> None:
    person, delegate = Asked(Allow(reason="person")), Asked(Allow(reason="delegate"))

    judge = Says(question)

    assert await Gate(lambda: judge, person, delegate=delegate).decide(CALL, ACCESSES) == Allow(reason=by)


async def test_delegate_is_no_person_where_there_is_none() -> None:
    judge = Says(Ask(reason="rm", binding=True))

    assert isinstance(await Gate(lambda: judge, delegate=Asked(Allow())).decide(CALL, ACCESSES), Deny)


class Undecided:
    """A delegate who leaves it open."""

    async def ask(self, call: ToolCall, accesses: tuple[Access, ...], reason: str) -> Decision | None:
        return None


async def test_what_a_delegate_leaves_open_is_a_no_that_names_the_rule() -> None:
    judge = Says(QUESTION, rules=("Bash(make *)",))

    decision = await Gate(lambda: judge, delegate=Undecided()).decide(CALL, ACCESSES)

    assert isinstance(decision, Deny)
    assert decision.reason.endswith("nobody can be asked here. " + ADVICE.format("Bash(make *)"))


async def test_question_that_came_to_bind_is_not_the_delegate_s_any_more() -> None:
    person, delegate = Asked(Allow(reason="person")), Asked(Allow(reason="delegate"))
    judge = Says(QUESTION, Ask(reason="a rule granted meanwhile", binding=True))

    assert await Gate(lambda: judge, person, delegate=delegate).decide(CALL, ACCESSES) == Allow(reason="person")


async def test_question_that_breaks_is_a_no() -> None:
    assert isinstance(await gate(Says(QUESTION), Broken()).decide(CALL, ACCESSES), Deny)


async def test_call_that_cannot_be_judged_does_not_run() -> None:
    assert await gate(Clueless()).decide(CALL, ACCESSES) == Deny(
        reason="Whether Bash may run could not be decided; nothing was run."
    )


async def test_advice_that_breaks_is_left_out() -> None:
    decision = await gate(HelplessJudge(QUESTION)).decide(CALL, ACCESSES)

    assert isinstance(decision, Deny)
    assert decision.reason.endswith("what you would have run.")


REWRITTEN = ToolCall(call_id="c", tool_name="Bash", arguments={"command": "make -n"})
AS_REWRITTEN = Allow(reason="the user changed it to this")
RULE = Deny(reason="the rule says no")
BINDING = Ask(reason="the rule wants a person", binding=True)


@pytest.mark.parametrize(
    ("then", "decision"),
    [
        pytest.param(QUESTION, AS_REWRITTEN, id="would be asked about"),
        pytest.param(RULE, RULE, id="a rule forbids it"),
        pytest.param(Allow(reason="rule"), Allow(reason="rule"), id="nobody need be asked"),
    ],
)
async def test_what_a_person_changed_a_call_to_is_judged_and_not_asked_about(then: Verdict, decision: Decision) -> None:
    person = Asked(Allow(arguments={"command": "make -n"}))
    gate = Gate(lambda: judge, person)
    judge = Says(QUESTION, QUESTION, then)
    await gate.decide(CALL, ACCESSES)

    assert await gate.decide(REWRITTEN, ACCESSES) == decision
    assert person.reasons == [QUESTION.reason]


async def test_a_changed_call_that_only_a_person_may_allow_is_asked_about_as_what_it_became() -> None:
    person = Asked(Allow(arguments={"command": "make -n"}))
    judge = Says(QUESTION, QUESTION, BINDING)
    gate = Gate(lambda: judge, person)

    await gate.decide(CALL, ACCESSES)
    await gate.decide(REWRITTEN, ACCESSES)

    assert person.reasons == [QUESTION.reason, BINDING.reason]


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param([CALL], id="other arguments"),
        pytest.param([ToolCall(call_id="d", tool_name="Bash", arguments={"command": "make -n"})], id="another call"),
        pytest.param([REWRITTEN, REWRITTEN], id="a second time"),
    ],
)
async def test_a_changed_call_is_agreed_to_alone_and_once(asked: list[ToolCall]) -> None:
    person = Asked(Allow(arguments={"command": "make -n"}))
    gate = Gate(lambda: Says(QUESTION), person)
    await gate.decide(CALL, ACCESSES)

    for call in asked:
        await gate.decide(call, ACCESSES)

    assert len(person.reasons) == 2


async def test_nobody_is_asked_where_the_mode_forbids_it() -> None:
    class Silent(Says):
        asks = False

    person = Asked(Allow())

    decision = await Gate(lambda: Silent(Ask(reason="no rule allows make")), person).decide(CALL, ACCESSES)

    assert isinstance(decision, Deny)
    assert "nobody can be asked here" in decision.reason
    assert person.reasons == []
