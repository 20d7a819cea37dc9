from hydra_plugins.hydra_mlflow_callback._record import JobRecord
from hydra_plugins.hydra_mlflow_callback._summary import best_curve, ranked, summarize
from hydra_plugins.hydra_mlflow_callback.config import Settings


def job(number: int, *values: float, status: str = "FINISHED", overrides: tuple[str, ...] = ()) -> JobRecord:
    return JobRecord(
        name=f"trial-{number}", number=number, start_time=0, params={}, tags={}, run_id=f"id{number}",
        overrides=list(overrides), status=status, values=list(values),
    )  # fmt: skip


def settings(*directions: str) -> Settings:
    names = ("accuracy", "seconds")[: max(1, len(directions))]
    return Settings("sqlite:///x", "e", "search", metrics=names, directions=directions)


def test_best_of_equals_is_the_first_and_direction_decides() -> None:
    jobs = [job(0, 0.5), job(1, 0.9), job(2, 0.9), job(3, 0.1)]
    assert ranked(jobs, ["maximize"])[0] == jobs[1]
    assert ranked(jobs, ["minimize"])[0] == jobs[3]


def test_failed_and_killed_jobs_are_never_best() -> None:
    jobs = [job(0, 0.5), job(1, 0.9, status="FAILED"), job(2, status="KILLED")]
    assert ranked(jobs, ["maximize"]) == [jobs[0]]
    assert ranked(jobs[1:], ["maximize"]) == []


def test_pareto_front_keeps_what_nothing_beats_in_everything() -> None:
    jobs = [job(0, 0.9, 5.0), job(1, 0.8, 1.0), job(2, 0.8, 2.0), job(3, 0.9, 5.0)]
    assert [r.number for r in ranked(jobs, ["maximize", "minimize"])] == [0, 1, 3]


def test_without_direction_there_is_no_best() -> None:
    summary = summarize([job(0, 1.0)], Settings("sqlite:///x", "e", "search"))
    assert summary.text == "Jobs: 1 finished, 0 failed, 0 killed\n"
    assert "best_value" not in summary.metrics


def test_best_parameters_are_those_that_the_search_chose() -> None:
    summary = summarize([job(0, 0.7, overrides=("model.depth=3",))], settings("maximize"))
    assert summary.params == {"best_model.depth": "3"}
    assert summary.metrics["best_value"] == 0.7
    assert summary.tags["best.run_id"] == "id0"
    assert "| trial-0 | 0.7 | 3 |" in summary.note
    assert summary.links == "Best runs: [trial-0](#/experiments//runs/id0)"


def test_search_without_a_single_job_is_summarized_too() -> None:
    summary = summarize([], settings("maximize"))
    assert summary.metrics == {}
    assert summary.text == "Jobs: 0 finished, 0 failed, 0 killed\n"


def test_pruned_job_is_not_said_to_be_killed() -> None:
    jobs = [job(0, 0.5), job(1, status="KILLED"), job(2, status="KILLED"), job(3, status="FAILED")]
    jobs[1].pruned = True
    summary = summarize(jobs, settings("maximize"))
    assert summary.text.splitlines()[0] == "Jobs: 1 finished, 1 pruned, 1 failed, 1 killed"
    assert [summary.tags[f"jobs.{name}"] for name in ("finished", "pruned", "failed", "killed")] == ["1"] * 4


def test_best_keeps_the_constraints_on_the_parent_and_in_its_curve() -> None:
    jobs = [job(0, 0.9), job(1, 0.5), job(2, 0.8), job(3, 0.6)]
    jobs[0].violation, jobs[2].violation = 0.2, 0.1
    summary = summarize(jobs, settings("maximize"))
    assert (summary.tags["best.trial"], summary.metrics["best_value"]) == ("trial-3", 0.6)
    assert [record.number for record in ranked(jobs, ["maximize"])] == [3, 1, 2, 0]
    assert [value for _, value, _, _ in best_curve(jobs, settings("maximize"))] == [0.9, 0.5, 0.5, 0.6]
