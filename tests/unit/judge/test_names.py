"""No closing message tells a judge whose work it grades."""

import pytest

from scylla.judge.names import without_names


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Done by Claude Code.", "Done by [name]."),
        ("I am claude-opus-4-5-20250929, at work.", "I am [name], at work."),
        ("I am Claude Opus 4.5, and", "I am [name], and"),
        ("Sonnet 4.5, GPT-5 and gemini_pro", "[name], [name] and [name]"),
        ("Co-Authored-By: Claude <noreply@anthropic.com>", "Co-Authored-By: [name] <noreply@[name].com>"),
        ("my-own-model did it", "[name] did it"),
        ("An octopus, magnum-opuses and claudette", "An octopus, magnum-opuses and claudette"),
        ("cursor.execute(sql)", "cursor.execute(sql)"),
    ],
)
def test_names_of_models_and_agents_are_hidden(text, shown):
    assert without_names(text, names=["my-own-model", ""], unless_in="Fix the parser.") == shown


def test_a_name_that_belongs_to_the_task_stays():
    text = "The Claude client retries; Opus wrote this."
    assert (
        without_names(text, names=[], unless_in="Fix the Claude client.")
        == "The Claude client retries; [name] wrote this."
    )
