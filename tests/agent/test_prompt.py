"""The prompt, held against rules that a reader forgets: size, topics, names, and no sentence twice."""

import re

import pytest

from tianting.agent.prompt import FAMILY_BLOCKS, SECTIONS, system_prompt, tool_names
from tianting.protocol.model_catalogue import Family

FAMILIES: tuple[Family, ...] = ("claude", "gpt", "codex", "gemini", "open")
EACH_FAMILY = pytest.mark.parametrize("family", FAMILIES)


def whole(family: Family) -> str:
    return system_prompt(family, tool_names(family))


@EACH_FAMILY
def test_prompt_is_short_and_plain(family: Family) -> None:
    prompt = whole(family)

    assert len(prompt.encode()) <= 6144
    assert len(FAMILY_BLOCKS[family].encode()) <= 400
    assert prompt.isascii()
    assert len(re.findall(r"\b[A-Z]{4,}\b", prompt)) == 0, "capitals make models over-obey"


@EACH_FAMILY
def test_prompt_names_only_tools_that_are_there(family: Family) -> None:
    assert set(re.findall(r"`(\w+)`", whole(family))) <= set(tool_names(family))


@EACH_FAMILY
def test_prompt_holds_nothing_that_changes(family: Family) -> None:
    assert not re.search(r"\d{4}|/home|/root|/tmp|Claude|GPT|Gemini|Codex|OpenAI|Anthropic", whole(family))


def test_no_rule_stands_twice() -> None:
    topics = [rule.topic for section in SECTIONS for rule in section.rules]
    assert len(topics) == len(set(topics)), "two rules on one topic contradict each other sooner or later"


@EACH_FAMILY
def test_no_sentence_stands_twice(family: Family) -> None:
    sentences = [sentence.strip() for sentence in re.split(r"[.:;\n]", whole(family)) if len(sentence.split()) > 3]
    assert len(sentences) == len(set(sentences))
    assert len(sentences) <= 80


def test_small_models_get_less() -> None:
    assert "# Long work" not in whole("open")
    assert tool_names("open") == ("Bash", "Edit", "Glob", "Grep", "Read", "Write")


@pytest.mark.parametrize(
    ("tools", "absent"),
    [
        pytest.param(("Read",), "`Grep`", id="no search tool"),
        pytest.param((), "`", id="no tools at all"),
        pytest.param(("Bash",), "Prefer", id="only the shell"),
    ],
)
def test_rules_about_absent_tools_are_left_out(tools: tuple[str, ...], absent: str) -> None:
    assert absent not in system_prompt("claude", tools)


def test_prompt_is_the_same_for_everyone() -> None:
    assert system_prompt("gpt", tool_names("gpt")) == system_prompt("gpt", tool_names("gpt"))
    assert "apply_patch" in whole("codex")
    assert "`Edit`, `Glob`, `Grep`, `Read`, `Write`" in whole("claude")
