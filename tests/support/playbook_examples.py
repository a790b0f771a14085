"""Playbooks by few words: steps with ids that CACAO takes."""

import json
from typing import Any
from uuid import NAMESPACE_URL, uuid5


def step_id(kind: str, name: str) -> str:
    return f"{kind}--{uuid5(NAMESPACE_URL, name)}"


def task(name: str, then: str, **more: Any) -> dict[str, Any]:
    commands = [{"type": "manual", "command": name}]
    return {"type": "action", "name": name, "commands": commands, "agent": step_id("group", "csirt"),
            "on_completion": then, **more}  # fmt: skip


def make_playbook(name: str, start: str, workflow: dict[str, dict[str, Any]], **more: Any) -> str:
    """The file of a playbook."""
    document = {
        "type": "playbook", "spec_version": "cacao-2.0", "id": step_id("playbook", name), "name": name,
        "created_by": step_id("identity", "us"), "created": "2026-11-27T00:00:00.000Z",
        "modified": "2026-11-27T00:00:00.000Z", "workflow_start": start, "workflow": workflow,
        "agent_definitions": {step_id("group", "csirt"): {"type": "group", "name": "CSIRT"}}, **more,
    }  # fmt: skip
    return json.dumps(document)


START, END, ASK, YES, NO, LAST = (
    step_id(kind, name) for kind, name in (
        ("start", "start"), ("end", "end"), ("if-condition", "ask"), ("action", "yes"), ("action", "no"),
        ("action", "last"),
    )
)  # fmt: skip
QUESTION = {
    START: {"type": "start", "on_completion": ASK},
    ASK: {"type": "if-condition", "name": "Is it ours?", "condition": "Is it ours?", "on_true": YES, "on_false": NO,
          "on_completion": LAST},
    YES: task("Call the owner", END),
    NO: task("Call the other CSIRT", END),
    LAST: task("Say what happened", END),
    END: {"type": "end"},
}  # fmt: skip
PLAYBOOK = make_playbook("A question", START, QUESTION)
"""It asks at once, then a task by the answer, then a last one."""
