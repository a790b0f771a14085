"""Settings as a node reads them."""

from pathlib import Path

from tocsin.node.settings import load_settings

FILES = """
[mail]
password_file = "smtp.password"
key_password_file = "/etc/keys.password"

[mailbox]
password_file = "secrets/imap.password"
"""


def test_files_of_secrets_count_from_the_home_folder_and_not_from_where_a_timer_runs(tmp_path: Path) -> None:
    (tmp_path / "tocsin.toml").write_text(FILES)
    settings = load_settings(tmp_path)
    assert settings.mail.password_file == str(tmp_path / "smtp.password")
    assert settings.mail.key_password_file == "/etc/keys.password"
    assert settings.mailbox.password_file == str(tmp_path / "secrets/imap.password")
    assert load_settings(tmp_path / "empty").mail.password_file == ""
