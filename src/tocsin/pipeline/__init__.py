"""The main job: a report from its bytes to what is owed to whom, and the mails that tell it."""
