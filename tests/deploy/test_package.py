"""The Lambda zip: its contents, that it works alone, and that it is the same every time."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import marshal
import os
import py_compile
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cfnlint  # type: ignore[import-untyped]
import pytest
import yaml

from kedro_aws_batch._service.dag.document import read_document
from kedro_aws_batch.local import EmbeddedAws, JobDefinitionSettings, service_root
from kedro_aws_batch.package import RUNTIMES, PackageError, build_zip, service_and_stage, stage, this_runtime, zoned
from kedro_aws_batch.package.data import job_policies, wrong_bucket
from kedro_aws_batch.package.requirements import install
from kedro_aws_batch.package.schedules import read_schedules
from tests.local.support import until

from .conftest import GOLDEN, Staged, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTIONS = ("start_run", "job_state_change", "reconcile", "next_group", "describe_run", "list_runs", "cancel_run")


def entries(staged: Staged) -> list[zipfile.ZipInfo]:
    with zipfile.ZipFile(staged.packaged.path) as archive:
        return archive.infolist()


def test_the_zip_is_the_same_byte_for_byte_when_made_elsewhere(staged: Staged, tmp_path: Path) -> None:
    source = "from pathlib import Path; from kedro_aws_batch.package import build_zip; import sys"
    call = f"{source}; build_zip(Path(sys.argv[1]), Path('made/elsewhere.zip'))"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"}

    subprocess.run([sys.executable, "-c", call, str(GOLDEN)], cwd=tmp_path, env=environment, umask=0o077, check=True)

    assert (tmp_path / "made/elsewhere.zip").read_bytes() == staged.packaged.path.read_bytes()
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["elsewhere.zip"]


def test_the_zip_holds_the_service_its_dependencies_and_the_graph(staged: Staged) -> None:
    names = {entry.filename for entry in entries(staged)}
    own = {
        path.relative_to(service_root()).as_posix()
        for package in ("adapters", "dag", "handlers", "runs")
        for path in (service_root() / package).rglob("*")
        if path.suffix in {".py", ".json"}
    }

    assert own <= names
    assert {name.split("/")[0] for name in names if "dist-info" not in name} == {
        "__pycache__",
        "adapters",
        "aws_lambda_powertools",
        "dag",
        "fastjsonschema",
        "graph.json",
        "handlers",
        "jmespath",
        "runs",
        "typing_extensions.py",
    }
    assert zipfile.ZipFile(staged.packaged.path).read("graph.json") == GOLDEN.read_bytes()
    assert {Path(name).name for name in names if "dist-info/" in name and "/licenses/" not in name} <= {
        "METADATA",
        "LICENSE",
    }


def test_nothing_in_the_zip_depends_on_the_machine(staged: Staged) -> None:
    found = entries(staged)

    assert {Path(entry.filename).suffix for entry in found} <= {
        ".py",
        ".pyc",
        ".json",
        ".typed",
        ".rst",
        ".md",
        ".txt",
        "",
    }
    assert {entry.date_time for entry in found} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in found} == {0o100644}
    assert [entry.filename for entry in found] == sorted(entry.filename for entry in found)


def test_each_module_has_bytecode_that_is_never_checked_against_it(staged: Staged, unpacked: Path) -> None:
    modules = {entry.filename for entry in entries(staged) if entry.filename.endswith(".py")}
    compiled = {entry.filename for entry in entries(staged) if entry.filename.endswith(".pyc")}

    assert compiled == {Path(importlib.util.cache_from_source(name)).as_posix() for name in modules}
    content = (unpacked / importlib.util.cache_from_source("dag/decision.py")).read_bytes()
    assert content[:4] == importlib.util.MAGIC_NUMBER
    assert int.from_bytes(content[4:8], "little") == 0b01  # by hash, unchecked
    assert marshal.loads(content[16:]).co_filename == "/var/task/dag/decision.py"  # noqa: S302 - our own
    assert py_compile.PycInvalidationMode.UNCHECKED_HASH.value == 3


def test_the_size_is_reported_and_small(staged: Staged) -> None:
    assert staged.packaged.size == staged.packaged.path.stat().st_size < 3_000_000
    assert staged.packaged.runtime == f"python3.{sys.version_info.minor}"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_handler_needs_nothing_but_the_zip_and_what_lambda_provides(
    unpacked: Path, lambda_site: Path, function: str
) -> None:
    script = f"""
import sys
sys.path[:0] = [{str(unpacked)!r}, {str(lambda_site)!r}]
import handlers.{function} as module
ours = [m for m in sys.modules.values() if getattr(m, "__file__", None) and m.__file__.startswith({str(unpacked)!r})]
print(callable(module.handler), len(ours) > 20, {{m.__cached__.startswith({str(unpacked)!r}) for m in ours}})
"""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", script], capture_output=True, text=True, check=False, cwd=unpacked
    )

    assert (done.stdout.strip(), done.stderr) == ("True True {True}", "")


@pytest.fixture(scope="module")
def zipped(staged: Staged) -> Iterator[EmbeddedAws]:
    """The embedded AWS with the functions' code from the zip, and settings from serverless.yml."""
    told = json.loads((staged.directory / "packaged.json").read_text(encoding="utf-8"))
    with EmbeddedAws(
        service=service_root(),
        graph_document=GOLDEN,
        job_queue="flights_queue",
        job_definition="kedro_run",
        job_definitions={"kedro_run_large": JobDefinitionSettings()},
        packaged={"schedules": told["schedules"]},
    ) as aws:
        client = aws.client("lambda")
        for function in ("start_run", "list_runs", "describe_run"):
            settings = client.get_function(FunctionName=aws.function_name(function))["Configuration"]
            client.create_function(
                FunctionName=f"zipped-{function}",
                Runtime="python3.13",
                Role=settings["Role"],
                Handler=settings["Handler"],
                Timeout=settings["Timeout"],
                Environment={"Variables": settings["Environment"]["Variables"]},
                Code={"ZipFile": staged.packaged.path.read_bytes()},
            )
        yield aws


def invoke(aws: EmbeddedAws, function: str, request: Any) -> Any:
    answer = aws.client("lambda").invoke(FunctionName=function, Payload=json.dumps(request))
    return json.loads(answer["Payload"].read())


def test_a_run_of_the_packaged_graph_starts_from_the_zip(zipped: EmbeddedAws) -> None:
    wanted = yaml.safe_load(GOLDEN.read_text(encoding="utf-8"))["pipelines"]["__default__"]

    started = invoke(zipped, "zipped-start_run", {"idempotency_key": "once"})

    assert started == {"run_id": started.get("run_id"), "status": "RUNNING", "groups": 3, "nodes": len(wanted)}
    (run,) = invoke(zipped, "zipped-list_runs", {})["runs"]
    assert run["run_id"] == started["run_id"]


def test_the_templates_are_told_what_is_in_the_zip(staged: Staged) -> None:
    told = json.loads((staged.directory / "packaged.json").read_text(encoding="utf-8"))

    assert told["runtime"] == this_runtime()
    assert told["zip"] == {"sha256": staged.packaged.digest, "size": staged.packaged.size}
    assert (told["project"], told["jobNamePrefix"]) == ("golden_flights", "golden_flights--")
    assert (told["jobQueues"], told["jobDefinitions"]) == ("flights_queue", "kedro_run,kedro_run_large")
    assert told["jobQueueArns"] == [
        {"Fn::Sub": "arn:${AWS::Partition}:batch:${AWS::Region}:${AWS::AccountId}:job-queue/flights_queue"}
    ]


def test_a_staged_directory_is_filled_again_without_leftovers(tmp_path: Path) -> None:
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources/of_an_earlier_version.yml").write_text("Resources: {}\n")

    stage(GOLDEN, tmp_path)

    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"packaged.json", "resources", "service.zip", "serverless.yml"}
    assert not (tmp_path / "resources/of_an_earlier_version.yml").exists()


def test_schedules_keep_their_mark_where_they_are_packaged_again(tmp_path: Path) -> None:
    def mark(directory: Path) -> str:
        stage(GOLDEN, directory, settings_of(tmp_path))
        return str(json.loads((directory / "packaged.json").read_text(encoding="utf-8"))["scheduleMark"])

    assert mark(tmp_path / "here") == mark(tmp_path / "here") != mark(tmp_path / "there")


def test_a_graph_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="`kedro aws-batch compile` writes one"):
        build_zip(tmp_path / "graph.json", tmp_path / "service.zip")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not JSON", "is not JSON"),
        ("[]", "is not a graph document"),
        ('{"format": 2}', "is of format 2, but this service reads format 1"),
        (GOLDEN.read_text(encoding="utf-8").replace("golden_flights", "other_flights"), "does not match its digest"),
    ],
)
def test_what_is_no_graph_document_is_refused(tmp_path: Path, text: str, message: str) -> None:
    graph = tmp_path / "graph.json"
    graph.write_text(text)

    with pytest.raises(PackageError, match=message):
        stage(graph, tmp_path / "staged")


def wheel(folder: Path, pure: str) -> str:
    """Write the wheel of an empty distribution, and return its requirement without its hash."""
    made = folder / "empty-1.0-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("empty.py", "")
        archive.writestr("empty-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: empty\nVersion: 1.0\n")
        archive.writestr(
            "empty-1.0.dist-info/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: {pure}\nTag: py3-none-any\n"
        )
        archive.writestr("empty-1.0.dist-info/RECORD", "")
    return f"empty @ {made.as_uri()}"


def test_a_requirement_with_compiled_parts_is_refused(tmp_path: Path) -> None:
    asked = wheel(tmp_path, pure="false")
    digest = hashlib.sha256((tmp_path / "empty-1.0-py3-none-any.whl").read_bytes()).hexdigest()
    (tmp_path / "requirements.txt").write_text(f"{asked} --hash=sha256:{digest}\n")

    with pytest.raises(PackageError, match="is not pure Python"):
        install(tmp_path / "requirements.txt", tmp_path / "tree")


@pytest.mark.parametrize("end", ["", f" --hash=sha256:{'0' * 64}"])
def test_a_requirement_without_its_hash_or_with_another_one_is_not_installed(tmp_path: Path, end: str) -> None:
    (tmp_path / "requirements.txt").write_text(f"{wheel(tmp_path, pure='true')}{end}\n")

    with pytest.raises(PackageError, match=r"(?i)hash"):
        install(tmp_path / "requirements.txt", tmp_path / "tree")
    assert not (tmp_path / "tree/empty.py").exists()


def test_a_requirement_that_can_not_be_installed_is_named(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"jmespath==0.0.0.1 --hash=sha256:{'0' * 64}\n")

    with pytest.raises(PackageError, match=r"jmespath==0\.0\.0\.1"):
        install(requirements, tmp_path / "tree")


@pytest.mark.parametrize(("version", "name"), [((3, 10), "cpython"), ((3, 15), "cpython"), ((3, 12), "pypy")])
def test_a_python_that_lambda_does_not_offer_is_refused(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, int], name: str
) -> None:
    class Version(tuple):  # type: ignore[type-arg]
        major, minor = version

    monkeypatch.setattr("sys.version_info", Version((*version, 0, "final", 0)))
    monkeypatch.setattr("sys.implementation", type("Implementation", (), {"name": name}))

    with pytest.raises(PackageError, match=r"this project with one of 3\.11, 3\.12, 3\.13, 3\.14"):
        this_runtime()


def test_no_python_is_packaged_for_that_lambda_refuses_soon() -> None:
    """From AWS' table of runtimes, as cfn-lint has it: none whose functions can't be created within half a year."""
    file = Path(cfnlint.__file__).parent / "data/AdditionalSpecs/LmbdRuntimeLifecycle.json"
    blocked = {name: each["create-block"] for name, each in json.loads(file.read_text(encoding="utf-8")).items()}

    assert [name for name in RUNTIMES if blocked[name] < "2027-06"] == []
    assert blocked["python3.10"] < "2027-06"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("schedule: rate(1 day)", "is not a list of schedules"),
        ("- schedule: rate(1 days)", r"Schedule 1 in .* can't start at 'rate\(1 days\)'"),
        ("- schedule: cron(0 3 * * *)", "can't start at 'cron"),
        ("- pipeline: a", "can't start at None"),
        ("- schedule: cron(0 3 * * * *)", "exactly one of day-of-month and day-of-week must be [?]"),
        ("- {schedule: rate(2 days), pipeline: __defualt__}", "would start nothing: .*__defualt__.*Did you mean"),
        ("- {schedule: rate(2 days), tags: [of_nobody]}", "Schedule 1 in .* would start nothing: "),
        ("- {schedule: rate(2 days), tags: nightly}", "has 'nightly' as 'tags', which must be a list of texts"),
        ("- {schedule: rate(2 days), max_workers: 0}", "has 0 as 'max_workers', which must be a whole number"),
        (
            "- {schedule: rate(2 days), params: {day: 2026-11-26}}",
            "can't be sent to start_run, whose requests are JSON",
        ),
        (
            f"- {{schedule: rate(2 days), params: {{a: {'x' * 8200}}}}}",
            "8,2.. characters of JSON, but EventBridge takes 8,192",
        ),
        (
            "- {schedule: 'cron(0 6 * * ? *)', timezone: Europe/Berlim}",
            "has 'Europe/Berlim' .* Did you mean 'Europe/Berlin'",
        ),
        ("- {schedule: rate(2 days), timezone: Europe/Berlin}", "rate.* doesn't know"),
        ("- {schedule: 'cron(0 6 * * ? *)', timezone: Europe/Berlin, 1: x}", "has a field '1'"),
        ("- {schedule: 'cron(0 6 * * ? *)', timezone: [UTC]}", r"has \['UTC'\] as 'timezone'"),
        ("- {schedule: rate(2 days), pipline: a}", "has a field 'pipline'. Did you mean 'pipeline'?"),
        ("- {schedule: rate(2 days), idempotency_key: a}", "has a field 'idempotency_key'"),
        ("- {schedule: rate(2 days), nodes: ['<lambda>__1']}", "has '<' in a value, which EventBridge"),
        ("- {schedule: rate(2 days), params: {a: '${b}'}}", "which osls would take"),
        ("- {schedule: rate(2 days), reuse: 1}", "has 1 as 'reuse', which must be true or false"),
        ("- {schedule: rate(2 days), reuse: true}", "has 'reuse: true', but .* Set that, and 'reuse: false'"),
        (
            "- {schedule: rate(2 days), conf_source: s3://b/conf}",
            "would start nothing: .* is not a configuration that runs may",
        ),
        (
            "- {schedule: rate(2 days), params: {aws_batch: {resources: {default: {environment: {PATH: /x}}}}}}",
            "would start nothing: .*'PATH' is not a variable that a run may set",
        ),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(tmp_path: Path, text: str, message: str) -> None:
    schedules = tmp_path / "schedules.yml"
    schedules.write_text(text)

    with pytest.raises(PackageError, match=message):
        read_schedules(schedules, read_document(GOLDEN.read_text(encoding="utf-8")), "mark")


def test_without_a_list_of_time_zones_their_form_is_looked_at_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoned, "available_timezones", set)  # as in an image without tzdata
    assert zoned.wrong_zone("Europe/Berlin", "cron(0 6 * * ? *)") is None
    assert zoned.wrong_zone("Europe Berlin", "cron(0 6 * * ? *)") is not None


@pytest.mark.parametrize(
    "name",
    [
        *("s3://flights", "Flights", "flights/*", "fl", "flights/${x}", "flights_data", "x" * 64),
        *("flights..data", "-flights", "flights.", "192.168.5.4", "192.168.5.4/raw", "xn--flights", "sthree-flights"),
    ],
)
def test_what_is_no_bucket_is_refused(name: str) -> None:
    with pytest.raises(PackageError, match="is not a bucket"):
        job_policies([name])


@pytest.mark.parametrize("name", ["flights", "a.b-c.d", "192.168.5.4.5", "1fl", "flights/raw/..", "x" * 63])
def test_what_may_be_a_bucket_is_not_refused(name: str) -> None:
    assert wrong_bucket(name) is None


def test_the_prefix_of_the_functions_names_is_a_service_and_a_stage() -> None:
    assert service_and_stage("kedro-aws-batch-dev") == ("kedro-aws-batch", "dev")
    with pytest.raises(PackageError, match="as in 'flights-dev'"):
        service_and_stage("flights")


def test_a_schedule_starts_a_run_of_what_it_says(zipped: EmbeddedAws) -> None:
    events = zipped.client("events")
    (rule,) = [
        each["Name"] for each in events.list_rules()["Rules"] if each.get("ScheduleExpression", "").startswith("cron")
    ]
    before = [run["run_id"] for run in invoke(zipped, "zipped-list_runs", {})["runs"]]

    zipped.fire(rule)

    run = until(
        lambda: [each for each in invoke(zipped, "zipped-list_runs", {})["runs"] if each["run_id"] not in before]
    )
    described = invoke(zipped, "zipped-describe_run", {"run_id": run[0]["run_id"]})
    assert described["request"] == {"pipeline": "__default__", "params": {"rate": 0.5}}
