"""Settings as a node reads them."""

from pathlib import Path

import pytest

from tocsin.node.errors import SettingError
from tocsin.node.setting_faults import line_of
from tocsin.node.settings import load_known_settings, load_settings

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


WRONG = """\
# mail = "not here"
mial = 1
node.nickname = "K"
node.name = "Kest"
[mail]
from_name = \"\"\"
hots =
\"\"\"
words = [
  "hots",
]
hots = "mail.kestria.example"
[collect.partner]
whatever = 1
"""


def test_each_unknown_setting_has_its_line_and_the_others_count(tmp_path: Path) -> None:
    (tmp_path / "tocsin.toml").write_text(WRONG)

    settings, unknown = load_known_settings(tmp_path)

    assert unknown == {"mial": 2, "node.nickname": 3, "mail.from_name": 6, "mail.words": 9, "mail.hots": 12}
    assert (settings.node.name, list(settings.collect)) == ("Kest", ["partner"])
    with pytest.raises(SettingError, match=r"Setting '[a-z.]+' in .*tocsin.toml, line \d+, does not work"):
        load_settings(tmp_path)


def test_the_line_of_a_value_that_is_missing_is_that_of_its_table() -> None:
    assert [line_of(WRONG, parts) for parts in (("mail", "user"), ("collect", "partner", "kind"), ("none", "at"))] == [
        5, 13, 0
    ]  # fmt: skip
