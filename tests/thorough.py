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
            r"test_dry_run\.py::test_study_that_is_there.*\[journal\]",
            r"test_resume\.py::test_refused_resume.*\[(seconds|.*seed).*-preflight\]",
            r"test_resume\.py::test_refused_resume.*\[(hydra\.sweeper\.direction|x=).*-mlflow alone\]",
            r"test_sweepers\.py::test_search_runs_its_trials.*\[optuna_async-basic-",
            r"test_sweepers\.py::test_failed_trial_does_not_end.*\[optuna-joblib",
            r"test_workers\.py::test_job_that_exits.*\[(1-exit_text|1-cancelled|2-exit)\]",
            r"test_storages\.py::test_(trial_of_a_killed_machine|two_machines_on_one_study).*\[journal\]",
            r"test_storages\.py::test_search_waits_for_a_database.*\[restart\]",
            r"test_trial_timeout\.py::.*\[(two workers|1)\]",
            r"test_steering\.py::test_both_sweepers.*\[(journal-cancel|postgresql-stop)",
            r"test_steering\.py::test_workers_whose_sweeper.*\[(journal-cancel|postgresql-stop)",
            r"test_steering\.py::test_paused_search_waits.*\[postgresql",
            r"test_warm_start\.py::test_earlier_search_is_found.*\[sqlite\]",
            r"test_confirm\.py::test_best_mean.*\[one worker\]",
            r"test_constraints\.py::test_best_is_the_best.*\[two workers\]",
            r"test_checkpoints\.py::test_trainings_whose_workers.*\[sqlite\]",
            r"test_kept\.py::test_checkpoints_of_the_best.*\[sqlite\]",
            r"test_dashboard\.py::.*\[sqlite",
            r"test_search_command\.py::test_search_is_watched.*\[sqlite\]",
            r"test_queue\.py::test_attributes_that_another_program.*\[(sqlite|postgresql)-attributes[12]\]",
            r"test_server\.py::test_lock_goes_with.*\[url\]",
            r"test_launchers\.py::test_each_worker_keeps_a_device.*\[submitit\]",
            # with another sampler, model, sweeper or launcher
            r"test_dry_run\.py::test_commands_are_those.*\[(qmc|cmaes|nsgaii|reused)\]",
            r"test_train\.py::test_every_model_trains_on_every_splitter\[holdout-",
            r"test_tracking\.py::test_every_job_is_a_nested_run_of_its_number\[((optuna|basic)-joblib|grid-basic)\]",
            r"test_train\.py::test_every_model_trains.*\[stratified_kfold-(hist_gradient_boosting|mlp)\]",
            r"test_train\.py::test_own_file_with_text_columns.*\[csv\]",
            r"test_duplicates\.py::test_each_point_of_a_small_space.*\[1-reuse\]",
            r"test_sweepers\.py::test_search_runs_its_trials_and_tells_the_best\[optuna-joblib",
            r"test_advice\.py::test_what_tpe_has_searched.*\[(crossed|rare|satur|seldom|noise|scaled|half idle|masked)",
            r"test_faults\.py::test_(server_that_stays_away|job_without_a_usable_result).*\[(config|inf|text|nan)\]",
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
            r"test_slurm\.py::test_(new_worker_is_launched|train_searches_on_slurm|.*\[preempted\])",
            r"test_launchers\.py::test_trial_of_a_killed_submitit_worker",
            # the same end in another order
            r"test_async_sweeper\.py::test_interrupted_search_is_completed.*\[sigterm-basic\]",
            r"test_async_sweeper\.py::test_trial_whose_worker_is_killed_after.*\[killer_last",
            r"test_async_sweeper\.py::test_job_that_ends_after_its_trial.*\[raise\]",
            r"test_unruly_jobs\.py::.*\[false\]",
            r"test_own_mlflow\.py::test_run_that_a_task_opens.*\[start_run\]",
            # in an environment that is made for it: `.ci/run` makes one with Hydra 1.3 for all tests of the plugins
            r"test_existing_project\.py::test_package_changes_nothing",
            # by waiting, what is held by a unit test
            r"test_live_page\.py::test_page_says_that_it_has_become_old",
            r"test_live_page\.py::test_page_of_a_running_search_reloads",  # so does the one of 60 trials
            r"test_far_server\.py::test_delivery_that_takes_too_long",
            # the benchmarks run, each in minutes, and nothing that a search does depends on them
            r"test_benchmarks\.py::",
        )
    )
)
