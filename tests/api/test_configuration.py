"""The configuration of the services: defaults, constraints, every problem at once, CUE and JSON alike."""

from __future__ import annotations

import json

import pytest

from inngest_testkit.api.configuration import load_configuration, parse_configuration, reading
from inngest_testkit.errors import InvalidConfigurationError, SetupError

#: The table of recordings/dag README, "Configuration (`serve`)".
DEFAULTS = {
    "log": {"level": "info", "format": "json"},
    "eventAPI": {"addr": "0.0.0.0", "port": 8288, "maxSize": 524288, "requireKeys": False, "hosts": []},
    "coreAPI": {"addr": "0.0.0.0", "port": 8300, "hosts": []},
    "execution": {
        "drivers": {"docker": {"name": "docker", "host": None}, "http": {"name": "http"}},
        "logOutput": False,
    },
    "eventstream": {"service": {"backend": "inmemory", "topic": "events"}},
    "queue": {"service": {"backend": "inmemory"}},
    "state": {"service": {"backend": "inmemory"}},
    "datastore": {"service": {"backend": "inmemory"}},
}

#: Every service that may be chosen, as little as has to be said, and what the rest is then.
SERVICES = [
    ("eventstream", {"backend": "inmemory", "topic": "t"}, {}),
    ("eventstream", {"backend": "nats", "topic": "t", "serverURL": "nats://n"}, {}),
    ("eventstream", {"backend": "gcp-pubsub", "project": "p", "topic": "t"}, {}),
    ("eventstream", {"backend": "aws-sqs", "queueURL": "https://q", "region": "r", "topic": "t"}, {}),
    ("queue", {"backend": "aws-sqs", "queueURL": "https://q", "region": "r", "topic": "t"}, {"concurrency": 10}),
    (
        "state",
        {"backend": "redis"},
        {
            "dsn": None,
            "host": "localhost",
            "port": 6379,
            "db": 0,
            "username": None,
            "password": None,
            "maxRetries": 3,
            "poolSize": None,
            "keyPrefix": "inngest:state",
        },
    ),
    ("datastore", {"backend": "postgres"}, {"URI": "postgres://localhost:5432/postgres?sslmode=disable"}),
]


def read(text, **env):
    return parse_configuration(text if isinstance(text, str) else json.dumps(text), source="c.json", env=env)


def values(text, **env):
    return read(text, **env).configuration.model_dump(by_alias=True)


def problems(text, **env):
    with pytest.raises(InvalidConfigurationError) as caught:
        read(text, **env)
    return caught.value.problems


def nested(path, value):
    """The configuration with one setting."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def at(found, path):
    for key in path.split("."):
        found = found[key]
    return found


def test_nothing_written_gives_every_default():
    assert values("") == values("{}") == DEFAULTS


@pytest.mark.parametrize(("store", "given", "rest"), SERVICES, ids=lambda value: str(value)[:40])
def test_every_service_is_read_with_its_defaults(store, given, rest):
    assert values({store: {"service": given}})[store]["service"] == {**given, **rest}


@pytest.mark.parametrize(
    ("path", "least", "most"),
    [
        ("eventAPI.port", 1, 65535),
        ("coreAPI.port", 1, 65535),
        ("eventAPI.maxSize", 1024, None),
    ],
)
def test_numbers_have_bounds(path, least, most):
    for allowed in (least, most or least * 1000):
        assert at(values(nested(path, allowed)), path) == allowed
    for refused in [least - 1, -1, *([most + 1] if most else [])]:
        (problem,) = problems(nested(path, refused))
        assert f"{path}: expected a whole number from {least}" in problem
        assert problem.endswith(f"found {refused}")


@pytest.mark.parametrize(
    ("store", "given", "setting", "least", "most"),
    [
        ("queue", SERVICES[4][1], "concurrency", 1, None),
        ("state", {"backend": "redis"}, "port", 1, 65535),
        ("state", {"backend": "redis"}, "db", 0, None),
        ("state", {"backend": "redis"}, "maxRetries", -1, None),
        ("state", {"backend": "redis"}, "poolSize", 1, None),
    ],
)
def test_numbers_of_services_have_bounds(store, given, setting, least, most):
    def with_(number):
        return {store: {"service": {**given, setting: number}}}

    assert at(values(with_(least)), f"{store}.service.{setting}") == least
    for refused in [least - 1, *([most + 1] if most else [])]:
        (problem,) = problems(with_(refused))
        assert f"{store}.service.{setting}: expected a whole number from {least}" in problem


@pytest.mark.parametrize("level", ["trace", "debug", "info", "warn", "error"])
def test_every_level_is_read(level):
    assert values({"log": {"level": level}})["log"]["level"] == level


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("log.level", "loud", 'expected one of "trace", "debug", "info", "warn", "error", found \'loud\''),
        ("log.format", "text", "expected \"json\", the only format, found 'text'"),
        ("eventAPI.addr", "", "expected a text, the address to listen at"),
        ("eventAPI.addr", 127, "expected a text, the address to listen at"),
        ("eventAPI.port", "8288", "expected a whole number from 1 to 65535, the port, found '8288'"),
        ("eventAPI.port", 8288.5, "expected a whole number from 1 to 65535, the port, found 8288.5"),
        ("eventAPI.port", True, "expected a whole number from 1 to 65535, the port, found True"),
        ("eventAPI.requireKeys", "yes", "expected true or false"),
        ("eventAPI.hosts", "x.test", "expected a list of the names"),
        ("execution.logOutput", 1, "expected true or false"),
        ("execution.drivers", [], "expected drivers by runtime"),
        ("execution.drivers.http", {"name": "nomad"}, "expected a driver"),
        ("execution.drivers.http", "http", "expected a driver"),
        ("execution.drivers.http", {}, "expected a driver"),
        ("eventstream.service", {"backend": "kafka"}, "or one of nats, gcp-pubsub, aws-sqs, found 'kafka'"),
        ("queue.service", {"backend": "nats"}, "or one of aws-sqs, found 'nats'"),
        ("state.service", {}, "or one of redis, found {}"),
        ("datastore", "postgres", "expected settings, {...}, found 'postgres'"),
        ("eventAPI", None, "expected settings, {...}, found None"),
    ],
)
def test_a_wrong_value_is_told_with_its_path_and_what_is_expected(path, value, expected):
    (problem,) = problems(nested(path, value))
    assert problem.startswith("c.json:1:")
    assert f": {path}: " in problem
    assert expected in problem


@pytest.mark.parametrize(
    ("path", "near"), [("eventApi", "eventAPI"), ("eventAPI.prt", "port"), ("state.servce", "service")]
)
def test_an_unknown_setting_is_refused_with_the_nearest(path, near):
    (problem,) = problems(nested(path, 1))
    assert f"{path}: there is no such setting; known: " in problem
    assert f"did you mean {near!r}?" in problem


@pytest.mark.parametrize(
    ("store", "given", "missing"),
    [
        ("eventstream", {"backend": "nats"}, {"topic", "serverURL"}),
        ("eventstream", {"backend": "gcp-pubsub"}, {"topic", "project"}),
        ("eventstream", {"backend": "aws-sqs"}, {"topic", "queueURL", "region"}),
        ("queue", {"backend": "aws-sqs"}, {"topic", "queueURL", "region"}),
    ],
)
def test_what_a_service_needs_has_to_be_given(store, given, missing):
    found = problems({store: {"service": given}})
    assert {problem.split(": ")[1].rpartition(".")[2] for problem in found} == missing
    assert all("it is missing; write " in problem for problem in found)


def test_a_driver_stands_at_its_own_runtime():
    (problem,) = problems({"execution": {"drivers": {"http": {"name": "docker"}}}})
    assert "execution.drivers.http: driver 'docker' is not valid for runtime 'http'" in problem
    assert set(values({"execution": {"drivers": {"mock": {"name": "mock"}}}})["execution"]["drivers"]) == {"mock"}


CUE = """\
import c "inngest.com/defs/config"

config: c.#Config & {
	log: level: "debug" // more
	eventAPI: {port: 9000, requireKeys: true}
	execution: drivers: http: name: "http"
	state: service: {backend: "redis", host: "r"}
}
"""
JSON = {
    "log": {"level": "debug"},
    "eventAPI": {"port": 9000, "requireKeys": True},
    "execution": {"drivers": {"http": {"name": "http"}}},
    "state": {"service": {"backend": "redis", "host": "r"}},
}


def test_cue_and_json_say_the_same():
    assert values(CUE) == values(JSON) == values(CUE.replace("config: c.#Config & ", "config: ").partition("\n\n")[2])
    assert values(JSON)["eventAPI"]["port"] == 9000


WRONG = """\
log: level: "loud"
eventAPI: {
	port: 0
	prt:  1
}
execution: drivers: {
	http: name: "docker"
	x: name:    "y"
}
queue: service: backend: "aws-sqs"
state: service: {backend: "redis", db: -1}
more: 1
"""


def test_every_problem_is_told_at_once_with_its_line():
    assert [problem.rpartition("; known")[0] or problem for problem in problems(WRONG)] == [
        'c.json:1:13: log.level: expected one of "trace", "debug", "info", "warn", "error", found \'loud\'',
        "c.json:3:8: eventAPI.port: expected a whole number from 1 to 65535, the port, found 0",
        "c.json:4:8: eventAPI.prt: there is no such setting",
        (
            "c.json:7:8: execution.drivers.http: driver 'docker' is not valid for runtime 'http'; write it as docker: "
            '{name: "docker"}'
        ),
        (
            'c.json:8:5: execution.drivers.x: expected a driver, {name: "docker"}, {name: "http"} or {name: "mock"}, '
            "found 'y'"
        ),
        "c.json:10:17: queue.service.queueURL: it is missing; write a text, the URL of the queue",
        'c.json:10:17: queue.service.region: it is missing; write a text, the region of AWS, such as "us-east-1"',
        'c.json:10:17: queue.service.topic: it is missing; write a text, the name of the topic, such as "events"',
        "c.json:11:40: state.service.db: expected a whole number from 0, the number of the database, found -1",
        "c.json:12:7: more: there is no such setting",
    ]


@pytest.mark.parametrize("text", ["{", "eventAPI: {port: 1", '{"a" "b"}'])
def test_a_text_that_is_neither_is_told_with_its_place(text):
    (problem,) = problems(text)
    assert problem.startswith("c.json:1:")


def test_a_list_is_no_configuration():
    assert "the configuration: expected settings, {...}, found []" in problems("[]")[0]


# -- variables of the environment


def test_variables_stand_for_what_the_environment_has():
    text = '{"state": {"service": {"backend": "redis", "host": "$HOST", "password": "${PASS}word", "port": $PORT}}}'
    service = values(text, HOST="h", PASS="pass", PORT="7000")["state"]["service"]
    assert (service["host"], service["password"], service["port"]) == ("h", "password", 7000)


def test_a_variable_that_is_not_set_stands_for_nothing_and_is_named():
    loaded = read('{"state": {"service": {"backend": "redis", "host": "r$NOWHERE", "keyPrefix": "$ 5$"}}}')
    assert loaded.configuration.state.service.host == "r"
    assert loaded.configuration.state.service.key_prefix == "$ 5$"
    assert loaded.unset == ("NOWHERE",)


def test_a_problem_names_the_variables_that_are_not_set():
    assert problems('{"eventAPI": {"port": $PORT}}')[1:] == (
        "c.json: $PORT is not set in the environment, so nothing stands in its place",
    )


# -- where it is found


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "etc").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(reading, "LOCATIONS", ("inngest", str(tmp_path / "etc" / "inngest")))
    return tmp_path


def test_places_are_looked_at_in_order(here):
    places = ["here/inngest.cue", "here/inngest.json", "etc/inngest.cue", "etc/inngest.json"]
    env = {"INNGEST_CONFIG": "eventAPI: port: 5"}
    found = []
    for port, place in enumerate(places, start=1):
        (here / place).write_text(f'{{"eventAPI": {{"port": {port}}}}}')
    for place in places:
        found.append(load_configuration(None, env).configuration.event_api.port)
        (here / place).unlink()
    assert found == [1, 2, 3, 4]
    last = load_configuration(None, env)
    assert (last.configuration.event_api.port, last.source) == (5, "$INNGEST_CONFIG")
    assert load_configuration(None, {}).source == "the defaults"


@pytest.mark.parametrize("given", ["other.cue", "other"])
def test_a_file_that_is_named_is_the_only_one(here, given):
    (here / "here/inngest.cue").write_text("eventAPI: port: 1")
    (here / "here/other.cue").write_text("eventAPI: port: 2")
    assert load_configuration(given, {}).configuration.event_api.port == 2


def test_a_file_that_is_not_there_is_told(here):
    with pytest.raises(SetupError, match=r"there is no configuration file 'nothing.cue' \(looked in"):
        load_configuration("nothing.cue", {})


def test_a_file_that_is_no_text_is_told(here):
    (here / "here/inngest.cue").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SetupError, match="not UTF-8"):
        load_configuration(None, {})


def test_a_function_is_not_taken_for_a_configuration(here):
    (here / "here/inngest.json").write_text('{"id": "f", "name": "F", "triggers": [], "steps": {}}')
    with pytest.raises(InvalidConfigurationError, match="a function, not a configuration; give the configuration's"):
        load_configuration(None, {})


@pytest.mark.parametrize(
    ("store", "service"),
    [
        ("state", {"backend": "redis", "password": "s3cret"}),
        ("state", {"backend": "redis", "dsn": "redis://u:s3cret@h"}),
        ("datastore", {"backend": "postgres", "URI": "postgres://u:s3cret@h"}),
    ],
)
def test_a_password_is_not_shown(store, service):
    assert "s3cret" not in repr(read({store: {"service": service}}).configuration)
