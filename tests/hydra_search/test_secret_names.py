import pytest

from hydra_plugins.hydra_search.secret_names import names_secret

SECRET = """
    token password passwd pwd secret api_key apikey apiKey API_KEY access_key access_key_id private_key privateKey
    credential credentials auth basic_auth hf_token auth-token accessToken GITHUB_TOKEN client_secret dbPassword
    mypassword db_pass authtoken tokens aws_secret_access_key password2 authorization DB_PWD SLACK_WEBHOOK_URL
    notify_url notifyUrl token_value password_hash openaiApiKey MLFLOW_TRACKING_PASSWORD
"""
NO_SECRET = """
    num_tokens max_tokens token_length tokenizer n_tokens author authors secretary tokens_per_batch pad_token
    eos_token max_new_tokens password_length auth_type token_file key keys n_keys public_key tokenizer_name key_dim
    passes pass n_pass forward_pass special_tokens token_ids learning_rate monkey keyboard num_key_value_heads
"""


@pytest.mark.parametrize("key", SECRET.split())
def test_name_of_a_secret_is_known_in_every_spelling(key: str) -> None:
    assert names_secret(key)


@pytest.mark.parametrize("key", NO_SECRET.split())
def test_name_that_only_resembles_one_is_none(key: str) -> None:
    assert not names_secret(key)
