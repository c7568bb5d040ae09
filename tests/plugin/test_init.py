from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from kedro_aws_batch import __version__
from tests.packaging import packages

from .commands import call
from .project import Sources, pickled
from .test_files import mode, umask

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[[Sources], Path]

BASE: dict[str, Any] = {
    "raw": {"type": "pandas.CSVDataset", "filepath": "data/01_raw/raw.csv", "load_args": {"sep": ";"}},
    "{name}_model": pickled("data/06/{name}.pkl", versioned=True),
    "cached": {"type": "CachedDataset", "dataset": pickled("data/cached.pkl")},
    "remote": pickled("s3://elsewhere/remote.pkl"),
    "held": {"type": "MemoryDataset"},
}


WHEEL = f"kedro_aws_batch-{__version__}-py3-none-any.whl"


@pytest.fixture
def bare(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> Path:
    project = make_project(Sources(base_catalog=BASE))
    for file in ("catalog.yml", "parameters.yml"):
        (project / "conf/aws_batch" / file).unlink()
    monkeypatch.chdir(project)
    return project


@pytest.fixture
def deployable(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that lacks only the files of init for packaging."""
    base = {name: pickled(f"data/{name}.pkl") for name in ("raw", "middle", "final")}
    project = make_project(Sources(base_catalog=base))
    monkeypatch.chdir(project)
    return project


def test_init_moves_the_local_datasets_to_s3_and_leaves_the_others(bare: Path) -> None:
    result = call("init", "--bucket=mine")
    assert result.exit_code == 0, result.output
    assert yaml.safe_load((bare / "conf/aws_batch/catalog.yml").read_text()) == {
        "raw": {"type": "pandas.CSVDataset", "filepath": "s3://mine/01_raw/raw.csv", "load_args": {"sep": ";"}},
        "{name}_model": pickled("s3://mine/06/{name}.pkl", versioned=True),
        "cached": {"type": "CachedDataset", "dataset": pickled("s3://mine/cached.pkl")},
    }
    assert "3 datasets moved to s3://mine/" in result.output
    assert re.findall(r"^  (kedro aws-batch .*?)  ", result.output, re.MULTILINE) == [
        "kedro aws-batch check",
        "kedro aws-batch run --local",
        "kedro aws-batch deploy",
    ]


def test_what_init_writes_passes_the_check(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    base = {name: pickled(f"data/{name}.pkl") for name in ("raw", "middle", "final")}
    project = make_project(Sources(base_catalog=base))
    monkeypatch.chdir(project)
    assert call("init", "--bucket=mine", "--force").exit_code == 0
    result = call("check")
    assert (result.exit_code, result.stderr) == (0, "")


def test_a_name_that_no_bucket_can_have_is_refused_before_it_is_in_the_catalog(bare: Path) -> None:
    refused = call("init", "--bucket=s3://mine")
    assert (refused.exit_code, (bare / "Dockerfile").exists()) == (1, False)
    assert refused.stderr.startswith("Error: 's3://mine' is not a bucket: write its name, or name/prefix for a part")


def test_what_is_there_stays_and_is_named_unless_forced(bare: Path) -> None:
    (bare / "Dockerfile").write_text("FROM scratch\n")
    result = call("init")
    assert result.exit_code == 0
    assert "wrote package.json\n" in result.output
    assert "wrote Dockerfile" not in result.output
    assert "kept the existing Dockerfile: make sure that its image has the project and installs" in result.output
    assert (bare / "Dockerfile").read_text() == "FROM scratch\n"
    again = call("init", "--bucket=other")
    assert "kept the existing conf/aws_batch/catalog.yml\n" in again.output
    assert "moved to" not in again.output
    assert call("init", "--force").exit_code == 0
    assert "FROM python:" in (bare / "Dockerfile").read_text()


def test_the_image_has_bytecode_a_user_that_is_not_root_and_no_secrets(bare: Path) -> None:
    call("init")
    dockerfile = (bare / "Dockerfile").read_text()
    lines = dockerfile.splitlines()
    assert any("compileall" in line and "unchecked-hash" in line for line in lines)
    assert lines.index("USER kedro") > max(place for place, line in enumerate(lines) if line.startswith("RUN"))
    assert "$$" not in dockerfile
    assert {"conf/local", "data", "**/*credentials*"} <= set((bare / ".dockerignore").read_text().splitlines())


@pytest.mark.parametrize("lists", [["requirements.txt", "README.md"], ["README.md"], []])
def test_the_image_is_made_of_what_the_project_has(bare: Path, lists: list[str]) -> None:
    for name in lists:
        (bare / name).write_text("")
    call("init")
    lines = (bare / "Dockerfile").read_text().splitlines()

    copies = [line.split()[1:] for line in lines if line.startswith("COPY ") and "--from=" not in line]
    whole = copies.index([".", "."])
    assert [name for *names, _ in copies for name in names if "*" not in name and not (bare / name).exists()] == []
    before = {found.name for *names, _ in copies[:whole] for name in names for found in bare.glob(name)} - {WHEEL}
    assert before == ({"requirements.txt"} if "requirements.txt" in lists else {"pyproject.toml", "src", *lists})
    assert all(target.endswith("/") for *names, target in copies if len(names) > 1)
    ignored = (bare / ".dockerignore").read_text().splitlines()
    assert f"!{copies[0][0]}" in ignored
    assert not {"src", "conf", "conf/aws_batch", "conf/base", "pyproject.toml", "README.md", *lists} & set(ignored)


def installs(project: Path) -> str:
    """Return what pip installs in the project's Dockerfile."""
    (line,) = re.findall(r"^RUN pip install (.*)$", (project / "Dockerfile").read_text(), re.MULTILINE)
    return str(line)


def test_the_image_gets_the_wheel_of_what_packages(bare: Path) -> None:
    result = call("init")
    wheel = bare / "build/aws_batch" / WHEEL
    assert f"wrote build/aws_batch/{WHEEL}\n" in result.output
    assert "COPY build/aws_batch/kedro_aws_batch-*.whl /wheels/\n" in (bare / "Dockerfile").read_text()
    assert installs(bare).endswith('"$(echo /wheels/kedro_aws_batch-*.whl)[s3]"')
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        assert {"kedro_aws_batch/job.py", "kedro_aws_batch/_service/serverless.yml"} <= set(archive.namelist())


@packages
def test_packaging_leaves_one_wheel_and_of_this_version(deployable: Path) -> None:
    call("init", "--force", "--bucket=mine")
    first = (deployable / "build/aws_batch" / WHEEL).read_bytes()
    older = deployable / "build/aws_batch/kedro_aws_batch-0.0.9-py3-none-any.whl"
    (deployable / "build/aws_batch" / WHEEL).rename(older)
    with umask(0o077):
        result = call("package")
    assert f"build/aws_batch/{WHEEL}: kedro-aws-batch for the image.\n" in result.output
    assert [found.name for found in (deployable / "build/aws_batch").glob("*.whl")] == [WHEEL]
    assert (deployable / "build/aws_batch" / WHEEL).read_bytes() == first
    assert {mode(path) for path in (deployable / "build").rglob("*") if path.is_file()} == {0o600}


@pytest.mark.parametrize(
    ("source", "pinned"),
    [
        ("index", f'"kedro-aws-batch[s3]=={__version__}"'),
        (
            "git+https://git.example/kedro-aws-batch@v1",
            f'"kedro-aws-batch[s3] @ git+https://git.example/kedro-aws-batch@v1" "kedro-aws-batch=={__version__}"',
        ),
    ],
)
@packages
def test_the_image_may_get_the_plugin_from_elsewhere_in_the_version_that_packages(
    deployable: Path, source: str, pinned: str
) -> None:
    assert call("init", "--force", "--bucket=mine", f"--plugin-from={source}").exit_code == 0
    assert installs(deployable).endswith(pinned)
    assert list(deployable.glob("build/**/*.whl")) == []
    assert call("package").exit_code == 0

    dockerfile = deployable / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace(f"=={__version__}", "==0.0.9"))
    refused = call("package")
    assert refused.stderr == (
        f"Error: The Dockerfile installs kedro-aws-batch 0.0.9, but this is {__version__}: jobs and functions must "
        f"have the same version. Write {__version__} there, and build and push the image under a new tag.\n"
    )


ENDING = f"end it with @ and the commit, or the tag, of {__version__}."


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("pypi", "--plugin-from takes wheel, index or a URL that begins with git+, not 'pypi'."),
        (
            "git+ssh://git.example/ours",
            f"'git+ssh://git.example/ours' doesn't say which kedro-aws-batch: {ENDING}",
        ),
    ],
)
def test_a_source_of_the_plugin_that_says_not_which_is_refused(bare: Path, source: str, why: str) -> None:
    refused = call("init", f"--plugin-from={source}")
    assert (refused.exit_code, refused.stderr) == (1, f"Error: {why}\n")
    assert not (bare / "Dockerfile").exists()


def test_the_deploying_tool_is_pinned(bare: Path) -> None:
    call("init")
    ours = json.loads((Path(__file__).parents[2] / "package.json").read_text())["devDependencies"]["osls"]
    assert json.loads((bare / "package.json").read_text())["devDependencies"] == {"osls": ours}


def workflow(file: Path) -> dict[str, Any]:
    """Return a workflow, whose key `on` YAML takes for a truth value."""
    read: dict[Any, Any] = yaml.safe_load(file.read_text())
    return {("on" if key is True else key): value for key, value in read.items()}


def test_github_deploys_what_main_has_without_keys_and_with_pinned_actions(bare: Path) -> None:
    (bare / "requirements.txt").write_text("kedro\n")
    result = call("init", "--bucket=mine", "--github")
    assert result.exit_code == 0
    assert "wrote .github/workflows/deploy-aws_batch.yml\n" in result.output
    assert f"deploy-aws_batch.yml installs kedro-aws-batch=={__version__} from pip's index. If that" in result.output
    file = bare / ".github/workflows/deploy-aws_batch.yml"
    made = workflow(file)
    (job,) = made["jobs"].values()
    used = [step["uses"] for step in job["steps"] if "uses" in step]
    script = "\n".join(step["run"] for step in job["steps"] if "run" in step).splitlines()
    name = yaml.safe_load((bare / "conf/aws_batch/parameters.yml").read_text())["aws_batch"]["service"]

    assert made["on"] == {"push": {"branches": ["main"]}, "workflow_dispatch": None}
    assert made["permissions"] == {"contents": "read", "id-token": "write"}
    assert [each.partition("@")[0] for each in used] == [
        "actions/checkout",
        "actions/setup-python",
        "actions/setup-node",
        "aws-actions/configure-aws-credentials",
        "aws-actions/amazon-ecr-login",
    ]
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", each) for each in used)
    assert re.findall(r"secrets\.|aws-access-key|AKIA", file.read_text()) == []
    assert script == [
        'pip install -r requirements.txt "$KEDRO_AWS_BATCH"',
        "npm install --no-audit --no-fund",
        "kedro aws-batch check --env=aws_batch",
        "kedro aws-batch package --env=aws_batch",
        'docker build --platform linux/amd64 --tag "$IMAGE" .',
        'docker push "$IMAGE"',
        'kedro aws-batch deploy --env=aws_batch --param="image=$IMAGE"',
    ]
    assert made["env"]["KEDRO_AWS_BATCH"] == f"kedro-aws-batch=={__version__}"
    assert job["steps"][-1]["env"]["IMAGE"].endswith(f"/{name.removesuffix('-dev')}:${{{{ github.sha }}}}")


def test_the_workflow_of_a_project_within_a_repository_is_where_github_looks(bare: Path) -> None:
    (bare.parent / ".git").mkdir()
    source = "git+https://git.example/kedro-aws-batch@v1"
    result = call("init", "--env=prod", "--github", f"--plugin-from={source}")
    assert "wrote ../.github/workflows/deploy-prod.yml\n" in result.output
    assert "from pip's index" not in result.output
    made = workflow(bare.parent / ".github/workflows/deploy-prod.yml")
    assert made["defaults"]["run"]["working-directory"] == bare.name
    assert made["env"]["KEDRO_AWS_BATCH"] == f"kedro-aws-batch @ {source}"
    assert "kedro aws-batch check --env=prod" in str(made["jobs"])
    assert not (bare / ".github").exists()


@packages
def test_package_fills_the_directory_that_is_deployed(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(Sources(catalog={name: pickled(f"s3://data/{name}") for name in ("raw", "middle", "final")}))
    monkeypatch.chdir(project)
    result = call("package")
    assert result.exit_code == 0, result.output
    staged = project / "build/aws_batch/dev"
    assert (staged / "service.yml").is_file()
    document = json.loads(zipfile.ZipFile(staged / "service.zip").read("graph.json"))
    assert [node["name"] for node in document["nodes"]] == ["first", "second"]
    assert result.output.startswith("build/aws_batch/dev: 2 nodes, ")
    assert "Jobs may read and write 'data'." in result.output


def test_what_init_writes_for_deploying_names_the_project_and_fits_its_parameters(bare: Path) -> None:
    call("init")
    service = yaml.safe_load((bare / "conf/aws_batch/parameters.yml").read_text())["aws_batch"]["service"]
    assert service.removesuffix("-dev").replace("-", "_") == bare.name[:32].rstrip("_")
    assert service.endswith("-dev")
    written = yaml.safe_load((bare / "serverless.yml").read_text())
    assert set(written["params"]["default"]) == {"region", "image", "subnets", "security_groups"}
    assert yaml.safe_load((bare / "conf/aws_batch/schedules.yml").read_text()) is None


def test_every_param_that_the_project_s_serverless_yml_tells_of_is_one_that_exists(bare: Path) -> None:
    call("init")
    told = re.findall(r"^    (?:# )?(\w+): ", (bare / "serverless.yml").read_text(), re.MULTILINE)
    settings = yaml.safe_load((Path(__file__).parents[2] / "resources/settings.yml").read_text())
    assert set(told) - {"buckets", "tags"} <= set(settings)
    assert {"image", "alarm_email", "spot"} <= set(told)


ROOTS = {"root": "data", "paths": {"raw": "${root}/01_raw", "far": "s3://far"}, "other": 1}


def test_paths_that_begin_with_globals_or_with_the_catalog_s_own_variables_go_to_s3(bare: Path) -> None:
    (bare / "conf/base/globals.yml").write_text(yaml.safe_dump(ROOTS))
    catalog = {
        "_own": "data/02",
        "a": pickled("${globals:root}/a.pkl"),
        "b": pickled("${globals:paths.raw}/b.pkl"),
        "c": pickled("${_own}/c.pkl"),
        "far": pickled("${globals:paths.far}/d.pkl"),
        "e": pickled("${oc.env:HOME}/e.pkl"),
    }
    (bare / "conf/base/catalog.yml").write_text(yaml.safe_dump(catalog))
    result = call("init", "--bucket=mine")
    there = bare / "conf/aws_batch"
    assert yaml.safe_load((there / "catalog.yml").read_text()) == {"c": pickled("s3://mine/02/c.pkl")}
    assert yaml.safe_load((there / "globals.yml").read_text()) == {
        "root": "s3://mine",
        "paths": {"raw": "s3://mine/01_raw", "far": "s3://far"},
    }
    assert "1 dataset moved to s3://mine/ in conf/aws_batch/catalog.yml\n" in result.output
    assert "2 datasets moved to s3://mine/ in conf/aws_batch/globals.yml\n" in result.output
    assert "1 dataset kept paths that begin with ${…}, which only Kedro resolves: 'e'.\n" in result.output


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"catalog.yml": {"a17": pickled("s3://${globals:name}/a17.pkl")}},
        {"catalog.yml": {"own": {"type": "${globals:name}.Own", "filepath": "s3://b/x"}}},
        {"catalog.yml": {"c": pickled("s3://b/c.pkl", load_args={"sheet": "${globals:name}"})}},
        {"parameters.yml": {"title": "${globals:name}"}},
        {"globals.yml": {"title": "of ${name}"}},
    ],
)
def test_a_global_that_is_not_only_the_beginning_of_paths_stays_as_it_is(
    bare: Path, elsewhere: dict[str, dict[str, Any]]
) -> None:
    files: dict[str, dict[str, Any]] = {
        "globals.yml": {"name": "data", "root": "data"},
        "catalog.yml": {"a3": pickled("${globals:name}/a3.pkl"), "b": pickled("${globals:root}/b.pkl")},
        "parameters.yml": {"folder": "${globals:root}/models"},
    }
    for name, content in files.items():
        (bare / "conf/base" / name).write_text(yaml.safe_dump({**content, **elsewhere.get(name, {})}))
    result = call("init", "--bucket=mine")
    assert yaml.safe_load((bare / "conf/aws_batch/globals.yml").read_text()) == {"root": "s3://mine"}
    assert (
        "1 dataset not moved, since the global at the beginning of the path is also used for something else: 'a3'.\n"
        in result.output
    )


def test_paths_that_lead_out_of_the_project_are_named_and_stay(bare: Path) -> None:
    (bare / "conf/base/globals.yml").write_text(yaml.safe_dump({"up": "../shared"}))
    checkpoint = {"type": "partitions.IncrementalDataset", "path": "data/in", "checkpoint": {"filepath": "s3://o/c"}}
    catalog = {
        "up": pickled("../a.pkl"),
        "far": pickled("data/../../a.pkl"),
        "home": pickled("~/a.pkl"),
        "drive": pickled("C:\\data\\x.pkl"),
        "slashed": pickled("C:/data/x.pkl"),
        "by": pickled("${globals:up}/a.pkl"),
        "within": pickled("data/01/../a.pkl"),
        "parts": checkpoint,
    }
    (bare / "conf/base/catalog.yml").write_text(yaml.safe_dump(catalog, sort_keys=False))
    result = call("init", "--bucket=mine")
    assert yaml.safe_load((bare / "conf/aws_batch/catalog.yml").read_text()) == {
        "within": pickled("s3://mine/a.pkl"),
        "parts": {**checkpoint, "path": "s3://mine/in"},
    }
    assert (
        "6 datasets not moved, since the path leads out of the project, by `..`, `~` or a Windows drive: 'up', 'far', "
        "'home', 'drive', 'slashed' and 1 more.\n" in result.output
    )


@pytest.mark.parametrize("name", ["catalog.yml", "globals.yml"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"- raw\n- middle\n", "has no names at its first level. Write `name: …` for each of its entries.\n"),
        (b"just text", "has no names at its first level."),
        ("größe: 1\n".encode("latin-1"), "is not YAML in UTF-8: "),
        (b"a: [", "is not YAML in UTF-8: "),
    ],
)
def test_a_base_that_is_no_configuration_is_named(bare: Path, name: str, content: bytes, said: str) -> None:
    file = bare / "conf/base" / name
    file.write_bytes(content)
    result = call("init", "--bucket=mine")
    assert (result.exit_code, result.stderr.startswith(f"Error: '{file}' {said}")) == (1, True), result.stderr
    assert not (bare / "serverless.yml").exists()


def test_the_base_may_have_another_name(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(Sources(settings='CONFIG_LOADER_ARGS = {"base_env": "common"}\n'))
    (project / "conf/common").mkdir()
    (project / "conf/common/catalog.yml").write_text(yaml.safe_dump({"raw": pickled("data/raw.pkl")}))
    monkeypatch.chdir(project)
    assert call("init", "--env=cloud", "--bucket=mine").exit_code == 0
    assert yaml.safe_load((project / "conf/cloud/catalog.yml").read_text()) == {"raw": pickled("s3://mine/raw.pkl")}


def test_a_second_environment_is_a_stage_of_its_own_and_leaves_what_the_first_has(bare: Path) -> None:
    call("init", "--bucket=mine")
    before = {name: (bare / name).read_bytes() for name in ("serverless.yml", "Dockerfile", "package.json")}
    (bare / "serverless.yml").write_bytes(before["serverless.yml"] + b"# mine\n")
    result = call("init", "--env=prod", "--bucket=its-own")
    assert result.exit_code == 0
    assert (bare / "serverless.yml").read_bytes() == before["serverless.yml"] + b"# mine\n"
    assert "kept the existing serverless.yml: put settings of only the stage prod below `prod`" in result.output
    first, second = (
        yaml.safe_load((bare / f"conf/{name}/parameters.yml").read_text())["aws_batch"]
        for name in ("aws_batch", "prod")
    )
    assert second["service"] == f"{first['service'].removesuffix('-dev')}-prod"
    assert {first[key] for key in ("job_queue", "job_definition")}.isdisjoint(
        {second[key] for key in ("job_queue", "job_definition")}
    )


def test_many_datasets_of_one_folder_are_one_problem(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"d{number}" for number in range(290)]
    registry = """
    def register_pipelines():
        return {"__default__": pipeline([node(pair, [f"d{n}" for n in range(290)], "final", name="all")])}
    """
    catalog = {name: pickled(f"data/{name}.pkl") for name in names} | {"final": pickled("s3://bucket/final.pkl")}
    monkeypatch.chdir(make_project(Sources(registry, catalog)))
    result = call("check")
    assert result.stderr.splitlines()[0] == "Error: 1 problem to solve first:"
    assert "290 datasets, 'd0', 'd1', 'd10' and 287 more: lie on this machine (below data), which jobs" in result.stderr


def test_an_import_that_fails_keeps_its_cause(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = """
    def register_pipelines():
        try:
            import no_such_spark
        except ImportError as error:
            raise ImportError("An error occurred while importing the 'spark.pipelines.reporting' module.") from error
    """
    monkeypatch.chdir(make_project(Sources(registry)))
    said = call("check").stderr
    assert (
        "importing the 'spark.pipelines.reporting' module. ModuleNotFoundError: No module named 'no_such_spark'" in said
    )
