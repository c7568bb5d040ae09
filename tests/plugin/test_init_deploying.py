"""What `init` writes to deploy a project: its image, its service, its workflow."""

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

WHEEL = f"kedro_aws_batch-{__version__}-py3-none-any.whl"


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
    assert set(told) - {"buckets", "reuse_buckets", "tags"} <= set(settings)
    assert {"image", "alarm_email", "spot"} <= set(told)
