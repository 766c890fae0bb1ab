"""Pieces of an HTML page that needs nothing beside itself."""

import base64
from html import escape

CSS = """
body { margin: 0 auto; max-width: 76rem; padding: 1rem; color: #1c2125; background: #fff;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; margin: 0.5rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 0.6rem; padding-top: 0.6rem; border-top: 1px solid #d5d9dc; }
p, ul, dl { max-width: 48rem; }
.warning { border-left: 0.4rem solid #c1542b; background: #fbf1ed; margin: 0.4rem 0; padding: 0.5rem 0.8rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.7rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #e3e5e7; }
th { vertical-align: bottom; white-space: normal; }
.left { text-align: left; }
td:first-child, th:first-child { position: sticky; left: 0; background: inherit; }
tbody tr { background: #fff; }
thead tr { background: #f4f6f7; }
td.long { white-space: normal; min-width: 18rem; overflow-wrap: anywhere; }
img { display: block; width: 100%; height: auto; }
pre { overflow-x: auto; background: #f4f6f7; padding: 0.7rem; font-size: 0.8rem; }
summary { cursor: pointer; font-weight: 600; }
dt { font-weight: 600; }
dd { margin: 0 0 0.4rem; overflow-wrap: anywhere; }
"""
PIXELS_PER_INCH = (85, 105)  # fewest and most; a figure wider than the screen scrolls, and its words can be read


def page(title, *sections):
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n" + "\n".join(sections) + "\n</body>\n</html>\n"
    )


def heading(text):
    return f"<h2>{escape(text)}</h2>"


def paragraph(text, kind=""):
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def bullets(lines):
    return "<ul>\n" + "\n".join(f"<li>{escape(line)}</li>" for line in lines) + "\n</ul>"


def table(header, rows, left):
    """The first `left` columns and what is too long for a line to the left, the others to the right."""

    def cell(tag, text, column):
        classes = ["left"] * (column < left or len(text) > 40) + ["long"] * (len(text) > 40 and tag == "td")
        names = f' class="{" ".join(classes)}"' if classes else ""
        return f"<{tag}{names}>{escape(text)}</{tag}>"

    def line(tag, cells):
        return "<tr>" + "".join(cell(tag, str(text), column) for column, text in enumerate(cells)) + "</tr>"

    body = "\n".join(line("td", row) for row in rows)
    return f'<div class="scroll"><table>\n<thead>{line("th", header)}</thead>\n<tbody>\n{body}\n</tbody>\n</table></div>'


def picture(png, title, inches):
    """The bytes of a PNG, that is `inches` wide, in the page itself."""
    source = base64.b64encode(png).decode()
    least, most = (round(inches * pixels) for pixels in PIXELS_PER_INCH)
    return (
        f'<div class="scroll"><img style="min-width: {least}px; max-width: {most}px" alt="{escape(title)}" '
        f'src="data:image/png;base64,{source}"></div>'
    )


def folded(title, *content):
    return f"<details>\n<summary>{escape(title)}</summary>\n" + "\n".join(content) + "\n</details>"


def definitions(pairs):
    """Names and texts; a text of several lines keeps them."""
    items = (
        f"<dt>{escape(name)}</dt><dd>{f'<pre>{escape(text)}</pre>' if chr(10) in text else escape(text)}</dd>"
        for name, text in pairs
    )
    return "<dl>\n" + "\n".join(items) + "\n</dl>"
