"""Every setting, with its default and its reason; the only file that reads the environment.

Order of precedence: command-line flags, environment, settings file (TOML, `--config` or
`EUNOE_CONFIG`), defaults. Names are `EUNOE_<GROUP>__<NAME>`; the first eight below have short
names of their own because other tools rely on them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

ENVIRONMENT_PREFIX = "EUNOE_"
#: Read by the command line, not by the tree.
CONFIG_FILE_VARIABLE = "EUNOE_CONFIG"

_GROUP = ConfigDict(frozen=True, extra="forbid")


class DatabaseSettings(BaseModel):
    """The connection pool."""

    model_config = _GROUP

    pool_min: int = Field(2, ge=1, description="Connections kept open.")
    pool_max: int = Field(10, ge=1, description="Connections at most.")
    pool_max_waiting: int = Field(
        200, ge=0, description="Callers that may wait for a connection; more are refused at once."
    )
    pool_wait_seconds: float = Field(
        2.0, gt=0, description="Longest wait for a connection before the call is refused."
    )
    statement_seconds: float = Field(
        10.0, gt=0, description="Longest time one statement may run in the database."
    )
    migrate_on_start: bool = Field(
        True, description="Apply missing migrations when the server starts."
    )


class ChatSettings(BaseModel):
    """Conversations and what is remembered of them."""

    model_config = _GROUP

    commit_after_seconds: int = Field(
        120, ge=0, le=86_400, description="Idle time after which a conversation is committed."
    )
    session_idle_seconds: int = Field(
        86_400, ge=1, description="A session unused for this long starts empty at its next use."
    )
    erase_expired_sessions: bool = Field(
        False,
        description="Delete the dialogue of a session that was unused for so long, with what was "
        "learnt from it alone.",
    )
    replay_tokens: int = Field(
        8_000, ge=0, description="Most tokens of history that a session puts before new messages."
    )
    memory_deadline_seconds: float = Field(
        2.0, gt=0, description="Longest time a memory step may take before the chat goes on."
    )
    max_body_bytes: int = Field(
        16 * 1024 * 1024, ge=1024, description="Largest request body over HTTP and gRPC."
    )


class RecallSettings(BaseModel):
    """What is looked up before a chat is answered, and how it is put into the request."""

    model_config = _GROUP

    max_notes: int = Field(12, ge=0, description="Notes injected at most.")
    max_tokens: int = Field(1_500, ge=0, description="Estimated tokens injected at most.")
    min_relevance: float | None = Field(
        None, ge=0, le=1, description="Notes below this relevance are left out (none: built in)."
    )
    role: Literal["user", "system", "developer"] = Field(
        "user",
        description="Role of the injected message. Notes quote what people said, so by default "
        "they have no more authority than a user.",
    )


class ScreeningSettings(BaseModel):
    """What is not kept as it was sent."""

    model_config = _GROUP

    secrets: Literal["allow", "redact", "block"] = Field(
        "allow",
        description="Keys, cards, passwords and tokens in what is stored: kept, replaced by a "
        "mark, or the write refused. A chat is redacted rather than refused, and the model "
        "always gets the client's own words. Kept by default, because what was written reads "
        "back as it was and a session replays what was said; facts never hold secrets.",
    )


class EmbedderSettings(BaseModel):
    """Where vectors come from."""

    model_config = _GROUP

    provider: Literal["wordllama", "openai"] = Field(
        "wordllama", description="`wordllama` is built in; `openai` is any compatible endpoint."
    )
    base_url: str = Field("", description="Endpoint of the `openai` embedder.")
    api_key: SecretStr = Field(SecretStr(""), description="Key for that endpoint.")
    model: str = Field("text-embedding-3-small", description="Model of the `openai` embedder.")
    dimension: int = Field(
        1536, ge=1, le=4000, description="Length of the vectors of the `openai` embedder."
    )


class ExtractorSettings(BaseModel):
    """What finds facts in conversations when they are committed."""

    model_config = _GROUP

    provider: Literal["rules", "llm"] = Field(
        "rules",
        description="`rules` is built in, reads English and asks no model; `llm` is any "
        "OpenAI-compatible model.",
    )
    base_url: str = Field(
        "", description="Endpoint of the `llm` extractor; empty: the upstream, with its key."
    )
    api_key: SecretStr = Field(
        SecretStr(""), description="Key for that endpoint. The upstream's is never sent there."
    )
    model: str = Field("gpt-4o-mini", description="Model of the `llm` extractor.")


class UpstreamSettings(BaseModel):
    """How long the model endpoint may take."""

    model_config = _GROUP

    connect_seconds: float = Field(5.0, gt=0, description="Longest time to connect.")
    first_byte_seconds: float = Field(
        600.0, gt=0, description="Longest time until the answer begins."
    )
    idle_seconds: float = Field(120.0, gt=0, description="Longest pause inside a stream.")


class WorkerSettings(BaseModel):
    """The worker that commits idle conversations."""

    model_config = _GROUP

    concurrency: int = Field(2, ge=0, description="Conversations committed at a time; 0: none.")
    poll_seconds: float = Field(0.5, gt=0, description="Pause between looks for due work.")
    lease_seconds: float = Field(
        30.0, ge=1, description="A claim not renewed for this long is free again."
    )
    max_attempts: int = Field(5, ge=1, description="Tries before a conversation is set aside.")


class RetentionSettings(BaseModel):
    """How long things are kept that nobody uses."""

    model_config = _GROUP

    default_days: int = Field(
        0,
        ge=0,
        le=36_500,
        description="In namespaces that say nothing themselves, dialogues idle for so many days "
        "and memories unchanged for so many are erased; 0: never.",
    )


class HttpSettings(BaseModel):
    """Streams over HTTP."""

    model_config = _GROUP

    keep_alive: Literal["off", "comment", "chunk"] = Field(
        "comment",
        description="What fills a silence in a stream: nothing, an SSE comment, or an empty "
        "chat.completion.chunk for clients that choke on comments.",
    )
    keep_alive_seconds: float = Field(
        15.0, gt=0, description="Longest silence in a stream before it is filled."
    )
    write_idle_seconds: float = Field(
        60.0, gt=0, description="A client that reads nothing for this long is disconnected."
    )


class LimitsSettings(BaseModel):
    """How much at a time, and how much for each API key. Over it: OVERLOADED,
    RATE_LIMIT_EXCEEDED or QUOTA_EXCEEDED, and when to come back."""

    model_config = _GROUP

    calls: int = Field(
        0,
        ge=0,
        description="Calls at a time that read, write or search; others wait a moment in line. "
        "0: 8 with the built-in embedder, 64 with one that must be asked over a network.",
    )
    chats: int = Field(
        1_000, ge=1, description="Calls at a time that wait for a model, streams included."
    )
    chat_steps: int = Field(
        8, ge=1, description="Chats at a time that look up or store memory; others wait in line."
    )
    calls_per_minute: int = Field(
        0,
        ge=0,
        description="Calls of one API key a minute, in one process of the server; 0: any number.",
    )
    burst: int = Field(0, ge=0, description="Of these so many at once; 0: as many as in a minute.")
    monthly_calls: int = Field(
        0,
        ge=0,
        description="Calls of one API key in a calendar month (UTC) if the key says nothing else; "
        "0: any number.",
    )


class ServerSettings(BaseModel):
    """The process itself."""

    model_config = _GROUP

    workers: int = Field(
        1,
        ge=1,
        le=64,
        description="Processes that serve on the same ports. Each has its own pool, limits and "
        "commit workers. (Linux)",
    )
    call_seconds: float = Field(
        10.0,
        gt=0,
        description="Longest time a call may take that waits for nothing but the database.",
    )
    drain_seconds: float = Field(
        30.0, ge=0, description="Longest time running calls get to finish after SIGTERM."
    )
    drain_delay_seconds: float = Field(
        0.0, ge=0, description="Pause between turning not-ready and refusing new calls."
    )
    reflection: bool = Field(
        True,
        description="Describe the API to whoever asks: gRPC reflection, /openapi.json, /docs.",
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="`auto`: console on a terminal, JSON otherwise."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info")


class Settings(BaseSettings):
    """The whole tree, frozen."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
    )

    data_dir: Path = Field(Path(".eunoe"), description="Where the embedded Postgres lives.")
    database_url: SecretStr = Field(
        SecretStr(""), description="An outside Postgres with pgvector; empty: the embedded one."
    )
    http_address: str = Field("127.0.0.1:8080", description="Where HTTP/JSON is served.")
    grpc_address: str = Field("127.0.0.1:50051", description="Where gRPC is served.")
    ops_address: str = Field(
        "127.0.0.1:9090", description="Where /livez, /readyz and /metrics are served."
    )
    bootstrap_api_key: SecretStr | None = Field(
        None,
        description="A first key with full rights over project `default`, made at start if absent "
        "(20 characters or more). None: the first start makes one and prints it once.",
    )
    upstream_base_url: str = Field(
        "", description="An OpenAI-compatible endpoint; empty: the built-in offline model."
    )
    upstream_api_key: SecretStr = Field(SecretStr(""), description="This server's key there.")

    database: DatabaseSettings = DatabaseSettings()
    chat: ChatSettings = ChatSettings()
    recall: RecallSettings = RecallSettings()
    screening: ScreeningSettings = ScreeningSettings()
    embedder: EmbedderSettings = EmbedderSettings()
    extractor: ExtractorSettings = ExtractorSettings()
    upstream: UpstreamSettings = UpstreamSettings()
    worker: WorkerSettings = WorkerSettings()
    retention: RetentionSettings = RetentionSettings()
    http: HttpSettings = HttpSettings()
    limits: LimitsSettings = LimitsSettings()
    server: ServerSettings = ServerSettings()

    @field_validator("bootstrap_api_key")
    @classmethod
    def _long_enough(cls, key: SecretStr | None) -> SecretStr | None:
        if key is None or key.get_secret_value() == "":
            return None
        if len(key.get_secret_value()) < 20:
            raise ValueError("must have 20 characters or more")
        if not key.get_secret_value().isascii() or not key.get_secret_value().isprintable():
            raise ValueError("must be printable ASCII, because it travels in a header")
        return key

    @field_validator("http_address", "grpc_address", "ops_address")
    @classmethod
    def _host_and_port(cls, address: str) -> str:
        host, separator, port = address.rpartition(":")
        if not separator or not host or not port.isdigit() or int(port) > 65_535:
            raise ValueError("must be host:port, such as 127.0.0.1:8080 or [::1]:8080")
        return address

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags (init) over environment over file; no dotenv file is ever read by surprise."""
        del dotenv_settings, file_secret_settings
        file = os.environ.get(CONFIG_FILE_VARIABLE)
        sources: list[PydanticBaseSettingsSource] = [init_settings, env_settings]
        if file:
            sources.append(TomlConfigSettingsSource(settings_cls, toml_file=Path(file)))
        return tuple(sources)

    @classmethod
    def load(cls, **flags: Any) -> Self:
        """The settings as flags, environment and file say. Raises pydantic.ValidationError."""
        return cls(**{name: value for name, value in flags.items() if value is not None})


def unknown_variables() -> list[str]:
    """`EUNOE_*` variables that set nothing: pydantic-settings ignores them without a word."""
    known = {CONFIG_FILE_VARIABLE}
    for name, field in Settings.model_fields.items():
        variable = f"{ENVIRONMENT_PREFIX}{name}".upper()
        known.add(variable)
        group = field.annotation
        if isinstance(group, type) and issubclass(group, BaseModel):
            known.update(f"{variable}__{inner}".upper() for inner in group.model_fields)
    return sorted(
        name
        for name in os.environ
        if name.upper().startswith(ENVIRONMENT_PREFIX) and name.upper() not in known
    )


def wants_traces() -> bool:
    """Whether OpenTelemetry's own variables ask for traces; an SDK would guess a collector."""
    return (
        os.environ.get("OTEL_SDK_DISABLED", "").lower() != "true"
        and os.environ.get("OTEL_TRACES_EXPORTER", "otlp") == "otlp"
        and any(
            os.environ.get(name)
            for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        )
    )


def split_address(address: str) -> tuple[str, int]:
    """`127.0.0.1:8080` and `[::1]:8080` as host and port."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
