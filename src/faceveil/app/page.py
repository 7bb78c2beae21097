"""What every HTML page shares: how templates are read, and that nothing in them is trusted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

FOLDER = Path(__file__).parent
"""Where the style all pages have, ``page.css``, lies."""


def template(file: Path, filters: Mapping[str, Any]) -> Template:
    """The template in ``file``, which may include the shared style; every value is escaped."""
    environment = Environment(
        loader=FileSystemLoader([file.parent, FOLDER]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= filters
    return environment.get_template(file.name)
