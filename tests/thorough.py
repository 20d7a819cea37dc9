"""Which tests repeat another test's case in another guise: another storage, launcher, sampler, or way to write it.

They take minutes and have the mark `thorough`. `.ci/run`, which has 25 minutes, leaves them out; `pytest` runs all.
"""

import re

AGAIN = re.compile(
    "|".join(
        (
            # the same refusal without the preflight callback; the same one of another wrong value
            r"test_bad_input_async\.py::.*-bare\]",
            r"test_notify\.py::test_address_that_can_not_be.*\[('http://'|http:///s3cr3t|5|true)\]",
            r"test_notify\.py::test_word_that_is_not_taken.*\[answers[13]-",
            r"test_warm_start\.py::test_entry_that_can_not_be_used.*\[(5|\[5\]|\[\{top: 5\}\])\]",
            # on another storage, with another number of workers
            r"test_steering\.py::.*\[sqlite",
            r"test_warm_start\.py::test_best_distinct_trials.*\[1-",
            r"test_far_server\.py::test_(run_whose_making_is_not_answered|trials_do_not_wait).*\[1\]",
            r"test_async_sweeper\.py::test_two_searches_on_one_study_at_once.*\[sqlite\]",
            r"test_dry_run\.py::test_nothing_is_made.*callbacks2\]",
            # with another sampler, model, sweeper or launcher
            r"test_dry_run\.py::test_commands_are_those.*\[(qmc|cmaes|nsgaii|reused)\]",
            r"test_train\.py::test_every_model_trains_on_every_splitter\[holdout-",
            r"test_tracking\.py::test_every_job_is_a_nested_run_of_its_number\[(optuna|basic)-joblib\]",
            r"test_sweepers\.py::test_search_runs_its_trials_and_tells_the_best\[optuna-joblib",
            r"test_advice\.py::test_what_tpe_has_searched.*\[(crossed|rare|satur|seldom|noise|scaled|half idle, long)",
            r"test_faults\.py::test_(server_that_stays_away|job_without_a_usable_result).*\[(config|inf|text)\]",
            r"test_faults\.py::test_(job_that_raises|ctrl_c_ends).*\[launcher1\]",
            r"test_ship\.py::test_every_trial_of_a_search_that_saves_models",
            r"test_workers\.py::test_job_gives_work_to_processes_of_its_own.*\[True\]",
            r"test_kept\.py::test_files_of_the_best_are_kept.*\[(all|none)\]",
            r"test_report_page\.py::test_every_search_is_drawn\[(three objectives|all equal|odd values)\]",
            r"test_report_page\.py::test_every_plot_of_every_branch_has_marks\[wide light\]",
            r"test_live_page\.py::test_nothing_runs_over_the_edge\[four objectives",
            r"test_live_page\.py::test_rows_are_filtered_by_any_column\[(trial-10|model-!|model->|files-)",
            # on a cluster what holds on one machine
            r"test_ray\.py::test_(node_that_does_not_see|search_on_a_cluster_writes|trial_of_a_terminated)",
            r"test_slurm\.py::test_(new_worker_is_launched|train_searches_on_slurm)",
            r"test_launchers\.py::test_trial_of_a_killed_submitit_worker",
            # by waiting, what is held by a unit test
            r"test_live_page\.py::test_page_says_that_it_has_become_old",
            r"test_live_page\.py::test_page_of_a_running_search_reloads",  # so does the one of 60 trials
            r"test_far_server\.py::test_delivery_that_takes_too_long",
            # the benchmarks run, each in minutes, and nothing that a search does depends on them
            r"test_benchmarks\.py::",
        )
    )
)
