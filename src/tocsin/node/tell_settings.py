"""The settings of notifications: when teams are notified, and what holds mails back."""

import re
from typing import Literal, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from tocsin.node.section import Section, Words


class ReminderSettings(NamedTuple):
    """Every so many days; ``for_days`` None: without end."""

    every_days: int
    for_days: int | None


_REMINDER = re.compile(r"(?:(daily)|(weekly)|every (\d{1,3}) days?)(?: for (\d{1,4}) days?)?")


def _reminder(text: str) -> ReminderSettings:
    found = _REMINDER.fullmatch(" ".join(text.lower().split()))
    if found is None or "0" in {found[3], found[4]}:
        raise ValueError(f"'{text}' is no step: take 'daily', 'weekly' or 'every N days', and 'for N days'")
    return ReminderSettings(1 if found[1] else 7 if found[2] else int(found[3]), int(found[4]) if found[4] else None)


class TellSettings(Section):
    """When teams are notified."""

    reminders: Words = Field(
        ("weekly",),
        description="How often a problem that goes on is notified again since the first notification, step by step: "
        "'daily', 'weekly' or 'every N days', each but the last with 'for N days'. After the last step, or with an "
        "empty list, not at all.",
    )
    escalate_after_days: int = Field(
        30, ge=1, description="A problem that goes on unanswered this long after the first notification is escalated."
    )
    escalate_to: Literal["none", "person", "upstream", "national"] = Field(
        "person",
        description="'person' lists it here; 'upstream' also tells, once, the team of the next wider network; "
        "'national' the national team of its country.",
    )
    gone_after_days: int = Field(
        3, ge=1, description="A problem is gone when its feed ran on this many later days without it."
    )
    answer_days: int = Field(90, ge=1, description="The link of a digest takes answers for this many days.")
    mode: Literal["live", "shadow", "redirect"] = Field(
        "live",
        description="'live' sends; 'shadow' decides and writes all, and sends nothing; "
        "'redirect' sends all of it to one address.",
    )
    redirect_to: str = Field(
        "", pattern=r"^([^@\s]+@[^@\s]+)?$", description="The address that gets every mail while 'mode' is 'redirect'."
    )
    hold_first_mail: bool = Field(
        default=True, description="By SMTP, the first mail to each team waits until a person lets it go."
    )
    brake_mails: int = Field(
        500, ge=0, description="Up to so many mails within a day always leave; 0: there is no volume limit."
    )
    brake_factor: int = Field(
        5, ge=1, description="Beyond that, so many times the mails of a usual day leave; then a person is asked."
    )
    second_person: bool = Field(
        default=False, description="A held mail needs two persons: one approves it, another one releases it."
    )
    undo_seconds: int = Field(
        60, ge=0, le=3600, description="So long an act can be undone, and what it sends on a page waits. 0: no undo."
    )
    max_age_days: int = Field(14, ge=1, description="News that was due longer ago than this is not sent any more.")
    mails_a_day: int = Field(
        24, ge=0,
        description="Mails to one email address within 24 hours, and a quarter more for critical news; what is over "
        "joins the next digest. 0: any number.",
    )  # fmt: skip

    @property
    def reminder_steps(self) -> tuple[ReminderSettings, ...]:
        """The steps of ``reminders``."""
        return tuple(_reminder(text) for text in self.reminders)

    @field_validator("reminders")
    @classmethod
    def _steps_make_sense(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        steps = [_reminder(text) for text in texts]
        if any(step.for_days is None for step in steps[:-1]):
            raise ValueError("each step but the last needs 'for N days'")
        return texts

    @model_validator(mode="after")
    def _redirected_somewhere(self) -> Self:
        if self.mode == "redirect" and not self.redirect_to:
            raise ValueError("'redirect_to' must name an email address while 'mode' is 'redirect'")
        return self
