"""Job names: made for any run, read back from any event."""

from __future__ import annotations

import re
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag.jobs import LONGEST_NAME, JobName, is_run_id, read_job_key, read_job_name, run_id_at
from dag.payload import job_key
from dag.shards import Mark

projects = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_]{0,31}", fullmatch=True)
moments = st.integers(0, 4_000_000_000_000)
names = st.builds(
    JobName,
    projects,
    moments.map(run_id_at),
    st.integers(0, 99_999),
    st.integers(0, 99),
    st.none() | st.integers(0, 99),
)
slugs = st.text() | st.from_regex(r"[\w.-]{0,200}", fullmatch=True)


@given(names, slugs)
def test_a_name_is_one_that_batch_takes_and_says_all_that_went_into_it(name: JobName, slug: str) -> None:
    written = name.write(slug)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", written)
    assert read_job_name(written) == name


@given(names, names)
def test_a_slug_that_looks_like_a_name_changes_nothing(name: JobName, other: JobName) -> None:
    assert read_job_name(name.write(other.write("x"))) == name
    assert read_job_name(f"{name.write('')}--{other.write('x')}") == name


@pytest.mark.parametrize(
    ("slug", "ending"),
    [
        ("train_model_node", "--7-0--train_model_node"),
        ("ns.inner.train", "--7-0--ns-inner-train"),
        ("<lambda>__1a2b3c4d", "--7-0--lambda-__1a2b3c4d"),
        ("größe, two words", "--7-0--gr-e-two-words"),
        ("ノード", "--7-0"),
        ("", "--7-0"),
        ("x" * 200, "--7-0--" + "x" * 88),
        ("x" * 87 + "." + "y" * 50, "--7-0--" + "x" * 87),
    ],
)
def test_the_slug_is_for_people_and_gives_way(slug: str, ending: str) -> None:
    written = JobName("project", "2026-11-22T13.11.00.123Z", 7, 0).write(slug)
    assert written == "project--2026-11-22T13-11-00-123Z" + ending
    assert len(written) <= LONGEST_NAME


def test_an_array_is_told_by_the_claim_that_won_its_first_member() -> None:
    name = JobName("project", "2026-11-22T13.11.00.123Z", 7, 1, 3)
    assert name.write("train") == "project--2026-11-22T13-11-00-123Z--7-1a3--train"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "my-nightly-job",
        "project--2026-11-22--7-0--train",
        "project--2026-11-22T13-11-00-123Z--7",
        "project--2026-11-22T13-11-00-123Z--7-0-train",
        "project--2026-11-22T13-11-00-123Z--x-0--train",
        "--2026-11-22T13-11-00-123Z--7-0--train",
        "project--2026-11-22T13.11.00.123Z--7-0--train",
        "project--2026-11-22T13-11-00-123Z--7-0b1--train",
    ],
)
def test_a_foreign_name_is_nobody_s(name: str) -> None:
    assert read_job_name(name) is None


@given(st.text())
def test_any_text_is_read_without_failing(text: str) -> None:
    found = read_job_name(text)
    assert found is None or is_run_id(found.run_id)


@given(moments, st.integers(0, 5_000))
def test_a_run_id_is_the_moment_in_kedros_form_and_sorts_by_it(moment: int, later: int) -> None:
    run_id = run_id_at(moment, later)
    assert is_run_id(run_id)
    parsed = datetime.strptime(run_id, "%Y-%m-%dT%H.%M.%S.%fZ").replace(tzinfo=timezone.utc)
    assert round(parsed.timestamp() * 1000) == moment + later
    assert run_id < run_id_at(moment, later + 1)


@pytest.mark.parametrize("text", ["", "2026-11-22T13:11:00.123Z", "2026-11-22T13.11.00.123Z\n", "latest"])
def test_what_is_no_run_id_is_told(text: str) -> None:
    assert not is_run_id(text)


@pytest.mark.parametrize(("key", "mark", "is_array"), [("12-0", (12, 0, 0), False), ("3-2a1", (3, 2, 1), True)])
def test_a_job_s_key_tells_its_first_attempt(key: str, mark: tuple[int, int, int], is_array: bool) -> None:
    assert read_job_key(key) == (Mark(*mark), is_array)
    assert job_key(Mark(*mark), is_array=is_array) == key


@pytest.mark.parametrize("key", ["", "1", "1-", "a-0", "1-0a", "1-0-0", "1-0\n"])
def test_what_is_no_job_s_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="is not a job's key"):
        read_job_key(key)
