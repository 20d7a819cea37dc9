"""PostgreSQL's statements for Optuna's tables of trials, see `TrialTables`.

The schema is that of `optuna/storages/_rdb/models.py`; `PostgreSQL.open` refuses tables of another version than the
installed Optuna's.
"""

from hydra_plugins.hydra_search import sweeps, wishes

# Whether a row was written by a transaction that had not ended at the last look, by the age of both; all rows are new
# to the first look. https://www.postgresql.org/docs/current/ddl-system-columns.html
IS_NEW = "age({table}.xmin) <= (SELECT coalesce(age(CAST(CAST(:since AS text) AS xid)), 2147483647))"
# The oldest transaction that goes on, by which the next look tells what is new, of 32 bits as in a row; and when the
# server was started.
NOW = """
SELECT 'now' AS kind, 0 AS trial_id, 0 AS place,
    CAST(txid_snapshot_xmin(txid_current_snapshot()) % 4294967296 AS text) AS name,
    CAST(pg_postmaster_start_time() AS text) AS text,
    CAST(NULL AS float8) AS value, CAST(NULL AS timestamp) AS begun, CAST(NULL AS timestamp) AS ended
"""
# What people wish of the search, and what its sweeps say of themselves.
STEERING = f"""
SELECT 'steering' AS kind, 0 AS trial_id, 0 AS place, key AS name, value_json AS text,
    CAST(NULL AS float8) AS value, CAST(NULL AS timestamp) AS begun, CAST(NULL AS timestamp) AS ended
FROM study_user_attributes
WHERE study_id = :study AND (key LIKE '{wishes.PREFIX}%' OR key LIKE '{sweeps.PREFIX}%')
"""
CONTENTS = {
    "trials": "'trial', trial_id, number, CAST(state AS text), NULL, NULL, datetime_start, datetime_complete",
    "trial_values": "'value', trial_id, objective, CAST(value_type AS text), NULL, value, NULL, NULL",
    "trial_params": "'param', trial_id, param_id, param_name, distribution_json, param_value, NULL, NULL",
    "trial_user_attributes": "'user', trial_id, trial_user_attribute_id, key, value_json, NULL, NULL, NULL",
    "trial_system_attributes": "'system', trial_id, trial_system_attribute_id, key, value_json, NULL, NULL, NULL",
    "trial_intermediate_values": "'step', trial_id, step, CAST(intermediate_value_type AS text), NULL, "
    "intermediate_value, NULL, NULL",
}


def _read(ids: str, *of_study: str) -> str:
    parts = [f"SELECT {columns} FROM {table} WHERE trial_id = ANY({ids})" for table, columns in CONTENTS.items()]
    return " UNION ALL ".join([NOW, *of_study, *parts])


OF_STUDY = "trials.study_id = :study AND trials.trial_id >= :first"
NEW_TRIALS = f"SELECT trials.trial_id FROM trials WHERE {OF_STUDY} AND {IS_NEW.format(table='trials')}"
# What a job writes does not change the row of its trial.
NEW_IN_OPEN = [
    f"SELECT trials.trial_id FROM trials JOIN {table} USING (trial_id) "
    f"WHERE {OF_STUDY} AND trials.state IN ('RUNNING', 'WAITING') AND {IS_NEW.format(table=table)}"
    for table in ("trial_params", "trial_user_attributes", "trial_system_attributes", "trial_intermediate_values")
]
# An array, so that the planner takes the indexes: it believes in few rows.
READ_NEW, READ_ALL_NEW = (
    f"WITH new AS MATERIALIZED ({found}) {_read('ARRAY(SELECT trial_id FROM new)', STEERING)}"
    for found in (NEW_TRIALS, " UNION ".join([NEW_TRIALS, *NEW_IN_OPEN]))
)
READ = _read("CAST(:ids AS integer[])")

CLAIM = """
WITH free AS (
    SELECT trial_id FROM trials WHERE trial_id = ANY(CAST(:ids AS integer[])) AND state = 'WAITING'
    ORDER BY array_position(CAST(:ids AS integer[]), trial_id) LIMIT 1 FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE trials SET state = 'RUNNING', datetime_start = :now FROM free WHERE trials.trial_id = free.trial_id
    RETURNING trials.trial_id
)
INSERT INTO trial_user_attributes (trial_id, key, value_json) SELECT trial_id, :key, :value FROM taken
ON CONFLICT (trial_id, key) DO UPDATE SET value_json = excluded.value_json RETURNING trial_id
"""
CLAIMED = """
SELECT trial_id FROM trials JOIN trial_user_attributes USING (trial_id)
WHERE trial_id = ANY(CAST(:ids AS integer[])) AND state = 'RUNNING' AND key = :key AND value_json = :value
"""
ADD = """
INSERT INTO trials (study_id, number, state)
SELECT :study, (SELECT count(*) FROM trials WHERE study_id = :study) + place, 'WAITING'
FROM generate_series(0, :n - 1) AS place ORDER BY place RETURNING trial_id
"""
ADD_ATTRIBUTES = """
INSERT INTO {table} (trial_id, key, value_json)
SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS rows(trial_id integer, key text, value_json text)
"""
BEGIN = "UPDATE trials SET state = 'RUNNING', datetime_start = :now WHERE trial_id = :id AND state = 'WAITING'"
IS_OPEN = "trial_id = :id AND state IN ('RUNNING', 'WAITING')"
CLOSE = f"""
WITH closed AS (
    UPDATE trials SET state = CAST(:state AS trialstate), datetime_complete = :now WHERE {IS_OPEN} RETURNING trial_id
), written AS (
    INSERT INTO trial_values (trial_id, objective, value, value_type)
    SELECT trial_id, given.place - 1, given.value, CAST(given.kind AS trialvaluetype) FROM closed,
        unnest(CAST(:values AS float8[]), CAST(:kinds AS text[])) WITH ORDINALITY AS given(value, kind, place)
    ON CONFLICT (trial_id, objective) DO UPDATE SET value = excluded.value, value_type = excluded.value_type
)
SELECT trial_id FROM closed
"""
SET_ATTRIBUTE = f"""
INSERT INTO {{table}} (trial_id, key, value_json) SELECT trial_id, :key, :value FROM trials WHERE {IS_OPEN}
ON CONFLICT (trial_id, key) DO UPDATE SET value_json = excluded.value_json
"""
SET_PARAM = f"""
INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json)
SELECT trial_id, :name, :value, :distribution FROM trials WHERE {IS_OPEN}
ON CONFLICT (trial_id, param_name) DO NOTHING
"""
SET_STEP = f"""
INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value, intermediate_value_type)
SELECT trial_id, :step, :value, CAST(:kind AS trialintermediatevaluetype) FROM trials WHERE {IS_OPEN}
ON CONFLICT (trial_id, step) DO UPDATE
SET intermediate_value = excluded.intermediate_value, intermediate_value_type = excluded.intermediate_value_type
"""
