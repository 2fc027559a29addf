"""Guidelines as the server shows them: it takes HTML, and Markdown would run together into one paragraph."""

import re

_BOLD, _CODE = re.compile(r"\*\*(.+?)\*\*"), re.compile(r"`(.+?)`")
_HEADING = re.compile(r"#{1,6}\s+")


def render_instructions(guidelines: str) -> str:
    """Turn headings, lists, paragraphs, bold words and keys into HTML; that is all the guidelines use.

    What was filled into the guidelines is escaped already (templates.py), so nothing is escaped twice here.
    """
    return "\n".join(_render_block(block) for block in re.split(r"\n\s*\n", guidelines.strip()) if block.strip())


def _render_block(block: str) -> str:
    html: list[str] = []
    for line in block.split("\n"):
        if heading := _HEADING.match(line):
            html.append(f"<h3>{_render_words(line[heading.end() :])}</h3>")
        elif line.startswith("- "):
            html.append(f"<li>{_render_words(line[2:])}</li>")
        elif html and line.startswith(" ") and html[-1].endswith("</li>"):
            html[-1] = f"{html[-1].removesuffix('</li>')} {_render_words(line.strip())}</li>"
        elif html and html[-1].endswith("</p>"):
            html[-1] = f"{html[-1].removesuffix('</p>')} {_render_words(line)}</p>"
        else:
            html.append(f"<p>{_render_words(line)}</p>")
    return re.sub(r"((?:<li>.*?</li>\n?)+)", r"<ul>\1</ul>", "\n".join(html))


def _render_words(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", _BOLD.sub(r"<b>\1</b>", text.strip()))
