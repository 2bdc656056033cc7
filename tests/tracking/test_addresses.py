import pytest

from kantor.tracking.addresses import without_secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("request to http://user:pw@host:80/api failed", "request to http://host:80/api failed"),
        ("postgresql://u:p@ss/w@db/x", "postgresql://db/x"),
        ("'https://token@host' and 'http://a:b@c'", "'https://host' and 'http://c'"),
        ("mysql://host/db?user=u&password=pw&ssl=1", "mysql://host/db?user=u&password=…&ssl=1"),
        ("sqlite:////home/me/mlflow.db", "sqlite:////home/me/mlflow.db"),
        ("write to me@host", "write to me@host"),
    ],
)
def test_addresses_without_users_and_passwords(text, shown):
    assert without_secrets(text) == shown
