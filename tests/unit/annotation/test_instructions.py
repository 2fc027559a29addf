"""Guidelines reach raters as paragraphs and lists."""

from sdme_tools.annotation.instructions import render_instructions


def test_headings_lists_and_words() -> None:
    text = "# What you see\nA clip\nof one person.\n\n- **calm** (key `1`)\n- upset,\n  at\u00a0last\n\nEnd &lt;b&gt;."
    assert render_instructions(text) == (
        "<h3>What you see</h3>\n<p>A clip of one person.</p>\n"
        "<ul><li><b>calm</b> (key <code>1</code>)</li>\n<li>upset, at\u00a0last</li></ul>\n<p>End &lt;b&gt;.</p>"
    )


def test_nothing_is_nothing() -> None:
    assert render_instructions(" \n") == ""
