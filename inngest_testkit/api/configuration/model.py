"""The settings, their defaults and what they may be.

Source: recordings/dag README, "Configuration (`serve`)", and the definition `#Config` of the v0.5.0 server. Every field
is described by what is expected of it, which is what an error says. Additions of ours are `eventAPI.requireKeys`, and
`hosts` of both APIs.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "AwsSqsQueue",
    "AwsSqsStream",
    "Configuration",
    "CoreApi",
    "DataStoreSettings",
    "DockerDriver",
    "Driver",
    "EventApi",
    "EventStreamSettings",
    "Execution",
    "GcpPubSubStream",
    "HttpDriver",
    "Log",
    "MemoryDataStore",
    "MemoryQueue",
    "MemoryState",
    "MemoryStream",
    "MockDriver",
    "NatsStream",
    "PostgresDataStore",
    "QueueSettings",
    "RedisState",
    "Section",
    "StateSettings",
]

_EVERYWHERE = "0.0.0.0"  # noqa: S104 - the server's default

Port: TypeAlias = Annotated[int, Field(ge=1, le=65535, description="a whole number from 1 to 65535, the port")]
Address: TypeAlias = Annotated[
    str, Field(min_length=1, description='a text, the address to listen at, such as "127.0.0.1"')
]
Hosts: TypeAlias = Annotated[
    list[str],
    Field(
        description='a list of the names that the service is called by, such as ["events.example.com"]',
    ),
]
Topic: TypeAlias = Annotated[str, Field(description='a text, the name of the topic, such as "events"')]
Region: TypeAlias = Annotated[str, Field(description='a text, the region of AWS, such as "us-east-1"')]
QueueUrl: TypeAlias = Annotated[str, Field(alias="queueURL", description="a text, the URL of the queue")]


class Section(BaseModel):
    """A part of the configuration; it takes no setting that it does not know, and turns no text into a number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_by_name=False, validate_by_alias=True)


class Log(Section):
    """What is logged, and how."""

    level: Literal["trace", "debug", "info", "warn", "error"] = Field(
        default="info", description='one of "trace", "debug", "info", "warn", "error"'
    )
    format: Literal["json"] = Field(default="json", description='"json", the only format')


class EventApi(Section):
    """The service that takes events."""

    addr: Address = _EVERYWHERE
    port: Port = 8288
    max_size: int = Field(
        default=512 * 1024,
        alias="maxSize",
        ge=1024,
        description="a whole number from 1024, the most bytes of a request",
    )
    require_keys: bool = Field(
        default=False, alias="requireKeys", description="true or false: whether events are taken only with a source key"
    )
    hosts: Hosts = Field(default_factory=list)


class CoreApi(Section):
    """The service that functions are deployed to."""

    addr: Address = _EVERYWHERE
    port: Port = 8300
    hosts: Hosts = Field(default_factory=list)


class DockerDriver(Section):
    """Runs steps in containers."""

    name: Literal["docker"] = Field(description='"docker"')
    host: str | None = Field(
        default=None, description="a text, the address of the Docker daemon (without it DOCKER_HOST says)"
    )


class HttpDriver(Section):
    """Runs steps by calling their URL."""

    name: Literal["http"] = Field(description='"http"')


class MockDriver(Section):
    """Stands for steps in the server's own tests."""

    name: Literal["mock"] = Field(description='"mock"')


Driver: TypeAlias = Annotated[
    DockerDriver | HttpDriver | MockDriver,
    Field(discriminator="name", description='a driver, {name: "docker"}, {name: "http"} or {name: "mock"}'),
]


def _default_drivers() -> dict[str, DockerDriver | HttpDriver | MockDriver]:
    return {"docker": DockerDriver(name="docker"), "http": HttpDriver(name="http")}


class Execution(Section):
    """How steps are run; each driver stands at its own runtime, which is checked where the configuration is read."""

    drivers: dict[str, Driver] = Field(
        default_factory=_default_drivers, description='drivers by runtime, such as {http: {name: "http"}}'
    )
    log_output: bool = Field(
        default=False, alias="logOutput", description="true or false: whether what steps give is logged"
    )


class MemoryStream(Section):
    """Events in this process's memory."""

    backend: Literal["inmemory"] = "inmemory"
    topic: Topic = "events"


class NatsStream(Section):
    """Events in NATS."""

    backend: Literal["nats"]
    topic: Topic
    server_url: str = Field(alias="serverURL", description="a text, the URL of the server")


class GcpPubSubStream(Section):
    """Events in Pub/Sub."""

    backend: Literal["gcp-pubsub"]
    project: str = Field(description="a text, the name of the project")
    topic: Topic


class AwsSqsStream(Section):
    """Events in SQS."""

    backend: Literal["aws-sqs"]
    queue_url: QueueUrl
    region: Region
    topic: Topic


class MemoryQueue(Section):
    """Work in this process's memory."""

    backend: Literal["inmemory"] = "inmemory"


class AwsSqsQueue(Section):
    """Work in SQS."""

    backend: Literal["aws-sqs"]
    queue_url: QueueUrl
    region: Region
    topic: Topic
    concurrency: int = Field(default=10, ge=1, description="a whole number from 1, how many items are worked at once")


class MemoryState(Section):
    """Runs in this process's memory."""

    backend: Literal["inmemory"] = "inmemory"


class RedisState(Section):
    """Runs in Redis; `dsn` goes before host, port, db, username and password."""

    backend: Literal["redis"]
    dsn: str | None = Field(
        default=None, repr=False, description="a text, a URL such as redis://user:password@host:6379/0"
    )
    host: str = Field(default="localhost", description="a text, the name of the host")
    port: Port = 6379
    db: int = Field(default=0, ge=0, description="a whole number from 0, the number of the database")
    username: str | None = Field(default=None, description="a text, the user's name")
    password: str | None = Field(default=None, repr=False, description="a text, the user's password")
    max_retries: int = Field(
        default=3, alias="maxRetries", ge=-1, description="a whole number from -1, how often a command is tried again"
    )
    pool_size: int | None = Field(
        default=None, alias="poolSize", ge=1, description="a whole number from 1, how many connections are kept"
    )
    key_prefix: str = Field(default="inngest:state", alias="keyPrefix", description="a text, what all keys begin with")


class MemoryDataStore(Section):
    """Functions in this process's memory."""

    backend: Literal["inmemory"] = "inmemory"


class PostgresDataStore(Section):
    """Functions in PostgreSQL."""

    backend: Literal["postgres"]
    uri: str = Field(
        default="postgres://localhost:5432/postgres?sslmode=disable",
        alias="URI",
        repr=False,
        description="a text, a URL such as postgres://user:password@host:5432/database",
    )


class EventStreamSettings(Section):
    """Where events are between the event API and the runner."""

    service: MemoryStream | NatsStream | GcpPubSubStream | AwsSqsStream = Field(
        default_factory=MemoryStream,
        discriminator="backend",
        description='a service, {backend: "inmemory", topic: "events"}, or one of nats, gcp-pubsub, aws-sqs',
    )


class QueueSettings(Section):
    """Where work is between the runner and the executor."""

    service: MemoryQueue | AwsSqsQueue = Field(
        default_factory=MemoryQueue,
        discriminator="backend",
        description='a service, {backend: "inmemory"}, or one of aws-sqs',
    )


class StateSettings(Section):
    """Where the state of runs is."""

    service: MemoryState | RedisState = Field(
        default_factory=MemoryState,
        discriminator="backend",
        description='a service, {backend: "inmemory"}, or one of redis',
    )


class DataStoreSettings(Section):
    """Where functions, actions and source keys are."""

    service: MemoryDataStore | PostgresDataStore = Field(
        default_factory=MemoryDataStore,
        discriminator="backend",
        description='a service, {backend: "inmemory"}, or one of postgres',
    )


class Configuration(Section):
    """The configuration of all services."""

    log: Log = Field(default_factory=Log, description="settings, {...}")
    event_api: EventApi = Field(default_factory=EventApi, alias="eventAPI", description="settings, {...}")
    core_api: CoreApi = Field(default_factory=CoreApi, alias="coreAPI", description="settings, {...}")
    execution: Execution = Field(default_factory=Execution, description="settings, {...}")
    eventstream: EventStreamSettings = Field(default_factory=EventStreamSettings, description="settings, {...}")
    queue: QueueSettings = Field(default_factory=QueueSettings, description="settings, {...}")
    state: StateSettings = Field(default_factory=StateSettings, description="settings, {...}")
    datastore: DataStoreSettings = Field(default_factory=DataStoreSettings, description="settings, {...}")
