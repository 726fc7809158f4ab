"""Of two who press one button, or tick one clock, at one instant, one wins; the other is told."""

from __future__ import annotations

import pytest

from tests.campaigns.rivals import DUE, MISSED, ROUNDS, STEPS, list_pairs
from tests.databases import run_script

# What an editor or who copies it was told, and how it ended.
SENT_AS_SHOWN = {
    "done: draft, sent []",
    "done: sending, sent ['right']",
    "conflict not_editable: sending, sent ['right']",
    "conflict changed_meanwhile: sending, sent ['right']",
    "conflict illegal_move: sending, sent ['right']",
    "done: sending, sent ['right'], copy draft sent 0",
    "done: recurring, sent ['right'], copy draft sent 0",
}


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_of_two_at_one_instant_one_wins(tmp_path, own_tables, capsys):
    told = run_script("tests.campaigns.rivals", tmp_path, own_tables)

    schedulers, operators = told["schedulers"], told["operators"]
    with capsys.disabled():
        print(f"\nR19: {2 * (DUE + MISSED)} starts due, some for two hours; 2 schedulers took up")
        print(f"{schedulers['turns']}: {schedulers['transfers']} transfers, at most", end=" ")
        print(f"{schedulers['most']} each; {schedulers['occurrences']}")
        print(f"Two operators, {ROUNDS} rounds a pair: {operators}")
        print(f"A series paused while it fires: {told['stopped']}")
    assert operators.keys() == list_pairs().keys()
    assert {name: answers["done"] for name, answers in operators.items()} == dict.fromkeys(
        operators, ROUNDS
    )
    refusals = {code for answers in operators.values() for code in answers} - {"done"}
    # Who edits a draft that has just been launched is told that it is none any more.
    assert refusals <= {"conflict changed_meanwhile", "conflict not_editable"}
    assert {sum(answers.values()) for answers in operators.values()} == {2 * ROUNDS}
    # Paused before it fired, or with its run; never paused with a run that goes on.
    assert set(told["stopped"]) <= {"done paused None", "done paused paused"}
    # Of two approvers one signs. Whoever edits takes back what was signed, or was not yet.
    assert told["approvals"]["approve"] == [
        "['conflict nothing_asked', 'done'] in_review approved True"
    ]
    assert set(told["approvals"]["approve, edit"]) <= {
        "['done', 'done'] draft void False",
        "['conflict nothing_asked', 'done'] draft void False",
        "['conflict changed_meanwhile', 'done'] in_review approved True",
        "['conflict changed_meanwhile', 'done'] draft void False",
    }
    # What is sent is what its page shows, and a copy of it is a draft that sends nothing.
    assert {end for ends in told["edits"].values() for end in ends} <= SENT_AS_SHOWN
    assert told["browsers"] == [[1, 1]] * ROUNDS
    assert told["workers"] == {
        "status": "done",
        "steps": [str(number) for number in range(1, STEPS + 1)],
        "events": ["waiting", "running", "done"],
    }
    late = MISSED // 2  # of each kind, by each policy
    assert schedulers["transfers"] == 2 * (DUE + late)
    assert schedulers["most"] == 1
    assert schedulers["occurrences"] == {
        "fired": DUE, "fired late": late, "missed no_scheduler": late,
    }  # fmt: skip
    assert schedulers["statuses"] == {
        "sending": DUE + late, "failed": late, "recurring": DUE + MISSED,
    }  # fmt: skip
