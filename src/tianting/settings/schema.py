"""What a settings file may say. Names on the wire are those that other agents' files use, in camelCase.

`settings.schema.json` is generated from here: each docstring below is what an editor shows.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from tianting.protocol.events import PermissionMode
from tianting.protocol.messages import Dialect
from tianting.protocol.model_catalogue import Family
from tianting.protocol.requests import Effort
from tianting.sandbox.settings import SandboxSettings

NotNegative = Annotated[int, Meta(ge=0)]


class PermissionSettings(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Rules about calls. Lists of all levels are joined."""

    allow: tuple[str, ...] = ()
    """Calls that run unasked."""
    ask: tuple[str, ...] = ()
    """Calls that a person is asked about, whatever allows them."""
    deny: tuple[str, ...] = ()
    """Calls that never run."""
    default_mode: PermissionMode | None = None
    """The mode a session starts in."""
    additional_directories: tuple[str, ...] = ()
    """Directories besides the project's that count as inside."""
    disable_bypass_permissions_mode: Literal["disable"] | None = None
    """Nobody, and no flag, may switch to bypassPermissions."""
    question_timeout: Annotated[float, Meta(gt=0)] | None = None
    """Seconds that a program which drives the agent has to answer whether a call may run; without end unless told."""


class ProviderSettings(
    Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """A provider that is added, or whose address or key is changed."""

    dialect: Dialect | None = None
    """How it is spoken to."""
    base_url: str | None = None
    """Where it is, up to and with the version: https://box/v1."""
    key_variable: str | None = None
    """The environment variable that holds the key. Keys themselves have no place in a file."""
    needs_key: bool | None = None
    """Whether it refuses requests without a key."""
    headers: dict[str, str] = {}
    """Sent with every request."""
    longest_silence: Annotated[float, Meta(gt=0)] | None = None
    """Seconds until an answer that does not come, or stops coming, is asked for again."""
    profile: dict[str, Any] = {}
    """Habits of an imitator of Chat Completions that differ: fields of `Profile`, in camelCase."""


class ModelSettings(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """What the catalogue does not know of a model, or knows wrong. Prices in USD per million tokens."""

    family: Family | None = None
    """Chooses prompt and tools."""
    context_window: int | None = None
    """Tokens, input and output together."""
    max_output: int | None = None
    """Tokens of one answer."""
    input_price: float | None = None
    output_price: float | None = None
    cache_read_price: float | None = None
    """A tenth of the input price unless told."""
    images: bool | None = None
    """Whether it can see."""


class CheckpointSettings(
    Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """How much of a work tree's past is kept for undo."""

    enabled: bool = True
    """Whether anything is kept."""
    prompts: Annotated[int, Meta(ge=1)] | None = None
    """Prompts whose checkpoints are kept; 100 unless told."""
    days: Annotated[float, Meta(gt=0)] | None = None
    """Days until a checkpoint is removed; 30 unless told."""
    file_bytes: NotNegative | None = None
    """Larger files are left out; 32 MB unless told."""
    total_bytes: NotNegative | None = None
    """Bytes of one checkpoint; 1 GB unless told."""
    store_bytes: NotNegative | None = None
    """Bytes of all checkpoints of a project; 2 GB unless told."""


class AttributionSettings(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What the agent writes under what it made."""

    commit: str | None = None
    """Last lines of a commit message; empty for none."""
    pr: str | None = None
    """Last lines of a pull request; empty for none."""


class GatewayKeySettings(
    Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """Where one key of the gateway is found. The key itself has no place in a settings file."""

    upstream: str = "anthropic"
    """Whose key it is: anthropic, openai, or a name of gateway.upstreams."""
    variable: Annotated[str, Meta(pattern="^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    """The environment variable that holds it."""
    file: Annotated[str, Meta(pattern="^[~/]")] | None = None
    """The file that holds it, from / or ~/ on; nobody else may be able to read it."""
    concurrency: Annotated[int, Meta(ge=1)] | None = None
    """Requests at once; 64 unless told, and fewer where the provider refuses."""
    requests_per_minute: Annotated[float, Meta(gt=0)] | None = None
    """As the provider says unless told."""
    tokens_per_minute: Annotated[float, Meta(gt=0)] | None = None
    """As the provider says unless told."""


class GatewayUpstreamSettings(
    Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """An address that the gateway sends requests to."""

    speech: Literal["anthropic", "openai"]
    """What it understands: Messages, or Responses and Chat Completions."""
    base_url: str
    """Where it is, without /v1."""
    key_header: Literal["x-api-key", "authorization"] | None = None
    """Where it wants its key; as Anthropic or OpenAI do unless told."""


class GatewayQuotaSettings(
    Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """How much an owner may use in any span of this length."""

    hours: Annotated[float, Meta(gt=0)] = 24.0
    """The span."""
    requests: Annotated[float, Meta(ge=0)] | None = None
    """Without limit unless told."""
    tokens: Annotated[float, Meta(ge=0)] | None = None
    """Input, output and cache together; without limit unless told."""
    usd: Annotated[float, Meta(ge=0)] | None = None
    """Without limit unless told."""


class GatewaySettings(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The local door to the model APIs: `tianting gateway`."""

    keys: dict[str, GatewayKeySettings] = {}
    """Keys by the name that logs and figures call them. Of one upstream, the first is preferred."""
    upstreams: dict[str, GatewayUpstreamSettings] = {}
    """Addresses besides those of anthropic and openai, by name; or others for these."""
    quotas: dict[str, tuple[GatewayQuotaSettings, ...]] = {}
    """By owner; * is everybody who has none of their own."""


class FleetPatienceSettings(
    Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """How long a window may be silent before it counts as stuck, in seconds; 0 is for ever."""

    starting: Annotated[float, Meta(ge=0)] | None = None
    """Until it takes prompts; 30 unless told."""
    asking_model: Annotated[float, Meta(ge=0)] | None = None
    """Before the first word of an answer; 300 unless told."""
    streaming: Annotated[float, Meta(ge=0)] | None = None
    """Within an answer; 120 unless told."""
    tool_busy: Annotated[float, Meta(ge=0)] | None = None
    """While a tool works; for ever unless told."""
    tool_idle: Annotated[float, Meta(ge=0)] | None = None
    """While a tool runs that does nothing; 1800 unless told."""
    probe: Annotated[float, Meta(gt=0)] | None = None
    """Until a probe is answered; 10 unless told, and never for ever."""


class FleetLimitSettings(
    Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """How much one window may take, with all that it starts; 0 is no limit."""

    memory: NotNegative = 0
    """Bytes."""
    processes: NotNegative = 0
    """Processes and threads at a time."""
    cpu_time: NotNegative = 0
    """Seconds of processor time of each process."""


class FleetIsolationSettings(
    Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """The walls around a window."""

    choice: Literal["none", "workspace", "strict"] = "none"
    """workspace reads the machine, but no secret and no other window; strict sees programs and its own alone."""
    writable: tuple[str, ...] = ()
    """Directories besides the work tree."""
    readable: tuple[str, ...] = ()
    """Directories that would be hidden."""
    network: Literal["gateway", "machine"] = "gateway"
    """What it can reach."""
    nested_namespaces: bool = False
    """Whether the agent may build sandboxes of its own."""


class FleetPoolSettings(
    Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """Warm windows that wait for somebody to want one."""

    spares: NotNegative = 1
    """Kept while there is any demand."""
    min: NotNegative = 0
    """Kept even when nobody comes."""
    max: NotNegative = 10
    """Never exceeded."""
    idle_after: Annotated[float, Meta(gt=0)] = 900.0
    """Seconds without demand after which spares are let go."""


class FleetTemplateSettings(
    Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """One way to make a window."""

    kind: Literal["tianting", "claude", "codex", "acp", "tmux", "echo"]
    """Which agent."""
    program: str | None = None
    """Path of the agent's program; its usual name unless told."""
    arguments: tuple[str, ...] = ()
    """More arguments for it."""
    model: str | None = None
    fallback_model: str | None = None
    """Takes over when the model's limit is reached."""
    permission_mode: str | None = None
    """In the agent's own words: acceptEdits, plan."""
    system_prompt: str | None = None
    """Added to the agent's own instructions."""
    cwd: str | None = None
    """Where it works, from / on; where the command is given unless told."""
    worktree: bool = False
    """Each window gets a git worktree and a branch of its own."""
    isolation: FleetIsolationSettings = FleetIsolationSettings()
    limits: FleetLimitSettings = FleetLimitSettings()
    environment: dict[str, str] = {}
    """Variables for it. No keys: they have no place in a file."""
    pass_environment: tuple[str, ...] = ()
    """Variables of the person who starts the fleet that it gets; keys only where the gateway has none."""
    share: tuple[Literal["home", "claude", "codex", "tianting"], ...] = ()
    """Directories that it has in common with that person: their home, or the configuration of an agent."""
    patience: FleetPatienceSettings = FleetPatienceSettings()
    heartbeat: Annotated[float, Meta(gt=0)] = 60.0
    """Seconds between two probes of a window that has nothing to do."""
    grace: Annotated[float, Meta(ge=0)] = 5.0
    """Seconds in which it may end in order."""
    max_restarts: NotNegative = 5
    """Within 15 minutes; one more and it is given up."""
    continue_after_limit: bool = False
    """Go on by itself after a usage limit: that costs money while nobody looks."""
    kill_unsaved: bool = False
    """End a window that hangs even where its work tree could not be saved."""
    pool: FleetPoolSettings | None = None
    """Needs `cwd`. No spares unless told."""
    standby: bool = False
    """Keep a second process beside each window that knows the conversation and takes over when the first ends; it
    takes as much memory again. Only `tianting`, `claude` and `echo` can have one."""


class FleetRetentionSettings(
    Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """How much of the past is kept."""

    events: Annotated[int, Meta(ge=100)] = 20_000
    """Of each window."""
    event_days: Annotated[float, Meta(gt=0)] = 7.0
    heartbeat_days: Annotated[float, Meta(gt=0)] = 1.0
    prompt_days: Annotated[float, Meta(gt=0)] = 30.0
    """Of answered ones."""
    audit_days: Annotated[float, Meta(gt=0)] = 365.0


class FleetSettings(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """Windows: `tianting windows`. Read again whenever the file changes."""

    templates: dict[str, FleetTemplateSettings] = {}
    """By name. Every kind of agent is a template, too, which one of the same name replaces."""
    max_windows: Annotated[int, Meta(ge=1)] = 64
    """Alive at a time."""
    gateway: bool = True
    """Give windows the gateway instead of keys, if `gateway.keys` or the environment has any. Counts from the fleet's
    next start."""
    metrics_port: Annotated[int, Meta(ge=1, le=65_535)] | None = None
    """Of 127.0.0.1; figures are on a Unix socket alone unless told. Counts from the fleet's next start."""
    retention: FleetRetentionSettings = FleetRetentionSettings()
    """Counts from the fleet's next start."""


class Settings(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One file, or several merged."""

    model: str | None = None
    """An alias, a full name, or PROVIDER/MODEL."""
    fallback_model: str | None = None
    """Takes over when the model is overloaded. Of a list, the first counts."""
    effort_level: Effort | None = None
    """How hard the model thinks."""
    max_retries: Annotated[int, Meta(ge=0, le=100)] | None = None
    """How often a request that failed in passing is sent again; ten times unless told."""
    env: dict[str, str] = {}
    """Variables for this program and the commands it runs."""
    pass_environment: tuple[str, ...] = ()
    """Variables that commands get although their names look like secrets: ["GITHUB_TOKEN"]."""
    permissions: PermissionSettings = PermissionSettings()
    sandbox: SandboxSettings = SandboxSettings()
    hooks: dict[str, tuple[Any, ...]] = {}
    """Programs to run at events: {"PreToolUse": [{"matcher": "Bash", "hooks": [{"type": "command", …}]}]}."""
    disable_all_hooks: bool = False
    """No hook runs."""
    allowed_http_hook_urls: tuple[str, ...] | None = None
    """Addresses that hooks of type http may reach, `*` standing for anything; every public one unless told."""
    allow_managed_hooks_only: bool = False
    """Managed settings only: hooks of all other levels do not count."""
    allow_managed_permission_rules_only: bool = False
    """Managed settings only: allow rules of all other levels do not count. Deny and ask rules always do."""
    mcp_servers: dict[str, dict[str, Any]] = {}
    """Servers by name, each as in `.mcp.json`. The highest level that names one describes it alone."""
    enable_all_project_mcp_servers: bool | None = None
    """Start the servers of the project's `.mcp.json` without asking for each."""
    enabled_mcpjson_servers: tuple[str, ...] = ()
    """Servers of `.mcp.json` that may start."""
    disabled_mcpjson_servers: tuple[str, ...] = ()
    """Servers of `.mcp.json` that must not start."""
    cleanup_period_days: NotNegative | None = None
    """Days until an old transcript is removed; 30 unless told."""
    checkpoints: CheckpointSettings = CheckpointSettings()
    bash_output_max_chars: Annotated[int, Meta(ge=4_000, le=128_000)] | None = None
    """Characters of a command's output that the model is shown; 30000 unless told."""
    language: str | None = None
    """The language the agent answers in."""
    attribution: AttributionSettings = AttributionSettings()
    providers: dict[str, ProviderSettings] = {}
    """Who serves models, by name."""
    models: dict[str, ModelSettings] = {}
    """What is known of models, by name."""
    gateway: GatewaySettings = GatewaySettings()
    fleet: FleetSettings = FleetSettings()
