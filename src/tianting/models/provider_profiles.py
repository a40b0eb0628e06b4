"""Who can be asked: every provider we know, with its address, its key and its habits, as data.

Without it the differences between providers would be branches in code. A user's settings add to the table or
replace a row, so nothing here is special: an unknown server is a `Provider` with the default `Profile`.
"""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from tianting.protocol.messages import Dialect
from tianting.protocol.requests import Effort


class Profile(Struct, frozen=True, kw_only=True):
    """How one imitator of Chat Completions differs from the others. The defaults offend nobody."""

    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    system_role: Literal["system", "developer"] = "system"
    reasoning_in: Literal["reasoning_content", "reasoning"] = "reasoning_content"
    """The field that carries reasoning back. Reading takes any."""
    reasoning_echo: Literal["none", "text", "required", "details"] = "none"
    """What the provider wants to see again: nothing; its text; its text on every turn with calls, an empty one for
    turns of others; or its `reasoning_details`."""
    inline_thinking: bool = False
    """Answers may hold `<think>`: the server runs models whose reasoning it does not take out."""
    effort_param: Literal["none", "reasoning_effort", "reasoning", "thinking", "enable_thinking"] = "none"
    """`reasoning` nests the effort, `thinking` and `enable_thinking` switch thinking on."""
    efforts: tuple[Effort, ...] = ("low", "medium", "high")
    """The efforts it knows, lowest first; others become the nearest below."""
    stream_usage: bool = True
    """Takes `stream_options`."""
    parallel_calls: bool = False
    """Must be told that several calls at once are welcome."""
    images: Literal["none", "user", "results"] = "user"
    """Where pictures may stand. With `user`, those of tool results move behind the results."""
    documents: bool = False
    """Takes PDFs as `file` parts."""
    tool_ids: Literal["any", "mistral"] = "any"
    """`mistral`: exactly nine letters and digits."""
    args_as_object: bool = False
    """Wants a call's arguments as an object and not as JSON text."""
    null_content: bool = True
    """A turn of calls alone carries `null`; otherwise an empty text."""
    text_calls: bool = False
    """Calls may come written in the text, because the server has no parser for its model."""
    call_signature: str = ""
    """What stands in for the thought signature that calls of other models lack."""
    cache_key_field: str = ""
    cache_markers: bool = False
    """Passes `cache_control` on to models that cache only what is marked (`anthropic/…`)."""
    body: dict[str, Any] = {}
    """Fields that every request carries."""


class Provider(Struct, frozen=True, kw_only=True):
    """Somebody who serves models."""

    name: str
    dialect: Dialect
    base_url: str = ""
    """Empty where only the user can know it."""
    base_url_variable: str = ""
    """Environment variable that replaces `base_url`."""
    key_variables: tuple[str, ...] = ()
    """Environment variables that may hold the key; the first one set wins."""
    key_header: str = "authorization"
    """Header of the key. `authorization` carries it behind `Bearer`, any other as it is."""
    needs_key: bool = True
    headers: dict[str, str] = {}
    """Sent with every request."""
    longest_silence: float = 300.0
    """Seconds. A local server reads the whole prompt before it says a word."""
    profile: Profile = Profile()


def _local(name: str, port: int, key_variable: str, profile: Profile, *, base_url_variable: str = "") -> Provider:
    return Provider(
        name=name,
        dialect="openai-chat",
        base_url=f"http://localhost:{port}/v1",
        base_url_variable=base_url_variable,
        key_variables=(key_variable,),
        needs_key=False,
        longest_silence=900.0,
        profile=profile,
    )


def _hosted(name: str, base_url: str, key_variables: tuple[str, ...], profile: Profile) -> Provider:
    return Provider(name=name, dialect="openai-chat", base_url=base_url, key_variables=key_variables, profile=profile)


_ALL = (
    Provider(
        name="anthropic",
        dialect="anthropic",
        base_url="https://api.anthropic.com",
        base_url_variable="ANTHROPIC_BASE_URL",
        key_variables=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
        key_header="x-api-key",
    ),
    Provider(
        name="openai",
        dialect="openai-responses",
        base_url="https://api.openai.com/v1",
        base_url_variable="OPENAI_BASE_URL",
        key_variables=("OPENAI_API_KEY",),
    ),
    Provider(
        name="azure",
        dialect="openai-responses",
        base_url_variable="AZURE_OPENAI_BASE_URL",
        key_variables=("AZURE_OPENAI_API_KEY",),
        key_header="api-key",
    ),
    _local(
        "ollama",
        11434,
        "OLLAMA_API_KEY",
        Profile(reasoning_in="reasoning", reasoning_echo="text", effort_param="reasoning_effort", inline_thinking=True),
        base_url_variable="OLLAMA_BASE_URL",
    ),
    _local(
        "vllm", 8000, "VLLM_API_KEY", Profile(reasoning_in="reasoning", reasoning_echo="text", inline_thinking=True)
    ),
    _local(
        "llamacpp", 8080, "LLAMA_API_KEY", Profile(reasoning_echo="text", parallel_calls=True, inline_thinking=True)
    ),
    _local("lmstudio", 1234, "LMSTUDIO_API_KEY", Profile(inline_thinking=True, text_calls=True)),
    _hosted(
        "openrouter",
        "https://openrouter.ai/api/v1",
        ("OPENROUTER_API_KEY",),
        Profile(
            reasoning_in="reasoning",
            reasoning_echo="details",
            effort_param="reasoning",
            efforts=("low", "medium", "high", "xhigh"),
            documents=True,
            cache_markers=True,
        ),
    ),
    _hosted(
        "deepseek",
        "https://api.deepseek.com",
        ("DEEPSEEK_API_KEY",),
        Profile(reasoning_echo="required", effort_param="thinking", efforts=("high", "max"), images="none"),
    ),
    _hosted(
        "qwen",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        ("DASHSCOPE_API_KEY",),
        Profile(reasoning_echo="text", effort_param="enable_thinking", parallel_calls=True, null_content=False),
    ),
    _hosted(
        "kimi",
        "https://api.moonshot.ai/v1",
        ("MOONSHOT_API_KEY", "KIMI_API_KEY"),
        Profile(reasoning_echo="text", effort_param="thinking", efforts=(), cache_key_field="prompt_cache_key"),
    ),
    _hosted(
        "glm",
        "https://api.z.ai/api/paas/v4",
        ("ZAI_API_KEY", "ZHIPUAI_API_KEY"),
        Profile(reasoning_echo="text", effort_param="thinking", efforts=()),
    ),
    _hosted(
        "minimax",
        "https://api.minimax.io/v1",
        ("MINIMAX_API_KEY",),
        Profile(reasoning_echo="details", inline_thinking=True, images="none", body={"reasoning_split": True}),
    ),
    _hosted(
        "mistral",
        "https://api.mistral.ai/v1",
        ("MISTRAL_API_KEY",),
        Profile(tool_ids="mistral", stream_usage=False, null_content=False),
    ),
    _hosted(
        "groq",
        "https://api.groq.com/openai/v1",
        ("GROQ_API_KEY",),
        Profile(max_tokens_field="max_completion_tokens", reasoning_in="reasoning", effort_param="reasoning_effort"),
    ),
    _hosted("xai", "https://api.x.ai/v1", ("XAI_API_KEY",), Profile(max_tokens_field="max_completion_tokens")),
    _hosted(
        "gemini",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
        Profile(effort_param="reasoning_effort", call_signature="skip_thought_signature_validator"),
    ),
)

PROVIDERS: Mapping[str, Provider] = {provider.name: provider for provider in _ALL}
