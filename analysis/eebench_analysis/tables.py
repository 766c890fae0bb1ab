"""Tables in markdown, aligned to be read as they are too."""


def markdown(header, rows):
    """The first column to the left, the others to the right."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(header))]
    lines = [
        "| " + " | ".join(cell.ljust(w) if k == 0 else cell.rjust(w) for k, (cell, w) in enumerate(zip(row, widths))) + " |"
        for row in cells
    ]
    rule = "|" + "|".join(f":{'-' * (w + 1)}" if k == 0 else f"{'-' * (w + 1)}:" for k, w in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])
