"""Common code of the acceptance tests: graph documents, projects of stand-in jobs, and checks of what they leave."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kedro_aws_batch.client import RunState, Service, Started
from kedro_aws_batch.local import EmbeddedAws, service_root
from tests.local.support import alive

Json = dict[str, Any]

ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")


#: The mark by which start_run recognises a deployment's schedules.
SCHEDULE_MARK = "0123456789abcdef"


@dataclass(frozen=True)
class Node:
    """A node, and how its stand-in behaves."""

    after: Sequence[str] = ()
    seconds: float = 0
    #: Exit codes of its first, second … time; then it succeeds.
    exits: Sequence[int] = ()
    resources: Mapping[str, Any] = field(default_factory=dict)
    #: Slices of it, like `clean[7/50]`, that fail the first time.
    fails_once: Sequence[str] = ()
    #: The folders of partitions that its slices copy from, and to.
    partitions: Sequence[str] = ()


Shape = Mapping[str, Node]


def layers(*widths: int) -> dict[str, Node]:
    """Return layers of nodes: each reads two of the layer before; the only node of a layer reads all of it."""
    shape: dict[str, Node] = {}
    above: list[str] = []
    for depth, width in enumerate(widths):
        names = [f"n{depth}_{place}" for place in range(width)]
        for place, name in enumerate(names):
            some = sorted({above[place % len(above)], above[(place + 1) % len(above)]}) if above else []
            shape[name] = Node(after=above if width == 1 else some)
        above = names
    return shape


def labels(shape: Shape) -> list[str]:
    """Return what the traces of a shape's jobs are of: nodes, and slices of those that are split."""
    into = {name: node.resources.get("split", 1) for name, node in shape.items()}
    return [
        f"{name}[{number}/{many}]" if many > 1 else name for name, many in into.items() for number in range(1, many + 1)
    ]


def graph_document(pipelines: Mapping[str, Shape], **run: Any) -> Json:
    """Return a graph document as in docs/contracts.md; a pipeline's nodes must come after those they read."""
    nodes: list[Json] = []
    members: dict[str, list[int]] = {}
    for pipeline, shape in pipelines.items():
        members[pipeline] = list(range(len(nodes), len(nodes) + len(shape)))
        nodes += [_node(name, node) for name, node in shape.items()]
    defaults = {
        "job_queue": "embedded_queue",
        "job_definition": "embedded_definition",
        "job_command": "job",
        "max_workers": None,
        "group_by": ["memory"],
        "array_jobs": False,
        "on_failure": "abort",
        "memory_retry": None,
        "launch_type": "EC2",
    }
    entry: Json = {"type": "pickle.PickleDataset", "location": "remote", "versioned": False}
    parts = {**entry, "type": "partitions.PartitionedDataset", "partitions": "kept"}
    shared = {name for node in nodes if "split" in node["resources"] for name in (*node["inputs"], *node["outputs"])}
    document = {
        "format": 1,
        "project": "stand_in",
        "package": "stand_in",
        "kedro_version": "1.7.0",
        "environment": "aws_batch",
        "nodes": nodes,
        "pipelines": members,
        "datasets": {name: parts if name in shared else entry for node in nodes for name in node["outputs"]},
        "run": {**defaults, **run},
    }
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return {**document, "digest": "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()}


def _node(name: str, node: Node) -> Json:
    inputs, output = [f"{above}_data" for above in node.after], f"{name}_data"
    behaviour: Json = {"seconds": node.seconds, "exits": list(node.exits)}
    behaviour |= {"fails_once": list(node.fails_once)} if node.fails_once else {}
    behaviour |= {"partitions": list(node.partitions)} if node.partitions else {}
    return {
        "name": name,
        "str": f"{name}: {name}([{';'.join(inputs)}]) -> [{output}]",
        "namespace": None,
        "tags": [],
        "inputs": inputs,
        "outputs": [output],
        "resources": {"vcpus": 1, "memory": 1000, "environment": {"STAND_IN": json.dumps(behaviour)}}
        | dict(node.resources),
    }


@dataclass(frozen=True)
class Project:
    """A directory for stand-in jobs, and their graph document."""

    root: Path
    document: Json

    @property
    def graph(self) -> Path:
        """The file that start_run reads."""
        return self.root / "graph.json"

    @property
    def traces_file(self) -> Path:
        """The file that all stand-ins write to."""
        return self.root / "traces.jsonl"

    def traces(self, run_id: str, what: str = "begun") -> list[Json]:
        """Return the traces of a run's nodes, in order."""
        return [line for line in self.all_traces() if (line["run_id"], line["what"]) == (run_id, what)]

    def all_traces(self) -> list[Json]:
        """Return all that jobs left behind; one may be writing just now."""
        text = self.traces_file.read_text(encoding="utf-8") if self.traces_file.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def ran(self, run_id: str) -> Counter[str]:
        """Return how often each node began in a run."""
        return Counter(line["node"] for line in self.traces(run_id))

    def aws(self, **settings: Any) -> EmbeddedAws:
        """Return an embedded AWS with this checkout's service, for this project's jobs."""
        return EmbeddedAws(
            service=service_root(),
            graph_document=self.graph,
            jobs_cwd=self.root / "jobs",
            job_environment={"STAND_IN_TRACES": str(self.traces_file)},
            packaged={"scheduleMark": SCHEDULE_MARK},
            # A wide queue, so that the stand-ins don't wait for it.
            **{"max_vcpus": 32, "stop_timeout": 2, "exit_grace": 0.2, "async_retry_delays": (), **settings},
        )


def make_project(root: Path, pipelines: Mapping[str, Shape], **run: Any) -> Project:
    """Write the graph document, and the stand-in where `python -m kedro_aws_batch.job` finds it."""
    package = root / "jobs/kedro_aws_batch"
    package.mkdir(parents=True)
    package.joinpath("__init__.py").touch()
    shutil.copyfile(Path(__file__).with_name("stand_in.py"), package / "job.py")
    project = Project(root, graph_document(pipelines, **run))
    project.graph.write_text(json.dumps(project.document), encoding="utf-8")
    return project


def service(aws: EmbeddedAws) -> Service:
    return Service(aws.service_prefix, aws.client("lambda"))


def finished(aws: EmbeddedAws, started: Started, seconds: float = 60) -> RunState:
    """Return a run's state once its status is final."""
    return _described(aws, started.run_id, seconds, lambda state: state.ended)


def settled(aws: EmbeddedAws, run_id: str, seconds: float = 60) -> RunState:
    """Return a run's state once nothing of it is in flight."""
    return _described(aws, run_id, seconds, lambda state: state.settled)


def _described(aws: EmbeddedAws, run_id: str, seconds: float, fits: Callable[[RunState], bool]) -> RunState:
    deadline = time.monotonic() + seconds
    while not fits(state := service(aws).describe_run(run_id)):
        assert time.monotonic() < deadline, f"after {seconds} s run {run_id} is {state}"
        time.sleep(0.1)  # each look costs as much as a link of a chain of jobs
    return state


def statuses(state: RunState) -> dict[str, str]:
    """Return each node's status."""
    return {node: group.status for group in state.groups for node in group.nodes}


def queue_url(aws: EmbeddedAws, name: str) -> str:
    """Return the URL of one of the service's queues, by its name in resources/events.yml."""
    return str(aws.client("sqs").get_queue_url(QueueName=f"{aws.service_prefix}-{name}")["QueueUrl"])


def messages_in(aws: EmbeddedAws, name: str) -> int:
    """Return how many messages a queue has, including received ones that may come again."""
    kinds = ("", "NotVisible", "Delayed")
    names: Any = [f"ApproximateNumberOfMessages{kind}" for kind in kinds]
    answer = aws.client("sqs").get_queue_attributes(QueueUrl=queue_url(aws, name), AttributeNames=names)
    return sum(int(answer["Attributes"][each]) for each in names)


def open_runs(aws: EmbeddedAws) -> list[str]:
    """Return the runs on the list that reconcile goes through."""
    answer = aws.client("dynamodb").query(
        TableName=f"{aws.service_prefix}-RunTable",
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "active"}},
        ConsistentRead=True,
    )
    return [item["sk"]["S"] for item in answer["Items"]]


def reconcile(aws: EmbeddedAws) -> None:
    """Let the service's schedule fire now."""
    (rule,) = (rule["Name"] for rule in aws.client("events").list_rules()["Rules"] if "ScheduleExpression" in rule)
    aws.fire(rule)


def believe_invocations_short(aws: EmbeddedAws, seconds: int = 1) -> None:
    """Make reconcile assume that no invocation lives longer, so that it settles ended runs at once."""
    client = aws.client("lambda")
    name = aws.function_name("reconcile")
    variables = client.get_function(FunctionName=name)["Configuration"]["Environment"]["Variables"]
    told: Any = {**variables, "LONGEST_INVOCATION_SECONDS": str(seconds)}
    client.update_function_configuration(FunctionName=name, Environment={"Variables": told})


@contextlib.contextmanager
def reconciling(aws: EmbeddedAws, every: float) -> Iterator[None]:
    """Let the schedule fire every so many seconds rather than every minute."""
    with meanwhile(lambda: reconcile(aws), lambda: every):
        yield


@contextlib.contextmanager
def meanwhile(act: Callable[[], object], pause: Callable[[], float]) -> Iterator[None]:
    """Do something again and again until the end of the context, each time after so many seconds."""
    stopping = threading.Event()

    def work() -> None:
        while not stopping.wait(pause()):
            act()

    thread = threading.Thread(target=work, name="meanwhile")
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def function_pids() -> list[int]:
    """Return the processes of the embedded AWS's functions, all of them children of this one."""
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,command="], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 3) for line in listed.stdout.splitlines()]
    return [
        int(row[0])
        for row in rows
        if len(row) == 4 and int(row[1]) == os.getpid() and "Z" not in row[2] and row[3].endswith("bootstrap.py")
    ]


def left_alive(project: Project, functions: Sequence[int]) -> list[int]:
    """Return which of the jobs' and the functions' processes still run."""
    return [pid for pid in {*functions, *(line["pid"] for line in project.all_traces())} if alive(pid)]


def run(aws: EmbeddedAws, **request: Any) -> RunState:
    """Run to the end, and until nothing is in flight."""
    started = service(aws).start_run(request)
    finished(aws, started)
    return settled(aws, started.run_id)


def ask(aws: EmbeddedAws, key: str, request: Any) -> Json:
    """Return a function's answer, refusals included."""
    answer = aws.client("lambda").invoke(FunctionName=aws.function_name(key), Payload=json.dumps(request).encode())
    assert "FunctionError" not in answer
    return dict(json.loads(answer["Payload"].read()))


def refusal(aws: EmbeddedAws, key: str, request: Any) -> tuple[str, str]:
    error = ask(aws, key, request)["error"]
    assert {"type", "message"} <= set(error) <= {"type", "message", "details"}
    return error["type"], error["message"]


def send(aws: EmbeddedAws, *bodies: str) -> None:
    for body in bodies:
        aws.client("sqs").send_message(QueueUrl=queue_url(aws, "EventsQueue"), MessageBody=body)
