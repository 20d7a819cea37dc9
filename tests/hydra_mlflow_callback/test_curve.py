"""The best value so far, drawn from the records of the jobs."""

from hydra_plugins.hydra_mlflow_callback._record import JobRecord
from hydra_plugins.hydra_mlflow_callback._summary import best_curve
from hydra_plugins.hydra_mlflow_callback.config import Settings


def job(number: int, end_time: int | None, *values: float, status: str = "FINISHED") -> JobRecord:
    return JobRecord(
        name=f"trial-{number}", number=number, start_time=0, params={}, tags={}, overrides=[], status=status,
        end_time=end_time, values=list(values),
    )  # fmt: skip


def settings(*directions: str) -> Settings:
    return Settings(
        "sqlite:///x", "e", "search", metrics=("accuracy", "loss")[: len(directions)], directions=directions
    )


def test_step_counts_the_finished_jobs_in_the_order_of_their_ends() -> None:
    jobs = [job(0, 30, 0.7), job(1, 10, 0.5), job(2, 20, 0.4), job(3, 40, 0.9, status="FAILED"), job(4, None)]
    expected = [("best_accuracy", 0.5, 10, 1), ("best_accuracy", 0.5, 20, 2), ("best_accuracy", 0.7, 30, 3)]
    assert best_curve(jobs, settings("maximize")) == expected
    assert [value for _, value, _, _ in best_curve(jobs, settings("minimize"))] == [0.5, 0.4, 0.4]


def test_each_objective_has_its_own_curve() -> None:
    jobs = [job(0, 10, 0.5, 3.0), job(1, 20, 0.6, 4.0)]
    points = [(key, value, step) for key, value, _, step in best_curve(jobs, settings("maximize", "minimize"))]
    assert points == [
        ("best_accuracy", 0.5, 1),
        ("best_loss", 3.0, 1),
        ("best_accuracy", 0.6, 2),
        ("best_loss", 3.0, 2),
    ]


def test_without_direction_there_is_no_curve() -> None:
    assert best_curve([job(0, 10, 0.5)], Settings("sqlite:///x", "e", "search")) == []
